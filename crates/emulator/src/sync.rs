//! A lock that a panicking test cannot poison.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mutex whose data stays in use after a panic elsewhere: every critical section here leaves it consistent.
#[derive(Debug, Default)]
pub(crate) struct Guarded<T>(Mutex<T>);

impl<T> Guarded<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
