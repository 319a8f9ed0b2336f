//! What Container Service knows: clusters, tasks, logs and who was active.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::activity::UserActivity;
use super::cluster::{CheckedCluster, ClusterError};
use super::task::{Effect, Task};
use super::{errors, rrsa};
use crate::directory::Directory;
use crate::error::ApiError;
use crate::principal::Identity;

/// Most tasks that are remembered; the oldest are forgotten first.
const MAX_TASKS: usize = 10_000;
/// Most lines of a cluster's log that are kept.
const MAX_LOG: usize = 1_000;

/// A cluster and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) description: CheckedCluster,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) log: VecDeque<LogLine>,
    /// How many lines the log has had: the id of the newest.
    logged: u64,
    /// What the next task is to fail with.
    pub(crate) next_failure: Option<String>,
}

/// A line of a cluster's log.
#[derive(Clone, Debug)]
pub(crate) struct LogLine {
    pub(crate) id: u64,
    pub(crate) text: String,
    pub(crate) at: Timestamp,
}

/// Everything, behind one lock.
#[derive(Debug, Default)]
pub(crate) struct Store {
    /// By id, so that lists have one order.
    pub(crate) clusters: BTreeMap<String, Entry>,
    pub(crate) tasks: VecDeque<Task>,
    /// By cluster id and the user's or role's id.
    pub(crate) activity: BTreeMap<(String, String), UserActivity>,
}

impl Entry {
    pub(crate) fn log(&mut self, text: String, at: Timestamp) {
        self.logged = self.logged.saturating_add(1);
        self.log.push_back(LogLine { id: self.logged, text, at });
        if self.log.len() > MAX_LOG {
            self.log.pop_front();
        }
    }
}

impl Store {
    pub(crate) fn add(&mut self, description: CheckedCluster, now: Timestamp) -> Result<(), ClusterError> {
        let id = description.cluster.id.clone();
        if self.clusters.contains_key(&id) {
            return Err(ClusterError::Taken(id));
        }
        let entry = Entry {
            description,
            created: now,
            updated: now,
            log: VecDeque::new(),
            logged: 0,
            next_failure: None,
        };
        self.clusters.insert(id, entry);
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        self.tasks.retain(|task| task.cluster_id != id);
        self.activity.retain(|(cluster, _), _| cluster != id);
        self.clusters.remove(id).is_some()
    }

    /// The caller's cluster of this id. Those of other accounts are not there for it: whether an id exists elsewhere
    /// is nobody's business.
    pub(crate) fn cluster(&mut self, id: &str, caller: &Identity) -> Result<&mut Entry, ApiError> {
        self.clusters
            .get_mut(id)
            .filter(|entry| entry.description.cluster.account == caller.account_id())
            .ok_or_else(|| errors::no_such_cluster(id))
    }

    pub(crate) fn remember(&mut self, task: Task) {
        self.tasks.push_back(task);
        if self.tasks.len() > MAX_TASKS {
            self.tasks.pop_front();
        }
    }

    /// Lets the tasks of a cluster that are under way end now: as they would, or with this failure.
    pub(crate) fn end_tasks(&mut self, cluster_id: &str, failure: Option<&str>, now: Timestamp) {
        for task in self.tasks.iter_mut().filter(|task| !task.settled && task.cluster_id == cluster_id) {
            task.ends = task.ends.min(now);
            if let Some(failure) = failure {
                task.failure = Some(failure.to_owned());
            }
        }
    }

    /// Lets every task whose time has come have its effect. The directory has the OIDC providers of clusters.
    pub(crate) fn settle(&mut self, now: Timestamp, directory: &Directory) {
        let due = |task: &&mut Task| !task.settled && task.ends <= now;
        for task in self.tasks.iter_mut().filter(due) {
            task.settled = true;
            let Some(entry) = self.clusters.get_mut(&task.cluster_id) else { continue };
            entry.updated = task.ends;
            if let Some(state) = &task.previous_state {
                state.clone_into(&mut entry.description.cluster.state);
            }
            if task.failure.is_none() && matches!(task.effect, Effect::Rrsa(true)) {
                task.failure = rrsa::register(&entry.description, directory, task.ends).err();
            }
            let cluster = &mut entry.description.cluster;
            if let Some(failure) = &task.failure {
                let line = format!("Failed to {}: {failure}", task.effect.in_words());
                entry.log(line, task.ends);
                continue;
            }
            match &task.effect {
                Effect::Rrsa(true) => cluster.rrsa = true,
                Effect::Rrsa(false) => {
                    cluster.rrsa = false;
                    rrsa::unregister(cluster, directory);
                }
                Effect::Addons(addons) => cluster.addons.extend(addons.iter().cloned()),
            }
            let line = format!("Succeeded to {}", task.effect.in_words());
            entry.log(line, task.ends);
        }
    }
}
