//! The API server as this server uses it: the way there, each right, the CRD, the ConfigMap. Nothing is written; a
//! SelfSubjectAccessReview is an answer only (Kubernetes API reference, authorization.k8s.io/v1).

use std::time::{Duration, Instant};

use cluster::client::in_cluster_or;
use cluster::{describe, own_namespace};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::{Api, DynamicObject, ListParams, PostParams};
use kube::core::ApiResource;
use serde_json::Value;

use super::report::{Finding, Subject};
use crate::config::ServerConfig;
use crate::mappings::BackendMode;

/// For each question to the API server.
const PATIENCE: Duration = Duration::from_secs(10);

const GROUP: &str = "ramauthenticator.k8s.alibabacloud";
const VERSION: &str = "v1alpha1";

/// What a right is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Logins hang on it.
    Logins,
    /// Status, Events or the making of the CRD hang on it.
    More(&'static str),
}

/// `verb` on `resource`, as RBAC writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Right {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: Option<&'static str>,
    name: Option<&'static str>,
    namespace: Option<String>,
    need: Need,
}

/// All findings about the API server; none where no backend needs it.
pub(super) async fn check(config: &ServerConfig) -> Vec<Finding> {
    let needing: Vec<&str> =
        config.backends.iter().filter(|mode| mode.needs_api_server()).map(|mode| mode.as_str()).collect();
    if needing.is_empty() {
        return Vec::new();
    }
    let client = match in_cluster_or(config.kubeconfig.as_deref()).await.map_err(|error| error.to_string()) {
        Ok(client) => client,
        Err(reason) => {
            let mend = "give --kubeconfig (server.kubeconfig) a file with a cluster, a user and a current context, readable for the user that runs the server";
            let found =
                format!("no way to the API server, which backends {} need: {reason}", needing.join(", "));
            return vec![Finding::fail(Subject::ApiServer, found, mend)];
        }
    };
    let began = Instant::now();
    let mut findings = match asked(client.apiserver_version()).await {
        Ok(version) => {
            let milliseconds = began.elapsed().as_millis();
            vec![Finding::ok(
                Subject::ApiServer,
                format!("Kubernetes {} answers, in {milliseconds} ms", version.git_version),
            )]
        }
        Err(reason) => return vec![unreachable(&reason)],
    };
    findings.extend(rights(&client, config).await);
    if config.backends.contains(&BackendMode::Crd) {
        findings.push(crd(&client).await);
    }
    if config.backends.contains(&BackendMode::AckConfigMap) {
        findings.push(config_map(&client).await);
    }
    findings
}

/// An answer, or why there is none.
async fn asked<T>(question: impl Future<Output = Result<T, kube::Error>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, question).await {
        Ok(answer) => answer.map_err(|error| describe(&error)),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

fn unreachable(reason: &str) -> Finding {
    let mend = if reason.contains("HTTP 401") {
        "it does not take the credentials in the kubeconfig: are they this cluster's, and not ended?"
    } else if reason.contains("HTTP 403") {
        "it knows who this is and lets it ask nothing: bind system:discovery to it, which every authenticated user has unless somebody took it away"
    } else {
        "mappings of backends in the cluster stay unknown until it answers: check the address in the kubeconfig, its certificate-authority-data, and the way there"
    };
    Finding::fail(Subject::ApiServer, format!("the API server cannot be asked: {reason}"), mend)
}

async fn rights(client: &kube::Client, config: &ServerConfig) -> Vec<Finding> {
    let wanted = wanted(config, own_namespace(client));
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let mut missing = Vec::new();
    let mut held = 0usize;
    for right in &wanted {
        let parameters = PostParams::default();
        let review = right.review();
        let answer = asked(api.create(&parameters, &review)).await;
        match answer.map(|review| review.status.is_some_and(|status| status.allowed)) {
            Ok(true) => held = held.saturating_add(1),
            Ok(false) => missing.push(right.missing()),
            Err(reason) => {
                let found = format!("cannot ask what this server may do: {reason}");
                let mend = "bind system:basic-user to system:authenticated again: it lets everybody ask that";
                return vec![Finding::warn(Subject::Rights, found, mend)];
            }
        }
    }
    let found = format!("{held} of {} rights that this server uses are there", wanted.len());
    let mut findings = vec![];
    if missing.is_empty() {
        findings.push(Finding::ok(Subject::Rights, found));
    }
    findings.extend(missing);
    findings
}

/// What this server does in the cluster, as it is configured.
fn wanted(config: &ServerConfig, own_namespace: &str) -> Vec<Right> {
    let right = |verb, group, resource, need| Right {
        verb,
        group,
        resource,
        subresource: None,
        name: None,
        namespace: None,
        need,
    };
    let mut wanted = Vec::new();
    if config.backends.contains(&BackendMode::Crd) {
        for verb in ["list", "watch"] {
            wanted.push(right(verb, GROUP, "ramidentitymappings", Need::Logins));
        }
        if config.mapping_options.sync_crd {
            let why = Need::More(
                "the CRD is not made where it is missing; with --sync-crd=false nobody asks for it",
            );
            let definitions = "customresourcedefinitions";
            wanted.push(Right {
                name: Some(resource::CRD_NAME),
                ..right("get", "apiextensions.k8s.io", definitions, why)
            });
            wanted.push(right("create", "apiextensions.k8s.io", definitions, why));
        }
        if config.write_status {
            let why = Need::More(
                "status and Events are not written; logins go on. --write-status=false leaves them out",
            );
            let namespace = config.lease_namespace.as_deref().unwrap_or(own_namespace).to_owned();
            wanted.push(right("get", GROUP, "ramidentitymappings", why));
            wanted.push(Right {
                subresource: Some("status"),
                ..right("patch", GROUP, "ramidentitymappings", why)
            });
            for (verb, name) in [("create", None), ("get", Some(LEASE)), ("update", Some(LEASE))] {
                wanted.push(Right {
                    name,
                    namespace: Some(namespace.clone()),
                    ..right(verb, "coordination.k8s.io", "leases", why)
                });
            }
            wanted.push(Right {
                namespace: Some("default".to_owned()),
                ..right("create", "events.k8s.io", "events", why)
            });
        }
    }
    if config.backends.contains(&BackendMode::AckConfigMap) {
        for verb in ["list", "watch"] {
            wanted.push(Right {
                name: Some("alibabacloud-auth"),
                namespace: Some("kube-system".to_owned()),
                ..right(verb, "", "configmaps", Need::Logins)
            });
        }
    }
    wanted
}

const LEASE: &str = "ack-ram-authenticator";

impl Right {
    fn review(&self) -> SelfSubjectAccessReview {
        SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    verb: Some(self.verb.to_owned()),
                    group: Some(self.group.to_owned()),
                    resource: Some(self.resource.to_owned()),
                    subresource: self.subresource.map(str::to_owned),
                    name: self.name.map(str::to_owned),
                    namespace: self.namespace.clone(),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        }
    }

    fn missing(&self) -> Finding {
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        let subresource = self.subresource.map(|name| format!("/{name}")).unwrap_or_default();
        let namespace =
            self.namespace.as_ref().map(|name| format!(" in namespace {name}")).unwrap_or_default();
        let named = self.name.map(|name| format!(" named {name}")).unwrap_or_default();
        let found = format!(
            "this server may not {} {}{group}{subresource}{named}{namespace}",
            self.verb, self.resource
        );
        let kind = if self.namespace.is_some() { "Role" } else { "ClusterRole" };
        match self.need {
            Need::Logins => Finding::fail(
                Subject::Rights,
                found,
                format!(
                    "whoever is mapped there cannot log in: give the right by a {kind} (manifests/authenticator has them all)"
                ),
            ),
            Need::More(consequence) => {
                let mend = format!(
                    "{consequence}; or give the right by a {kind} (manifests/authenticator has them all)"
                );
                Finding::warn(Subject::Rights, found, mend)
            }
        }
    }
}

async fn crd(client: &kube::Client) -> Finding {
    let kind = kube::core::GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let api: Api<DynamicObject> =
        Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&kind, "customresourcedefinitions"));
    let apply = "kubectl apply -f the CRD under crds/ of this version";
    match asked(api.get_opt(resource::CRD_NAME)).await {
        Ok(None) => Finding::fail(
            Subject::Crd,
            format!(
                "CustomResourceDefinition {} is not installed: backend CRD maps nobody",
                resource::CRD_NAME
            ),
            format!("{apply}, or start the server with --sync-crd and the right to create it"),
        ),
        Ok(Some(object)) => installed(&object.data, apply),
        Err(reason) if reason.contains("HTTP 403") => served(client).await,
        Err(reason) => Finding::warn(
            Subject::Crd,
            format!("cannot read CustomResourceDefinition {}: {reason}", resource::CRD_NAME),
            "see the checks above",
        ),
    }
}

/// Without the right to read the definition: at least whether the API server knows the resource.
async fn served(client: &kube::Client) -> Finding {
    let name = format!("{GROUP}/{VERSION}");
    match asked(client.list_api_group_resources(&name)).await {
        Ok(list) if list.resources.iter().any(|resource| resource.name == "ramidentitymappings") => {
            let found =
                format!("the API server serves ramidentitymappings ({name}); its schema may not be read");
            Finding::ok(Subject::Crd, found)
        }
        Ok(_) | Err(_) => Finding::fail(
            Subject::Crd,
            format!("the API server does not serve ramidentitymappings ({name}): backend CRD maps nobody"),
            "kubectl apply -f the CRD under crds/ of this version",
        ),
    }
}

fn installed(definition: &Value, apply: &str) -> Finding {
    let none = Vec::new();
    let list = |path: &str| definition.pointer(path).and_then(Value::as_array).unwrap_or(&none);
    let version = list("/spec/versions").iter().find(|version| version["name"] == VERSION);
    let Some(version) = version.filter(|version| version["served"] == true) else {
        let found = format!("CustomResourceDefinition {} does not serve {VERSION}", resource::CRD_NAME);
        return Finding::fail(Subject::Crd, found, format!("backend CRD maps nobody: {apply}"));
    };
    let established = |condition: &Value| condition["type"] == "Established" && condition["status"] == "True";
    if !list("/status/conditions").iter().any(established) {
        let found = format!("CustomResourceDefinition {} is not established", resource::CRD_NAME);
        return Finding::fail(Subject::Crd, found, "kubectl describe crd tells why");
    }
    let has = |field: &str| version.pointer(&format!("/schema/openAPIV3Schema/properties/{field}")).is_some();
    let lacking: Vec<&str> = [
        ("spec/properties/principalID", "spec.principalID"),
        ("status/properties/conditions", "status.conditions"),
        ("status/properties/observedGeneration", "status.observedGeneration"),
    ]
    .into_iter()
    .filter_map(|(path, name)| (!has(path)).then_some(name))
    .collect();
    if lacking.is_empty() {
        return Finding::ok(
            Subject::Crd,
            format!("{} serves {VERSION}, with this version's fields", resource::CRD_NAME),
        );
    }
    Finding::warn(
        Subject::Crd,
        format!(
            "the installed {} is another version's: the API server drops {}",
            resource::CRD_NAME,
            lacking.join(", ")
        ),
        format!("logins work; {apply} for the rest (stored mappings stay valid)"),
    )
}

async fn config_map(client: &kube::Client) -> Finding {
    let api: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(client.clone(), "kube-system");
    let parameters = ListParams::default().fields("metadata.name=alibabacloud-auth");
    match asked(api.list(&parameters)).await {
        Ok(list) if list.items.is_empty() => Finding::warn(
            Subject::ConfigMap,
            "ConfigMap kube-system/alibabacloud-auth does not exist: backend ACKConfigMap maps nobody",
            "ack-ram-authenticator add user or add role makes it with its first entry",
        ),
        Ok(_) => Finding::ok(Subject::ConfigMap, "ConfigMap kube-system/alibabacloud-auth is there"),
        Err(reason) => Finding::fail(
            Subject::ConfigMap,
            format!("cannot read ConfigMap kube-system/alibabacloud-auth: {reason}"),
            "give this server list and watch on it by a Role in kube-system (manifests/authenticator has it)",
        ),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::super::report::State;
    use super::*;

    #[test]
    fn our_own_definition_passes_and_lesser_ones_are_told() {
        let mut ours = serde_json::to_value(resource::crd()).unwrap();
        let established = json!({"conditions": [{"type": "Established", "status": "True"}]});
        assert_eq!(installed(&ours, "apply").state, State::Fail, "not established yet");
        ours["status"] = established.clone();
        assert_eq!(installed(&ours, "apply").state, State::Ok, "{:?}", installed(&ours, "apply"));

        let public = json!({"spec": {"versions": [{"name": "v1alpha1", "served": true, "schema": {"openAPIV3Schema":
            {"properties": {"spec": {"properties": {"arn": {}}}, "status": {"properties": {"userID": {}}}}}}}]},
            "status": established.clone()});
        let finding = installed(&public, "apply");
        assert_eq!(finding.state, State::Warn);
        assert!(finding.found.contains("status.conditions") && finding.found.contains("spec.principalID"));

        let other = json!({"spec": {"versions": [{"name": "v1", "served": true}]}, "status": established});
        assert_eq!(installed(&other, "apply").state, State::Fail);
    }
}
