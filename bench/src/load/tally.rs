//! What came of a run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::error::{Error, Result};
use crate::process::Usage;

/// The longest latency that is told from longer ones, in nanoseconds: a minute.
const LONGEST: u64 = 60_000_000_000;
/// Kinds of faults that are counted apart; one more is counted as "others".
const KINDS: usize = 20;

/// Faults and how often each was seen, in words.
pub type Faults = BTreeMap<String, u64>;

/// What one thread saw, or all of them.
pub(super) struct Tally {
    latencies: Histogram<u64>,
    pub(super) faults: Faults,
    pub(super) connections: u64,
    pub(super) last: Option<Instant>,
}

impl Tally {
    pub(super) fn new() -> Result<Tally> {
        // Three digits: a thousandth of what is measured.
        let latencies =
            Histogram::new_with_bounds(1, LONGEST, 3).map_err(Error::failed("making a histogram"))?;
        Ok(Tally { latencies, faults: Faults::new(), connections: 0, last: None })
    }

    /// A good answer, whose request went out at `start`.
    pub(super) fn good(&mut self, start: Instant, end: Instant) {
        let took = end.duration_since(start).as_nanos();
        self.latencies.saturating_record(u64::try_from(took).unwrap_or(LONGEST).clamp(1, LONGEST));
        self.last = self.last.max(Some(end));
    }

    pub(super) fn fault(&mut self, what: String, often: u64) {
        let known = self.faults.contains_key(&what);
        let what = if known || self.faults.len() < KINDS { what } else { "others".to_owned() };
        let count = self.faults.entry(what).or_default();
        *count = count.saturating_add(often);
    }

    pub(super) fn add(&mut self, other: Tally) -> Result<()> {
        self.latencies.add(&other.latencies).map_err(Error::failed("adding histograms"))?;
        for (what, often) in other.faults {
            self.fault(what, often);
        }
        self.connections = self.connections.saturating_add(other.connections);
        self.last = self.last.max(other.last);
        Ok(())
    }

    pub(super) fn outcome(self, length: Duration, server: Option<Used>, own: Used) -> Outcome {
        let at = |quantile| Duration::from_nanos(self.latencies.value_at_quantile(quantile));
        let latency = Latency {
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            max: Duration::from_nanos(self.latencies.max()),
        };
        Outcome {
            good: self.latencies.len(),
            faults: self.faults,
            length,
            latency,
            connections: self.connections,
            server,
            own,
        }
    }
}

/// Latencies, from the moment in which a request is handed to its connection to its answer's last byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// Half of all answers took no longer.
    pub p50: Duration,
    /// 99 of 100.
    pub p99: Duration,
    /// 999 of 1,000.
    pub p999: Duration,
    /// The longest.
    pub max: Duration,
}

/// What a process used during a run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Used {
    /// CPU time in seconds, user and system.
    pub cpu: f64,
    /// Resident memory at the end, in bytes.
    pub resident: u64,
    /// The most resident memory since the process's start, in bytes.
    pub peak: u64,
}

impl Used {
    pub(super) fn between(before: Usage, after: Usage) -> Used {
        Used { cpu: after.cpu - before.cpu, resident: after.resident, peak: after.peak }
    }
}

/// What came of a run. Latencies, [`Outcome::good`] and the times are of the measured part; faults are of the warm-up too.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Answers that were as expected.
    pub good: u64,
    /// What was not, in words, and how often.
    pub faults: Faults,
    /// How long it was measured.
    pub length: Duration,
    /// Latencies of the good answers.
    pub latency: Latency,
    /// Connections that were opened, warm-up included: more than were asked for where the server closed some.
    pub connections: u64,
    /// What the server's process used, where its number was given.
    pub server: Option<Used>,
    /// What this process used.
    pub own: Used,
}

impl Outcome {
    /// Good answers in a second.
    pub fn rate(&self) -> f64 {
        let seconds = self.length.as_secs_f64();
        if seconds > 0.0 { self.good as f64 / seconds } else { 0.0 }
    }

    /// CPU seconds of the server for a thousand good answers.
    pub fn server_cpu(&self) -> Option<f64> {
        Some(self.for_a_thousand(self.server?.cpu))
    }

    /// CPU seconds of this process for a thousand good answers.
    pub fn own_cpu(&self) -> f64 {
        self.for_a_thousand(self.own.cpu)
    }

    fn for_a_thousand(&self, seconds: f64) -> f64 {
        if self.good == 0 { 0.0 } else { seconds * 1000.0 / self.good as f64 }
    }

    /// How many faults there were.
    pub fn fault_count(&self) -> u64 {
        self.faults.values().fold(0, |sum, often| sum.saturating_add(*often))
    }

    /// The outcome, if it is worth anything.
    ///
    /// # Errors
    /// There were no good answers, or others.
    pub fn all_good(self, what: &str) -> Result<Outcome> {
        if self.faults.is_empty() && self.good > 0 {
            return Ok(self);
        }
        let faults: Vec<String> =
            self.faults.iter().map(|(what, often)| format!("{often} × {what}")).collect();
        let reason = format!(
            "{} good answers, and {}",
            self.good,
            if faults.is_empty() { "no fault".to_owned() } else { faults.join(", ") }
        );
        Err(Error::because(what, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(micros: impl IntoIterator<Item = u64>) -> Tally {
        let (mut tally, start) = (Tally::new().unwrap(), Instant::now());
        for micros in micros {
            tally.good(start, start.checked_add(Duration::from_micros(micros)).unwrap());
        }
        tally
    }

    fn near(is: Duration, micros: u64) -> bool {
        let is = is.as_secs_f64() * 1e6 / micros as f64;
        (1.0..=1.002).contains(&is)
    }

    #[test]
    fn quantiles_are_those_of_all_threads() {
        let mut all = tally(1..=500);
        all.add(tally(501..=1000)).unwrap();
        let outcome = all.outcome(Duration::from_secs(2), None, Used::default());
        assert_eq!((outcome.good, outcome.rate()), (1000, 500.0));
        let latency = outcome.latency;
        assert!(near(latency.p50, 500) && near(latency.p99, 990) && near(latency.p999, 999), "{latency:?}");
        assert!(near(latency.max, 1000), "{latency:?}");
    }

    #[test]
    fn cpu_is_for_a_thousand_answers() {
        let server = Used { cpu: 0.5, resident: 1, peak: 2 };
        let outcome =
            tally([5; 500]).outcome(Duration::from_secs(1), Some(server), Used { cpu: 2.0, ..server });
        assert_eq!((outcome.server_cpu(), outcome.own_cpu()), (Some(1.0), 4.0));
        let nothing = tally([]).outcome(Duration::ZERO, Some(server), server);
        assert_eq!((nothing.rate(), nothing.server_cpu(), nothing.own_cpu()), (0.0, Some(0.0), 0.0));
        assert!(nothing.all_good("a run").is_err());
    }

    #[test]
    fn faults_are_counted_by_kind_and_kinds_are_bounded() {
        let mut all = tally([1]);
        all.fault("status 503".to_owned(), 2);
        let mut other = tally([1]);
        other.fault("status 503".to_owned(), 1);
        all.add(other).unwrap();
        assert_eq!(all.faults["status 503"], 3);
        (0..100).for_each(|number| all.fault(format!("fault {number}"), 1));
        assert_eq!(all.faults.len(), KINDS + 1);
        let outcome = all.outcome(Duration::from_secs(1), None, Used::default());
        assert_eq!(outcome.fault_count(), 103);
        let error = outcome.all_good("a run").unwrap_err().to_string();
        assert!(error.contains("2 good answers") && error.contains("3 × status 503"), "{error}");
    }
}
