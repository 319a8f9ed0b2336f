//! Prometheus metrics, all with the prefix `ack_pod_identity_webhook_`. Every label has a closed set of values.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::events::Written;
use crate::lookup::{Answered, Object, Source};
use crate::version::VERSION;

/// How a review ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultLabel {
    /// The pod has its role.
    Injected,
    /// It is created without.
    NotInjected,
    /// It is not created.
    Denied,
    /// The request was no review that can be answered.
    Error,
}

impl ResultLabel {
    /// All of them.
    pub const ALL: [ResultLabel; 4] =
        [ResultLabel::Injected, ResultLabel::NotInjected, ResultLabel::Denied, ResultLabel::Error];

    /// As it stands in the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            ResultLabel::Injected => "injected",
            ResultLabel::NotInjected => "not_injected",
            ResultLabel::Denied => "denied",
            ResultLabel::Error => "error",
        }
    }
}

/// All metrics of the server.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    seconds: HistogramVec,
    reviews: IntCounterVec,
    lookups: IntCounterVec,
    synced: IntGaugeVec,
    events: IntCounterVec,
}

impl Metrics {
    /// Registers everything; counters with known labels begin at 0, so that a rate shows their first event.
    ///
    /// # Errors
    /// A name twice, which would be a fault of this module.
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new_custom(Some("ack_pod_identity_webhook".to_owned()), None)?;
        let seconds = HistogramVec::new(
            HistogramOpts::new("review_seconds", "Time for answering an AdmissionReview, by result").buckets(
                vec![0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0],
            ),
            &["result"],
        )?;
        for result in ResultLabel::ALL {
            seconds.with_label_values(&[result.as_str()]);
        }
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let reviews =
            counter("reviews_total", "AdmissionReviews by result and reason", &["result", "reason"])?;
        let lookups = counter(
            "lookups_total",
            "Reads of a namespace or service account, by where it was read (cache, live) and result",
            &["object", "source", "result"],
        )?;
        for object in Object::ALL {
            for source in Source::ALL {
                for result in Answered::RESULTS {
                    // The copy says nothing of what it does not know.
                    if source == Source::Live || result == "found" {
                        lookups.with_label_values(&[object.as_str(), source.as_str(), result]);
                    }
                }
            }
        }
        let events = counter(
            "events_total",
            "Events on controllers of pods without their role, by what became of them",
            &["result"],
        )?;
        for written in Written::ALL {
            events.with_label_values(&[written.as_str()]);
        }
        let synced = IntGaugeVec::new(
            Opts::new("synced", "1 once all namespaces, or service accounts, are known, else 0"),
            &["object"],
        )?;
        let build = IntGaugeVec::new(Opts::new("build_info", "1, with the version as label"), &["version"])?;
        build.with_label_values(&[VERSION]).set(1);
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(synced.clone()))?;
        registry.register(Box::new(build))?;
        Ok(Metrics { registry, seconds, reviews, lookups, synced, events })
    }

    /// For the metrics page.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A way in which a review can end, before the first one did.
    pub fn known(&self, result: ResultLabel, reason: &'static str) {
        self.reviews.with_label_values(&[result.as_str(), reason]);
    }

    /// One review. `reason` is of a closed set, never the client's text.
    pub fn review(&self, result: ResultLabel, reason: &'static str, seconds: f64) {
        self.seconds.with_label_values(&[result.as_str()]).observe(seconds);
        self.reviews.with_label_values(&[result.as_str(), reason]).inc();
    }

    /// One read of a namespace or service account.
    pub fn answered(&self, answered: Answered) {
        let Answered { object, source, result } = answered;
        self.lookups.with_label_values(&[object.as_str(), source.as_str(), result]).inc();
    }

    /// Whether all objects of a kind are known.
    pub fn synced(&self, object: Object, synced: bool) {
        self.synced.with_label_values(&[object.as_str()]).set(i64::from(synced));
    }

    /// What became of an Event.
    pub fn event(&self, written: Written) {
        self.events.with_label_values(&[written.as_str()]).inc();
    }
}
