//! The nonces of RPC signatures that were used.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use signature::acs3;

use crate::sync::Guarded;

/// Most nonces that are remembered at a time: about 100 MB.
const CAPACITY: usize = 1_000_000;

/// What became of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NonceUse {
    First,
    Again,
    /// Too many are remembered to take another.
    Full,
}

/// Remembers each nonce of each access key for as long as its signature would be accepted.
#[derive(Debug)]
pub(crate) struct Nonces {
    capacity: usize,
    seen: Guarded<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// SHA-256 of access key id and nonce.
    digests: HashSet<String>,
    by_end: BTreeSet<(Timestamp, String)>,
}

impl Default for Nonces {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Nonces {
    fn with_capacity(capacity: usize) -> Self {
        Self { capacity, seen: Guarded::default() }
    }

    /// Takes a nonce, which is remembered up to and including `until`.
    pub(crate) fn take(
        &self,
        access_key_id: &str,
        nonce: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> NonceUse {
        // No access key id has a slash.
        let digest = acs3::sha256_hex(format!("{access_key_id}/{nonce}").as_bytes());
        let mut seen = self.seen.lock();
        seen.forget_before(now);
        if seen.digests.contains(&digest) {
            return NonceUse::Again;
        }
        if seen.digests.len() >= self.capacity {
            return NonceUse::Full;
        }
        seen.by_end.insert((until, digest.clone()));
        seen.digests.insert(digest);
        NonceUse::First
    }
}

impl Seen {
    fn forget_before(&mut self, now: Timestamp) {
        while self.by_end.first().is_some_and(|(until, _)| *until < now) {
            if let Some((_, digest)) = self.by_end.pop_first() {
                self.digests.remove(&digest);
            }
        }
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

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).unwrap()
    }

    #[test]
    fn a_nonce_is_used_once_by_each_key() {
        let nonces = Nonces::default();
        assert_eq!(nonces.take("a", "n", second(9), second(0)), NonceUse::First);
        assert_eq!(nonces.take("a", "n", second(9), second(1)), NonceUse::Again);
        assert_eq!(nonces.take("b", "n", second(9), second(1)), NonceUse::First);
        assert_eq!(nonces.take("a", "m", second(9), second(1)), NonceUse::First);
    }

    #[test]
    fn a_nonce_is_remembered_to_the_last_moment_of_its_window() {
        let nonces = Nonces::default();
        nonces.take("a", "n", second(9), second(0));
        assert_eq!(nonces.take("a", "n", second(9), second(9)), NonceUse::Again);
        assert_eq!(nonces.take("a", "n", second(20), second(10)), NonceUse::First);
    }

    #[test]
    fn a_full_memory_refuses_rather_than_forgets() {
        let nonces = Nonces::with_capacity(2);
        nonces.take("a", "1", second(5), second(0));
        nonces.take("a", "2", second(9), second(0));
        assert_eq!(nonces.take("a", "3", second(9), second(1)), NonceUse::Full);
        assert_eq!(nonces.take("a", "1", second(5), second(1)), NonceUse::Again);
        assert_eq!(nonces.take("a", "3", second(9), second(6)), NonceUse::First);
    }
}
