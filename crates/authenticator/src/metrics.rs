//! Prometheus metrics: the public program's names, and a few of our own. Every label has a closed set of values.

use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use crate::version::VERSION;

/// How a review ended: the public program's labels, its spelling of the fourth included, and one for the passing faults
/// that it takes for refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultLabel {
    /// Let in.
    Success,
    /// The token was refused without asking STS.
    InvalidToken,
    /// No TokenReview.
    MalformedRequest,
    /// STS refused, or could not be asked.
    StsError,
    /// No mapping, or none that makes a good name.
    UnknownUser,
    /// The mappings are not known yet.
    NotReady,
}

impl ResultLabel {
    /// All of them.
    pub const ALL: [ResultLabel; 6] = [
        ResultLabel::Success,
        ResultLabel::InvalidToken,
        ResultLabel::MalformedRequest,
        ResultLabel::StsError,
        ResultLabel::UnknownUser,
        ResultLabel::NotReady,
    ];

    /// As it stands in the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            ResultLabel::Success => "success",
            ResultLabel::InvalidToken => "invalid_token",
            ResultLabel::MalformedRequest => "malformed_request",
            ResultLabel::StsError => "sts_error",
            ResultLabel::UnknownUser => "uknown_user",
            ResultLabel::NotReady => "not_ready",
        }
    }
}

/// All metrics of the server.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    /// Found once: finding takes a lock that all reviews share.
    latency: [(ResultLabel, Histogram); ResultLabel::ALL.len()],
    reviews: IntCounterVec,
    mapping_rules: IntGauge,
    backend_synced: IntGaugeVec,
    backend_reload_failures: IntCounterVec,
    backend_stale: IntGaugeVec,
    backend_skipped_entries: IntGaugeVec,
    break_glass_logins: IntCounter,
    principal_mismatches: IntCounterVec,
    certificate_end: Gauge,
}

impl Metrics {
    /// Registers everything; counters with known labels begin at 0, so that a rate shows their first event.
    ///
    /// # Errors
    /// A name twice, which would be a fault of this module.
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new_custom(Some("ack_ram_authenticator".to_owned()), None)?;
        let latency = HistogramVec::new(
            HistogramOpts::new("authenticate_latency_seconds", "Time for answering a TokenReview, by result")
                .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
            &["result"],
        )?;
        let latency_of =
            ResultLabel::ALL.map(|result| (result, latency.with_label_values(&[result.as_str()])));
        let reviews = IntCounterVec::new(
            Opts::new("reviews_total", "TokenReviews by result and reason"),
            &["result", "reason"],
        )?;
        let mapping_rules = IntGauge::new("mapping_rules", "Mappings in force, of all backends")?;
        let backend_synced = IntGaugeVec::new(
            Opts::new("backend_synced", "1 once a backend has told its mappings, else 0"),
            &["backend"],
        )?;
        let backend_reload_failures = IntCounterVec::new(
            Opts::new("backend_reload_failures_total", "Edits of a backend that could not be read"),
            &["backend"],
        )?;
        let backend_stale = IntGaugeVec::new(
            Opts::new(
                "backend_stale",
                "1 while what a backend says cannot be read and its last good state counts",
            ),
            &["backend"],
        )?;
        let backend_skipped_entries = IntGaugeVec::new(
            Opts::new(
                "backend_skipped_entries",
                "Entries of a file or ConfigMap, or resources, that are malformed and map nobody",
            ),
            &["backend"],
        )?;
        let break_glass_logins =
            IntCounter::new("break_glass_logins_total", "Logins through a mapping of server.breakGlass")?;
        let principal_mismatches = IntCounterVec::new(
            Opts::new(
                "principal_mismatches_total",
                "Logins whose RAM id is not the one a mapping is pinned to (pinned) or has recorded (recorded)",
            ),
            &["id"],
        )?;
        for id in ["pinned", "recorded"] {
            principal_mismatches.with_label_values(&[id]);
        }
        let certificate_end = Gauge::new(
            "certificate_not_after_seconds",
            "When the serving certificate ends, in seconds since 1970",
        )?;
        let build = IntGaugeVec::new(Opts::new("build_info", "1, with the version as label"), &["version"])?;
        build.with_label_values(&[VERSION]).set(1);
        registry.register(Box::new(latency.clone()))?;
        registry.register(Box::new(reviews.clone()))?;
        registry.register(Box::new(mapping_rules.clone()))?;
        registry.register(Box::new(backend_synced.clone()))?;
        registry.register(Box::new(backend_reload_failures.clone()))?;
        registry.register(Box::new(backend_stale.clone()))?;
        registry.register(Box::new(backend_skipped_entries.clone()))?;
        registry.register(Box::new(break_glass_logins.clone()))?;
        registry.register(Box::new(principal_mismatches.clone()))?;
        registry.register(Box::new(certificate_end.clone()))?;
        registry.register(Box::new(build))?;
        Ok(Metrics {
            registry,
            latency: latency_of,
            reviews,
            mapping_rules,
            backend_synced,
            backend_reload_failures,
            backend_stale,
            backend_skipped_entries,
            break_glass_logins,
            principal_mismatches,
            certificate_end,
        })
    }

    /// For the metrics page.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// One review. `reason` is of a closed set, never the client's text.
    pub fn review(&self, result: ResultLabel, reason: &'static str, seconds: f64) {
        if let Some((_, latency)) = self.latency.iter().find(|(label, _)| *label == result) {
            latency.observe(seconds);
        }
        self.reviews.with_label_values(&[result.as_str(), reason]).inc();
    }

    /// How many mappings are in force.
    pub fn mapping_rules(&self, count: usize) {
        self.mapping_rules.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Whether a backend has told its mappings.
    pub fn backend_synced(&self, backend: &str, synced: bool) {
        self.backend_synced.with_label_values(&[backend]).set(i64::from(synced));
    }

    /// A backend was read again; where that failed, its last good state stays in force.
    pub fn backend_reloaded(&self, backend: &str, could_be_read: bool) {
        let failures = self.backend_reload_failures.with_label_values(&[backend]);
        if !could_be_read {
            failures.inc();
        }
        self.backend_stale.with_label_values(&[backend]).set(i64::from(!could_be_read));
    }

    /// How many entries of a backend map nobody because they are malformed.
    pub fn backend_skipped(&self, backend: &str, entries: usize) {
        let entries = i64::try_from(entries).unwrap_or(i64::MAX);
        self.backend_skipped_entries.with_label_values(&[backend]).set(entries);
    }

    /// One login through the break-glass.
    pub fn break_glass_login(&self) {
        self.break_glass_logins.inc();
    }

    /// One login with another RAM id than the pinned or, else, the recorded one.
    pub fn principal_mismatch(&self, is_pinned: bool) {
        let id = if is_pinned { "pinned" } else { "recorded" };
        self.principal_mismatches.with_label_values(&[id]).inc();
    }

    /// When the certificate ends.
    pub fn certificate_end(&self, at: jiff::Timestamp) {
        self.certificate_end.set(at.as_duration().as_secs_f64());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn has_the_names_labels_and_buckets_of_the_public_program() {
        let metrics = Metrics::new().unwrap();
        metrics.review(ResultLabel::UnknownUser, "not_mapped", 0.02);
        let text = prometheus::TextEncoder::new().encode_to_string(&metrics.registry().gather()).unwrap();
        for line in [
            "ack_ram_authenticator_authenticate_latency_seconds_bucket{result=\"uknown_user\",le=\"0.01\"} 0",
            "ack_ram_authenticator_authenticate_latency_seconds_bucket{result=\"uknown_user\",le=\"0.025\"} 1",
            "ack_ram_authenticator_authenticate_latency_seconds_count{result=\"success\"} 0",
            "ack_ram_authenticator_reviews_total{reason=\"not_mapped\",result=\"uknown_user\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        for bucket in ["0.005", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"] {
            assert!(text.contains(&format!("{{result=\"success\",le=\"{bucket}\"}}")), "{bucket}\n{text}");
        }
    }
}
