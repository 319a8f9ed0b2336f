//! Why a command failed: one line each, for the person who typed it.

mod rbac;
mod rrsa;
mod self_managed;
mod status;
mod trust;

use std::path::PathBuf;

use openapi::api::ApiError;
use openapi::credentials::CredentialError;
use openapi::network::ProxyError;
use openapi::sts::{ClientError, EndpointError, StsError};
use token::ExtraQueryKeyError;

pub(crate) use rbac::RbacError;
pub(crate) use rrsa::RrsaError;
pub(crate) use self_managed::SelfManagedError;
pub(crate) use status::StatusError;
pub(crate) use trust::{TrustError, shown};

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
    /// A variable of this program that holds what it cannot hold.
    #[error("the environment variable {variable} cannot be used: {detail}")]
    Variable {
        /// The variable.
        variable: &'static str,
        /// What to write instead.
        detail: String,
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
    /// Such a prefix is not for kubeconfigs.
    #[error(
        "ACK_RAM_TOOL_TOKEN_EXTRA_KEY_PREFIX must begin with ACK_RAM_TOOL_ when kubectl starts this program: a kubeconfig with another prefix could read your other variables; rename yours to ACK_RAM_TOOL_…"
    )]
    ExtraPrefix,
    /// The value of such a variable cannot go into a token.
    #[error(
        "the environment variable {variable}, chosen by ACK_RAM_TOOL_TOKEN_EXTRA_KEY_PREFIX, cannot go into a token: its value must be at most 512 bytes without control characters"
    )]
    ExtraValue {
        /// The variable.
        variable: String,
    },
    /// kubectl started this program for something else than a credential.
    #[error(
        "kubectl started this program (KUBERNETES_EXEC_INFO is set), and a kubeconfig may have it run credential-plugin get-token and get-credential only: check the exec section of the kubeconfig, and where it comes from; in a shell, unset KUBERNETES_EXEC_INFO"
    )]
    NotForPlugins,
    /// No client for a service could be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// STS said no, or nothing.
    #[error(transparent)]
    Sts(#[from] StsError),
    /// A token that this program makes, and the server would refuse.
    #[error(
        "a token made with these credentials would be refused by the cluster before STS is asked: {source}"
    )]
    OwnToken {
        /// Why.
        source: token::DecodeError,
    },
    /// `export-credentials` with a format and a command.
    #[error("--format does not go with a command: it gets the credentials as environment variables")]
    CommandFormat,
    /// A key that would not survive an ini file.
    #[error(
        "{name} holds characters that readers of ini files take for something else: choose another --format"
    )]
    IniValue {
        /// The key in the file.
        name: &'static str,
    },
    /// A command that cannot be started.
    #[error("cannot start the command {program:?}: {source}")]
    Start {
        /// Its name.
        program: String,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// An address that cannot be listened on.
    #[error("cannot serve at {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// No credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// Container Service or RAM did not do what was asked.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A scan or cleanup of bindings failed.
    #[error(transparent)]
    Rbac(Box<RbacError>),
    /// A command of `rrsa` for ACK's clusters failed.
    #[error(transparent)]
    Rrsa(Box<RrsaError>),
    /// A role could not be given to service accounts, or a token not exchanged for one.
    #[error(transparent)]
    Trust(Box<TrustError>),
    /// A cluster that is not ACK's could not be registered, or taken away.
    #[error(transparent)]
    SelfManaged(Box<SelfManagedError>),
    /// `rrsa status` found what is broken, or cannot look for it.
    #[error(transparent)]
    RrsaStatus(Box<StatusError>),
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
    /// A mode of `get-kubeconfig` that does not exist.
    #[error("--mode {mode:?} does not exist: give --mode certificate or --mode ram-authenticator-token")]
    UnknownMode {
        /// The mode, cut.
        mode: String,
    },
    /// Container Service gave a kubeconfig that cannot be used.
    #[error(
        "Container Service's kubeconfig of the cluster {cluster} {detail}; if that stays so, Alibaba Cloud's support has to look at it"
    )]
    AckKubeconfig {
        /// The cluster's id.
        cluster: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Container Service gave a certificate that cannot be used.
    #[error("Container Service's certificate for the cluster {cluster} {detail}")]
    Certificate {
        /// The cluster's id.
        cluster: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A kubeconfig cannot be merged into.
    #[error("the kubeconfig {} {detail}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
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

impl From<RbacError> for Error {
    fn from(error: RbacError) -> Self {
        Self::Rbac(Box::new(error))
    }
}

impl From<RrsaError> for Error {
    fn from(error: RrsaError) -> Self {
        Self::Rrsa(Box::new(error))
    }
}

impl From<TrustError> for Error {
    fn from(error: TrustError) -> Self {
        Self::Trust(Box::new(error))
    }
}

impl From<SelfManagedError> for Error {
    fn from(error: SelfManagedError) -> Self {
        Self::SelfManaged(Box::new(error))
    }
}

impl From<StatusError> for Error {
    fn from(error: StatusError) -> Self {
        Self::RrsaStatus(Box::new(error))
    }
}
