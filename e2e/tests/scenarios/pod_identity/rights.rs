//! What the service account of the manifests may do.

use std::collections::BTreeSet;

use e2e::kubectl::Kubectl;
use e2e::manifests::rights;
use e2e::pod_identity::NAME;
use serde_json::json;

use super::*;

pub(super) fn the_webhook_may_do_what_it_must_and_no_more(rig: &Rig) -> Outcome {
    let pod_identity = rig.pod_identity()?;
    let configuration = "mutatingwebhookconfigurations.admissionregistration.k8s.io";
    let everywhere = [
        "namespaces [get list watch]".to_owned(),
        "serviceaccounts [get list watch]".to_owned(),
        "events.events.k8s.io [create]".to_owned(),
        format!("{configuration} [{NAME}] [get patch]"),
    ];
    let own = [
        format!("secrets [{NAME}-certificates] [get update]"),
        "leases.coordination.k8s.io [create]".to_owned(),
        format!("leases.coordination.k8s.io [{NAME}] [get update]"),
    ];
    let identity = format!("system:serviceaccount:{NAME}:{NAME}");
    for (namespace, here) in [(NAME, &own[..]), ("kube-system", &[]), ("default", &[])] {
        let wanted: BTreeSet<String> = everywhere.iter().chain(here).cloned().collect();
        assert_eq!(rights(rig, &identity, namespace)?, wanted, "in {namespace}");
    }
    // It has all that it has tried to do so far, which was everything but an upgrade.
    let log = pod_identity.webhook().log().all();
    assert!(!log.contains("forbidden"), "{log}");
    Ok(())
}

/// By its rights it could have every request of the cluster sent to itself, and change it.
pub(super) fn who_has_the_webhooks_token_can_change_its_configuration_in_nothing_but_the_bundle(
    rig: &Rig,
) -> Outcome {
    let pod_identity = rig.pod_identity()?;
    let installation = pod_identity.installation();
    let thief = rig
        .admin()
        .arg(format!("--as=system:serviceaccount:{NAME}:{NAME}"))
        .arg(format!("--as-group=system:serviceaccounts:{NAME}"))
        .arg("--as-group=system:authenticated");
    let at = |field: &str| format!("/webhooks/0/{field}");
    let everything = json!([{
        "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"], "scope": "*",
    }]);
    let mut another = get(rig, NAME, &format!("mutatingwebhookconfiguration/{NAME}"))?["webhooks"][0].take();
    another["name"] = json!("all.pod-identity.alibabacloud.com");
    let entries = "neither add nor remove entries";
    let fields = "may change caBundle";
    let metadata = "may not change the metadata";
    let set = |path: String, value: Value| json!({"op": "add", "path": path, "value": value});
    let changes = [
        (entries, set("/webhooks/-".to_owned(), another)),
        (entries, json!({"op": "remove", "path": "/webhooks/0"})),
        (entries, set(at("name"), json!("other.pod-identity.alibabacloud.com"))),
        (fields, set(at("rules"), everything)),
        (fields, set(at("rules/0/operations/-"), json!("UPDATE"))),
        (fields, set(at("namespaceSelector"), json!({}))),
        (fields, set(at("objectSelector"), json!({"matchLabels": {"a": "b"}}))),
        (fields, json!({"op": "remove", "path": at("matchConditions")})),
        (fields, set(at("matchPolicy"), json!("Exact"))),
        (fields, set(at("failurePolicy"), json!("Fail"))),
        (fields, set(at("reinvocationPolicy"), json!("Never"))),
        (fields, set(at("sideEffects"), json!("None"))),
        (fields, set(at("timeoutSeconds"), json!(30))),
        (fields, set(at("admissionReviewVersions"), json!(["v1", "v2"]))),
        (fields, set(at("clientConfig/service/name"), json!("other"))),
        (fields, set(at("clientConfig/service/path"), json!("/other"))),
        (fields, set(at("clientConfig"), json!({"url": "https://thief.example/mutate"}))),
        (metadata, set("/metadata/labels".to_owned(), json!({"a": "b"}))),
        (metadata, set("/metadata/annotations/a".to_owned(), json!("b"))),
        (metadata, set("/metadata/finalizers".to_owned(), json!(["example.com/stay"]))),
        (
            metadata,
            set(
                "/metadata/ownerReferences".to_owned(),
                json!([{
                    "apiVersion": "v1", "kind": "Namespace", "name": "gone", "uid": "1",
                }]),
            ),
        ),
    ];
    let patch = |kubectl: &Kubectl, change: &Value| {
        let (object, change) = (format!("mutatingwebhookconfiguration/{NAME}"), json!([change]).to_string());
        kubectl.run(&["patch", &object, "--dry-run=server", "--type=json", "-p", &change])
    };
    let (_, first) = &changes[0];
    eventually("the API server to know the policy", || Ok(patch(&thief, first)?.status != 0))?;
    for (reason, change) in &changes {
        let refused = patch(&thief, change)?;
        assert!(refused.status != 0 && refused.stderr.contains(reason), "{change}: {refused:?}");
        // The control: it is the policy for this one user that refuses.
        patch(&rig.admin(), change)?.success().map_err(|error| format!("{change}: {error}"))?;
    }
    // What it has to be able to do.
    use base64::Engine as _;
    let bundle = installation.ca_bundle()?.repeat(2);
    let bundle = base64::engine::general_purpose::STANDARD.encode(bundle);
    patch(&thief, &set(at("clientConfig/caBundle"), json!(bundle)))?.success()?;
    Ok(())
}
