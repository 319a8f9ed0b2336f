//! What the gate counts. Every label has a closed set of values.

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::limits::{Limit, Shed};

/// Where the answer to a review came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A remembered identity.
    Cache,
    /// A remembered refusal.
    Refusal,
    /// A call that another review of the same token had begun.
    Joined,
    /// A call of its own.
    Call,
    /// Nowhere: a limit was met.
    Shed,
}

impl Origin {
    const ALL: [Origin; 5] = [Origin::Cache, Origin::Refusal, Origin::Joined, Origin::Call, Origin::Shed];

    fn as_str(self) -> &'static str {
        match self {
            Origin::Cache => "hit",
            Origin::Refusal => "refusal",
            Origin::Joined => "joined",
            Origin::Call => "miss",
            Origin::Shed => "shed",
        }
    }
}

/// The gate's metrics.
#[derive(Clone, Debug)]
pub struct GateMetrics {
    /// Found once: finding takes a lock that all reviews share.
    lookups: [(Origin, IntCounter); Origin::ALL.len()],
    shed: IntCounterVec,
    retries: IntCounter,
    latency: Histogram,
    in_flight: IntGauge,
    entries: IntGaugeVec,
    responses: IntCounterVec,
    connection_failures: IntCounter,
}

impl GateMetrics {
    /// Registers everything; counters begin at 0.
    ///
    /// # Errors
    /// A name twice, which would be a fault of the program.
    pub fn new(registry: &Registry) -> Result<GateMetrics, prometheus::Error> {
        let lookups = IntCounterVec::new(
            Opts::new(
                "identity_cache_total",
                "Reviews by where the answer of STS came from: hit, refusal (a remembered one), joined (a call under way), miss (a call), shed",
            ),
            &["result"],
        )?;
        let lookups_by = Origin::ALL.map(|origin| (origin, lookups.with_label_values(&[origin.as_str()])));
        let shed = IntCounterVec::new(
            Opts::new("sts_shed_total", "Calls to STS that a limit did not let through"),
            &["limit", "key"],
        )?;
        for limit in Limit::ALL {
            for key in ["known", "unknown"] {
                shed.with_label_values(&[limit.as_str(), key]);
            }
        }
        let retries = IntCounter::new("sts_retries_total", "Second tries of calls to STS")?;
        let latency = Histogram::with_opts(
            HistogramOpts::new("sts_latency_seconds", "Time for one try of a call to STS, whatever its end")
                .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
        )?;
        let in_flight = IntGauge::new("sts_calls_in_flight", "Calls to STS under way")?;
        let entries = IntGaugeVec::new(
            Opts::new("gate_table_entries", "Entries of the tables between reviews and STS"),
            &["table"],
        )?;
        let responses = IntCounterVec::new(
            Opts::new("sts_responses_total", "Answers of STS by HTTP status"),
            &["ResponseCode"],
        )?;
        let connection_failures =
            IntCounter::new("sts_connection_failures_total", "Calls to STS that got no answer")?;
        registry.register(Box::new(lookups.clone()))?;
        registry.register(Box::new(responses.clone()))?;
        registry.register(Box::new(connection_failures.clone()))?;
        registry.register(Box::new(shed.clone()))?;
        registry.register(Box::new(retries.clone()))?;
        registry.register(Box::new(latency.clone()))?;
        registry.register(Box::new(in_flight.clone()))?;
        registry.register(Box::new(entries.clone()))?;
        Ok(GateMetrics {
            lookups: lookups_by,
            shed,
            retries,
            latency,
            in_flight,
            entries,
            responses,
            connection_failures,
        })
    }

    pub(super) fn answered(&self, origin: Origin) {
        if let Some((_, lookups)) = self.lookups.iter().find(|(of, _)| *of == origin) {
            lookups.inc();
        }
    }

    pub(super) fn shed(&self, shed: Shed) {
        let key = if shed.known { "known" } else { "unknown" };
        self.shed.with_label_values(&[shed.limit.as_str(), key]).inc();
    }

    pub(super) fn retry(&self) {
        self.retries.inc();
    }

    pub(super) fn call(&self, seconds: f64) {
        self.latency.observe(seconds);
    }

    pub(super) fn in_flight(&self, count: u32) {
        self.in_flight.set(i64::from(count));
    }

    pub(super) fn entries(&self, table: &'static str, count: usize) {
        self.entries.with_label_values(&[table]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// One answer of STS.
    pub(super) fn response(&self, status: u16) {
        // Whatever answers in STS's place must not be able to make a thousand time series.
        let known = (100..600).contains(&status);
        self.responses
            .with_label_values(&[if known { status.to_string() } else { "other".to_owned() }])
            .inc();
    }

    /// One call without an answer.
    pub(super) fn connection_failure(&self) {
        self.connection_failures.inc();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn has_the_names_of_the_public_program() {
        let registry = Registry::new();
        let metrics = GateMetrics::new(&registry).unwrap();
        metrics.response(200);
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        for line in ["sts_connection_failures_total 0", "sts_responses_total{ResponseCode=\"200\"} 1"] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
