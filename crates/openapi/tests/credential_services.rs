//! Credentials from services: a credentials URI, the ECS metadata service, an OIDC token at STS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use openapi::Credentials;
use openapi::credentials::{Context, CredentialError, Environment, Source};
use openapi::network::{ProxyRules, Trust};
use openapi::sts::ClientOptions;
use support::{Received, Server, http, json};

const KEYS: &str = r#"{"Code":"Success","AccessKeyId":"STS.x","AccessKeySecret":"secret","SecurityToken":"token",
    "Expiration":"2026-11-22T16:30:20Z","LastUpdated":"2026-11-22T10:30:20Z"}"#;
const SESSION: &str = r#"{"RequestId":"R-1","Credentials":{"AccessKeyId":"STS.x","AccessKeySecret":"secret",
    "SecurityToken":"token","Expiration":"2026-11-22T16:30:20Z"}}"#;

fn context(endpoint: &str, trust: Trust) -> Context {
    Context {
        sts: ClientOptions::new(endpoint.parse().unwrap(), "ack-ram-tool/1 (linux/amd64)"),
        trust,
        // A proxy that must never be used here: everything is on loopback or plain http.
        proxies: ProxyRules::from_environment(&|name| {
            (name == "HTTPS_PROXY").then(|| "http://127.0.0.1:1".to_owned())
        })
        .unwrap(),
        now: "2026-11-22T10:00:00Z".parse::<Timestamp>().unwrap(),
    }
}

fn source(pairs: &[(&str, &str)]) -> Source {
    let map: BTreeMap<String, String> =
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Source::from_environment(&Environment {
        variable: &|name| map.get(name).cloned(),
        read_file: &|path: &Path| std::fs::read_to_string(path),
        argument_zero: "ack-ram-tool",
    })
    .unwrap()
}

async fn fetch(pairs: &[(&str, &str)]) -> Result<Credentials, CredentialError> {
    source(pairs).fetch(&context("sts.invalid", Trust::from_environment(&|_| None)), None).await
}

fn one_line(error: &CredentialError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.contains("canary"), "{text}");
    text
}

fn assert_temporary(credentials: &Credentials) {
    assert_eq!(credentials.access_key_id, "STS.x");
    assert_eq!(credentials.access_key_secret.expose(), "secret");
    assert_eq!(credentials.security_token.as_ref().unwrap().expose(), "token");
    assert_eq!(credentials.expiration.unwrap().to_string(), "2026-11-22T16:30:20Z");
}

#[tokio::test]
async fn a_credentials_uri_is_asked_with_get() {
    let server = Server::plain(|_| http(200, "text/plain", KEYS));
    let uri = server.url("/keys?a=canary");
    assert_temporary(&fetch(&[("ALIBABA_CLOUD_CREDENTIALS_URI", &uri)]).await.unwrap());
    let request = &server.received()[0];
    assert_eq!(request.line, "GET /keys?a=canary HTTP/1.1");
    assert_eq!(request.header("user-agent"), Some("ack-ram-tool/1 (linux/amd64)"));
}

#[tokio::test]
async fn a_credentials_uri_can_be_https_with_the_trusted_cas() {
    let server = Server::tls("127.0.0.1", |_| json(200, KEYS));
    let uri = format!("https://{}/", server.address);
    let source = source(&[("ALIBABA_CLOUD_CREDENTIALS_URI", &uri)]);
    let trusting = context("sts.invalid", Trust::File(server.ca_file()));
    assert_temporary(&source.fetch(&trusting, None).await.unwrap());
    let other = Server::tls("127.0.0.1", |_| json(200, KEYS));
    let doubting = context("sts.invalid", Trust::File(other.ca_file()));
    assert!(source.fetch(&doubting, None).await.is_err());
}

#[tokio::test]
async fn each_bad_answer_of_a_credentials_uri_gives_its_own_line_without_the_url() {
    let large = "x".repeat(70_000);
    for (answer, wanted) in [
        (http(404, "text/plain", "canary"), "HTTP 404"),
        (
            b"HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec(),
            "HTTP 302",
        ),
        (json(200, "canary"), "no JSON object"),
        (json(200, "{}"), "AccessKeyId is missing"),
        (json(200, &large), "too large"),
        (Vec::new(), "the connection broke"),
    ] {
        let server = Server::plain(move |_| answer.clone());
        let uri = server.url("/canary");
        let text = one_line(&fetch(&[("ALIBABA_CLOUD_CREDENTIALS_URI", &uri)]).await.unwrap_err());
        assert!(text.contains(wanted) && text.contains(&server.address.to_string()), "{wanted}: {text}");
    }
    let text = one_line(
        &fetch(&[("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:1/canary")]).await.unwrap_err(),
    );
    assert!(text.contains("cannot connect"), "{text}");
}

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
async fn a_metadata_service_that_does_not_answer_costs_about_a_second() {
    let (address, _kept) = support::silent();
    let endpoint = format!("http://{address}");
    let started = Instant::now();
    let pairs =
        [("ALIBABA_CLOUD_ECS_METADATA", "worker"), ("ALIBABA_CLOUD_IMDS_ENDPOINT", endpoint.as_str())];
    let text = one_line(&fetch(&pairs).await.unwrap_err());
    assert!(text.contains("no answer within 1 s"), "{text}");
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn an_oidc_token_is_exchanged_without_a_signature_and_never_in_the_url() {
    let server = Server::tls("127.0.0.1", |_| json(200, SESSION));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "head.canary+/=.sig\n").unwrap();
    let pairs = [
        ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1234567890123456:role/dev"),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1234567890123456:oidc-provider/ack"),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", file.to_str().unwrap()),
        ("ALIBABA_CLOUD_ROLE_SESSION_NAME", "job-1"),
    ];
    let context = context(&server.address.to_string(), Trust::File(server.ca_file()));
    assert_temporary(&source(&pairs).fetch(&context, None).await.unwrap());
    let request = &server.received()[0];
    assert!(request.line.starts_with("POST /?Action=AssumeRoleWithOIDC&Format=JSON&"), "{}", request.line);
    assert!(
        request.line.contains("Timestamp=2026-11-22T10%3A00%3A00Z&Version=2015-04-01"),
        "{}",
        request.line
    );
    assert!(!request.line.contains("canary"));
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    let form = signature::encoding::parse_query(&request.body).unwrap();
    let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(value("OIDCToken"), Some("head.canary+/=.sig"));
    assert_eq!(value("OIDCProviderArn"), Some("acs:ram::1234567890123456:oidc-provider/ack"));
    assert_eq!(value("RoleArn"), Some("acs:ram::1234567890123456:role/dev"));
    assert_eq!(value("RoleSessionName"), Some("job-1"));
}

#[tokio::test]
async fn a_token_file_or_token_that_cannot_be_used_gives_its_own_line() {
    let refusal = r#"{"RequestId":"R-1","Code":"AuthenticationFail.OIDCToken.Expired","Message":"canary"}"#;
    let server = Server::tls("127.0.0.1", move |_| json(401, refusal));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token-file");
    let pairs = [
        ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1234567890123456:role/dev"),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1234567890123456:oidc-provider/ack"),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", file.to_str().unwrap()),
    ];
    let context = context(&server.address.to_string(), Trust::File(server.ca_file()));
    let failure = async || one_line(&source(&pairs).fetch(&context, None).await.unwrap_err());
    assert!(failure().await.contains("cannot read the OIDC token file"));
    for content in ["", "\n\n", "a b canary", &"x".repeat(20_001)] {
        std::fs::write(&file, content).unwrap();
        let text = failure().await;
        assert!(text.contains("token-file") && text.contains("does not hold a token"), "{text}");
    }
    assert!(server.received().is_empty(), "nothing may be sent without a token");
    std::fs::write(&file, "header.payload.signature").unwrap();
    let text = failure().await;
    assert!(text.contains("AuthenticationFail.OIDCToken.Expired") && text.contains("has expired"), "{text}");
}

#[tokio::test]
async fn a_role_of_the_command_line_is_assumed_on_top() {
    let uri = Server::plain(|_| json(200, KEYS));
    let sts = Server::tls("127.0.0.1", |_| json(200, &SESSION.replace("STS.x", "STS.second")));
    let context = context(&sts.address.to_string(), Trust::File(sts.ca_file()));
    let role = openapi::sts::AssumeRole {
        role_arn: "acs:ram::1234567890123456:role/ops".to_owned(),
        session_name: "me".parse().unwrap(),
    };
    let source = source(&[("ALIBABA_CLOUD_CREDENTIALS_URI", &uri.url("/"))]);
    let credentials = source.fetch(&context, Some(&role)).await.unwrap();
    assert_eq!(credentials.access_key_id, "STS.second");
    let request = &sts.received()[0];
    assert_eq!(
        request.line,
        "POST /?RoleArn=acs%3Aram%3A%3A1234567890123456%3Arole%2Fops&RoleSessionName=me HTTP/1.1"
    );
    assert_eq!(request.header("x-acs-security-token"), Some("token"));
    let authorization = request.header("authorization").unwrap();
    assert!(authorization.contains("Credential=STS.x,") && authorization.contains("x-acs-security-token"));
}
