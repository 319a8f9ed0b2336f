//! What `manifests/authenticator` installs is accepted, works, and has no right that it does not need.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use e2e::cloud::{CLUSTER, user};
use e2e::control_plane::{ControlPlane, Parts, Version};
use e2e::http::Client;
use e2e::kubectl::Kubectl;
use e2e::manifests::{self, Installed, rights};
use e2e::mapping::Mapping;
use e2e::ports::Port;
use e2e::process::{self, Service, isolated};
use e2e::rig::Rig;
use e2e::run_dir::RunDir;
use serde_json::{Value, json};

use super::{Outcome, SOON};

const NAME: &str = "ack-ram-authenticator";
const SERVICE_ACCOUNT: &str = "system:serviceaccount:ack-ram-authenticator:ack-ram-authenticator";

/// The overlays, and the kind of object that has the pod.
const OVERLAYS: [(&str, &str); 3] =
    [("static-pod", "Pod"), ("daemonset", "DaemonSet"), ("replicas", "Deployment")];

pub(super) fn every_overlay_is_accepted_and_its_pods_are_admitted(rig: &Rig) -> Outcome {
    let admin = rig.admin();
    for (overlay, kind) in OVERLAYS {
        let installed = overlay_with(rig, overlay, &[])?;
        let _removed = rig.removed_later(&format!("pod/{NAME} --namespace={}", namespace(kind)));
        if kind == "Pod" {
            // A mirror pod has none; one that is made like others has to. No controller makes it here.
            ensure_default_service_account(rig)?;
        }
        admin.ok(&["create", "-f", &write(rig, "pod.json", &pod(&installed, kind)?)?])?;
    }

    // The label of the last overlay is one that refuses: what needs the node does not pass.
    let installed = overlay_with(rig, "daemonset", &[])?;
    let privileged = pod(&installed, "DaemonSet")?;
    drop(installed);
    let _installed = overlay_with(rig, "replicas", &[])?;
    let refused = admin.run(&["create", "-f", &write(rig, "pod.json", &privileged)?])?;
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.stderr.contains("violates PodSecurity \"restricted:latest\""), "{refused:?}");
    Ok(())
}

pub(super) fn whoever_runs_the_server_may_do_what_it_must_and_no_more(rig: &Rig) -> Outcome {
    let mappings = "ramidentitymappings.ramauthenticator.k8s.alibabacloud";
    let everywhere = [format!("{mappings} [get list watch]"), format!("{mappings}/status [patch]")];
    let own = [
        "leases.coordination.k8s.io [create]".to_owned(),
        "leases.coordination.k8s.io [ack-ram-authenticator] [get update]".to_owned(),
    ];
    let default = ["events.events.k8s.io [create]".to_owned()];
    for (overlay, kind) in OVERLAYS {
        let _installed = overlay_with(rig, overlay, &[])?;
        let identity = if kind == "Pod" { NAME } else { SERVICE_ACCOUNT };
        for (namespace, here) in [(NAME, &own[..]), ("default", &default), ("kube-system", &[])] {
            let wanted: BTreeSet<String> = everywhere.iter().chain(here).cloned().collect();
            assert_eq!(rights(rig, identity, namespace)?, wanted, "{overlay} in {namespace}");
        }
        let _installed = overlay_with(rig, overlay, &["ack-configmap"])?;
        let mut wanted = BTreeSet::from(everywhere.clone());
        wanted.insert("configmaps [alibabacloud-auth] [list watch]".to_owned());
        assert_eq!(rights(rig, identity, "kube-system")?, wanted, "{overlay} with ConfigMap");
    }
    Ok(())
}

pub(super) fn from_nothing_to_a_login_with_the_flags_and_the_rights_of_each_overlay(rig: &Rig) -> Outcome {
    let files = Files::make(rig)?;
    let api_server = rig.another_api_server("kube-apiserver-manifests", &files.webhook_kubeconfig())?;
    // Whatever is written from here on is written by the process that the manifests describe.
    let _stopped = rig.authenticator().stop()?;
    let person = rig.person(user("carol"))?;
    for (overlay, kind) in OVERLAYS {
        // One of them with the ConfigMap's backend too: it is not ready before its right to read that one suffices.
        let components: &[&str] = if kind == "Deployment" { &["ack-configmap"] } else { &[] };
        let installed = overlay_with(rig, overlay, components)?;
        let server = files.run(rig, &installed, kind)?;
        let good = Mapping::new(&format!("manifests-{overlay}"), person.arn(), overlay);
        let bad = Mapping::new(&format!("manifests-bad-{overlay}"), person.arn(), "{{Nonsense}}");
        let (_good, _bad) = (rig.apply(&good)?, rig.apply(&bad)?);

        let who = person.kubectl(rig, &api_server)?.whoami_eventually(SOON)?;
        assert_eq!(who.username, overlay);

        let admin = rig.admin();
        let ready = "{.status.conditions[?(@.type==\"Ready\")].status}";
        let is = |mapping: &Mapping, wanted: &str| {
            let (resource, path) = (mapping.resource(), format!("--for=jsonpath={ready}={wanted}"));
            admin.ok(&["wait", &resource, &path, "--timeout=30s"])
        };
        is(&good, "True")?;
        is(&bad, "False")?;
        let recorded = format!("--for=jsonpath={{.status.userID}}={}", person.id());
        admin.ok(&["wait", &good.resource(), &recorded, "--timeout=30s"])?;
        let about = format!("--field-selector=regarding.name=manifests-bad-{overlay}");
        eventually_says(&admin, &["get", "events.v1.events.k8s.io", &about, "-o", "name"], "event")?;
        let lease = ["get", "lease", NAME, "--namespace", NAME, "-o", "jsonpath={.spec.holderIdentity}"];
        assert_ne!(admin.ok(&lease)?, "");

        let log = server.log().all();
        assert!(!log.contains("forbidden"), "{log}");
        // Nobody but the API server is answered.
        let stranger = files.http()?.post(&files.url("/authenticate"), &json!({}))?;
        assert_eq!(stranger.status, 403, "{stranger:?}");
        if kind == "Deployment" {
            let page = files.http()?.get(&files.url("/metrics"))?.body;
            let missing: Vec<String> = watched_metrics()
                .into_iter()
                .filter(|name| !page.contains(&format!("TYPE {name} ")))
                .collect();
            assert!(missing.is_empty(), "monitoring/ asks for {missing:?}, which there are not:\n{page}");
        }
        assert!(server.terminate(SOON)?.success());
        admin.ok(&["delete", "lease", NAME, "--namespace", NAME])?;
    }
    Ok(())
}

pub(super) fn what_was_installed_goes_again(rig: &Rig) -> Outcome {
    // A control plane of its own: the CRD goes with all mappings, and a namespace never comes back without a controller.
    let run = RunDir::create(&format!("manifests-{}", std::process::id()))?;
    let plane = ControlPlane::start(Parts::get(&Version::from_environment()?)?, &run)?;
    let api_server = plane.api_server(&run, "kube-apiserver", None)?;
    let admin = Kubectl::new(plane.kubectl(), api_server.admin(), run.scratch(), rig.bin());
    let folder = overlay_folder(rig, "replicas", &["ack-configmap"])?.to_string_lossy().into_owned();
    let ours = || -> Result<BTreeSet<String>, e2e::Error> {
        let kinds = "crd,clusterrole,clusterrolebinding,role,rolebinding,serviceaccount,configmap,deployment,\
                     service,networkpolicy,poddisruptionbudget,validatingadmissionpolicy,\
                     validatingadmissionpolicybinding";
        let all = admin.ok(&["get", kinds, "--all-namespaces", "-o", "name"])?;
        let is_ours = |line: &&str| line.contains("ram-authenticator") || line.contains("ramauthenticator");
        Ok(all.lines().filter(is_ours).map(str::to_owned).collect())
    };
    assert_eq!(ours()?, BTreeSet::new());

    admin.ok(&["apply", "-k", &folder])?;
    let mapping = Mapping::new("manifests-gone", &user("carol").arn, "carol").manifest();
    admin.eventually(&["apply", "-f", &write(rig, "gone.json", &mapping)?], SOON)?;
    let installed = ours()?;
    assert!(installed.len() > 15, "{installed:?}");

    // The page's own line, then the rest.
    let kinds = "daemonset,deployment,service,networkpolicy,poddisruptionbudget,serviceaccount";
    admin.ok(&["delete", kinds, "--all", "--namespace", NAME])?;
    assert!(ours()?.len() < installed.len());
    admin.ok(&["get", "ramidentitymapping", "manifests-gone"])?;
    admin.ok(&["delete", "-k", &folder, "--ignore-not-found", "--wait=false"])?;
    let start = std::time::Instant::now();
    while !ours()?.is_empty() {
        assert!(start.elapsed() < SOON, "left: {:?}", ours()?);
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    drop(api_server);
    run.forget_logs();
    Ok(())
}

/// The metrics that alerts and dashboard ask for.
fn watched_metrics() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in ["alerts.yaml", "dashboard.json"] {
        let text = std::fs::read_to_string(manifests::folder().join("monitoring").join(file)).unwrap();
        // Both have to be what they are called.
        let _: Value = serde_saphyr::from_str(&text).unwrap();
        let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
        let ours = words.filter(|word| word.starts_with("ack_ram_authenticator_"));
        names.extend(ours.map(|word| word.trim_end_matches("_bucket").to_owned()));
    }
    assert!(names.len() > 15, "{names:?}");
    names
}

/// What `docs/install.md` has users write: a folder of their own on top of the overlay.
fn overlay_with<'a>(rig: &'a Rig, overlay: &str, components: &[&str]) -> Result<Installed<'a>, e2e::Error> {
    let folder = overlay_folder(rig, overlay, components)?;
    manifests::apply(rig, &["-k", &folder.to_string_lossy()])
}

fn overlay_folder(rig: &Rig, overlay: &str, components: &[&str]) -> Result<PathBuf, e2e::Error> {
    let name = format!("overlay-{overlay}");
    let folder = rig.run().folder(&name)?;
    let path = |name: &str| relative(&folder, &manifests::folder().join(name));
    let page = manifests::documented("# kustomization.yaml")?;
    let mut kustomization: Value = serde_saphyr::from_str(&page).unwrap();
    kustomization["resources"] = json!([path(overlay)]);
    kustomization["components"] = components.iter().map(|name| path(name)).collect();
    if overlay == "static-pod" {
        kustomization.as_object_mut().unwrap().remove("configMapGenerator").unwrap();
    }
    let mut config: Value = serde_saphyr::from_str(&manifests::documented("# config.yaml")?).unwrap();
    assert_eq!(config["clusterID"], CLUSTER);
    if !components.is_empty() {
        config["server"]["backendMode"] = json!(["ACKConfigMap", "CRD"]);
    }
    rig.run().file(&format!("{name}/config.yaml"), &config.to_string())?;
    rig.run().file(&format!("{name}/kustomization.yaml"), &kustomization.to_string())?;
    Ok(folder)
}

/// kustomize takes no absolute path.
fn relative(from: &Path, to: &Path) -> String {
    let from = from.canonicalize().unwrap();
    let up = "../".repeat(from.components().count() - 1);
    format!("{up}{}", to.canonicalize().unwrap().strip_prefix("/").unwrap().display())
}

fn namespace(kind: &str) -> &'static str {
    if kind == "Pod" { "kube-system" } else { NAME }
}

/// The pod that the kubelet, or the controller of `kind`, would make.
fn pod(installed: &Installed<'_>, kind: &str) -> Result<Value, e2e::Error> {
    if kind == "Pod" {
        let file = manifests::folder().join("static-pod/pod.yaml");
        let text = std::fs::read_to_string(file).unwrap();
        return Ok(serde_saphyr::from_str(&text).unwrap());
    }
    let mut pod = installed.object(kind, NAME)?["spec"]["template"].clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!(NAME);
    pod["metadata"]["namespace"] = json!(NAME);
    Ok(pod)
}

fn ensure_default_service_account(rig: &Rig) -> Outcome {
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": "kube-system"},
    });
    rig.admin().ok(&["apply", "-f", &write(rig, "service-account.json", &account)?])?;
    Ok(())
}

fn write(rig: &Rig, name: &str, object: &Value) -> Result<String, e2e::Error> {
    Ok(rig.run().file(name, &object.to_string())?.to_string_lossy().into_owned())
}

fn eventually_says(kubectl: &Kubectl, command: &[&str], wanted: &str) -> Outcome {
    let start = std::time::Instant::now();
    loop {
        let text = kubectl.ok(command)?;
        if text.contains(wanted) {
            return Ok(());
        }
        assert!(start.elapsed() < SOON, "{command:?} says {text}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

/// A node's folders, made as `docs/install.md` says, and the port that the API server was told.
struct Files {
    root: PathBuf,
    port: Port,
    health: Port,
}

impl Files {
    fn make(rig: &Rig) -> Result<Self, e2e::Error> {
        let root = rig.run().folder("node")?;
        for folder in ["etc", "var", "run"] {
            rig.run().folder(&format!("node/{folder}"))?;
        }
        let files = Self { root, port: Port::take()?, health: Port::take()? };
        // The port is 21362 in a real installation; here it is whatever is free.
        let port = json!({"clusterID": CLUSTER, "server": {"port": files.port.number()}});
        let config = rig.run().file("node/init.yaml", &port.to_string())?;
        let mut init = isolated(&rig.bin().join(NAME));
        init.current_dir(files.root.join("var"))
            .args(["init", "--client-certificate", "--config"])
            .arg(config);
        process::run(init, SOON)?.success()?;
        Ok(files)
    }

    fn http(&self) -> Result<Client, e2e::Error> {
        Client::new(&std::fs::read_to_string(self.root.join("var/cert.pem")).unwrap())
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.port.address())
    }

    fn webhook_kubeconfig(&self) -> PathBuf {
        self.root.join("var/ack-ram-authenticator.kubeconfig")
    }

    /// A path of the container, as it is here.
    fn here(&self, text: &str) -> String {
        ["etc", "var", "run"].iter().fold(text.to_owned(), |text, folder| {
            text.replace(
                &format!("/{folder}/ack-ram-authenticator"),
                &self.root.join(folder).to_string_lossy(),
            )
        })
    }

    /// Starts the program with the container's arguments, its paths and ports turned into ours, under the identity
    /// that it has in the cluster, and waits until its probes pass.
    fn run(&self, rig: &Rig, installed: &Installed<'_>, kind: &str) -> Result<Service, e2e::Error> {
        let pod = pod(installed, kind)?;
        let container = &pod["spec"]["containers"][0];
        let program = rig.bin().join(NAME);
        let mut command = isolated(&program);
        for argument in container["args"].as_array().unwrap() {
            command.arg(self.here(argument.as_str().unwrap()));
        }
        self.configure(installed, kind)?;
        if kind == "Pod" {
            let made = rig.certificate_kubeconfig(NAME)?;
            std::fs::rename(made, self.root.join("etc/apiserver.kubeconfig")).unwrap();
        } else {
            // What the pod's own token and namespace would say.
            command.arg("--kubeconfig").arg(self.token_kubeconfig(rig)?);
            command.args(["--lease-namespace", NAME]);
        }
        command
            .args(["--port", &self.port.number().to_string(), "--bind", "127.0.0.1"])
            .args(["--health-address", &self.health.address().to_string()])
            .args(["--sts-endpoint", &rig.cloud().endpoint()])
            .arg("--sts-ca-file")
            .arg(rig.cloud().ca_file());
        let log = rig.run().logs().join(format!("manifests-{kind}.log"));
        let mut server = Service::start(&format!("{NAME} of {kind}"), command, &log)?;
        let http = self.http()?;
        for name in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let probe = &container[name];
            server.wait_until(name, SOON, || self.passes(&program, &http, probe))?;
        }
        Ok(server)
    }

    /// config.yaml, as the cluster has it or as it is put onto a node.
    fn configure(&self, installed: &Installed<'_>, kind: &str) -> Result<(), e2e::Error> {
        let text = if kind == "Pod" {
            let file = manifests::folder().join("static-pod/config.yaml");
            std::fs::read_to_string(file).unwrap().replace("change-me", CLUSTER)
        } else {
            let template = &installed.object(kind, NAME)?["spec"]["template"]["spec"];
            let volumes = template["volumes"].as_array().unwrap();
            let name = volumes.iter().find_map(|volume| volume["configMap"]["name"].as_str()).unwrap();
            let config_map = installed.object("ConfigMap", name)?;
            config_map["data"]["config.yaml"].as_str().unwrap().to_owned()
        };
        std::fs::write(self.root.join("etc/config.yaml"), text).unwrap();
        Ok(())
    }

    fn token_kubeconfig(&self, rig: &Rig) -> Result<PathBuf, e2e::Error> {
        let token = rig.admin().ok(&["create", "token", NAME, "--namespace", NAME])?;
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "pod",
            "contexts": [{"name": "pod", "context": {"cluster": "pod", "user": "pod"}}],
            "clusters": [{"name": "pod", "cluster": {
                "server": rig.api_server().url(),
                "certificate-authority": rig.certificate_authority(),
            }}],
            "users": [{"name": "pod", "user": {"token": token.trim()}}],
        });
        rig.run().file("pod.kubeconfig", &config.to_string())
    }

    fn passes(&self, program: &Path, http: &Client, probe: &Value) -> bool {
        if let Some(command) = probe["exec"]["command"].as_array() {
            assert_eq!(command[0], "/ack-ram-authenticator");
            let mut probe = isolated(program);
            probe.args(command[1..].iter().map(|word| self.here(word.as_str().unwrap())));
            return process::run(probe, SOON).is_ok_and(|output| output.status == 0);
        }
        let path = probe["httpGet"]["path"].as_str().unwrap();
        let url = format!("http://{}{path}", self.health.address());
        http.get(&url).is_ok_and(|answer| answer.status == 200)
    }
}
