//! What was told lately, so that a controller that makes the same pod again and again does not fill a namespace with
//! Events. Its keys come from pods, that is from users: it holds a bounded number of them, and few of one namespace, so
//! that nobody uses up the room of others.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Reason;

/// The same is told again after so long.
const REMEMBER: Duration = Duration::from_secs(600);
/// Most that is remembered, of all namespaces.
const CAPACITY: usize = 4096;
/// Most that is told about one namespace in that time.
const PER_NAMESPACE: usize = 64;

/// What tells one Event from another. The namespace is part of it: an owner's uid can be made up, and one who does so
/// must not silence the Events of another namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) namespace: Arc<str>,
    pub(super) uid: Arc<str>,
    pub(super) reason: Reason,
}

/// What may be done about a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    New,
    /// Told already.
    Known,
    /// The namespace had its share.
    TooMany,
}

/// What was told lately.
#[derive(Debug, Default)]
pub(super) struct ToldLately {
    known: HashSet<Key>,
    /// The oldest first.
    order: VecDeque<(Instant, Key)>,
    by_namespace: HashMap<Arc<str>, usize>,
}

impl ToldLately {
    /// Whether it is to be told.
    pub(super) fn look_up(&mut self, key: &Key, now: Instant) -> Verdict {
        while let Some((at, _)) = self.order.front()
            && (now.saturating_duration_since(*at) >= REMEMBER || self.order.len() >= CAPACITY)
        {
            self.forget_oldest();
        }
        if self.known.contains(key) {
            Verdict::Known
        } else if self.by_namespace.get(&key.namespace).is_some_and(|count| *count >= PER_NAMESPACE) {
            Verdict::TooMany
        } else {
            Verdict::New
        }
    }

    /// Takes note of one that [`ToldLately::look_up`] called new.
    pub(super) fn insert(&mut self, key: Key, now: Instant) {
        if self.known.insert(key.clone()) {
            let count = self.by_namespace.entry(Arc::clone(&key.namespace)).or_default();
            *count = count.saturating_add(1);
            self.order.push_back((now, key));
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, key)) = self.order.pop_front() else { return };
        self.known.remove(&key);
        if let Some(count) = self.by_namespace.get_mut(&key.namespace) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_namespace.remove(&key.namespace);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(namespace: &str, uid: usize) -> Key {
        Key { namespace: namespace.into(), uid: uid.to_string().into(), reason: Reason::NotInjected }
    }

    /// Looks up, and inserts what is new.
    fn tell(told: &mut ToldLately, key: &Key, now: Instant) -> Verdict {
        let verdict = told.look_up(key, now);
        if verdict == Verdict::New {
            told.insert(key.clone(), now);
        }
        verdict
    }

    #[test]
    fn the_same_is_told_once_in_ten_minutes() {
        let (mut told, start) = (ToldLately::default(), Instant::now());
        assert_eq!(tell(&mut told, &key("a", 1), start), Verdict::New);
        assert_eq!(tell(&mut told, &key("a", 1), start + Duration::from_secs(599)), Verdict::Known);
        assert_eq!(tell(&mut told, &key("a", 1), start + Duration::from_secs(600)), Verdict::New);
    }

    #[test]
    fn a_uid_that_was_made_up_elsewhere_silences_nobody() {
        let (mut told, now) = (ToldLately::default(), Instant::now());
        assert_eq!(tell(&mut told, &key("forger", 1), now), Verdict::New);
        assert_eq!(tell(&mut told, &key("victim", 1), now), Verdict::New);
        let other = Key { reason: Reason::LookupFailed, ..key("victim", 1) };
        assert_eq!(tell(&mut told, &other, now), Verdict::New);
    }

    #[test]
    fn a_namespace_has_a_share_and_gets_it_back() {
        let (mut told, start) = (ToldLately::default(), Instant::now());
        for uid in 0..PER_NAMESPACE {
            assert_eq!(tell(&mut told, &key("loud", uid), start), Verdict::New);
        }
        assert_eq!(tell(&mut told, &key("loud", PER_NAMESPACE), start), Verdict::TooMany);
        assert_eq!(tell(&mut told, &key("quiet", 1), start), Verdict::New);
        assert_eq!(tell(&mut told, &key("loud", PER_NAMESPACE), start + REMEMBER), Verdict::New);
        assert_eq!(
            told.by_namespace.len(),
            1,
            "nothing is kept of a namespace that was not told about lately"
        );
    }

    #[test]
    fn only_so_many_are_remembered() {
        let (mut told, now) = (ToldLately::default(), Instant::now());
        for number in 0..CAPACITY * 2 {
            assert_eq!(tell(&mut told, &key(&number.to_string(), 1), now), Verdict::New);
            assert!(told.order.len() <= CAPACITY && told.known.len() == told.order.len());
            assert_eq!(told.by_namespace.len(), told.order.len());
        }
    }
}
