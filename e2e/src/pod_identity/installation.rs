//! The objects of an overlay in the cluster, and replicas that run as its pods would.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{NAME, READY, Site, Webhook, config, is_injected, namespace, pod, service_account};
use crate::applied;
use crate::egress::Route;
use crate::error::{Error, Result};
use crate::kubectl::Kubectl;
use crate::ports::Port;
use crate::process::{Service, isolated};

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

/// The namespace of [`Installation::wait_until_injecting`].
const PROBE: &str = "pod-identity-probe";

impl Installation {
    /// `kubectl apply -k` of a folder of the administrator's own on top of `overlay`, with his configuration.
    ///
    /// # Errors
    /// kubectl fails, or the manifests lack the Service.
    pub fn apply(site: &Site<'_>, overlay: &str) -> Result<Self> {
        Self::apply_with(site, overlay, &config())
    }

    /// The same with another configuration.
    ///
    /// # Errors
    /// kubectl fails, or the manifests lack the Service.
    pub fn apply_with(site: &Site<'_>, overlay: &str, config: &Value) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("{NAME}-"))
            .tempdir_in(site.run.scratch())
            .map_err(Error::file("make a folder in", site.run.scratch()))?
            .keep();
        for name in ["etc", "run"] {
            let path = folder.join(name);
            std::fs::create_dir(&path).map_err(Error::file("make", path))?;
        }
        let above = applied::relative(&folder, &super::folder().join(overlay))?;
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
        let admin = site.admin.clone();
        let printed = admin.ok(&["apply", "-o", "json", "-k", &folder.to_string_lossy()])?;
        // Of a replica that was killed: nobody else would keep certificates before it runs out.
        admin.ok(&["delete", "lease", NAME, "--namespace", NAME, "--ignore-not-found"])?;
        let objects = applied::applied(&printed)?;
        let service = applied::find(&objects, "Service", NAME)?;
        let route = site.plane.egress().route(service, &[])?;
        let installation = Self {
            objects,
            route,
            admin,
            program: site.bin.join(NAME),
            logs: site.run.logs().to_owned(),
            folder,
            stays: false,
        };
        installation.write_files(site)?;
        Ok(installation)
    }

    /// What the pod finds in its volumes: the configuration of the ConfigMap; and in place of the token and the
    /// certificate authority of its service account, a kubeconfig with both.
    fn write_files(&self, site: &Site<'_>) -> Result<()> {
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
                "server": site.api_server.url(),
                "certificate-authority": site.plane.certificate_authority(),
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
        applied::find(&self.objects, kind, name)
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
        Webhook::new(service, Arc::clone(port), health)
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

    /// Nothing of it is removed when it is dropped.
    pub(super) fn stay(&mut self) {
        self.stays = true;
    }

    /// Removes its objects, namespace aside.
    pub(super) fn remove(&self) -> Result<()> {
        applied::delete(&self.admin, &self.folder, &self.objects)
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
        if let Err(error) = self.remove() {
            eprintln!("e2e: removing {NAME}: {error}");
        }
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
