//! `get-kubeconfig` that asks Container Service, and kubeconfigs that the public tool wrote.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[path = "support/ack.rs"]
mod ack;
mod support;

use ack::{Ack, CLUSTER, PRIVATE, PUBLIC};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use emulator::Fault;
use serde_json::{Value, json};
use support::CANARY;

const ACTION: &str = "DescribeClusterUserKubeconfig";
const GET: [&str; 3] = ["get-kubeconfig", "--cluster-id", CLUSTER];

fn read(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap()
}

fn arguments(value: &Value) -> Vec<&str> {
    let list = value["users"][0]["user"]["exec"]["args"].as_array().unwrap();
    list.iter().map(|argument| argument.as_str().unwrap()).collect()
}

#[test]
fn the_cluster_is_that_of_ack_and_the_user_is_this_program() {
    let ack = Ack::start();
    for (mode, command) in [
        (&[][..], "get-credential"),
        (&["--mode", "certificate"], "get-credential"),
        (&["--mode", "token"], "get-token"),
        (&["--mode", "ram-authenticator-token"], "get-token"),
    ] {
        let top = ack.run(&[&GET, mode].concat()).success();
        let below = ack.run(&[&["credential-plugin"], &GET[..], mode].concat()).success();
        assert_eq!(top, below);
        assert!(top.ends_with("preferences: {}\n\n"), "{top}");
        assert!(!top.contains(CANARY) && !top.contains("client-"), "{top}");
        let value = read(&top);
        let context = format!("222222222222222222-{CLUSTER}");
        assert_eq!(value["current-context"], context);
        assert_eq!(
            value["clusters"],
            json!([{"name": "kubernetes", "cluster": {
                "server": PUBLIC,
                "certificate-authority-data": STANDARD.encode(&ack.authority.0),
            }}])
        );
        assert_eq!(
            value["contexts"],
            json!([{"name": context, "context": {"cluster": "kubernetes", "user": "222222222222222222"}}])
        );
        let user = &value["users"][0];
        assert_eq!(user["name"], "222222222222222222");
        assert_eq!(user["user"].as_object().unwrap().len(), 1);
        assert_eq!(user["user"]["exec"]["interactiveMode"], "IfAvailable");
        assert_eq!(arguments(&value)[1], command);

        // What it writes, it can be called with.
        ack.run(&arguments(&value)).success();
    }
}

#[test]
fn the_flags_reach_the_call() {
    let ack = Ack::start();
    let target = |flags: &[&str]| {
        ack.emulator.clear_requests();
        let stdout = ack.run(&[&GET, flags].concat()).success();
        (ack.calls().remove(0).raw.target, read(&stdout)["clusters"][0]["cluster"]["server"].clone())
    };
    let path = format!("/k8s/{CLUSTER}/user_config");
    assert_eq!(target(&[]), (format!("{path}?TemporaryDurationMinutes=180"), json!(PUBLIC)));
    assert_eq!(target(&["--expiration", "0"]), (path.clone(), json!(PUBLIC)));
    let (called, server) = target(&["--private-address", "--expiration", "15m"]);
    assert!(called.contains("PrivateIpAddress=true") && called.contains("TemporaryDurationMinutes=15"));
    assert_eq!(server, json!(PRIVATE));
    // As flags of Go programs are written too.
    for (flag, server) in [
        ("--private-address=true", PRIVATE),
        ("--private-address=1", PRIVATE),
        ("--private-address=false", PUBLIC),
    ] {
        assert_eq!(target(&[flag]).1, json!(server), "{flag}");
    }
    ack.run(&[&GET[..], &["--private-address=yes"]].concat()).error();
}

#[test]
fn with_an_address_nobody_is_asked() {
    let ack = Ack::start();
    for mode in ["token", "cert"] {
        ack.run(
            &[&GET[..], &["-m", mode, "--server", "https://x", "--certificate-authority", &ack.ca]].concat(),
        )
        .success();
    }
    assert_eq!(ack.emulator.requests().len(), 0);
}

#[test]
fn an_answer_that_would_lead_kubectl_astray_is_refused() {
    let ack = Ack::start();
    let good = json!({
        "kind": "Config",
        "clusters": [{"name": "a", "cluster": {"server": "https://x"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "users": [{"name": "a", "user": {"token": "canary"}}],
    });
    let with = |pointer: &str, value: Value| {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed.to_string()
    };
    let server = "/clusters/0/cluster/server";
    for (config, wanted) in [
        (with(server, json!("http://x")), "https://"),
        (with(server, json!("https://canary:canary@x")), "user name"),
        (with(server, json!("")), "https://"),
        (with("/users", json!([])), "no user"),
        (with("/kind", json!("List")), "kind Config"),
        ("canary: [".to_owned(), "not valid YAML"),
    ] {
        let body = json!({"config": config, "expiration": "2099-01-01T00:00:00Z"}).to_string().into_bytes();
        let fault = Fault::Garbage { content_type: "application/json".to_owned(), body };
        ack.emulator.fail(ACTION, fault);
        for merge in [&[][..], &["--merge"]] {
            let error = ack.run(&[&GET, merge].concat()).error();
            assert!(error.contains(wanted) && error.contains(CLUSTER), "{wanted}: {error}");
        }
        assert!(!ack.at_home(".kube/config").exists());
        ack.emulator.clear_faults();
    }
    let error = ack.run(&["get-kubeconfig", "-c", "c1"]).error();
    assert!(error.contains("ErrorClusterNotFound"), "{error}");
}

#[test]
fn kubeconfigs_that_the_public_tool_wrote_go_on_working() {
    let ack = Ack::start();
    // kubectl says this to a plugin whose interactiveMode is Never.
    let info = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","spec":{"interactive":false}}"#;
    for (text, wanted) in [
        (include_str!("../testdata/public-tool-token.yaml"), "token"),
        (include_str!("../testdata/public-tool-certificate.yaml"), "clientCertificateData"),
    ] {
        let value = read(text);
        assert_eq!(value["users"][0]["user"]["exec"]["interactiveMode"], "Never");
        let stdout = ack.run_with(&arguments(&value), &[("KUBERNETES_EXEC_INFO", info)]).success();
        let credential: Value = serde_json::from_str(&stdout).unwrap();
        assert!(credential["status"][wanted].is_string(), "{wanted}");
    }
}
