//! What every call keeps to, whichever service it is for: how it is signed, and how often it is sent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use jiff::Timestamp;
use openapi::api::{Call, Client, ServiceOptions};
use openapi::network::{ProxyRules, Trust};
use openapi::{Credentials, cs};
use reqwest::Method;
use signature::{Secret, acs3};
use support::{Received, Server, json};

fn client(server: &Server) -> Client {
    let options = ServiceOptions::new(server.address.to_string().parse().unwrap(), "test/1");
    let trust = Trust::File(server.ca_file());
    Client::with_network(&cs::SERVICE, &options, &trust, &ProxyRules::default()).unwrap()
}

fn keys() -> Credentials {
    Credentials {
        access_key_id: "LTAIalice".to_owned(),
        access_key_secret: Secret::new("canary-secret"),
        security_token: None,
        expiration: None,
    }
}

fn signed_at(request: &Received) -> Timestamp {
    request.header("x-acs-date").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_json_body_and_its_content_type_are_under_the_signature() {
    let server = Server::tls("127.0.0.1", |_| json(200, "{}"));
    let call = Call::roa("InstallClusterAddons", Method::POST, &["clusters", "c1", "components", "install"])
        .with_json(&serde_json::json!([{"name": "ack-pod-identity-webhook"}]));
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    client(&server).call(&call, &keys(), now).await.unwrap();
    let request = &server.received()[0];
    assert_eq!(request.body, r#"[{"name":"ack-pod-identity-webhook"}]"#);
    assert_eq!(request.header("content-type"), Some("application/json; charset=utf-8"));
    let authorization: acs3::Authorization = request.header("authorization").unwrap().parse().unwrap();
    let sent = acs3::Request {
        method: "POST",
        path: "/clusters/c1/components/install",
        query: &[],
        headers: &request.headers,
        content_sha256: &acs3::sha256_hex(request.body.as_bytes()),
    };
    acs3::verify(&sent, &authorization, &Secret::new("canary-secret")).unwrap();
    for name in ["content-type", "x-acs-content-sha256", "host"] {
        assert!(authorization.signed_headers.iter().any(|signed| signed == name), "{name} is not signed");
    }
}

#[tokio::test]
async fn only_a_call_that_reads_is_sent_again() {
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    for (reads, times) in [(false, 1), (true, 2)] {
        let server = Server::tls("127.0.0.1", |_| json(503, r#"{"code":"ServiceUnavailable"}"#));
        let call = Call::roa("ModifyCluster", Method::PUT, &["api", "v2", "clusters", "c1"]);
        let call = if reads { call.reading() } else { call };
        client(&server).call(&call, &keys(), now).await.unwrap_err();
        assert_eq!(server.received().len(), times, "{reads}");
    }
}

#[tokio::test]
async fn what_is_sent_again_is_signed_at_its_own_time() {
    let server = Server::tls("127.0.0.1", |_| json(503, r#"{"code":"ServiceUnavailable"}"#));
    // Times are signed in whole seconds, and the second try comes after a pause.
    let now = "2026-11-23T12:00:00.9Z".parse().unwrap();
    let call = Call::roa("DescribeClusterDetail", Method::GET, &["clusters", "c1"]).reading();
    client(&server).call(&call, &keys(), now).await.unwrap_err();
    let received = server.received();
    assert_eq!(received.len(), 2);
    assert!(signed_at(&received[1]) > signed_at(&received[0]), "{received:?}");
}
