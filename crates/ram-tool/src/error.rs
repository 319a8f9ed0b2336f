//! Why a command failed: one line each, for the person who typed it.

use std::path::PathBuf;

use openapi::credentials::CredentialError;
use openapi::network::ProxyError;
use openapi::sts::EndpointError;
use token::ExtraQueryKeyError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line cannot be read.
    #[error("{detail}")]
    Usage {
        /// What is wrong with it.
        detail: String,
    },
    /// A flag that the command needs.
    #[error("the flag {flag} is missing: it gives {what}")]
    MissingFlag {
        /// The flag.
        flag: &'static str,
        /// What it gives.
        what: &'static str,
    },
    /// An endpoint or region that is none.
    #[error("{origin}: {source}")]
    Endpoint {
        /// The flag or variable.
        origin: String,
        /// What is wrong with it.
        source: EndpointError,
    },
    /// `KUBERNETES_EXEC_INFO` cannot be used.
    #[error(
        "the environment variable KUBERNETES_EXEC_INFO {detail}; kubectl sets it, and nobody else needs to"
    )]
    ExecInfo {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// kubectl wants an ExecCredential of a version that does not exist here.
    #[error(
        "KUBERNETES_EXEC_INFO asks for the apiVersion {version:?}: only client.authentication.k8s.io/v1 and client.authentication.k8s.io/v1beta1 are supported; set one of them in the exec section of the kubeconfig"
    )]
    ExecInfoVersion {
        /// What it asks for, cut.
        version: String,
    },
    /// A variable that `ACK_RAM_TOOL_TOKEN_EXTRA_KEY_PREFIX` selects cannot go into a token.
    #[error(
        "the environment variable {variable}, chosen by ACK_RAM_TOOL_TOKEN_EXTRA_KEY_PREFIX, cannot go into a token: {source}"
    )]
    ExtraKey {
        /// The variable.
        variable: String,
        /// Why not.
        source: ExtraQueryKeyError,
    },
    /// The value of such a variable cannot go into a token.
    #[error(
        "the environment variable {variable}, chosen by ACK_RAM_TOOL_TOKEN_EXTRA_KEY_PREFIX, cannot go into a token: its value must be at most 512 bytes without control characters"
    )]
    ExtraValue {
        /// The variable.
        variable: String,
    },
    /// No credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// A proxy that cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The credentials are over.
    #[error("the credentials ended at {end}: get new ones, and check this machine's clock")]
    Ended {
        /// When.
        end: String,
    },
    /// The runtime for network calls did not start.
    #[error("cannot start a network call: {source}")]
    Runtime {
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A mode of `get-kubeconfig` that this version does not have.
    #[error(
        "--mode {mode} is not available in this version: give --mode ram-authenticator-token with --server and --certificate-authority"
    )]
    Mode {
        /// The mode.
        mode: String,
    },
    /// A mode of `get-kubeconfig` that does not exist.
    #[error("--mode {mode:?} does not exist: give --mode ram-authenticator-token")]
    UnknownMode {
        /// The mode, cut.
        mode: String,
    },
    /// `--server` is no address of an API server.
    #[error("--server {detail}: write https://HOST[:PORT]")]
    Server {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// The CA file cannot be read.
    #[error("cannot read the file {} of --certificate-authority: {source}", path.display())]
    ReadCa {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The CA file is no PEM bundle of certificates.
    #[error("the file {} of --certificate-authority {detail}", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The answer could not be put into its form.
    #[error("cannot write the {what}: {detail}")]
    Format {
        /// Of what.
        what: &'static str,
        /// The library's words.
        detail: String,
    },
    /// stdout is closed.
    #[error("cannot write to stdout: {source}")]
    Print {
        /// The operating system's error.
        source: std::io::Error,
    },
}
