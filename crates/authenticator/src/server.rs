//! `server`: everything put together, in the order in which it has to start and to end.

use std::io;
use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig};
use openapi::sts::{Client as StsClient, ClientOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use webhook_server::certs::{self, CertificateError, Subject};
use webhook_server::serve::{BindError, Limits, Server};
use webhook_server::tls::{self, CertificateResolver, TlsError};

use crate::authenticate::Authenticator;
use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::kubeconfig::WriteError;
use crate::mappings::{BackendMode, Mappings, MappingsError};
use crate::message::with_sources;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::routes::Routes;
use crate::version::VERSION;
use crate::{certificate, kubeconfig, mappings};

/// Why the server did not start, or did not end well. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The kubeconfig for reading mappings.
    #[error("cannot use kubeconfig {}: {reason}; backends {backends} read their mappings from the API server", .path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// The library's words.
        reason: String,
        /// Who needs it.
        backends: String,
    },
    /// No kubeconfig, and not in a pod.
    #[error(
        "backends {backends} read their mappings from the API server, and this is no pod with a service account ({reason}): give --kubeconfig, or server.kubeconfig in the configuration file"
    )]
    NotInCluster {
        /// The library's words.
        reason: String,
        /// Who needs it.
        backends: String,
    },
    /// The client for the API server.
    #[error("cannot set up the client for the API server: {0}")]
    KubeClient(String),
    /// The mappings.
    #[error(transparent)]
    Mappings(#[from] MappingsError),
    /// The client for STS.
    #[error(transparent)]
    Sts(#[from] openapi::sts::ClientError),
    /// Certificate and key.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// TLS settings.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The webhook kubeconfig.
    #[error(transparent)]
    WebhookKubeconfig(#[from] WriteError),
    /// Metrics.
    #[error("cannot set up metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Signals.
    #[error("cannot watch for signals: {0}")]
    Signals(io::Error),
    /// A second signal during the drain.
    #[error("stopped by a second signal before requests under way were answered")]
    Impatient,
}

/// Runs until SIGTERM or SIGINT, then answers what is under way and returns. A second signal ends it at once.
///
/// # Errors
/// [`ServerError`].
pub async fn run_until_signal(config: ServerConfig, clock: Clock) -> Result<(), ServerError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServerError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServerError::Signals)?;
    let shutdown = CancellationToken::new();
    let running = run(config, clock, shutdown.clone());
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return ended,
        name = either(&mut terminate, &mut interrupt) => tracing::info!(signal = name, "stopping"),
    }
    shutdown.cancel();
    tokio::select! {
        ended = &mut running => ended,
        _ = either(&mut terminate, &mut interrupt) => Err(ServerError::Impatient),
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// Starts, serves until `shutdown`, drains.
///
/// The listener is up before the mappings are known: API server and authenticator may start each other, and a refused
/// connection is a refused user, while a review that comes too early is put off.
///
/// # Errors
/// [`ServerError`].
pub async fn run(config: ServerConfig, clock: Clock, shutdown: CancellationToken) -> Result<(), ServerError> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let metrics = Metrics::new()?;
    let sts = sts_client(&config)?;
    let kube = kube_client(&config).await?;
    // Mappings stay current while requests are drained: somebody who loses access in these seconds must lose it.
    let mappings_shutdown = CancellationToken::new();
    let _end_mappings = mappings_shutdown.clone().drop_guard();
    let mappings = mappings::start(
        &config.backends,
        &config.mappings,
        kube,
        config.mapping_options.clone(),
        mappings_shutdown,
    )
    .await?;

    let readiness = Readiness::new(mappings.clone(), config.backends.clone(), shutdown.clone());
    let routes = Routes {
        authenticator: authenticator(&config, sts, mappings, metrics.clone()),
        metrics: metrics.clone(),
        readiness: readiness.clone(),
        clock: clock.clone(),
    };
    let (server, anchor) = listen(&config, &metrics, &clock)?;
    let health = config.health.map(|address| Server::bind(address, None, Limits::default())).transpose()?;
    if let Some(path) = &config.webhook_kubeconfig {
        kubeconfig::write(path, &kubeconfig::text(&config.hostname, server.address().port(), &anchor))?;
        tracing::info!(file = %path.display(), "wrote the API server's kubeconfig");
    }

    if let Some(health) = health {
        tracing::info!(address = %health.address(), "answering health in plain HTTP");
        let routes = routes.clone();
        let answer = move |request| routes.clone().health_only(request);
        // Until the very end, so that probes see the drain; nothing waits for it.
        tokio::spawn(health.serve(answer, CancellationToken::new(), config.grace));
    }
    // The line in the log comes last: whoever waits for it finds everything ready.
    readiness.serving();
    tracing::info!(address = %server.address(), version = VERSION, sts = %config.sts, "answering TokenReviews");
    let answer = move |request| routes.clone().main(request);
    server.serve(answer, shutdown, config.grace).await;
    tracing::info!("stopped");
    Ok(())
}

fn authenticator(
    config: &ServerConfig,
    sts: StsClient,
    mappings: Mappings,
    metrics: Metrics,
) -> Authenticator {
    let rules = token::Rules {
        cluster_ids: config.cluster_ids.clone(),
        versions: config.token_versions.clone(),
        ..token::Rules::default()
    };
    Authenticator::new(rules, sts, mappings, config.backends.clone(), metrics)
}

/// Certificate first, socket after: from the first connection on there is something to answer with.
fn listen(config: &ServerConfig, metrics: &Metrics, clock: &Clock) -> Result<(Server, String), ServerError> {
    let subject = Subject {
        common_name: certificate::COMMON_NAME,
        address: config.certificate_address,
        hostname: config.hostname.as_str(),
    };
    let now = clock.now();
    let (pair, origin) = certs::load_or_make(&config.state_dir, &subject, now)?;
    certificate::report(&pair, origin, &config.state_dir, config.hostname.as_str(), now);
    metrics.certificate_end(pair.not_after());
    let tls = tls::server_config(CertificateResolver::new(pair.certified_key()?))?;
    let server = Server::bind(config.listen, Some(tls), Limits::default())?;
    Ok((server, pair.trust_anchor_pem()))
}

fn sts_client(config: &ServerConfig) -> Result<StsClient, ServerError> {
    let options = ClientOptions {
        ca_file: config.sts_ca_file.clone(),
        connect_timeout: config.sts_connect_timeout,
        timeout: config.sts_timeout,
        ..ClientOptions::new(config.sts.clone(), format!("ack-ram-authenticator/{VERSION}"))
    };
    Ok(StsClient::new(&options)?)
}

/// A client where a backend needs one. Nothing is connected yet.
async fn kube_client(config: &ServerConfig) -> Result<Option<kube::Client>, ServerError> {
    let needing: Vec<&str> = config
        .backends
        .iter()
        .filter(|mode| mode.needs_api_server())
        .map(|mode| BackendMode::as_str(*mode))
        .collect();
    if needing.is_empty() {
        return Ok(None);
    }
    let backends = needing.join(", ");
    let kube_config = match &config.kubeconfig {
        Some(path) => {
            let read = async {
                let file = Kubeconfig::read_from(path)?;
                kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await
            };
            let path = path.clone();
            read.await.map_err(|error| ServerError::Kubeconfig {
                path,
                reason: with_sources(&error),
                backends,
            })?
        }
        None => kube::Config::incluster()
            .map_err(|error| ServerError::NotInCluster { reason: with_sources(&error), backends })?,
    };
    kube::Client::try_from(mappings::tuned(kube_config))
        .map(Some)
        .map_err(|error| ServerError::KubeClient(with_sources(&error)))
}
