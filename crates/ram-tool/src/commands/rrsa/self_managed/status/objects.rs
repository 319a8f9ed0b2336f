//! What objects of Kubernetes say, as far as it counts here.

use jiff::Timestamp;
use serde_json::Value;

use super::facts::{Container, Namespace, Pod, PodToken, ServiceAccount, Settings, WebhookEntry};

const PREFIX: &str = "pod-identity.alibabacloud.com";
/// Where `serviceAccountToken` of a projected volume says nothing (Kubernetes' API reference).
const DEFAULT_LIFETIME: u64 = 3600;

/// A Service that a webhook configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// A configuration file in a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConfigFile {
    pub(super) config_map: String,
    /// Its key there.
    pub(super) key: String,
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

fn list<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn metadata(object: &Value, kind: &str, key: &str) -> Option<String> {
    object.get("metadata")?.get(kind)?.get(format!("{PREFIX}/{key}"))?.as_str().map(str::to_owned)
}

pub(super) fn namespace(object: &Value) -> Namespace {
    Namespace { injection: metadata(object, "labels", "injection") }
}

pub(super) fn service_account(object: &Value) -> ServiceAccount {
    let annotation =
        |key| metadata(object, "annotations", key).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
    ServiceAccount {
        role_name: annotation("role-name"),
        role_arn: annotation("role-arn"),
        annotated: annotated(object),
    }
}

/// When a field manager last wrote an annotation that names a role.
fn annotated(object: &Value) -> Option<Timestamp> {
    let writes = |entry: &&Value| {
        let annotations = entry.pointer("/fieldsV1/f:metadata/f:annotations");
        annotations.is_some_and(|fields| {
            ["role-name", "role-arn"].iter().any(|key| fields.get(format!("f:{PREFIX}/{key}")).is_some())
        })
    };
    list(object, "/metadata/managedFields")
        .filter(writes)
        .filter_map(|entry| text(entry, "/time")?.parse().ok())
        .max()
}

pub(super) fn pod(object: &Value) -> Pod {
    let containers = list(object, "/spec/initContainers").chain(list(object, "/spec/containers"));
    Pod {
        // The API server fills it in.
        service_account: text(object, "/spec/serviceAccountName").unwrap_or_else(|| "default".to_owned()),
        created: text(object, "/metadata/creationTimestamp").and_then(|time| time.parse().ok()),
        injection: metadata(object, "labels", "injection"),
        containers: containers.map(container).collect(),
        tokens: list(object, "/spec/volumes").flat_map(tokens).collect(),
    }
}

fn container(object: &Value) -> Container {
    // Of several of one name, the last counts.
    let variable = |name: &str| {
        list(object, "/env").filter(|entry| text(entry, "/name").as_deref() == Some(name)).last()
    };
    let value = |name: &str| text(variable(name)?, "/value").filter(|value| !value.is_empty());
    Container {
        name: text(object, "/name").unwrap_or_default(),
        role_arn: value("ALIBABA_CLOUD_ROLE_ARN"),
        provider_arn: value("ALIBABA_CLOUD_OIDC_PROVIDER_ARN"),
        token_file: value("ALIBABA_CLOUD_OIDC_TOKEN_FILE"),
        has_access_key: variable("ALIBABA_CLOUD_ACCESS_KEY_ID").is_some(),
        mounts: list(object, "/volumeMounts")
            .filter_map(|mount| Some((text(mount, "/name")?, text(mount, "/mountPath")?)))
            .collect(),
    }
}

fn tokens(volume: &Value) -> Vec<PodToken> {
    let name = text(volume, "/name").unwrap_or_default();
    list(volume, "/projected/sources")
        .filter_map(|source| source.get("serviceAccountToken"))
        .map(|token| PodToken {
            volume: name.clone(),
            audience: text(token, "/audience").unwrap_or_default(),
            path: text(token, "/path").unwrap_or_default(),
            lifetime: token.get("expirationSeconds").and_then(Value::as_u64).unwrap_or(DEFAULT_LIFETIME),
        })
        .collect()
}

/// The entries of a webhook configuration, and the Service that its first one names.
pub(super) fn webhook(object: &Value) -> (Vec<WebhookEntry>, Option<Service>) {
    let entries = list(object, "/webhooks").map(|entry| WebhookEntry {
        name: text(entry, "/name").unwrap_or_default(),
        has_ca_bundle: text(entry, "/clientConfig/caBundle").is_some_and(|bundle| !bundle.is_empty()),
        failure_policy: text(entry, "/failurePolicy").unwrap_or_else(|| "Fail".to_owned()),
    });
    let service = list(object, "/webhooks").find_map(|entry| {
        let service = entry.pointer("/clientConfig/service")?;
        Some(Service { namespace: text(service, "/namespace")?, name: text(service, "/name")? })
    });
    (entries.collect(), service)
}

/// Ready and wanted replicas of a Deployment.
pub(super) fn replicas(deployment: &Value) -> (u64, u64) {
    let number = |pointer: &str| deployment.pointer(pointer).and_then(Value::as_u64);
    (number("/status/readyReplicas").unwrap_or_default(), number("/spec/replicas").unwrap_or(1))
}

/// What a Deployment's flags say to the webhook, and where its configuration file is.
pub(super) fn webhook_flags(deployment: &Value) -> (Settings, Option<ConfigFile>) {
    let spec = deployment.pointer("/spec/template/spec").unwrap_or(&Value::Null);
    let words: Vec<(&Value, String)> = list(spec, "/containers")
        .flat_map(|container| {
            list(container, "/command")
                .chain(list(container, "/args"))
                .filter_map(move |word| Some((container, word.as_str()?.to_owned())))
        })
        .collect();
    let flag = |name: &str| {
        words.iter().enumerate().find_map(|(place, (container, word))| {
            let rest = word.strip_prefix("--")?.strip_prefix(name)?;
            let value = match rest.strip_prefix('=') {
                Some(value) => value.to_owned(),
                None if rest.is_empty() => words.get(place.checked_add(1)?)?.1.clone(),
                None => return None,
            };
            Some((*container, value))
        })
    };
    let value = |name: &str| flag(name).map(|(_, value)| value).filter(|value| !value.is_empty());
    let settings = Settings {
        cluster_id: value("cluster-id"),
        account_id: value("account-id"),
        provider_arn: value("oidc-provider-arn"),
        audience: value("audience"),
    };
    let file = flag("config").and_then(|(container, path)| config_file(spec, container, &path));
    (settings, file)
}

fn config_file(spec: &Value, container: &Value, path: &str) -> Option<ConfigFile> {
    let (volume, key) = list(container, "/volumeMounts").find_map(|mount| {
        let folder = text(mount, "/mountPath")?;
        let key = path.strip_prefix(folder.trim_end_matches('/'))?.strip_prefix('/')?.to_owned();
        Some((text(mount, "/name")?, key))
    })?;
    let volume = list(spec, "/volumes").find(|one| text(one, "/name").as_deref() == Some(volume.as_str()))?;
    Some(ConfigFile { config_map: text(volume, "/configMap/name")?, key })
}

/// Adds what a configuration file says; flags beat it. Its keys are written in any case.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn webhook_file(flags: Settings, file: &str) -> Result<Settings, &'static str> {
    let value: Value = serde_saphyr::from_str(file).map_err(|_| "is no YAML")?;
    let said = |key: &str| {
        let (_, value) = value.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?;
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
        .filter(|text| !text.is_empty())
    };
    Ok(Settings {
        cluster_id: flags.cluster_id.or_else(|| said("clusterID")),
        account_id: flags.account_id.or_else(|| said("accountID")),
        provider_arn: flags.provider_arn.or_else(|| said("oidcProviderARN")),
        audience: flags.audience.or_else(|| said("audience")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_as_the_api_server_has_it() {
        let variable = |name: &str, value: &str| json!({"name": name, "value": value});
        let object = json!({
            "metadata": {
                "creationTimestamp": "2026-11-01T00:00:00Z",
                "labels": {"pod-identity.alibabacloud.com/injection": "on"},
            },
            "spec": {
                "serviceAccountName": "cart",
                "initContainers": [{"name": "init"}],
                "containers": [{
                    "name": "app",
                    "env": [
                        variable("ALIBABA_CLOUD_ROLE_ARN", "first"),
                        variable("ALIBABA_CLOUD_ROLE_ARN", "last"),
                        variable("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", ""),
                        {"name": "ALIBABA_CLOUD_OIDC_TOKEN_FILE", "valueFrom": {"fieldRef": {}}},
                        {"name": "ALIBABA_CLOUD_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {}}},
                    ],
                    "volumeMounts": [{"name": "v", "mountPath": "/t"}],
                }],
                "volumes": [
                    {"name": "other", "emptyDir": {}},
                    {"name": "v", "projected": {"sources": [{"configMap": {}}, {"serviceAccountToken": {"path": "token"}}]}},
                ],
            },
        });
        let pod = pod(&object);
        assert_eq!((pod.service_account.as_str(), pod.injection.as_deref()), ("cart", Some("on")));
        assert_eq!(pod.created, Some("2026-11-01T00:00:00Z".parse().unwrap()));
        let names: Vec<&str> = pod.containers.iter().map(|container| container.name.as_str()).collect();
        assert_eq!(names, ["init", "app"]);
        let app = &pod.containers[1];
        assert_eq!(app.role_arn.as_deref(), Some("last"));
        assert_eq!((&app.provider_arn, &app.token_file, app.has_access_key), (&None, &None, true));
        assert_eq!(app.mounts, [("v".to_owned(), "/t".to_owned())]);
        let token = PodToken {
            volume: "v".to_owned(),
            path: "token".to_owned(),
            lifetime: 3600,
            ..PodToken::default()
        };
        assert_eq!(pod.tokens, [token]);
        // What is no pod has nothing, and is no fault of this program.
        assert!(super::pod(&json!([])).containers.is_empty());
    }

    #[test]
    fn a_service_account_is_annotated_when_a_role_was_last_written() {
        let entry = |time: &str, key: &str| json!({"time": time, "fieldsV1": {"f:metadata": {"f:annotations": {key: {}}}}});
        let object = json!({"metadata": {
            "annotations": {"pod-identity.alibabacloud.com/role-name": " app ", "pod-identity.alibabacloud.com/role-arn": " "},
            "managedFields": [
                entry("2026-11-01T00:00:00Z", "f:pod-identity.alibabacloud.com/role-name"),
                entry("2026-11-02T00:00:00Z", "f:pod-identity.alibabacloud.com/role-arn"),
                entry("2026-11-03T00:00:00Z", "f:other"),
            ],
        }});
        let account = service_account(&object);
        assert_eq!((account.role_name.as_deref(), account.role_arn), (Some("app"), None));
        assert_eq!(account.annotated, Some("2026-11-02T00:00:00Z".parse().unwrap()));
        assert_eq!(service_account(&json!({})), ServiceAccount::default());
    }

    fn deployment(args: &[&str]) -> Value {
        json!({"spec": {"template": {"spec": {
            "containers": [{"name": "a", "args": args,
                "volumeMounts": [{"name": "x", "mountPath": "/x"}, {"name": "config", "mountPath": "/etc/hook/"}]}],
            "volumes": [{"name": "config", "configMap": {"name": "map"}}, {"name": "x"}],
        }}}})
    }

    #[test]
    fn flags_beat_the_file_that_they_name() {
        let object =
            deployment(&["server", "--config", "/etc/hook/c.yaml", "--cluster-id=c1", "--audience="]);
        let (flags, file) = webhook_flags(&object);
        assert_eq!(file, Some(ConfigFile { config_map: "map".to_owned(), key: "c.yaml".to_owned() }));
        assert_eq!((flags.cluster_id.as_deref(), &flags.audience), (Some("c1"), &None));
        let text = "ClusterId: c2\naccountid: 1234567890123456\noidcProviderARN: acs:x\naudience: aud\n";
        let all = webhook_file(flags, text).unwrap();
        assert_eq!(all.cluster_id.as_deref(), Some("c1"));
        assert_eq!(all.account_id.as_deref(), Some("1234567890123456"));
        assert_eq!((all.provider_arn.as_deref(), all.audience.as_deref()), (Some("acs:x"), Some("aud")));
        assert!(webhook_file(Settings::default(), "a: [").is_err());
        assert_eq!(webhook_file(Settings::default(), "- a"), Ok(Settings::default()));
        // A file in the image, or a flag of another name.
        assert_eq!(webhook_flags(&deployment(&["--config=/c.yaml"])).1, None);
        assert_eq!(webhook_flags(&deployment(&["--config=/x/c.yaml"])).1, None);
        assert_eq!(webhook_flags(&deployment(&["--cluster-id-file=c1"])).0, Settings::default());
        assert_eq!(webhook_flags(&json!({})), (Settings::default(), None));
    }

    #[test]
    fn a_webhook_configuration_names_who_answers() {
        let (entries, service) = webhook(&json!({"webhooks": [
            {"name": "a", "clientConfig": {"url": "https://x", "caBundle": ""}},
            {"name": "b", "clientConfig": {"caBundle": "LS0t", "service": {"namespace": "n", "name": "s"}}, "failurePolicy": "Ignore"},
        ]}));
        assert_eq!(service, Some(Service { namespace: "n".to_owned(), name: "s".to_owned() }));
        let seen: Vec<(bool, &str)> =
            entries.iter().map(|entry| (entry.has_ca_bundle, entry.failure_policy.as_str())).collect();
        // Kubernetes' own default.
        assert_eq!(seen, [(false, "Fail"), (true, "Ignore")]);
        assert_eq!(replicas(&json!({"spec": {"replicas": 3}, "status": {"readyReplicas": 1}})), (1, 3));
        assert_eq!(replicas(&json!({"spec": {}})), (0, 1));
    }
}
