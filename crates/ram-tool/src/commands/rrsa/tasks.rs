//! Waiting for what Container Service does, which takes minutes.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use openapi::Credentials;
use openapi::api::ApiError;
use openapi::cs::{self, Cluster, ClusterLog, Task, TaskId, TaskState};

use super::session::Session;
use crate::cluster_id::ClusterId;
use crate::credentials;
use crate::error::{Error, RrsaError};
use crate::network;
use crate::progress::{Progress, long_progress};
use crate::visible::visible;
use crate::world::World;

/// How long a change may take: the public tool's limit.
pub(super) const LIMIT: SignedDuration = SignedDuration::from_mins(15);
/// The state of a cluster in which it can be changed.
pub(super) const RUNNING: &str = "running";
/// A task that was made just now may not be known everywhere yet.
const NEW: SignedDuration = SignedDuration::from_secs(30);
/// How long a cluster may be running again before it counts that nothing has changed.
const GRACE: SignedDuration = SignedDuration::from_mins(1);
/// How often a log tells that the wait goes on.
const NEWS: SignedDuration = SignedDuration::from_mins(1);
/// Credentials that end sooner are renewed where that is possible.
const RENEWAL: SignedDuration = SignedDuration::from_mins(1);
pub(super) const MAX_STATE_CHARS: usize = 40;
const MAX_LOG_CHARS: usize = 300;

/// Something that Container Service does, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Work {
    /// `enable RRSA for`, before `cluster c1`.
    pub(super) verb: &'static str,
    /// `enabling RRSA`.
    pub(super) doing: &'static str,
    /// What a line of the cluster's log has in it that tells of its failure.
    pub(super) failure: [&'static str; 2],
}

/// A wait, shown to the person.
pub(super) struct Watch<'s, 'a> {
    session: &'s Session<'a>,
    cluster: &'s ClusterId,
    pub(super) work: Work,
    since: Cell<Timestamp>,
    begun: Cell<bool>,
    credentials: RefCell<Credentials>,
    progress: Progress,
    pauses: Cell<u32>,
    told: Cell<Timestamp>,
}

impl<'s, 'a> Watch<'s, 'a> {
    pub(super) fn start(session: &'s Session<'a>, cluster: &'s ClusterId, work: Work) -> Self {
        let now = session.now();
        Self {
            session,
            cluster,
            work,
            since: Cell::new(now),
            begun: Cell::new(false),
            credentials: RefCell::new(session.credentials.clone()),
            progress: long_progress(work.doing, session.world.stderr_is_terminal),
            pauses: Cell::new(0),
            told: Cell::new(now),
        }
    }

    /// The cluster, once nothing is under way in it. What an earlier run of this command has begun is waited for.
    pub(super) fn settled(&self) -> Result<Cluster, Error> {
        let mut cluster = self.cluster()?;
        if !passes(&cluster.state) {
            return Ok(cluster);
        }
        let state = cut(&cluster.state, MAX_STATE_CHARS);
        self.session.log.info(&format!(
            "cluster {} is {state}, perhaps by an earlier run of this command: waiting until that is over",
            self.cluster
        ));
        self.begin_with("interrupted: what is under way goes on, and nothing was begun by this run");
        while passes(&cluster.state) {
            self.pause(&format!("the cluster is {}", cut(&cluster.state, MAX_STATE_CHARS)))?;
            cluster = self.cluster()?;
        }
        self.end();
        Ok(cluster)
    }

    /// The cluster now.
    fn cluster(&self) -> Result<Cluster, Error> {
        let id = self.cluster.as_str();
        self.answer(async |cs, keys, now| cs.cluster(id, keys, now).await)
    }

    /// A change begins: from here on the limit counts, faults that pass are waited out, and Ctrl-C says that it goes on.
    pub(super) fn begin(&self) {
        self.begin_with(&format!(
            "interrupted: {} of cluster {} goes on where it has begun; run the same command again, which waits for it",
            self.work.doing, self.cluster
        ));
    }

    fn begin_with(&self, last_words: &str) {
        (self.session.world.last_words)(last_words);
        self.begun.set(true);
        self.since.set(self.session.now());
        self.pauses.set(0);
    }

    fn end(&self) {
        if self.begun.replace(false) {
            (self.session.world.last_words)("");
        }
    }

    /// Waits until a task is over. One that cannot be read, or is in a state that nobody knows, is left to what can be
    /// seen of the cluster.
    pub(super) fn task_ended(&self, id: &TaskId) -> Result<(), Error> {
        let why = loop {
            let now = self.session.now();
            match self.once(async |cs, keys| cs.task(id, keys, now).await)? {
                Err(error) if error.is_passing() => self.unanswered(&error)?,
                Err(error) if error.status() == Some(404) && self.waited() < NEW => {
                    self.pause("its task is not known yet")?;
                }
                Err(error) => break error.to_string(),
                Ok(task) => match &task.state {
                    TaskState::Success => return Ok(()),
                    TaskState::Running => self.pause("its task is running")?,
                    TaskState::Failed | TaskState::Timeout | TaskState::Canceled => {
                        return Err(self.failed(id, &task).into());
                    }
                    other => {
                        break format!(
                            "it is {}, which is not known here",
                            cut(other.as_str(), MAX_STATE_CHARS)
                        );
                    }
                },
            }
        };
        self.session.log.warn(&format!("watching cluster {} instead of task {id}: {why}", self.cluster));
        Ok(())
    }

    /// Waits until the cluster is running, and as it is wanted.
    pub(super) fn changed(&self, wanted: impl Fn(&Cluster) -> bool) -> Result<Cluster, Error> {
        let mut idle_since = None;
        loop {
            let cluster = self.cluster()?;
            let state = cut(&cluster.state, MAX_STATE_CHARS);
            if cluster.state == RUNNING && wanted(&cluster) {
                return Ok(cluster);
            }
            if passes(&cluster.state) {
                idle_since = None;
            } else {
                let now = self.session.now();
                if now.duration_since(*idle_since.get_or_insert(now)) >= GRACE {
                    let (what, reason) = (self.work.verb, self.reason(""));
                    return Err(RrsaError::NoEffect {
                        what,
                        cluster: self.cluster.to_string(),
                        state,
                        reason,
                    }
                    .into());
                }
            }
            self.pause(&format!("the cluster is {state}"))?;
        }
    }

    /// An answer. Once something has begun, a fault that passes is waited out: it does not end a wait of minutes.
    pub(super) fn answer<T>(
        &self,
        call: impl AsyncFn(&cs::Client, &Credentials, Timestamp) -> Result<T, ApiError>,
    ) -> Result<T, Error> {
        loop {
            match self.once(async |cs, keys| call(cs, keys, self.session.now()).await)? {
                Ok(answer) => return Ok(answer),
                Err(error) if !self.begun.get() => return Err(error.into()),
                Err(error) if error.is_passing() => self.unanswered(&error)?,
                Err(error) => return Err(self.unwatched(error.into())),
            }
        }
    }

    fn unanswered(&self, error: &ApiError) -> Result<(), Error> {
        self.session.log.debug(|| error.to_string());
        self.pause("Container Service does not answer")
    }

    /// One call, whatever comes of it; the wait is shown already.
    pub(super) fn once<T>(
        &self,
        call: impl AsyncFnOnce(&cs::Client, &Credentials) -> Result<T, ApiError>,
    ) -> Result<Result<T, ApiError>, Error> {
        self.renew()?;
        let world = World { stderr_is_terminal: false, ..*self.session.world };
        let credentials = self.credentials.borrow();
        network::run(self.work.doing, &world, call(&self.session.cs, &credentials))
    }

    /// Temporary credentials can end before the wait does.
    fn renew(&self) -> Result<(), Error> {
        let session = self.session;
        let ends = self.credentials.borrow().expiration;
        let Some(left) = ends.map(|end| end.duration_since(session.now())) else { return Ok(()) };
        if left > RENEWAL {
            return Ok(());
        }
        let world = World { stderr_is_terminal: false, ..*session.world };
        match credentials::get(session.settings, &world, session.log) {
            Ok(new) => *self.credentials.borrow_mut() = new,
            Err(error) if left > SignedDuration::ZERO => {
                session.log.debug(|| format!("the credentials cannot be renewed yet: {error}"));
            }
            Err(error) if self.begun.get() => return Err(self.unwatched(error)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn waited(&self) -> SignedDuration {
        self.session.now().duration_since(self.since.get())
    }

    /// Lets some time pass, and says what is waited for.
    pub(super) fn pause(&self, seen: &str) -> Result<(), Error> {
        let Work { doing, .. } = self.work;
        let (now, cluster) = (self.session.now(), self.cluster);
        if self.waited() >= LIMIT {
            return Err(RrsaError::Slow {
                cluster: cluster.to_string(),
                what: doing,
                minutes: LIMIT.as_mins(),
                seen: seen.to_owned(),
            }
            .into());
        }
        self.progress.say(&format!("{doing}: {seen}"));
        if !self.session.world.stderr_is_terminal && now.duration_since(self.told.get()) >= NEWS {
            self.told.set(now);
            let seconds = self.waited().as_secs();
            self.session.log.info(&format!("cluster {cluster}: {doing} goes on, {seen}, {seconds} s so far"));
        }
        let number = self.pauses.get();
        self.pauses.set(number.saturating_add(1));
        (self.session.world.sleep)(pause(number));
        Ok(())
    }

    fn unwatched(&self, source: Error) -> Error {
        let source = Box::new(source);
        RrsaError::Unwatched { cluster: self.cluster.to_string(), what: self.work.doing, source }.into()
    }

    fn failed(&self, id: &TaskId, task: &Task) -> RrsaError {
        let said = task.error.clone().unwrap_or_default();
        RrsaError::Task {
            what: self.work.verb,
            cluster: self.cluster.to_string(),
            task: id.to_string(),
            state: task.state.as_str().to_owned(),
            reason: self.reason(&[said.code, said.message].join(" ")),
        }
    }

    /// Why it failed, in Container Service's words: the newest line of the cluster's log that tells of it, else what the
    /// task says.
    fn reason(&self, of_task: &str) -> String {
        let (id, now) = (self.cluster.as_str(), self.session.now());
        let log = self.once(async |cs, keys| cs.cluster_logs(id, keys, now).await);
        let line = match &log {
            Ok(Ok(lines)) => newest(lines, self.work.failure),
            Ok(Err(error)) => {
                self.session.log.warn(&format!("the log of cluster {id} cannot be read: {error}"));
                None
            }
            Err(_) => None,
        };
        let said = |text: &str| match cut(text.trim(), MAX_LOG_CHARS).as_str() {
            "" => String::new(),
            text => format!(": {text:?}"),
        };
        match line {
            // The line of an earlier failure is told by its time.
            Some(ClusterLog { cluster_log, created, .. }) if !created.is_empty() => {
                format!("{} (logged at {})", said(cluster_log), cut(created, MAX_STATE_CHARS))
            }
            Some(line) => said(&line.cluster_log),
            None => said(of_task),
        }
    }
}

impl Drop for Watch<'_, '_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// 1, 2, 4, 8, 15, 15, … seconds.
fn pause(number: u32) -> Duration {
    Duration::from_secs(1_u64.checked_shl(number).unwrap_or(u64::MAX).min(15))
}

/// States of a cluster that pass by themselves ("Cluster states").
fn passes(state: &str) -> bool {
    matches!(state, "updating" | "scaling" | "upgrading" | "draining" | "removing" | "initial")
}

/// The newest line that has both words in it.
fn newest<'l>(log: &'l [ClusterLog], words: [&str; 2]) -> Option<&'l ClusterLog> {
    log.iter()
        .filter(|line| words.iter().all(|word| line.cluster_log.contains(word)))
        // The first of several without a number: Container Service gives the newest first.
        .rev()
        .max_by_key(|line| line.id)
}

/// What a service says, for a message.
pub(super) fn cut(text: &str, chars: usize) -> String {
    visible(text).chars().take(chars).collect()
}

#[cfg(test)]
mod tests;
