//! RAM's own ids of those who log in: recorded at the first login of an exact mapping, and again where a later
//! login has another id, or where somebody else than the pinned one comes by a pattern. Every replica writes what it saw itself; the resource version in each patch keeps two
//! of them from overwriting each other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use identity::{Found, IdentityCheck, Index, Layer, Principal, Rule, Source};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::metrics::{OperatorMetrics, Written};
use super::write::{Fresh, Statuses};
use crate::custom_resource::names_one_principal;
use crate::mappings::BackendMode;

/// Logins that wait. More are forgotten: the next login of the same principal tells again.
const QUEUE: usize = 1024;
/// From one object to the next, at least: 50 a second.
const BETWEEN: Duration = Duration::from_millis(20);
/// A principal that was dealt with is not looked at again for so long; the watch brings what was written sooner.
const REMEMBER: Duration = Duration::from_secs(10);
const REMEMBERED: usize = 4096;
/// After a write for which a right is missing.
const PAUSE: Duration = Duration::from_secs(30);
/// Attempts where others write the same object.
const ATTEMPTS: u32 = 5;

/// Takes note of logins. Clones share it; the default one takes none.
#[derive(Clone, Debug, Default)]
pub struct LoginObserver(Option<Arc<Seen>>);

#[derive(Debug)]
struct Seen {
    logins: mpsc::Sender<Login>,
    metrics: OperatorMetrics,
}

/// A login that may have to be recorded.
#[derive(Debug)]
pub(super) struct Login {
    object: Arc<str>,
    principal: Principal,
    /// The id that the mapping knows; none where it knows none.
    expected: Option<String>,
}

impl LoginObserver {
    pub(super) fn new(metrics: OperatorMetrics) -> (LoginObserver, mpsc::Receiver<Login>) {
        let (logins, queue) = mpsc::channel(QUEUE);
        (LoginObserver(Some(Arc::new(Seen { logins, metrics }))), queue)
    }

    /// Tells of a principal whom the mapping at `source` matched, let in or refused for its id. Never blocks: where
    /// too many wait already, this one is forgotten.
    pub fn saw_login(&self, source: &Source, principal: &Principal, check: &IdentityCheck) {
        let Some(seen) = &self.0 else { return };
        let expected = match check {
            IdentityCheck::NotApplicable | IdentityCheck::Same => return,
            IdentityCheck::First => None,
            IdentityCheck::Changed { expected } | IdentityCheck::PinMismatch { expected } => {
                Some(expected.clone())
            }
        };
        if &*source.backend != BackendMode::Crd.as_str() {
            return;
        }
        let login = Login { object: Arc::clone(&source.object), principal: principal.clone(), expected };
        if seen.logins.try_send(login).is_err() {
            seen.metrics.recorded_id(Written::Dropped);
        }
    }
}

/// Writes what the observer saw.
pub(super) struct Recorder {
    pub(super) statuses: Statuses,
    pub(super) metrics: OperatorMetrics,
}

impl Recorder {
    /// Records until `shutdown`.
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Login>, shutdown: CancellationToken) {
        let _ = shutdown.run_until_cancelled(self.record_all(&mut queue)).await;
    }

    async fn record_all(&self, queue: &mut mpsc::Receiver<Login>) {
        let mut pace = tokio::time::interval(BETWEEN);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut done: HashMap<(Arc<str>, String, Option<String>), Instant> = HashMap::new();
        while let Some(login) = queue.recv().await {
            let key =
                (Arc::clone(&login.object), login.principal.user_id().to_owned(), login.expected.clone());
            if done.get(&key).is_some_and(|at| at.elapsed() < REMEMBER) {
                continue;
            }
            pace.tick().await;
            let result = self.record(&login).await;
            if let Some(result) = result {
                self.metrics.recorded_id(result);
            }
            if result == Some(Written::Denied) {
                tokio::time::sleep(PAUSE).await;
            }
            if done.len() >= REMEMBERED {
                done.clear();
            }
            done.insert(key, Instant::now());
        }
    }

    /// `None` where nothing is to be written.
    async fn record(&self, login: &Login) -> Option<Written> {
        for _ in 0..ATTEMPTS {
            match self.try_record(login).await {
                Ok(true) => return Some(Written::Done),
                Ok(false) => return None,
                Err(Written::Conflict) => {}
                Err(result) => return Some(result),
            }
        }
        Some(Written::Conflict)
    }

    async fn try_record(&self, login: &Login) -> Result<bool, Written> {
        let Some(fresh) = self.statuses.read(&login.object).await? else { return Ok(false) };
        let Some(status) = observation(&fresh, &login.principal) else { return Ok(false) };
        let version = fresh.object.metadata.resource_version.as_deref().unwrap_or_default();
        let patch = json!({"metadata": {"resourceVersion": version}, "status": status});
        self.statuses.patch(&login.object, &patch).await?;
        let (mapping, id) = (&*login.object, login.principal.user_id());
        match status.get("userID") {
            Some(_) => tracing::info!(mapping, id, "recorded RAM's id of whom the mapping names"),
            None => tracing::warn!(mapping, id, "somebody with another id than the mapping's logged in"),
        }
        Ok(true)
    }
}

/// What a login adds to the status. The object is weighed anew, as it is now: between the login and this
/// moment it may have come to name somebody else.
fn observation(fresh: &Fresh, principal: &Principal) -> Option<Value> {
    // A pattern has no first one, and with a pin it names the one whom it is pinned to.
    let is_wanted = |rule: &&Arc<Rule>| names_one_principal(rule) || rule.principal_id().is_some();
    let rule = fresh.checked.as_ref().ok().filter(is_wanted)?;
    let arn = rule.arn()?.to_string();
    let index = Index::build([Layer::Ready(vec![Arc::clone(rule)])]);
    let Found::Match(found) = index.lookup(principal) else { return None };
    let id = principal.user_id();
    match found.identity_check() {
        IdentityCheck::NotApplicable | IdentityCheck::Same => None,
        IdentityCheck::First
            if fresh.stated.is_of(Some(&arn)) && fresh.stated.changed_id.as_deref() != Some(id) =>
        {
            Some(json!({"userID": id}))
        }
        IdentityCheck::First => Some(json!({"canonicalARN": arn, "userID": id, "changedUserID": null})),
        // The first newcomer is proof enough: two who take turns cause no further write.
        IdentityCheck::Changed { .. } | IdentityCheck::PinMismatch { .. } => match &fresh.stated.changed_id {
            Some(_) if fresh.stated.is_of(Some(&arn)) => None,
            _ if fresh.stated.is_of(Some(&arn)) => Some(json!({"changedUserID": id})),
            _ => Some(json!({"canonicalARN": arn, "userID": null, "changedUserID": id})),
        },
    }
}
