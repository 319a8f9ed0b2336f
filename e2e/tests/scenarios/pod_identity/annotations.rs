//! Each setting on each level, as kubectl's user writes it and reads it again.

use e2e::http::Client;
use e2e::pod_identity::{self, LABEL, is_injected, pod, service_account};
use serde_json::{Value, json};

use super::*;

const ROLE_ARN: &str = "ALIBABA_CLOUD_ROLE_ARN";
const EXPIRATION: &str = "service-account-token-expiration";

/// The role of the pod's first container; none where it is not injected.
fn role(pod: &Value) -> Option<String> {
    variable(&pod["spec"]["containers"][0], ROLE_ARN)
}

fn expiration(pod: &Value) -> Option<u64> {
    let volumes = pod["spec"]["volumes"].as_array()?;
    let volume = volumes.iter().find(|volume| volume["name"] == pod_identity::VOLUME)?;
    volume["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"].as_u64()
}

/// A role-name or role-arn, and what becomes of it.
struct Role {
    name: &'static str,
    annotations: &'static [(&'static str, &'static str)],
    role: Option<&'static str>,
    /// In the warning; nothing: there is none.
    warning: Option<&'static str>,
}

const OWN: &str = "acs:ram::1234567890123456:role/ok";

const ROLES: [Role; 8] = [
    Role { name: "none", annotations: &[], role: None, warning: None },
    Role { name: "ok", annotations: &[("role-name", "ok")], role: Some(OWN), warning: None },
    Role { name: "blank", annotations: &[("role-name", "")], role: None, warning: Some("role-name") },
    Role { name: "blanks", annotations: &[("role-name", " ok ")], role: None, warning: Some("blanks") },
    Role { name: "no-role", annotations: &[("role-name", "a/b")], role: None, warning: Some("\"a/b\"") },
    Role {
        name: "other-account",
        annotations: &[("role-arn", "acs:ram::9876543210987654:role/theirs")],
        role: Some("acs:ram::9876543210987654:role/theirs"),
        warning: None,
    },
    Role {
        name: "both",
        annotations: &[("role-name", "ok"), ("role-arn", "acs:ram::9876543210987654:role/theirs")],
        role: Some("acs:ram::9876543210987654:role/theirs"),
        warning: Some("\"acs:ram::9876543210987654:role/theirs\""),
    },
    Role {
        name: "no-arn",
        annotations: &[("role-name", "ok"), ("role-arn", "acs:ram::1234567890123456:user/ok")],
        role: None,
        warning: Some("role-arn"),
    },
];

pub(super) fn a_role_by_name_or_by_arn_counts_and_what_is_none_is_told(rig: &Rig) -> Outcome {
    rig.pod_identity()?;
    let mut manifests = vec![pod_identity::namespace("annotations-roles")];
    manifests
        .extend(ROLES.iter().map(|role| service_account("annotations-roles", role.name, role.annotations)));
    let _accounts = rig.apply_all(&manifests)?;
    for case in &ROLES {
        let Made { pod, warnings } = create(rig, &pod("annotations-roles", case.name, case.name, &[]))?;
        assert_eq!(role(&pod).as_deref(), case.role, "{}", case.name);
        assert_eq!(is_injected(&pod), case.role.is_some(), "{}", case.name);
        match case.warning {
            None => assert_eq!(warnings, [""; 0], "{}", case.name),
            Some(text) => {
                assert!(matches!(&warnings[..], [one] if one.contains(text)), "{}: {warnings:?}", case.name);
            }
        }
    }
    Ok(())
}

pub(super) fn only_the_value_on_of_the_namespaces_label_counts(rig: &Rig) -> Outcome {
    rig.pod_identity()?;
    let values = ["on", "On", "true", "", "off"];
    let space = |number: usize| format!("annotations-label-{number}");
    let with_label = |(number, value): (usize, &&str)| {
        let mut namespace = pod_identity::namespace(&space(number));
        namespace["metadata"]["labels"] = json!({LABEL: value});
        [namespace, service_account(&space(number), "app", &[("role-name", "ok")])]
    };
    let _applied = rig.apply_all(&values.iter().enumerate().flat_map(with_label).collect::<Vec<_>>())?;
    for (number, value) in values.iter().enumerate() {
        let Made { pod, warnings } = create(rig, &pod(&space(number), "app", "app", &[]))?;
        assert_eq!((is_injected(&pod), warnings.len()), (*value == "on", 0), "{value:?}");
    }
    // And one that is turned on, or off, counts for the next pod.
    let admin = rig.admin();
    for (value, wanted) in [("off", false), ("on", true)] {
        let label = format!("{LABEL}={value}");
        admin.ok(&["label", "namespace", &space(0), &label, "--overwrite"])?;
        eventually(&format!("injection is {wanted} with {label}"), || {
            let Made { pod, .. } = create(rig, &pod(&space(0), "app", "app", &[]))?;
            Ok(is_injected(&pod) == wanted)
        })?;
    }
    Ok(())
}

pub(super) fn the_lowest_level_decides_how_long_a_token_lives(rig: &Rig) -> Outcome {
    rig.pod_identity()?;
    // Namespace, service account, pod; seconds; whether there is a warning.
    let cases: [([Option<&str>; 3], u64, bool); 8] = [
        ([None, None, None], 3600, false),
        ([Some("7200"), None, None], 7200, false),
        ([Some("7200"), Some("900"), None], 900, false),
        ([Some("7200"), Some("900"), Some("43200")], 43200, false),
        ([None, None, Some("600")], 600, false),
        ([None, Some("900"), Some("599")], 3600, true),
        ([None, Some("1h"), None], 3600, true),
        ([Some("43201"), None, None], 3600, true),
    ];
    let space = |number: usize| format!("annotations-expiration-{number}");
    let annotation = |value: Option<&'static str>| -> Vec<(&str, &str)> {
        value.map(|value| (EXPIRATION, value)).into_iter().collect()
    };
    let levels =
        |(number, ([namespace, account, _pod], ..)): (usize, &([Option<&'static str>; 3], u64, bool))| {
            let mut with_label = pod_identity::namespace(&space(number));
            if let Some(value) = namespace {
                with_label["metadata"]["annotations"] =
                    json!({format!("pod-identity.alibabacloud.com/{EXPIRATION}"): value});
            }
            let annotations = [&[("role-name", "ok")][..], &annotation(*account)].concat();
            [with_label, service_account(&space(number), "app", &annotations)]
        };
    let _applied = rig.apply_all(&cases.iter().enumerate().flat_map(levels).collect::<Vec<_>>())?;
    for (number, ([.., on_pod], seconds, is_told)) in cases.into_iter().enumerate() {
        let Made { pod, warnings } = create(rig, &pod(&space(number), "app", "app", &annotation(on_pod)))?;
        assert_eq!(expiration(&pod), Some(seconds), "case {number}");
        let told =
            warnings.iter().filter(|warning| warning.contains("the default of 3600 s is used")).count();
        assert_eq!((told, warnings.len()), (usize::from(is_told), usize::from(is_told)), "{warnings:?}");
    }
    Ok(())
}

pub(super) fn only_and_skip_choose_among_containers_and_init_containers(rig: &Rig) -> Outcome {
    rig.pod_identity()?;
    let space = "annotations-containers";
    let account = service_account(space, "app", &[("role-name", "ok")]);
    let _applied = rig.apply_all(&[pod_identity::namespace(space), account])?;
    type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);
    let cases: [Case; 5] = [
        (&[], &["init", "native", "app", "side"]),
        (&[("only-containers", "app, native")], &["native", "app"]),
        (&[("skip-containers", "side,init")], &["native", "app"]),
        (&[("only-containers", "app,side"), ("skip-containers", "side")], &["app"]),
        (&[("skip-containers", "init,native,app,side")], &[]),
    ];
    for (number, (annotations, wanted)) in cases.into_iter().enumerate() {
        let mut asked = pod(space, &format!("case-{number}"), "app", annotations);
        asked["spec"]["containers"] = json!([{"name": "app", "image": "a"}, {"name": "side", "image": "s"}]);
        asked["spec"]["initContainers"] = json!([
            {"name": "init", "image": "i"},
            {"name": "native", "image": "n", "restartPolicy": "Always"},
        ]);
        let Made { pod, warnings } = create(rig, &asked)?;
        assert_eq!(warnings, [""; 0]);
        assert_eq!(injected_containers(&pod), wanted, "case {number}");
        assert_eq!(is_injected(&pod), !wanted.is_empty(), "case {number}");
    }
    Ok(())
}

pub(super) fn pods_in_one_apply_with_their_namespace_and_service_account_all_get_their_role(
    rig: &Rig,
) -> Outcome {
    rig.pod_identity()?;
    // Milliseconds lie between a service account and its pod: no cache has it yet.
    let mut items = Vec::new();
    for number in 0..8 {
        let space = format!("one-apply-{number}");
        items.push(pod_identity::namespace(&space));
        for name in ["a", "b", "c", "d", "e"] {
            // This one is there without its annotation first.
            if name == "e" {
                items.push(service_account(&space, name, &[]));
            }
            items.push(service_account(&space, name, &[("role-name", "ok")]));
            items.push(pod(&space, name, name, &[]));
        }
    }
    let pods = items.iter().filter(|item| item["kind"] == "Pod").count();
    let applied = rig.apply_all(&items)?;
    let made: Vec<&Value> = applied.objects().iter().filter(|object| object["kind"] == "Pod").collect();
    let missed: Vec<&Value> =
        made.iter().filter(|pod| !is_injected(pod)).map(|pod| &pod["metadata"]["namespace"]).collect();
    assert_eq!((made.len(), missed), (pods, vec![]));
    Ok(())
}

pub(super) fn a_pod_made_milliseconds_after_its_service_account_gets_its_role(rig: &Rig) -> Outcome {
    let space = "milliseconds";
    rig.pod_identity()?;
    let _applied = rig.apply_all(&[pod_identity::namespace(space)])?;
    let _allowed = rig.apply_all(&creator(space))?;
    let token = rig.admin().ok(&["create", "token", "creator", "--namespace", space])?;
    let client = Client::new(&std::fs::read_to_string(rig.certificate_authority())?)?;
    let headers = [("authorization".to_owned(), format!("Bearer {}", token.trim()))];
    let url = format!("{}/api/v1/namespaces/{space}", rig.api_server().url());
    let send = |method: &str, path: &str, object: &Value| -> Result<Value, Box<dyn std::error::Error>> {
        let answer = client.request(method, &format!("{url}/{path}"), &headers, object.to_string())?;
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
        Ok(serde_json::from_str(&answer.body)?)
    };
    // How many of them the webhook's copy does not know yet is chance; no pod may miss its role.
    let mut missed = Vec::new();
    for number in 0..150 {
        let name = format!("app-{number}");
        let annotated = service_account(space, &name, &[("role-name", "ok")]);
        // Two of three are new; the third is there without its annotation first.
        if number % 3 == 0 {
            send("POST", "serviceaccounts", &service_account(space, &name, &[]))?;
            send("PUT", &format!("serviceaccounts/{name}"), &annotated)?;
        } else {
            send("POST", "serviceaccounts", &annotated)?;
        }
        if !is_injected(&send("POST", "pods", &pod(space, &name, &name, &[]))?) {
            missed.push(number);
        }
    }
    assert_eq!(missed, [0; 0]);
    // The one that asks is the last to go.
    for all in ["pods", "serviceaccounts"] {
        send("DELETE", all, &json!({}))?;
    }
    Ok(())
}

/// A service account, `creator`, that may do what an application's pipeline does.
fn creator(space: &str) -> [Value; 3] {
    let group = "rbac.authorization.k8s.io";
    let metadata = json!({"name": "creator", "namespace": space});
    [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata,
            "rules": [{
                "apiGroups": [""],
                "resources": ["pods", "serviceaccounts"],
                "verbs": ["create", "update", "deletecollection"],
            }],
        }),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "creator"},
            "subjects": [{"kind": "ServiceAccount", "name": "creator", "namespace": space}],
        }),
    ]
}
