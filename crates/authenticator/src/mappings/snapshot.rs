//! The index that lookups see, replaced whole when a backend's rules change.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use identity::mapping::NameError;
use identity::{Found, IdentityCheck, Index, KubernetesUser, Layer, Match, Principal, Rule, Rules, Source};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::BackendMode;
use crate::metrics::Metrics;

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
        /// Whether RAM's own id of the principal is the one that the mapping knows.
        identity: IdentityCheck,
    },
    /// A mapping wins, but makes no usable name of this principal, who is refused.
    Unusable {
        /// Where the mapping is written.
        source: Source,
        /// What is wrong with the name.
        error: NameError,
    },
    /// A mapping wins, but for another user or role of this name: RAM's own id is not the one it is pinned to
    /// or, with `--refuse-changed-principals`, not the recorded one. The principal is refused.
    PrincipalMismatch {
        /// Where the mapping is written.
        source: Source,
        /// [`IdentityCheck::PinMismatch`] or [`IdentityCheck::Changed`], with the id that is expected.
        identity: IdentityCheck,
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

/// What holds for all backends alike.
#[derive(Clone, Default)]
pub(super) struct Settings {
    /// Name prefixes that are reserved beside `system:`.
    pub(super) reserved_prefixes: Arc<[String]>,
    /// Refuse who has another id than the recorded one.
    pub(super) refuse_changed_principals: bool,
    /// Rules that come before those of all backends, and are known from the start.
    pub(super) break_glass: Vec<Rule>,
    /// Where failed reloads are counted.
    pub(super) metrics: Option<Metrics>,
}

struct Shared {
    snapshot: ArcSwap<Snapshot>,
    slots: Mutex<Vec<Slot>>,
    changed: Notify,
    generation: watch::Sender<u64>,
    break_glass: Option<Arc<Rules>>,
    settings: Settings,
}

#[derive(Default)]
struct Snapshot {
    index: Index,
    /// The backend of each of the index's layers; `None` for the break-glass.
    modes: Vec<Option<BackendMode>>,
    unsynced: Vec<BackendMode>,
    rules: usize,
}

struct Slot {
    mode: BackendMode,
    /// `None` until the backend has synced.
    rules: Option<RuleSet>,
    /// The rules arranged for lookups, and the version they had then.
    built: Option<(u64, Arc<Rules>)>,
    /// Grows with each change.
    version: u64,
}

impl Mappings {
    /// Makes the mappings of these backends, none of which has synced yet.
    #[cfg(test)]
    pub(super) fn new(modes: &[BackendMode]) -> Self {
        Self::with_settings(modes, Settings::default())
    }

    /// Makes the mappings of these backends, none of which has synced yet.
    pub(super) fn with_settings(modes: &[BackendMode], mut settings: Settings) -> Self {
        let slot = |&mode| Slot { mode, rules: None, built: None, version: 0 };
        let break_glass = std::mem::take(&mut settings.break_glass);
        let shared = Shared {
            snapshot: ArcSwap::default(),
            slots: Mutex::new(modes.iter().map(slot).collect()),
            changed: Notify::new(),
            generation: watch::Sender::new(0),
            break_glass: (!break_glass.is_empty())
                .then(|| Arc::new(Rules::build(break_glass.into_iter().map(Arc::new)))),
            settings,
        };
        let mappings = Self { shared: Arc::new(shared) };
        mappings.shared.rebuild();
        mappings
    }

    /// Finds the mapping that wins for the principal, and the Kubernetes user it makes.
    pub fn lookup(&self, principal: &Principal) -> Lookup {
        let snapshot = self.shared.snapshot.load();
        match snapshot.index.lookup(principal) {
            Found::Match(found) => self.judge(&found),
            Found::Nothing => Lookup::NotMapped,
            Found::Pending(place) => {
                // The index was built with one layer for each mode, and the break-glass is never pending.
                let backend = snapshot.modes.get(place).copied().flatten().unwrap_or(BackendMode::Crd);
                Lookup::NotReady { backend }
            }
        }
    }

    fn judge(&self, found: &Match<'_>) -> Lookup {
        let source = found.rule().source().clone();
        let identity = found.identity_check();
        let is_refused = match identity {
            IdentityCheck::PinMismatch { .. } => true,
            IdentityCheck::Changed { .. } => self.shared.settings.refuse_changed_principals,
            IdentityCheck::NotApplicable | IdentityCheck::First | IdentityCheck::Same => false,
        };
        if is_refused {
            return Lookup::PrincipalMismatch { source, identity };
        }
        match found.user() {
            Ok(user) => Lookup::Mapped { user, source, identity },
            Err(error) => Lookup::Unusable { source, error },
        }
    }

    /// Reads the index that lookups see now.
    pub fn with_index<T>(&self, read: impl FnOnce(&Index) -> T) -> T {
        read(&self.shared.snapshot.load().index)
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
        let mut last = Duration::ZERO..Duration::ZERO;
        let since = Instant::now();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.shared.changed.notified() => {}
            }
            tokio::time::sleep(pause_before_build(&last, since.elapsed())).await;
            let shared = Arc::clone(&self.shared);
            last.start = since.elapsed();
            if let Err(error) = tokio::task::spawn_blocking(move || shared.rebuild()).await {
                tracing::error!(%error, "the mapping index could not be built: the earlier one stays in force");
            }
            last.end = since.elapsed();
        }
    }

    /// Puts all changes in force now.
    pub(super) fn rebuild(&self) {
        self.shared.rebuild();
    }
}

/// How long a change waits that comes at `now`, after the `last` build. A stream of changes among very many mappings takes
/// half of one core, not all of it: between two builds there is as long a rest as the first took.
fn pause_before_build(last: &Range<Duration>, now: Duration) -> Duration {
    let rest = last.end.saturating_add(last.end.saturating_sub(last.start)).saturating_sub(now);
    DEBOUNCE.max(rest)
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
        if let Some(break_glass) = &self.break_glass {
            modes.push(None);
            rules = break_glass.len();
            layers.push(Layer::Built(Arc::clone(break_glass)));
        }
        // Not in the loop's head, where the lock would be held to the end of the loop.
        let count = self.slots().len();
        for place in 0..count {
            let Some((mode, built)) = self.build_slot(place) else { continue };
            modes.push(Some(mode));
            layers.push(match built {
                Some(built) => {
                    rules = rules.saturating_add(built.len());
                    Layer::Built(built)
                }
                None => {
                    unsynced.push(mode);
                    Layer::Pending
                }
            });
        }
        let index = Index::build(layers).reserving(Arc::clone(&self.settings.reserved_prefixes));
        self.snapshot.store(Arc::new(Snapshot { index, modes, unsynced, rules }));
        self.generation.send_modify(|generation| *generation = generation.saturating_add(1));
    }

    /// Arranges the rules of one backend, unless that was done since they changed last. The lock is not held
    /// meanwhile: backends go on telling their changes.
    fn build_slot(&self, place: usize) -> Option<(BackendMode, Option<Arc<Rules>>)> {
        let (mode, version, before, rules) = {
            let slots = self.slots();
            let slot = slots.get(place)?;
            let Some(rules) = &slot.rules else { return Some((slot.mode, None)) };
            match &slot.built {
                Some((version, built)) if *version == slot.version => {
                    return Some((slot.mode, Some(Arc::clone(built))));
                }
                before => {
                    let before = before.as_ref().map(|(_, built)| Arc::clone(built));
                    (slot.mode, slot.version, before, rules.values().cloned().collect::<Vec<_>>())
                }
            }
        };
        let built = Arc::new(before.unwrap_or_default().changed_to(rules));
        if let Some(slot) = self.slots().get_mut(place) {
            slot.built = Some((version, Arc::clone(&built)));
        }
        Some((mode, Some(built)))
    }
}

/// What a backend tells its rules to.
pub(super) struct Publisher {
    shared: Arc<Shared>,
    slot: usize,
}

impl Publisher {
    /// Replaces all rules of the backend, which counts as synced from now on.
    pub(super) fn replace(&self, mut rules: RuleSet) {
        self.change(|slot| {
            let Some(known) = slot else {
                *slot = Some(rules);
                return true;
            };
            // A list that is taken again brings the same rules as other objects: the index knows them by the old.
            let mut is_changed = rules.len() != known.len();
            for (object, rule) in &mut rules {
                match known.get(object) {
                    Some(old) if old == rule => *rule = Arc::clone(old),
                    _ => is_changed = true,
                }
            }
            *known = rules;
            is_changed
        });
    }

    /// Sets or, with `None`, removes the rule of one object. Without effect until the backend has synced, or
    /// where the rule is what it was.
    pub(super) fn set(&self, object: &str, rule: Option<Arc<Rule>>) {
        self.change(|slot| {
            let Some(rules) = slot else { return false };
            match rule {
                Some(rule) if rules.get(object) == Some(&rule) => false,
                Some(rule) => {
                    rules.insert(object.to_owned(), rule);
                    true
                }
                None => rules.remove(object).is_some(),
            }
        });
    }

    /// Tells the metrics whether what the backend found last could be read; else what it said before stays.
    pub(super) fn reloaded(&self, could_be_read: bool) {
        if let (Some(metrics), Some(mode)) = (&self.shared.settings.metrics, self.mode()) {
            metrics.backend_reloaded(mode.as_str(), could_be_read);
        }
    }

    /// Tells the metrics how many entries count for nothing.
    pub(super) fn skipped(&self, entries: usize) {
        if let (Some(metrics), Some(mode)) = (&self.shared.settings.metrics, self.mode()) {
            metrics.backend_skipped(mode.as_str(), entries);
        }
    }

    fn mode(&self) -> Option<BackendMode> {
        self.shared.slots().get(self.slot).map(|slot| slot.mode)
    }

    /// `change` says whether it has changed anything.
    fn change(&self, change: impl FnOnce(&mut Option<RuleSet>) -> bool) {
        let mut slots = self.shared.slots();
        let Some(slot) = slots.get_mut(self.slot) else { return };
        if change(&mut slot.rules) {
            slot.version = slot.version.wrapping_add(1);
            drop(slots);
            self.shared.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_waits_for_others_and_after_a_long_build_as_long_as_that_took() {
        let ms = Duration::from_millis;
        let pause = |from, to, now| pause_before_build(&(ms(from)..ms(to)), ms(now));
        assert_eq!(pause(0, 0, 0), DEBOUNCE);
        // A build of 60 ms that ended at 100.
        assert_eq!(pause(40, 100, 100), ms(60));
        assert_eq!(pause(40, 100, 130), ms(30));
        assert_eq!(pause(40, 100, 158), DEBOUNCE);
        assert_eq!(pause(40, 100, 10_000), DEBOUNCE);
    }
}
