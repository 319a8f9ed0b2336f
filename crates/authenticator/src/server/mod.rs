//! `server`: everything put together, in the order in which it has to start and to end.

use std::sync::Arc;
use std::time::Duration;

use cluster::client::{ClientError, in_cluster_or};
use cluster::{Clock, lease};
use futures::FutureExt as _;
use openapi::sts::{Client as StsClient, ClientOptions};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use webhook_server::serve::wait_for_turn;

use crate::config::ServerConfig;
use crate::connection::{Cluster, connected};
use crate::custom_resource::RuleReader;
use crate::gate::{Gate, GateMetrics};
use crate::mappings::{BackendMode, Mappings};
use crate::metrics::Metrics;
use crate::operator::{self, Operator};
use crate::version::VERSION;
use crate::{certificate, kubeconfig, mappings};

pub mod authenticate;
mod error;
pub mod readiness;
pub mod review;
pub mod routes;
pub mod serving;

use authenticate::Authenticator;
pub use error::ServerError;
use readiness::Readiness;
use routes::{Routes, client_refusals};
use serving::Prepared;

/// How often a kubeconfig that cannot be used is read again, where there is a break-glass.
const KUBECONFIG_RETRY: Duration = Duration::from_secs(5);

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
    let gate =
        Gate::new(sts_client(&config)?, config.gate, GateMetrics::new(metrics.registry())?, clock.now());
    let cluster = cluster(&config).await?;
    // Mappings stay current while requests are drained: somebody who loses access in these seconds must lose it.
    let mappings_shutdown = CancellationToken::new();
    let _end_mappings = mappings_shutdown.clone().drop_guard();
    let operator = operator(&config, &metrics)?;
    let mapping_options = mappings::Options {
        objects: operator.as_ref().map(Operator::objects),
        ..config.mapping_options.clone()
    };
    let mappings = mappings::start(
        &config.backends,
        &config.mappings,
        cluster.clone(),
        mapping_options,
        Some(metrics.clone()),
        mappings_shutdown,
    )
    .await?;

    let readiness = Readiness::new(mappings.clone(), config.backends.clone(), shutdown.clone());
    let routes = Arc::new(Routes {
        authenticator: authenticator(&config, gate, mappings.clone(), metrics.clone())
            .with_observer(operator.as_ref().map(Operator::observer).unwrap_or_default()),
        metrics: metrics.clone(),
        readiness: readiness.clone(),
        clock: clock.clone(),
        client_refusals: config
            .serving
            .client_ca_file
            .as_ref()
            .map(|_| client_refusals(&metrics))
            .transpose()?,
    });
    let mut prepared = serving::prepare(&config, &metrics, &clock)?;
    for health in std::mem::take(&mut prepared.health) {
        tracing::info!(address = %health.address(), "answering health in plain HTTP");
        let routes = Arc::clone(&routes);
        let answer = move |request| Arc::clone(&routes).health_only(request);
        // Until the very end, so that probes see the drain; nothing waits for it.
        tokio::spawn(health.serve(answer, CancellationToken::new(), config.grace));
    }
    wait_for_turn(serving::main_port(&config), || mappings.unsynced().is_empty(), &shutdown).await;
    let server = prepared.listen(&config, &metrics)?;
    let Prepared { keeper, metrics: certificate_metrics, .. } = prepared;
    if let Some(path) = &config.webhook_kubeconfig {
        let client = config.serving.client_files.as_ref();
        let anchor = keeper.pair().trust_anchor_pem();
        let is_new = kubeconfig::write(
            path,
            &kubeconfig::text(&config.hostname, server.address().port(), &anchor, client),
        )?;
        if is_new {
            tracing::info!(file = %path.display(), "wrote the API server's kubeconfig");
        }
        if let Some(client) = client {
            serving::warn_of_missing_client_files(path, client);
        }
    }
    let keeping = tokio::spawn(certificate::keep(keeper, certificate_metrics, clock.clone()));
    let _end_keeping = AbortOnDropHandle::new(keeping);
    // The line in the log comes last: whoever waits for it finds everything ready.
    readiness.serving();
    tracing::info!(address = %server.address(), version = VERSION, sts = %config.sts, "answering TokenReviews");
    // Status and Events come after serving, and another replica can take them over while this one drains.
    let operating = operator.zip(cluster).map(|(operator, cluster)| {
        operator.start(cluster, mappings, operator_options(&config), clock, shutdown.clone())
    });
    let answer = move |request| Arc::clone(&routes).main(request);
    server.serve(answer, shutdown, config.grace).await;
    if let Some(operating) = operating {
        operating.ended().await;
    }
    tracing::info!("stopped");
    Ok(())
}

/// What writes status and Events, where backend CRD is in use and it is wanted.
fn operator(config: &ServerConfig, metrics: &Metrics) -> Result<Option<Operator>, prometheus::Error> {
    let is_wanted = config.write_status && config.backends.contains(&BackendMode::Crd);
    is_wanted.then(|| Operator::new(metrics.registry())).transpose()
}

fn operator_options(config: &ServerConfig) -> operator::Options {
    operator::Options {
        lease_namespace: config.lease_namespace.clone(),
        identity: lease::identity(std::env::var("HOSTNAME").ok().as_deref()),
        refuse_changed: config.mapping_options.refuse_changed_principals,
        reader: RuleReader::new(config.mapping_options.any_account),
    }
}

fn authenticator(config: &ServerConfig, gate: Gate, mappings: Mappings, metrics: Metrics) -> Authenticator {
    let rules = token::Rules {
        cluster_ids: config.cluster_ids.clone(),
        versions: config.token_versions.clone(),
        max_bytes: config.max_token_bytes,
        extra_query_keys: config.token_query_keys.clone(),
        ..token::Rules::default()
    };
    Authenticator::new(rules, gate, mappings, config.backends.clone(), metrics)
}

fn sts_client(config: &ServerConfig) -> Result<StsClient, ServerError> {
    let options = ClientOptions {
        ca_file: config.sts_ca_file.clone(),
        connect_timeout: config.sts_connect_timeout,
        timeout: config.sts_timeout,
        ca_setting: "--sts-ca-file",
        ..ClientOptions::new(config.sts.clone(), format!("ack-ram-authenticator/{VERSION}"))
    };
    Ok(StsClient::new(&options)?)
}

/// The way to the API server, where a backend needs one.
///
/// With a break-glass, a kubeconfig that cannot be used does not stop the start: this may be the moment that the
/// break-glass is for. The kubeconfig is read again until it is mended.
async fn cluster(config: &ServerConfig) -> Result<Option<Cluster>, ServerError> {
    match kube_client(config).await {
        Ok(client) => Ok(client.map(connected)),
        Err(error) if config.mapping_options.has_break_glass() => {
            tracing::error!(
                "{error}: going on with server.breakGlass and the backends that need no API server, and trying again \
                 every {} s",
                KUBECONFIG_RETRY.as_secs()
            );
            Ok(Some(connected_later(config.clone())))
        }
        Err(error) => Err(error),
    }
}

fn connected_later(config: ServerConfig) -> Cluster {
    let connect = async move {
        loop {
            tokio::time::sleep(KUBECONFIG_RETRY).await;
            match kube_client(&config).await {
                Ok(Some(client)) => {
                    tracing::info!("the API server's client is set up");
                    return client;
                }
                Ok(None) => {}
                Err(error) => tracing::debug!("{error}"),
            }
        }
    };
    connect.boxed().shared()
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
    let backends = format!("backend {}", needing.join(" and "));
    let client = in_cluster_or(config.kubeconfig.as_deref()).await;
    client.map(Some).map_err(|error| match error {
        ClientError::Kubeconfig { path, reason } => ServerError::Kubeconfig { path, reason, backends },
        ClientError::NotInCluster { reason } => ServerError::NotInCluster { reason, backends },
        error => ServerError::KubeClient(error),
    })
}
