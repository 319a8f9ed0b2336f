//! Settings that the public component has had since its later editions: the pod's own label, one variable about STS by service
//! account, and variables of the user's that are replaced because he asks for it.

use e2e::pod_identity::{self, Installation, LABEL, NAME, REGION, is_injected, pod, service_account};
use e2e::rig::Rig;
use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::manifests::{dry_run, pod_of};
use super::seen::metric;
use super::{Made, Outcome, SOON, create, seen, variable};

const ROLE_ARN: &str = "ALIBABA_CLOUD_ROLE_ARN";
const ENDPOINT: &str = "ALIBABA_CLOUD_STS_ENDPOINT";
const OWN_ROLE: &str = "acs:ram::1234567890123456:role/ok";
const OVERRIDE: &str = "pod-identity.alibabacloud.com/override-env";

fn namespace(name: &str, labels: &Value) -> Value {
    let mut namespace = pod_identity::namespace(name);
    namespace["metadata"]["labels"] = labels.clone();
    namespace
}

/// The API server learns of namespaces and of its webhooks a moment after they are applied.
fn wait_until_injected(rig: &Rig, pod: &Value) -> Outcome {
    seen::eventually("a pod with its role", SOON, || {
        Ok(match dry_run(rig, pod)? {
            Ok(pod) if is_injected(&pod) => Ok(()),
            Ok(_) => Err("it comes back as it was".to_owned()),
            Err(refused) => Err(refused),
        })
    })
}

fn labelled(mut pod: Value, value: &str) -> Value {
    pod["metadata"]["labels"] = json!({LABEL: value});
    pod
}

pub(super) fn a_pod_with_the_label_gets_its_role_whatever_its_namespace_says(rig: &Rig) -> Outcome {
    let kept = rig.pod_identity()?;
    let spaces =
        [("newer-none", json!({})), ("newer-off", json!({LABEL: "off"})), ("newer-on", json!({LABEL: "on"}))];
    let objects = spaces.iter().flat_map(|(name, labels)| {
        let plain = service_account(name, "plain", &[]);
        [namespace(name, labels), service_account(name, "app", &[("role-name", "ok")]), plain]
    });
    let _applied = rig.apply_all(&objects.collect::<Vec<_>>())?;
    wait_until_injected(rig, &pod("newer-on", "known", "app", &[]))?;
    // Asked about once, never by both entries of the configuration; and one without the label costs no call.
    let reviews = || metric(kept.webhook(), "reviews_total", "");
    for (space, value, is_on, calls) in [
        ("newer-none", Some("on"), true, 1.0),
        ("newer-off", Some("on"), true, 1.0),
        ("newer-on", Some("on"), true, 1.0),
        ("newer-none", Some("off"), false, 0.0),
        ("newer-off", Some("On"), false, 0.0),
        ("newer-none", None, false, 0.0),
        // With another value the namespace decides.
        ("newer-on", Some("off"), true, 1.0),
    ] {
        let plain = pod(space, "pod", "app", &[]);
        let asked = value.map_or(plain.clone(), |value| labelled(plain, value));
        let before = reviews()?;
        let Made { pod, warnings } = create(rig, &asked)?;
        assert_eq!(is_injected(&pod), is_on, "{space}: {value:?}");
        assert_eq!(reviews()? - before, calls, "{space}: {value:?}");
        match (space, value) {
            ("newer-on", Some("off")) => {
                assert!(matches!(&warnings[..], [one] if one.contains("\"off\" of the pod")), "{warnings:?}");
            }
            _ => assert_eq!(warnings, [""; 0], "{space}: {value:?}"),
        }
    }
    // Like any other: a service account that names no role.
    let Made { pod, warnings } = create(rig, &labelled(pod("newer-none", "pod", "plain", &[]), "on"))?;
    assert_eq!((is_injected(&pod), warnings.len()), (false, 0));
    Ok(())
}

pub(super) fn a_service_account_has_the_sts_endpoint_alone_where_the_variables_are_off(rig: &Rig) -> Outcome {
    let kept = rig.pod_identity()?;
    let space = "newer-endpoint";
    let values = [("asks", Some("on")), ("does-not", Some("off")), ("says-nothing", None)];
    let account = |(name, value): &(&str, Option<&str>)| {
        let asked = value.map(|value| ("inject-sts-endpoint", value));
        service_account(space, name, &[&[("role-name", "ok")][..], asked.as_slice()].concat())
    };
    let mut objects = vec![pod_identity::namespace(space)];
    objects.extend(values.iter().map(account));
    let _applied = rig.apply_all(&objects)?;
    let variables = |name: &str| -> Result<Vec<String>, Failed> {
        let Made { pod, warnings } = create(rig, &pod(space, name, name, &[]))?;
        assert_eq!(warnings, [""; 0], "{name}");
        let container = &pod["spec"]["containers"][0];
        assert_eq!(variable(container, ROLE_ARN).as_deref(), Some(OWN_ROLE));
        let names = container["env"].as_array().ok_or("no variables")?.iter();
        let names = names.filter_map(|variable| variable["name"].as_str());
        let names: Vec<String> = names.skip(3).map(str::to_owned).collect();
        let wanted = format!("sts-vpc.{REGION}.aliyuncs.com");
        assert!(names.is_empty() || variable(container, ENDPOINT) == Some(wanted));
        Ok(names)
    };
    for (name, _) in values {
        assert_eq!(variables(name)?.len(), 3, "{name}: all are on");
    }
    let _off = kept.with("newer-endpoint", &["--sts-variables=false"])?;
    for (name, value) in values {
        let wanted: &[&str] = if value == Some("on") { &[ENDPOINT] } else { &[] };
        assert_eq!(variables(name)?, wanted, "{name}");
    }
    Ok(())
}

pub(super) fn override_env_of_pod_or_namespace_replaces_what_a_container_has(rig: &Rig) -> Outcome {
    rig.pod_identity()?;
    let spaces = [
        ("newer-keeps", json!({LABEL: "on", OVERRIDE: "false"})),
        ("newer-overrides", json!({LABEL: "on", OVERRIDE: "true"})),
        // The webhook watches none of these: what they say is read for each pod.
        ("newer-overrides-off", json!({OVERRIDE: "true"})),
    ];
    let objects = spaces.iter().flat_map(|(name, labels)| {
        [namespace(name, labels), service_account(name, "app", &[("role-name", "ok")])]
    });
    let _applied = rig.apply_all(&objects.collect::<Vec<_>>())?;
    let with_own = |space: &str, annotations: &[(&str, &str)]| {
        let mut pod = labelled(pod(space, "pod", "app", annotations), "on");
        pod["spec"]["containers"][0]["env"] = json!([
            {"name": "BEFORE", "value": "1"},
            {"name": ROLE_ARN, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "ALIBABA_CLOUD_STS_REGION", "value": "elsewhere"},
            {"name": "ALIBABA_CLOUD_ACCESS_KEY_ID", "value": "somebodys"},
            {"name": "AFTER", "value": "$(ALIBABA_CLOUD_ROLE_ARN)"},
        ]);
        pod
    };
    for (space, annotations, level) in [
        ("newer-keeps", &[][..], None),
        ("newer-keeps", &[("override-env", "false")], None),
        ("newer-keeps", &[("override-env", "true")], Some("the pod")),
        ("newer-overrides", &[], Some("its namespace")),
        ("newer-overrides", &[("override-env", "false")], Some("its namespace")),
        ("newer-overrides-off", &[], Some("its namespace")),
    ] {
        let asked = with_own(space, annotations);
        let Made { pod, warnings } = create(rig, &asked)?;
        let (own, env) = (&asked["spec"]["containers"][0]["env"], &pod["spec"]["containers"][0]["env"]);
        for untouched in [0, 3, 4] {
            assert_eq!(env[untouched], own[untouched], "{space} {annotations:?}");
        }
        assert_eq!(env.as_array().map(Vec::len), Some(9), "{space} {annotations:?}: {env}");
        let mut told = match level {
            None => {
                assert_eq!(env[2], own[2]);
                assert_eq!(env[1]["valueFrom"]["fieldRef"]["fieldPath"], "metadata.name");
                vec!["keeps its own ALIBABA_CLOUD_STS_REGION".to_owned()]
            }
            Some(level) => {
                assert_eq!(env[1], json!({"name": ROLE_ARN, "value": OWN_ROLE}));
                assert_eq!(env[2], json!({"name": "ALIBABA_CLOUD_STS_REGION", "value": REGION}));
                let told = |name: &str| {
                    format!("own {name} of container \"app\" is replaced, as override-env of {level} says")
                };
                vec![told(ROLE_ARN), told("ALIBABA_CLOUD_STS_REGION")]
            }
        };
        told.push("has ALIBABA_CLOUD_ACCESS_KEY_ID".to_owned());
        assert_eq!(warnings.len(), told.len(), "{space} {annotations:?}: {warnings:?}");
        for (warning, told) in warnings.iter().zip(told) {
            assert!(warning.contains(&told), "{space} {annotations:?}: {warning}");
        }
    }
    // A namespace that nobody watches counts as it is at that moment.
    let admin = rig.admin();
    for (value, role) in [("false", None), ("true", Some(OWN_ROLE))] {
        let label = format!("{OVERRIDE}={value}");
        admin.ok(&["label", "namespace", "newer-overrides-off", &label, "--overwrite"])?;
        let Made { pod, .. } = create(rig, &with_own("newer-overrides-off", &[]))?;
        assert_eq!(variable(&pod["spec"]["containers"][0], ROLE_ARN).as_deref(), role, "{label}");
    }
    Ok(())
}

pub(super) fn fail_closed_pods_with_the_label_are_refused_but_where_that_would_block_the_cluster(
    rig: &Rig,
) -> Outcome {
    rig.without_pod_identity()?;
    let installation = Installation::apply(&rig.site(), "own-certificates-fail-closed")?;
    let space = "newer-fail-closed";
    let account = |namespace: &str| service_account(namespace, "newer", &[("role-name", "ok")]);
    let _applied = rig.apply_all(&[namespace(space, &json!({})), account(space), account("kube-system")])?;
    let webhook = installation.replica("newer-fail-closed", &[])?;
    installation.lead_to(&[&webhook]);
    let with_label = labelled(pod(space, "pod", "newer", &[]), "on");
    wait_until_injected(rig, &with_label)?;

    webhook.kill();
    let refused = dry_run(rig, &with_label)?.expect_err("made without a role");
    assert!(refused.contains("failed calling webhook"), "{refused}");
    assert!(refused.contains("labelled-pods.pod-identity.alibabacloud.com"), "{refused}");
    let mut own = pod_of(&installation)?;
    own["metadata"]["labels"][LABEL] = json!("on");
    for admitted in [
        pod(space, "pod", "newer", &[]),
        labelled(pod(space, "pod", "newer", &[]), "off"),
        labelled(pod("kube-system", "pod", "newer", &[]), "on"),
        own,
    ] {
        let made =
            dry_run(rig, &admitted)?.map_err(|refused| format!("{}: {refused}", admitted["metadata"]))?;
        assert!(!is_injected(&made), "{}", admitted["metadata"]);
    }
    assert_eq!(installation.object("Namespace", NAME)?["metadata"]["labels"][LABEL], json!(null));
    Ok(())
}
