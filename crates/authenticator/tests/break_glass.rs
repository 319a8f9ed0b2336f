//! The mappings of the configuration file that count whatever else does not work.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::{ACCOUNT, ALICE, BOB, Rig, emulator, run, token_of};
use http::StatusCode;

/// An API server that refuses connections.
const UNREACHABLE: &str = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
    clusters: [{name: c, cluster: {server: \"https://127.0.0.1:1\"}}]\n\
    contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n";

fn break_glass() -> String {
    format!(
        "\n  breakGlass:\n    mapUsers:\n    - {{userarn: \"acs:ram::{ACCOUNT}:user/alice\", username: rescue, \
         groups: [\"system:masters\"]}}\n"
    )
}

async fn rescues(rig: &Rig) {
    let user = rig.review(&token_of(ALICE)).await.user();
    assert_eq!((&user["username"], &user["groups"][0]), (&"rescue".into(), &"system:masters".into()));
    assert!(rig.review(&token_of(BOB)).await.unavailable().contains("backend CRD"));
}

#[tokio::test]
async fn the_break_glass_answers_while_the_api_server_is_down_and_each_use_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("api.yaml");
    fs::write(&kubeconfig, UNREACHABLE).unwrap();
    let flags = ["--backend-mode", "CRD", "--kubeconfig", kubeconfig.to_str().unwrap()];
    let rig = Rig::start_with(emulator().await, &break_glass(), &flags, None).await;
    rescues(&rig).await;
    rig.review(&token_of(ALICE)).await.user();
    let told = rig.program.stderr().lines().filter(|line| line.contains("break-glass mapping")).count();
    assert_eq!(told, 2, "{}", rig.program.stderr());
    let page = rig.get("/metrics").await.text;
    assert!(page.contains("ack_ram_authenticator_break_glass_logins_total 2\n"), "{page}");
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_stops_the_start_only_without_a_break_glass() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("api.yaml");
    let flags = ["--backend-mode", "CRD", "--kubeconfig", kubeconfig.to_str().unwrap()];
    let rig = Rig::start_with(emulator().await, &break_glass(), &flags, None).await;
    rescues(&rig).await;
    assert!(rig.program.stderr().contains("cannot use kubeconfig"));
    // Mended while the server runs.
    fs::write(&kubeconfig, UNREACHABLE).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !rig.program.stderr().contains("the API server's client is set up") {
        assert!(Instant::now() < deadline, "{}", rig.program.stderr());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    rescues(&rig).await;

    let without = folder.path().join("config.yaml");
    fs::write(&without, "clusterID: c1\n").unwrap();
    let missing = folder.path().join("missing.yaml");
    let (code, _, stderr) = run(
        folder.path(),
        &[
            "server",
            "-c",
            without.to_str().unwrap(),
            "--port",
            "0",
            "--backend-mode",
            "CRD",
            "--kubeconfig",
            missing.to_str().unwrap(),
        ],
    );
    assert_eq!(code, 1);
    assert!(stderr.contains("cannot use kubeconfig"), "{stderr}");
}

#[tokio::test]
async fn bootstrap_only_asks_no_backend_but_the_configuration_file() {
    let rig = Rig::start(&["--backend-mode", "CRD,ACKConfigMap", "--bootstrap-only"]).await;
    rig.review(&token_of(ALICE)).await.user();
    // Not put off: nobody else could map him.
    assert!(rig.review(&token_of(BOB)).await.error().contains("is mapped to no Kubernetes user"));
    assert_eq!(rig.health("/readyz").await.status, StatusCode::OK);
}
