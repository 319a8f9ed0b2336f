//! The rigs of a run: started when they are needed, lent to one scenario at a time.

use std::ops::Deref;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use e2e::rig::Rig;

use crate::Outcome;

/// How many scenarios the end of the run names for the time they took.
const SLOWEST: usize = 8;

/// So many rigs at most.
pub(crate) struct Rigs {
    limit: usize,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Rig>,
    /// Those that are idle, lent or starting.
    started: usize,
    took: Vec<(Duration, &'static str)>,
}

/// A rig that goes back when this is dropped, whatever became of the scenario.
pub(crate) struct Lent<'a> {
    rigs: &'a Rigs,
    rig: Option<Rig>,
}

impl Deref for Lent<'_> {
    type Target = Rig;

    fn deref(&self) -> &Rig {
        self.rig.as_ref().expect("it is taken out by the drop alone")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.rigs.state().idle.extend(self.rig.take());
        self.rigs.returned.notify_all();
    }
}

impl Rigs {
    pub(crate) fn new(limit: usize) -> Rigs {
        Rigs { limit, state: Mutex::default(), returned: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.returned.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// One that is idle, a new one, or the next that is given back.
    pub(crate) fn take(&self) -> e2e::Result<Lent<'_>> {
        let mut state = self.state();
        loop {
            if let Some(rig) = state.idle.pop() {
                return Ok(Lent { rigs: self, rig: Some(rig) });
            }
            if state.started < self.limit {
                state.started += 1;
                drop(state);
                return match Rig::start() {
                    Ok(rig) => Ok(Lent { rigs: self, rig: Some(rig) }),
                    Err(error) => {
                        self.state().started -= 1;
                        self.returned.notify_all();
                        Err(error)
                    }
                };
            }
            state = self.wait(state);
        }
    }

    /// All that were started, once no scenario has one any more; a new one where there is none.
    pub(crate) fn take_all(&self) -> e2e::Result<Vec<Lent<'_>>> {
        let mut state = self.state();
        while state.idle.len() < state.started {
            state = self.wait(state);
        }
        let all = std::mem::take(&mut state.idle);
        drop(state);
        if all.is_empty() {
            return Ok(vec![self.take()?]);
        }
        Ok(all.into_iter().map(|rig| Lent { rigs: self, rig: Some(rig) }).collect())
    }

    /// Runs a scenario, and remembers how long it took.
    pub(crate) fn timed(&self, name: &'static str, scenario: impl FnOnce() -> Outcome) -> Outcome {
        let start = Instant::now();
        let outcome = scenario();
        self.state().took.push((start.elapsed(), name));
        outcome
    }

    /// Ends every process; logs stay only when something failed.
    pub(crate) fn end(&self, has_failed: bool) {
        let (rigs, mut took) = {
            let mut state = self.state();
            (std::mem::take(&mut state.idle), std::mem::take(&mut state.took))
        };
        took.sort();
        if took.len() > 1 {
            eprintln!("the slowest:");
            for (time, name) in took.iter().rev().take(SLOWEST) {
                eprintln!("  {:6.1} s  {name}", time.as_secs_f32());
            }
        }
        for rig in rigs {
            if has_failed {
                eprintln!("logs are kept in {}", rig.run().logs().display());
            } else {
                rig.run().forget_logs();
            }
        }
    }
}
