//! The ECS metadata service, as servers that answer what a test says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::time::{Duration, Instant};

use openapi::Credentials;
use openapi::credentials::{CredentialError, CredentialType, Search, Source};
use openapi::network::Trust;
use support::machine::{KEYS, assert_temporary, context, environment, fetch, now, one_line};
use support::{Received, Server, http, json};

/// A metadata service that knows one role, `worker`.
fn metadata(request: &Received) -> Vec<u8> {
    let with_token = request.header("x-aliyun-ecs-metadata-token");
    match (request.line.as_str(), with_token) {
        ("PUT /latest/api/token HTTP/1.1", _) => http(200, "text/plain", "session-token"),
        ("GET /latest/meta-data/ram/security-credentials/worker HTTP/1.1", Some("session-token")) => {
            json(200, KEYS)
        }
        (_, None) => http(403, "text/plain", "no token"),
        _ => http(404, "text/plain", "not found"),
    }
}

/// The same, from before there were session tokens.
fn old_metadata(request: &Received) -> Vec<u8> {
    match request.line.as_str() {
        "GET /latest/meta-data/ram/security-credentials/worker HTTP/1.1" => json(200, KEYS),
        _ => http(404, "text/plain", "not found"),
    }
}

#[tokio::test]
async fn the_metadata_service_is_asked_with_a_session_token() {
    let server = Server::plain(metadata);
    let endpoint = server.url("");
    let pairs =
        [("ALIBABA_CLOUD_ECS_METADATA", "worker"), ("ALIBABA_CLOUD_IMDS_ENDPOINT", endpoint.as_str())];
    assert_temporary(&fetch(&pairs).await.unwrap());
    let requests = server.received();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].header("x-aliyun-ecs-metadata-token-ttl-seconds"), Some("3600"));
    assert_eq!(requests[0].header("content-length"), Some("0"));
}

/// A metadata service that answers the session token's PUT with `token`, and knows the role `worker`.
fn answering(token: Vec<u8>, roles: &'static str, keys: &'static str) -> Server {
    Server::plain(move |request| match request.line.split(' ').take(2).collect::<Vec<_>>()[..] {
        ["PUT", "/latest/api/token"] => token.clone(),
        ["GET", "/latest/meta-data/ram/security-credentials/"] => match roles {
            "" => http(404, "text/plain", "canary"),
            roles => http(200, "text/plain", roles),
        },
        ["GET", "/latest/meta-data/ram/security-credentials/worker"] => json(200, keys),
        _ => http(404, "text/plain", "canary"),
    })
}

/// A profile or flag that names no role.
async fn fetch_any(server: &Server, more: &[(&str, &str)]) -> Result<Credentials, CredentialError> {
    let endpoint = server.url("");
    let variable = |name: &str| match name {
        "ALIBABA_CLOUD_IMDS_ENDPOINT" => Some(endpoint.clone()),
        _ => more.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()),
    };
    let mut search = Search::new(environment(&variable), now());
    search.kind = CredentialType::Metadata;
    let source = Source::find(&search).unwrap();
    source.fetch(&context("sts.invalid", Trust::from_environment(&|_| None)), None).await
}

#[tokio::test]
async fn the_role_is_asked_for_where_nobody_names_it() {
    let server = answering(http(200, "text/plain", "session-token\n"), "worker\n", KEYS);
    assert_temporary(&fetch_any(&server, &[]).await.unwrap());
    let requests = server.received();
    assert_eq!(requests.len(), 3);
    for request in &requests[1..] {
        assert_eq!(request.header("x-aliyun-ecs-metadata-token"), Some("session-token"));
    }
    let named = [("ALIBABA_CLOUD_ECS_METADATA", "worker")];
    assert_temporary(&fetch_any(&server, &named).await.unwrap());
    assert_eq!(server.received().len(), 5, "the role was asked for though it is named");

    for (roles, wanted) in [
        ("", "the instance has no role (HTTP 404)"),
        ("\n", "does not give the name of a role"),
        ("../canary", "does not give the name of a role"),
        ("<html>canary</html>", "does not give the name of a role"),
    ] {
        let server = answering(http(200, "text/plain", "session-token"), roles, KEYS);
        let text = one_line(&fetch_any(&server, &[]).await.unwrap_err());
        assert!(text.contains(wanted), "{text}");
    }
}

#[tokio::test]
async fn any_answer_without_a_session_token_goes_on_without_unless_that_is_forbidden() {
    for token in [
        http(403, "text/plain", "canary"),
        http(405, "text/plain", "canary"),
        http(500, "text/plain", "canary"),
        http(200, "text/plain", ""),
        http(200, "text/html", "<html> canary"),
    ] {
        let server = answering(token, "worker", KEYS);
        assert_temporary(&fetch_any(&server, &[]).await.unwrap());
        let requests = server.received();
        assert!(requests.iter().all(|request| request.header("x-aliyun-ecs-metadata-token").is_none()));

        let forbidden = [("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")];
        let text = one_line(&fetch_any(&server, &forbidden).await.unwrap_err());
        assert!(text.contains("ALIBABA_CLOUD_IMDSV1_DISABLED"), "{text}");
        assert_eq!(server.received().len(), requests.len() + 1, "asked without a session token");
    }
}

#[tokio::test]
async fn a_session_token_that_is_refused_later_is_left_out_unless_that_is_forbidden() {
    let server = Server::plain(|request| match request.line.starts_with("PUT") {
        true => http(200, "text/plain", "session-token"),
        false if request.header("x-aliyun-ecs-metadata-token").is_some() => http(401, "text/plain", "canary"),
        false => json(200, KEYS),
    });
    let named = [("ALIBABA_CLOUD_ECS_METADATA", "worker")];
    assert_temporary(&fetch_any(&server, &named).await.unwrap());
    let asked = server.received().len();
    let forbidden = [named[0], ("ALIBABA_CLOUD_IMDSV1_DISABLED", "1")];
    let text = one_line(&fetch_any(&server, &forbidden).await.unwrap_err());
    assert!(text.contains("HTTP 401"), "{text}");
    assert_eq!(server.received().len(), asked + 2);
}

#[tokio::test]
async fn keys_that_are_over_are_refused_with_their_end() {
    const OLD: &str = r#"{"Code":"Success","AccessKeyId":"STS.x","AccessKeySecret":"canary","SecurityToken":"canary",
        "Expiration":"2026-11-22T10:00:00Z"}"#;
    let server = answering(http(200, "text/plain", "session-token"), "worker", OLD);
    let text = one_line(&fetch_any(&server, &[]).await.unwrap_err());
    assert!(
        text.starts_with("the credentials ended at 2026-11-22T10:00:00Z (ECS metadata service)"),
        "{text}"
    );
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named() {
    let pairs =
        [("ALIBABA_CLOUD_ECS_METADATA", "worker"), ("ALIBABA_CLOUD_IMDS_ENDPOINT", "http://127.0.0.1:1")];
    let text = one_line(&fetch(&pairs).await.unwrap_err());
    assert!(text.contains("the ECS metadata service at http://127.0.0.1:1: cannot connect"), "{text}");
}

#[tokio::test]
async fn an_old_metadata_service_is_asked_without_one_unless_that_is_forbidden() {
    let server = Server::plain(old_metadata);
    let endpoint = server.url("/");
    let pairs =
        [("ALIBABA_CLOUD_ECS_METADATA", "worker"), ("ALIBABA_CLOUD_IMDS_ENDPOINT", endpoint.as_str())];
    assert_temporary(&fetch(&pairs).await.unwrap());

    let forbidden = [pairs[0], pairs[1], ("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")];
    let text = one_line(&fetch(&forbidden).await.unwrap_err());
    assert!(text.contains("ALIBABA_CLOUD_IMDSV1_DISABLED"), "{text}");

    let asked = server.received().len();
    let without = [pairs[0], pairs[1], ("ALIBABA_CLOUD_IMDSV2_DISABLED", "true")];
    assert_temporary(&fetch(&without).await.unwrap());
    assert_eq!(server.received().len(), asked + 1, "a session token was asked for all the same");
}

#[tokio::test]
async fn each_bad_answer_of_the_metadata_service_gives_its_own_line() {
    for (answer, wanted) in [
        (http(404, "text/plain", "canary"), "no role worker"),
        (http(500, "text/plain", "canary"), "HTTP 500"),
        (json(200, "canary"), "no JSON object"),
        (json(200, r#"{"Code":"Failed"}"#), "Code Success"),
        (
            json(200, r#"{"Code":"Success","AccessKeyId":"a","AccessKeySecret":"canary"}"#),
            "SecurityToken is missing",
        ),
        (Vec::new(), "the connection broke"),
    ] {
        let server = Server::plain(move |request| match request.line.starts_with("PUT") {
            true => http(200, "text/plain", "session-token"),
            false => answer.clone(),
        });
        let endpoint = server.url("");
        let pairs =
            [("ALIBABA_CLOUD_ECS_METADATA", "worker"), ("ALIBABA_CLOUD_IMDS_ENDPOINT", endpoint.as_str())];
        let text = one_line(&fetch(&pairs).await.unwrap_err());
        assert!(text.contains(wanted) && text.contains("the ECS metadata service at"), "{wanted}: {text}");
    }
}

#[tokio::test]
async fn a_service_that_does_not_answer_costs_less_than_a_second() {
    let (address, _kept) = support::silent();
    let endpoint = format!("http://{address}");
    let started = Instant::now();
    let pairs =
        [("ALIBABA_CLOUD_ECS_METADATA", "worker"), ("ALIBABA_CLOUD_IMDS_ENDPOINT", endpoint.as_str())];
    let text = one_line(&fetch(&pairs).await.unwrap_err());
    assert!(text.contains("no answer within 0.8 s"), "{text}");
    assert!(started.elapsed() < Duration::from_secs(3));
}
