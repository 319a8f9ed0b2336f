//! What a pod gets, and why it gets nothing: the documentation's contract, rule by rule.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects)]

use pod_identity::injection::{
    Decision, ExpirationSource, Injection, Level, Namespace, Outcome, Pod, Reason, ServiceAccount, Settings,
    StsVariables, decide,
};
use serde_json::{Value, json};

const PATH: &str = "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens";
const ROLE: &str = "acs:ram::1488999589123456:role/ack-pod-identity-webhook-demo";

/// All that a decision is made of. [`Case::new`] is the documentation's example; a test changes one thing of it.
#[derive(Clone)]
struct Case {
    settings: Settings,
    namespace: Namespace,
    account: ServiceAccount,
    pod: Value,
}

impl Case {
    fn new() -> Case {
        let provider = "acs:ram::1488999589123456:oidc-provider/ack-rrsa-cbec9a1f7b433470ebe4c900552000000";
        Case {
            settings: Settings {
                account_id: "1488999589123456".to_owned(),
                provider_arn: provider.to_owned(),
                audience: "sts.aliyuncs.com".to_owned(),
                mount_path: PATH.to_owned(),
                expiration_seconds: 3600,
                region: None,
                sts_variables: true,
            },
            namespace: Namespace { injection: Some("on".to_owned()), ..Namespace::default() },
            account: ServiceAccount {
                role_name: Some("ack-pod-identity-webhook-demo".to_owned()),
                ..ServiceAccount::default()
            },
            pod: json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": { "name": "demo", "namespace": "rrsa-demo" },
                "spec": {
                    "serviceAccountName": "demo-sa",
                    "containers": [{
                        "image": "registry.cn-hangzhou.aliyuncs.com/acs/ack-ram-tool:1.0.0",
                        "imagePullPolicy": "Always",
                        "args": ["rrsa", "demo"],
                        "name": "demo",
                    }],
                    "restartPolicy": "OnFailure",
                },
            }),
        }
    }

    fn pod(mut self, pointer: &str, value: Value) -> Case {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = self.pod.pointer_mut(parent).unwrap();
        match parent {
            Value::Array(elements) if field == "-" => elements.push(value),
            _ => parent[field.replace("~1", "/")] = value,
        }
        self
    }

    fn annotation(mut self, name: &str, value: &str) -> Case {
        self.pod["metadata"]["annotations"][format!("pod-identity.alibabacloud.com/{name}")] = json!(value);
        self
    }

    fn label(mut self, value: &str) -> Case {
        self.pod["metadata"]["labels"]["pod-identity.alibabacloud.com/injection"] = json!(value);
        self
    }

    fn decide(&self) -> Decision {
        let json = self.pod.to_string();
        decide(&self.settings, &self.namespace, &self.account, &Pod::from_json(&json).unwrap())
    }

    fn injection(&self) -> Injection {
        match self.decide().outcome {
            Outcome::Injected(injection) => injection,
            Outcome::NotInjected(reason) => panic!("not injected: {reason}"),
        }
    }

    fn patched(&self) -> Value {
        let mut pod = self.pod.clone();
        let patch = serde_json::to_value(self.injection().patch).unwrap();
        json_patch::patch(&mut pod, &serde_json::from_value::<json_patch::Patch>(patch).unwrap()).unwrap();
        pod
    }

    /// Nothing is injected for this reason, and this is said about it.
    #[track_caller]
    fn refuses(&self, reason: Reason, warnings: &[&str]) {
        let decision = self.decide();
        assert_eq!(decision.outcome, Outcome::NotInjected(reason));
        assert_warnings(&decision.warnings, warnings);
    }

    #[track_caller]
    fn warns(&self, warnings: &[&str]) {
        let decision = self.decide();
        assert!(matches!(decision.outcome, Outcome::Injected(_)), "{decision:?}");
        assert_warnings(&decision.warnings, warnings);
    }
}

/// As many warnings as expected, each with the expected text in it.
#[track_caller]
fn assert_warnings(warnings: &[String], expected: &[&str]) {
    assert_eq!(warnings.len(), expected.len(), "{warnings:?}");
    for (warning, expected) in warnings.iter().zip(expected) {
        assert!(warning.contains(expected), "{warning:?} does not hold {expected:?}");
        assert!(warning.len() <= 256 && !warning.chars().any(char::is_control), "{warning:?}");
    }
}

fn env_names(container: &Value) -> Vec<&str> {
    let env = container["env"].as_array().map(Vec::as_slice).unwrap_or_default();
    env.iter().map(|variable| variable["name"].as_str().unwrap()).collect()
}

fn token_volume() -> Value {
    json!({
        "name": "rrsa-oidc-token",
        "projected": {
            "defaultMode": 420,
            "sources": [{ "serviceAccountToken": {
                "audience": "sts.aliyuncs.com",
                "expirationSeconds": 3600,
                "path": "token",
            }}],
        },
    })
}

fn token_mount() -> Value {
    json!({ "name": "rrsa-oidc-token", "mountPath": PATH, "readOnly": true })
}

#[test]
fn the_documentations_pod_gets_the_documentations_output() {
    let case = Case::new();
    assert_eq!(
        case.patched(),
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": "demo", "namespace": "rrsa-demo" },
            "spec": {
                "serviceAccountName": "demo-sa",
                "containers": [{
                    "image": "registry.cn-hangzhou.aliyuncs.com/acs/ack-ram-tool:1.0.0",
                    "imagePullPolicy": "Always",
                    "args": ["rrsa", "demo"],
                    "name": "demo",
                    "env": [
                        {
                            "name": "ALIBABA_CLOUD_ROLE_ARN",
                            "value": "acs:ram::1488999589123456:role/ack-pod-identity-webhook-demo",
                        },
                        {
                            "name": "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
                            "value": "acs:ram::1488999589123456:oidc-provider/\
                                      ack-rrsa-cbec9a1f7b433470ebe4c900552000000",
                        },
                        {
                            "name": "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
                            "value": "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens/token",
                        },
                    ],
                    "volumeMounts": [{
                        "mountPath": "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens",
                        "name": "rrsa-oidc-token",
                        "readOnly": true,
                    }],
                }],
                "volumes": [{
                    "name": "rrsa-oidc-token",
                    "projected": {
                        "defaultMode": 420,
                        "sources": [{ "serviceAccountToken": {
                            "audience": "sts.aliyuncs.com",
                            "expirationSeconds": 3600,
                            "path": "token",
                        }}],
                    },
                }],
                "restartPolicy": "OnFailure",
            },
        })
    );
    assert_eq!(case.decide().warnings, [""; 0]);
    let injection = case.injection();
    assert_eq!(injection.role_arn, ROLE);
    assert_eq!(injection.expiration_seconds, 3600);
    assert_eq!(injection.containers, ["demo"]);
}

#[test]
fn a_region_brings_three_variables_more() {
    let mut case = Case::new();
    case.settings.region = Some("cn-hangzhou".to_owned());
    let env = case.patched()["spec"]["containers"][0]["env"].clone();
    assert_eq!(
        env.as_array().unwrap()[3..],
        [
            json!({ "name": "ALIBABA_CLOUD_STS_ENDPOINT", "value": "sts-vpc.cn-hangzhou.aliyuncs.com" }),
            json!({ "name": "ALIBABA_CLOUD_STS_REGION", "value": "cn-hangzhou" }),
            json!({ "name": "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "value": "true" }),
        ]
    );
}

#[test]
fn a_service_account_can_have_the_sts_endpoint_alone() {
    let with = |region: bool, all: bool, annotation: Option<&str>| {
        let mut case = Case::new();
        case.settings.region = region.then(|| "cn-hangzhou".to_owned());
        case.settings.sts_variables = all;
        case.account.inject_sts_endpoint = annotation.map(str::to_owned);
        case
    };
    let endpoint = "ALIBABA_CLOUD_STS_ENDPOINT";
    let alone = with(true, false, Some("on"));
    let env = alone.patched()["spec"]["containers"][0]["env"].clone();
    assert_eq!(
        env.as_array().unwrap()[3..],
        [json!({ "name": endpoint, "value": "sts-vpc.cn-hangzhou.aliyuncs.com" })]
    );
    assert_eq!(alone.injection().sts_variables, Some(StsVariables::Endpoint));
    alone.warns(&[]);
    let all = with(true, true, Some("on"));
    assert_eq!(all.patched(), with(true, true, None).patched());
    assert_eq!(all.injection().sts_variables, Some(StsVariables::All));
    for value in [None, Some(""), Some("off"), Some("false"), Some("On"), Some("true")] {
        let case = with(true, false, value);
        assert_eq!(case.patched(), Case::new().patched(), "{value:?}");
        assert_eq!(case.injection().sts_variables, None);
        match value {
            Some("On" | "true") => case.warns(&["inject-sts-endpoint"]),
            _ => case.warns(&[]),
        }
    }
    for sts_variables in [true, false] {
        let case = with(false, sts_variables, Some("on"));
        assert_eq!(case.patched(), Case::new().patched());
        case.warns(&["service account \"demo-sa\" has inject-sts-endpoint, and the webhook knows no region"]);
    }
}

#[test]
fn the_components_settings_reach_the_pod() {
    let mut case = Case::new();
    case.settings.audience = "other".to_owned();
    case.settings.mount_path = "/tokens".to_owned();
    case.settings.expiration_seconds = 900;
    case.settings.provider_arn = "acs:ram::1:oidc-provider/mine".to_owned();
    let pod = case.patched();
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["env"][1]["value"], "acs:ram::1:oidc-provider/mine");
    assert_eq!(container["env"][2]["value"], "/tokens/token");
    assert_eq!(container["volumeMounts"][0]["mountPath"], "/tokens");
    let token = &pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(*token, json!({ "audience": "other", "expirationSeconds": 900, "path": "token" }));
}

#[test]
fn a_patch_is_made_of_additions_in_the_words_of_rfc_6902() {
    let case = Case::new().pod("/spec/containers/0/env", json!([{ "name": "PATH", "value": "/bin" }]));
    let patch = serde_json::to_value(case.injection().patch).unwrap();
    let patch = patch.as_array().unwrap();
    assert!(patch.iter().all(|operation| operation["op"] == "add"), "{patch:?}");
    let paths: Vec<&str> = patch.iter().map(|operation| operation["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "/spec/volumes",
            "/spec/containers/0/env/-",
            "/spec/containers/0/env/-",
            "/spec/containers/0/env/-",
            "/spec/containers/0/volumeMounts",
        ]
    );
}

#[test]
fn what_is_there_stays_in_front_whatever_it_is() {
    for empty in [json!(null), json!([])] {
        let case = Case::new()
            .pod("/spec/volumes", empty.clone())
            .pod("/spec/containers/0/env", empty.clone())
            .pod("/spec/containers/0/volumeMounts", empty.clone());
        assert_eq!(case.patched(), Case::new().patched(), "{empty}");
    }
    let volume = json!({ "name": "data", "image": { "reference": "unknown to old models" } });
    let variable = json!({ "name": "A", "value": "1", "unknown": [1.5, null] });
    let mount = json!({ "name": "data", "mountPath": "/data", "recursiveReadOnly": "Enabled" });
    let case = Case::new()
        .pod("/spec/volumes", json!([volume]))
        .pod("/spec/containers/0/env", json!([variable]))
        .pod("/spec/containers/0/volumeMounts", json!([mount]));
    let pod = case.patched();
    assert_eq!(pod["spec"]["volumes"], json!([volume, token_volume()]));
    assert_eq!(pod["spec"]["containers"][0]["env"][0], variable);
    assert_eq!(pod["spec"]["containers"][0]["env"].as_array().unwrap().len(), 4);
    assert_eq!(pod["spec"]["containers"][0]["volumeMounts"], json!([mount, token_mount()]));
}

#[test]
fn only_the_label_on_turns_injection_on() {
    for label in [None, Some(""), Some("off"), Some("On"), Some("ON"), Some("true"), Some(" on"), Some("on ")]
    {
        let mut case = Case::new();
        case.namespace.injection = label.map(str::to_owned);
        case.refuses(Reason::NamespaceNotOn, &[]);
    }
}

#[test]
fn the_label_on_of_the_pod_itself_is_as_good() {
    for label in [None, Some("off"), Some("On")] {
        let mut case = Case::new().label("on");
        case.namespace.injection = label.map(str::to_owned);
        assert_eq!(case.patched()["spec"], Case::new().patched()["spec"], "{label:?}");
        case.warns(&[]);
    }
    // With any other value the namespace decides.
    for label in ["", "off", "On", "true", " on", "on "] {
        let mut case = Case::new().label(label);
        assert_eq!(case.patched()["spec"], Case::new().patched()["spec"], "{label:?}");
        case.warns(&["of the pod changes nothing, only \"on\" does: its namespace decides"]);
        case.namespace.injection = None;
        case.refuses(Reason::NamespaceNotOn, &[]);
    }
    // An annotation of the name is none.
    let mut case = Case::new().annotation("injection", "on");
    case.namespace.injection = None;
    case.refuses(Reason::NamespaceNotOn, &[]);
}

#[test]
fn a_mirror_pod_gets_nothing() {
    let mut case = Case::new();
    case.pod["metadata"]["annotations"] = json!({ "kubernetes.io/config.mirror": "" });
    case.refuses(Reason::MirrorPod, &[]);
}

#[test]
fn what_has_nothing_to_do_with_volumes_makes_no_difference() {
    let fields = [
        ("automountServiceAccountToken", json!(false)),
        ("hostNetwork", json!(true)),
        ("os", json!({ "name": "windows" })),
        ("nodeName", json!("n")),
    ];
    for (field, value) in fields {
        let case = Case::new().pod(&format!("/spec/{field}"), value.clone());
        assert_eq!(
            case.patched(),
            Case { pod: Case::new().patched(), ..case.clone() }.pod(&format!("/spec/{field}"), value).pod
        );
    }
}

#[test]
fn a_service_account_without_a_role_gets_nothing_and_nothing_is_said() {
    let mut case = Case::new();
    case.account.role_name = None;
    case.refuses(Reason::NoRole, &[]);
}

#[test]
fn a_role_is_named_as_ram_allows() {
    for name in ["r", "R2.d-2", "-", &"x".repeat(64)] {
        let mut case = Case::new();
        case.account.role_name = Some(name.to_owned());
        assert_eq!(case.injection().role_arn, format!("acs:ram::1488999589123456:role/{name}"));
        case.warns(&[]);
    }
    let too_long = "x".repeat(65);
    let said = "1 to 64 letters, digits, '.' and '-'";
    let cases = [
        ("", "role-name \"\" is blank: write a RAM role name (1 to 64 letters"),
        (" \t", "role-name \" \\t\" is blank"),
        (" reader", "role-name \" reader\" is invalid: it has blanks around it"),
        ("reader\n", "role-name \"reader\\n\" is invalid: it has blanks around it"),
        ("a b", said),
        ("a_b", said),
        ("a/b", said),
        ("a:b", said),
        ("r\u{f6}le", said),
        ("role\u{661}", said),
        (ROLE, said),
        (&too_long, said),
    ];
    for (name, warning) in cases {
        let mut case = Case::new();
        case.account.role_name = Some(name.to_owned());
        case.refuses(Reason::InvalidRole, &[warning]);
    }
}

#[test]
fn a_role_of_another_account_is_given_by_its_arn() {
    let mut case = Case::new();
    case.account.role_name = None;
    case.account.role_arn = Some("acs:ram::42:role/Reader".to_owned());
    assert_eq!(case.injection().role_arn, "acs:ram::42:role/Reader");
    case.warns(&[]);
    // What is injected is made anew from what was understood.
    case.account.role_arn = Some("ACS:RAM::42:ROLE/Reader".to_owned());
    assert_eq!(case.injection().role_arn, "acs:ram::42:role/Reader");
    assert_eq!(
        case.patched()["spec"]["containers"][0]["env"][0]["value"],
        "acs:ram::42:role/Reader",
        "the variable has the same"
    );
}

#[test]
fn an_arn_that_is_no_roles_is_refused_whatever_the_name_says() {
    let too_long = format!("acs:ram::42:role/{}", "x".repeat(65));
    for arn in [
        "",
        " ",
        "reader",
        " acs:ram::42:role/reader",
        "acs:ram::42:role/reader ",
        "acs:ram::42:role/",
        "acs:ram::42:role/team/reader",
        "acs:ram::42:role/a_b",
        "acs:ram::42:role/*",
        "acs:ram::*:role/reader",
        "acs:ram:::role/reader",
        "acs:ram:cn-hangzhou:42:role/reader",
        "acs:sts::42:assumed-role/reader/s",
        "acs:ram::42:assumed-role/reader/s",
        "acs:ram::42:user/reader",
        "acs:ram::42:root",
        "acs:ram::42:role/reader:x",
        &too_long,
    ] {
        for name in [None, Some("reader".to_owned())] {
            let mut case = Case::new();
            case.account.role_name = name;
            case.account.role_arn = Some(arn.to_owned());
            case.refuses(
                Reason::InvalidRole,
                &["no RAM role for this pod: pod-identity.alibabacloud.com/role-arn \""],
            );
            let said = if arn.trim() != arn && !arn.trim().is_empty() {
                "blanks around it"
            } else {
                "acs:ram::<account id>:role/<name>"
            };
            assert!(case.decide().warnings[0].contains(said), "{:?}", case.decide().warnings);
        }
    }
}

#[test]
fn of_two_annotations_the_arn_counts_and_a_difference_is_told() {
    let with = |name: &str, arn: &str| {
        let mut case = Case::new();
        case.account.role_name = Some(name.to_owned());
        case.account.role_arn = Some(arn.to_owned());
        case
    };
    let same = with("Reader", "acs:ram::1488999589123456:role/reader");
    assert_eq!(same.injection().role_arn, "acs:ram::1488999589123456:role/reader");
    same.warns(&[]);
    for (name, arn) in [
        ("writer", "acs:ram::1488999589123456:role/reader"),
        ("reader", "acs:ram::42:role/reader"),
        ("", "acs:ram::42:role/reader"),
    ] {
        let differing = with(name, arn);
        assert_eq!(differing.injection().role_arn, arn);
        differing.warns(&[&format!(
            "role-name \"{name}\" is another one: remove one of them from service account \"demo-sa\""
        )]);
    }
}

#[test]
fn the_lowest_level_says_how_long_a_token_lives() {
    // Pod, service account, namespace: what comes of it, and on which level a value was invalid.
    type Row = (Option<&'static str>, Option<&'static str>, Option<&'static str>, u32, Option<&'static str>);
    let rows: &[Row] = &[
        (None, None, None, 1800, None),
        (None, None, Some("900"), 900, None),
        (None, Some("1200"), Some("900"), 1200, None),
        (Some("7200"), Some("1200"), Some("900"), 7200, None),
        (Some("7200"), None, None, 7200, None),
        (Some("600"), None, None, 600, None),
        (Some("43200"), None, None, 43200, None),
        (Some("0600"), None, None, 600, None),
        // What is invalid means the default, and not what a higher level says.
        (Some("599"), Some("1200"), Some("900"), 1800, Some("the pod")),
        (None, Some("43201"), Some("900"), 1800, Some("its service account")),
        (None, None, Some("1h"), 1800, Some("its namespace")),
        // What is not looked at is not told.
        (Some("7200"), Some("no"), Some("no"), 7200, None),
    ];
    for (pod, account, namespace, seconds, invalid) in rows {
        let mut case = Case::new();
        case.settings.expiration_seconds = 1800;
        if let Some(value) = pod {
            case = case.annotation("service-account-token-expiration", value);
        }
        case.account.expiration = account.map(str::to_owned);
        case.namespace.expiration = namespace.map(str::to_owned);
        assert_eq!(case.injection().expiration_seconds, *seconds, "{pod:?} {account:?} {namespace:?}");
        let levels = [(Level::Pod, pod), (Level::ServiceAccount, account), (Level::Namespace, namespace)];
        let source = match (levels.iter().find(|(_, value)| value.is_some()), invalid) {
            (None, _) => ExpirationSource::Default,
            (Some((level, _)), None) => ExpirationSource::Annotation(*level),
            (Some((level, _)), Some(_)) => ExpirationSource::Invalid(*level),
        };
        assert_eq!(case.injection().expiration_from, source);
        let token = &case.patched()["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
        assert_eq!(token["expirationSeconds"], *seconds);
        match invalid {
            Some(level) => case.warns(&[&format!(
                "of {level} is no number of seconds from 600 to 43200: the default of 1800 s is used"
            )]),
            None => case.warns(&[]),
        }
    }
}

#[test]
fn a_lifetime_is_a_plain_number() {
    for value in [
        "",
        " ",
        " 7200",
        "7200 ",
        "+7200",
        "-7200",
        "7200.0",
        "7e3",
        "7_200",
        "2h",
        "0x1c20",
        "\u{667}\u{662}\u{660}\u{660}",
        "4294970896",
        "18446744073709558816",
    ] {
        let case = Case::new().annotation("service-account-token-expiration", value);
        assert_eq!(case.injection().expiration_seconds, 3600, "{value:?}");
        case.warns(&["the default of 3600 s is used"]);
    }
}

/// A pod with an init container, a native sidecar and two others.
fn with_containers() -> Case {
    Case::new()
        .pod(
            "/spec/initContainers",
            json!([{ "name": "init" }, { "name": "sidecar", "restartPolicy": "Always" }]),
        )
        .pod("/spec/containers", json!([{ "name": "app" }, { "name": "helper" }]))
        .pod("/spec/ephemeralContainers", json!([{ "name": "debugger" }]))
}

#[test]
fn all_containers_are_injected_unless_the_pod_says_which() {
    // Both annotations: which containers get it, and which names are told to be no container's.
    type Row = (Option<&'static str>, Option<&'static str>, &'static [&'static str], &'static [&'static str]);
    let rows: &[Row] = &[
        (None, None, &["init", "sidecar", "app", "helper"], &[]),
        (Some("app"), None, &["app"], &[]),
        (Some("app,init"), None, &["init", "app"], &[]),
        (Some(" app ,, sidecar,"), None, &["sidecar", "app"], &[]),
        (Some(""), None, &["init", "sidecar", "app", "helper"], &[]),
        (Some(" , "), None, &["init", "sidecar", "app", "helper"], &[]),
        (None, Some("app, init"), &["sidecar", "helper"], &[]),
        (None, Some(""), &["init", "sidecar", "app", "helper"], &[]),
        (Some("app,helper"), Some("app"), &["helper"], &[]),
        (Some(" "), Some("app"), &["init", "sidecar", "helper"], &[]),
        (Some("app,ap"), None, &["app"], &["only-containers names \"ap\""]),
        (None, Some("App"), &["init", "sidecar", "app", "helper"], &["skip-containers names \"App\""]),
        (Some("app"), Some("debugger"), &["app"], &["skip-containers names \"debugger\""]),
    ];
    for (only, skip, containers, warnings) in rows {
        let mut case = with_containers();
        if let Some(only) = only {
            case = case.annotation("only-containers", only);
        }
        if let Some(skip) = skip {
            case = case.annotation("skip-containers", skip);
        }
        assert_eq!(case.injection().containers, *containers, "{only:?} {skip:?}");
        case.warns(warnings);
        let pod = case.patched();
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            for (index, before) in case.pod["spec"][list].as_array().unwrap().iter().enumerate() {
                let after = &pod["spec"][list][index];
                if containers.contains(&before["name"].as_str().unwrap()) {
                    assert_eq!(env_names(after).len(), 3);
                    assert_eq!(after["volumeMounts"], json!([token_mount()]));
                } else {
                    assert_eq!(before, after);
                }
            }
        }
    }
}

#[test]
fn without_a_container_there_is_no_volume_either() {
    let all = "app,helper,init,sidecar";
    with_containers().annotation("skip-containers", all).refuses(Reason::NoContainer, &[]);
    with_containers()
        .annotation("only-containers", "app")
        .annotation("skip-containers", "app")
        .refuses(Reason::NoContainer, &[]);
    with_containers()
        .annotation("only-containers", "none")
        .refuses(Reason::NoContainer, &["only-containers names \"none\", and the pod has no container"]);
    for spec in [json!(null), json!({}), json!({ "containers": null, "initContainers": [] })] {
        Case::new().pod("/spec", spec).refuses(Reason::NoContainer, &[]);
    }
    let mut case = Case::new();
    case.pod = json!({});
    case.refuses(Reason::NoContainer, &[]);
}

#[test]
fn a_container_keeps_the_variables_it_has() {
    let own = json!([
        { "name": "ALIBABA_CLOUD_OIDC_TOKEN_FILE", "value": "/mine" },
        { "name": "ALIBABA_CLOUD_ROLE_ARN", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
    ]);
    let case = Case::new().pod("/spec/containers/0/env", own.clone());
    let pod = case.patched();
    let env = &pod["spec"]["containers"][0]["env"];
    assert_eq!(env.as_array().unwrap()[..2], own.as_array().unwrap()[..]);
    assert_eq!(env_names(&pod["spec"]["containers"][0])[2..], ["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"]);
    case.warns(&["container \"demo\" keeps its own ALIBABA_CLOUD_OIDC_TOKEN_FILE"]);
    assert!(!case.decide().warnings[0].contains("/mine"), "a value can be a secret");
}

#[test]
fn a_variable_that_is_what_it_would_be_is_not_told() {
    let with = |env: Value| Case::new().pod("/spec/containers/0/env", env);
    let role = |value: &str| json!({ "name": "ALIBABA_CLOUD_ROLE_ARN", "value": value });
    let keeps = "keeps its own ALIBABA_CLOUD_ROLE_ARN";
    with(json!([role(ROLE)])).warns(&[]);
    with(json!([role("")])).warns(&[keeps]);
    with(json!([{ "name": "ALIBABA_CLOUD_ROLE_ARN" }])).warns(&[keeps]);
    with(json!([{ "name": "ALIBABA_CLOUD_ROLE_ARN", "value": null, "valueFrom": null }])).warns(&[keeps]);
    // Of two the last counts.
    with(json!([role("x"), role(ROLE)])).warns(&[]);
    with(json!([role(ROLE), role("x")])).warns(&[keeps]);
    // A variable that is not among those injected is nobody's business.
    with(json!([{ "name": "ALIBABA_CLOUD_STS_REGION", "value": "elsewhere" }])).warns(&[]);
}

#[test]
fn override_env_of_pod_or_namespace_makes_injected_values_win() {
    // Pod, namespace, who says so.
    let rows = [
        (None, None, None),
        (Some("true"), None, Some(Level::Pod)),
        (None, Some("true"), Some(Level::Namespace)),
        (Some("true"), Some("false"), Some(Level::Pod)),
        // With another value on the pod the namespace decides.
        (Some("false"), Some("true"), Some(Level::Namespace)),
        (Some(""), Some("true"), Some(Level::Namespace)),
        (Some("false"), Some("false"), None),
        (Some(""), Some("off"), None),
    ];
    let own = json!([
        { "name": "A", "value": "$(ALIBABA_CLOUD_ROLE_ARN)", "unknown": 1 },
        { "name": "ALIBABA_CLOUD_ROLE_ARN", "value": "mine" },
    ]);
    for (on_pod, on_namespace, level) in rows {
        let mut case = Case::new().pod("/spec/containers/0/env", own.clone());
        if let Some(value) = on_pod {
            case = case.annotation("override-env", value);
        }
        case.namespace.override_env = on_namespace.map(str::to_owned);
        assert_eq!(case.injection().override_env, level);
        let env = case.patched()["spec"]["containers"][0]["env"].clone();
        assert_eq!(env[0], own[0]);
        match level {
            None => {
                assert_eq!(env[1], own[1]);
                case.warns(&["container \"demo\" keeps its own ALIBABA_CLOUD_ROLE_ARN"]);
            }
            Some(level) => {
                assert_eq!(env[1], json!({ "name": "ALIBABA_CLOUD_ROLE_ARN", "value": ROLE }));
                case.warns(&[&format!(
                    "the own ALIBABA_CLOUD_ROLE_ARN of container \"demo\" is replaced, as override-env of {level} says"
                )]);
                // Asked again, there is nothing to replace, and nothing to tell.
                let again = Case { pod: case.patched(), ..case.clone() };
                assert_eq!(again.injection(), Injection { patch: Vec::new(), ..case.injection() });
                again.warns(&[]);
            }
        }
    }
}

#[test]
fn any_other_value_of_override_env_changes_nothing_and_is_told() {
    for value in ["on", "True", "yes", " true"] {
        let told = format!("override-env \"{value}\" of the pod changes nothing: only \"true\" does");
        let on_pod = Case::new().annotation("override-env", value);
        assert_eq!(on_pod.injection().override_env, None);
        on_pod.warns(&[&told]);
        let mut on_namespace = Case::new();
        on_namespace.namespace.override_env = Some(value.to_owned());
        assert_eq!(on_namespace.injection().override_env, None);
        on_namespace.warns(&[&told.replace("the pod", "its namespace")]);
    }
}

#[test]
fn what_is_overridden_is_the_variable_that_counts_and_nothing_else() {
    let from =
        json!({ "name": "ALIBABA_CLOUD_OIDC_TOKEN_FILE", "valueFrom": { "fieldRef": { "fieldPath": "x" } } });
    let key = json!({ "name": "ALIBABA_CLOUD_ACCESS_KEY_ID", "value": "LTAIsecret" });
    let role = |value: &str| json!({ "name": "ALIBABA_CLOUD_ROLE_ARN", "value": value });
    let mut own = token_volume();
    own["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] = json!(7200);
    let case = with_containers()
        .annotation("override-env", "true")
        .annotation("skip-containers", "helper")
        .pod("/spec/volumes", json!([own]))
        .pod("/spec/containers/0/env", json!([role("first"), from, key, role("last")]))
        .pod("/spec/containers/1/env", json!([role("skipped")]))
        .pod("/spec/initContainers/0/env", json!([role(ROLE)]));
    let patch = serde_json::to_value(case.injection().patch).unwrap();
    let replaced: Vec<&Value> =
        patch.as_array().unwrap().iter().filter(|operation| operation["op"] != "add").collect();
    let token = json!({ "name": "ALIBABA_CLOUD_OIDC_TOKEN_FILE", "value": format!("{PATH}/token") });
    assert_eq!(
        replaced,
        [
            &json!({ "op": "replace", "path": "/spec/containers/0/env/3", "value": role(ROLE) }),
            &json!({ "op": "replace", "path": "/spec/containers/0/env/1", "value": token }),
        ]
    );
    let pod = case.patched();
    let env = &pod["spec"]["containers"][0]["env"];
    assert_eq!((&env[0], &env[2]), (&role("first"), &key));
    assert_eq!(pod["spec"]["containers"][1], case.pod["spec"]["containers"][1]);
    assert_eq!(pod["spec"]["volumes"], json!([own]), "volumes are never replaced");
    case.warns(&[
        "the own ALIBABA_CLOUD_ROLE_ARN of container \"app\" is replaced",
        "the own ALIBABA_CLOUD_OIDC_TOKEN_FILE of container \"app\" is replaced",
        "has ALIBABA_CLOUD_ACCESS_KEY_ID, which SDKs read before its RAM role",
    ]);
    assert!(!format!("{:?}", case.decide().warnings).contains("LTAI"), "a value can be a secret");
    // Neither are mounts.
    mounted("data", PATH)
        .annotation("override-env", "true")
        .refuses(Reason::MountPathTaken, &["it has something else mounted at or below"]);
    Case::new()
        .annotation("override-env", "true")
        .pod("/spec/volumes", json!([{ "name": "rrsa-oidc-token", "emptyDir": {} }]))
        .refuses(Reason::VolumeNameTaken, &["it has a volume rrsa-oidc-token"]);
}

#[test]
fn an_access_key_that_comes_before_the_role_is_told() {
    let with = |variable: Value| with_containers().pod("/spec/containers/1/env", json!([variable]));
    let told = ["container \"helper\" has ALIBABA_CLOUD_ACCESS_KEY_ID, which SDKs read before its RAM role"];
    let literal = with(json!({ "name": "ALIBABA_CLOUD_ACCESS_KEY_ID", "value": "LTAIsecret" }));
    literal.warns(&told);
    assert!(!literal.decide().warnings[0].contains("LTAI"));
    assert!(!format!("{:?}", Pod::from_json(&literal.pod.to_string()).unwrap()).contains("LTAI"));
    let from = json!({ "secretKeyRef": { "name": "s", "key": "k" } });
    with(json!({ "name": "ALIBABA_CLOUD_ACCESS_KEY_ID", "valueFrom": from })).warns(&told);
    with(json!({ "name": "ALIBABA_CLOUD_ACCESS_KEY_ID", "value": "" })).warns(&[]);
    literal.annotation("skip-containers", "helper").warns(&[]);
}

#[test]
fn a_volume_of_the_name_that_is_no_token_stands_in_the_way() {
    let mut other_audience = token_volume();
    other_audience["projected"]["sources"][0]["serviceAccountToken"]["audience"] = json!("vault");
    let mut no_audience = token_volume();
    no_audience["projected"]["sources"][0]["serviceAccountToken"].as_object_mut().unwrap().remove("audience");
    let mut other_path = token_volume();
    other_path["projected"]["sources"][0]["serviceAccountToken"]["path"] = json!("rrsa-token");
    for volume in [
        json!({ "name": "rrsa-oidc-token" }),
        json!({ "name": "rrsa-oidc-token", "emptyDir": {} }),
        json!({ "name": "rrsa-oidc-token", "secret": { "secretName": "s" } }),
        json!({ "name": "rrsa-oidc-token", "projected": null }),
        json!({ "name": "rrsa-oidc-token", "projected": { "sources": [{ "configMap": { "name": "c" } }] } }),
        other_audience,
        no_audience,
        other_path,
    ] {
        let case = Case::new().pod("/spec/volumes", json!([volume]));
        let told = "it has a volume rrsa-oidc-token that is no projected service account token of audience \
                    \"sts.aliyuncs.com\" at path token";
        case.refuses(Reason::VolumeNameTaken, &[told]);
        // A second one that would do does not help.
        case.pod("/spec/volumes/-", token_volume()).refuses(Reason::VolumeNameTaken, &[told]);
    }
}

#[test]
fn a_volume_that_holds_the_token_is_kept_as_it_is() {
    let mut own = token_volume();
    own["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] = json!(7200);
    own["projected"]["sources"].as_array_mut().unwrap().insert(0, json!({ "configMap": { "name": "c" } }));
    let case = Case::new().pod("/spec/volumes", json!([own]));
    assert_eq!(case.patched()["spec"]["volumes"], json!([own]));
    assert_eq!(case.patched()["spec"]["containers"], Case::new().patched()["spec"]["containers"]);
    assert_eq!(case.injection().expiration_seconds, 7200);
    assert_eq!(case.injection().expiration_from, ExpirationSource::OwnVolume);
    case.warns(&[]);
    let annotated = case.annotation("service-account-token-expiration", "900");
    assert_eq!(annotated.injection().expiration_seconds, 7200);
    annotated.warns(&["whose token lives 7200 s instead of the 900 s of the annotation"]);
    // The lifetime of one that says none is Kubernetes' own default.
    own["projected"]["sources"][1]["serviceAccountToken"]
        .as_object_mut()
        .unwrap()
        .remove("expirationSeconds");
    let mut case = Case::new().pod("/spec/volumes", json!([own]));
    case.settings.expiration_seconds = 900;
    assert_eq!(case.injection().expiration_seconds, 3600);
    case.warns(&[]);
}

fn mounted(name: &str, path: &str) -> Case {
    Case::new()
        .pod("/spec/volumes", json!([token_volume(), { "name": "data", "emptyDir": {} }]))
        .pod("/spec/containers/0/volumeMounts", json!([{ "name": name, "mountPath": path }]))
}

/// The path of the token in other spellings.
const SPELLINGS: [&str; 6] = [
    PATH,
    "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens/",
    "//var/run//secrets/ack.alibabacloud.com/rrsa-tokens//",
    "/var/./run/secrets/ack.alibabacloud.com/rrsa-tokens/.",
    "/var/run/secrets/other/../ack.alibabacloud.com/rrsa-tokens",
    "var/run/secrets/ack.alibabacloud.com/rrsa-tokens",
];

#[test]
fn what_is_mounted_at_the_path_or_below_stands_in_the_way() {
    let told =
        ["no RAM role for container \"demo\": it has something else mounted at or below \"/var/run/secrets/\
                 ack.alibabacloud.com/rrsa-tokens\""];
    for spelling in SPELLINGS {
        mounted("data", spelling).refuses(Reason::MountPathTaken, &told);
        mounted("data", &format!("{spelling}/token")).refuses(Reason::MountPathTaken, &told);
        Case::new()
            .pod("/spec/containers/0/volumeDevices", json!([{ "name": "disk", "devicePath": spelling }]))
            .refuses(Reason::MountPathTaken, &told);
    }
    mounted("rrsa-oidc-token", &format!("{PATH}/below")).refuses(Reason::MountPathTaken, &told);
    for field in ["subPath", "subPathExpr"] {
        mounted("rrsa-oidc-token", PATH)
            .pod(&format!("/spec/containers/0/volumeMounts/0/{field}"), json!("token"))
            .refuses(Reason::MountPathTaken, &told);
    }
}

#[test]
fn what_is_mounted_elsewhere_does_not() {
    for path in [
        "/",
        "/var",
        "/var/run/secrets",
        "/var/run/secrets/ack.alibabacloud.com",
        "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens2",
        "/var/run/secrets/ack.alibabacloud.com/RRSA-tokens",
    ] {
        let case = mounted("data", path);
        case.warns(&[]);
        assert_eq!(case.patched()["spec"]["containers"][0]["volumeMounts"][1], token_mount(), "{path}");
    }
    // The token elsewhere, too.
    let case = mounted("rrsa-oidc-token", "/elsewhere");
    assert_eq!(case.patched()["spec"]["containers"][0]["volumeMounts"][1], token_mount());
}

#[test]
fn a_token_that_is_mounted_at_the_path_is_there_already() {
    for spelling in SPELLINGS {
        let case = mounted("rrsa-oidc-token", spelling);
        case.warns(&[]);
        assert_eq!(
            case.patched()["spec"]["containers"][0]["volumeMounts"],
            json!([{ "name": "rrsa-oidc-token", "mountPath": spelling }]),
            "it keeps its own"
        );
    }
    // One whose volume is missing gets it.
    let mut case = mounted("rrsa-oidc-token", PATH);
    case.pod["spec"].as_object_mut().unwrap().remove("volumes");
    assert_eq!(case.patched()["spec"]["volumes"], json!([token_volume()]));
}

#[test]
fn one_container_whose_place_is_taken_leaves_the_others_theirs() {
    let case = with_containers()
        .pod("/spec/volumes", json!([{ "name": "data", "emptyDir": {} }]))
        .pod("/spec/containers/0/volumeMounts", json!([{ "name": "data", "mountPath": PATH }]));
    assert_eq!(case.injection().containers, ["init", "sidecar", "helper"]);
    assert_eq!(case.patched()["spec"]["containers"][0], case.pod["spec"]["containers"][0]);
    case.warns(&["no RAM role for container \"app\": it has something else mounted"]);
    case.annotation("only-containers", "app").refuses(Reason::MountPathTaken, &["container \"app\""]);
}

#[test]
fn a_sidecar_that_comes_later_gets_what_the_others_have() {
    let first = Case::new();
    let again = Case { pod: first.patched(), ..first.clone() };
    assert_eq!(again.injection(), Injection { patch: Vec::new(), ..first.injection() });
    let with_sidecar = again.pod("/spec/containers/-", json!({ "name": "mesh" }));
    let pod = with_sidecar.patched();
    assert_eq!(pod["spec"]["volumes"], json!([token_volume()]));
    assert_eq!(pod["spec"]["containers"][0], first.patched()["spec"]["containers"][0]);
    assert_eq!(pod["spec"]["containers"][1]["env"], pod["spec"]["containers"][0]["env"]);
    assert_eq!(pod["spec"]["containers"][1]["volumeMounts"], json!([token_mount()]));
}

#[test]
fn foreign_text_in_warnings_is_short_harmless_and_not_too_much() {
    let horrible = format!("\u{1b}[2J\n\u{202e}\"{}", "\u{1f980}".repeat(10_000));
    let mut case = Case::new();
    case.pod["spec"]["serviceAccountName"] = json!(horrible);
    case.account.role_name = Some(horrible.clone());
    assert_warnings(&case.decide().warnings, &["no RAM role for this pod"]);
    case.account.role_arn = Some("acs:ram::42:role/reader".to_owned());
    assert_warnings(&case.decide().warnings, &["is another one"]);

    let containers: Vec<Value> = (0..100)
        .map(|number| {
            json!({ "name": format!("{number}{horrible}"), "env": [
                { "name": "ALIBABA_CLOUD_ACCESS_KEY_ID", "value": "x" }, { "name": "ALIBABA_CLOUD_ROLE_ARN" },
            ]})
        })
        .collect();
    let names: Vec<String> = (0..100).map(|number| format!("none-{number}{horrible}")).collect();
    let case = Case::new()
        .pod("/spec/containers", json!(containers))
        .annotation("only-containers", "")
        .annotation("skip-containers", &names.join(","))
        .annotation("service-account-token-expiration", &horrible);
    let warnings = case.decide().warnings;
    assert!(warnings.len() <= 12, "{}", warnings.len());
    assert!(warnings.iter().map(String::len).sum::<usize>() < 4096);
    assert!(warnings.last().unwrap().contains("more warnings about this pod"), "{warnings:?}");
    for warning in &warnings {
        assert!(warning.len() <= 256 && !warning.contains(['\u{1b}', '\n', '\u{202e}']), "{warning:?}");
    }
}

#[test]
fn a_pod_says_who_it_is() {
    let pod = json!({
        "metadata": { "generateName": "app-", "ownerReferences": [
            { "apiVersion": "v1", "kind": "ConfigMap", "name": "no", "uid": "1" },
            { "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "app", "uid": "2", "controller": true },
        ]},
        "spec": { "serviceAccount": "old-name" },
    })
    .to_string();
    let pod = Pod::from_json(&pod).unwrap();
    assert_eq!((pod.name(), pod.generate_name()), (None, Some("app-")));
    assert_eq!(pod.service_account(), "old-name");
    assert!(!pod.is_mirror());
    let owner = pod.controller().unwrap();
    assert_eq!(
        (owner.api_version(), owner.kind(), owner.name(), owner.uid()),
        ("apps/v1", "ReplicaSet", "app", "2")
    );
    let service_account =
        |spec: &str| Pod::from_json(&format!(r#"{{"spec":{spec}}}"#)).unwrap().service_account().to_owned();
    assert_eq!(service_account(r#"{"serviceAccountName":"new","serviceAccount":"old"}"#), "new");
    assert_eq!(service_account(r#"{"serviceAccountName":"","serviceAccount":"old"}"#), "old");
    assert_eq!(service_account(r#"{"serviceAccountName":null,"serviceAccount":""}"#), "default");
    assert_eq!(service_account("null"), "default");
    assert!(Pod::from_json("{}").unwrap().controller().is_none());
    assert_eq!(Pod::from_json(r#"{"metadata":{"name":"a\"b"}}"#).unwrap().name(), Some("a\"b"));
}

#[test]
fn what_cannot_be_read_is_said_with_its_place_and_without_its_values() {
    let cases = [
        ("", "it is no JSON: EOF"),
        ("{} x", "it is no JSON: trailing characters"),
        ("[]", "expected an object"),
        (r#"{"spec":{"containers":{}}}"#, "spec.containers: expected a sequence"),
        (r#"{"spec":{"containers":["s3cret"]}}"#, "spec.containers[0]: expected an object"),
        (r#"{"spec":{"containers":[null]}}"#, "spec.containers[0]: expected an object"),
        (
            r#"{"spec":{"containers":[{},{"env":[{"name":"A","value":"ok"},{"name":"B","value":5318008}]}]}}"#,
            "spec.containers[1].env[1].value: expected a string",
        ),
        (r#"{"spec":{"containers":[[]]}}"#, "spec.containers[0]: expected an object"),
        (
            r#"{"spec":{"containers":[{"env":[["A","s3cret"]]}]}}"#,
            "spec.containers[0].env[0]: expected an object",
        ),
        (r#"{"metadata":[]}"#, "metadata: expected an object"),
        (r#"{"spec":{"volumes":"s3cret, expected s3cret"}}"#, "spec.volumes: expected a sequence"),
        (r#"{"spec":{"serviceAccountName":["s3cret"]}}"#, "spec.serviceAccountName: expected a string"),
        (r#"{"metadata":{"name":"a","name":"b"}}"#, "metadata: duplicate field `name`"),
    ];
    for (json, expected) in cases {
        let error = Pod::from_json(json).unwrap_err().to_string();
        assert!(error.starts_with("the object cannot be read as a Pod: "), "{error}");
        assert!(error.contains(expected), "{error} does not hold {expected}");
        assert!(!error.contains("s3cret") && !error.contains("5318008") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn what_is_not_read_may_be_anything() {
    let pod = r#"{"metadata":{"labels":{"x":5},"annotations":{"x":[1]},"ownerReferences":null},"status":"s",
        "spec":{"containers":[{"name":"a","resources":[],"lifecycle":1e400}],"tolerations":{}}}"#;
    assert!(Pod::from_json(pod).is_ok());
    let deep = format!(r#"{{"status":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(Pod::from_json(&deep).is_ok());
}
