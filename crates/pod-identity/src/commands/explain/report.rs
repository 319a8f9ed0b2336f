//! What was found, for people, for scripts, and as manifests.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cluster::one_line;
use serde_json::{Value, json};

use super::called::Call;
use super::verdict::{Container, Explained, Gain, VOLUME, Verdict};
use crate::injection::{ExpirationSource, Level, Settings, StsVariables};

impl Explained {
    /// Some rows about the pod.
    pub(crate) fn text(&self, settings: &Settings) -> String {
        let mut out = format!("{}\n", one_line(&self.title()));
        for (name, value) in self.rows(settings) {
            let _ = writeln!(out, "  {name:<9} {}", one_line(&value));
        }
        out
    }

    fn title(&self) -> String {
        let subject = &self.subject;
        format!("{} {}/{} ({})", subject.kind, subject.namespace, subject.name, subject.file)
    }

    fn rows(&self, settings: &Settings) -> Vec<(&'static str, String)> {
        let mut rows = match &self.verdict {
            Verdict::Injected(gain) => self.gain(gain, settings),
            Verdict::Nothing(because) => vec![
                ("nothing", format!("{}: {}", because.reason, because.why)),
                ("mend", because.mend.clone()),
            ],
            Verdict::Unknown(because) => vec![
                ("unknown", format!("{}: {}", because.reason, because.why)),
                ("mend", because.mend.clone()),
            ],
        };
        match &self.call {
            None => {}
            Some(Call::Made { entry, failure_policy, notes }) => {
                let without = match failure_policy.as_str() {
                    "Ignore" => "made without a role",
                    _ => "refused",
                };
                rows.push((
                    "called",
                    format!(
                        "{entry}; failurePolicy {failure_policy}: while the webhook is away the pod is {without}"
                    ),
                ));
                rows.extend(notes.iter().map(|note| ("note", note.clone())));
            }
            // Said already where nothing else is wrong.
            Some(Call::Missed { why, .. }) if !self.is_not_called() => {
                rows.push(("called", format!("not at all: {why}")));
            }
            Some(Call::Missed { .. }) => {}
            Some(Call::Unknown(why)) => rows.push(("called", format!("unknown: {why}"))),
        }
        if self.exists_without() {
            let note = "the pod is there already, and stays as it is: one that is made anew gets this";
            rows.push(("note", note.to_owned()));
        }
        rows.extend(self.warnings.iter().map(|warning| ("warning", warning.clone())));
        rows
    }

    /// Whether it is a pod of a cluster that was made without something that it would get now.
    fn exists_without(&self) -> bool {
        let Verdict::Injected(gain) = &self.verdict else { return false };
        let is_there = self.subject.pod.pointer("/metadata/uid").is_some_and(Value::is_string);
        is_there && gain.containers.iter().any(|one| one.gets_mount || !one.variables.is_empty())
    }

    fn is_not_called(&self) -> bool {
        matches!(&self.verdict, Verdict::Nothing(because) if because.reason == "not_called")
    }

    fn gain(&self, gain: &Gain, settings: &Settings) -> Vec<(&'static str, String)> {
        let Gain { role_arn, seconds, seconds_from, sts, override_env, containers } = gain;
        let region = settings.region.as_deref().unwrap_or_default();
        let sts = match sts {
            Some(StsVariables::All) => format!("sts-vpc.{region}.aliyuncs.com in region {region}"),
            Some(StsVariables::Endpoint) => format!(
                "sts-vpc.{region}.aliyuncs.com: the endpoint alone, by annotation inject-sts-endpoint of its service account"
            ),
            None => "no variables: no --region, or --sts-variables=false".to_owned(),
        };
        let seconds_from = lifetime(*seconds_from);
        let mut rows = vec![
            ("injected", format!("{role_arn} of ServiceAccount {}", self.service_account)),
            ("provider", settings.provider_arn.clone()),
            ("token", format!("{seconds} s, {seconds_from}; audience {}", settings.audience)),
            ("sts", sts),
        ];
        if let Some(level) = override_env {
            rows.push(("override", format!("variables of its own are replaced, by override-env of {level}")));
        }
        rows.extend(containers.iter().map(|container| ("container", shown(container, settings))));
        rows
    }

    /// For scripts.
    pub(crate) fn json(&self, settings: &Settings) -> Value {
        let (result, gain, because) = match &self.verdict {
            Verdict::Injected(gain) => ("injected", Some(gain), None),
            Verdict::Nothing(because) => ("notInjected", None, Some(because)),
            Verdict::Unknown(because) => ("unknown", None, Some(because)),
        };
        let containers = gain.map(|gain| {
            let containers = gain.containers.iter().map(|container| {
                json!({
                    "name": container.name,
                    "injected": container.is_injected,
                    "variables": container.variables.iter().cloned().collect::<BTreeMap<_, _>>(),
                    "replaced": container.replaced,
                    "mount": container.gets_mount,
                })
            });
            containers.collect::<Vec<_>>()
        });
        json!({
            "file": &*self.subject.file,
            "kind": self.subject.kind,
            "namespace": self.subject.namespace,
            "name": self.subject.name,
            "serviceAccount": self.service_account,
            "result": result,
            "reason": because.map(|because| because.reason),
            "why": because.map(|because| &because.why),
            "mend": because.map(|because| &because.mend),
            "roleARN": gain.map(|gain| &gain.role_arn),
            "providerARN": gain.map(|_| &settings.provider_arn),
            "audience": gain.map(|_| &settings.audience),
            "tokenExpirationSeconds": gain.map(|gain| gain.seconds),
            "tokenExpirationFrom": gain.map(|gain| word(gain.seconds_from)),
            "overrideEnv": gain.and_then(|gain| gain.override_env).map(level_word),
            "containers": containers,
            "existsWithout": self.exists_without(),
            "warnings": self.warnings,
            "webhook": self.call.as_ref().map(Call::json),
        })
    }
}

/// Who said how long the token lives.
fn lifetime(source: ExpirationSource) -> String {
    match source {
        ExpirationSource::Default => "the component's default".to_owned(),
        ExpirationSource::Invalid(level) => {
            format!("the component's default, as the annotation of {level} is invalid")
        }
        ExpirationSource::Annotation(level) => format!("from the annotation of {level}"),
        ExpirationSource::OwnVolume => format!("as its own volume {VOLUME} has it"),
    }
}

/// The same for scripts: who decided, and not why.
fn word(source: ExpirationSource) -> &'static str {
    match source {
        ExpirationSource::Default | ExpirationSource::Invalid(_) => "component",
        ExpirationSource::Annotation(level) => level_word(level),
        ExpirationSource::OwnVolume => "volume",
    }
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Pod => "pod",
        Level::ServiceAccount => "serviceAccount",
        Level::Namespace => "namespace",
    }
}

fn shown(container: &Container, settings: &Settings) -> String {
    let name = &container.name;
    if !container.is_injected {
        return format!("{name}: nothing");
    }
    let variable = |(name, _): &(String, String)| match container.replaced.contains(name) {
        true => format!("{name} in place of its own"),
        false => name.clone(),
    };
    let mut gets: Vec<String> = container.variables.iter().map(variable).collect();
    if container.gets_mount {
        gets.push(format!("the token in {}", settings.mount_path));
    }
    match gets.is_empty() {
        true => format!("{name}: has all of it already"),
        false => format!("{name}: {}", gets.join(", ")),
    }
}

/// The pods as they would be, as documents of YAML.
///
/// # Errors
/// One line.
pub(crate) fn yaml(explained: &[Explained]) -> Result<String, String> {
    // Without the directive of YAML 1.2 texts such as `on` and `y` are quoted: kubectl takes them for booleans otherwise.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let mut out = String::new();
    for one in explained {
        let document = serde_saphyr::to_string_with_options(&one.pod, options.clone());
        let document = document.map_err(|error| one_line(&format!("cannot write YAML: {error}")))?;
        let _ = write!(out, "---\n{document}");
    }
    Ok(out)
}
