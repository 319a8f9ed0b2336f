//! `rrsa` and answers that are not what they should be: of Container Service, RAM, IMS, of a cluster's objects; and what of
//! secrets is left behind by each command.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]
#![cfg(unix)]

#[path = "../../emulator/tests/common/oidc.rs"]
mod oidc;
#[path = "support/rrsa.rs"]
mod rrsa;
#[path = "support/self_managed.rs"]
mod self_managed;
mod support;

use std::path::Path;

use emulator::Fault;
use rrsa::{ACCOUNT, CLUSTER, Cloud, ISSUER, PLAIN_CLUSTER, PROVIDER};
use self_managed::SelfManaged;
use serde_json::{Value, json};
use signature::encoding::percent_encode;
use support::{CANARY, Outcome};

/// A trust policy that lets nobody in.
const NOBODY: &str = r#"{"Version":"1","Statement":[{"Effect":"Deny","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::1234567890123456:root"]}}]}"#;
const ALL: [&str; 6] = [
    "GetRole",
    "DescribeClusterDetail",
    "GetOIDCProvider",
    "ListOIDCProviders",
    "GetPolicy",
    "ListPoliciesForRole",
];

fn answer(value: &Value) -> Fault {
    Fault::Garbage { content_type: "application/json".to_owned(), body: value.to_string().into_bytes() }
}

/// The one error line of a run that failed, in which nothing steers a terminal and no secret is.
#[track_caller]
fn error_of(outcome: &Outcome) -> String {
    assert_eq!(outcome.code, Some(1), "{} {}", outcome.stdout, outcome.stderr);
    let told = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(!told.contains(CANARY) && !told.contains("panicked"), "{told}");
    assert!(told.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{told:?}");
    let line = outcome.stderr.lines().last().unwrap();
    line.split_once(" ERROR ").unwrap_or_else(|| panic!("no error: {}", outcome.stderr)).1.to_owned()
}

fn associate<'a>(role: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["associate-role", "-y", "-v", "-c", CLUSTER, "-r", role, "-n", "ns", "-s", "sa"][..], more].concat()
}

#[test]
fn a_provider_that_ims_did_not_mean_so_goes_into_no_trust_policy() {
    let cloud = Cloud::start();
    cloud.role("dev", NOBODY);
    let name = format!("ack-rrsa-{CLUSTER}");
    let good = json!({"OIDCProviderName": name, "Arn": PROVIDER, "IssuerUrl": ISSUER, "ClientIds": "sts.aliyuncs.com"});
    let (own, far) = (format!("acs:ram::{ACCOUNT}"), "\u{202e}\u{1b}[2Jcanary".to_owned());
    for (member, odd, said) in [
        ("OIDCProviderName", json!("ack-rrsa-other"), "OIDC provider's name"),
        ("OIDCProviderName", json!(7), "another type"),
        ("Arn", json!("*"), "OIDC provider's ARN"),
        ("Arn", json!(PROVIDER.replace(ACCOUNT, "*")), "OIDC provider's ARN"),
        ("Arn", json!(format!("{own}:oidc-provider/*")), "OIDC provider's ARN"),
        ("Arn", json!(format!("{own}:oidc-provider/ack-rrsa-other")), "OIDC provider's ARN"),
        ("Arn", json!(format!("{own}:root")), "OIDC provider's ARN"),
        ("Arn", json!(format!("{PROVIDER}\",\"{own}:root")), "OIDC provider's ARN"),
        ("Arn", json!([PROVIDER, "*"]), "another type"),
        ("Arn", json!(null), "another type"),
        ("IssuerUrl", json!("http://issuer.example"), "issuer"),
        ("IssuerUrl", json!("*"), "issuer"),
        ("IssuerUrl", json!(format!("https://issuer.example/ {}", &far[..7])), "issuer"),
        ("IssuerUrl", json!({"canary": ISSUER}), "another type"),
        ("ClientIds", json!("kubernetes"), "lacks the client id"),
        ("ClientIds", json!("sts.aliyuncs.com.example"), "lacks the client id"),
        ("ClientIds", json!("STS.aliyuncs.com"), "lacks the client id"),
        ("ClientIds", json!("*"), "lacks the client id"),
        ("ClientIds", json!(["sts.aliyuncs.com"]), "another type"),
        ("ClientIds", json!(null), "lacks the client id"),
    ] {
        let mut provider = good.clone();
        provider[member] = odd.clone();
        let fault = answer(&json!({"RequestId": "A", "OIDCProvider": provider}));
        cloud.emulator.fail("GetOIDCProvider", fault.times(1));
        let error = error_of(&cloud.run(&associate("dev", &["--self-managed"])));
        assert!(error.contains(said) && error.len() < 700, "{member} {odd}: {error}");
    }
    for whole in [
        json!([]),
        json!({}),
        json!({"OIDCProvider": [CANARY]}),
        json!({"OIDCProvider": [name, PROVIDER, ISSUER, "sts.aliyuncs.com", "", 1, ""]}),
    ] {
        cloud.emulator.fail("GetOIDCProvider", answer(&whole).times(1));
        error_of(&cloud.run(&associate("dev", &["--self-managed"])));
    }
    assert!(cloud.changes().is_empty());
    // One of another account is told, also where the role is made for it.
    let mut other = good;
    other["Arn"] = json!(PROVIDER.replace(ACCOUNT, "9999999999999999"));
    for role in ["dev", "new"] {
        let fault = answer(&json!({"RequestId": "A", "OIDCProvider": other}));
        cloud.emulator.fail("GetOIDCProvider", fault.times(1));
        let outcome = cloud.run(&associate(role, &["--self-managed", "--create-role-if-not-exist"]));
        assert!(outcome.stderr.contains("are of different accounts"), "{role}: {}", outcome.stderr);
    }
}

fn cluster(meta_data: Value) -> Value {
    json!({"cluster_id": CLUSTER, "cluster_type": "ManagedKubernetes", "state": "running",
        "current_version": "1.32.1-aliyun.1", "meta_data": meta_data})
}

#[test]
fn what_container_service_says_of_rrsa_is_that_or_nothing_is_done() {
    let cloud = Cloud::start();
    cloud.role("dev", NOBODY);
    let good = json!({"enabled": true, "issuer": ISSUER, "audience": "sts.aliyuncs.com",
        "oidc_name": format!("ack-rrsa-{CLUSTER}"), "oidc_arn": PROVIDER});
    let with = |member: &str, value: Value| {
        let mut config = good.clone();
        config[member] = value;
        json!(json!({"RRSAConfig": config}).to_string())
    };
    let twice = format!("{{\"RRSAConfig\":{good},\"RRSAConfig\":{good}}}");
    let twice_inside =
        format!("{{\"RRSAConfig\":{}}}", good.to_string().replacen('{', "{\"enabled\":false,", 1));
    let odd = [
        json!(7),
        json!({"RRSAConfig": good}),
        json!("[]"),
        json!("canary"),
        json!("[".repeat(100_000)),
        json!(twice),
        json!(twice_inside),
        json!(json!({"RRSAConfig": [true]}).to_string()),
        with("enabled", json!("true")),
        with("enabled", json!(1)),
        with("oidc_arn", json!([PROVIDER])),
        with("oidc_arn", json!("acs:ram::*:oidc-provider/*")),
        with("oidc_arn", json!(format!("acs:ram::{ACCOUNT}:root"))),
        with("issuer", json!("*,https://issuer.example")),
        with("issuer", json!({"a": "canary"})),
        with("issuer", json!("https://issuer.example/\u{202e}x")),
        with("audience", json!("sts.aliyuncs.com\n\u{1b}[2J")),
        with("audience", json!(7)),
    ];
    let commands: [&[&str]; 3] = [
        &associate("dev", &[]),
        &["setup-addon", "-y", "-v", "-c", CLUSTER, "-a", "kritis-validation-hook"],
        &["install-helper-addon", "-y", "-v", "-c", CLUSTER],
    ];
    for meta_data in &odd {
        for words in commands {
            cloud.emulator.fail("DescribeClusterDetail", answer(&cluster(meta_data.clone())).times(1));
            let error = error_of(&cloud.run(words));
            assert!(error.len() < 700, "{error}");
        }
    }
    // Where it cannot be read whether RRSA is enabled, nothing is switched.
    for meta_data in &odd[..10] {
        for command in ["enable", "disable", "status"] {
            cloud.emulator.fail("DescribeClusterDetail", answer(&cluster(meta_data.clone())).times(1));
            error_of(&cloud.run(&[command, "-y", "-c", CLUSTER]));
        }
    }
    assert!(cloud.changes().is_empty(), "{:?}", cloud.changes());

    // Another cluster's provider is shown, and told.
    let other = with("oidc_arn", json!(PROVIDER.replace(CLUSTER, "other")));
    let mut config: Value = serde_json::from_str(other.as_str().unwrap()).unwrap();
    config["RRSAConfig"]["oidc_name"] = json!("ack-rrsa-other");
    let told = |config: &Value| {
        cloud.emulator.fail("DescribeClusterDetail", answer(&cluster(json!(config.to_string()))).times(1));
        let outcome = cloud.run(&associate("dev", &["--dry-run"]));
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        outcome.stderr.contains("WARN Container Service names the OIDC provider ack-rrsa-other")
    };
    assert!(told(&config));
    assert!(!told(&json!({"RRSAConfig": good})));
}

#[test]
fn what_ram_says_is_of_its_type_and_size_or_nothing_is_done() {
    let cloud = Cloud::start();
    let trust = NOBODY;
    let role = json!({"RoleId": "333333333333333333", "RoleName": "dev", "Arn": format!("acs:ram::{ACCOUNT}:role/dev"),
        "AssumeRolePolicyDocument": trust});
    let with = |member: &str, value: Value| {
        let mut role = role.clone();
        role[member] = value;
        json!({"RequestId": "A", "Role": role})
    };
    for odd in [
        json!({}),
        json!([{"Role": role}]),
        json!({"Role": [role]}),
        json!({"Role": ["1", "dev", "a", "", trust]}),
        with("AssumeRolePolicyDocument", json!({"canary": 1})),
        with("AssumeRolePolicyDocument", json!([trust])),
        with("AssumeRolePolicyDocument", json!(null)),
        with("AssumeRolePolicyDocument", json!("\u{feff}{}")),
        with("AssumeRolePolicyDocument", json!(format!("{trust}\u{0}"))),
        with("AssumeRolePolicyDocument", json!(format!("{trust}{}", " ".repeat(70_000)))),
        with("AssumeRolePolicyDocument", json!(format!("{{\"Statement\":{}", "[".repeat(50_000)))),
        with("RoleId", json!(null)),
        with("Arn", json!(["canary"])),
        with("MaxSessionDuration", json!(-1)),
    ] {
        cloud.emulator.fail("GetRole", answer(&odd));
        let error = error_of(&cloud.run(&associate("dev", &["--create-role-if-not-exist", "--dry-run"])));
        cloud.emulator.clear_faults();
        assert!(error.len() < 700, "{error}");
    }
    // What is shown of a policy steers nothing, and what is sent is what stood there.
    let steering = format!(
        r#"{{"Version":"1","\u001b[2J":"{}","Statement":[{{"Effect":"Deny","x":"{}x"}}]}}"#,
        "\u{202e}\u{2066}\u{200b}", "\u{9b}2J\u{85}"
    );
    cloud.emulator.requests();
    cloud.emulator.fail("GetRole", answer(&with("AssumeRolePolicyDocument", json!(steering))).times(2));
    cloud.emulator.fail("UpdateRole", answer(&with("Description", json!("x"))).times(1));
    let outcome = cloud.run(&associate("dev", &[]));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let seen = |c: char| c == '\n' || !(c.is_control() || "\u{202e}\u{2066}\u{200b}".contains(c));
    assert!(
        outcome.stderr.contains("+++ trust policy of role dev, new") && outcome.stderr.chars().all(seen),
        "{:?}",
        outcome.stderr
    );
    let ours = json!({
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"oidc:aud": "sts.aliyuncs.com", "oidc:iss": ISSUER, "oidc:sub": "system:serviceaccount:ns:sa"}},
        "Effect": "Allow",
        "Principal": {"Federated": [PROVIDER]},
    });
    let end = steering.rfind("]}").unwrap();
    let sent = format!("{},{ours}{}", &steering[..end], &steering[end..]);
    let update =
        cloud.emulator.requests().into_iter().find(|request| request.action == "UpdateRole").unwrap();
    assert!(update.raw.query().contains(&percent_encode(&sent)), "{}", update.raw.query());

    for (action, odd) in [
        ("ListPoliciesForRole", json!({"RequestId": "A", "Policies": {"Policy": "canary"}})),
        ("ListPoliciesForRole", json!({"RequestId": "A", "Policies": {"Policy": [["a", "Custom", ""]]}})),
        ("ListPoliciesForRole", json!({"RequestId": "A"})),
        ("GetPolicy", json!({"RequestId": "A", "Policy": [], "DefaultPolicyVersion": {}})),
    ] {
        cloud.emulator.fail(action, answer(&odd).times(1));
        error_of(&cloud.run(&["setup-addon", "-y", "-v", "-c", CLUSTER, "-a", "kritis-validation-hook"]));
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path.to_string_lossy().into_owned()),
        }
    }
    found
}

#[test]
fn no_command_shows_a_secret_or_leaves_a_file_behind() {
    let cloud = Cloud::start();
    let home = tempfile::tempdir().unwrap();
    let token = cloud.token("ns", "sa", &json!({}));
    let folder = home.path().to_str().unwrap();
    let here = [("HOME", folder), ("TMPDIR", folder), ("XDG_CACHE_HOME", folder)];
    cloud.role("dev", NOBODY);
    let role = format!("acs:ram::{ACCOUNT}:role/dev");
    let commands: Vec<Vec<&str>> = vec![
        vec!["status", "-c", CLUSTER],
        vec!["status", "-c", CLUSTER, "-o", "json"],
        vec!["enable", "-y", "-c", CLUSTER],
        vec!["disable", "-y", "-c", PLAIN_CLUSTER],
        vec!["install-helper-addon", "-y", "-c", CLUSTER],
        associate("dev", &["--attach-custom-policy", "mine"]),
        vec!["setup-addon", "-y", "-c", CLUSTER, "-a", "kritis-validation-hook"],
        vec!["demo", "--no-loop", "--region", "cn-hangzhou"],
        vec!["assume-role", "-r", &role, "-p", PROVIDER, "-t", "-"],
        vec!["status", "--self-managed", "-c", "c1", "-r", "dev", "-o", "json"],
        vec!["disable", "--self-managed", "-y", "-c", "mine"],
    ];
    for words in &commands {
        // As alice; with what seems to be a session's keys; and with a service that says no with secrets in its words.
        for round in 0..3 {
            let mut more = here.to_vec();
            match round {
                0 => {}
                1 => more.push(("ALIBABA_CLOUD_SECURITY_TOKEN", "canary-security-token")),
                _ => {
                    let message = format!("canary {token}");
                    for action in ALL.iter().chain(&["DescribeClustersForRegion", "AssumeRoleWithOIDC"]) {
                        let fault =
                            Fault::Error { status: 400, code: "Canary".to_owned(), message: message.clone() };
                        cloud.emulator.fail(action, fault);
                    }
                }
            }
            let mut words = words.clone();
            if !words.contains(&"-v") {
                words.push("-v");
            }
            let outcome = cloud.run_with(&words, &more, &token);
            cloud.emulator.clear_faults();
            // There is no such cluster for kubectl.
            let is_good = match words[0] {
                // It needs no other credentials.
                "assume-role" => round < 2,
                _ => round == 0 && words[..2] != ["status", "--self-managed"],
            };
            assert_eq!(outcome.code, Some(i32::from(!is_good)), "{words:?}: {}", outcome.stderr);
            let mut told = outcome.stderr;
            // What `assume-role` prints is what it is for.
            if words[0] != "assume-role" {
                told.push_str(&outcome.stdout);
            }
            assert!(!told.contains(CANARY), "{words:?}: {told}");
            for part in token.split('.') {
                assert!(!told.contains(part), "{words:?}: {told}");
            }
            assert!(!told.contains("Signature=") && !told.contains("SignatureNonce"), "{words:?}: {told}");
        }
    }
    assert_eq!(files(home.path()), Vec::<String>::new());
}

#[test]
fn a_token_file_is_a_token_or_nothing_of_it_is_sent_or_shown() {
    let cloud = Cloud::start();
    let home = tempfile::tempdir().unwrap();
    let role = format!("acs:ram::{ACCOUNT}:role/dev");
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("huge"), "canary".repeat(400_000)).unwrap();
    std::fs::write(path("bytes"), b"canary\xff\xfe").unwrap();
    std::fs::write(path("key"), "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n").unwrap();
    std::fs::create_dir(path("folder")).unwrap();
    for file in [path("huge"), path("bytes"), path("key"), path("folder"), "/dev/zero".to_owned()] {
        let words = ["assume-role", "-v", "-r", &role, "-p", PROVIDER, "-t", &file];
        let error = error_of(&cloud.run(&words));
        assert!(error.contains(&file) && error.len() < 600, "{error}");
    }
    assert!(cloud.emulator.requests().is_empty());
}

#[test]
fn objects_of_a_cluster_fill_no_memory_and_stop_no_status() {
    const CONFIG: &str = "--namespace_hooks_configmaps_config";
    let cluster = SelfManaged::start();
    let answer = |name: &str, value: &Value| cluster.answer(name, &value.to_string());
    let service = json!({"namespace": "hooks", "name": "hook"});
    answer(
        "mutatingwebhookconfigurations_ack-pod-identity-webhook",
        &json!({"webhooks": [{"name": "\u{1b}[2J", "clientConfig": {"service": service}}]}),
    );
    let spec = json!({
        "containers": [{"args": ["--config=/c/k"], "volumeMounts": [{"name": "v", "mountPath": "/c"}]}],
        "volumes": [{"name": "v", "configMap": {"name": "config"}}],
    });
    answer("--namespace_hooks_deployments_hook", &json!({"spec": {"template": {"spec": spec}}}));
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..12 {
        let before = format!("*a{},", n - 1).repeat(9);
        bomb.push_str(&format!("a{n}: &a{n} [{before}]\n"));
    }
    bomb.push_str("clusterID: *a11\n");
    let deep = format!("clusterID: {}", "[".repeat(500_000));
    let wide = format!("a: {}", "{a: ".repeat(100_000));
    for text in [bomb.as_str(), &deep, &wide, "a: *a", "&a [*a]", "<<: *x", "!!binary canary", "\u{0}"] {
        answer(CONFIG, &json!({"data": {"k": text}}));
        let outcome = cluster.run(&["rrsa", "status", "--self-managed", "-c", "c1", "-o", "json", "-v"]);
        error_of(&outcome);
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        let settings: Vec<&Value> = findings.filter(|one| one["check"] == "settings").collect();
        assert_eq!(settings.len(), 1, "{}", outcome.stdout);
        assert!(settings[0]["state"] == "broken" || settings[0]["state"] == "notKnown", "{}", settings[0]);
    }
}
