//! Everything together: one control plane, one emulated cloud, one authenticator for all scenarios.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::ack;
use crate::authenticator::Authenticator;
use crate::cloud::{ACCOUNT, CLUSTER, Cloud};
use crate::control_plane::{ApiServer, ControlPlane, Parts, Version, Webhook};
use crate::error::{Error, Result};
use crate::kubectl::Kubectl;
use crate::pod_identity::{self, PodIdentity, Site};
use crate::programs;
use crate::run_dir::RunDir;

/// How long the first API server keeps what the webhook said of a token: short, so that scenarios
/// see changes without waiting out the default of two minutes, and not off, since every real
/// installation caches. The second API server has the default.
const CACHE_TTL: Duration = Duration::from_secs(1);

/// How long kubectl may take to learn of a CRD.
const DISCOVERY: Duration = Duration::from_secs(30);

/// The Kubernetes user that the authenticator's own kubeconfig names.
/// Not that of `manifests/`, whose rights scenarios give and take away.
pub const SERVER_USER: &str = "e2e-ack-ram-authenticator";

/// All processes of a run. Fields are dropped in this order: API servers before their etcd.
#[derive(Debug)]
pub struct Rig {
    pod_identity: Mutex<Option<Arc<PodIdentity>>>,
    second: OnceLock<ApiServer>,
    api_server: ApiServer,
    authenticator: Authenticator,
    plane: ControlPlane,
    cloud: Cloud,
    bin: PathBuf,
    run: RunDir,
}

impl Rig {
    /// Starts all of it, under two seconds once the programs are there.
    ///
    /// # Errors
    /// A program is missing, or something does not become ready.
    pub fn start() -> Result<Self> {
        let parts = Parts::get(&Version::from_environment()?)?;
        let start = Instant::now();
        let run = RunDir::create(&run_name())?;
        eprintln!("logs of this run: {} (removed when all is well)", run.logs().display());
        let bin = run.folder("bin")?;
        for program in ["ack-ram-tool", "ack-ram-authenticator", pod_identity::NAME] {
            programs::install(program, &bin)?;
        }
        programs::copy(&parts.kubectl, &bin.join("kubectl"))?;
        let cloud = Cloud::start(&run)?;
        let plane = ControlPlane::start(parts, &run)?;
        let own_kubeconfig = run.scratch().join("authenticator.kubeconfig");
        let program = bin.join("ack-ram-authenticator");
        let authenticator = Authenticator::init(&program, &run, &cloud, &own_kubeconfig)?;
        let webhook = Webhook {
            kubeconfig: authenticator.webhook_kubeconfig().to_owned(),
            version: "v1",
            cache_ttl: Some(CACHE_TTL),
        };
        let api_server = plane.api_server(&run, "kube-apiserver", Some(&webhook))?;
        let cluster = plane.as_cluster(ACCOUNT, CLUSTER, api_server.address());
        cloud.emulator().add_cluster(cluster).map_err(Error::answer("adding the cluster to the cloud"))?;
        let made = plane.client_kubeconfig(&run, api_server.address(), SERVER_USER, None)?;
        std::fs::rename(&made, &own_kubeconfig).map_err(Error::file("write", &own_kubeconfig))?;
        let second = OnceLock::new();
        let pod_identity = Mutex::default();
        let rig = Self { pod_identity, second, api_server, authenticator, plane, cloud, bin, run };
        rig.allow_the_authenticator()?;
        rig.authenticator.start()?;
        let admin = rig.admin();
        ack::register_oidc_provider(&admin, rig.cloud.emulator())?;
        rig.cloud.emulator().on_clean_permissions(move |cleaned| {
            ack::clean_permissions(&admin, &cleaned.user_id).map_err(|error| error.to_string())
        });
        // It has just made the CRD; discovery, which kubectl goes by, follows within a second or so.
        rig.admin().eventually(&["get", "ramidentitymappings"], DISCOVERY)?;
        eprintln!(
            "control plane, emulator and authenticator ready after {:.1} s",
            start.elapsed().as_secs_f32()
        );
        Ok(rig)
    }

    /// The rights that the authenticator has, and no more: the CRD read and made, mappings read and their status
    /// written; its Lease; Events, which about cluster-scoped objects lie in namespace `default`.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn allow_the_authenticator(&self) -> Result<()> {
        let mapping_group = "ramauthenticator.k8s.alibabacloud";
        let cluster = json!([
            {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["get", "create"]},
            {"apiGroups": [mapping_group], "resources": ["ramidentitymappings"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": [mapping_group], "resources": ["ramidentitymappings/status"], "verbs": ["patch"]},
        ]);
        let lease = json!([
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "update"],
             "resourceNames": ["ack-ram-authenticator"]},
        ]);
        let events = json!([{"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]}]);
        let group = "rbac.authorization.k8s.io";
        let subjects = json!([{"apiGroup": group, "kind": "User", "name": SERVER_USER}]);
        let mut items = Vec::new();
        for (namespace, rules) in [(None, cluster), (Some("kube-system"), lease), (Some("default"), events)] {
            let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
            let metadata = json!({"name": SERVER_USER, "namespace": namespace});
            items.push(json!({
                "apiVersion": format!("{group}/v1"), "kind": kind, "metadata": metadata, "rules": rules,
            }));
            items.push(json!({
                "apiVersion": format!("{group}/v1"), "kind": format!("{kind}Binding"), "metadata": metadata,
                "roleRef": {"apiGroup": group, "kind": kind, "name": SERVER_USER},
                "subjects": subjects,
            }));
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let file = self.run.file("authenticator-rbac.json", &list.to_string())?;
        self.admin().ok(&["apply", "-f", &file.to_string_lossy()]).map(|_text| ())
    }

    /// The API server: webhook version v1, answers cached for a second.
    #[must_use]
    pub fn api_server(&self) -> &ApiServer {
        &self.api_server
    }

    /// A second API server on the same etcd: webhook version v1beta1, answers cached for the
    /// default two minutes. Started when first asked for.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn v1beta1_api_server(&self) -> Result<&ApiServer> {
        if let Some(server) = self.second.get() {
            return Ok(server);
        }
        let webhook = Webhook {
            kubeconfig: self.authenticator.webhook_kubeconfig().to_owned(),
            version: "v1beta1",
            cache_ttl: None,
        };
        let server = self.plane.api_server(&self.run, "kube-apiserver-v1beta1", Some(&webhook))?;
        Ok(self.second.get_or_init(|| server))
    }

    /// `ack-pod-identity-webhook`, installed with own certificates, fail-open, and running. Installed when first asked
    /// for; only pods of namespaces with its label are touched.
    ///
    /// # Errors
    /// It cannot be installed, does not become ready, or has ended by itself.
    pub fn pod_identity(&self) -> Result<Arc<PodIdentity>> {
        let mut kept = self.kept_pod_identity();
        if let Some(there) = kept.as_ref() {
            return Ok(Arc::clone(there));
        }
        let mut started = PodIdentity::start(&self.site())?;
        started.stay();
        Ok(Arc::clone(kept.insert(Arc::new(started))))
    }

    /// Where an installation of `ack-pod-identity-webhook` is made: here.
    #[must_use]
    pub fn site(&self) -> Site<'_> {
        Site {
            admin: self.admin(),
            plane: &self.plane,
            api_server: &self.api_server,
            bin: &self.bin,
            run: &self.run,
        }
    }

    /// Removes it, for scenarios with installations of their own: names are the same. The next one that asks for it
    /// gets a new one.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn without_pod_identity(&self) -> Result<()> {
        match self.kept_pod_identity().take() {
            Some(there) => there.remove(),
            None => Ok(()),
        }
    }

    /// Says so where it has ended by itself; there is a new one then for the next scenario.
    ///
    /// # Errors
    /// It has ended.
    pub fn check_pod_identity(&self) -> Result<()> {
        let has_ended = self.kept_pod_identity().as_ref().is_some_and(|kept| kept.webhook().has_ended());
        if !has_ended {
            return Ok(());
        }
        self.without_pod_identity()?;
        Err(Error::Answer { what: pod_identity::NAME.to_owned(), reason: "it ended by itself".to_owned() })
    }

    fn kept_pod_identity(&self) -> std::sync::MutexGuard<'_, Option<Arc<PodIdentity>>> {
        self.pod_identity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more API server on the same etcd, with a token webhook of version v1 whose answers it keeps for a second.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn another_api_server(&self, name: &str, webhook_kubeconfig: &Path) -> Result<ApiServer> {
        let kubeconfig = webhook_kubeconfig.to_owned();
        let webhook = Webhook { kubeconfig, version: "v1", cache_ttl: Some(CACHE_TTL) };
        self.plane.api_server(&self.run, name, Some(&webhook))
    }

    /// One more API server on the same etcd, without token webhook and with flags of its own: see
    /// [`ControlPlane::api_server_with`].
    ///
    /// # Errors
    /// It does not become ready.
    pub fn api_server_with(&self, name: &str, flags: &[String]) -> Result<ApiServer> {
        self.plane.api_server_with(&self.run, name, flags)
    }

    /// kubectl of somebody in `system:masters` at an API server of the scenario's own.
    #[must_use]
    pub fn admin_of(&self, server: &ApiServer) -> Kubectl {
        self.kubectl(server.admin(), self.run.scratch())
    }

    /// Writes a kubeconfig with a client certificate for a Kubernetes user in no group.
    ///
    /// # Errors
    /// The certificate cannot be made, or the file not written.
    pub fn certificate_kubeconfig(&self, user: &str) -> Result<PathBuf> {
        self.client_kubeconfig(user, None)
    }

    /// Writes a kubeconfig with a client certificate for a Kubernetes user, in a group where one is named.
    ///
    /// # Errors
    /// The certificate cannot be made, or the file not written.
    pub fn client_kubeconfig(&self, user: &str, group: Option<&str>) -> Result<PathBuf> {
        self.plane.client_kubeconfig(&self.run, self.api_server.address(), user, group)
    }

    /// One more API server, which writes down all it can: `--v=10`, audit level RequestResponse.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn verbose_api_server(&self, name: &str) -> Result<ApiServer> {
        let kubeconfig = self.authenticator.webhook_kubeconfig().to_owned();
        let webhook = Webhook { kubeconfig, version: "v1", cache_ttl: Some(CACHE_TTL) };
        self.plane.verbose_api_server(&self.run, name, Some(&webhook))
    }

    /// What all API servers of this rig share.
    #[must_use]
    pub fn plane(&self) -> &ControlPlane {
        &self.plane
    }

    /// The authenticator.
    #[must_use]
    pub fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// The emulated Alibaba Cloud.
    #[must_use]
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// The authority of the API servers' certificates, a PEM file.
    #[must_use]
    pub fn certificate_authority(&self) -> &Path {
        self.plane.certificate_authority()
    }

    /// The folder that holds `kubectl`, `ack-ram-tool` and `ack-ram-authenticator`.
    #[must_use]
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// `ack-ram-tool`.
    pub(crate) fn tool(&self) -> PathBuf {
        self.bin.join("ack-ram-tool")
    }

    pub(crate) fn kubectl(&self, kubeconfig: &Path, home: &Path) -> Kubectl {
        Kubectl::new(self.plane.kubectl(), kubeconfig, home, &self.bin)
    }

    /// kubectl of somebody in `system:masters`, by client certificate.
    #[must_use]
    pub fn admin(&self) -> Kubectl {
        self.kubectl(self.api_server.admin(), self.run.scratch())
    }

    /// kubectl without credentials; give it some with [`Kubectl::arg`] (`--token=…`).
    ///
    /// # Errors
    /// The kubeconfig cannot be written.
    pub fn nobody(&self, server: &ApiServer) -> Result<Kubectl> {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "e2e",
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "nobody"}}],
            "clusters": [{"name": "e2e", "cluster": {
                "server": server.url(),
                "certificate-authority": self.certificate_authority(),
            }}],
            "users": [{"name": "nobody", "user": {}}],
        });
        let name = format!("nobody-{}.kubeconfig", server.address().port());
        let file = self.run.file(&name, &config.to_string())?;
        Ok(self.kubectl(&file, self.run.scratch()))
    }

    /// The folders of the run.
    #[must_use]
    pub fn run(&self) -> &RunDir {
        &self.run
    }
}

/// The border to the clock.
#[allow(clippy::disallowed_methods)]
fn now() -> jiff::Zoned {
    jiff::Zoned::now()
}

/// Tells runs apart: the time, for a person; the process id, for runs that start at once; a number, for the rigs of
/// one run.
fn run_name() -> String {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    format!("{}-{}-{number}", now().strftime("%Y%m%d-%H%M%S"), std::process::id())
}
