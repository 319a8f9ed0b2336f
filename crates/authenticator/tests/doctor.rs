//! `doctor` on a healthy server, and on one with each fault. What it says about an API server: the end-to-end tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::fs;

use common::{ALICE, BOB, CLUSTER, Rig, minutes, now, run};
use emulator::{Config, Emulator};
use rustix::process::Signal;
use serde_json::Value;

/// What `doctor` found, with the server's own flags and `more`.
struct Findings {
    code: i32,
    text: String,
    json: Value,
}

impl Findings {
    fn of(rig: &Rig, more: &[&str]) -> Findings {
        Findings::with_sts(rig, &rig.emulator.address().to_string(), more)
    }

    fn with_sts(rig: &Rig, sts: &str, more: &[&str]) -> Findings {
        let mut arguments = vec!["doctor", "-c", "config.yaml", "--port", "0", "--state-dir", "state"];
        arguments.extend(["--generate-kubeconfig", "kubeconfig.yaml", "--health-address", "127.0.0.1:0"]);
        arguments.extend(["--sts-endpoint", sts, "--sts-ca-file", rig.emulator.ca_file().to_str().unwrap()]);
        arguments.extend(more);
        let (code, text, stderr) = run(rig.folder.path(), &arguments);
        arguments.extend(["-o", "json"]);
        let (code_of_json, json, _) = run(rig.folder.path(), &arguments);
        assert_eq!(code, code_of_json, "{text}{stderr}");
        Findings { code, text, json: serde_json::from_str(&json).unwrap() }
    }

    /// State and words of the findings of one check.
    fn check(&self, name: &str) -> Vec<(&str, &str, &str)> {
        let checks = self.json["checks"].as_array().unwrap().iter().filter(|found| found["check"] == name);
        checks
            .map(|check| {
                (
                    check["state"].as_str().unwrap(),
                    check["found"].as_str().unwrap(),
                    check["mend"].as_str().unwrap(),
                )
            })
            .collect()
    }

    /// Exactly these checks fail; each says what to mend.
    fn fails(&self, expected: &[&str]) {
        let checks = self.json["checks"].as_array().unwrap();
        let failed: Vec<&Value> = checks.iter().filter(|check| check["state"] == "fail").collect();
        let names: Vec<&str> = failed.iter().map(|check| check["check"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{}", self.text);
        assert!(failed.iter().all(|check| !check["mend"].as_str().unwrap().is_empty()), "{}", self.text);
        assert_eq!((self.code, &self.json["state"]), (1, &"fail".into()), "{}", self.text);
        assert_eq!(self.text.lines().filter(|line| line.starts_with("FAIL ")).count(), expected.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_server_passes_every_check() {
    let rig = Rig::start(&[]).await;
    let found = Findings::of(&rig, &[]);
    assert_eq!((found.code, &found.json["state"]), (0, &"ok".into()), "{}", found.text);
    for check in
        ["cluster-id", "sts", "clock", "certificate", "webhook-kubeconfig", "webhook", "ready", "backends"]
    {
        assert!(matches!(found.check(check)[..], [("ok", _, "")]), "{check}: {}", found.text);
    }
    assert!(
        found.check("backends")[0].1.contains("MountedFile") && found.text.contains(CLUSTER),
        "{}",
        found.text
    );
    assert!(found.check("mappings")[0].1.contains("3 mappings"), "{}", found.text);
    // Nobody asked for the API server, and nothing was written.
    assert!(found.check("api-server").is_empty(), "{}", found.text);
    for secret in [ALICE.1, BOB.1, "PRIVATE"] {
        assert!(!found.text.contains(secret), "{}", found.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sts_out_of_reach_or_untrusted_is_told_with_its_remedy() {
    let rig = Rig::start(&[]).await;
    // Another authority than the emulator's, as where a proxy breaks TLS open.
    let other = common::emulator().await;
    let found = Findings::with_sts(&rig, &other.address().to_string(), &[]);
    found.fails(&["sts"]);
    assert!(found.check("sts")[0].2.contains("--sts-ca-file"), "{}", found.text);
    assert!(found.check("clock").is_empty(), "{}", found.text);

    rig.emulator.stop_listening().await;
    let found = Findings::of(&rig, &[]);
    found.fails(&["sts"]);
    assert!(found.check("sts")[0].1.contains("refused"), "{}", found.text);
    let found = Findings::with_sts(&rig, "sts.invalid", &[]);
    found.fails(&["sts"]);
    assert!(found.check("sts")[0].2.contains("DNS"), "{}", found.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_told_by_how_much() {
    for (off, code, state) in [(10, 1, "fail"), (-10, 1, "fail"), (2, 0, "warn")] {
        let config = Config::from_yaml("accounts: [{id: \"1234567890123456\"}]", "inline").unwrap();
        let builder = Emulator::builder(config).clock(move || now() + minutes(off));
        let rig = Rig::start_with(builder.start().await.unwrap(), common::MAPPINGS, &[], None).await;
        let found = Findings::of(&rig, &[]);
        let [(found_state, text, mend)] = found.check("clock")[..] else { panic!("{}", found.text) };
        assert_eq!((found.code, found_state), (code, state), "{}", found.text);
        assert!(text.contains(if off > 0 { "behind" } else { "ahead of" }) && mend.contains("NTP"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_run_is_told() {
    let mut rig = Rig::start(&[]).await;
    rig.program.signal(Signal::TERM);
    rig.program.wait();
    let found = Findings::of(&rig, &[]);
    found.fails(&["webhook"]);
    assert!(found.check("webhook")[0].1.contains("refused"), "{}", found.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_that_pins_another_certificate_is_told() {
    let rig = Rig::start(&[]).await;
    let folder = rig.folder.path();
    let (code, _, stderr) = run(folder, &["init", "-i", CLUSTER]);
    assert_eq!(code, 0, "{stderr}");
    let ours = fs::read_to_string(folder.join("kubeconfig.yaml")).unwrap();
    let others = fs::read_to_string(folder.join("ack-ram-authenticator.kubeconfig")).unwrap();
    let server =
        |text: &str| text.lines().find(|line| line.trim().starts_with("server: ")).unwrap().to_owned();
    fs::write(folder.join("kubeconfig.yaml"), others.replace(&server(&others), &server(&ours))).unwrap();
    let found = Findings::of(&rig, &[]);
    found.fails(&["webhook"]);
    assert!(found.check("webhook")[0].1.contains("does not trust"), "{}", found.text);
    assert!(matches!(found.check("webhook-kubeconfig")[..], [("warn", _, _)]), "{}", found.text);

    // Another port than the server's, as the flags say it.
    fs::write(folder.join("kubeconfig.yaml"), &ours).unwrap();
    let found = Findings::of(&rig, &["--port", "1"]);
    found.fails(&["webhook-kubeconfig"]);
    fs::remove_file(folder.join("kubeconfig.yaml")).unwrap();
    let found = Findings::of(&rig, &[]);
    found.fails(&["webhook-kubeconfig"]);
    fs::write(folder.join("kubeconfig.yaml"), "junk: [").unwrap();
    Findings::of(&rig, &[]).fails(&["webhook-kubeconfig"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_stop_the_start_are_told() {
    let rig = Rig::start(&[]).await;
    let folder = rig.folder.path();
    let config = fs::read_to_string(folder.join("config.yaml")).unwrap();
    fs::write(folder.join("config.yaml"), config.replace("user/Alice", "group/Alice")).unwrap();
    let found = Findings::of(&rig, &[]);
    found.fails(&["mappings"]);
    assert!(found.check("mappings")[0].1.contains("mapUsers[0]"), "{}", found.text);

    let broken = "  breakGlass: {mapUsers: [{userarn: junk, username: admin}]}\n";
    fs::write(folder.join("config.yaml"), format!("{config}\n{broken}")).unwrap();
    let found = Findings::of(&rig, &[]);
    found.fails(&["mappings"]);
    assert!(found.check("mappings")[0].1.contains("breakGlass"), "{}", found.text);

    fs::write(folder.join("config.yaml"), config.replace(&format!("clusterID: {CLUSTER}"), "")).unwrap();
    let found = Findings::of(&rig, &[]);
    found.fails(&["cluster-id"]);
    // All the rest is looked at nevertheless.
    assert!(matches!(found.check("sts")[..], [("ok", _, _)]), "{}", found.text);

    fs::write(folder.join("config.yaml"), format!("{config}\n  tyop: 1\n")).unwrap();
    let found = Findings::of(&rig, &[]);
    assert!(found.code == 0 && found.json["state"] == "warn", "{}", found.text);
    assert!(found.check("configuration")[0].1.contains("tyop"), "{}", found.text);

    fs::write(folder.join("config.yaml"), &config).unwrap();
    Findings::of(&rig, &["--backend-mode", "Nonsense"]).fails(&["configuration"]);
    Findings::of(&rig, &["--backend-mode", "CRD", "--kubeconfig", "missing"]).fails(&["api-server"]);
    fs::write(folder.join("state/key.pem"), "junk").unwrap();
    Findings::of(&rig, &[]).fails(&["certificate"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_ready_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("api.yaml");
    // The token is a secret of the operator's.
    fs::write(
        &kubeconfig,
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: \"https://127.0.0.1:1\"}}]\n\
         contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: canary-token}}]\n",
    )
    .unwrap();
    let flags = ["--backend-mode", "MountedFile,CRD", "--kubeconfig", kubeconfig.to_str().unwrap()];
    let rig = Rig::start(&flags).await;
    let found = Findings::of(&rig, &[&flags[..], &["--log-level", "trace"]].concat());
    found.fails(&["ready", "backends", "api-server"]);
    assert!(found.check("ready")[0].1.contains("CRD") && found.check("backends")[0].1.starts_with("CRD"));
    assert!(!found.text.contains("canary-token"), "{}", found.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_without_the_client_certificate_that_is_asked_for_is_told() {
    let rig = Rig::start(&[]).await;
    let folder = rig.folder.path();
    let (code, _, stderr) = run(folder, &["init", "-i", CLUSTER, "--client-certificate"]);
    assert_eq!(code, 0, "{stderr}");
    let flags = ["--client-ca-file", "client-ca.pem"];
    // The kubeconfig that the server wrote when nobody asked for certificates.
    let found = Findings::of(&rig, &flags);
    found.fails(&["webhook-kubeconfig"]);
    assert!(found.check("webhook-kubeconfig")[0].2.contains("init --client-certificate"), "{}", found.text);

    let text = fs::read_to_string(folder.join("kubeconfig.yaml")).unwrap();
    let user = "  user:\n    client-certificate: client.pem\n    client-key: client-key.pem\n";
    fs::write(folder.join("kubeconfig.yaml"), text.replace("  user: {}\n", user)).unwrap();
    let found = Findings::of(&rig, &flags);
    assert_eq!(found.code, 0, "{}", found.text);
    fs::remove_file(folder.join("client-key.pem")).unwrap();
    let found = Findings::of(&rig, &flags);
    found.fails(&["webhook-kubeconfig"]);
    assert!(found.text.contains("client-key.pem, which does not exist"), "{}", found.text);
}
