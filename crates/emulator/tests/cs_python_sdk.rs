//! The official Python SDK of Container Service, `alibabacloud_cs20151215`, against the emulator: in its default
//! style, ACS3, and in the ROA style.
//!
//! Needs `python3` with venv, and a package index the first time; `scripts/python-env` says what is missing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;
#[path = "common/python.rs"]
mod python;

use std::collections::BTreeSet;

use emulator::{Cluster, Style};
use jiff::SignedDuration;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_calls_container_service() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let emulator = common::start().await;
    let cluster = Cluster::new("1234567890123456", "c1")
        .private_server("https://10.0.0.1:6443")
        .certificate_authority(&authority)
        .client_authority(&authority, &key.serialize_pem())
        .task_duration(SignedDuration::ZERO);
    // The example's goes, so that there is this one alone.
    assert!(emulator.remove_cluster("c5b5e80b0b64a4bf6939d2d8fbbc50123"));
    emulator.add_cluster(cluster).unwrap();
    let results = python::run("cs_test.py", &emulator, &["c1"]).await;

    for who in ["ACS3, user", "ACS3, role", "ROA, user", "ROA, role"] {
        let seen = &results[who];
        assert_eq!(seen["detail"]["cluster_id"], "c1", "{who}");
        assert_eq!(seen["clusters"]["clusters"][0]["cluster_id"], "c1", "{who}");
        assert_eq!(seen["clusters"]["page_info"]["total_count"], 1, "{who}");
        assert_eq!(seen["old list"][0]["cluster_id"], "c1", "{who}");
        assert_eq!(seen["region"]["clusters"], json!([]), "{who}");
        let id = if who.ends_with("user") { "222222222222222222" } else { "333333333333333333" };
        let config = seen["kubeconfig"]["config"].as_str().unwrap();
        assert!(config.contains(&format!("current-context: \"{id}-c1\"")), "{who}: {config}");
        assert!(config.contains("server: https://10.0.0.1:6443"), "{who}: {config}");
        assert!(seen["kubeconfig"]["expiration"].is_string(), "{who}");
        assert_eq!(
            (&seen["task"]["state"], &seen["install"]),
            (&json!("success"), &json!("success")),
            "{who}"
        );
        assert_eq!(seen["addons"]["ack-pod-identity-webhook"]["version"], "0.4.0", "{who}");
        assert_eq!(seen["logs"][0]["cluster_log"], "Succeeded to install ack-pod-identity-webhook", "{who}");
        assert_eq!(seen["clean"], 200, "{who}");
        assert_eq!(seen["no such cluster"], json!(["ErrorClusterNotFound", 404]), "{who}");
        assert_eq!(seen["too short"], json!(["InvalidParameter.TemporaryDurationMinutes", 400]), "{who}");
        assert_eq!(seen["wrong secret"], json!(["SignatureDoesNotMatch", 400]), "{who}");
    }
    assert_eq!(results.as_object().map(serde_json::Map::len), Some(4));
    let styles = |style| -> BTreeSet<String> {
        let requests = emulator.requests().into_iter();
        requests.filter(|r| r.style == style && r.version == "2015-12-15").map(|r| r.action).collect()
    };
    assert_eq!(styles(Style::Roa).len(), 11, "every operation but one, which the SDK does not have");
    assert_eq!(styles(Style::Roa), styles(Style::Acs3));
}
