//! Whether this server can do its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use crate::mappings::{BackendMode, Mappings};
use crate::metrics::Metrics;

/// Ready: the listener answers, every backend has told its mappings, and nobody has asked to stop.
#[derive(Clone, Debug)]
pub struct Readiness {
    serving: Arc<AtomicBool>,
    stopping: CancellationToken,
    mappings: Mappings,
    backends: Vec<BackendMode>,
}

impl Readiness {
    /// Not ready until [`Readiness::serving`].
    pub fn new(mappings: Mappings, backends: Vec<BackendMode>, stopping: CancellationToken) -> Readiness {
        Readiness { serving: Arc::default(), stopping, mappings, backends }
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
        let unsynced = self.mappings.unsynced();
        missing.extend(
            unsynced.iter().map(|backend| format!("mappings of backend {backend} are not known yet")),
        );
        missing
    }

    /// Puts the state of the mappings into the metrics.
    pub fn measure(&self, metrics: &Metrics) {
        let unsynced = self.mappings.unsynced();
        for backend in &self.backends {
            metrics.backend_synced(backend.as_str(), !unsynced.contains(backend));
        }
        metrics.mapping_rules(self.mappings.rules());
    }
}
