//! A pod of the rig's cluster, run as a kubelet would, as far as its containers' commands, variables and token go.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::volume::Volume;
use super::{Mount, Namespace, folder};
use crate::error::{Error, Result};
use crate::kubectl::Kubectl;
use crate::pod_identity;
use crate::process::{self, Output, Service};
use crate::rig::Rig;

/// For a program that makes a few calls on a loaded machine; Java takes its time to start.
const DEADLINE: Duration = Duration::from_secs(120);

/// What the image of a container brings.
#[derive(Debug, Clone, Default)]
pub struct Image {
    entry_point: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
}

impl Image {
    /// One without entry point and variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What runs where the container has no `command`; its `args` come behind it.
    #[must_use]
    pub fn entry_point(mut self, words: &[impl AsRef<OsStr>]) -> Self {
        self.entry_point = words.iter().map(|word| word.as_ref().to_owned()).collect();
        self
    }

    /// The same with one more variable. Those of the container win.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }
}

/// A pod that the API server has, with a network namespace and its tokens; deleted when this value is dropped.
///
/// Of its volumes it has those that are made of service account tokens alone: not `kube-api-access`, which has other
/// files too. Whether the webhook has injected it is not looked at: a pod without a token has no token.
#[derive(Debug)]
pub struct RunningPod<'a> {
    rig: &'a Rig,
    admin: Kubectl,
    pod: Value,
    volumes: Vec<(TokenSource, Volume)>,
    namespace: Namespace,
    _doomed: Doomed,
}

/// A `serviceAccountToken` of a projected volume.
#[derive(Debug)]
struct TokenSource {
    volume: String,
    path: String,
    audience: Option<String>,
    expiration_seconds: u64,
}

impl<'a> RunningPod<'a> {
    /// `kubectl create` of `pod`; what the API server has made of it is read back, and its tokens are asked for
    /// (TokenRequest, bound to the pod).
    ///
    /// # Errors
    /// kubectl fails, or a network namespace cannot be made.
    pub fn start(rig: &'a Rig, pod: &Value) -> Result<Self> {
        Self::start_at(rig, rig.admin(), pod)
    }

    /// The same at another API server of the rig, which `admin` leads to: it makes the tokens, too.
    ///
    /// # Errors
    /// As [`RunningPod::start`].
    pub fn start_at(rig: &'a Rig, admin: Kubectl, pod: &Value) -> Result<Self> {
        let folder = folder(rig.run())?;
        let file = folder.join("pod.json");
        std::fs::write(&file, pod.to_string()).map_err(Error::file("write", &file))?;
        let made = json(&admin.ok(&["create", "-o", "json", "-f", &file.to_string_lossy()])?)?;
        Self::of(rig, admin, &text(&made, "/metadata/namespace"), &text(&made, "/metadata/name"))
    }

    /// The same of a pod that somebody else has made, at the API server that `admin` leads to.
    ///
    /// # Errors
    /// There is none, or a network namespace cannot be made.
    pub fn of(rig: &'a Rig, admin: Kubectl, space: &str, name: &str) -> Result<Self> {
        // It is deleted also where something fails.
        let doomed = Doomed { admin: admin.clone(), name: name.to_owned(), space: space.to_owned() };
        let folder = folder(rig.run())?;
        let pod = json(&admin.ok(&["get", "pod", name, "--namespace", space, "-o", "json"])?)?;
        let mut volumes = Vec::new();
        for source in sources(&pod) {
            let volume = Volume::create(folder.join(&source.volume))?;
            let token = token(&admin, &pod, &source, source.expiration_seconds)?;
            volume.write(&source.path, &token)?;
            volumes.push((source, volume));
        }
        let namespace = Namespace::open(rig, &mounts(&pod, &volumes))?;
        Ok(Self { rig, admin, pod, volumes, namespace, _doomed: doomed })
    }

    /// The pod as the API server has it.
    #[must_use]
    pub fn object(&self) -> &Value {
        &self.pod
    }

    /// A container's own variables, as the API server has them.
    ///
    /// # Errors
    /// There is no such container, or one of its variables is no literal.
    pub fn environment(&self, container: &str) -> Result<Vec<(String, String)>> {
        let container = self.container(container)?;
        let variables = container.get("env").and_then(Value::as_array).into_iter().flatten();
        variables
            .map(|variable| match (variable.get("name"), variable.get("value")) {
                (Some(Value::String(name)), Some(Value::String(value))) => Ok((name.clone(), value.clone())),
                _ => Err(Error::Answer {
                    what: format!("reading the variable {variable}"),
                    reason: "only those with a literal value can be had here".to_owned(),
                }),
            })
            .collect()
    }

    /// Runs a container to its end: its `command` and `args`, with its `env` and that of the image, and no other.
    ///
    /// # Errors
    /// There is no such container, or it cannot be started, or does not end within two minutes. Its exit status is the
    /// caller's to look at.
    pub fn run(&self, container: &str, image: &Image) -> Result<Output> {
        process::run(self.command(container, image)?, DEADLINE)
    }

    /// Starts a container that runs on; what it prints is in the service's log, which is kept where a run fails.
    ///
    /// # Errors
    /// There is no such container, or it cannot be started.
    pub fn launch(&self, container: &str, image: &Image) -> Result<Service> {
        let name = format!("{}-{container}", text(&self.pod, "/metadata/name"));
        let log = self.rig.run().logs().join(format!("{name}.log"));
        Service::start(&name, self.command(container, image)?, &log)
    }

    /// Puts a new token of the real TokenRequest API, which lives for so many seconds, in place of the one of
    /// [`pod_identity::VOLUME`], and returns it.
    ///
    /// # Errors
    /// The pod has no such volume, or kubectl fails.
    pub fn replace_token(&self, seconds: u64) -> Result<String> {
        let (source, _volume) = self.identity()?;
        let token = token(&self.admin, &self.pod, source, seconds)?;
        self.write_token(&token)?;
        Ok(token)
    }

    /// Puts any text there.
    ///
    /// # Errors
    /// The pod has no such volume, or it cannot be written.
    pub fn write_token(&self, text: &str) -> Result<()> {
        let (source, volume) = self.identity()?;
        volume.write(&source.path, text)
    }

    /// The token that is there now.
    ///
    /// # Errors
    /// The pod has no such volume, or it cannot be read.
    pub fn token(&self) -> Result<String> {
        let (source, volume) = self.identity()?;
        let file = volume.folder().join(&source.path);
        std::fs::read_to_string(&file).map_err(Error::file("read", &file))
    }

    /// The namespace, for programs that are no container of the pod.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn identity(&self) -> Result<&(TokenSource, Volume)> {
        let found = self.volumes.iter().find(|(source, _volume)| source.volume == pod_identity::VOLUME);
        found.ok_or_else(|| Error::Answer {
            what: format!("looking for the volume {}", pod_identity::VOLUME),
            reason: "the pod has none: it was not injected".to_owned(),
        })
    }

    fn container(&self, name: &str) -> Result<&Value> {
        let all = self.pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
        all.into_iter().find(|container| container.get("name").is_some_and(|found| found == name)).ok_or_else(
            || Error::Answer {
                what: format!("looking for the container {name}"),
                reason: "the pod has none of that name".to_owned(),
            },
        )
    }

    fn command(&self, container: &str, image: &Image) -> Result<Command> {
        let words = |field| {
            let list = self.container(container).ok()?.get(field)?.as_array()?;
            Some(list.iter().filter_map(Value::as_str).map(OsString::from).collect::<Vec<_>>())
        };
        // As a container runtime does it: a command takes the place of the entry point.
        let mut line = words("command").unwrap_or_else(|| image.entry_point.clone());
        line.extend(words("args").unwrap_or_default());
        let mut line = line.into_iter();
        let program = line.next().ok_or_else(|| Error::Answer {
            what: format!("running the container {container}"),
            reason: "neither it nor its image says what to run".to_owned(),
        })?;
        let mut command = self.namespace.command(Path::new(&program));
        command.args(line).envs(image.variables.iter().cloned()).envs(self.environment(container)?);
        Ok(command)
    }
}

/// A pod that is deleted when this is dropped.
#[derive(Debug)]
struct Doomed {
    admin: Kubectl,
    name: String,
    space: String,
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let arguments = ["delete", "pod", &self.name, "--namespace", &self.space, "--wait=false"];
        if let Err(error) = self.admin.ok(&arguments) {
            eprintln!("e2e: deleting the pod {}: {error}", self.name);
        }
    }
}

/// The tokens that a kubelet would ask for.
fn sources(pod: &Value) -> Vec<TokenSource> {
    let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array).into_iter().flatten();
    volumes.filter_map(token_source).collect()
}

fn token_source(volume: &Value) -> Option<TokenSource> {
    // `kube-api-access` has more than one.
    let [source] = volume.pointer("/projected/sources")?.as_array()?.as_slice() else { return None };
    let token = source.get("serviceAccountToken")?;
    Some(TokenSource {
        volume: text(volume, "/name"),
        path: text(token, "/path"),
        audience: token.get("audience").and_then(Value::as_str).map(str::to_owned),
        expiration_seconds: token.get("expirationSeconds").and_then(Value::as_u64).unwrap_or(3600),
    })
}

/// Where the containers have these volumes; all have them at the same place, since they share one namespace here.
fn mounts(pod: &Value, volumes: &[(TokenSource, Volume)]) -> Vec<Mount> {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
    let mounts = containers.filter_map(|container| container.get("volumeMounts")?.as_array()).flatten();
    let mut all: Vec<Mount> = Vec::new();
    for mount in mounts {
        let to = text(mount, "/mountPath").into();
        let volume =
            volumes.iter().find(|(source, _volume)| mount.get("name").is_some_and(|n| *n == source.volume));
        if let Some((_source, volume)) = volume
            && all.iter().all(|other| other.to != to)
        {
            all.push(Mount { from: volume.folder().to_owned(), to });
        }
    }
    all
}

fn token(admin: &Kubectl, pod: &Value, source: &TokenSource, seconds: u64) -> Result<String> {
    let account = text(pod, "/spec/serviceAccountName");
    let mut arguments = vec![
        "create".to_owned(),
        "token".to_owned(),
        account,
        format!("--namespace={}", text(pod, "/metadata/namespace")),
        "--bound-object-kind=Pod".to_owned(),
        format!("--bound-object-name={}", text(pod, "/metadata/name")),
        format!("--bound-object-uid={}", text(pod, "/metadata/uid")),
        format!("--duration={seconds}s"),
    ];
    arguments.extend(source.audience.as_ref().map(|audience| format!("--audience={audience}")));
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Ok(admin.ok(&words)?.trim().to_owned())
}

fn json(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(Error::answer("reading a pod"))
}

/// The text at a JSON pointer; empty where there is none.
fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
