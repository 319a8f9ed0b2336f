//! The index that lookups see, replaced whole when a backend's rules change.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use identity::mapping::NameError;
use identity::{Found, Index, KubernetesUser, Layer, Principal, Rule, Source};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::BackendMode;

/// How long a change waits for others before the index is built again. A thousand mappings applied
/// together cost a few builds, and a single one is in force after this time.
const DEBOUNCE: Duration = Duration::from_millis(5);

/// The rules of one backend by the name of their object.
pub(super) type RuleSet = BTreeMap<String, Arc<Rule>>;

/// All mappings of all backends. Clones share them; a lookup takes no lock.
#[derive(Clone)]
pub struct Mappings {
    shared: Arc<Shared>,
}

/// What is known about a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The mapping that wins, and the user it makes.
    Mapped {
        /// The user.
        user: KubernetesUser,
        /// Where the mapping is written.
        source: Source,
    },
    /// A mapping wins, but makes no usable name of this principal, who is refused.
    Unusable {
        /// Where the mapping is written.
        source: Source,
        /// What is wrong with the name.
        error: NameError,
    },
    /// No mapping matches.
    NotMapped,
    /// Nobody can tell yet: no backend that comes earlier maps the principal, and this one has not told its
    /// mappings since the start. To be answered with 503 and `Retry-After`, never with a refusal.
    NotReady {
        /// The backend that is waited for.
        backend: BackendMode,
    },
}

struct Shared {
    snapshot: ArcSwap<Snapshot>,
    slots: Mutex<Vec<Slot>>,
    changed: Notify,
    generation: watch::Sender<u64>,
}

#[derive(Default)]
struct Snapshot {
    index: Index,
    modes: Vec<BackendMode>,
    unsynced: Vec<BackendMode>,
    rules: usize,
}

struct Slot {
    mode: BackendMode,
    /// `None` until the backend has synced.
    rules: Option<RuleSet>,
}

impl Mappings {
    /// Makes the mappings of these backends, none of which has synced yet.
    pub(super) fn new(modes: &[BackendMode]) -> Self {
        let slots = modes.iter().map(|&mode| Slot { mode, rules: None }).collect();
        let shared = Shared {
            snapshot: ArcSwap::default(),
            slots: Mutex::new(slots),
            changed: Notify::new(),
            generation: watch::Sender::new(0),
        };
        let mappings = Self { shared: Arc::new(shared) };
        mappings.shared.rebuild();
        mappings
    }

    /// Finds the mapping that wins for the principal, and the Kubernetes user it makes.
    pub fn lookup(&self, principal: &Principal) -> Lookup {
        let snapshot = self.shared.snapshot.load();
        match snapshot.index.lookup(principal) {
            Found::Match(found) => {
                let source = found.rule().source().clone();
                match found.user() {
                    Ok(user) => Lookup::Mapped { user, source },
                    Err(error) => Lookup::Unusable { source, error },
                }
            }
            Found::Nothing => Lookup::NotMapped,
            Found::Pending(place) => {
                // The index was built with one layer for each mode, so the place is always known.
                let backend = snapshot.modes.get(place).copied().unwrap_or(BackendMode::Crd);
                Lookup::NotReady { backend }
            }
        }
    }

    /// Whether every backend has told its mappings at least once.
    pub fn synced(&self) -> bool {
        self.shared.snapshot.load().unsynced.is_empty()
    }

    /// The backends that have not told their mappings yet, in the order in which they are asked.
    pub fn unsynced(&self) -> Vec<BackendMode> {
        self.shared.snapshot.load().unsynced.clone()
    }

    /// How many rules are in force.
    pub fn rules(&self) -> usize {
        self.shared.snapshot.load().rules
    }

    /// A counter that grows each time the rules in force were replaced.
    pub fn generation(&self) -> watch::Receiver<u64> {
        self.shared.generation.subscribe()
    }

    pub(super) fn publisher(&self, slot: usize) -> Publisher {
        Publisher { shared: Arc::clone(&self.shared), slot }
    }

    /// Puts changes in force until `shutdown`.
    pub(super) async fn keep_current(self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.shared.changed.notified() => {}
            }
            tokio::time::sleep(DEBOUNCE).await;
            let shared = Arc::clone(&self.shared);
            if let Err(error) = tokio::task::spawn_blocking(move || shared.rebuild()).await {
                tracing::error!(%error, "the mapping index could not be built: the earlier one stays in force");
            }
        }
    }

    /// Puts all changes in force now.
    pub(super) fn rebuild(&self) {
        self.shared.rebuild();
    }
}

impl fmt::Debug for Mappings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.shared.snapshot.load();
        f.debug_struct("Mappings")
            .field("modes", &snapshot.modes)
            .field("unsynced", &snapshot.unsynced)
            .field("rules", &snapshot.rules)
            .finish()
    }
}

impl Shared {
    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        // Every change of a slot is a single assignment or map operation: a panic cannot leave half of one.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rebuild(&self) {
        let (mut modes, mut unsynced, mut rules, mut layers) = (Vec::new(), Vec::new(), 0usize, Vec::new());
        for slot in self.slots().iter() {
            modes.push(slot.mode);
            layers.push(match &slot.rules {
                Some(set) => {
                    rules = rules.saturating_add(set.len());
                    Layer::Ready(set.values().cloned().collect())
                }
                None => {
                    unsynced.push(slot.mode);
                    Layer::Pending
                }
            });
        }
        let snapshot = Snapshot { index: Index::build(layers), modes, unsynced, rules };
        self.snapshot.store(Arc::new(snapshot));
        self.generation.send_modify(|generation| *generation = generation.saturating_add(1));
    }
}

/// What a backend tells its rules to.
pub(super) struct Publisher {
    shared: Arc<Shared>,
    slot: usize,
}

impl Publisher {
    /// Replaces all rules of the backend, which counts as synced from now on.
    pub(super) fn replace(&self, rules: RuleSet) {
        self.change(|slot| *slot = Some(rules));
    }

    /// Sets or, with `None`, removes the rule of one object. Without effect until the backend has synced.
    pub(super) fn set(&self, object: &str, rule: Option<Arc<Rule>>) {
        self.change(|slot| {
            let Some(rules) = slot else { return };
            match rule {
                Some(rule) => rules.insert(object.to_owned(), rule),
                None => rules.remove(object),
            };
        });
    }

    fn change(&self, change: impl FnOnce(&mut Option<RuleSet>)) {
        if let Some(slot) = self.shared.slots().get_mut(self.slot) {
            change(&mut slot.rules);
        }
        self.shared.changed.notify_one();
    }
}
