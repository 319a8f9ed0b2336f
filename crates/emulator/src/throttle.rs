//! Throttling of accounts: of all calls where the configuration asks for it, and of assuming roles always.

use std::collections::HashMap;
use std::num::NonZeroU32;

use jiff::Timestamp;

use crate::entities::Account;
use crate::error::ApiError;
use crate::sync::Guarded;

/// How often in a second an account may assume roles (STS documentation, "Limits"), where nobody says otherwise.
const ASSUMPTIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

/// Counts the calls of each account in each second of the emulator's clock.
#[derive(Debug, Default)]
pub(crate) struct Throttle(HashMap<String, Counters>);

#[derive(Debug)]
struct Counters {
    /// Every call; `None`: there may be any number.
    calls: Option<Counter>,
    /// AssumeRole and AssumeRoleWithOIDC.
    assumptions: Counter,
}

#[derive(Debug)]
struct Counter {
    per_second: NonZeroU32,
    /// The second that is counted, and the calls in it.
    now: Guarded<(i64, u32)>,
}

impl Throttle {
    pub(crate) fn new(accounts: &[Account]) -> Self {
        let counter = |per_second| Counter { per_second, now: Guarded::default() };
        let counters = |account: &Account| Counters {
            calls: account.calls_per_second.map(counter),
            assumptions: counter(account.assumptions_per_second.unwrap_or(ASSUMPTIONS)),
        };
        Self(accounts.iter().map(|account| (account.id.clone(), counters(account))).collect())
    }

    /// Counts a call.
    ///
    /// # Errors
    /// The account has had its share of this second.
    pub(crate) fn count(&self, account_id: &str, now: Timestamp) -> Result<(), ApiError> {
        allow(self.0.get(account_id).and_then(|counters| counters.calls.as_ref()), now)
    }

    /// Counts a call that assumes a role, which [`Throttle::count`] does too.
    ///
    /// # Errors
    /// The account has had its share of this second.
    pub(crate) fn count_assumption(&self, account_id: &str, now: Timestamp) -> Result<(), ApiError> {
        allow(self.0.get(account_id).map(|counters| &counters.assumptions), now)
    }
}

fn allow(counter: Option<&Counter>, now: Timestamp) -> Result<(), ApiError> {
    match counter {
        Some(counter) if !counter.allows(now) => Err(ApiError::throttled()),
        Some(_) | None => Ok(()),
    }
}

impl Counter {
    fn allows(&self, now: Timestamp) -> bool {
        let second = now.as_second();
        let mut counted = self.now.lock();
        if counted.0 != second {
            *counted = (second, 0);
        }
        counted.1 = counted.1.saturating_add(1);
        counted.1 <= self.per_second.get()
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    fn account(id: &str, calls: Option<u32>) -> Account {
        Account {
            id: id.to_owned(),
            calls_per_second: calls.and_then(NonZeroU32::new),
            assumptions_per_second: None,
            access_keys: Vec::new(),
            users: Vec::new(),
            roles: Vec::new(),
            policies: Vec::new(),
            oidc_providers: Vec::new(),
        }
    }

    #[test]
    fn each_account_has_its_own_share_of_each_second() {
        let throttle = Throttle::new(&[account("a", Some(2)), account("b", Some(1)), account("c", None)]);
        let at = |millisecond| Timestamp::from_millisecond(millisecond).unwrap();
        let calls = |id: &str, millisecond| throttle.count(id, at(millisecond)).is_ok();
        assert_eq!([calls("a", 0), calls("a", 900), calls("a", 999)], [true, true, false]);
        assert_eq!([calls("b", 999), calls("b", 999)], [true, false]);
        assert_eq!([calls("a", 1000), calls("b", 1001), calls("b", 1002)], [true, true, false]);
        assert_eq!([calls("b", 2000), calls("b", 2001), calls("b", 3000)], [true, false, true]);
        assert!((0..1000).all(|_| calls("c", 5)), "an account without a limit");
    }

    #[test]
    fn an_account_assumes_roles_a_hundred_times_a_second_unless_it_may_more_or_less_often() {
        let few = Account { assumptions_per_second: NonZeroU32::new(2), ..account("b", None) };
        let throttle = Throttle::new(&[account("a", None), few]);
        let allowed = |id: &str, second| {
            let at = Timestamp::from_second(second).unwrap();
            (0..500).filter(|_| throttle.count_assumption(id, at).is_ok()).count()
        };
        assert_eq!([allowed("a", 0), allowed("b", 0), allowed("a", 1)], [100, 2, 100]);
        let at = Timestamp::from_second(1).unwrap();
        let refused = throttle.count_assumption("a", at).unwrap_err();
        assert_eq!((refused.status, refused.code.as_str()), (400, "Throttling.User"));
        assert!(throttle.count("a", at).is_ok(), "other calls are not throttled");
    }
}
