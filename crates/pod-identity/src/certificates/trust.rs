//! What is known of whether API servers accept what is served, and the lines about it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Whether what is served is trusted; a clone knows the same.
#[derive(Clone, Debug)]
pub struct Trust(Arc<Mutex<Option<String>>>);

impl Trust {
    pub(super) fn new() -> Trust {
        Trust(Arc::new(Mutex::new(Some("certificates were not looked at yet".to_owned()))))
    }

    /// What is missing until API servers can connect, on one line for readiness; none when they can.
    pub fn missing(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, missing: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = missing;
    }
}

/// Says what is wrong once, and once that it is no more.
#[derive(Debug, Default)]
pub(super) struct Said(BTreeMap<&'static str, String>);

impl Said {
    /// `problem` is about `object`, and is not as it was; none: all is well.
    pub(super) fn about(&mut self, object: &'static str, problem: Option<String>) {
        match problem {
            Some(problem) if self.0.get(object) == Some(&problem) => {}
            Some(problem) => {
                tracing::error!("{problem}");
                self.0.insert(object, problem);
            }
            None => {
                if self.0.remove(object).is_some() {
                    tracing::info!(object, "is as it should be again");
                }
            }
        }
    }
}
