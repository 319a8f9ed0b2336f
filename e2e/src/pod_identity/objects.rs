//! Namespaces, service accounts and pods for scenarios, and the configuration of their administrator.

use serde_json::{Value, json};

use super::{LABEL, REGION, VOLUME};
use crate::cloud::{ACCOUNT, CLUSTER};

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
