//! The merge for `server`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use webhook_server::serve::{Limits, Listen};

use super::{Choice, ConfigError, ServerArguments, component};
use crate::injection::Settings;

/// API servers keep an HTTP/1.1 connection for 90 s without a request (Go, net/http, `DefaultTransport.IdleConnTimeout`). It
/// has to be they who end it: a review that meets the end of its connection is not sent again, and fails.
const KEPT_ALIVE: Duration = Duration::from_secs(120);

/// All that `server` runs with.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// What decides about pods.
    pub settings: Settings,
    /// What becomes of a pod whose namespace or service account cannot be read.
    pub on_lookup_failure: Choice,
    /// What becomes of a pod that should have its role and cannot: `Reason::is_fault`.
    pub on_fault: Choice,
    /// Where the API server connects; port 0: any free one.
    pub listen: Listen,
    /// Plain HTTP health, if any.
    pub health: Option<Listen>,
    /// Limits of the TLS port.
    pub limits: Limits,
    /// After the signal, time for going on as before, but not ready.
    pub shutdown_delay: Duration,
    /// Time for draining.
    pub grace: Duration,
    /// PEM file with the authorities of client certificates; none: clients are not asked.
    pub client_ca_file: Option<PathBuf>,
    /// What is served over TLS.
    pub certificates: CertificateConfig,
    /// Kubeconfig for the API server; none: the pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of the server's own objects; none: the pod's own, or that of the kubeconfig's context.
    pub namespace: Option<String>,
    /// Whether Events are written.
    pub write_events: bool,
}

/// What is served over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateConfig {
    /// Name of the MutatingWebhookConfiguration.
    pub webhook_configuration: String,
    /// Where certificates come from.
    pub source: CertificateSource,
}

/// Where certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// Two PEM files that somebody else keeps current.
    Files {
        /// Chain, leaf first.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// The server's own authority, in a Secret.
    Own {
        /// Name of the Secret, in the server's namespace.
        secret: String,
        /// Name of the Service, in the server's namespace: it is what certificates are for.
        service: String,
        /// More names and addresses, in lower case.
        hostnames: Vec<String>,
        /// Lifetime of leaves.
        leaf_lifetime: Duration,
        /// Lifetime of authorities.
        authority_lifetime: Duration,
        /// How long two authorities are trusted side by side.
        overlap: Duration,
    },
}

/// Checks and joins what `server` needs.
///
/// # Errors
/// [`ConfigError`] names the flag, or what is missing.
pub fn server(arguments: &ServerArguments) -> Result<ServerConfig, ConfigError> {
    let given = |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
    let listen = |address: SocketAddr| Listen { address, reuse_port: arguments.reuse_port };
    Ok(ServerConfig {
        settings: component(&arguments.component)?,
        on_lookup_failure: arguments.on_lookup_failure,
        on_fault: arguments.on_fault,
        listen: listen(arguments.listen.0),
        health: arguments.health_address.and_then(|health| health.0).map(listen),
        limits: Limits {
            connections: usize::try_from(arguments.max_connections).unwrap_or(usize::MAX),
            head: KEPT_ALIVE,
            ..Limits::default()
        },
        shutdown_delay: arguments.shutdown_delay,
        grace: arguments.shutdown_grace_period,
        client_ca_file: given(&arguments.client_ca_file),
        certificates: CertificateConfig {
            webhook_configuration: arguments.webhook_configuration.clone(),
            source: source(arguments)?,
        },
        kubeconfig: given(&arguments.kubeconfig),
        namespace: arguments.namespace.clone(),
        write_events: arguments.write_events,
    })
}

fn source(arguments: &ServerArguments) -> Result<CertificateSource, ConfigError> {
    let given = |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
    match (given(&arguments.tls_cert_file), given(&arguments.tls_private_key_file)) {
        (Some(certificate), Some(key)) => Ok(CertificateSource::Files { certificate, key }),
        (None, None) => Ok(CertificateSource::Own {
            secret: arguments.secret.clone(),
            service: arguments.service.clone(),
            hostnames: arguments.hostname.clone(),
            leaf_lifetime: arguments.certificate_lifetime,
            authority_lifetime: arguments.authority_lifetime,
            overlap: arguments.authority_overlap,
        }),
        _ => Err(ConfigError::HalfAPair),
    }
}
