//! Flags and settings of `server` about how it listens.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use webhook_server::certs::{CLIENT_CERTIFICATE_FILE, CLIENT_KEY_FILE};
use webhook_server::flags::{boolean, lifetime};
use webhook_server::serve::Limits;

use crate::flags::{CERTIFICATES, LISTENING};
use crate::kubeconfig::ClientFiles;

/// Flags of `server` about listening.
#[derive(Args, Clone, Debug, Default)]
pub struct ServingArguments {
    /// Listen beside another process of the same user that was started with this flag too, for upgrades without a gap
    #[arg(help_heading = LISTENING, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub reuse_port: bool,
    /// Unix socket that answers /healthz, /livez and /readyz of this very process; see the command `health`
    #[arg(help_heading = LISTENING, long, value_name = "PATH")]
    pub health_socket: Option<PathBuf>,
    /// PEM file with the authorities of client certificates: who shows none of theirs may not POST /authenticate
    #[arg(help_heading = CERTIFICATES, long, value_name = "FILE")]
    pub client_ca_file: Option<PathBuf>,
    /// The API server's certificate in the kubeconfig that is written, as the API server sees the file; a relative path
    /// begins beside the kubeconfig [default with --client-ca-file: client.pem]
    #[arg(help_heading = CERTIFICATES, long, value_name = "FILE", requires = "kubeconfig_client_key")]
    pub kubeconfig_client_certificate: Option<PathBuf>,
    /// The key of that certificate [default with --client-ca-file: client-key.pem]
    #[arg(help_heading = CERTIFICATES, long, value_name = "FILE", requires = "kubeconfig_client_certificate")]
    pub kubeconfig_client_key: Option<PathBuf>,
    /// How long a self-made certificate lives; it is made at the start, and anew after two thirds of this
    #[arg(help_heading = CERTIFICATES, long, value_name = "TIME", default_value = "8760h", value_parser = lifetime)]
    pub certificate_lifetime: Duration,
    /// Open connections to the TLS port; for one more, the oldest is closed whose client has not shown who it is, or else the
    /// new one is reset
    #[arg(help_heading = LISTENING, long, value_name = "NUMBER", default_value = "1024", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_connections: u32,
}

/// The same, merged.
#[derive(Clone, Debug, Default)]
pub struct ServingConfig {
    /// Whether others may listen on the ports.
    pub reuse_port: bool,
    /// Where to answer health of this process alone.
    pub health_socket: Option<PathBuf>,
    /// Authorities of client certificates; none: nobody is asked for one.
    pub client_ca_file: Option<PathBuf>,
    /// What the webhook kubeconfig says about the API server's certificate.
    pub client_files: Option<ClientFiles>,
    /// Lifetime of self-made leaves.
    pub certificate_lifetime: Duration,
    /// Limits of the TLS port.
    pub limits: Limits,
}

impl From<&ServingArguments> for ServingConfig {
    fn from(arguments: &ServingArguments) -> ServingConfig {
        let given =
            arguments.kubeconfig_client_certificate.clone().zip(arguments.kubeconfig_client_key.clone());
        let by_init = || (CLIENT_CERTIFICATE_FILE.into(), CLIENT_KEY_FILE.into());
        let files = given.or_else(|| arguments.client_ca_file.as_ref().map(|_| by_init()));
        ServingConfig {
            reuse_port: arguments.reuse_port,
            health_socket: arguments.health_socket.clone(),
            client_ca_file: arguments.client_ca_file.clone(),
            client_files: files.map(|(certificate, key)| ClientFiles { certificate, key }),
            certificate_lifetime: arguments.certificate_lifetime,
            limits: Limits {
                connections: usize::try_from(arguments.max_connections).unwrap_or(usize::MAX),
                ..Limits::default()
            },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_that_is_written_names_a_client_certificate_wherever_one_is_asked_for() {
        let config = |arguments: ServingArguments| ServingConfig::from(&arguments).client_files;
        assert_eq!(config(ServingArguments::default()), None);
        let asked = ServingArguments { client_ca_file: Some("ca.pem".into()), ..ServingArguments::default() };
        let files = config(asked.clone()).unwrap();
        assert_eq!((files.certificate, files.key), ("client.pem".into(), "client-key.pem".into()));
        let named = ServingArguments {
            kubeconfig_client_certificate: Some("/pki/a.crt".into()),
            kubeconfig_client_key: Some("/pki/a.key".into()),
            ..asked
        };
        assert_eq!(config(named).unwrap().key, PathBuf::from("/pki/a.key"));
    }
}
