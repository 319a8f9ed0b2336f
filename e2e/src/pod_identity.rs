//! `ack-pod-identity-webhook`, installed from `manifests/pod-identity` as an administrator does it, and run as a process
//! with the arguments of the Deployment's container and the rights of its service account.
//!
//! API servers reach it by its Service ([`crate::egress`]).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cloud::{ACCOUNT, CLUSTER};
use crate::egress::Route;
use crate::error::{Error, Result};
use crate::http::{Answer, Client};
use crate::kubectl::Kubectl;
use crate::log::Log;
use crate::manifests;
use crate::ports::Port;
use crate::process::{Service, isolated};
use crate::rig::Rig;

/// The program, and its namespace, Deployment, Service, service account, Lease and webhook configuration.
pub const NAME: &str = "ack-pod-identity-webhook";
/// The region that the configuration says.
pub const REGION: &str = "cn-hangzhou";
/// `metadata.labels` of a namespace whose pods are injected.
pub const LABEL: &str = "pod-identity.alibabacloud.com/injection";
/// The volume, and the mount, that pods get.
pub const VOLUME: &str = "rrsa-oidc-token";

/// How an API server calls it.
const HOST: &str = "ack-pod-identity-webhook.ack-pod-identity-webhook.svc";
const READY: Duration = Duration::from_secs(60);
/// The namespace of [`Installation::wait_until_injecting`].
const PROBE: &str = "pod-identity-probe";

/// An overlay of `manifests/pod-identity` in the cluster; its objects, namespace aside, are deleted when this value is
/// dropped.
#[derive(Debug)]
pub struct Installation {
    objects: Vec<Value>,
    route: Route,
    admin: Kubectl,
    program: PathBuf,
    logs: PathBuf,
    /// Holds kubeconfig, configuration and what containers mount.
    folder: PathBuf,
    /// The whole control plane goes: there is nothing to remove from it.
    stays: bool,
}

/// A running `ack-pod-identity-webhook server`; dropping it kills it.
#[derive(Debug)]
pub struct Webhook {
    service: Mutex<Service>,
    log: Log,
    port: Arc<Port>,
    health: Port,
    probe: Client,
}

/// What a rig starts when a scenario first asks for it, and keeps: an installation with own certificates, fail-open, and
/// one replica.
#[derive(Debug)]
pub struct PodIdentity {
    webhook: Webhook,
    installation: Installation,
}

/// Another replica in place of the usual one, until this value is dropped.
#[derive(Debug)]
pub struct Instead<'a> {
    usual: &'a PodIdentity,
    replica: Webhook,
}

/// `manifests/pod-identity`.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/pod-identity")
}

/// The configuration of an administrator of this control plane.
#[must_use]
pub fn config() -> Value {
    json!({"clusterID": CLUSTER, "accountID": ACCOUNT, "region": REGION})
}

/// A namespace of which pods are injected.
#[must_use]
pub fn namespace(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {LABEL: "on"}},
    })
}

/// A service account with these annotations; each name without `pod-identity.alibabacloud.com/`.
#[must_use]
pub fn service_account(namespace: &str, name: &str, annotations: &[(&str, &str)]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotated(annotations)},
    })
}

/// A pod with one container, `app`, and these annotations; each name without `pod-identity.alibabacloud.com/`.
#[must_use]
pub fn pod(namespace: &str, name: &str, service_account: &str, annotations: &[(&str, &str)]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotated(annotations)},
        "spec": {
            "serviceAccountName": service_account,
            "containers": [{"name": "app", "image": "app"}],
        },
    })
}

fn annotated(annotations: &[(&str, &str)]) -> Value {
    let full = |(name, value): &(&str, &str)| {
        (format!("pod-identity.alibabacloud.com/{name}"), Value::from((*value).to_owned()))
    };
    Value::Object(annotations.iter().map(full).collect())
}

/// Whether a pod, as the API server answers it, has the volume of the webhook.
#[must_use]
pub fn is_injected(pod: &Value) -> bool {
    let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array);
    volumes.is_some_and(|volumes| volumes.iter().any(|volume| volume.get("name") == Some(&json!(VOLUME))))
}

impl Installation {
    /// `kubectl apply -k` of a folder of the administrator's own on top of `overlay`, with his configuration.
    ///
    /// # Errors
    /// kubectl fails, or the manifests lack the Service.
    pub fn apply(rig: &Rig, overlay: &str) -> Result<Self> {
        Self::apply_with(rig, overlay, &config())
    }

    /// The same with another configuration.
    ///
    /// # Errors
    /// kubectl fails, or the manifests lack the Service.
    pub fn apply_with(rig: &Rig, overlay: &str, config: &Value) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("{NAME}-"))
            .tempdir_in(rig.run().scratch())
            .map_err(Error::file("make a folder in", rig.run().scratch()))?
            .keep();
        for name in ["etc", "run"] {
            let path = folder.join(name);
            std::fs::create_dir(&path).map_err(Error::file("make", path))?;
        }
        let above = manifests::relative(&folder, &self::folder().join(overlay))?;
        let kustomization = json!({
            "resources": [above],
            "configMapGenerator": [{
                "name": format!("{NAME}-config"),
                "namespace": NAME,
                "behavior": "replace",
                "files": ["config.yaml"],
            }],
        });
        // JSON is YAML.
        write(&folder.join("config.yaml"), &config.to_string())?;
        write(&folder.join("kustomization.yaml"), &kustomization.to_string())?;
        let admin = rig.admin();
        let printed = admin.ok(&["apply", "-o", "json", "-k", &folder.to_string_lossy()])?;
        // Of a replica that was killed: nobody else would keep certificates before it runs out.
        admin.ok(&["delete", "lease", NAME, "--namespace", NAME, "--ignore-not-found"])?;
        let objects = manifests::applied(&printed)?;
        let service = manifests::find(&objects, "Service", NAME)?;
        let route = rig.plane().egress().route(service, &[])?;
        let installation = Self {
            objects,
            route,
            admin,
            program: rig.bin().join(NAME),
            logs: rig.run().logs().to_owned(),
            folder,
            stays: false,
        };
        installation.write_files(rig)?;
        Ok(installation)
    }

    /// What the pod finds in its volumes: the configuration of the ConfigMap; and in place of the token and the
    /// certificate authority of its service account, a kubeconfig with both.
    fn write_files(&self, rig: &Rig) -> Result<()> {
        let volumes = self.object("Deployment", NAME)?.pointer("/spec/template/spec/volumes");
        let volumes = volumes.and_then(Value::as_array).into_iter().flatten();
        for volume in volumes {
            let Some(name) = volume.pointer("/configMap/name").and_then(Value::as_str) else { continue };
            let data = self.object("ConfigMap", name)?.get("data").and_then(Value::as_object);
            for (file, text) in data.into_iter().flatten() {
                write(&self.folder.join("etc").join(file), text.as_str().unwrap_or_default())?;
            }
        }
        let token = self.admin.ok(&["create", "token", NAME, "--namespace", NAME])?;
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "pod",
            "contexts": [{"name": "pod", "context": {"cluster": "pod", "user": "pod", "namespace": NAME}}],
            "clusters": [{"name": "pod", "cluster": {
                "server": rig.api_server().url(),
                "certificate-authority": rig.certificate_authority(),
            }}],
            "users": [{"name": "pod", "user": {"token": token.trim()}}],
        });
        write(&self.kubeconfig(), &kubeconfig.to_string())
    }

    /// With the token of the service account.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// The object of a kind and a name, as the API server answered it when it was applied.
    ///
    /// # Errors
    /// There is none.
    pub fn object(&self, kind: &str, name: &str) -> Result<&Value> {
        manifests::find(&self.objects, kind, name)
    }

    /// `kubectl apply` of the same once more, as an administrator or a GitOps tool does it from time to time.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn apply_again(&self, more: &[&str]) -> Result<String> {
        let folder = self.folder.to_string_lossy();
        self.admin.ok(&[&["apply", "-k", folder.as_ref()], more].concat())
    }

    /// A path of the container, as it is here: `/etc/ack-pod-identity-webhook/…`, `/var/run/ack-pod-identity-webhook/…`.
    #[must_use]
    pub fn here(&self, text: &str) -> String {
        let run = text.replace(&format!("/var/run/{NAME}"), &self.folder.join("run").to_string_lossy());
        run.replace(&format!("/etc/{NAME}"), &self.folder.join("etc").to_string_lossy())
    }

    /// A replica, started with the container's arguments, its paths and ports turned into ours, and ready. `name` is
    /// that of its log; a flag in `more` (`--flag=value`) takes the place of the container's.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn replica(&self, name: &str, more: &[&str]) -> Result<Webhook> {
        let webhook = self.launch(name, &Arc::new(Port::take()?), more)?;
        webhook.wait_until_ready()?;
        Ok(webhook)
    }

    /// The same on a port that another one may have too (`--reuse-port`), and without waiting.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn launch(&self, name: &str, port: &Arc<Port>, more: &[&str]) -> Result<Webhook> {
        let health = Port::take()?;
        let mut command: Command = isolated(&self.program);
        command.args(self.arguments(port, &health, more)?);
        let path = self.logs.join(format!("{name}.log"));
        let service = Service::start(name, command, &path)?;
        Ok(Webhook {
            log: service.log().clone(),
            service: Mutex::new(service),
            port: Arc::clone(port),
            health,
            // Health is plain HTTP here: there is nobody to trust.
            probe: Client::new("")?,
        })
    }

    fn arguments(&self, port: &Port, health: &Port, more: &[&str]) -> Result<Vec<String>> {
        let deployment = self.object("Deployment", NAME)?;
        let arguments = deployment.pointer("/spec/template/spec/containers/0/args").and_then(Value::as_array);
        let arguments = arguments.into_iter().flatten().filter_map(Value::as_str);
        let mut own: Vec<String> = vec![
            format!("--listen={}", port.address()),
            format!("--health-address={}", health.address()),
            format!("--kubeconfig={}", self.kubeconfig().display()),
        ];
        own.retain(|argument| !more.iter().any(|other| is_same_flag(argument, other)));
        own.extend(more.iter().map(|argument| (*argument).to_owned()));
        let kept = arguments.filter(|argument| !own.iter().any(|other| is_same_flag(argument, other)));
        let mut all: Vec<String> = kept.map(|argument| self.here(argument)).collect();
        all.extend(own);
        Ok(all)
    }

    /// The Service leads to these replicas from now on.
    pub fn lead_to(&self, replicas: &[&Webhook]) {
        let addresses: Vec<SocketAddr> = replicas.iter().map(|webhook| webhook.address()).collect();
        self.route.lead_to(&addresses);
    }

    /// The same for what API servers have connections for, too. What is under way breaks off.
    pub fn lead_at_once_to(&self, replica: &Webhook) {
        self.lead_to(&[replica]);
        self.route.cut();
    }

    /// Breaks off the connections that API servers keep: the next review shakes hands anew. What is under way is lost.
    pub fn cut_connections(&self) {
        self.route.cut();
    }

    /// The `caBundle` of the first entry of the webhook configuration as it is now, PEM; empty where there is none.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn ca_bundle(&self) -> Result<String> {
        use base64::Engine as _;
        let path = "jsonpath={.webhooks[0].clientConfig.caBundle}";
        let text = self.admin.ok(&["get", "mutatingwebhookconfiguration", NAME, "-o", path])?;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(text.trim())
            .map_err(Error::answer("reading caBundle"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits until the API server asks the webhook: it takes a moment to learn of its configuration.
    ///
    /// # Errors
    /// A pod still comes back without its role after a minute.
    pub fn wait_until_injecting(&self) -> Result<()> {
        let account = service_account(PROBE, "probe", &[("role-name", "probe")]);
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [namespace(PROBE), account]});
        self.apply_file("probe.json", &list)?;
        let file = self.folder.join("probe-pod.json");
        write(&file, &pod(PROBE, "probe", "probe", &[]).to_string())?;
        let start = Instant::now();
        loop {
            let file = file.to_string_lossy();
            let last = match self.admin.ok(&["create", "--dry-run=server", "-o", "json", "-f", &file]) {
                Ok(text) if serde_json::from_str(&text).is_ok_and(|pod| is_injected(&pod)) => return Ok(()),
                Ok(_text) => "it comes back as it was".to_owned(),
                Err(error) => error.to_string(),
            };
            if start.elapsed() > READY {
                let what = format!("a pod to be injected ({last})");
                return Err(Error::Deadline { what, waited: READY });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn apply_file(&self, name: &str, object: &Value) -> Result<()> {
        let file = self.folder.join(name);
        write(&file, &object.to_string())?;
        self.admin.ok(&["apply", "-f", &file.to_string_lossy()]).map(|_text| ())
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        if let Err(error) = manifests::delete(&self.admin, &self.folder, &self.objects) {
            eprintln!("e2e: removing {NAME}: {error}");
        }
    }
}

impl Webhook {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its port, for another one beside it.
    #[must_use]
    pub fn port(&self) -> &Arc<Port> {
        &self.port
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What it answers in plain HTTP at `path`, as in `/readyz`.
    ///
    /// # Errors
    /// No answer.
    pub fn health(&self, path: &str) -> Result<Answer> {
        self.probe.get(&format!("http://{}{path}", self.health.address()))
    }

    /// Waits for `/readyz` to say so.
    ///
    /// # Errors
    /// It has ended, or is not ready after a minute; its answer is in the message.
    pub fn wait_until_ready(&self) -> Result<()> {
        let mut last = String::new();
        let is_ready = || {
            let answer = self.health("/readyz");
            let is_ready = answer.as_ref().is_ok_and(|answer| answer.status == 200);
            last = answer.map_or_else(|error| error.to_string(), |answer| answer.body);
            is_ready
        };
        match self.service().wait_until(NAME, READY, is_ready) {
            Err(Error::Deadline { waited, .. }) => {
                let what = format!("{NAME} to be ready; /readyz says: {}", last.replace('\n', "; "));
                Err(Error::Deadline { what, waited })
            }
            other => other,
        }
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.service().ended().is_some()
    }

    /// SIGTERM, and its end, which must be one of status 0.
    ///
    /// # Errors
    /// It does not end by `deadline`, or with another status.
    pub fn terminate(self, deadline: Duration) -> Result<()> {
        let service = self.service.into_inner().unwrap_or_else(PoisonError::into_inner);
        let status = service.terminate(deadline)?;
        if status.success() {
            return Ok(());
        }
        Err(Error::Answer {
            what: format!("{NAME} after SIGTERM"),
            reason: format!("it ended with {status}"),
        })
    }

    /// SIGKILL.
    pub fn kill(&self) {
        self.service().kill();
    }

    fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PodIdentity {
    pub(crate) fn start(rig: &Rig) -> Result<Self> {
        let installation = Installation::apply(rig, "own-certificates")?;
        let webhook = installation.replica(NAME, &[])?;
        installation.lead_to(&[&webhook]);
        installation.wait_until_injecting()?;
        Ok(Self { webhook, installation })
    }

    /// The process.
    #[must_use]
    pub fn webhook(&self) -> &Webhook {
        &self.webhook
    }

    /// What is installed.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// A client that knows it by the name of its Service, and trusts what the API server trusts.
    ///
    /// # Errors
    /// `caBundle` cannot be read.
    pub fn client(&self) -> Result<Client> {
        Client::for_host(&self.installation.ca_bundle()?, HOST, self.webhook.address())
    }

    /// For [`PodIdentity::client`]: `https://HOST:PORT/…`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.webhook.address().port())
    }

    /// Another replica takes all reviews while the answer lives: one with more arguments.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn with(&self, name: &str, more: &[&str]) -> Result<Instead<'_>> {
        let replica = self.installation.replica(name, more)?;
        self.installation.lead_at_once_to(&replica);
        Ok(Instead { usual: self, replica })
    }

    /// Nothing of it is removed when it is dropped.
    pub(crate) fn stay(&mut self) {
        self.installation.stays = true;
    }

    /// Removes its objects and ends it.
    pub(crate) fn remove(&self) -> Result<()> {
        self.webhook.kill();
        manifests::delete(&self.installation.admin, &self.installation.folder, &self.installation.objects)
    }
}

impl Instead<'_> {
    /// The replica.
    #[must_use]
    pub fn webhook(&self) -> &Webhook {
        &self.replica
    }
}

impl Drop for Instead<'_> {
    fn drop(&mut self) {
        self.usual.installation.lead_at_once_to(&self.usual.webhook);
    }
}

/// `--flag=value` and `--flag=other`.
fn is_same_flag(one: &str, other: &str) -> bool {
    let name = |text: &str| text.split('=').next().unwrap_or_default().to_owned();
    one.starts_with("--") && name(one) == name(other)
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(Error::file("write", path))
}
