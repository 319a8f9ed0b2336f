//! Throttling of accounts, where the configuration asks for it.

use std::collections::HashMap;
use std::num::NonZeroU32;

use jiff::Timestamp;

use crate::entities::Account;
use crate::error::ApiError;
use crate::sync::Guarded;

/// Counts the signed calls of each account in each second of the emulator's clock.
#[derive(Debug, Default)]
pub(crate) struct Throttle(HashMap<String, Counter>);

#[derive(Debug)]
struct Counter {
    calls_per_second: NonZeroU32,
    /// The second that is counted, and the calls in it.
    now: Guarded<(i64, u32)>,
}

impl Throttle {
    pub(crate) fn new(accounts: &[Account]) -> Self {
        let limited = accounts.iter().filter_map(|account| Some((account, account.calls_per_second?)));
        let counter = |calls_per_second| Counter { calls_per_second, now: Guarded::default() };
        Self(limited.map(|(account, calls)| (account.id.clone(), counter(calls))).collect())
    }

    /// Counts a call.
    ///
    /// # Errors
    /// The account has had its share of this second.
    pub(crate) fn count(&self, account_id: &str, now: Timestamp) -> Result<(), ApiError> {
        if self.allows(account_id, now) { Ok(()) } else { Err(ApiError::throttled()) }
    }

    fn allows(&self, account_id: &str, now: Timestamp) -> bool {
        let Some(counter) = self.0.get(account_id) else { return true };
        let second = now.as_second();
        let mut counted = counter.now.lock();
        if counted.0 != second {
            *counted = (second, 0);
        }
        counted.1 = counted.1.saturating_add(1);
        counted.1 <= counter.calls_per_second.get()
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
            access_keys: Vec::new(),
            users: Vec::new(),
            roles: Vec::new(),
            oidc_providers: Vec::new(),
        }
    }

    #[test]
    fn each_account_has_its_own_share_of_each_second() {
        let throttle = Throttle::new(&[account("a", Some(2)), account("b", Some(1)), account("c", None)]);
        let at = |millisecond| Timestamp::from_millisecond(millisecond).unwrap();
        let calls = |id: &str, millisecond| throttle.allows(id, at(millisecond));
        assert_eq!([calls("a", 0), calls("a", 900), calls("a", 999)], [true, true, false]);
        assert_eq!([calls("b", 999), calls("b", 999)], [true, false]);
        assert_eq!([calls("a", 1000), calls("b", 1001), calls("b", 1002)], [true, true, false]);
        assert_eq!([calls("b", 2000), calls("b", 2001), calls("b", 3000)], [true, false, true]);
        assert!((0..1000).all(|_| calls("c", 5)), "an account without a limit");
    }
}
