//! `credential-plugin get-kubeconfig` for a cluster whose address is known.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use openapi::sts::Endpoint;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{PemObject, SectionKind};

use crate::cli::{ApiVersion, TokenVersion};
use crate::cluster_id::ClusterId;
use crate::error::Error;
use crate::settings::Settings;
use crate::world::World;

const COMMAND: &str = "ack-ram-tool";
const MAX_SHOWN_CHARS: usize = 64;

/// `get-kubeconfig`.
#[derive(Debug, Args)]
pub(crate) struct KubeconfigFlags {
    /// How to log in: ram-authenticator-token (or token); certificate comes in a later version
    #[arg(short = 'm', long, default_value = "cert", value_name = "MODE")]
    pub(crate) mode: String,
    /// Address of the API server, https://HOST[:PORT]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// PEM file with the CA that the API server's certificate is signed by
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate_authority: Option<PathBuf>,
    /// Version of the ExecCredential that kubectl asks for
    #[arg(long, value_enum, default_value_t = ApiVersion::V1beta1, value_name = "VERSION")]
    pub(crate) api_version: ApiVersion,
    /// Form of the tokens: v2, or v1 for servers of before July 2024
    #[arg(long, value_enum, default_value_t = TokenVersion::V2, value_name = "VERSION")]
    pub(crate) token_version: TokenVersion,
}

pub(crate) fn run(flags: &KubeconfigFlags, settings: &Settings, world: &World<'_>) -> Result<String, Error> {
    check_mode(&flags.mode)?;
    let cluster_id = settings.cluster_id()?;
    let server = flags
        .server
        .as_deref()
        .ok_or(Error::MissingFlag { flag: "--server", what: "the address of the API server" })?;
    check_server(server)?;
    let ca_file = flags.certificate_authority.as_deref().ok_or(Error::MissingFlag {
        flag: "--certificate-authority",
        what: "the CA of the API server's certificate, as a PEM file",
    })?;
    let ca = read_ca(ca_file, world)?;
    // One name for cluster, user and context, with the cluster's id in it: files of several clusters can then be joined
    // in KUBECONFIG without one hiding another.
    let name = format!("kubernetes-{cluster_id}");
    let arguments = arguments(cluster_id, flags, settings);
    render(&name, server, &STANDARD.encode(ca), &arguments, flags.api_version)
}

/// A kubeconfig (`v1`, kind `Config`), its keys in the order and with the indentation of the public tool, and an empty
/// line at the end.
fn render(
    name: &str,
    server: &str,
    ca: &str,
    arguments: &[String],
    version: ApiVersion,
) -> Result<String, Error> {
    let (name, server, ca) = (scalar(name)?, scalar(server)?, scalar(ca)?);
    let version = version.group_version();
    let mut list = String::new();
    for argument in arguments {
        list.push_str("                - ");
        list.push_str(&scalar(argument)?);
        list.push('\n');
    }
    Ok(format!(
        "\
kind: Config
apiVersion: v1
clusters:
    - name: {name}
      cluster:
        server: {server}
        certificate-authority-data: {ca}
contexts:
    - name: {name}
      context:
        cluster: {name}
        user: {name}
current-context: {name}
users:
    - name: {name}
      user:
        exec:
            command: {COMMAND}
            args:
{list}            apiVersion: {version}
            provideClusterInfo: false
            interactiveMode: Never
preferences: {{}}

"
    ))
}

/// A text as YAML, quoted where it would be read as something else.
fn scalar(text: &str) -> Result<String, Error> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(&text, options)
        .map(|yaml| yaml.trim_end().to_owned())
        .map_err(|error| Error::Format { what: "kubeconfig", detail: error.to_string() })
}

/// What kubectl calls this program with.
fn arguments(cluster_id: &ClusterId, flags: &KubeconfigFlags, settings: &Settings) -> Vec<String> {
    let mut arguments = vec!["credential-plugin".to_owned(), "get-token".to_owned()];
    let mut add = |flag: &str, value: &str| arguments.extend([flag.to_owned(), value.to_owned()]);
    add("--cluster-id", cluster_id.as_str());
    add("--api-version", flags.api_version.as_str());
    if flags.token_version == TokenVersion::V1 {
        add("--token-version", "v1");
    }
    if let Some(arn) = &settings.role_arn {
        add("--role-arn", arn);
    }
    if let Some(region) = &settings.region_id {
        add("--region-id", region);
    }
    add("--sts-endpoint", &Endpoint::authority(&settings.sts_endpoint));
    add("--log-level", "error");
    arguments
}

fn check_mode(mode: &str) -> Result<(), Error> {
    match mode {
        "token" | "ram-authenticator-token" => Ok(()),
        "cert" | "certificate" => Err(Error::Mode { mode: mode.to_owned() }),
        other => Err(Error::UnknownMode { mode: other.chars().take(MAX_SHOWN_CHARS).collect() }),
    }
}

/// Checks that kubectl would reach the API server with TLS and without a password in the address.
fn check_server(server: &str) -> Result<(), Error> {
    let bad = |detail| Err(Error::Server { detail });
    let Some(rest) = server.strip_prefix("https://") else {
        return bad("does not begin with https://");
    };
    if !rest.bytes().all(|b| b.is_ascii_graphic()) || rest.contains(['"', '\\', '<', '>', '`']) {
        return bad("holds characters that no address has");
    }
    if rest.contains(['?', '#']) {
        return bad("holds a query or a fragment");
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return bad("holds a user name");
    }
    match authority.parse::<Endpoint>() {
        Ok(_) => Ok(()),
        Err(_) => bad("holds no host that can be reached, or no valid port"),
    }
}

/// Reads a PEM bundle that holds certificates and nothing else: a private key in it would go into the kubeconfig.
fn read_ca(path: &Path, world: &World<'_>) -> Result<Vec<u8>, Error> {
    let text = (world.read_file)(path).map_err(|source| Error::ReadCa { path: path.to_owned(), source })?;
    let bad = |detail: String| Error::Ca { path: path.to_owned(), detail };
    let mut roots = rustls::RootCertStore::empty();
    for (number, section) in (1_usize..).zip(<(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes())) {
        let (kind, der) = section.map_err(|_| bad(format!("is damaged at its PEM section {number}")))?;
        if kind != SectionKind::Certificate {
            return Err(bad(format!(
                "holds something else than certificates (PEM section {number}): give the CA certificate alone"
            )));
        }
        roots
            .add(CertificateDer::from(der))
            .map_err(|_| bad(format!("holds a certificate that cannot be read (PEM section {number})")))?;
    }
    match roots.is_empty() {
        true => Err(bad("holds no PEM certificate".to_owned())),
        false => Ok(text.into_bytes()),
    }
}
