//! Conditions and Events, written by the replica that holds the lease: on change only, and limited in rate.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use cluster::Clock;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::events::Events;
use super::metrics::{OperatorMetrics, Written};
use super::write::Statuses;
use crate::custom_resource::{Entry, MappingObject, Objects, Reason, Stated, Verdict, patch};
use crate::mappings::Mappings;

/// From one write to the next, at least: 50 a second.
const BETWEEN: Duration = Duration::from_millis(20);
/// How long changes are collected before all mappings are weighed.
const SETTLE: Duration = Duration::from_millis(300);
/// Weighing takes no more than a tenth of one processor.
const SHARE: u32 = 10;
/// After a write that could not be done.
const PAUSE: Duration = Duration::from_secs(5);
/// Entries that are copied under one lock.
const PAGE: usize = 500;

/// Writes what has changed.
pub(super) struct Writer {
    pub(super) statuses: Statuses,
    pub(super) events: Events,
    pub(super) objects: Objects,
    pub(super) mappings: Mappings,
    pub(super) refuse_changed: bool,
    pub(super) clock: Clock,
    pub(super) metrics: OperatorMetrics,
}

/// When the state of things has changed since it was looked at.
struct Changes {
    objects: watch::Receiver<u64>,
    rules: watch::Receiver<u64>,
}

impl Changes {
    fn any(&self) -> bool {
        self.objects.has_changed().unwrap_or(false) || self.rules.has_changed().unwrap_or(false)
    }

    fn seen(&mut self) {
        self.objects.mark_unchanged();
        self.rules.mark_unchanged();
    }

    async fn wait(&mut self) {
        // A sender that is gone will never change anything: the shutdown ends the wait.
        tokio::select! {
            Ok(()) = self.objects.changed() => {}
            Ok(()) = self.rules.changed() => {}
            else => std::future::pending().await,
        }
    }
}

impl Writer {
    /// Writes while `leading` says so, until `shutdown`.
    pub(super) async fn run(self, mut leading: watch::Receiver<bool>, shutdown: CancellationToken) {
        let writer = Arc::new(self);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                led = leading.wait_for(|leading| *leading) => if led.is_err() { return },
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = leading.wait_for(|leading| !*leading) => {}
                () = Arc::clone(&writer).lead() => {}
            }
            writer.count(&[]);
        }
    }

    /// Never ends by itself.
    async fn lead(self: Arc<Self>) {
        let mut changes = Changes { objects: self.objects.version(), rules: self.mappings.generation() };
        // A winner of a backend that has not told its mappings yet would be overlooked.
        while !self.mappings.synced() {
            changes.wait().await;
        }
        let mut pace = tokio::time::interval(BETWEEN);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut pending, mut next) = (VecDeque::new(), Instant::now());
        let mut is_stale = true;
        loop {
            is_stale = is_stale || changes.any();
            if is_stale && (pending.is_empty() || next <= Instant::now()) {
                tokio::time::sleep(next.saturating_duration_since(Instant::now()).max(SETTLE)).await;
                changes.seen();
                let begun = Instant::now();
                pending = Arc::clone(&self).weigh_all().await;
                let (now, pause) = (Instant::now(), begun.elapsed().saturating_mul(SHARE));
                next = now.checked_add(pause).unwrap_or(now);
                is_stale = false;
            }
            let Some(name) = pending.pop_front() else {
                changes.wait().await;
                is_stale = true;
                continue;
            };
            pace.tick().await;
            match self.write(&name).await {
                Written::Done => {}
                Written::Conflict | Written::Dropped => is_stale = true,
                Written::Denied | Written::Pruned | Written::Failed => {
                    tokio::time::sleep(PAUSE).await;
                    is_stale = true;
                }
            }
        }
    }

    /// The names of all objects whose status is not right, those first that are not ready.
    async fn weigh_all(self: Arc<Self>) -> VecDeque<Arc<str>> {
        let weighing = tokio::task::spawn_blocking(move || {
            let (mut faulty, mut fine) = (VecDeque::new(), VecDeque::new());
            let mut counts = [0usize; Reason::ALL.len()];
            let mut last = None;
            loop {
                let page = self.objects.page(last.as_ref(), PAGE);
                let Some((name, _)) = page.last() else { break };
                last = Some(Arc::clone(name));
                for (name, entry) in page {
                    let verdict = self.weigh(&entry);
                    if let Some(count) = Reason::ALL
                        .iter()
                        .position(|reason| *reason == verdict.reason)
                        .and_then(|place| counts.get_mut(place))
                    {
                        *count = count.saturating_add(1);
                    }
                    if is_wrong(&entry, &verdict) {
                        if verdict.is_ready() { fine.push_back(name) } else { faulty.push_back(name) }
                    }
                }
            }
            self.count(&counts);
            faulty.append(&mut fine);
            faulty
        });
        weighing.await.unwrap_or_default()
    }

    fn count(&self, counts: &[usize]) {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            self.metrics.mappings(reason, counts.get(place).copied().unwrap_or_default());
        }
    }

    fn weigh(&self, entry: &Entry) -> Verdict {
        let shadow = entry.checked.as_ref().ok().and_then(|rule| {
            self.mappings.with_index(|index| index.shadowed_by(rule).map(|winner| winner.source().clone()))
        });
        Verdict::of(&entry.checked, entry.changed_id.as_deref(), shadow.as_ref(), self.refuse_changed)
    }

    /// Reads the object afresh and, where its status is not right, patches it.
    async fn write(&self, name: &str) -> Written {
        let result = match self.try_write(name).await {
            Ok(None) => return Written::Done,
            Ok(Some(())) => Written::Done,
            Err(result) => result,
        };
        self.metrics.status_write(result);
        result
    }

    async fn try_write(&self, name: &str) -> Result<Option<()>, Written> {
        let Some(fresh) = self.statuses.read(name).await? else { return Ok(None) };
        let entry = Entry::of(&fresh.object, fresh.checked);
        let verdict = self.weigh(&entry);
        let version = fresh.object.metadata.resource_version.as_deref().unwrap_or_default();
        let now = self.clock.now();
        let Some(patch) = patch(&fresh.stated, &verdict, &entry.checked, entry.generation, version, now)
        else {
            self.objects.set(name, Some(entry));
            return Ok(None);
        };
        let stored = self.statuses.patch(name, &patch).await?;
        if !Stated::of(&stored.data).has_ready() {
            self.pruned();
            return Err(Written::Pruned);
        }
        let is_news = entry.fingerprint != Some(verdict.fingerprint());
        // The watch will say the same: nobody has to look at it again.
        self.objects.set(name, Some(Entry::of(&stored, entry.checked)));
        if is_news && !verdict.is_ready() {
            self.tell(&stored, &verdict).await;
        }
        Ok(Some(()))
    }

    async fn tell(&self, object: &MappingObject, verdict: &Verdict) {
        let result = self.events.warn(object, verdict, self.clock.now()).await;
        self.metrics.event(result);
    }

    fn pruned(&self) {
        static TOLD: std::sync::Once = std::sync::Once::new();
        TOLD.call_once(|| {
            tracing::error!(
                "the installed CustomResourceDefinition {} is of another version, without status.conditions: apply \
                 the file under crds/; until then no mapping tells how it is; logins go on",
                resource::CRD_NAME
            );
        });
    }
}

fn is_wrong(entry: &Entry, verdict: &Verdict) -> bool {
    !entry.is_current
        || entry.observed_generation != Some(entry.generation)
        || entry.fingerprint != Some(verdict.fingerprint())
        || is_accepted_newcomer(entry)
}

/// `spec.principalID` has become the id of the newcomer: the ids in the status follow.
fn is_accepted_newcomer(entry: &Entry) -> bool {
    let pin = entry.checked.as_ref().ok().and_then(|rule| rule.principal_id());
    entry.changed_id.is_some() && pin == entry.changed_id.as_deref()
}
