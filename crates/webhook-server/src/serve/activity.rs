//! When a connection was last of use.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The requests of one connection.
pub(super) struct Activity(Mutex<State>);

struct State {
    in_flight: usize,
    had_a_request: bool,
    last: Instant,
}

impl Default for Activity {
    fn default() -> Self {
        Activity(Mutex::new(State { in_flight: 0, had_a_request: false, last: Instant::now() }))
    }
}

/// One request; dropped when it was answered or given up.
pub(super) struct InFlight(Arc<Activity>);

impl Activity {
    pub(super) fn begin(activity: &Arc<Activity>) -> InFlight {
        let mut state = activity.state();
        state.in_flight = state.in_flight.saturating_add(1);
        state.had_a_request = true;
        drop(state);
        InFlight(Arc::clone(activity))
    }

    /// Counts as used now.
    pub(super) fn touch(&self) {
        self.state().last = Instant::now();
    }

    /// When to ask [`Activity::is_idle`] next: a first request may come any time and change which period counts.
    pub(super) fn look_again_at(&self, before_first: Duration, between: Duration) -> Instant {
        let now = Instant::now();
        let shorter = now.checked_add(before_first.min(between)).unwrap_or(now);
        self.idle_at(before_first, between).min(shorter)
    }

    /// The earliest moment at which the connection can count as idle.
    fn idle_at(&self, before_first: Duration, between: Duration) -> Instant {
        let state = self.state();
        let allowed = if state.had_a_request { between } else { before_first };
        let since = if state.in_flight > 0 { Instant::now() } else { state.last };
        since.checked_add(allowed).unwrap_or(since)
    }

    pub(super) fn is_idle(&self, before_first: Duration, between: Duration) -> bool {
        self.idle_at(before_first, between) <= Instant::now()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        state.last = Instant::now();
    }
}
