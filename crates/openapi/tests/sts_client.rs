//! The STS client against servers that answer rightly, wrongly, slowly or not at all.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]

mod support;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use emulator::{Config, Emulator, Fault};
use jiff::Timestamp;
use openapi::Credentials;
use openapi::api::ApiError;
use openapi::network::{ProxyRules, Trust};
use openapi::sts::{AssumeRole, Client, ClientOptions, PresignedRequest, StsError};
use signature::{Secret, acs3};
use support::{Server, http, json};

const CALLER: &str = r#"{"IdentityType":"RAMUser","AccountId":"1234567890123456","PrincipalId":"222222222222222222",
    "UserId":"222222222222222222","Arn":"acs:ram::1234567890123456:user/alice","RequestId":"R-1"}"#;

const CONFIG: &str = r#"
accounts:
  - id: "1234567890123456"
    accessKeys: [{id: LTAIroot, secret: root-secret}]
    users:
      - {name: alice, id: "222222222222222222", accessKeys: [{id: LTAIalice, secret: alice-secret}]}
    roles:
      - name: dev
        id: "333333333333333333"
        maxSessionDuration: 3600
        trustPolicy:
          Version: "1"
          Statement:
            - {Effect: Allow, Action: "sts:AssumeRole", Principal: {RAM: ["acs:ram::1234567890123456:root"]}}
"#;

fn options(endpoint: &str) -> ClientOptions {
    ClientOptions::new(endpoint.parse().unwrap(), "test/1")
}

fn client_of(server: &Server) -> Client {
    let options = ClientOptions { ca_file: Some(server.ca_file()), ..options(&server.address.to_string()) };
    Client::new(&options).unwrap()
}

fn alice() -> Credentials {
    Credentials {
        access_key_id: "LTAIalice".to_owned(),
        access_key_secret: Secret::new("alice-secret"),
        security_token: None,
        expiration: None,
    }
}

fn presigned() -> PresignedRequest {
    PresignedRequest {
        method: "POST".to_owned(),
        query: vec![("ACKClusterId".to_owned(), "c 1*~".to_owned())],
        headers: vec![
            ("Authorization".to_owned(), "ACS3-HMAC-SHA256 canary".to_owned()),
            ("user-agent".to_owned(), "ack-ram-tool/1".to_owned()),
            ("x-acs-security-token".to_owned(), "canary".to_owned()),
        ],
    }
}

async fn ask(client: &Client) -> Result<(), StsError> {
    let answer = client.get_caller_identity_presigned(&presigned()).await;
    if let Err(error) = &answer {
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains("canary") && !text.contains("ACKClusterId"),
            "the URL or a secret is in: {text}"
        );
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    answer.map(|_| ())
}

#[tokio::test]
async fn sends_a_presigned_request_as_it_was_signed_to_its_own_endpoint() {
    let server = Server::tls("127.0.0.1", |_| json(200, CALLER));
    let client = client_of(&server);
    let (principal, request_id) = client.get_caller_identity_presigned(&presigned()).await.unwrap();
    assert_eq!((principal.arn(), request_id.as_str()), ("acs:ram::1234567890123456:user/alice", "R-1"));
    let request = &server.received()[0];
    assert_eq!(request.line, "POST /?ACKClusterId=c%201%2A~ HTTP/1.1");
    assert_eq!(request.header("host"), Some(server.address.to_string().as_str()));
    assert_eq!(request.header("authorization"), Some("ACS3-HMAC-SHA256 canary"));
    assert_eq!(request.header("user-agent"), Some("ack-ram-tool/1"));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("content-length"), Some("0"));
    assert_eq!(request.headers.iter().filter(|(name, _)| name == "content-length").count(), 1);
    assert_eq!(request.body, "");
}

#[tokio::test]
async fn refuses_to_send_headers_that_signed_requests_do_not_have() {
    let server = Server::tls("127.0.0.1", |_| json(200, CALLER));
    let client = client_of(&server);
    for (name, value) in [
        ("host", "evil.example"),
        ("Content-Length", "5"),
        ("transfer-encoding", "chunked"),
        ("proxy-authorization", "x"),
        ("x-acs-date", "a\r\nb: c"),
        ("x-acs-security-token", "again"),
        ("x-acs ", "x"),
    ] {
        let mut request = presigned();
        request.headers.push((name.to_owned(), value.to_owned()));
        let error = client.get_caller_identity_presigned(&request).await.unwrap_err();
        assert!(
            matches!(error, StsError::Api(ApiError::Request { .. })) && !error.is_passing(),
            "{name}: {error}"
        );
    }
    let request = PresignedRequest { method: "DELETE".to_owned(), ..presigned() };
    assert!(client.get_caller_identity_presigned(&request).await.is_err());
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn follows_no_redirect() {
    let elsewhere = Server::tls("127.0.0.1", |_| json(200, CALLER));
    let target = elsewhere.address;
    for status in [301, 302, 303, 307, 308] {
        let server = Server::tls("127.0.0.1", move |_| {
            format!("HTTP/1.1 {status} X\r\nlocation: https://{target}/\r\ncontent-length: 0\r\n\r\n")
                .into_bytes()
        });
        // Trusts both, so that nothing but the policy keeps it from going there.
        let both = server.folder().join("both.pem");
        let text = [server.ca_file(), elsewhere.ca_file()].map(|path| std::fs::read_to_string(path).unwrap());
        std::fs::write(&both, text.concat()).unwrap();
        let options = ClientOptions { ca_file: Some(both), ..options(&server.address.to_string()) };
        let error = ask(&Client::new(&options).unwrap()).await.unwrap_err();
        assert!(matches!(error, StsError::Api(ApiError::InvalidAnswer { .. })), "{error}");
        assert!(error.to_string().contains("redirects"), "{error}");
    }
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn answers_that_sts_does_not_give_are_passing() {
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(70_000));
    for (answer, wanted) in [
        (http(200, "text/html", "<html>"), "content type"),
        (http(200, "text/plain", CALLER), "content type"),
        (http(200, "application/jsonx", CALLER), "content type"),
        (b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\n{}".to_vec(), "content type"),
        (json(200, "[1]"), "no JSON object"),
        (json(200, &large), "larger"),
        (json(200, "{}"), "IdentityType is missing"),
        (json(204, ""), "HTTP 204"),
        (json(403, "{}"), "without an error code"),
    ] {
        let server = Server::tls("127.0.0.1", move |_| answer.clone());
        let error = ask(&client_of(&server)).await.unwrap_err();
        assert!(
            matches!(error, StsError::Api(ApiError::InvalidAnswer { .. })) && error.is_passing(),
            "{error}"
        );
        assert!(error.to_string().contains(wanted), "{wanted}: {error}");
    }
}

#[tokio::test]
async fn connections_that_break_are_passing() {
    for answer in [
        &b""[..],
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"a\":",
    ] {
        let server = Server::tls("127.0.0.1", move |_| answer.to_vec());
        let error = ask(&client_of(&server)).await.unwrap_err();
        assert_eq!((error.reason(), error.is_passing()), ("sts_connection_broken", true), "{error}");
        assert!(error.may_have_reached_sts(), "{error}");
    }
}

#[tokio::test]
async fn nobody_listening_and_no_tls_are_told_apart() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::tls("127.0.0.1", |_| json(200, CALLER));
    let ask_at = |endpoint: String| {
        let options = ClientOptions { ca_file: Some(server.ca_file()), ..options(&endpoint) };
        async move { ask(&Client::new(&options).unwrap()).await.unwrap_err() }
    };
    let refused = ask_at(port.to_string()).await;
    assert_eq!((refused.reason(), refused.is_passing()), ("sts_connect", true), "{refused}");
    assert!(!refused.may_have_reached_sts());
    let unknown = ask_at("sts.invalid".to_owned()).await;
    assert_eq!((unknown.reason(), unknown.is_passing()), ("sts_connect", true), "{unknown}");
    assert!(!unknown.may_have_reached_sts());
    let error = ask_at(support::impatient(b"HTTP/1.1 400 Bad Request\r\n\r\n").to_string()).await;
    assert_eq!((error.reason(), error.is_passing()), ("sts_tls", true), "{error}");
    assert!(!error.may_have_reached_sts());
}

#[tokio::test]
async fn trusts_the_ca_file_instead_of_the_system_and_only_for_the_right_name() {
    let server = Server::tls("127.0.0.1", |_| json(200, CALLER));
    let endpoint = server.address.to_string();
    let own_ca = |path: PathBuf| ClientOptions { ca_file: Some(path), ..options(&endpoint) };
    ask(&Client::new(&own_ca(server.ca_file())).unwrap()).await.unwrap();

    let other = Server::tls("127.0.0.1", |_| json(200, CALLER));
    let error = ask(&Client::new(&own_ca(other.ca_file())).unwrap()).await.unwrap_err();
    assert_eq!(error.reason(), "sts_tls");
    assert!(error.to_string().contains("not signed by a CA that this program trusts"), "{error}");
    assert!(error.to_string().ends_with("name its PEM file in SSL_CERT_FILE"), "{error}");
    let named = ClientOptions { ca_setting: "--sts-ca-file", ..own_ca(other.ca_file()) };
    let error = ask(&Client::new(&named).unwrap()).await.unwrap_err();
    assert!(error.to_string().ends_with("name its PEM file in --sts-ca-file"), "{error}");
    assert!(!error.may_have_reached_sts());

    let misnamed = Server::tls("elsewhere.example", |_| json(200, CALLER));
    let error = ask(&client_of(&misnamed)).await.unwrap_err();
    assert_eq!(error.reason(), "sts_tls", "{error}");

    let missing = Client::new(&own_ca(PathBuf::from("/nowhere/ca.pem"))).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/ca.pem"), "{missing}");
}

#[tokio::test]
async fn obeys_ssl_cert_file_and_ssl_cert_dir() {
    let server = Server::tls("127.0.0.1", |_| json(200, CALLER));
    let folder = server.folder();
    let (file, folder) = (server.ca_file(), folder.to_str().unwrap().to_owned());
    let file = file.to_str().unwrap();
    for (name, value) in [("SSL_CERT_FILE", file), ("SSL_CERT_DIR", folder.as_str())] {
        let trust = Trust::from_environment(&|asked| (asked == name).then(|| value.to_owned()));
        let client =
            Client::with_network(&options(&server.address.to_string()), &trust, &ProxyRules::default())
                .unwrap();
        ask(&client).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let elsewhere = Trust::from_environment(&|name| {
        (name == "SSL_CERT_FILE").then(|| "/nowhere.pem".to_owned()).or_else(|| {
            let other = tempfile::tempdir().ok()?;
            let path = other.keep().join("none");
            std::fs::create_dir(&path).ok()?;
            (name == "SSL_CERT_DIR").then(|| path.to_str().unwrap_or_default().to_owned())
        })
    });
    let endpoint = options(&server.address.to_string());
    assert!(Client::with_network(&endpoint, &elsewhere, &ProxyRules::default()).is_err());
}

#[tokio::test]
async fn gives_up_after_its_time_limit() {
    let (address, _kept) = support::silent();
    let mut options = options(&address.to_string());
    options.timeout = Duration::from_millis(300);
    options.connect_timeout = Duration::from_millis(200);
    let started = Instant::now();
    // The TLS handshake never ends: the limit for connecting holds.
    let error = ask(&Client::new(&options).unwrap()).await.unwrap_err();
    assert!(!error.may_have_reached_sts());
    assert_eq!((error.reason(), error.is_passing()), ("sts_timeout", true), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3));

    let server = Server::tls("127.0.0.1", |_| {
        std::thread::sleep(Duration::from_secs(2));
        json(200, CALLER)
    });
    let mut slow = ClientOptions { ca_file: Some(server.ca_file()), ..options };
    slow.endpoint = server.address.to_string().parse().unwrap();
    slow.connect_timeout = Duration::from_secs(5);
    let error = ask(&Client::new(&slow).unwrap()).await.unwrap_err();
    assert_eq!(error.reason(), "sts_timeout", "{error}");
    assert!(error.to_string().contains("0.3 s"), "{error}");
    assert!(error.may_have_reached_sts());
}

#[tokio::test]
async fn goes_through_the_proxy_of_the_environment_unless_no_proxy_names_the_host() {
    let proxy = Server::plain(|_| http(403, "text/plain", "no"));
    let client = |no_proxy: &str| {
        let address = proxy.address;
        let no_proxy = no_proxy.to_owned();
        let rules = ProxyRules::from_environment(&move |name| match name {
            "HTTPS_PROXY" => Some(format!("http://user:canary@{address}")),
            "NO_PROXY" => Some(no_proxy.clone()),
            _ => None,
        })
        .unwrap();
        let server = Server::tls("sts.invalid", |_| Vec::new());
        Client::with_network(&options("sts.invalid"), &Trust::File(server.ca_file()), &rules).unwrap()
    };
    let error = ask(&client("")).await.unwrap_err();
    assert_eq!((error.reason(), error.is_passing()), ("sts_connect", true), "{error}");
    assert!(error.to_string().contains(&format!("through the proxy {}", proxy.address)), "{error}");
    let received = proxy.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].line, "CONNECT sts.invalid:443 HTTP/1.1");
    assert_eq!(received[0].header("proxy-authorization"), Some("Basic dXNlcjpjYW5hcnk="));
    assert_eq!(received[0].header("authorization"), None);

    ask(&client("example.com, .invalid")).await.unwrap_err();
    assert_eq!(proxy.received().len(), 1, "NO_PROXY is not obeyed");
}

#[tokio::test]
async fn every_request_of_its_own_is_signed_with_the_host() {
    let emulator = Emulator::builder(Config::from_yaml(CONFIG, "test").unwrap()).start().await.unwrap();
    let endpoint = emulator.address().to_string();
    let options = ClientOptions { ca_file: Some(emulator.ca_file().to_owned()), ..options(&endpoint) };
    let client = Client::new(&options).unwrap();
    let now = Timestamp::now();
    let (principal, _) = client.get_caller_identity(&alice(), now).await.unwrap();
    assert_eq!(principal.arn(), "acs:ram::1234567890123456:user/alice");
    let role = AssumeRole::new("acs:ram::1234567890123456:role/dev", "alice@example.com".parse().unwrap());
    let session = client.assume_role(&alice(), &role, now).await.unwrap();
    assert!(session.expiration.unwrap() > now);
    let (principal, _) = client.get_caller_identity(&session, now).await.unwrap();
    assert_eq!(principal.canonical_arn(), role.role_arn);
    assert_eq!(principal.session_name(), "alice@example.com");

    let requests = emulator.requests();
    assert_eq!(requests.len(), 3);
    let mut nonces = Vec::new();
    for request in &requests {
        assert_eq!(request.host, endpoint);
        let authorization: acs3::Authorization =
            request.raw.header("authorization").unwrap().parse().unwrap();
        let signed = &authorization.signed_headers;
        for name in [
            "host",
            "x-acs-action",
            "x-acs-content-sha256",
            "x-acs-date",
            "x-acs-signature-nonce",
            "x-acs-version",
        ] {
            assert!(signed.iter().any(|signed| signed == name), "{name} is not signed");
        }
        nonces.push(request.raw.header("x-acs-signature-nonce").unwrap().to_owned());
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 3, "a nonce was used twice");
}

#[tokio::test]
async fn refusals_and_faults_of_the_emulator_come_out_as_they_should() {
    let emulator = Emulator::builder(Config::from_yaml(CONFIG, "test").unwrap()).start().await.unwrap();
    let options = ClientOptions {
        ca_file: Some(emulator.ca_file().to_owned()),
        ..options(&emulator.address().to_string())
    };
    let client = Client::new(&options).unwrap();
    let now = Timestamp::now();
    let reason = async |credentials: &Credentials, now| {
        let error = client.get_caller_identity(credentials, now).await.unwrap_err();
        (error.code().unwrap_or_default().to_owned(), error.reason(), error.is_passing())
    };
    let wrong = Credentials { access_key_secret: Secret::new("wrong"), ..alice() };
    assert_eq!(
        reason(&wrong, now).await,
        ("SignatureDoesNotMatch".to_owned(), "sts_signature_mismatch", false)
    );
    let unknown = Credentials { access_key_id: "LTAInobody".to_owned(), ..alice() };
    assert_eq!(
        reason(&unknown, now).await,
        ("InvalidAccessKeyId.NotFound".to_owned(), "sts_access_key_not_found", false)
    );
    let old = now - jiff::SignedDuration::from_mins(20);
    assert_eq!(
        reason(&alice(), old).await,
        ("InvalidTimeStamp.Expired".to_owned(), "sts_timestamp_expired", false)
    );
    let fault = |status, code: &str| Fault::Error { status, code: code.to_owned(), message: "m".to_owned() };
    emulator.fail("GetCallerIdentity", fault(400, "Throttling.User").times(1));
    assert_eq!(reason(&alice(), now).await, ("Throttling.User".to_owned(), "sts_throttled", true));
    emulator.fail("GetCallerIdentity", fault(503, "ServiceUnavailable").times(1));
    assert_eq!(reason(&alice(), now).await.1, "sts_unavailable");
    emulator.fail("*", Fault::BreakConnection.times(1));
    assert_eq!(reason(&alice(), now).await, (String::new(), "sts_connection_broken", true));
    emulator.stop_listening().await;
    assert_eq!(reason(&alice(), now).await.1, "sts_connect");
    emulator.listen_again().await.unwrap();
    client.get_caller_identity(&alice(), now).await.unwrap();
}
