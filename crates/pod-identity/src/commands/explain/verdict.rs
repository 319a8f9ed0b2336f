//! What becomes of one pod, and why: the server's decision, and what it does to the pod.

use cluster::one_line;
use serde_json::Value;

use super::called::{self, Asked, Call};
use super::live::Live;
use super::objects::{Meta, Objects, Subject};
use crate::injection::{
    Decision, ExpirationSource, Injection, Level, Namespace, Outcome, Pod, Reason, ServiceAccount, Settings,
    StsVariables, decide,
};
use crate::names::{is_label, is_subdomain};

const PREFIX: &str = "pod-identity.alibabacloud.com/";
pub(crate) const VOLUME: &str = "rrsa-oidc-token";

/// A pod and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Explained {
    pub(crate) subject: Subject,
    pub(crate) service_account: String,
    pub(crate) verdict: Verdict,
    /// Of the admission, as kubectl would show them.
    pub(crate) warnings: Vec<String>,
    /// `None` where no cluster was asked.
    pub(crate) call: Option<Call>,
    /// The pod as it would be.
    pub(crate) pod: Value,
}

/// What becomes of a pod.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Injected(Gain),
    /// It gets nothing.
    Nothing(Because),
    /// Something that decides is missing.
    Unknown(Because),
}

/// Why it gets nothing, in one line, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Because {
    /// As in metrics, or one of `not_called`, `unknown_namespace`, `unknown_service_account`.
    pub(crate) reason: &'static str,
    pub(crate) why: String,
    pub(crate) mend: String,
}

/// What a pod gets.
#[derive(Clone, Debug)]
pub(crate) struct Gain {
    pub(crate) role_arn: String,
    pub(crate) seconds: u32,
    /// Who said how long the token lives.
    pub(crate) seconds_from: ExpirationSource,
    pub(crate) sts: Option<StsVariables>,
    /// Who says that variables of the containers' own are replaced.
    pub(crate) override_env: Option<Level>,
    pub(crate) containers: Vec<Container>,
}

/// What one container gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) name: String,
    /// Whether it has the role then; one that is skipped, or whose path is taken, has not.
    pub(crate) is_injected: bool,
    /// Variables that it gets, in their order: those that are replaced first.
    pub(crate) variables: Vec<(String, String)>,
    /// Names of those of them that take the place of one that it has.
    pub(crate) replaced: Vec<String>,
    /// Whether it gets the mount; else it has it, or is not injected.
    pub(crate) gets_mount: bool,
}

/// What the levels above the pod say.
#[derive(Clone, Debug, Default)]
struct Levels {
    namespace: Namespace,
    account: ServiceAccount,
}

/// What decides beside the pods.
pub(crate) struct World<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) objects: &'a Objects,
    pub(crate) live: Option<Live>,
    /// Name of the MutatingWebhookConfiguration.
    pub(crate) configuration: &'a str,
}

impl World<'_> {
    /// Decides about a pod as the server would, with what the files say, and for the rest what the cluster says.
    ///
    /// # Errors
    /// One line: the pod or the cluster cannot be read.
    pub(crate) async fn explain(&mut self, subject: Subject) -> Result<Explained, String> {
        let json = subject.pod.to_string();
        let pod = read(&json, &subject)?;
        let service_account = pod.service_account().to_owned();
        let meta = self.namespace(&subject.namespace).await?;
        let call = match &meta {
            Some(meta) => self.call(&subject, meta, pod.is_mirror()).await,
            None => None,
        };
        let (verdict, warnings, patched) = match self.levels(&subject, &pod, meta.as_ref()).await? {
            Err(because) => (Verdict::Unknown(because), Vec::new(), None),
            Ok(levels) => {
                let Decision { outcome, warnings } =
                    decide(self.settings, &levels.namespace, &levels.account, &pod);
                let judged =
                    self.judge(outcome, call.as_ref(), &subject, &service_account, &levels.namespace)?;
                (judged.0, warnings, judged.1)
            }
        };
        // Whom nobody calls, nobody warns.
        let is_called = !matches!(call, Some(Call::Missed { .. }));
        let warnings = if is_called { warnings } else { Vec::new() };
        let pod = patched.unwrap_or_else(|| subject.pod.clone());
        Ok(Explained { subject, service_account, verdict, warnings, call, pod })
    }

    /// What namespace and service account say, or which of them is missing. As in the server, nobody asks for the service
    /// account where the namespace settles it.
    async fn levels(
        &mut self,
        subject: &Subject,
        pod: &Pod<'_>,
        namespace: Option<&Meta>,
    ) -> Result<Result<Levels, Because>, String> {
        let mut levels = Levels::default();
        match namespace {
            Some(meta) => levels.namespace = Namespace::new(Some(&meta.labels), Some(&meta.annotations)),
            None if pod.is_mirror() => {}
            None => return Ok(Err(self.no_namespace(&subject.namespace))),
        }
        if (levels.namespace.is_on() || pod.is_on()) && !pod.is_mirror() {
            let name = pod.service_account();
            match self.service_account(&subject.namespace, name).await? {
                Some(meta) => levels.account = ServiceAccount::new(Some(&meta.annotations)),
                None => return Ok(Err(self.no_service_account(&subject.namespace, name))),
            }
        }
        Ok(Ok(levels))
    }

    /// From the server's decision to what becomes of the pod, and the pod as it would be, where it is another one.
    fn judge(
        &self,
        outcome: Outcome,
        call: Option<&Call>,
        subject: &Subject,
        service_account: &str,
        namespace: &Namespace,
    ) -> Result<(Verdict, Option<Value>), String> {
        match (outcome, call) {
            (Outcome::NotInjected(reason), _) => {
                let because = because(reason, subject, service_account, namespace, self.settings);
                Ok((Verdict::Nothing(because), None))
            }
            (Outcome::Injected(_), Some(Call::Missed { why, mend })) => {
                let why = format!("the API server would not call the webhook: {why}");
                Ok((Verdict::Nothing(Because { reason: "not_called", why, mend: mend.clone() }), None))
            }
            (Outcome::Injected(injection), _) => {
                let patched = patched(&subject.pod, &injection)?;
                let gain = Gain {
                    containers: containers(&subject.pod, &patched, &injection),
                    seconds_from: injection.expiration_from,
                    seconds: injection.expiration_seconds,
                    sts: injection.sts_variables,
                    override_env: injection.override_env,
                    role_arn: injection.role_arn,
                };
                Ok((Verdict::Injected(gain), Some(patched)))
            }
        }
    }

    async fn namespace(&mut self, name: &str) -> Result<Option<Meta>, String> {
        match (self.objects.namespaces.get(name), &mut self.live) {
            (Some(meta), _) => Ok(Some(meta.clone())),
            (None, Some(live)) => live.namespace(name).await,
            (None, None) => Ok(None),
        }
    }

    async fn service_account(&mut self, namespace: &str, name: &str) -> Result<Option<Meta>, String> {
        let key = (namespace.to_owned(), name.to_owned());
        match (self.objects.service_accounts.get(&key), &mut self.live) {
            (Some(meta), _) => Ok(Some(meta.clone())),
            (None, Some(live)) => live.service_account(namespace, name).await,
            (None, None) => Ok(None),
        }
    }

    async fn call(&mut self, subject: &Subject, namespace: &Meta, is_mirror: bool) -> Option<Call> {
        let live = self.live.as_mut()?;
        let asked = Asked {
            namespace: &subject.namespace,
            namespace_labels: &namespace.labels,
            pod_labels: &subject.labels,
            is_mirror,
        };
        Some(match live.configuration(self.configuration).await {
            Ok(configuration) => called::call(self.configuration, configuration.as_ref(), &asked),
            Err(why) => Call::Unknown(why),
        })
    }

    /// Where else something was looked for, and what to do.
    fn missing(&self, what: &str) -> (String, String) {
        if self.live.is_some() {
            let why = format!("{what} is neither in the files nor in the cluster");
            (why, "make it, or add its manifest with -f".to_owned())
        } else {
            let why = format!("{what} is in none of the files");
            (why, "add its manifest with -f, or give --kubeconfig to read it from the cluster".to_owned())
        }
    }

    fn no_namespace(&self, name: &str) -> Because {
        let (why, mend) = self.missing(&format!("Namespace {name}"));
        Because { reason: "unknown_namespace", why, mend }
    }

    fn no_service_account(&self, namespace: &str, name: &str) -> Because {
        let (why, mend) = self.missing(&format!("ServiceAccount {namespace}/{name}"));
        Because { reason: "unknown_service_account", why, mend }
    }
}

/// # Errors
/// One line: it is no pod, or names what cannot be.
fn read<'a>(json: &'a str, subject: &Subject) -> Result<Pod<'a>, String> {
    let Subject { file, kind, name, namespace, .. } = subject;
    let pod = Pod::from_json(json).map_err(|error| one_line(&format!("{file}: {kind} {name}: {error}")))?;
    let account = pod.service_account();
    // No such object can be. And both are parts of commands that are proposed.
    if !is_label(namespace) || !is_subdomain(account) {
        return Err(one_line(&format!(
            "{file}: {kind} {name}: {namespace:?} is no namespace, or {account:?} no service account, that Kubernetes \
             takes: write lower-case letters, digits and hyphens"
        )));
    }
    Ok(pod)
}

fn because(
    reason: Reason,
    subject: &Subject,
    account: &str,
    level: &Namespace,
    settings: &Settings,
) -> Because {
    let namespace = &subject.namespace;
    let (why, mend) = match reason {
        Reason::MirrorPod => (
            "it is a mirror pod (annotation kubernetes.io/config.mirror): static pods have no service account".to_owned(),
            "run it as a DaemonSet or Deployment".to_owned(),
        ),
        Reason::NamespaceNotOn => {
            let found = match &level.injection {
                None => "no label".to_owned(),
                Some(value) => format!("{:?} as value of label", excerpt(value)),
            };
            (
                format!("Namespace {namespace} has {found} {PREFIX}injection: only 'on' turns injection on"),
                format!("kubectl label --overwrite namespace {namespace} {PREFIX}injection=on, then make the pod anew"),
            )
        }
        Reason::NoRole => (
            format!("ServiceAccount {namespace}/{account} names no role"),
            format!(
                "kubectl -n {namespace} annotate serviceaccount {account} {PREFIX}role-name=<role>, then make the pod \
                 anew"
            ),
        ),
        Reason::InvalidRole => (
            format!("what ServiceAccount {namespace}/{account} names is no RAM role"),
            format!(
                "kubectl -n {namespace} annotate --overwrite serviceaccount {account} {PREFIX}role-name=<role>, then \
                 make the pod anew"
            ),
        ),
        Reason::VolumeNameTaken => (
            format!("the pod has another volume named {VOLUME}"),
            "give that volume another name".to_owned(),
        ),
        Reason::MountPathTaken => (
            format!("no container has {} free", settings.mount_path),
            "mount what is there elsewhere".to_owned(),
        ),
        Reason::NoContainer => (
            "its annotations only-containers and skip-containers leave no container".to_owned(),
            format!("mend {PREFIX}only-containers and {PREFIX}skip-containers of the pod"),
        ),
    };
    // What a server does then is up to its flag.
    let refused = if reason.is_fault() { "; a server with --on-fault=deny refuses such a pod" } else { "" };
    Because { reason: reason.as_str(), why: format!("{why}{refused}"), mend }
}

fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

/// The pod with the patch in it, applied as the API server applies it.
fn patched(pod: &Value, injection: &Injection) -> Result<Value, String> {
    let unusable = |error: &dyn std::fmt::Display| one_line(&format!("the patch cannot be applied: {error}"));
    let patch = serde_json::to_value(&injection.patch).map_err(|error| unusable(&error))?;
    let patch: json_patch::Patch = serde_json::from_value(patch).map_err(|error| unusable(&error))?;
    let mut patched = pod.clone();
    json_patch::patch(&mut patched, &patch).map_err(|error| unusable(&error))?;
    Ok(patched)
}

/// What each container has after that it had not before.
fn containers(before: &Value, after: &Value, injection: &Injection) -> Vec<Container> {
    let mut containers = Vec::new();
    for list in ["initContainers", "containers"] {
        let of = |pod: &Value| -> Vec<Value> {
            let list = pod.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
            list.cloned().unwrap_or_default()
        };
        for (before, after) in of(before).iter().zip(&of(after)) {
            let name = before.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let new = |field: &str| after_all(after, field, count(before, field));
            let text = |value: &Value, field: &str| {
                value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let replaced = changed(before, after, "env");
            let added = new("env");
            let variables = replaced.iter().chain(&added);
            containers.push(Container {
                is_injected: injection.containers.contains(&name),
                variables: variables.map(|one| (text(one, "name"), text(one, "value"))).collect(),
                replaced: replaced.iter().map(|one| text(one, "name")).collect(),
                gets_mount: !new("volumeMounts").is_empty(),
                name,
            });
        }
    }
    containers
}

fn count(container: &Value, field: &str) -> usize {
    container.get(field).and_then(Value::as_array).map_or(0, Vec::len)
}

/// Patches append or replace: what is new stands behind what was there.
fn after_all<'v>(container: &'v Value, field: &str, before: usize) -> Vec<&'v Value> {
    elements(container, field).skip(before).collect()
}

/// What took the place of something that was there.
fn changed<'v>(before: &Value, after: &'v Value, field: &str) -> Vec<&'v Value> {
    let pairs = elements(before, field).zip(elements(after, field));
    pairs.filter(|(before, after)| before != after).map(|(_, after)| after).collect()
}

fn elements<'v>(container: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    container.get(field).and_then(Value::as_array).into_iter().flatten()
}
