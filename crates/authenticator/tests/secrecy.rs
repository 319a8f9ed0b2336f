//! No command prints a secret of the files that it reads, good or broken, at the highest verbosity.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::fs;

use common::run;

const ARN: &str = "acs:ram::1234567890123456:user/alice";
/// Part of each secret below; base64, so that it can stand for a key too.
const CANARY: &str = "CanaryCanary";

/// Runs the command, which has to end, and looks for the secret.
fn silent(folder: &tempfile::TempDir, command: &[&str]) {
    let (code, stdout, stderr) = run(folder.path(), &[command, &["--log-level", "trace"]].concat());
    assert!(code == 0 || !stderr.is_empty() || !stdout.is_empty(), "{command:?} says nothing");
    assert!(!stdout.contains(CANARY) && !stderr.contains(CANARY), "{command:?}:\n{stdout}{stderr}");
}

#[test]
fn the_credentials_of_a_kubeconfig_are_in_no_output() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.yaml"), "clusterID: c\n").unwrap();
    let users = [
        ("good", format!("users:\n- name: u\n  user:\n    token: {CANARY}\n")),
        ("brace", format!("users: [{{name: u, user: {{token: {CANARY}}}\n")),
        ("indent", format!("users:\n- name: u\n  user:\n    token: {CANARY}\n   client-key: x\n")),
        ("quote", format!("users:\n- name: u\n  user:\n    token: \"{CANARY}\n")),
        ("escape", format!("users:\n- name: u\n  user:\n    token: \"{CANARY}\\q\"\n")),
        ("twice", format!("users:\n- name: u\n  user:\n    token: {CANARY}\n    token: {CANARY}\n")),
        ("type", format!("users:\n- name: u\n  user: {CANARY}\n")),
        ("list", format!("users:\n- name: u\n  user:\n    token: [{CANARY}]\n")),
        (
            "key",
            format!(
                "users:\n- name: u\n  user: {{client-key-data: {CANARY}, client-certificate-data: {CANARY}}}\n"
            ),
        ),
    ];
    for (name, users) in users {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: \"https://127.0.0.1:1\"}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n{users}"
        );
        fs::write(folder.path().join(name), text).unwrap();
        silent(&folder, &["lint", "--kubeconfig", name]);
        silent(&folder, &["explain", "--arn", ARN, "--kubeconfig", name]);
        let add = ["add", "user", "--userarn", ARN, "--username", "alice", "--groups", "g"];
        silent(&folder, &[&add[..], &["--prompt=false", "--kubeconfig", name]].concat());
        let server = ["-c", "config.yaml", "--state-dir", "state", "--port", "0", "--health-address="];
        let server = [&server[..], &["--backend-mode", "CRD", "--kubeconfig", name]].concat();
        silent(&folder, &[&["doctor", "--sts-endpoint", "127.0.0.1:1"], &server[..]].concat());
        if name != "good" {
            silent(&folder, &[&["server"], &server[..]].concat());
        }
    }
}

#[test]
fn the_token_of_a_configuration_file_is_in_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let rest = format!("server:\n  mapUsers:\n  - {{userarn: \"{ARN}\", username: alice}}\n");
    let token = format!("token: k8s-ack-v2.{CANARY}");
    let broken = |change: &str| format!("clusterID: c\n{change}\n{rest}");
    let files = [
        ("good.yaml", broken(&token)),
        ("twice.yaml", broken(&format!("{token}\n{token}"))),
        ("list.yaml", broken(&token.replace("k8s", "[k8s"))),
        ("type.yaml", broken(&format!("token: [k8s-ack-v2.{CANARY}]"))),
        ("map.yaml", broken(&format!("token: {{k8s-ack-v2.{CANARY}: 1}}"))),
        ("quote.yaml", broken(&format!("token: \"k8s-ack-v2.{CANARY}"))),
        ("escape.yaml", broken(&format!("token: \"k8s-ack-v2.{CANARY}\\q\""))),
        ("indent.yaml", broken(&format!("{token}\n  more: x"))),
        ("broken.toml", format!("clusterID = \"c\"\ntoken = \"k8s-ack-v2.{CANARY}\" x\n")),
        ("broken.json", format!("{{\"clusterID\": \"c\", \"token\": \"k8s-ack-v2.{CANARY}\" x}}\n")),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
        silent(&folder, &["lint", "-f", name]);
        silent(&folder, &["lint", "-f", name, "-o", "json"]);
        silent(&folder, &["explain", "--arn", ARN, "-f", name]);
        let common = ["-c", name, "--sts-endpoint", "127.0.0.1:1"];
        silent(&folder, &[&["verify"], &common[..]].concat());
        let server = [&common[..], &["--state-dir", "state", "--port", "0", "--health-address="]].concat();
        silent(&folder, &[&["doctor"], &server[..]].concat());
        if name != "good.yaml" {
            silent(
                &folder,
                &[&["server", "--backend-mode", "CRD", "--kubeconfig", "missing"], &server[..]].concat(),
            );
        }
    }
}
