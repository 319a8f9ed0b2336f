//! Container Service 2015-12-15: what `ack-ram-tool` asks of it, in the ROA style (method and path), with answers in
//! snake_case and errors in lower case.
//!
//! Keys of a cluster's account may do with it what their policies allow; for others it is not there.

mod activity;
mod addons;
mod answer;
mod client_authority;
mod cluster;
mod clusters;
mod errors;
mod kubeconfig;
mod permissions;
mod rights;
mod router;
mod rrsa;
mod store;
mod task;
mod tasks;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, MutexGuard};

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::directory::Directory;
use crate::error::ApiError;
use crate::principal::Identity;
use crate::request::{Params, Parsed, RawRequest};
use crate::sync::Guarded;

pub use activity::UserActivity;
pub(crate) use answer::Answer;
pub(crate) use cluster::CheckedCluster;
pub use cluster::{Cluster, ClusterError};
pub(crate) use permissions::CleanHook;
pub use permissions::PermissionsCleaned;
pub(crate) use router::is_addressed;
use router::{PathParams, Route};
use store::Store;

/// The one version there is.
pub(crate) const VERSION: &str = "2015-12-15";

/// The service with all that it knows.
pub(crate) struct ContainerService {
    /// Where the OIDC providers of clusters are.
    directory: Arc<Directory>,
    store: Guarded<Store>,
    clean_hook: Guarded<Option<CleanHook>>,
    /// RAM ids and the operations that they may not call.
    denied: Guarded<BTreeSet<(String, String)>>,
}

impl fmt::Debug for ContainerService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerService").finish_non_exhaustive()
    }
}

/// What an operation sees.
pub(crate) struct Call<'a> {
    service: &'a ContainerService,
    caller: &'a Identity,
    path: &'a PathParams<'a>,
    params: &'a Params,
    body: &'a [u8],
    request_id: &'a str,
    now: Timestamp,
}

impl Call<'_> {
    /// The body, which is JSON whatever its `content-type` says.
    fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(self.body)
            .map_err(|_| errors::parameter("body", "is not the JSON that this operation takes"))
    }
}

/// The name of the operation that a request asks for; empty where there is none.
pub(crate) fn operation_name(raw: &RawRequest) -> &'static str {
    router::find(raw).map(|(route, _)| route.operation).unwrap_or_default()
}

impl ContainerService {
    /// The clusters have different ids, which whoever checked them has seen to: of two, the first is kept.
    pub(crate) fn new(clusters: Vec<CheckedCluster>, directory: Arc<Directory>, now: Timestamp) -> Self {
        let service = Self {
            directory,
            store: Guarded::default(),
            clean_hook: Guarded::default(),
            denied: Guarded::default(),
        };
        for cluster in clusters {
            let _ = service.add_checked(cluster, now);
        }
        service
    }

    fn add_checked(&self, cluster: CheckedCluster, now: Timestamp) -> Result<(), ClusterError> {
        self.store.lock().add(cluster.clone(), now)?;
        if cluster.cluster.rrsa {
            // Whoever describes a cluster so may have given it a provider of another kind.
            let _ = rrsa::register(&cluster, &self.directory, now);
        }
        Ok(())
    }

    /// Lets tasks whose time has come have their effect, which may be seen elsewhere than in Container Service.
    pub(crate) fn settle(&self, now: Timestamp) {
        drop(self.store(now));
    }

    pub(crate) fn end_tasks(&self, cluster_id: &str, failure: Option<&str>, now: Timestamp) {
        self.store.lock().end_tasks(cluster_id, failure, now);
        self.settle(now);
    }

    /// Carries a request out. `authenticate` finds out who asks; it is called once it is clear that there is such an
    /// operation.
    pub(crate) fn answer(
        &self,
        request: &Parsed<'_>,
        request_id: &str,
        now: Timestamp,
        authenticate: impl FnOnce() -> Result<Identity, ApiError>,
    ) -> Result<Answer, ApiError> {
        let (route, path) = route(request)?;
        let caller = authenticate()?;
        let who = (kubeconfig::own_id(&caller).to_owned(), route.operation.to_owned());
        if self.denied.lock().contains(&who) {
            return Err(errors::no_permission(&caller, route.operation));
        }
        self.authorize(&caller, route.operation, (request.raw, &path), now)?;
        let call = Call {
            service: self,
            caller: &caller,
            path: &path,
            params: &request.params,
            body: &request.raw.body,
            request_id,
            now,
        };
        (route.handler)(&call)
    }

    /// # Errors
    /// A value that cannot be right, or an id that is taken.
    pub(crate) fn add(&self, cluster: Cluster, now: Timestamp) -> Result<(), ClusterError> {
        self.add_checked(cluster.check()?, now)
    }

    /// Whether it was there.
    pub(crate) fn remove(&self, id: &str) -> bool {
        self.store.lock().remove(id)
    }

    /// Whether the cluster is there.
    pub(crate) fn fail_next_task(&self, id: &str, message: &str) -> bool {
        let mut store = self.store.lock();
        let Some(entry) = store.clusters.get_mut(id) else { return false };
        entry.next_failure = Some(message.to_owned());
        true
    }

    pub(crate) fn set_activity(&self, cluster_id: &str, user_id: &str, activity: UserActivity) {
        self.store.lock().activity.insert((cluster_id.to_owned(), user_id.to_owned()), activity);
    }

    pub(crate) fn deny(&self, ram_id: &str, operation: &str) {
        self.denied.lock().insert((ram_id.to_owned(), operation.to_owned()));
    }

    pub(crate) fn set_clean_hook(&self, hook: CleanHook) {
        *self.clean_hook.lock() = Some(hook);
    }

    /// What is known at this time.
    fn store(&self, now: Timestamp) -> MutexGuard<'_, Store> {
        let mut store = self.store.lock();
        store.settle(now, &self.directory);
        store
    }

    fn clean_hook(&self) -> Option<CleanHook> {
        self.clean_hook.lock().clone()
    }
}

/// The operation by method and path. A version, and an action where one is named, have to agree with it.
fn route<'a>(request: &Parsed<'a>) -> Result<(&'static Route, PathParams<'a>), ApiError> {
    let (route, path) = router::find(request.raw).ok_or_else(ApiError::no_such_api)?;
    match request.raw.header("x-acs-version") {
        Some(VERSION) => {}
        Some(_) => return Err(ApiError::invalid_version()),
        None => return Err(ApiError::missing("Version")),
    }
    match request.raw.header("x-acs-action") {
        Some(action) if action != route.operation => Err(ApiError::no_such_api()),
        _ => Ok((route, path)),
    }
}
