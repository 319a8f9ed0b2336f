//! What the operator knows about each `RAMIdentityMapping`: as little as tells whether its status is right,
//! because every replica keeps this, for a hundred thousand of them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::object::MappingObject;
use super::verdict::{Checked, Stated, canonical_arn};

/// The table. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Objects(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    entries: Mutex<Entries>,
    version: watch::Sender<u64>,
}

/// Entries by the name of their object.
pub(crate) type Entries = BTreeMap<Arc<str>, Entry>;

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) checked: Checked,
    pub(crate) generation: i64,
    pub(crate) observed_generation: Option<i64>,
    /// `Verdict::fingerprint` of the condition in the status.
    pub(crate) fingerprint: Option<u64>,
    /// Whether `status.canonicalARN` is that of the spec.
    pub(crate) is_current: bool,
    /// `status.changedUserID`, where it belongs to the spec's ARN.
    pub(crate) changed_id: Option<Box<str>>,
}

impl Entry {
    /// What there is to know of an object.
    pub(crate) fn of(object: &MappingObject, checked: Checked) -> Entry {
        let stated = Stated::of(&object.data);
        let is_current = stated.is_of(canonical_arn(&checked).as_deref());
        Entry {
            checked,
            generation: object.metadata.generation.unwrap_or_default(),
            observed_generation: stated.observed_generation,
            fingerprint: stated.fingerprint(),
            is_current,
            changed_id: stated.changed_id.filter(|_| is_current).map(String::into_boxed_str),
        }
    }
}

impl Objects {
    /// Replaces everything.
    pub(crate) fn replace(&self, entries: Entries) {
        *self.entries() = entries;
        self.tell();
    }

    /// Sets or removes one object.
    pub(crate) fn set(&self, name: &str, entry: Option<Entry>) {
        let mut entries = self.entries();
        let is_changed = match entry {
            Some(entry) if entries.get(name) == Some(&entry) => false,
            Some(entry) => {
                // The name is shared with the rule, where there is one.
                let name = entry
                    .checked
                    .as_ref()
                    .map_or_else(|_| Arc::from(name), |rule| Arc::clone(&rule.source().object));
                entries.insert(name, entry);
                true
            }
            None => entries.remove(name).is_some(),
        };
        drop(entries);
        if is_changed {
            self.tell();
        }
    }

    /// A counter that grows with each change.
    pub(crate) fn version(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    /// Up to `limit` entries after `last`, so that nobody waits long for the lock.
    pub(crate) fn page(&self, last: Option<&Arc<str>>, limit: usize) -> Vec<(Arc<str>, Entry)> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self.entries();
        let range = entries.range::<Arc<str>, _>((from, Bound::Unbounded));
        range.take(limit).map(|(name, entry)| (Arc::clone(name), entry.clone())).collect()
    }

    fn tell(&self) {
        self.0.version.send_modify(|version| *version = version.wrapping_add(1));
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Each change is one operation of the map: a panic cannot leave half of one.
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
