//! What a pod's namespace and service account say: from a copy that two watches keep, or read live where the copy may
//! lag behind.
//!
//! A pod is often created in the same second as its service account, before any watch has told of it. So a "no" of the
//! copy is never believed: what the copy does not know, or knows without a role (without `on`, for a namespace), is read
//! from the API server, which asks etcd's quorum where a read names no resource version ("Resource versions" in
//! Kubernetes' API concepts), and read again where that fails or the object is not there yet, two seconds in all.
//!
//! A "yes" of the copy is believed, and may be out of date by as much as the watch lags: usually milliseconds; while the
//! API server cannot be watched, as long as that lasts. A role that was changed or taken away may then still be given to
//! a new pod, and a namespace whose label was removed is `on` for those of its pods that the API server still sends here.
//! The role's trust policy decides in the end whether the pod can use it.
//!
//! Of a namespace that is not `on` the copy knows nothing: what it says of pods that are `on` by a label of their own is read
//! live for each of them.
//!
//! The copy has about 260 bytes for each service account that names a role (26 MB for 100,000 of them, measured with names
//! of 20 to 25 letters), and nothing for the others.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cluster::watch::{self, Retry};
use futures::FutureExt as _;
use k8s_openapi::api::core::v1 as api;
use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::injection::{Namespace, ServiceAccount};

mod error;
mod known;
mod name;
mod objects;
mod reads;

#[cfg(test)]
mod fake_api;
#[cfg(test)]
mod tests;

use error::Failure;
pub use error::{LookupError, Object};
use known::{Known, Mirror};
use name::ObjectName;
use reads::{Answer, Reads};

/// For namespace and service account together, waiting for a turn included: the API server waits for the webhook, and
/// somebody for the API server.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two live reads of what is not there yet.
const AGAIN: Retry = Retry { first: Duration::from_millis(50), longest: Duration::from_millis(400) };
/// A read that takes so long may never end. More than what keeps the next one of the same object from beginning.
const SUSPICIOUS: Duration = Duration::from_millis(800);
/// Objects that a list brings at a time. A page is in memory as a whole, and whoever may make service accounts may make each
/// as large as etcd takes it (1.5 MiB): five hundred, as is usual, would be more than the webhook's memory.
const PAGE: u32 = 50;
/// Namespaces that matter: the watch tells of no others.
const NAMESPACE_SELECTOR: &str = "pod-identity.alibabacloud.com/injection=on";

/// What namespace and service account of a pod say.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its namespace.
    pub namespace: Arc<Namespace>,
    /// Its service account; one that says nothing where neither namespace nor pod is `on`, for then it is not asked for.
    pub service_account: Arc<ServiceAccount>,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// From the copy that the watches keep.
    Cache,
    /// From the API server, for this pod.
    Live,
}

impl Source {
    /// All of them.
    pub const ALL: [Source; 2] = [Source::Cache, Source::Live];

    /// As in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Cache => "cache",
            Source::Live => "live",
        }
    }
}

/// One answer about one object, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Answered {
    /// Which object.
    pub object: Object,
    /// Where the answer came from.
    pub source: Source,
    /// One of [`Answered::RESULTS`].
    pub result: &'static str,
}

impl Answered {
    /// All results. From the cache there is `found` only.
    pub const RESULTS: [&'static str; 7] =
        ["found", "not_found", "denied", "failed", "timeout", "busy", "invalid_name"];
}

type Observer = dyn Fn(Answered) + Send + Sync;

/// Knows namespaces and service accounts. Clones share what they know.
#[derive(Clone)]
pub struct Lookup {
    client: kube::Client,
    namespaces: Level<Namespace>,
    service_accounts: Level<ServiceAccount>,
    observer: Arc<Observer>,
}

/// One kind of object: the copy, and the way around it.
struct Level<V> {
    object: Object,
    known: Arc<Known<V>>,
    reads: Arc<Reads<V>>,
}

impl Lookup {
    /// One that knows nothing yet and reads everything live. `observer` is told of each answer.
    pub fn new(client: kube::Client, observer: impl Fn(Answered) + Send + Sync + 'static) -> Lookup {
        let slots = Arc::new(Semaphore::new(reads::READS));
        let (for_namespaces, for_accounts) = (client.clone(), client.clone());
        let namespaces = Reads::new(Arc::clone(&slots), move |name| {
            objects::read_namespace(for_namespaces.clone(), name).boxed()
        });
        let accounts =
            Reads::new(slots, move |name| objects::read_service_account(for_accounts.clone(), name).boxed());
        Lookup {
            client,
            namespaces: Level::new(Object::Namespace, namespaces),
            service_accounts: Level::new(Object::ServiceAccount, accounts),
            observer: Arc::new(observer),
        }
    }

    /// Keeps the copy current until `shutdown`. What is known stays known while the API server is away.
    pub async fn run(&self, shutdown: CancellationToken) {
        let (client, retry) = (&self.client, Retry::default());
        let namespaces: Api<PartialObjectMeta<api::Namespace>> = Api::all(client.clone());
        let accounts: Api<PartialObjectMeta<api::ServiceAccount>> = Api::all(client.clone());
        let labelled = watcher::Config::default().page_size(PAGE).labels(NAMESPACE_SELECTOR);
        let all = watcher::Config::default().page_size(PAGE);
        let mut namespace_sink =
            Mirror::new("Namespaces with the label", objects::namespace, &self.namespaces.known);
        let mut account_sink =
            Mirror::new("ServiceAccounts", objects::service_account, &self.service_accounts.known);
        tokio::join!(
            watch::run(namespaces, labelled, &mut namespace_sink, retry, &shutdown),
            watch::run(accounts, all, &mut account_sink, retry, &shutdown),
        );
    }

    /// What has not been listed yet, for readiness: empty once all has.
    pub fn unsynced(&self) -> Vec<&'static str> {
        let namespaces = (!self.namespaces.known.is_synced()).then_some("namespaces");
        let accounts = (!self.service_accounts.known.is_synced()).then_some("service accounts");
        namespaces.into_iter().chain(accounts).collect()
    }

    /// What a pod's namespace and service account say, after 2 s at the latest. `is_on`: the pod's own label turns
    /// injection on, so that the service account counts whatever the namespace says.
    ///
    /// # Errors
    /// [`LookupError`]: one of them is not there or cannot be read.
    pub async fn find(
        &self,
        namespace: &str,
        service_account: &str,
        is_on: bool,
    ) -> Result<Found, LookupError> {
        let deadline = Instant::now().checked_add(PATIENCE).unwrap_or_else(Instant::now);
        let observer = &*self.observer;
        let Some(name) = ObjectName::of_namespace(namespace) else {
            return Err(self.namespaces.no_name(namespace, observer));
        };
        let namespace = self.namespaces.find(&name, deadline, observer).await?;
        if !namespace.is_on() && !is_on {
            return Ok(Found { namespace, service_account: Arc::default() });
        }
        let Some(name) = ObjectName::of_service_account(&name, service_account) else {
            return Err(self.service_accounts.no_name(service_account, observer));
        };
        let service_account = self.service_accounts.find(&name, deadline, observer).await?;
        Ok(Found { namespace, service_account })
    }
}

impl<V: Send + Sync + 'static> Level<V> {
    fn new(object: Object, reads: Arc<Reads<V>>) -> Level<V> {
        Level { object, known: Known::new(), reads }
    }

    async fn find(
        &self,
        name: &ObjectName,
        deadline: Instant,
        observer: &Observer,
    ) -> Result<Arc<V>, LookupError> {
        let object = self.object;
        if let Some(value) = self.known(name) {
            observer(Answered { object, source: Source::Cache, result: "found" });
            return Ok(value);
        }
        let answer = self.live(name, deadline).await;
        let result = answer.as_ref().map_or_else(error::result, |_| "found");
        observer(Answered { object, source: Source::Live, result });
        answer.map_err(|failure| LookupError::new(object, name.to_string(), failure))
    }

    fn known(&self, name: &ObjectName) -> Option<Arc<V>> {
        self.known.get(name.namespace.as_deref(), &name.name)
    }

    /// Asks the API server until it has an answer, or the time is over.
    async fn live(&self, name: &ObjectName, deadline: Instant) -> Answer<V> {
        let mut failures = 0u32;
        let mut last = Failure::NoAnswer;
        while let Ok(answer) = tokio::time::timeout_at(deadline, self.read(name)).await {
            match answer {
                Ok(value) => return Ok(value),
                Err(failure) => last = failure,
            }
            failures = failures.saturating_add(1);
            let pause = AGAIN.delay(failures);
            if deadline.saturating_duration_since(Instant::now()) <= pause {
                break;
            }
            tokio::time::sleep(pause).await;
            // The watch may have told meanwhile, reads or no reads.
            if let Some(value) = self.known(name) {
                return Ok(value);
            }
        }
        Err(last)
    }

    /// The answer of one read, or of a second one where the first takes long: its connection may be dead.
    async fn read(&self, name: &ObjectName) -> Answer<V> {
        let first = self.reads.ask(name);
        tokio::pin!(first);
        if let Ok(answer) = tokio::time::timeout(SUSPICIOUS, &mut first).await {
            return answer;
        }
        tokio::select! {
            answer = &mut first => answer,
            answer = self.reads.ask(name) => answer,
        }
    }

    fn no_name(&self, name: &str, observer: &Observer) -> LookupError {
        observer(Answered {
            object: self.object,
            source: Source::Live,
            result: error::result(&Failure::NoName),
        });
        let shown: String = name.chars().take(64).collect();
        LookupError::new(self.object, format!("{shown:?}"), Failure::NoName)
    }
}

impl<V> Clone for Level<V> {
    fn clone(&self) -> Level<V> {
        Level { object: self.object, known: Arc::clone(&self.known), reads: Arc::clone(&self.reads) }
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("unsynced", &self.unsynced()).finish_non_exhaustive()
    }
}
