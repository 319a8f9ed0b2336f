//! Pods that get the role of their service account, and pods that do not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Bench, cpu, figures, firsts, good_run, logged, micros, peak};
use crate::answer::Expected;
use crate::error::Result;
use crate::load::{Exchange, Http, Outcome, Source};
use crate::rig::{ConstantServer, NAMESPACE, PodIdentity, SERVICE_ACCOUNT};
use crate::rounds::in_turn;
use crate::row::{Aim, Row};

const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";

pub(super) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let webhook = PodIdentity::start(&bench.programs, &bench.folder)?;
    let mut rows = Vec::new();
    for (name, is_injected, aim) in
        [("injected", true, Aim::AtLeastRatio(0.6)), ("not injected", false, Aim::AtLeastRatio(0.8))]
    {
        let expected = Expected::Admission { uid: UID.to_owned(), patched: is_injected };
        let exchange = Exchange::json("/mutate?timeout=10s", review(is_injected).to_string(), expected)?;
        // The same answer's size, so that the reference sends as much.
        let constant = ConstantServer::start(&bench.programs, &["--answer", &answer(is_injected)])?;
        let (target, reference) = (webhook.target(Http::Two)?, constant.target(Http::Two)?);
        let ours = || {
            let before = webhook.lines_logged();
            let settings = bench.settings(Http::Two, webhook.pid());
            let outcome =
                good_run("the webhook for pods", &settings, &target, Source::Same(exchange.clone()))?;
            logged(|| webhook.lines_logged(), before, outcome)
        };
        let theirs = || {
            let settings = bench.settings(Http::Two, constant.pid());
            good_run("the constant server", &settings, &reference, Source::Same(exchange.clone()))
        };
        let rounds = in_turn(bench.rounds, ours, theirs)?;
        let compared = |what: &str, unit, aim, figure: &dyn Fn(&Outcome) -> f64| {
            let note = "reference: the constant server";
            Row::compared(&format!("pod {name}: {what}"), unit, &figures(&rounds, figure), aim, note)
                .missed_because(
                    "a fifth of its CPU is walking the pod's JSON, and for a patch another fifth is making and writing it",
                )
        };
        rows.push(compared("rate", "1/s", aim, &Outcome::rate));
        rows.push(compared("CPU for 1,000", "s", Aim::None, &cpu));
        rows.push(compared("p50", "µs", Aim::None, &|outcome| micros(outcome.latency.p50)));
        rows.push(compared("p99", "µs", Aim::None, &|outcome| micros(outcome.latency.p99)));
        let series = firsts(&rounds, peak);
        rows.push(Row::alone(&format!("pod {name}: most RSS"), "MiB", &series, Aim::None, ""));
    }
    Ok(rows)
}

/// A pod of a Deployment with one container, as an API server sends it to mutating webhooks.
fn review(is_injected: bool) -> Value {
    let prefix = "pod-identity.alibabacloud.com";
    let annotations =
        if is_injected { json!({}) } else { json!({format!("{prefix}/skip-containers"): "web"}) };
    let labels = json!({"app": "web", "pod-template-hash": "6799fc88d8"});
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "web-6799fc88d8-",
            "creationTimestamp": null,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-6799fc88d8",
                "uid": "5d5c1a29-f7fa-4c5c-a3ac-8c24d9f7ba10", "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "volumes": [{"name": "kube-api-access-8zq4x", "projected": {"sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
            ]}}],
            "containers": [{
                "name": "web",
                "image": "registry.example.com/web:1.2.3",
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "env": [{"name": "LOG_LEVEL", "value": "info"}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                "volumeMounts": [{
                    "name": "kube-api-access-8zq4x", "readOnly": true,
                    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                }],
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"}, "timeoutSeconds": 1},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
            }],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": SERVICE_ACCOUNT,
            "serviceAccount": SERVICE_ACCOUNT,
            "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            ],
            "priority": 0,
            "enableServiceLinks": true,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {},
    });
    json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": UID,
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": NAMESPACE,
            "operation": "CREATE",
            "userInfo": {
                "username": "system:serviceaccount:kube-system:replicaset-controller",
                "uid": "0f1a3f0c-7a6e-4b0e-9a59-2a7b8f1c9d10",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
            },
            "object": pod,
            "oldObject": null,
            "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    })
}

/// What the constant server answers: allowed, and with a patch about as long as the real one.
fn answer(is_injected: bool) -> String {
    let mut response = json!({"uid": UID, "allowed": true});
    if let (true, Some(fields)) = (is_injected, response.as_object_mut()) {
        let filling = "x".repeat(1200);
        let patch = json!([{"op": "add", "path": "/metadata/annotations/filling", "value": filling}]);
        fields.insert("patchType".to_owned(), "JSONPatch".into());
        fields.insert("patch".to_owned(), STANDARD.encode(patch.to_string()).into());
    }
    json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "response": response}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_references_answers_are_good_ones() {
        for patched in [true, false] {
            let expected = Expected::Admission { uid: UID.to_owned(), patched };
            assert_eq!(expected.check(200, answer(patched).as_bytes()), Ok(()));
        }
    }
}
