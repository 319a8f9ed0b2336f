//! The metadata service and the credentials URI, over plain HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use common::*;
use emulator::{Builder, Config, Emulator, Fault, StartError, Style};
use jiff::Timestamp;
use reqwest::{Client, Method};
use serde_json::Value;

const ROLES: &str = "/latest/meta-data/ram/security-credentials/";
const INSTANCE_SESSION: &str = "vm-ram-i-bp1examplefortests1";
const TTL: &str = "X-aliyun-ecs-metadata-token-ttl-seconds";
const TOKEN: &str = "X-aliyun-ecs-metadata-token";
const LOOPBACK: &str = "127.0.0.1:0";
const ACCOUNTS: &str = r#"
accounts:
  - id: "1234567890123456"
    users: [{name: alice, id: "2", accessKeys: [{id: LTAIalice, secret: alice-secret-for-tests}]}]
    roles:
      - name: dev
        id: "3"
        trustPolicy: {Version: "1", Statement: {Effect: Allow, Action: "*", Principal: {Service: ecs.aliyuncs.com}}}
"#;

fn loopback() -> SocketAddr {
    LOOPBACK.parse().unwrap()
}

fn plain() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// With the accounts above and this section.
fn builder(section: &str) -> Builder {
    let config = Config::from_yaml(&format!("{ACCOUNTS}{section}"), "inline").unwrap();
    Emulator::builder(config).metadata_listen(loopback())
}

async fn start_example() -> Emulator {
    Emulator::builder(config()).metadata_listen(loopback()).start().await.unwrap()
}

async fn start_with(section: &str) -> Emulator {
    builder(section).start().await.unwrap()
}

/// Status and body.
async fn ask(emulator: &Emulator, method: Method, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = plain().request(method, format!("{}{path}", emulator.metadata_endpoint().unwrap()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.timeout(Duration::from_secs(20)).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn get(emulator: &Emulator, path: &str) -> (u16, String) {
    ask(emulator, Method::GET, path, &[]).await
}

async fn token(emulator: &Emulator, seconds: &str) -> (u16, String) {
    ask(emulator, Method::PUT, "/latest/api/token", &[(TTL, seconds)]).await
}

async fn credentials(emulator: &Emulator) -> Value {
    let (status, body) = get(emulator, &format!("{ROLES}dev")).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn keys_in(document: &Value) -> Keys {
    let text =
        |name: &str| document[name].as_str().unwrap_or_else(|| panic!("{name} in {document}")).to_owned();
    Keys { id: text("AccessKeyId"), secret: text("AccessKeySecret"), token: Some(text("SecurityToken")) }
}

/// What STS says of these keys.
async fn who(emulator: &Emulator, keys: &Keys, at: Timestamp) -> (u16, Value) {
    let whoami = [("Action", "GetCallerIdentity")];
    answer(rpc_get_at(&client(emulator), emulator, keys, &whoami, at)).await
}

/// A clock that a test sets, in seconds.
fn clock() -> (Arc<AtomicI64>, impl Fn() -> Timestamp + Send + Sync + 'static) {
    let seconds = Arc::new(AtomicI64::new(NOON));
    let shared = Arc::clone(&seconds);
    (seconds, move || Timestamp::from_second(shared.load(Ordering::SeqCst)).unwrap())
}

/// Writes bytes and reads to the end of the connection.
fn raw(emulator: &Emulator, request: &str) -> String {
    let endpoint = emulator.metadata_endpoint().unwrap();
    let mut stream = TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn the_credentials_of_the_instance_are_its_roles() {
    let emulator = start_example().await;
    let (status, token) = token(&emulator, "21600").await;
    assert_eq!(status, 200);
    for headers in [vec![(TOKEN, token.as_str())], vec![]] {
        for path in [ROLES, ROLES.trim_end_matches('/')] {
            assert_eq!(ask(&emulator, Method::GET, path, &headers).await, (200, "dev".to_owned()), "{path}");
        }
    }
    let document = credentials(&emulator).await;
    assert_eq!(document["Code"], "Success");
    for name in ["Expiration", "LastUpdated"] {
        let time = document[name].as_str().unwrap();
        assert!(time.len() == 20 && time.ends_with('Z') && time.parse::<Timestamp>().is_ok(), "{time}");
    }
    let keys = keys_in(&document);
    let (status, identity) = who(&emulator, &keys, now()).await;
    assert_eq!(status, 200, "{identity}");
    assert_eq!(identity["Arn"], format!("acs:ram::1234567890123456:assumed-role/dev/{INSTANCE_SESSION}"));
    assert_eq!(identity["PrincipalId"], format!("333333333333333333:{INSTANCE_SESSION}"));
    let without = Keys { token: None, ..keys };
    assert_eq!(who(&emulator, &without, now()).await.1["Code"], "MissingSecurityToken");
    assert_eq!(credentials(&emulator).await, document, "the same until they are due for renewal");
    assert_eq!(get(&emulator, &format!("{ROLES}admin")).await.0, 404);
    assert_eq!(get(&emulator, &format!("{ROLES}dev/x")).await.0, 404);
}

#[tokio::test]
async fn credentials_are_renewed_before_they_end() {
    let (seconds, clock) = clock();
    let emulator =
        builder("metadata: {account: \"1234567890123456\", role: dev}").clock(clock).start().await.unwrap();
    let at = |offset: i64| Timestamp::from_second(NOON + offset).unwrap();
    let first = credentials(&emulator).await;
    assert_eq!(first["Expiration"], at(6 * 3600).to_string());
    seconds.store(NOON + 5 * 3600 - 1, Ordering::SeqCst);
    assert_eq!(credentials(&emulator).await, first);
    seconds.store(NOON + 5 * 3600, Ordering::SeqCst);
    let second = credentials(&emulator).await;
    assert_ne!(second["AccessKeyId"], first["AccessKeyId"]);
    assert_eq!(
        who(&emulator, &keys_in(&first), at(5 * 3600)).await.0,
        200,
        "the old ones go on to their end"
    );
    seconds.store(NOON + 6 * 3600, Ordering::SeqCst);
    assert_eq!(
        who(&emulator, &keys_in(&first), at(6 * 3600)).await.1["Code"],
        "InvalidSecurityToken.Expired"
    );
    assert_eq!(who(&emulator, &keys_in(&second), at(6 * 3600)).await.0, 200);
}

#[tokio::test]
async fn a_token_is_good_for_the_time_that_was_asked_for() {
    let (seconds, clock) = clock();
    let section = "metadata: {account: \"1234567890123456\", role: dev, tokens: required}";
    let emulator = builder(section).clock(clock).start().await.unwrap();
    let (status, text) = token(&emulator, "60").await;
    assert_eq!(status, 200, "{text}");
    let with = |text: &str| {
        let text = text.to_owned();
        let emulator = &emulator;
        async move { ask(emulator, Method::GET, ROLES, &[(TOKEN, &text)]).await.0 }
    };
    assert_eq!(with(&text).await, 200);
    assert_eq!(get(&emulator, ROLES).await.0, 403);
    assert_eq!(get(&emulator, "/latest/meta-data/region-id").await.0, 403);
    assert_eq!(with(&format!("{text}x")).await, 403);
    assert_eq!(with("").await, 403);
    seconds.fetch_add(59, Ordering::SeqCst);
    assert_eq!(with(&text).await, 200);
    seconds.fetch_add(1, Ordering::SeqCst);
    assert_eq!(with(&text).await, 403);
    for wrong in ["0", "21601", "-1", "soon", ""] {
        assert_eq!(token(&emulator, wrong).await.0, 400, "{wrong}");
    }
    for right in ["1", "21600"] {
        assert_eq!(token(&emulator, right).await.0, 200, "{right}");
    }
    let forwarded = [(TTL, "60"), ("X-Forwarded-For", "192.0.2.1")];
    assert_eq!(ask(&emulator, Method::PUT, "/latest/api/token", &forwarded).await.0, 403);
    assert_eq!(ask(&emulator, Method::PUT, "/latest/api/token", &[]).await.0, 400);
    assert_eq!(ask(&emulator, Method::GET, "/latest/api/token", &[(TTL, "60")]).await.0, 405);
    assert_eq!(ask(&emulator, Method::POST, ROLES, &[]).await.0, 405);
}

#[tokio::test]
async fn without_tokens_wrong_ones_are_refused_where_tokens_are_known_and_ignored_where_not() {
    let optional = start_with("metadata: {account: \"1234567890123456\", role: dev}").await;
    let wrong = [(TOKEN, "made-up")];
    assert_eq!(ask(&optional, Method::GET, ROLES, &wrong).await.0, 403);
    let old = start_with("metadata: {account: \"1234567890123456\", role: dev, tokens: unsupported}").await;
    assert_eq!(token(&old, "60").await.0, 404);
    assert_eq!(ask(&old, Method::GET, ROLES, &wrong).await, (200, "dev".to_owned()));
}

/// Java's PUT has no Content-Length, Go's paths end in a bare question mark, and header names come in any case.
#[tokio::test(flavor = "multi_thread")]
async fn requests_are_taken_as_the_sdks_write_them() {
    let emulator = start_example().await;
    let put = "PUT /latest/api/token? HTTP/1.1\r\nHOST: 100.100.100.200\r\nx-ALIYUN-ecs-metadata-TOKEN-ttl-seconds: 60\r\nConnection: close\r\n\r\n";
    let answer = raw(&emulator, put);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let token = answer.rsplit("\r\n\r\n").next().unwrap();
    let get = format!(
        "GET {ROLES}? HTTP/1.1\r\nhost: 100.100.100.200\r\nX-ALIYUN-ECS-METADATA-TOKEN: {token}\r\nconnection: close\r\n\r\n"
    );
    let answer = raw(&emulator, &get);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\ndev"), "{answer}");
}

#[tokio::test]
async fn the_instance_says_what_it_is() {
    let emulator = start_example().await;
    for (path, value) in [
        ("meta-data/region-id", "cn-hangzhou"),
        ("meta-data/zone-id", "cn-hangzhou-b"),
        ("meta-data/owner-account-id", "1234567890123456"),
        ("meta-data/instance-id", "i-bp1examplefortests1"),
        ("meta-data/hostname", "worker-1"),
        ("meta-data/mac", "00:16:3e:0f:ed:01"),
        ("meta-data/vpc-id", "vpc-bp1examplefortests"),
        ("meta-data/vswitch-id", "vsw-bp1examplefortests"),
        ("meta-data/private-ipv4", "192.168.0.17"),
        ("meta-data/instance/instance-type", "ecs.g8i.large"),
        ("meta-data/instance/", "instance-type"),
        ("meta-data/ram/", "security-credentials/"),
        ("user-data", "#!/bin/sh\necho hello\n"),
    ] {
        assert_eq!(get(&emulator, &format!("/latest/{path}")).await, (200, value.to_owned()), "{path}");
    }
    let (_, list) = get(&emulator, "/latest/meta-data/").await;
    for name in list.lines() {
        let (status, text) = get(&emulator, &format!("/latest/meta-data/{name}")).await;
        assert!(status == 200 && !text.is_empty(), "{name}");
    }
    assert!(
        list.lines().any(|name| name == "ram/") && list.lines().any(|name| name == "instance/"),
        "{list}"
    );
    let (status, document) = get(&emulator, "/latest/dynamic/instance-identity/document").await;
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!((status, &document["owner-account-id"]), (200, &"1234567890123456".into()));
    assert_eq!(document["instance-type"], "ecs.g8i.large");
    for path in [
        "/latest/dynamic/instance-identity/pkcs7?audience=x",
        "/latest/meta-data/colour",
        "/latestx",
        "/",
        "/?Action=GetCallerIdentity&Version=2015-04-01",
    ] {
        assert_eq!(get(&emulator, path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn what_the_config_leaves_out_has_a_value() {
    let emulator =
        builder("metadata: {account: \"1234567890123456\"}").region("cn-beijing").start().await.unwrap();
    assert_eq!(get(&emulator, "/latest/meta-data/region-id").await.1, "cn-beijing");
    assert_eq!(get(&emulator, "/latest/meta-data/zone-id").await.1, "cn-beijing-a");
    for path in ["/latest/user-data", ROLES, &format!("{ROLES}dev")] {
        assert_eq!(get(&emulator, path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn a_role_that_is_deleted_gives_no_credentials() {
    let emulator = start_with("metadata: {account: \"1234567890123456\", role: dev}").await;
    let first = credentials(&emulator).await;
    emulator.delete_role("1234567890123456", "dev").unwrap();
    assert_eq!(get(&emulator, &format!("{ROLES}dev")).await.0, 404);
    assert_ne!(who(&emulator, &keys_in(&first), now()).await.0, 200);
    let anybody = r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"]}}]}"#;
    emulator.create_role("1234567890123456", "dev", anybody).unwrap();
    let second = credentials(&emulator).await;
    assert_ne!(second["AccessKeyId"], first["AccessKeyId"]);
    assert_eq!(who(&emulator, &keys_in(&second), now()).await.0, 200);
}

#[tokio::test]
async fn the_service_fails_on_demand() {
    let emulator = start_example().await;
    let unavailable =
        |code: &str| Fault::Error { status: 503, code: code.to_owned(), message: String::new() };
    emulator.fail("MetadataRole", unavailable("A").times(1));
    assert_eq!(token(&emulator, "60").await.0, 200);
    let (status, page) = get(&emulator, ROLES).await;
    assert!(status == 503 && page.contains("503 Service Unavailable"), "{page}");
    assert_eq!(get(&emulator, ROLES).await.0, 200);

    // One name for all of it.
    emulator.fail("Metadata", unavailable("B").times(2));
    assert_eq!((token(&emulator, "60").await.0, get(&emulator, ROLES).await.0), (503, 503));

    emulator
        .fail("MetadataItem", Fault::Garbage { content_type: "text/html".into(), body: b"<html>".to_vec() });
    assert_eq!(get(&emulator, "/latest/meta-data/region-id").await, (200, "<html>".to_owned()));
    emulator.clear_faults();

    emulator.fail("MetadataCredentials", Fault::BreakConnection.times(1));
    let url = format!("{}{ROLES}dev", emulator.metadata_endpoint().unwrap());
    let error = plain().get(&url).timeout(Duration::from_secs(20)).send().await.unwrap_err();
    assert!(!error.is_timeout(), "{error:?}");

    emulator.fail("MetadataCredentials", Fault::Silence.times(1));
    let error = plain().get(&url).timeout(Duration::from_millis(300)).send().await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");

    emulator.fail("MetadataCredentials", Fault::ExpiredCredentials.times(1));
    let ended = credentials(&emulator).await;
    assert!(ended["Expiration"].as_str().unwrap().parse::<Timestamp>().unwrap() < now());
    assert_eq!(who(&emulator, &keys_in(&ended), now()).await.1["Code"], "InvalidSecurityToken.Expired");
    assert_eq!(who(&emulator, &keys_in(&credentials(&emulator).await), now()).await.0, 200);

    let begin = std::time::Instant::now();
    emulator.fail("Metadata", Fault::Delay(Duration::from_millis(300)).times(1));
    assert_eq!(get(&emulator, ROLES).await.0, 200);
    assert!(begin.elapsed() >= Duration::from_millis(300));

    let actions: Vec<_> = emulator.requests().into_iter().map(|r| (r.action, r.status, r.style)).collect();
    assert_eq!(actions[0], ("MetadataToken".to_owned(), Some(200), Style::Anonymous));
    assert_eq!(actions[1], ("MetadataRole".to_owned(), Some(503), Style::Anonymous));
    assert!(actions.contains(&("MetadataCredentials".to_owned(), None, Style::Anonymous)));
}

#[tokio::test]
async fn assume_role_hands_out_ended_credentials_on_demand() {
    let emulator = start().await;
    let assume = [("Action", "AssumeRole"), ("RoleArn", DEV), ("RoleSessionName", "s1")];
    emulator.fail("AssumeRole", Fault::ExpiredCredentials.times(1));
    let (status, body) = answer(rpc_get(&client(&emulator), &emulator, &alice(), &assume)).await;
    assert_eq!(status, 200);
    assert_eq!(who(&emulator, &keys_of(&body), now()).await.1["Code"], "InvalidSecurityToken.Expired");
}

#[tokio::test]
async fn each_listener_answers_its_own_requests_only() {
    let emulator = start_example().await;
    let url = format!("{}{ROLES}", emulator.endpoint());
    assert_eq!(client(&emulator).get(url).send().await.unwrap().status().as_u16(), 404);
    assert_eq!(get(&emulator, "/v1/exchange").await.0, 404);
    assert_eq!(get(&emulator, "/cloud-credentials").await.0, 404);
    let address: SocketAddr = emulator.metadata_endpoint().unwrap().replace("http://", "").parse().unwrap();
    emulator.shutdown().await;
    assert!(TcpStream::connect(address).is_err(), "the port is open after the end");
}

#[tokio::test]
async fn metadata_listens_where_it_may_and_where_there_is_something_to_say() {
    let start = |section: &str, address: &str| {
        let config = Config::from_yaml(&format!("{ACCOUNTS}{section}"), "inline").unwrap();
        Emulator::builder(config).metadata_listen(address.parse().unwrap()).start()
    };
    let section = "metadata: {account: \"1234567890123456\"}";
    for address in ["0.0.0.0:0", "192.0.2.1:80", "100.100.100.201:80"] {
        let error = start(section, address).await.unwrap_err();
        assert!(matches!(error, StartError::MetadataAddress(_)), "{error}");
        assert!(error.to_string().contains(address), "{error}");
    }
    let error = start("", LOOPBACK).await.unwrap_err();
    assert!(matches!(error, StartError::NothingForMetadata), "{error}");
    // Not in this network namespace; where it is, there is nothing to refuse.
    if let Err(error) = start(section, "100.100.100.200:0").await {
        assert!(matches!(error, StartError::NoMetadataAddress(_)), "{error}");
        assert!(error.to_string().contains("unshare -rn"), "{error}");
    }
    let emulator = start(section, LOOPBACK).await.unwrap();
    assert_eq!((emulator.credentials_uri(), emulator.proxy_url()), (None, None));
    let without = Emulator::builder(config()).start().await.unwrap();
    assert_eq!((without.metadata_endpoint(), without.credentials_uri()), (None, None));
}

async fn fetch(emulator: &Emulator) -> (u16, Value) {
    let response = plain().get(emulator.credentials_uri().unwrap()).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn the_credentials_uri_hands_out_keys_of_a_role() {
    let emulator = start_example().await;
    assert!(emulator.credentials_uri().unwrap().ends_with("/credentials"));
    let (status, document) = fetch(&emulator).await;
    assert_eq!((status, &document["Code"]), (200, &"Success".into()));
    let (_, identity) = who(&emulator, &keys_in(&document), now()).await;
    assert_eq!(identity["Arn"], "acs:ram::1234567890123456:assumed-role/dev/credentials-uri");

    emulator.fail("CredentialsUri", Fault::ExpiredCredentials.times(1));
    let (_, ended) = fetch(&emulator).await;
    assert_eq!(who(&emulator, &keys_in(&ended), now()).await.1["Code"], "InvalidSecurityToken.Expired");

    let fault = Fault::Error { status: 500, code: "InternalError".into(), message: "Not now.".into() };
    emulator.fail("CredentialsUri", fault.times(1));
    let (status, document) = fetch(&emulator).await;
    assert_eq!(
        (status, &document["Code"], &document["Message"]),
        (500, &"InternalError".into(), &"Not now.".into())
    );

    let post = plain().post(emulator.credentials_uri().unwrap()).send().await.unwrap();
    assert_eq!(post.status().as_u16(), 405);
    emulator.delete_role("1234567890123456", "dev").unwrap();
    assert_eq!(fetch(&emulator).await.0, 404);
}

#[tokio::test]
async fn the_credentials_uri_hands_out_a_users_key() {
    let emulator = start_with("credentialsUri: {path: /c/1, accessKeyId: LTAIalice}").await;
    assert_eq!(emulator.metadata_endpoint(), None);
    let (status, document) = fetch(&emulator).await;
    assert_eq!((status, &document["SecurityToken"]), (200, &"".into()));
    assert!(document["Expiration"].as_str().unwrap().parse::<Timestamp>().unwrap() > now());
    let keys = Keys { token: None, ..keys_in(&document) };
    let (_, identity) = who(&emulator, &keys, now()).await;
    assert_eq!(identity["Arn"], "acs:ram::1234567890123456:user/alice");
    emulator.delete_user("1234567890123456", "alice").unwrap();
    assert_eq!(fetch(&emulator).await.0, 404);
}

#[test]
fn mistakes_in_the_config_are_named_with_their_line() {
    let account = "account: \"1234567890123456\"";
    for (section, words) in [
        ("metadata: {account: \"6543210987654321\"}".to_owned(), "no account \"6543210987654321\""),
        (format!("metadata: {{{account}, role: nobody}}"), "no role \"nobody\""),
        (format!("metadata: {{{account}, tokens: sometimes}}"), "sometimes"),
        (format!("metadata: {{{account}, instance: {{id: \"x 1\"}}}}"), "instance id \"x 1\""),
        (format!("metadata: {{{account}, instance: {{privateIpv4: here}}}}"), "privateIpv4 \"here\""),
        (format!("metadata: {{{account}, instance: {{hostname: \"a\\nb\"}}}}"), "hostname"),
        (format!("metadata: {{{account}, instance: {{colour: red}}}}"), "colour"),
        ("credentialsUri: {path: credentials, accessKeyId: LTAIalice}".to_owned(), "path \"credentials\""),
        ("credentialsUri: {path: /latest/x, accessKeyId: LTAIalice}".to_owned(), "outside of /latest"),
        ("credentialsUri: {path: /c, accessKeyId: LTAInobody}".to_owned(), "LTAInobody"),
        ("credentialsUri: {path: /c}".to_owned(), "either an accessKeyId"),
        (format!("credentialsUri: {{path: /c, accessKeyId: LTAIalice, {account}, role: dev}}"), "either"),
        (format!("credentialsUri: {{path: /c, {account}}}"), "either"),
    ] {
        let error =
            Config::from_yaml(&format!("{ACCOUNTS}{section}\n"), "test.yaml").unwrap_err().to_string();
        assert!(error.starts_with("test.yaml, line 9: ") && error.contains(words), "{section}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
