//! How many calls to STS are let through, and whose.
//!
//! An access key is *known* for some hours after STS has confirmed it and a mapping has matched. Nobody can make himself
//! known by asking, so what is reserved for known keys cannot be used up by made-up ones. Anybody can ask in the name of
//! a known key, so each of these has a budget of its own, and a call that succeeds costs it nothing.

use std::hash::{BuildHasher, RandomState};

use jiff::{SignedDuration, Timestamp};

use super::table::Table;

/// How long a key stays known after its last login.
const KNOWN: SignedDuration = SignedDuration::from_hours(12);
/// How many known keys are remembered.
const KNOWN_KEYS: usize = 65_536;
/// Keys that are not known share this many budgets, by a hash that nobody outside can foresee: flat memory, and nothing
/// that a flood could push out.
const SLOTS: usize = 4096;
/// A budget holds what it gets in this many seconds.
const BUDGET_SECONDS: u32 = 10;

/// The limits that an administrator sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls under way at one time. At most a quarter of them is for access keys that are not known, and at most a
    /// quarter for any one key.
    pub max_in_flight: u32,
    /// Calls in a second. At most a quarter of them is for access keys that are not known.
    pub rate: u32,
    /// Calls in a second that do not succeed, for one access key; it may save up ten seconds' worth, and always as many
    /// as may be under way for one key.
    pub rate_per_key: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_in_flight: 1024, rate: 4000, rate_per_key: 20 }
    }
}

/// A quarter, but never nothing.
fn quarter(number: u32) -> u32 {
    number.checked_div(4).unwrap_or(0).max(1)
}

/// Which limit was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::max_in_flight`], or the part of it that is not reserved.
    InFlight,
    /// [`Limits::rate`], or the part of it that is not reserved.
    Rate,
    /// The part of [`Limits::max_in_flight`] that one key may use.
    KeyInFlight,
    /// [`Limits::rate_per_key`].
    KeyRate,
}

impl Limit {
    /// All of them.
    pub const ALL: [Limit; 4] = [Limit::InFlight, Limit::Rate, Limit::KeyInFlight, Limit::KeyRate];

    /// As it stands in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Limit::InFlight => "in_flight",
            Limit::Rate => "rate",
            Limit::KeyInFlight => "key_in_flight",
            Limit::KeyRate => "key_rate",
        }
    }

    /// The flag that moves it.
    pub fn flag(self) -> &'static str {
        match self {
            Limit::InFlight | Limit::KeyInFlight => "--sts-max-in-flight",
            Limit::Rate => "--sts-rate",
            Limit::KeyRate => "--sts-rate-per-key",
        }
    }
}

/// A call that is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shed {
    /// Which limit was met.
    pub limit: Limit,
    /// Whether the access key is known.
    pub known: bool,
}

/// A call that is let through; to be given back to [`Limiter::end`].
#[derive(Debug)]
pub(super) struct Admitted {
    access_key_id: String,
    known: bool,
}

/// Reviews that are decided at one time come here in any order: so much older a time is no clock that was set back.
const LATE: SignedDuration = SignedDuration::from_secs(1);

/// Fills by `rate` each second, up to `size`. A clock that is set back stops it for a moment, not for an hour.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

impl Bucket {
    fn full(size: u32, now: Timestamp) -> Bucket {
        Bucket { left: f64::from(size), at: now }
    }

    fn refill(&mut self, rate: u32, size: u32, now: Timestamp) {
        let passed = now.duration_since(self.at);
        // Going back for a late review would count the time until the next one twice.
        if passed.is_negative() && passed.abs() <= LATE {
            return;
        }
        let passed = passed.as_secs_f64().max(0.0);
        self.left = (self.left + passed * f64::from(rate)).min(f64::from(size));
        self.at = now;
    }

    fn has_one(&self) -> bool {
        self.left >= 1.0
    }

    fn take(&mut self) {
        self.left = (self.left - 1.0).max(0.0);
    }

    fn give_back(&mut self, size: u32) {
        self.left = (self.left + 1.0).min(f64::from(size));
    }
}

#[derive(Clone, Copy, Debug)]
struct Budget {
    bucket: Bucket,
    in_flight: u32,
}

impl Budget {
    fn end(&mut self, refund: bool, size: u32) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if refund {
            self.bucket.give_back(size);
        }
    }
}

/// Counts. Pure: the time is a parameter.
#[derive(Debug)]
pub(super) struct Limiter {
    limits: Limits,
    all: Bucket,
    unknown: Bucket,
    in_flight: u32,
    unknown_in_flight: u32,
    known: Table<String, Budget>,
    slots: Vec<Budget>,
    slot_of: RandomState,
}

impl Limiter {
    pub(super) fn new(limits: Limits, now: Timestamp) -> Limiter {
        let budget = Budget { bucket: Bucket::full(key_budget(limits), now), in_flight: 0 };
        Limiter {
            limits,
            all: Bucket::full(limits.rate, now),
            unknown: Bucket::full(quarter(limits.rate), now),
            in_flight: 0,
            unknown_in_flight: 0,
            known: Table::new(KNOWN_KEYS),
            slots: vec![budget; SLOTS],
            slot_of: RandomState::new(),
        }
    }

    pub(super) fn known_keys(&self) -> usize {
        self.known.len()
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Lets a call through, or says which limit it meets. Takes nothing where it meets one.
    pub(super) fn admit(&mut self, access_key_id: &str, now: Timestamp) -> Result<Admitted, Shed> {
        let limits = self.limits;
        let known = self.known.get(access_key_id, now).is_some();
        let shed = |limit| Err(Shed { limit, known });
        self.all.refill(limits.rate, limits.rate, now);
        self.unknown.refill(quarter(limits.rate), quarter(limits.rate), now);
        let unknown_full = !known && self.unknown_in_flight >= quarter(limits.max_in_flight);
        if self.in_flight >= limits.max_in_flight || unknown_full {
            return shed(Limit::InFlight);
        }
        if !self.all.has_one() || (!known && !self.unknown.has_one()) {
            return shed(Limit::Rate);
        }
        if let Some(budget) = self.budget(access_key_id, known, now) {
            budget.bucket.refill(limits.rate_per_key, key_budget(limits), now);
            if budget.in_flight >= quarter(limits.max_in_flight) {
                return shed(Limit::KeyInFlight);
            }
            if !budget.bucket.has_one() {
                return shed(Limit::KeyRate);
            }
            budget.bucket.take();
            budget.in_flight = budget.in_flight.saturating_add(1);
        }
        self.all.take();
        self.in_flight = self.in_flight.saturating_add(1);
        if !known {
            self.unknown.take();
            self.unknown_in_flight = self.unknown_in_flight.saturating_add(1);
        }
        Ok(Admitted { access_key_id: access_key_id.to_owned(), known })
    }

    /// A second try of an admitted call: it counts for the rate alone.
    pub(super) fn admit_retry(&mut self, admitted: &Admitted, now: Timestamp) -> bool {
        self.all.refill(self.limits.rate, self.limits.rate, now);
        self.unknown.refill(quarter(self.limits.rate), quarter(self.limits.rate), now);
        if !self.all.has_one() || (!admitted.known && !self.unknown.has_one()) {
            return false;
        }
        self.all.take();
        if !admitted.known {
            self.unknown.take();
        }
        true
    }

    /// The call has ended; `refund` where its key is not to pay for it.
    pub(super) fn end(&mut self, admitted: &Admitted, refund: bool, now: Timestamp) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if !admitted.known {
            self.unknown_in_flight = self.unknown_in_flight.saturating_sub(1);
        }
        let size = key_budget(self.limits);
        if let Some(budget) = self.budget(&admitted.access_key_id, admitted.known, now) {
            budget.end(refund, size);
        }
    }

    /// The key has logged in.
    pub(super) fn mapped(&mut self, access_key_id: &str, now: Timestamp) {
        let until = now.checked_add(KNOWN).unwrap_or(Timestamp::MAX);
        if let Some((end, _)) = self.known.get_mut(access_key_id, now) {
            *end = until;
            return;
        }
        let bucket = Bucket::full(key_budget(self.limits), now);
        self.known.insert(access_key_id.to_owned(), Budget { bucket, in_flight: 0 }, until, now);
    }

    /// STS confirmed the key, and nothing maps it: whoever has some key somewhere pays for his calls.
    pub(super) fn not_mapped(&mut self, access_key_id: &str, now: Timestamp) {
        let known = self.known.get(access_key_id, now).is_some();
        if let Some(budget) = self.budget(access_key_id, known, now) {
            budget.bucket.take();
        }
    }

    /// None only for a known key that is no longer in the table.
    fn budget(&mut self, access_key_id: &str, known: bool, now: Timestamp) -> Option<&mut Budget> {
        if known {
            return self.known.get_mut(access_key_id, now).map(|(_, budget)| budget);
        }
        let hash = usize::try_from(self.slot_of.hash_one(access_key_id)).unwrap_or(usize::MAX);
        let slot = hash.checked_rem(SLOTS).unwrap_or(0);
        self.slots.get_mut(slot)
    }
}

fn key_budget(limits: Limits) -> u32 {
    limits.rate_per_key.saturating_mul(BUDGET_SECONDS).max(quarter(limits.max_in_flight))
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
