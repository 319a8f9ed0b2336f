//! `server`: everything put together, in the order in which it has to start and to end.

use std::sync::Arc;

use cluster::{Clock, client, lease};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use webhook_server::metrics::ConnectionMetrics;
use webhook_server::serve::{Limits, Server, wait_for_turn};

use crate::certificates::{self, CertificateMetrics, Certificates};
use crate::config::{CertificateSource, ServerConfig};
use crate::events::Events;
use crate::lookup::Lookup;
use crate::metrics::Metrics;
use crate::version::{PROGRAM, VERSION};

pub mod endings;
mod error;
mod memory;
mod mutate;
mod readiness;
pub mod review;
mod routes;
#[cfg(test)]
mod tests;

pub use error::ServerError;
pub use mutate::{Mutator, Verdict};
pub use readiness::Readiness;
pub use routes::{MUTATE_PATH, Routes};

/// Starts, serves until `shutdown`, drains.
///
/// The listener is up before namespaces and service accounts are known: a pod that comes too early has them read for it.
///
/// # Errors
/// [`ServerError`].
pub async fn run(config: ServerConfig, clock: Clock, shutdown: CancellationToken) -> Result<(), ServerError> {
    let metrics = Metrics::new()?;
    let client = client::in_cluster_or(config.kubeconfig.as_deref()).await?;
    let identity = lease::identity(std::env::var("HOSTNAME").ok().as_deref());
    // What reviews need goes on while they are drained.
    let ending = CancellationToken::new();
    let _end = ending.clone().drop_guard();
    let counted = metrics.clone();
    let lookup = Lookup::new(client.clone(), move |answered| counted.answered(answered));
    let (watching, until) = (lookup.clone(), ending.clone());
    let _watching = AbortOnDropHandle::new(tokio::spawn(async move { watching.run(until).await }));
    let certificates = certificates(&config, &client, &identity, &clock, &metrics, &shutdown)?;
    let clients = config.client_ca_file.as_deref();
    let _clients = clients.map(|path| certificates::ask_clients(path, certificates.tls())).transpose()?;
    let events = events(&config, client, &identity, clock, &metrics, &ending);

    let trust = certificates.trust();
    let readiness = Readiness::new(lookup.clone(), move || trust.missing(), shutdown.clone());
    let mutator = Mutator {
        settings: config.settings.clone(),
        lookup,
        events,
        on_lookup_failure: config.on_lookup_failure,
        on_fault: config.on_fault,
    };
    let routes = Arc::new(Routes::new(mutator, metrics.clone(), readiness.clone()));
    serve_health(&config, &routes)?;
    wait_for_turn(config.listen, || readiness.missing_to_serve().is_empty(), &shutdown).await;
    let server = Server::bind(config.listen, Some(certificates.tls()), config.limits)?
        .measured_by(ConnectionMetrics::register(metrics.registry())?);
    // The line in the log comes last: whoever waits for it finds everything there.
    readiness.serving();
    let provider = config.settings.provider_arn.as_str();
    tracing::info!(address = %server.address(), version = VERSION, provider, "answering AdmissionReviews");
    let drain = CancellationToken::new();
    let answer = move |request| Arc::clone(&routes).main(request);
    let (delay, begin_draining) = (config.shutdown_delay, drain.clone());
    let delayed = async move {
        shutdown.cancelled().await;
        // Whoever chooses where connections go has this long to see that this server is not ready any more.
        tokio::time::sleep(delay).await;
        begin_draining.cancel();
    };
    tokio::join!(server.serve(answer, drain, config.grace), delayed);
    certificates.ended().await;
    tracing::info!("stopped");
    Ok(())
}

fn certificates(
    config: &ServerConfig,
    client: &kube::Client,
    identity: &str,
    clock: &Clock,
    metrics: &Metrics,
    shutdown: &CancellationToken,
) -> Result<Certificates, ServerError> {
    let source = match config.certificates.source.clone() {
        CertificateSource::Files { certificate, key } => certificates::Source::Files { certificate, key },
        CertificateSource::Own { secret, service, hostnames, leaf_lifetime, authority_lifetime, overlap } => {
            certificates::Source::Own(certificates::Own {
                namespace: config.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned()),
                secret,
                service,
                hostnames,
                certificate_lifetime: leaf_lifetime,
                authority_lifetime,
                authority_overlap: overlap,
                lease: PROGRAM.to_owned(),
                identity: identity.to_owned(),
            })
        }
    };
    let common = certificates::Common {
        client: client.clone(),
        webhook_configuration: config.certificates.webhook_configuration.clone(),
        clock: clock.clone(),
        metrics: CertificateMetrics::register(metrics.registry())?,
    };
    Ok(certificates::start(source, common, shutdown.clone())?)
}

fn events(
    config: &ServerConfig,
    client: kube::Client,
    identity: &str,
    clock: Clock,
    metrics: &Metrics,
    ending: &CancellationToken,
) -> Events {
    if !config.write_events {
        return Events::none();
    }
    let counted = metrics.clone();
    let (events, writer) = Events::new(client, identity, clock, move |written| counted.event(written));
    tokio::spawn(writer.run(ending.clone()));
    events
}

/// In plain HTTP, until the very end, so that probes see the drain; nothing waits for it.
fn serve_health(config: &ServerConfig, routes: &Arc<Routes>) -> Result<(), ServerError> {
    let Some(listen) = config.health else { return Ok(()) };
    let health = Server::bind(listen, None, Limits::default())?;
    tracing::info!(address = %health.address(), "answering health in plain HTTP");
    let routes = Arc::clone(routes);
    let answer = move |request| Arc::clone(&routes).health_only(request);
    tokio::spawn(health.serve(answer, CancellationToken::new(), config.grace));
    Ok(())
}
