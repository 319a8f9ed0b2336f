//! Whether this server can do its work.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use crate::lookup::Lookup;

/// Ready: the listener answers with a certificate that API servers trust, namespaces and service accounts are known, and
/// nobody has asked to stop.
#[derive(Clone)]
pub struct Readiness {
    serving: Arc<AtomicBool>,
    stopping: CancellationToken,
    lookup: Lookup,
    trust: Arc<dyn Fn() -> Option<String> + Send + Sync>,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("serving", &self.serving).finish_non_exhaustive()
    }
}

impl Readiness {
    /// Not ready until [`Readiness::serving`]. `trust` says what is missing until API servers trust the certificate.
    pub fn new(
        lookup: Lookup,
        trust: impl Fn() -> Option<String> + Send + Sync + 'static,
        stopping: CancellationToken,
    ) -> Readiness {
        Readiness { serving: Arc::default(), stopping, lookup, trust: Arc::new(trust) }
    }

    /// The listener answers from now on.
    pub fn serving(&self) {
        self.serving.store(true, Ordering::Relaxed);
    }

    /// What is missing, a phrase each; empty when ready.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.stopping.is_cancelled() {
            missing.push("the server is stopping".to_owned());
        } else if !self.serving.load(Ordering::Relaxed) {
            missing.push("the listener is not up yet".to_owned());
        }
        missing.extend(self.missing_to_serve());
        missing
    }

    /// What is missing apart from the listener.
    pub fn missing_to_serve(&self) -> Vec<String> {
        let unsynced = self.lookup.unsynced();
        let mut missing: Vec<String> = unsynced
            .iter()
            .map(|objects| format!("the {objects} of the cluster are not known yet"))
            .collect();
        missing.extend((self.trust)());
        missing
    }
}
