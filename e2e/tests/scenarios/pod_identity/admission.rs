//! Pods that are not as simple as the example, and whoever else changes them on their way.

use e2e::admission::AdmissionWebhook;
use e2e::pod_identity::{self, NAME, VOLUME, is_injected, pod, service_account};
use serde_json::{Value, json};

use super::*;

const MOUNT_PATH: &str = "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens";

/// A namespace that is on, with the service accounts `app` and `bad`, of which the latter names what is no role.
fn prepare<'a>(rig: &'a Rig, namespace: &str) -> Result<e2e::manifests::Installed<'a>, e2e::Error> {
    rig.pod_identity()?;
    rig.apply_all(&[
        pod_identity::namespace(namespace),
        service_account(namespace, "app", &[("role-name", "ok")]),
        service_account(namespace, "bad", &[("role-name", "no/role")]),
    ])
}

/// One that a controller seems to have made.
fn owned(mut pod: Value, owner: &str) -> Value {
    pod["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "controller": true,
        "uid": "4f8c6a30-3d4b-4a6f-9d6e-2f1f6c1f0a51",
    }]);
    pod
}

pub(super) fn a_dry_run_shows_the_injected_pod_and_leaves_no_event(rig: &Rig) -> Outcome {
    let space = "dry-run";
    let _accounts = prepare(rig, space)?;
    let output = kubectl_create(rig, &pod(space, "good", "app", &[]), &["--dry-run=server"])?;
    let shown: Value = serde_json::from_str(&output.success()?)?;
    assert_eq!(injected_containers(&shown), ["app"]);

    let dry = kubectl_create(rig, &owned(pod(space, "dry", "bad", &[]), "dry"), &["--dry-run=server"])?;
    assert!(matches!(&warnings(&dry)[..], [one] if one.contains("no RAM role for this pod")), "{dry:?}");
    let mut real = owned(pod(space, "real", "bad", &[]), "real");
    real["metadata"]["ownerReferences"][0]["uid"] = json!("6a0d1d0e-93d2-4bb5-8f3e-0a3f1f4f5f52");
    create(rig, &real)?;
    // Events are written in the order in which they were told: where this one is, the other would be.
    eventually("an Event about the real pod's owner", || Ok(!events(rig, space, "real")?.is_empty()))?;
    assert_eq!(events(rig, space, "dry")?, Vec::<Value>::new());
    assert!(rig.admin().run(&["get", "pod", "dry", "--namespace", space])?.stderr.contains("not found"));
    Ok(())
}

pub(super) fn a_sidecar_that_a_later_webhook_adds_gets_the_role_too(rig: &Rig) -> Outcome {
    let space = "sidecar";
    let _accounts = prepare(rig, space)?;
    // It is asked after ours, whose name comes first in the alphabet, as those of most meshes do.
    let webhook = AdmissionWebhook::start(rig, "sidecar-injector", |review| {
        let containers =
            review["request"]["object"]["spec"]["containers"].as_array().cloned().unwrap_or_default();
        let has_it = containers.iter().any(|container| container["name"] == "proxy");
        let proxy = json!({"name": "proxy", "image": "proxy", "env": [{"name": "OWN", "value": "1"}]});
        let patch = json!([{"op": "add", "path": "/spec/containers/-", "value": proxy}]);
        if has_it { json!([]) } else { patch }
    })?;
    let _configured = rig.apply_all(&[webhook.configuration(space)])?;
    eventually("a pod with the other webhook's sidecar", || {
        let Made { pod, warnings } = create(rig, &pod(space, "app", "app", &[]))?;
        let names: Vec<&Value> = pod["spec"]["containers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|container| &container["name"])
            .collect();
        let is_there = names == ["app", "proxy"];
        if is_there {
            assert_eq!(injected_containers(&pod), ["app", "proxy"]);
            assert_eq!(warnings, [""; 0]);
            let volumes = pod["spec"]["volumes"].as_array().unwrap();
            assert_eq!(volumes.iter().filter(|volume| volume["name"] == VOLUME).count(), 1);
            for container in pod["spec"]["containers"].as_array().unwrap() {
                let variables = container["env"].as_array().unwrap();
                let own = usize::from(container["name"] == "proxy");
                assert_eq!(variables.len(), 6 + own, "{variables:?}");
            }
        }
        Ok(is_there)
    })?;
    assert!(webhook.asked() > 0);
    Ok(())
}

pub(super) fn fields_that_are_newer_than_the_webhook_survive(rig: &Rig) -> Outcome {
    let space = "newer-fields";
    let _accounts = prepare(rig, space)?;
    let plain = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "newer-fields-plain"}});
    let _plain = rig.apply_all(&[plain, service_account("newer-fields-plain", "app", &[])])?;
    let asked = |namespace: &str| {
        let mut pod = pod(namespace, "app", "app", &[]);
        // Kubernetes has this since 1.34, the model that the webhook is built with is that of 1.33. An API server that
        // does not know it drops it, in either namespace.
        pod["spec"]["hostnameOverride"] = json!("a-name-of-its-own");
        pod["spec"]["initContainers"] = json!([{
            "name": "native", "image": "n", "restartPolicy": "Always",
            "startupProbe": {"exec": {"command": ["true"]}},
        }]);
        pod["spec"]["containers"][0]["resizePolicy"] =
            json!([{"resourceName": "cpu", "restartPolicy": "NotRequired"}]);
        pod
    };
    let made = |namespace: &str| -> Result<Value, e2e::Error> {
        let output = kubectl_create(rig, &asked(namespace), &["--validate=ignore"])?;
        let mut pod: Value = serde_json::from_str(&output.success()?).unwrap();
        rig.admin().ok(&["delete", "pod", "app", "--namespace", namespace, "--wait=false"])?;
        Ok(pod["spec"].take())
    };
    let (injected, plain) = (made(space)?, made("newer-fields-plain")?);
    let is_known = rig.admin().ok(&["explain", "pod.spec.hostnameOverride"]).is_ok();
    assert_eq!(plain["hostnameOverride"] == "a-name-of-its-own", is_known, "{plain}");
    assert_eq!(without_injection(injected.clone()), without_injection(plain));
    let containers = injected_containers(&json!({"spec": injected}));
    assert_eq!(containers, ["native", "app"]);
    Ok(())
}

/// The spec without what this webhook adds, and without the name that is made up for the API server's own token.
fn without_injection(mut spec: Value) -> Value {
    let keep = |list: &mut Value, is_ours: &dyn Fn(&Value) -> bool| {
        if let Some(items) = list.as_array_mut() {
            items.retain(|item| !is_ours(item));
        }
    };
    keep(&mut spec["volumes"], &|volume| volume["name"] == VOLUME);
    for list in ["initContainers", "containers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            keep(&mut container["volumeMounts"], &|mount| mount["name"] == VOLUME);
            container.as_object_mut().unwrap().remove("env");
            container["volumeMounts"][0]["name"] = json!("api-access");
        }
    }
    spec["volumes"][0]["name"] = json!("api-access");
    spec
}

pub(super) fn what_is_in_the_way_is_told_and_the_pod_stays_as_it_was(rig: &Rig) -> Outcome {
    let space = "in-the-way";
    let _accounts = prepare(rig, space)?;
    let mut volume = pod(space, "volume", "app", &[]);
    volume["spec"]["volumes"] = json!([{"name": VOLUME, "emptyDir": {}}]);
    let mut mount = pod(space, "mount", "app", &[]);
    mount["spec"]["volumes"] = json!([{"name": "own", "emptyDir": {}}]);
    mount["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "own", "mountPath": MOUNT_PATH}]);
    for (asked, text) in [(&volume, "it has a volume rrsa-oidc-token"), (&mount, "something else mounted")] {
        let Made { pod, warnings } = create(rig, asked)?;
        assert!(matches!(&warnings[..], [one] if one.contains(text)), "{warnings:?}");
        assert_eq!(pod["spec"]["containers"][0].get("env"), None);
        assert_eq!(pod["spec"]["volumes"][0], asked["spec"]["volumes"][0]);
        assert_eq!(
            pod["spec"]["volumes"].as_array().unwrap().len(),
            2,
            "its own, and the API server's token"
        );
    }

    // What is there already stays as it is, and the rest is added.
    let mut own = pod(space, "own", "app", &[]);
    own["spec"]["containers"][0]["env"] = json!([
        {"name": "ALIBABA_CLOUD_ROLE_ARN", "value": "acs:ram::1234567890123456:role/mine"},
        {"name": "ALIBABA_CLOUD_ACCESS_KEY_ID", "value": "LTAImine"},
    ]);
    let Made { pod, warnings } = create(rig, &own)?;
    assert_eq!(injected_containers(&pod), ["app"]);
    let container = &pod["spec"]["containers"][0];
    assert_eq!(
        variable(container, "ALIBABA_CLOUD_ROLE_ARN").as_deref(),
        Some("acs:ram::1234567890123456:role/mine")
    );
    for text in ["keeps its own ALIBABA_CLOUD_ROLE_ARN", "has ALIBABA_CLOUD_ACCESS_KEY_ID"] {
        assert!(warnings.iter().any(|warning| warning.contains(text)), "{warnings:?}");
    }
    assert!(!warnings.concat().contains("LTAImine"), "{warnings:?}");
    Ok(())
}

pub(super) fn with_on_fault_deny_such_a_pod_is_refused_with_the_reason(rig: &Rig) -> Outcome {
    let space = "on-fault-deny";
    let _accounts = prepare(rig, space)?;
    let pod_identity = rig.pod_identity()?;
    let _instead = pod_identity.with("on-fault-deny", &["--on-fault=deny"])?;
    let refused = kubectl_create(rig, &pod(space, "bad", "bad", &[]), &[])?;
    assert_eq!(refused.status, 1, "{refused:?}");
    for text in ["pods.pod-identity.alibabacloud.com", "denied the request", "role-name \"no/role\""] {
        assert!(refused.stderr.contains(text), "{refused:?}");
    }
    assert!(is_injected(&create(rig, &pod(space, "good", "app", &[]))?.pod));
    Ok(())
}

pub(super) fn with_client_authorities_api_servers_are_answered_and_nobody_else(rig: &Rig) -> Outcome {
    let space = "client-authorities";
    let _accounts = prepare(rig, space)?;
    let pod_identity = rig.pod_identity()?;
    let authority = format!("--client-ca-file={}", rig.plane().client_authority().display());
    let instead = pod_identity.with("client-authorities", &[&authority])?;
    assert!(is_injected(&create(rig, &pod(space, "app", "app", &[]))?.pod));
    let (stranger, url) = instead.client()?;
    let answer = stranger.request("POST", &format!("{url}/mutate"), &[], "{}".to_owned())?;
    assert!(answer.status == 403 && answer.body.contains("for API servers alone"), "{answer:?}");
    for path in ["/metrics", "/readyz"] {
        assert_eq!(stranger.get(&format!("{url}{path}"))?.status, 200, "{path}");
    }
    Ok(())
}

/// `(what, change of a pod with the container "app")`: what people who know how patches are made would try.
fn odd_pods() -> Vec<(&'static str, Value)> {
    let token = |audience: &str, path: &str| json!({"serviceAccountToken": {"audience": audience, "path": path, "expirationSeconds": 600}});
    let own = |sources: Value| json!([{"name": VOLUME, "projected": {"sources": sources}}]);
    let secret = json!({"secret": {"name": "s", "items": [{"key": "a", "path": "token"}]}});
    let mounted = |mount: Value| json!([{"name": "app", "image": "a", "volumeMounts": [mount]}]);
    let empty = json!([{"name": "own", "emptyDir": {}}]);
    let at = |path: &str| mounted(json!({"name": "own", "mountPath": path}));
    let below = format!("{MOUNT_PATH}/below");
    let slashes = format!("//{}/./", MOUNT_PATH.replace('/', "//"));
    let dots = format!("/tmp/..{MOUNT_PATH}");
    let many: Vec<Value> = (0..300).map(|n| json!({"name": format!("c{n}"), "image": "a"})).collect();
    vec![
        ("as usual", json!({})),
        ("no containers", json!({"containers": []})),
        ("a container without a name", json!({"containers": [{"image": "a"}]})),
        (
            "two containers of a name",
            json!({"containers": [{"name": "app", "image": "a"}, {"name": "app", "image": "b"}]}),
        ),
        ("an init container of the name", json!({"initContainers": [{"name": "app", "image": "a"}]})),
        ("many containers", json!({"containers": many})),
        (
            "empty arrays",
            json!({"containers": [{"name": "app", "image": "a", "env": [], "volumeMounts": []}], "volumes": []}),
        ),
        (
            "nulls",
            json!({"containers": [{"name": "app", "image": "a", "env": null, "volumeMounts": null}], "volumes": null, "initContainers": null}),
        ),
        (
            "a variable twice",
            json!({"containers": [{"name": "app", "image": "a", "env": [
                {"name": "ALIBABA_CLOUD_ROLE_ARN", "value": "a"}, {"name": "ALIBABA_CLOUD_ROLE_ARN", "value": "b"},
            ]}]}),
        ),
        (
            "a variable from nowhere",
            json!({"containers": [{"name": "app", "image": "a", "env": [
                {"name": "ALIBABA_CLOUD_ROLE_ARN", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ]}]}),
        ),
        ("the volume as ours", json!({"volumes": own(json!([token("sts.aliyuncs.com", "token")]))})),
        ("the volume with another audience", json!({"volumes": own(json!([token("other", "token")]))})),
        ("the volume with another path", json!({"volumes": own(json!([token("sts.aliyuncs.com", "x")]))})),
        (
            "the volume with a spelling of the path",
            json!({"volumes": own(json!([token("sts.aliyuncs.com", "./token")]))}),
        ),
        (
            "the volume with a secret beside the token",
            json!({"volumes": own(json!([token("sts.aliyuncs.com", "token"), {"secret": {"name": "s"}}]))}),
        ),
        (
            "the volume with a secret in place of the token",
            json!({"volumes": own(json!([token("sts.aliyuncs.com", "token"), secret]))}),
        ),
        (
            "the volume with two tokens",
            json!({"volumes": own(json!([token("other", "other"), token("sts.aliyuncs.com", "token")]))}),
        ),
        (
            "the volume twice",
            json!({"volumes": [own(json!([token("sts.aliyuncs.com", "token")]))[0], own(json!([token("sts.aliyuncs.com", "token")]))[0]]}),
        ),
        (
            "the volume of two kinds",
            json!({"volumes": [{"name": VOLUME, "emptyDir": {}, "projected": {"sources": [token("sts.aliyuncs.com", "token")]}}]}),
        ),
        ("a mount at the path", json!({"volumes": empty, "containers": at(MOUNT_PATH)})),
        ("a mount below the path", json!({"volumes": empty, "containers": at(&below)})),
        ("a mount above the path", json!({"volumes": empty, "containers": at("/var/run/secrets")})),
        ("a mount at the root", json!({"volumes": empty, "containers": at("/")})),
        ("a mount with slashes", json!({"volumes": empty, "containers": at(&slashes)})),
        ("a mount with dots", json!({"volumes": empty, "containers": at(&dots)})),
        ("a relative mount", json!({"volumes": empty, "containers": at(MOUNT_PATH.trim_start_matches('/'))})),
        (
            "a mount of Windows",
            json!({"volumes": empty, "containers": at(&format!("C:{}", MOUNT_PATH.replace('/', "\\")))}),
        ),
        (
            "a mount of a part of ours",
            json!({"volumes": own(json!([token("sts.aliyuncs.com", "token")])), "containers": mounted(json!({"name": VOLUME, "mountPath": MOUNT_PATH, "subPath": "token"}))}),
        ),
        (
            "a mount of ours without the volume",
            json!({"containers": mounted(json!({"name": VOLUME, "mountPath": MOUNT_PATH}))}),
        ),
        (
            "a mount of ours elsewhere",
            json!({"containers": mounted(json!({"name": VOLUME, "mountPath": "/elsewhere"}))}),
        ),
        (
            "a device at the path",
            json!({"volumes": [{"name": "own", "persistentVolumeClaim": {"claimName": "c"}}], "containers": [
                {"name": "app", "image": "a", "volumeDevices": [{"name": "own", "devicePath": MOUNT_PATH}]},
            ]}),
        ),
        ("the node's network", json!({"hostNetwork": true})),
        ("Windows", json!({"os": {"name": "windows"}})),
    ]
}

pub(super) fn no_pod_is_refused_or_taken_that_would_not_be_so_without_the_webhook(rig: &Rig) -> Outcome {
    let (space, plain) = ("odd-pods", "odd-pods-plain");
    let _accounts = prepare(rig, space)?;
    let without = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": plain}});
    let _plain = rig.apply_all(&[without, service_account(plain, "app", &[])])?;
    let mut accepted = 0;
    let odd = odd_pods();
    for (what, change) in &odd {
        let asked = |namespace: &str| {
            let mut pod = pod(namespace, "app", "app", &[]);
            for (field, value) in change.as_object().unwrap() {
                pod["spec"][field] = value.clone();
            }
            kubectl_create(rig, &pod, &["--dry-run=server", "--validate=ignore"])
        };
        let (with, without) = (asked(space)?, asked(plain)?);
        // A pod that mounts our volume without having it becomes whole by the webhook.
        if what.starts_with("a mount of ours") && with.status == 0 {
            continue;
        }
        assert_eq!(with.status, without.status, "{what}: {with:?} {without:?}");
        if with.status == 0 {
            accepted += 1;
            // All of what the person wrote is still there.
            let text = |printed: &str| -> Result<Value, serde_json::Error> { serde_json::from_str(printed) };
            let (mut with, mut without) = (text(&with.stdout)?, text(&without.stdout)?);
            let own = |pod: &mut Value| {
                let mut spec = pod["spec"].take();
                spec.as_object_mut().unwrap().retain(|field, _| field != "volumes");
                for list in ["initContainers", "containers"] {
                    for container in spec[list].as_array_mut().into_iter().flatten() {
                        let container = container.as_object_mut().unwrap();
                        container.retain(|field, _| field != "volumeMounts" && field != "env");
                    }
                }
                spec
            };
            assert_eq!(own(&mut with), own(&mut without), "{what}");
        }
    }
    assert!(accepted > 15 && accepted < odd.len(), "{accepted} of {}", odd.len());
    Ok(())
}

pub(super) fn a_pod_without_the_api_servers_token_gets_its_role(rig: &Rig) -> Outcome {
    let space = "no-api-token";
    let _accounts = prepare(rig, space)?;
    let mut asked = pod(space, "app", "app", &[]);
    asked["spec"]["automountServiceAccountToken"] = json!(false);
    let Made { pod, .. } = create(rig, &asked)?;
    assert_eq!(injected_containers(&pod), ["app"]);
    assert_eq!(pod["spec"]["volumes"].as_array().unwrap().len(), 1, "{pod}");
    Ok(())
}

pub(super) fn a_container_added_later_for_debugging_changes_nothing(rig: &Rig) -> Outcome {
    let space = "debugging";
    let _accounts = prepare(rig, space)?;
    let made = create_and_keep(rig, &pod(space, "app", "app", &[]))?.pod;
    let _pod = rig.removed_later(&format!("pod/app --namespace={space}"));
    let command = ["debug", "app", "--namespace", space, "--image=busybox", "--container=debugger"];
    rig.admin().ok(&[&command[..], &["--profile=general"]].concat())?;
    let debugged = get(rig, space, "pod/app")?;
    let added = &debugged["spec"]["ephemeralContainers"][0];
    assert_eq!((&added["name"], added.get("env")), (&json!("debugger"), None));
    for part in ["containers", "volumes"] {
        assert_eq!(debugged["spec"][part], made["spec"][part]);
    }
    Ok(())
}

pub(super) fn what_is_no_review_gets_an_error_and_the_next_pod_its_role(rig: &Rig) -> Outcome {
    let space = "malformed";
    let _accounts = prepare(rig, space)?;
    let pod_identity = rig.pod_identity()?;
    let client = pod_identity.client()?;
    let url = pod_identity.url("/mutate");
    // Everything but a pod.
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "1", "operation": "CREATE", "namespace": space,
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "object": {"kind": "Pod", "metadata": {}, "spec": {"containers": "none"}},
    }});
    let bodies = [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "\u{0}\u{1}".to_owned(),
        "[".repeat(100_000),
        json!({"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"}).to_string(),
        json!({"apiVersion": "v1", "kind": "Pod"}).to_string(),
        review.to_string(),
    ];
    for body in bodies {
        let start: String = body.chars().take(40).collect();
        let answer = client.request("POST", &url, &[], body)?;
        assert_eq!(answer.status, 400, "{start:?}: {answer:?}");
        assert!(!answer.body.trim().is_empty() && answer.body.len() < 1000, "{start:?}: {answer:?}");
    }
    let huge = format!("{{\"kind\": \"{}\"}}", "x".repeat(32 * 1024 * 1024));
    // Either a word about it, or the connection is closed while it still comes.
    if let Ok(answer) = client.request("POST", &url, &[], huge) {
        assert_eq!(answer.status, 413, "{answer:?}");
    }
    let Made { pod, .. } = create(rig, &pod(space, "app", "app", &[]))?;
    assert!(is_injected(&pod), "{NAME} no longer answers");
    Ok(())
}
