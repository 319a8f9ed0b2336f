//! Connections whose client has shown nothing yet that others could not show as well. Where too many are open, the one of
//! these that has been open longest makes room: whoever only holds connections cannot keep an API server out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// All of one listener, in the order in which they came. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Strangers(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: BTreeMap<u64, (CancellationToken, OwnedSemaphorePermit)>,
}

/// A connection and its slot, which lies in the table for as long as somebody else may get it.
#[derive(Debug)]
pub(super) struct Stranger {
    strangers: Strangers,
    number: u64,
    sent_away: CancellationToken,
    own_slot: Option<OwnedSemaphorePermit>,
}

impl Strangers {
    pub(super) fn enter(&self, slot: OwnedSemaphorePermit) -> Stranger {
        let sent_away = CancellationToken::new();
        let mut state = self.state();
        let number = state.next;
        state.next = number.wrapping_add(1);
        state.open.insert(number, (sent_away.clone(), slot));
        drop(state);
        Stranger { strangers: self.clone(), number, sent_away, own_slot: None }
    }

    /// Sends the oldest away and gives its slot; none where there is nobody to send.
    pub(super) fn make_room(&self) -> Option<OwnedSemaphorePermit> {
        let (_, (sent_away, slot)) = self.state().open.pop_first()?;
        sent_away.cancel();
        Some(slot)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one operation of the map: a panic cannot leave half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stranger {
    /// It has shown who it is, and makes room for nobody.
    pub(super) fn is_known(&mut self) {
        let entry = self.strangers.state().open.remove(&self.number);
        self.own_slot = entry.map(|(_, slot)| slot);
    }

    /// Cancelled when it has to make room.
    pub(super) fn sent_away(&self) -> CancellationToken {
        self.sent_away.clone()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.strangers.state().open.remove(&self.number);
    }
}
