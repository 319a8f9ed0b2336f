//! A bounded table whose entries end.
//!
//! Not a cache library: entries end by the time that reviews are decided at, an entry that is promised to stay (a token
//! that STS takes once) does not have to win its place by being asked for often, and the bound holds at every moment.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use jiff::Timestamp;

/// At most `capacity` entries. Where it is full, those that have ended go, then the eighth that ends first.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    capacity: usize,
    entries: HashMap<K, (Timestamp, V)>,
}

impl<K: Eq + Hash, V> Table<K, V> {
    /// Takes no memory yet.
    pub(super) fn new(capacity: usize) -> Self {
        Table { capacity: capacity.max(1), entries: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// An entry that has not ended.
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q, now: Timestamp) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).filter(|(until, _)| now < *until).map(|(_, value)| value)
    }

    /// An entry that has not ended, with the time at which it will.
    pub(super) fn get_mut<Q: Eq + Hash + ?Sized>(
        &mut self,
        key: &Q,
        now: Timestamp,
    ) -> Option<&mut (Timestamp, V)>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key).filter(|(until, _)| now < *until)
    }

    /// Puts an entry in, or in the place of the one that is there.
    pub(super) fn insert(&mut self, key: K, value: V, until: Timestamp, now: Timestamp) {
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        self.entries.insert(key, (until, value));
    }

    /// A whole eighth at once, so that the price of looking at every entry is paid once for many.
    fn make_room(&mut self, now: Timestamp) {
        self.entries.retain(|_, (until, _)| now < *until);
        let eighth = self.capacity.checked_div(8).unwrap_or(0).max(1);
        let surplus = self.entries.len().saturating_add(eighth).saturating_sub(self.capacity);
        if surplus == 0 {
            return;
        }
        let mut ends: Vec<Timestamp> = self.entries.values().map(|(until, _)| *until).collect();
        let (_, last_to_go, _) = ends.select_nth_unstable(surplus.saturating_sub(1));
        let last_to_go = *last_to_go;
        // Many entries may end at one moment: no more than the surplus goes.
        let mut left = surplus;
        self.entries.retain(|_, (until, _)| {
            let goes = left > 0 && *until <= last_to_go;
            left = left.saturating_sub(usize::from(goes));
            !goes
        });
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    #[test]
    fn an_entry_ends_at_its_time() {
        let mut table = Table::new(4);
        table.insert("a", 1, at(10), at(0));
        assert_eq!(table.get("a", at(9)), Some(&1));
        assert_eq!(table.get("a", at(10)), None);
        assert!(table.get_mut("a", at(10)).is_none());
    }

    #[test]
    fn never_holds_more_than_its_capacity_whatever_is_put_in() {
        for same_end in [true, false] {
            let mut table = Table::new(100);
            for number in 0..10_000i64 {
                table.insert(number, (), if same_end { at(1_000_000) } else { at(1 + number) }, at(0));
                assert!(table.len() <= 100);
                assert_eq!(table.get(&number, at(0)), Some(&()), "the newest is there");
            }
            assert!(table.len() > 80);
        }
    }

    #[test]
    fn what_has_ended_goes_first_then_what_ends_first() {
        let mut table = Table::new(8);
        for number in 0..8 {
            table.insert(number, (), at(10 + number), at(0));
        }
        table.insert(100, (), at(100), at(0));
        assert_eq!(table.get(&0, at(0)), None);
        assert!((1..8).all(|number| table.get(&number, at(0)).is_some()));
        table.insert(101, (), at(100), at(14));
        assert_eq!(table.len(), 5, "1 to 4 have ended, 5 to 7 and the two new ones stay");
    }
}
