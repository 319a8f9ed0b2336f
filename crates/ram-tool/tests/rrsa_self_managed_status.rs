//! `rrsa status --self-managed`, as a script sees it: a kubectl that answers from files, an issuer's site with TLS, and the
//! emulator's IMS, RAM and STS. What is said of each thing that can be broken is tested beside the code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]
#![cfg(unix)]

#[path = "../../emulator/tests/common/oidc.rs"]
mod oidc;
#[path = "support/self_managed.rs"]
mod self_managed;
mod support;

use emulator::Fault;
use oidc::Issuer;
use self_managed::{ACCOUNT, SelfManaged, claims};
use serde_json::{Value, json};
use support::Outcome;

const PROVIDER: &str = "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1";
const SUBJECT: &str = "system:serviceaccount:default:default";
const HOOK: &str = "mutatingwebhookconfigurations_ack-pod-identity-webhook";
const DEPLOYMENT: &str = "--namespace_hooks_deployments_hook";
const CONFIG: &str = "--namespace_hooks_configmaps_hook-config-1";
const NAMESPACE: &str = "namespaces_default";
const ACCOUNT_FILE: &str = "--show-managed-fields_--namespace_default_serviceaccounts_default";
const POD: &str = "--namespace_default_pods_demo";
const ALL: [&str; 8] = ["-r", "app", "-n", "default", "-s", "default", "--pod", "demo"];

/// A cluster in which a pod of `default/default` has the role `app`.
fn whole() -> SelfManaged {
    let cluster = SelfManaged::start();
    cluster.signs_as(&cluster.issuer);
    cluster.has_flags(&[&format!("--service-account-issuer={}", cluster.issuer)]);
    let long = cluster.key.token(&claims(&cluster.issuer, "sts.aliyuncs.com", 43_200));
    cluster.answer("token-sts.aliyuncs.com-86400s", &long);
    // The publishing itself is tested with `rrsa enable`.
    let folder = cluster.path("site");
    let issuer = cluster.issuer.clone();
    for (path, text) in [
        (
            ".well-known/openid-configuration",
            json!({"issuer": issuer, "jwks_uri": format!("{issuer}/openid/v1/jwks")}).to_string(),
        ),
        ("openid/v1/jwks", cluster.key.jwks()),
    ] {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    cluster.has_provider("ack-rrsa-c1", &issuer, &["sts.aliyuncs.com"], &[&cluster.fingerprint]);
    role(&cluster, "app", SUBJECT);
    objects(&cluster);
    cluster
}

fn role(cluster: &SelfManaged, name: &str, subject: &str) {
    let policy = json!({"Version": "1", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Federated": [PROVIDER]},
        "Condition": {"StringEquals": {
            "oidc:iss": cluster.issuer, "oidc:aud": "sts.aliyuncs.com", "oidc:sub": subject}},
    }]});
    cluster.emulator.create_role(ACCOUNT, name, &policy.to_string()).unwrap();
}

/// What the API server has of the webhook, of namespace and service account, and of the pod.
fn objects(cluster: &SelfManaged) {
    let answer = |name: &str, value: Value| cluster.answer(name, &value.to_string());
    let service = json!({"namespace": "hooks", "name": "hook", "path": "/mutate"});
    answer(
        HOOK,
        json!({"webhooks": [{"name": "pods.pod-identity.alibabacloud.com", "failurePolicy": "Ignore",
            "clientConfig": {"caBundle": "LS0t", "service": service}}]}),
    );
    let spec = json!({
        "containers": [{
            "name": "hook", "args": ["server", "--config=/etc/hook/config.yaml"],
            "volumeMounts": [{"name": "config", "mountPath": "/etc/hook"}],
        }],
        "volumes": [{"name": "config", "configMap": {"name": "hook-config-1"}}],
    });
    answer(
        DEPLOYMENT,
        json!({"spec": {"replicas": 2, "template": {"spec": spec}}, "status": {"readyReplicas": 2}}),
    );
    answer(CONFIG, json!({"data": {"config.yaml": "clusterID: c1\naccountID: \"1234567890123456\"\n"}}));
    answer(NAMESPACE, json!({"metadata": {"labels": {"pod-identity.alibabacloud.com/injection": "on"}}}));
    answer(
        ACCOUNT_FILE,
        json!({"metadata": {
            "annotations": {"pod-identity.alibabacloud.com/role-name": "app"},
            "managedFields": [{"time": "2026-11-01T00:00:00Z", "fieldsV1": {"f:metadata": {"f:annotations": {
                "f:pod-identity.alibabacloud.com/role-name": {}}}}}],
        }}),
    );
    pod(cluster, "app");
}

fn pod(cluster: &SelfManaged, role: &str) {
    let folder = "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens";
    let variables = [
        ("ALIBABA_CLOUD_ROLE_ARN", format!("acs:ram::{ACCOUNT}:role/{role}")),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", PROVIDER.to_owned()),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", format!("{folder}/token")),
    ]
    .map(|(name, value)| json!({"name": name, "value": value}));
    let token = json!({"serviceAccountToken":
        {"audience": "sts.aliyuncs.com", "expirationSeconds": 3600, "path": "token"}});
    let pod = json!({
        "metadata": {"creationTimestamp": "2026-10-01T00:00:00Z"},
        "spec": {
            "serviceAccountName": "default",
            "containers": [{"name": "demo", "env": variables,
                "volumeMounts": [{"name": "rrsa-oidc-token", "mountPath": folder}]}],
            "volumes": [{"name": "rrsa-oidc-token", "projected": {"sources": [token]}}],
        },
    });
    cluster.answer(POD, &pod.to_string());
}

fn status(cluster: &SelfManaged, more: &[&str]) -> Outcome {
    let words = ["rrsa", "status", "--self-managed", "-c", "c1"];
    let outcome = cluster.run(&[&words, more].concat());
    check(cluster, &outcome);
    outcome
}

/// No secret is told, and nothing is changed.
fn check(cluster: &SelfManaged, outcome: &Outcome) {
    let told = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(!told.contains("canary") && !told.contains("eyJ") && !told.contains("STS."), "{told}");
    assert!(!told.contains("panicked"), "{told}");
    assert!(cluster.changes().is_empty(), "{:?}", cluster.changes());
}

/// `part.check` of the findings of this state, with exit status and error as they belong to them.
fn of_state(outcome: &Outcome, state: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(&outcome.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", outcome.stdout, outcome.stderr));
    let is_broken = report["broken"] != 0;
    assert_eq!(outcome.code, Some(i32::from(is_broken)), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.contains("ERROR not all is well"), is_broken, "{}", outcome.stderr);
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["state"] == state);
    findings
        .map(|finding| {
            format!("{}.{}", finding["part"].as_str().unwrap(), finding["check"].as_str().unwrap())
        })
        .collect()
}

fn json_of(cluster: &SelfManaged, more: &[&str]) -> Outcome {
    status(cluster, &[&["-o", "json"], more].concat())
}

#[test]
fn all_is_well_where_sts_gives_the_role() {
    let cluster = whole();
    let outcome = json_of(&cluster, &ALL);
    assert_eq!(of_state(&outcome, "broken"), [""; 0], "{}", outcome.stdout);
    assert_eq!(of_state(&outcome, "notKnown"), [""; 0], "{}", outcome.stdout);
    // The site is at this machine alone.
    assert_eq!(of_state(&outcome, "warning"), ["publishedIssuer.internet"], "{}", outcome.stdout);
    assert!(of_state(&outcome, "ok").contains(&"sts.exchange".to_owned()));
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((&report["clusterId"], &report["serviceAccount"]), (&json!("c1"), &json!("default/default")));
    assert_eq!(report["leftOut"], json!([]));
    let exchanged = cluster.emulator.requests().iter().filter(|r| r.action == "AssumeRoleWithOIDC").count();
    assert_eq!(exchanged, 1);
    let requests = cluster.emulator.requests();
    let asked = requests.iter().find(|request| request.action == "AssumeRoleWithOIDC").unwrap();
    let asked = format!("{} {}", asked.raw.query(), String::from_utf8_lossy(&asked.raw.body));
    assert!(asked.contains("DurationSeconds=900"), "not the shortest that there is");

    let text = status(&cluster, &ALL).success();
    assert!(text.starts_with("Part              State    Finding\nAPI server        ok "), "{text}");
    assert!(text.contains("default/default gets credentials of app (they were thrown away)"), "{text}");
    assert!(!text.contains("left out") && !text.contains("broken"), "{text}");
}

#[test]
fn what_was_not_asked_about_is_left_out() {
    let cluster = whole();
    let text = status(&cluster, &[]).success();
    assert!(text.contains("trust policy      left out  give -r ROLE"), "{text}");
    assert!(text.contains("pod               left out  give --pod NAME"), "{text}");
    let calls = cluster.kubectl_calls().join("\n");
    assert!(!calls.contains("pods/") && !calls.contains("serviceaccounts/"), "{calls}");
    assert!(!cluster.emulator.requests().iter().any(|request| request.action == "AssumeRoleWithOIDC"));
}

#[test]
fn an_issuer_with_a_slash_is_found_and_sts_says_so_too() {
    let cluster = whole();
    cluster.signs_as(&format!("{}/", cluster.issuer));
    let outcome = json_of(&cluster, &ALL);
    assert_eq!(of_state(&outcome, "broken"), ["apiServer.issuer", "token.claims", "sts.exchange"]);
    assert!(outcome.stdout.contains("IssuerNotMatch"), "{}", outcome.stdout);
}

#[test]
fn older_issuers_are_seen_in_flags_and_else_deduced() {
    let cluster = whole();
    let issuer = cluster.issuer.clone();
    cluster.has_flags(&[
        &format!("--service-account-issuer={issuer}"),
        "--service-account-issuer=https://old.example",
    ]);
    let told = |words: &str| {
        let outcome = json_of(&cluster, &[]);
        assert_eq!(of_state(&outcome, "broken"), [""; 0]);
        assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    };
    told("tokens of https://old.example are taken, too: right");
    let flags = cluster.path("cluster/pods_--namespace_kube-system_--selector_component_kube-apiserver");
    std::fs::remove_file(flags).unwrap();
    let mut own = claims(&issuer, &issuer, 3600);
    own["aud"] = json!([issuer, "https://older.example"]);
    cluster.answer("token-none", &cluster.key.token(&own));
    told("tokens of https://older.example are taken, too (deduced");
    // Audiences that are none of its issuers tell nothing of them.
    for audiences in [
        ["kubernetes", "https://older.example"],
        ["https://older.example", &issuer],
        [&issuer, "older.example"],
    ] {
        own["aud"] = json!(audiences);
        cluster.answer("token-none", &cluster.key.token(&own));
        assert!(!json_of(&cluster, &[]).stdout.contains("older.example"), "{audiences:?}");
    }
}

#[test]
fn keys_that_are_not_published_are_found() {
    let cluster = whole();
    let next = Issuer::with_id("key-2");
    cluster.has_keys(&oidc::jwks_of(&[&next, &cluster.key]));
    let token = next.token(&claims(&cluster.issuer, "sts.aliyuncs.com", 3600));
    cluster.answer("token-sts.aliyuncs.com", &token);
    let outcome = json_of(&cluster, &ALL);
    assert_eq!(of_state(&outcome, "broken"), ["publishedIssuer.keys", "token.claims", "sts.exchange"]);
    assert!(outcome.stdout.contains("InvalidSignature"), "{}", outcome.stdout);
}

#[test]
fn a_site_that_nobody_can_read_is_found() {
    let cluster = whole();
    std::fs::write(cluster.path("site/STATUS"), "403 Forbidden").unwrap();
    let outcome = json_of(&cluster, &ALL);
    assert_eq!(of_state(&outcome, "broken"), ["publishedIssuer.documents", "sts.exchange"]);
    assert!(outcome.stdout.contains("IssuerConfigurationBroken"), "{}", outcome.stdout);
}

#[test]
fn a_fingerprint_of_another_authority_is_found() {
    let cluster = whole();
    cluster.emulator.remove_oidc_provider(ACCOUNT, "ack-rrsa-c1").unwrap();
    let issuer = cluster.issuer.clone();
    cluster.has_provider("ack-rrsa-c1", &issuer, &["sts.aliyuncs.com"], &[&"0".repeat(40)]);
    let outcome = json_of(&cluster, &ALL);
    assert_eq!(of_state(&outcome, "broken"), ["publishedIssuer.fingerprint", "sts.exchange"]);
    assert!(outcome.stdout.contains("PublicKeyFingerprintMismatch"), "{}", outcome.stdout);
}

#[test]
fn a_provider_that_is_not_there_or_called_otherwise_is_found() {
    let cluster = whole();
    cluster.emulator.remove_oidc_provider(ACCOUNT, "ack-rrsa-c1").unwrap();
    let outcome = json_of(&cluster, &ALL);
    assert_eq!(of_state(&outcome, "broken"), ["provider.exists"]);
    assert_eq!(of_state(&outcome, "notKnown"), ["token.claims", "trustPolicy.allows", "sts.exchange"]);
    let issuer = cluster.issuer.clone();
    cluster.has_provider("theirs", &issuer, &["sts.aliyuncs.com"], &[]);
    let outcome = json_of(&cluster, &ALL);
    assert!(outcome.stdout.contains("is that of the provider theirs"), "{}", outcome.stdout);
    // RAM has names in one case, whatever case is asked for: that one is no other.
    cluster.emulator.remove_oidc_provider(ACCOUNT, "theirs").unwrap();
    cluster.has_provider("ACK-rrsa-C1", &issuer, &["sts.aliyuncs.com"], &[]);
    let outcome = json_of(&cluster, &ALL);
    assert_eq!(of_state(&outcome, "broken"), [""; 0], "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("the same issuer"), "{}", outcome.stdout);
}

#[test]
fn an_issuer_that_nobody_can_publish_is_read_nowhere() {
    let cluster = whole();
    cluster.emulator.remove_oidc_provider(ACCOUNT, "ack-rrsa-c1").unwrap();
    for issuer in [self_managed::OLD_ISSUER, "http://issuer.invalid"] {
        cluster.signs_as(issuer);
        let outcome = json_of(&cluster, &[]);
        assert_eq!(of_state(&outcome, "broken"), ["apiServer.issuer", "provider.exists"], "{issuer}");
        assert!(!outcome.stdout.contains("publishedIssuer"), "{}", outcome.stdout);
    }
}

#[test]
fn a_client_id_that_lacks_is_found() {
    let cluster = whole();
    cluster.emulator.remove_oidc_provider(ACCOUNT, "ack-rrsa-c1").unwrap();
    let issuer = cluster.issuer.clone();
    cluster.has_provider("ack-rrsa-c1", &issuer, &["kubernetes"], &[]);
    let outcome = json_of(&cluster, &ALL[..6]);
    assert_eq!(of_state(&outcome, "broken"), ["provider.clientIds", "sts.exchange"]);
    assert!(outcome.stdout.contains("AudienceNotMatch"), "{}", outcome.stdout);
}

#[test]
fn a_trust_policy_for_somebody_else_is_found() {
    let cluster = whole();
    role(&cluster, "near", "system:serviceaccount:Default:default");
    let outcome = json_of(&cluster, &["-r", "near"]);
    assert_eq!(of_state(&outcome, "broken"), ["trustPolicy.allows", "sts.exchange"]);
    assert!(outcome.stdout.contains("they differ in upper and lower case"), "{}", outcome.stdout);
    assert!(
        outcome.stdout.contains("rrsa associate-role --self-managed -c c1 -r near -n default -s default"),
        "{}",
        outcome.stdout
    );
    let outcome = json_of(&cluster, &["-r", "nobody"]);
    assert_eq!(of_state(&outcome, "broken"), ["trustPolicy.role"]);
    assert_eq!(of_state(&outcome, "notKnown"), ["sts.exchange"]);
}

#[test]
fn a_pod_from_before_its_annotation_is_found() {
    let cluster = whole();
    pod(&cluster, "old");
    let outcome = json_of(&cluster, &ALL);
    assert_eq!(of_state(&outcome, "broken"), ["pod.role"]);
    assert!(outcome.stdout.contains("it was made at 2026-10-01T00:00:00Z"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("annotated at 2026-11-01T00:00:00Z"), "{}", outcome.stdout);
}

#[test]
fn a_pod_says_which_service_account_is_meant() {
    let cluster = whole();
    let file = cluster.path("cluster").join(POD);
    let other = std::fs::read_to_string(&file)
        .unwrap()
        .replace("\"serviceAccountName\":\"default\"", "\"serviceAccountName\":\"cart\"");
    cluster.answer(POD, &other);
    let outcome = json_of(&cluster, &["--pod", "demo"]);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["serviceAccount"], json!("default/cart"));
    assert!(
        cluster.kubectl_calls().iter().any(|call| call.contains("create token") && call.contains("cart"))
    );
    // Unless one is named: then it is the pod that is wrong.
    let outcome = json_of(&cluster, &ALL);
    assert_eq!(of_state(&outcome, "broken"), ["pod.serviceAccount"]);
}

#[test]
fn what_is_not_there_is_found() {
    let cluster = whole();
    for file in [HOOK, NAMESPACE, ACCOUNT_FILE, POD] {
        std::fs::remove_file(cluster.path("cluster").join(file)).unwrap();
    }
    let outcome = json_of(&cluster, &ALL);
    assert_eq!(
        of_state(&outcome, "broken"),
        ["webhook.configuration", "serviceAccount.namespace", "serviceAccount.exists", "pod.exists"]
    );
    let cluster = whole();
    std::fs::remove_file(cluster.path("cluster").join(DEPLOYMENT)).unwrap();
    assert_eq!(of_state(&json_of(&cluster, &ALL), "broken"), ["webhook.deployment"]);
    objects(&cluster);
    cluster.answer(
        CONFIG,
        &json!({"data": {"config.yaml": "clusterID: c2\naccountID: 1234567890123456\n"}}).to_string(),
    );
    let outcome = json_of(&cluster, &ALL);
    assert_eq!(of_state(&outcome, "broken"), ["webhook.settings"]);
    assert!(outcome.stdout.contains("oidc-provider/ack-rrsa-c2"), "{}", outcome.stdout);
}

#[test]
fn rights_that_lack_are_named_and_nothing_is_broken_by_them() {
    let cluster = whole();
    let forbidden = "Error from server (Forbidden): User \"bob\" cannot do that\n";
    for file in ["raw/openid/v1/jwks", "token-sts.aliyuncs.com", HOOK, NAMESPACE, ACCOUNT_FILE, POD] {
        cluster.answer(&format!("{file}.error"), forbidden);
    }
    let words = [&["rrsa", "status", "--self-managed", "-c", "c1", "-o", "json"], &ALL[..]].concat();
    let bob = [("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIbob"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-bob")];
    let outcome = cluster.run_with(&words, &bob);
    check(&cluster, &outcome);
    assert_eq!(of_state(&outcome, "broken"), [""; 0], "{}", outcome.stdout);
    assert_eq!(
        of_state(&outcome, "notKnown"),
        [
            "apiServer.documents",
            "token.request",
            "trustPolicy.role",
            "webhook.configuration",
            "serviceAccount.namespace",
            "serviceAccount.exists",
            "pod.exists",
            "sts.exchange"
        ]
    );
    for right in [
        "the ClusterRole system:service-account-issuer-discovery",
        "to create serviceaccounts/token of default/default",
        "to get mutatingwebhookconfigurations/ack-pod-identity-webhook",
        "ram:GetRole",
    ] {
        assert!(outcome.stdout.contains(right), "{right}: {}", outcome.stdout);
    }
}

#[test]
fn what_fails_otherwise_is_broken() {
    let cluster = whole();
    let fault = Fault::Error { status: 503, code: "ServiceUnavailable".to_owned(), message: String::new() };
    cluster.emulator.fail("AssumeRoleWithOIDC", fault.times(9));
    let outcome = json_of(&cluster, &ALL);
    assert_eq!(of_state(&outcome, "broken"), ["sts.exchange"]);
    assert!(outcome.stdout.contains("see that STS can be reached"), "{}", outcome.stdout);
    cluster.emulator.clear_faults();
    std::fs::remove_file(cluster.path("cluster").join(CONFIG)).unwrap();
    let failed = "Error from server (InternalError): an error on the server has prevented the request\n";
    for file in [NAMESPACE, ACCOUNT_FILE, POD] {
        cluster.answer(&format!("{file}.error"), failed);
    }
    let outcome = json_of(&cluster, &ALL);
    assert_eq!(
        of_state(&outcome, "broken"),
        ["webhook.settings", "serviceAccount.namespace", "serviceAccount.exists", "pod.exists"]
    );
    assert!(outcome.stdout.contains("configmaps/hook-config-1 is not there"), "{}", outcome.stdout);
    cluster.answer(&format!("{HOOK}.error"), failed);
    assert!(of_state(&json_of(&cluster, &ALL), "broken").contains(&"webhook.configuration".to_owned()));
}

#[test]
fn who_is_not_reached_is_told_once() {
    let cluster = whole();
    let words = [&["rrsa", "status", "--self-managed", "-c", "c1", "-o", "json"], &ALL[..]].concat();
    let outcome = cluster.run_with(&words, &[("PATH", "/nowhere")]);
    assert_eq!(of_state(&outcome, "broken"), ["apiServer.reached"]);
    assert!(outcome.stdout.contains("kubectl is not in the PATH"), "{}", outcome.stdout);
    // What was asked about is not left out, it could not be looked at.
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["leftOut"], json!([]));
    let outcome = cluster
        .run_with(&words, &[("ALIBABA_CLOUD_ACCESS_KEY_ID", ""), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "")]);
    assert_eq!(of_state(&outcome, "broken"), ["provider.exists", "trustPolicy.role"], "{}", outcome.stdout);
    assert!(outcome.stdout.contains("ack-ram-tool auth whoami"), "{}", outcome.stdout);
    assert_eq!(outcome.stdout.matches("no credentials found").count(), 1, "{}", outcome.stdout);
}

#[test]
fn clusters_of_ack_are_looked_at_too_with_the_flags_that_ask_for_it() {
    let cluster = whole();
    cluster.answer("raw/version", "{}");
    let words = [&["rrsa", "status", "-c", "c1", "-o", "json"], &ALL[..]].concat();
    let outcome = cluster.run(&words);
    assert_eq!(of_state(&outcome, "broken"), [""; 0], "{}", outcome.stdout);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["selfManaged"], json!(false));
    assert!(of_state(&outcome, "ok").contains(&"sts.exchange".to_owned()));
    assert!(!of_state(&outcome, "ok").iter().any(|name| name.starts_with("apiServer.")));
    // How long tokens live there is nothing that anybody could change.
    assert!(!cluster.kubectl_calls().iter().any(|call| call.contains("--duration")));
}

#[test]
fn names_are_checked_before_anything_is_asked() {
    let cluster = whole();
    for (words, said) in [
        (&["-n", "A"][..], "--namespace"),
        (&["-s", "*"], "one service account"),
        (&["-s", "a/b"], "--service-account"),
        (&["-r", "a b"], "--role-name"),
        (&["--pod", "../x"], "--pod"),
        (&["--pod", "*"], "--pod"),
    ] {
        let error = status(&cluster, words).error();
        assert!(error.contains(said), "{words:?}: {error}");
    }
    let error = cluster.run(&["rrsa", "status", "--self-managed"]).error();
    assert!(error.contains("--cluster-id"), "{error}");
    assert!(cluster.kubectl_calls().is_empty() && cluster.emulator.requests().is_empty());
}
