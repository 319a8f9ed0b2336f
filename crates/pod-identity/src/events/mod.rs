//! Events (events.k8s.io/v1) on the controller of a pod that should have been injected and was not. Whoever makes a pod
//! by hand reads the admission's warnings; those of a pod that a ReplicaSet or a Job made, nobody reads.
//!
//! The way of a review never waits for an Event: it is put into a bounded queue, or dropped and counted.

mod owner;
mod told;
mod writer;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cluster::Clock;
use tokio::sync::mpsc;
use tokio::time::Instant;

pub use owner::Owner;
use told::{Key, ToldLately, Verdict};
use writer::Job;
pub use writer::Writer;

/// Events that wait to be written.
const QUEUE: usize = 256;

/// Why there is an Event: a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The pod asks for a role in a way that gives it none.
    NotInjected,
    /// Namespace or service account could not be read in time.
    LookupFailed,
}

impl Reason {
    /// As in the Event's `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::NotInjected => "PodIdentityNotInjected",
            Reason::LookupFailed => "PodIdentityLookupFailed",
        }
    }
}

/// What became of something told: a closed set, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The API server has it.
    Done,
    /// It forbade it: a right is missing, or a quota of the namespace is used up.
    Denied,
    /// The API server does not take it: its namespace is gone, for one.
    Refused,
    /// There was no answer, or one that says to try again, several times.
    Failed,
    /// Too many wait, or were told about this namespace lately.
    Dropped,
    /// The pod names an owner that cannot exist.
    InvalidOwner,
}

impl Written {
    /// All of them.
    pub const ALL: [Written; 6] = [
        Written::Done,
        Written::Denied,
        Written::Refused,
        Written::Failed,
        Written::Dropped,
        Written::InvalidOwner,
    ];

    /// As in metrics: lower case with underscores.
    pub fn as_str(self) -> &'static str {
        match self {
            Written::Done => "written",
            Written::Denied => "denied",
            Written::Refused => "refused",
            Written::Failed => "failed",
            Written::Dropped => "dropped",
            Written::InvalidOwner => "invalid_owner",
        }
    }
}

/// What is to be said, to whom.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Namespace of the review's request, never one that the pod names.
    pub namespace: &'a str,
    /// The pod's controller.
    pub owner: Owner<'a>,
    /// Why.
    pub reason: Reason,
    /// What is wrong and what to mend; cut to 1024 bytes.
    pub note: &'a str,
}

type Hook = Arc<dyn Fn(Written) + Send + Sync>;

/// Takes what is to be said. Clones share one queue; [`Events::none`] takes nothing.
#[derive(Clone)]
pub struct Events(Option<Arc<Desk>>);

struct Desk {
    queue: mpsc::Sender<Job>,
    told: Mutex<ToldLately>,
    hook: Hook,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Events" } else { "Events::none" })
    }
}

impl Events {
    /// A queue, and what writes from it: nothing is written until [`Writer::run`]. `identity` is this replica's (its
    /// pod's name), `hook` counts.
    pub fn new(
        client: kube::Client,
        identity: &str,
        clock: Clock,
        hook: impl Fn(Written) + Send + Sync + 'static,
    ) -> (Events, Writer) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let hook: Hook = Arc::new(hook);
        let desk = Desk { queue: sender, told: Mutex::default(), hook: Arc::clone(&hook) };
        let writer = Writer { queue: receiver, client, identity: identity.to_owned(), clock, hook };
        (Events(Some(Arc::new(desk))), writer)
    }

    /// Takes nothing: `--write-events=false`.
    pub fn none() -> Events {
        Events(None)
    }

    /// Tells the owner's people. Never waits. The same owner is told the same once in ten minutes.
    pub fn tell(&self, told: &Told<'_>) {
        let Some(desk) = &self.0 else { return };
        if let Some(written) = desk.put(told, Instant::now()) {
            (desk.hook)(written);
        }
    }
}

impl Desk {
    /// `None` where it waits now, or was told already.
    fn put(&self, told: &Told<'_>, now: Instant) -> Option<Written> {
        let Some(regarding) = told.owner.reference(told.namespace) else {
            return Some(Written::InvalidOwner);
        };
        let key = Key { namespace: told.namespace.into(), uid: told.owner.uid.into(), reason: told.reason };
        let mut lately = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match lately.look_up(&key, now) {
            Verdict::Known => return None,
            Verdict::TooMany => return Some(Written::Dropped),
            Verdict::New => {}
        }
        let job = Job { regarding, reason: told.reason, note: cluster::one_line(told.note) };
        if self.queue.try_send(job).is_err() {
            return Some(Written::Dropped);
        }
        lately.insert(key, now);
        None
    }
}

#[cfg(test)]
mod tests;
