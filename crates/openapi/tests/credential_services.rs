//! Credentials from services: a credentials URI, an OIDC token at STS, a role on top of either.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use openapi::network::Trust;
use support::machine::{KEYS, assert_temporary, context, fetch, one_line, source};
use support::{Server, http, json};

const SESSION: &str = r#"{"RequestId":"R-1","Credentials":{"AccessKeyId":"STS.x","AccessKeySecret":"secret",
    "SecurityToken":"token","Expiration":"2026-11-22T16:30:20Z"}}"#;

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

#[tokio::test]
async fn keys_that_are_over_are_refused_with_their_end() {
    let server = Server::plain(|_| json(200, &KEYS.replace("2026-11-22T16:30:20Z", "2026-11-22T09:59:59Z")));
    let uri = server.url("/canary");
    let text = one_line(&fetch(&[("ALIBABA_CLOUD_CREDENTIALS_URI", &uri)]).await.unwrap_err());
    assert!(text.starts_with("the credentials ended at 2026-11-22T09:59:59Z (credentials URI)"), "{text}");
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
    assert!(
        text.contains("AuthenticationFail.OIDCToken.Expired") && text.contains("the OIDC token has ended"),
        "{text}"
    );
}

#[tokio::test]
async fn a_role_of_the_command_line_is_assumed_on_top() {
    let uri = Server::plain(|_| json(200, KEYS));
    let sts = Server::tls("127.0.0.1", |_| json(200, &SESSION.replace("STS.x", "STS.second")));
    let context = context(&sts.address.to_string(), Trust::File(sts.ca_file()));
    let role = openapi::sts::AssumeRole::new("acs:ram::1234567890123456:role/ops", "me".parse().unwrap());
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
