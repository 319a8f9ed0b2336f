//! Pods that are created without a pause, each of which must come back with its identity: what an upgrade or a new
//! certificate of the webhook must not disturb.
//!
//! They are real requests to the API server on connections that are kept: kubectl would take a tenth of a second for
//! each.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::control_plane::ApiServer;
use crate::error::{Error, Result};
use crate::http::Client;
use crate::manifests::Installed;
use crate::rig::Rig;

/// Creators of pods, each with a connection of its own.
const CREATORS: usize = 4;
/// Between two pods of one creator: the machine has other work, and each pod stays in etcd until the end.
const PAUSE: Duration = Duration::from_millis(15);
/// So many failures are kept word for word.
const KEPT: usize = 20;
/// A stream that stands still for so long has broken down.
const STANDSTILL: Duration = Duration::from_secs(120);
/// The service account whose pods are created.
const APPLICATION: &str = "app";
/// The service account that may create pods.
const CREATOR: &str = "creator";

/// A labelled namespace with a service account that has a role; it and its pods go when this is dropped, the namespace
/// stays, empty.
#[derive(Debug)]
pub struct Place<'a> {
    rig: &'a Rig,
    namespace: String,
    token: String,
    _objects: Installed<'a>,
}

/// Creators at work.
#[derive(Debug)]
pub struct Stream {
    shared: Arc<Shared>,
    creators: Vec<JoinHandle<()>>,
}

/// What became of a stream.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Pods that were asked for.
    pub asked: usize,
    /// How many of them failed or came back without identity.
    pub failed: usize,
    /// The first of the failures, for a person.
    pub failures: Vec<String>,
}

#[derive(Debug, Default)]
struct Shared {
    asked: AtomicUsize,
    failed: AtomicUsize,
    failures: Mutex<Vec<String>>,
    stop: AtomicBool,
    /// Held for reading while a pod is being created.
    at_work: RwLock<()>,
}

impl<'a> Place<'a> {
    /// Makes namespace `name` and what is in it. Its pods get the role `role`.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn make(rig: &'a Rig, name: &str, role: &str) -> Result<Self> {
        let group = "rbac.authorization.k8s.io";
        let metadata = |object: &str| json!({"name": object, "namespace": name});
        let objects = rig.apply_all(&[
            json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": {"pod-identity.alibabacloud.com/injection": "on"}},
            }),
            json!({
                "apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": {
                    "name": APPLICATION, "namespace": name,
                    "annotations": {"pod-identity.alibabacloud.com/role-name": role},
                },
            }),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(CREATOR)}),
            json!({
                "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata(CREATOR),
                "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}],
            }),
            json!({
                "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata(CREATOR),
                "roleRef": {"apiGroup": group, "kind": "Role", "name": CREATOR},
                "subjects": [{"kind": "ServiceAccount", "name": CREATOR, "namespace": name}],
            }),
        ])?;
        let token = rig.admin().ok(&["create", "token", CREATOR, "--namespace", name])?;
        Ok(Self { rig, namespace: name.to_owned(), token: token.trim().to_owned(), _objects: objects })
    }

    /// Its name.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Creates one pod through `server`.
    ///
    /// # Errors
    /// Why there is none, or what it lacks: for a person.
    pub fn create(&self, server: &ApiServer) -> std::result::Result<(), String> {
        let creator = self.creator(server).map_err(|error| error.to_string())?;
        creator.create().and_then(|pod| lacks_nothing(&pod))
    }

    fn creator(&self, server: &ApiServer) -> Result<Creator> {
        let path = self.rig.certificate_authority();
        let authority = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"generateName": "stream-"},
            "spec": {
                "serviceAccountName": APPLICATION,
                "containers": [{"name": "app", "image": "registry.invalid/app"}],
            },
        });
        Ok(Creator {
            client: Client::new(&authority)?,
            url: format!("{}/api/v1/namespaces/{}/pods", server.url(), self.namespace),
            headers: vec![("authorization".to_owned(), format!("Bearer {}", self.token))],
            pod: pod.to_string(),
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let path = format!("/api/v1/namespaces/{}/pods?gracePeriodSeconds=0", self.namespace);
        if let Err(error) = self.rig.admin().ok(&["delete", "--raw", &path]) {
            eprintln!("e2e: removing pods of {}: {error}", self.namespace);
        }
    }
}

/// One connection to the API server, and what is asked on it.
struct Creator {
    client: Client,
    url: String,
    headers: Vec<(String, String)>,
    pod: String,
}

impl Creator {
    fn create(&self) -> std::result::Result<Value, String> {
        let answer = self
            .client
            .request("POST", &self.url, &self.headers, self.pod.clone())
            .map_err(|error| format!("no answer: {error}"))?;
        if answer.status != 201 {
            return Err(format!("status {}: {}", answer.status, answer.body));
        }
        serde_json::from_str(&answer.body).map_err(|error| format!("no JSON: {error}"))
    }
}

impl Stream {
    /// Starts creating pods in `place` through `server`.
    ///
    /// # Errors
    /// The authority of the API server cannot be read.
    pub fn start(place: &Place<'_>, server: &ApiServer) -> Result<Self> {
        let shared = Arc::<Shared>::default();
        let creators = (0..CREATORS).map(|_| {
            let (creator, shared) = (place.creator(server)?, Arc::clone(&shared));
            Ok(std::thread::spawn(move || shared.work(&creator)))
        });
        let creators = creators.collect::<Result<Vec<_>>>()?;
        Ok(Self { shared, creators })
    }

    /// Waits for so many more pods, whatever becomes of them.
    ///
    /// # Errors
    /// The stream stands still.
    pub fn wait_for(&self, more: usize) -> Result<()> {
        let target = self.shared.asked.load(Ordering::Relaxed).saturating_add(more);
        let start = Instant::now();
        while self.shared.asked.load(Ordering::Relaxed) < target {
            if start.elapsed() > STANDSTILL {
                return Err(Error::Deadline { what: format!("{more} more pods"), waited: STANDSTILL });
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Does something while no pod is being created: every request before it has been answered, the next begins after
    /// it.
    pub fn between<T>(&self, action: impl FnOnce() -> T) -> T {
        let _alone = self.shared.at_work.write().unwrap_or_else(PoisonError::into_inner);
        action()
    }

    /// How many have failed so far.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Stops, and says what became of it.
    #[must_use]
    pub fn end(mut self) -> Ended {
        self.stop();
        Ended {
            asked: self.shared.asked.load(Ordering::Relaxed),
            failed: self.failed(),
            failures: self.shared.failures.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for creator in self.creators.drain(..) {
            if creator.join().is_err() {
                self.shared.note("a creator of pods panicked".to_owned());
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Ended {
    /// How many pods there were: all of them with their identity.
    ///
    /// # Errors
    /// One was not, with the first few failures.
    pub fn all_injected(self) -> Result<usize> {
        if self.failed == 0 {
            return Ok(self.asked);
        }
        let failures: Vec<String> =
            self.failures.iter().take(3).map(|text| text.chars().take(400).collect()).collect();
        Err(Error::Answer {
            what: format!("{} of {} pods failed", self.failed, self.asked),
            reason: failures.join(" | "),
        })
    }
}

impl Shared {
    fn work(&self, creator: &Creator) {
        while !self.stop.load(Ordering::Relaxed) {
            {
                let _at_work = self.at_work.read().unwrap_or_else(PoisonError::into_inner);
                if let Err(failure) = creator.create().and_then(|pod| lacks_nothing(&pod)) {
                    self.note(failure);
                }
                self.asked.fetch_add(1, Ordering::Relaxed);
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn note(&self, failure: String) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < KEPT {
            failures.push(failure);
        }
    }
}

/// Whether a pod has its identity: the volume, and in its first container the mount and the role.
fn lacks_nothing(pod: &Value) -> std::result::Result<(), String> {
    let has = |list: &str, name: &str| {
        let list = pod.pointer(list).and_then(Value::as_array);
        list.into_iter().flatten().any(|one| one.get("name").and_then(Value::as_str) == Some(name))
    };
    for (list, name) in [
        ("/spec/volumes", "rrsa-oidc-token"),
        ("/spec/containers/0/volumeMounts", "rrsa-oidc-token"),
        ("/spec/containers/0/env", "ALIBABA_CLOUD_ROLE_ARN"),
        ("/spec/containers/0/env", "ALIBABA_CLOUD_OIDC_TOKEN_FILE"),
    ] {
        if !has(list, name) {
            return Err(format!("created without {name} in {list}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_pod_is_only_taken_for_injected_with_volume_mount_and_variables() {
        let whole = json!({"spec": {
            "volumes": [{"name": "rrsa-oidc-token"}],
            "containers": [{
                "volumeMounts": [{"name": "rrsa-oidc-token"}],
                "env": [{"name": "ALIBABA_CLOUD_ROLE_ARN"}, {"name": "ALIBABA_CLOUD_OIDC_TOKEN_FILE"}],
            }],
        }});
        lacks_nothing(&whole).unwrap();
        for part in ["/spec/volumes", "/spec/containers/0/volumeMounts", "/spec/containers/0/env"] {
            let mut less = whole.clone();
            *less.pointer_mut(part).unwrap() = json!([]);
            assert!(lacks_nothing(&less).unwrap_err().contains(part), "{part}");
        }
    }
}
