//! Whether the API server would call the webhook for a pod (Kubernetes documentation, Dynamic Admission Control).

use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt as _};
use serde_json::{Value, json};

use super::objects::Texts;

/// The label that every namespace has, with its name in it.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";
/// The one match condition that is known here, that of `manifests/pod-identity`: mirror pods are left out.
const NO_MIRROR_PODS: &str =
    "!has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)";

/// What the API server would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// It would call.
    Made {
        /// Name of the entry of the configuration.
        entry: String,
        /// `Fail` or `Ignore`.
        failure_policy: String,
        /// What could not be decided here.
        notes: Vec<String>,
    },
    /// It would not, or in vain.
    Missed {
        /// Why, in one line.
        why: String,
        /// What to do.
        mend: String,
    },
    /// The configuration could not be read.
    Unknown(String),
}

/// The pod, as far as selectors and conditions look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) namespace_labels: &'a Texts,
    pub(crate) pod_labels: &'a Texts,
    pub(crate) is_mirror: bool,
}

/// Why an entry is not called for a pod.
struct Miss {
    why: String,
    mend: &'static str,
    /// Its selectors match: this is the entry that is meant for the pod.
    is_selected: bool,
}

impl Miss {
    /// By rules or selectors.
    fn new(why: String, mend: &'static str) -> Miss {
        Miss { why, mend, is_selected: false }
    }
}

/// Looks through the entries of the configuration of this name; one that would be called is enough. Where an entry is
/// meant for the pod, nobody wants to hear of the others.
pub(crate) fn call(
    name: &str,
    configuration: Option<&MutatingWebhookConfiguration>,
    asked: &Asked<'_>,
) -> Call {
    let Some(configuration) = configuration else {
        return missed(
            format!("there is no MutatingWebhookConfiguration {name}"),
            "install the webhook, as in manifests/pod-identity, or name the configuration with \
             --webhook-configuration",
        );
    };
    let entries = configuration.webhooks.as_deref().unwrap_or_default();
    let mut misses: Vec<Miss> = Vec::new();
    for entry in entries {
        match would_call(entry, asked) {
            Ok(notes) => {
                let failure_policy = entry.failure_policy.clone().unwrap_or_else(|| "Fail".to_owned());
                return Call::Made { entry: entry.name.clone(), failure_policy, notes };
            }
            Err(miss) => misses.push(Miss { why: format!("{}: {}", entry.name, miss.why), ..miss }),
        }
    }
    if misses.iter().any(|miss| miss.is_selected) {
        misses.retain(|miss| miss.is_selected);
    }
    let Some(Miss { mend, .. }) = misses.first() else {
        return missed(
            format!("MutatingWebhookConfiguration {name} has no webhooks"),
            "apply manifests/pod-identity anew",
        );
    };
    let mend = *mend;
    missed(misses.into_iter().map(|miss| miss.why).collect::<Vec<_>>().join("; "), mend)
}

fn missed(why: String, mend: &str) -> Call {
    Call::Missed { why, mend: mend.to_owned() }
}

/// Notes on what cannot be decided here, or why it would not be called, and how to mend that.
fn would_call(entry: &MutatingWebhook, asked: &Asked<'_>) -> Result<Vec<String>, Miss> {
    if !entry.rules.iter().flatten().any(covers_pods) {
        return Err(Miss::new(
            "its rules do not cover the creation of pods".to_owned(),
            "apply manifests/pod-identity anew",
        ));
    }
    let mut namespace_labels = asked.namespace_labels.clone();
    namespace_labels.insert(NAME_LABEL.to_owned(), asked.namespace.to_owned());
    if let Some(selector) = mismatch(entry.namespace_selector.as_ref(), &namespace_labels) {
        return Err(Miss::new(
            format!("its namespaceSelector ({selector}) does not match namespace {}", asked.namespace),
            "change the labels of the namespace, or run the pod in another one",
        ));
    }
    if let Some(selector) = mismatch(entry.object_selector.as_ref(), asked.pod_labels) {
        return Err(Miss::new(
            format!("its objectSelector ({selector}) does not match the labels of the pod"),
            "change the labels of the pod",
        ));
    }
    called_if_selected(entry, asked).map_err(|(why, mend)| Miss { why, mend, is_selected: true })
}

/// The same of an entry whose rules and selectors match.
fn called_if_selected(
    entry: &MutatingWebhook,
    asked: &Asked<'_>,
) -> Result<Vec<String>, (String, &'static str)> {
    let mut notes = Vec::new();
    for condition in entry.match_conditions.iter().flatten() {
        if is_known(condition) {
            if asked.is_mirror {
                return Err((
                    format!("its matchCondition {} leaves mirror pods out", condition.name),
                    "nothing can be done: static pods have no service account",
                ));
            }
        } else {
            notes.push(format!(
                "whether matchCondition {} holds is not known here: {}",
                condition.name,
                one_blank(&condition.expression)
            ));
        }
    }
    let client = &entry.client_config;
    let has_bundle = client.ca_bundle.as_ref().is_some_and(|bundle| !bundle.0.is_empty());
    if !has_bundle && client.url.is_none() {
        return Err((
            "it has no caBundle, so that each call fails".to_owned(),
            "look what /readyz and the log of the webhook say: it, or cert-manager, writes the caBundle",
        ));
    }
    if !has_bundle {
        notes.push("it has no caBundle: the certificate behind its url must be one that the API server's machine trusts".to_owned());
    }
    Ok(notes)
}

fn covers_pods(rule: &RuleWithOperations) -> bool {
    let has = |list: &Option<Vec<String>>, wanted: &[&str]| {
        list.iter().flatten().any(|item| wanted.contains(&item.as_str()))
    };
    has(&rule.operations, &["CREATE", "*"])
        && has(&rule.api_groups, &["", "*"])
        && has(&rule.api_versions, &["v1", "*"])
        && has(&rule.resources, &["pods", "*", "*/*"])
        && matches!(rule.scope.as_deref(), None | Some("*" | "Namespaced"))
}

/// The selector as text, where it does not match. What cannot be read selects nothing.
fn mismatch(selector: Option<&LabelSelector>, labels: &Texts) -> Option<String> {
    match Selector::try_from(selector?.clone()) {
        Ok(selector) => (!selector.matches(labels)).then(|| selector.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

fn is_known(condition: &MatchCondition) -> bool {
    let plain = |text: &str| text.replace('"', "'").split_whitespace().collect::<Vec<_>>().join(" ");
    plain(&condition.expression) == plain(NO_MIRROR_PODS)
}

fn one_blank(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(256).collect()
}

impl Call {
    pub(crate) fn json(&self) -> Value {
        match self {
            Call::Made { entry, failure_policy, notes } => {
                json!({"called": true, "entry": entry, "failurePolicy": failure_policy, "notes": notes})
            }
            Call::Missed { why, mend } => json!({"called": false, "why": why, "mend": mend}),
            Call::Unknown(why) => json!({"called": null, "why": why}),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn shipped() -> Value {
        let text = include_str!("../../../../../manifests/pod-identity/base/webhook.yaml");
        let mut value: Value = serde_saphyr::from_str::<strict::Strict>(text).unwrap().0;
        for entry in value["webhooks"].as_array_mut().unwrap() {
            entry["clientConfig"]["caBundle"] = json!("QQ==");
        }
        value
    }

    fn result(
        configuration: &Value,
        namespace: &[(&str, &str)],
        pod: &[(&str, &str)],
        is_mirror: bool,
    ) -> Call {
        let texts = |pairs: &[(&str, &str)]| -> Texts {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let asked = Asked {
            namespace: "demo",
            namespace_labels: &texts(namespace),
            pod_labels: &texts(pod),
            is_mirror,
        };
        let configuration = serde_json::from_value(configuration.clone()).unwrap();
        call("webhook", Some(&configuration), &asked)
    }

    const ON: (&str, &str) = ("pod-identity.alibabacloud.com/injection", "on");

    fn why(call: Call) -> String {
        match call {
            Call::Missed { why, .. } => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_configuration_that_is_shipped_is_understood() {
        let made = Call::Made {
            entry: "pods.pod-identity.alibabacloud.com".to_owned(),
            failure_policy: "Ignore".to_owned(),
            notes: vec![],
        };
        assert_eq!(result(&shipped(), &[ON], &[], false), made);
        assert_eq!(
            why(result(&shipped(), &[], &[], false)),
            "pods.pod-identity.alibabacloud.com: its namespaceSelector \
             (pod-identity.alibabacloud.com/injection=on) does not match namespace demo; \
             labelled-pods.pod-identity.alibabacloud.com: its objectSelector \
             (pod-identity.alibabacloud.com/injection=on) does not match the labels of the pod"
        );
        assert_eq!(
            why(result(&shipped(), &[ON], &[], true)),
            "pods.pod-identity.alibabacloud.com: its matchCondition not-a-mirror-pod leaves mirror pods out"
        );
    }

    #[test]
    fn a_pod_with_the_label_is_asked_about_by_one_entry_and_never_by_two() {
        let entry = |namespace: &[(&str, &str)], pod: &[(&str, &str)]| match result(
            &shipped(),
            namespace,
            pod,
            false,
        ) {
            Call::Made { entry, .. } => entry,
            other => panic!("{other:?}"),
        };
        let (pods, labelled) =
            ("pods.pod-identity.alibabacloud.com", "labelled-pods.pod-identity.alibabacloud.com");
        assert_eq!(entry(&[], &[ON]), labelled);
        assert_eq!(entry(&[(ON.0, "off")], &[ON]), labelled);
        // Whichever comes first in the configuration.
        for reversed in [false, true] {
            let mut configuration = shipped();
            if reversed {
                configuration["webhooks"].as_array_mut().unwrap().reverse();
            }
            for (namespace, wanted) in [(&[ON][..], pods), (&[], labelled)] {
                let Call::Made { entry, .. } = result(&configuration, namespace, &[ON], false) else {
                    panic!()
                };
                assert_eq!(entry, wanted);
            }
        }
        assert!(matches!(result(&shipped(), &[], &[(ON.0, "off")], false), Call::Missed { .. }));
        assert_eq!(
            why(result(&shipped(), &[], &[ON], true)),
            "labelled-pods.pod-identity.alibabacloud.com: its matchCondition not-a-mirror-pod leaves mirror pods out"
        );
        // The entry that is meant is the one whose fault is told, with its own remedy.
        let mut configuration = shipped();
        configuration["webhooks"][1]["clientConfig"]["caBundle"] = json!(null);
        let Call::Missed { why, mend } = result(&configuration, &[], &[ON], false) else { panic!() };
        assert_eq!(
            why,
            "labelled-pods.pod-identity.alibabacloud.com: it has no caBundle, so that each call fails"
        );
        assert!(mend.contains("/readyz"), "{mend}");
    }

    #[test]
    fn a_call_that_cannot_be_verified_is_none() {
        for empty in [json!(null), json!("")] {
            let mut configuration = shipped();
            configuration["webhooks"][0]["clientConfig"]["caBundle"] = empty;
            assert!(
                why(result(&configuration, &[ON], &[], false))
                    .ends_with("it has no caBundle, so that each call fails")
            );
        }
        let mut configuration = shipped();
        configuration["webhooks"][0]["clientConfig"] = json!({"url": "https://webhook.example.com/mutate"});
        let Call::Made { notes, .. } = result(&configuration, &[ON], &[], false) else { panic!() };
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn selectors_are_evaluated_with_the_label_that_every_namespace_has() {
        let mut configuration = shipped();
        let entry = &mut configuration["webhooks"][0];
        entry["namespaceSelector"] = json!({"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "demo"]},
        ]});
        assert_eq!(
            why(result(&configuration, &[ON], &[], false)),
            "pods.pod-identity.alibabacloud.com: its namespaceSelector (kubernetes.io/metadata.name notin \
             (demo,kube-system)) does not match namespace demo; labelled-pods.pod-identity.alibabacloud.com: its \
             namespaceSelector (pod-identity.alibabacloud.com/injection notin (on)) does not match namespace demo"
        );
        configuration["webhooks"][0]["namespaceSelector"] = json!({});
        configuration["webhooks"][0]["objectSelector"] = json!({"matchExpressions": [
            {"key": "app", "operator": "NotIn", "values": ["webhook"]}, {"key": "x", "operator": "DoesNotExist"},
        ]});
        assert!(
            why(result(&configuration, &[], &[("app", "webhook")], false))
                .contains("objectSelector (app notin")
        );
        assert!(why(result(&configuration, &[], &[("x", "")], false)).contains("objectSelector"));
        assert!(matches!(result(&configuration, &[], &[("app", "web")], false), Call::Made { .. }));
    }

    #[test]
    fn rules_that_do_not_cover_pods_and_conditions_that_nobody_knows_are_told() {
        for (field, value) in [
            ("operations", json!(["UPDATE"])),
            ("apiGroups", json!(["apps"])),
            ("apiVersions", json!(["v2"])),
            ("resources", json!(["pods/exec"])),
            ("scope", json!("Cluster")),
        ] {
            let mut configuration = shipped();
            configuration["webhooks"][0]["rules"][0][field] = value;
            assert!(why(result(&configuration, &[ON], &[], false)).contains("rules do not cover"), "{field}");
        }
        let mut configuration = shipped();
        configuration["webhooks"][0]["matchConditions"][0]["expression"] = json!("object.spec.x\n== 1");
        let Call::Made { notes, .. } = result(&configuration, &[ON], &[], true) else { panic!() };
        assert_eq!(
            notes,
            ["whether matchCondition not-a-mirror-pod holds is not known here: object.spec.x == 1"]
        );
    }

    #[test]
    fn no_configuration_and_one_without_webhooks_are_told() {
        let labels = Texts::new();
        let asked =
            Asked { namespace: "demo", namespace_labels: &labels, pod_labels: &labels, is_mirror: false };
        assert_eq!(why(call("webhook", None, &asked)), "there is no MutatingWebhookConfiguration webhook");
        let empty = MutatingWebhookConfiguration::default();
        assert!(why(call("webhook", Some(&empty), &asked)).ends_with("has no webhooks"));
        let mut two = shipped();
        let other = two["webhooks"][0].clone();
        two["webhooks"].as_array_mut().unwrap().insert(0, other);
        two["webhooks"][0]["rules"] = json!([]);
        assert!(matches!(result(&two, &[ON], &[], false), Call::Made { .. }), "one is enough");
    }
}
