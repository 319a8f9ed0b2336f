//! How the server listens: sockets, certificates, who may ask.

use std::path::Path;

use cluster::Clock;
use webhook_server::certs::{Keeper, Kept, OwnFolder, Place};
use webhook_server::metrics::ConnectionMetrics;
use webhook_server::serve::{Limits, Listen, Server};

use super::error::ServerError;
use crate::certificate::{self, CertificateMetrics};
use crate::config::ServerConfig;
use crate::kubeconfig::ClientFiles;
use crate::metrics::Metrics;

/// What is there before the port is listened on.
pub(crate) struct Prepared {
    pub(crate) health: Vec<Server>,
    pub(crate) keeper: Keeper,
    pub(crate) metrics: CertificateMetrics,
}

/// Certificate and health; the TLS port comes last, with [`Prepared::listen`].
pub(crate) fn prepare(
    config: &ServerConfig,
    metrics: &Metrics,
    clock: &Clock,
) -> Result<Prepared, ServerError> {
    let serving = &config.serving;
    let own = OwnFolder {
        folder: config.state_dir.clone(),
        common_name: certificate::COMMON_NAME,
        address: config.certificate_address,
        hostname: config.hostname.as_str().to_owned(),
        lifetime: serving.certificate_lifetime,
    };
    let kept = Kept { place: Place::Folder(own), client_authorities: serving.client_ca_file.clone() };
    let now = clock.now();
    let (keeper, origin, events) = Keeper::start(kept, now)?;
    let certificate_metrics = CertificateMetrics::register(metrics)?;
    certificate::report_origin(origin, &config.state_dir);
    certificate::report_events(&keeper, &events, &certificate_metrics);
    let mut health = Vec::new();
    if let Some(address) = config.health {
        let listen = Listen { address, reuse_port: serving.reuse_port };
        health.push(Server::bind(listen, None, Limits::default())?);
    }
    if let Some(path) = &serving.health_socket {
        health.push(Server::bind_socket(path, Limits::default())?);
    }
    Ok(Prepared { health, keeper, metrics: certificate_metrics })
}

impl Prepared {
    /// Listens on the TLS port: from the first connection on there is something to answer with.
    pub(crate) fn listen(&self, config: &ServerConfig, metrics: &Metrics) -> Result<Server, ServerError> {
        let main = Server::bind(main_port(config), Some(self.keeper.tls()), config.serving.limits)?;
        Ok(main.measured_by(ConnectionMetrics::register(metrics.registry())?))
    }
}

/// The TLS port.
pub(crate) fn main_port(config: &ServerConfig) -> Listen {
    Listen { address: config.listen, reuse_port: config.serving.reuse_port }
}

/// Says where the API server will miss a file; it starts all the same, and is then refused.
pub(crate) fn warn_of_missing_client_files(kubeconfig: &Path, client: &ClientFiles) {
    for file in [&client.certificate, &client.key] {
        let beside = kubeconfig.with_file_name("").join(file);
        if file.is_relative() && !beside.exists() {
            tracing::warn!(
                file = %beside.display(),
                "the kubeconfig for the API server names this file, which is missing: copy it from where init --client-certificate has made it"
            );
        }
    }
}
