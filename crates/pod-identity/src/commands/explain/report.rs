//! What was found, for people, for scripts, and as manifests.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cluster::one_line;
use serde_json::{Value, json};

use super::called::Call;
use super::verdict::{Container, Explained, Gain, Verdict};
use crate::injection::Settings;

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
        rows.extend(self.warnings.iter().map(|warning| ("warning", warning.clone())));
        rows
    }

    fn is_not_called(&self) -> bool {
        matches!(&self.verdict, Verdict::Nothing(because) if because.reason == "not_called")
    }

    fn gain(&self, gain: &Gain, settings: &Settings) -> Vec<(&'static str, String)> {
        let Gain { role_arn, seconds, seconds_from, containers } = gain;
        let sts = match &settings.sts {
            Some(sts) => format!("sts-vpc.{0}.aliyuncs.com in region {0}", sts.region),
            None => "no variables: no --region, or --sts-variables=false".to_owned(),
        };
        let mut rows = vec![
            ("injected", format!("{role_arn} of ServiceAccount {}", self.service_account)),
            ("provider", settings.provider_arn.clone()),
            ("token", format!("{seconds} s, {seconds_from}; audience {}", settings.audience)),
            ("sts", sts),
        ];
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
            "containers": containers,
            "warnings": self.warnings,
            "webhook": self.call.as_ref().map(Call::json),
        })
    }
}

fn shown(container: &Container, settings: &Settings) -> String {
    let name = &container.name;
    if !container.is_injected {
        return format!("{name}: nothing");
    }
    let mut gets: Vec<String> = container.variables.iter().map(|(name, _)| name.clone()).collect();
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
