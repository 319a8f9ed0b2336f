//! When a connection was last of use.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// The requests of one connection.
pub(super) struct Activity {
    state: Mutex<State>,
    first: Notify,
}

struct State {
    in_flight: usize,
    had_a_request: bool,
    last: Instant,
}

impl Default for Activity {
    fn default() -> Self {
        let state = State { in_flight: 0, had_a_request: false, last: Instant::now() };
        Activity { state: Mutex::new(state), first: Notify::new() }
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
        activity.first.notify_one();
        InFlight(Arc::clone(activity))
    }

    pub(super) fn had_a_request(&self) -> bool {
        self.state().had_a_request
    }

    /// Waits for a request, unless there was one already.
    pub(super) async fn first_request(&self) {
        while !self.had_a_request() {
            self.first.notified().await;
        }
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        state.last = Instant::now();
    }
}
