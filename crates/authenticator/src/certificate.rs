//! The server's certificate: what is said about it in log and metrics, and the task that keeps it current.

use std::path::Path;
use std::time::Duration;

use cluster::{Clock, with_sources};
use jiff::{SignedDuration, Timestamp};
use prometheus::{Gauge, IntCounterVec, Opts};
use webhook_server::certs::{Event, Keeper, Origin, Pair, Problem};

use crate::metrics::Metrics;

/// The name that the public program gives its certificate.
pub(crate) const COMMON_NAME: &str = "ack-ram-authenticator";

/// How often files and dates are looked at. Mounted Secrets change by renamed links, which no watch on a file sees.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// What is wrong and stays wrong is said again after this time.
const REMIND_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What is counted about certificates.
#[derive(Clone, Debug)]
pub(crate) struct CertificateMetrics {
    metrics: Metrics,
    reloads: IntCounterVec,
    renewals: IntCounterVec,
    authority_end: Gauge,
    client_end: Gauge,
}

impl CertificateMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Result<CertificateMetrics, prometheus::Error> {
        let reloads = IntCounterVec::new(
            Opts::new("reloads_total", "Files read again after a change, by what they hold and by result"),
            &["object", "result"],
        )?;
        for object in ["certificate", "client_ca"] {
            for result in ["success", "failure"] {
                reloads.with_label_values(&[object, result]);
            }
        }
        let renewals = IntCounterVec::new(
            Opts::new(
                "certificate_renewals_total",
                "Self-made certificates, the first one included, by result",
            ),
            &["result"],
        )?;
        for result in ["success", "failure"] {
            renewals.with_label_values(&[result]);
        }
        let authority_end = Gauge::new(
            "trust_anchor_not_after_seconds",
            "When the certificate that API servers pin ends, in seconds since 1970",
        )?;
        let client_end = Gauge::new(
            "client_certificate_not_after_seconds",
            "When the client certificate ends that an API server has shown last, in seconds since 1970; 0 before",
        )?;
        let registry = metrics.registry();
        registry.register(Box::new(reloads.clone()))?;
        registry.register(Box::new(renewals.clone()))?;
        registry.register(Box::new(authority_end.clone()))?;
        registry.register(Box::new(client_end.clone()))?;
        Ok(CertificateMetrics { metrics: metrics.clone(), reloads, renewals, authority_end, client_end })
    }

    fn reload(&self, object: &str, result: &str) {
        self.reloads.with_label_values(&[object, result]).inc();
    }
}

/// Logs where a pair on disk came from and what is wrong with it.
pub(crate) fn report(pair: &Pair, origin: Origin, folder: &Path, hostname: &str, now: Timestamp) {
    report_origin(origin, folder);
    let mut problems = pair.problems(hostname, now);
    if pair.is_self_made(COMMON_NAME) && now < pair.anchor_not_after() {
        // The server makes itself another leaf under the same authority.
        if let Some(at) = problems.iter().position(|problem| matches!(problem, Problem::OtherName { .. })) {
            problems.swap_remove(at);
            tracing::warn!(
                "the certificate in {} is not for {hostname:?}: the server serves one that is, under the same authority, where server.hostname of its configuration says so",
                folder.display()
            );
        }
        problems.retain(|problem| matches!(problem, Problem::OpenKey { .. }));
    }
    report_problems(&problems);
}

/// Logs where a pair on disk came from.
pub(crate) fn report_origin(origin: Origin, folder: &Path) {
    let folder = folder.display().to_string();
    let folder = folder.as_str();
    match origin {
        Origin::Kept => tracing::info!(folder, "using the existing certificate and key"),
        Origin::Made => tracing::info!(folder, "made a certificate and key"),
        Origin::Replaced { survivor } => tracing::warn!(
            folder,
            survivor,
            "made a certificate and key anew, because one of the two files was missing; what trusts the old certificate has to be given the new one"
        ),
    }
}

fn report_problems(problems: &[Problem]) {
    for problem in problems {
        match problem {
            Problem::Expired { .. } | Problem::NotYetValid { .. } => tracing::error!("{problem}"),
            Problem::OtherName { .. }
            | Problem::OpenKey { .. }
            | Problem::EndsSoon { .. }
            | Problem::ClientEndsSoon { .. }
            | Problem::AuthorityEndsSoon { .. } => tracing::warn!("{problem}"),
        }
    }
}

/// Logs and counts what happened, and measures what is served now.
pub(crate) fn report_events(keeper: &Keeper, events: &[Event], metrics: &CertificateMetrics) {
    for event in events {
        match event {
            Event::Reloaded => {
                metrics.reload("certificate", "success");
                tracing::info!("certificate and key have changed on disk and are served");
            }
            Event::NotReloaded(error) => {
                metrics.reload("certificate", "failure");
                let error = with_sources(error);
                tracing::error!(
                    error,
                    "certificate and key have changed and cannot be used; serving the last good ones"
                );
            }
            Event::ClientAuthoritiesReloaded => {
                metrics.reload("client_ca", "success");
                tracing::info!("the authorities of client certificates have changed and count");
            }
            Event::ClientAuthoritiesNotReloaded(error) => {
                metrics.reload("client_ca", "failure");
                tracing::error!(
                    error = error.as_str(),
                    "the authorities of client certificates have changed and cannot be used; the last good ones count"
                );
            }
            Event::Renewed => {
                metrics.renewals.with_label_values(&["success"]).inc();
                let not_after = keeper.not_after();
                tracing::info!(%not_after, "made a certificate to serve, under the key and the authority on disk");
            }
            Event::NotRenewed(error) => {
                metrics.renewals.with_label_values(&["failure"]).inc();
                tracing::error!(%error, "no new certificate; serving the last one");
            }
        }
    }
    metrics.metrics.certificate_end(keeper.not_after());
    if let Some(end) = keeper.tls().client_not_after() {
        metrics.client_end.set(end.as_duration().as_secs_f64());
    }
    metrics.authority_end.set(keeper.pair().anchor_not_after().as_duration().as_secs_f64());
}

/// Looks after the certificate until it is dropped.
pub(crate) async fn keep(mut keeper: Keeper, metrics: CertificateMetrics, clock: Clock) {
    let mut said: (Vec<Problem>, Option<Timestamp>) = (Vec::new(), None);
    loop {
        let now = clock.now();
        let problems = keeper.problems(now);
        let again = said.1.is_none_or(|at| now.duration_since(at) >= REMIND_AFTER);
        if problems != said.0 || again {
            report_problems(&problems);
            said = (problems, Some(now));
        }
        tokio::time::sleep(LOOK_EVERY).await;
        let now = clock.now();
        // Files may lie on a slow disk.
        let looked = tokio::task::spawn_blocking(move || {
            let events = keeper.look(now);
            (keeper, events)
        });
        let events;
        (keeper, events) = match looked.await {
            Ok(looked) => looked,
            Err(error) => {
                tracing::error!(%error, "certificates are no longer looked after: restart the server");
                return;
            }
        };
        report_events(&keeper, &events, &metrics);
    }
}
