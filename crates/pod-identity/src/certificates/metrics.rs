//! Metrics of certificates. Every label has a closed set of values.

use jiff::Timestamp;
use prometheus::{Gauge, IntCounterVec, IntGauge, Opts, Registry};

/// What is measured about certificates; a clone counts into the same.
#[derive(Clone, Debug)]
pub struct CertificateMetrics {
    certificate_end: Gauge,
    authority_end: Gauge,
    verified: IntGauge,
    owned_by_others: IntGauge,
    leader: IntGauge,
    steps: IntCounterVec,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    /// Somebody else was faster; it is planned anew.
    Conflict,
    /// Somebody else owns what should be written.
    Owned,
    /// A right is missing.
    Denied,
    Failure,
}

impl Outcome {
    const ALL: [Outcome; 5] =
        [Outcome::Success, Outcome::Conflict, Outcome::Owned, Outcome::Denied, Outcome::Failure];

    fn as_str(self) -> &'static str {
        match self {
            Outcome::Success => "success",
            Outcome::Conflict => "conflict",
            Outcome::Owned => "owned",
            Outcome::Denied => "denied",
            Outcome::Failure => "failure",
        }
    }
}

/// All steps that are counted: the writes of certificates of our own, and `reload` for files of others.
const STEPS: [&str; 9] =
    ["restore", "begin", "tidy", "issue", "add_next", "sign_with_next", "drop_old", "trust", "reload"];

impl CertificateMetrics {
    /// Registers all of it; counters begin at 0, so that a rate shows their first event.
    ///
    /// # Errors
    /// A name that is taken.
    pub fn register(registry: &Registry) -> Result<CertificateMetrics, prometheus::Error> {
        let steps = IntCounterVec::new(
            Opts::new("certificate_steps_total", "Writes of certificates, and reloads of files, by result"),
            &["step", "result"],
        )?;
        for step in STEPS {
            for outcome in Outcome::ALL {
                steps.with_label_values(&[step, outcome.as_str()]);
            }
        }
        let metrics = CertificateMetrics {
            certificate_end: Gauge::new(
                "certificate_not_after_seconds",
                "When the serving certificate ends, in seconds since 1970",
            )?,
            authority_end: Gauge::new(
                "authority_not_after_seconds",
                "When the authority that signs ends, in seconds since 1970; 0 where it is not this program's",
            )?,
            verified: IntGauge::new(
                "ca_bundle_verified",
                "1 where every caBundle verifies the serving certificate, else 0",
            )?,
            owned_by_others: IntGauge::new(
                "ca_bundle_owned_by_others",
                "1 while another field manager owns a caBundle that should be changed, else 0",
            )?,
            leader: IntGauge::new("leader", "1 where this replica keeps the certificates, else 0")?,
            steps,
        };
        registry.register(Box::new(metrics.certificate_end.clone()))?;
        registry.register(Box::new(metrics.authority_end.clone()))?;
        registry.register(Box::new(metrics.verified.clone()))?;
        registry.register(Box::new(metrics.owned_by_others.clone()))?;
        registry.register(Box::new(metrics.leader.clone()))?;
        registry.register(Box::new(metrics.steps.clone()))?;
        Ok(metrics)
    }

    pub(super) fn step(&self, step: &'static str, outcome: Outcome) {
        self.steps.with_label_values(&[step, outcome.as_str()]).inc();
    }

    pub(super) fn ends(&self, certificate: Timestamp, authority: Option<Timestamp>) {
        self.certificate_end.set(certificate.as_duration().as_secs_f64());
        self.authority_end.set(authority.map_or(0.0, |end| end.as_duration().as_secs_f64()));
    }

    pub(super) fn verified(&self, verified: bool) {
        self.verified.set(verified.into());
    }

    pub(super) fn owned_by_others(&self, owned: bool) {
        self.owned_by_others.set(owned.into());
    }

    pub(super) fn leader(&self, leader: bool) {
        self.leader.set(leader.into());
    }
}
