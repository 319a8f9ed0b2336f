//! CloudSSO: credentials for somebody who has signed in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::*;
use emulator::{Config, Emulator, Fault};
use jiff::Timestamp;
use reqwest::{Client, Response};
use serde_json::{Value, json};

const HOST: &str = "signin-cn-shanghai.alibabacloudsso.com";
const TOKEN: &str = "cloudsso-token-of-alice";

fn right() -> Value {
    json!({"AccountId": "1234567890123456", "AccessConfigurationId": "ac-00example"})
}

async fn ask_at(client: &Client, base: &str, token: &str, body: &Value) -> (u16, Value) {
    let request = client.post(format!("{base}/cloud-credentials")).bearer_auth(token).json(body);
    read_json(request.send().await.unwrap()).await
}

async fn read_json(response: Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn ask(emulator: &Emulator, token: &str, body: &Value) -> (u16, Value) {
    ask_at(&client(emulator), &emulator.endpoint(), token, body).await
}

async fn who(emulator: &Emulator, document: &Value) -> (u16, Value) {
    let keys = keys_of(&json!({"Credentials": document["CloudCredential"]}));
    answer(rpc_get(&client(emulator), emulator, &keys, &[("Action", "GetCallerIdentity")])).await
}

#[tokio::test]
async fn an_access_token_gets_credentials_of_the_role() {
    let emulator = start().await;
    let (status, document) = ask(&emulator, TOKEN, &right()).await;
    assert_eq!(status, 200, "{document}");
    assert_eq!(document["RequestId"].as_str().unwrap().len(), 36);
    let end: Timestamp = document["CloudCredential"]["Expiration"].as_str().unwrap().parse().unwrap();
    assert!(end > now());
    let (status, identity) = who(&emulator, &document).await;
    assert_eq!(status, 200);
    assert_eq!(identity["Arn"], "acs:ram::1234567890123456:assumed-role/dev/alice@example.com");
    assert_eq!(emulator.requests()[0].action, "CloudSso");
    assert!(!format!("{:?}", emulator.requests()[0]).contains(TOKEN));
}

#[tokio::test]
async fn the_sign_in_host_answers_nothing_else_and_no_other_host_answers_it() {
    let emulator = start().await;
    let ca = reqwest::Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
    let client = Client::builder()
        .tls_certs_only([ca])
        .no_proxy()
        .resolve(HOST, emulator.address())
        .resolve("sts.aliyuncs.com", emulator.address())
        .build()
        .unwrap();
    let port = emulator.address().port();
    let base = format!("https://{HOST}:{port}");
    assert_eq!(ask_at(&client, &base, TOKEN, &right()).await.0, 200);
    let api = format!("{base}/?Action=GetCallerIdentity&Version=2015-04-01");
    let (status, body) = read_json(client.get(api).send().await.unwrap()).await;
    assert_eq!((status, &body["ErrorCode"]), (404, &json!("NotFound")));
    let sts = format!("https://sts.aliyuncs.com:{port}/cloud-credentials");
    let response = client.post(sts).bearer_auth(TOKEN).json(&right()).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 404);
}

#[tokio::test]
async fn whoever_has_not_signed_in_or_asks_for_something_else_is_refused() {
    let emulator = start().await;
    let change = |name: &str, value: Value| {
        let mut body = right();
        body[name] = value;
        body
    };
    for (token, body, status, code) in [
        ("made-up", right(), 401, "InvalidAccessToken"),
        ("alice@example.com", right(), 401, "InvalidAccessToken"),
        (TOKEN, change("AccountId", json!("6543210987654321")), 400, "EntityNotExists.AccessAssignment"),
        (
            TOKEN,
            change("AccessConfigurationId", json!("ac-00other")),
            400,
            "EntityNotExists.AccessAssignment",
        ),
        (TOKEN, change("AccountId", json!(1)), 400, "InvalidParameter"),
        (TOKEN, json!({}), 400, "InvalidParameter"),
        (TOKEN, json!("AccountId"), 400, "InvalidParameter"),
    ] {
        let (found, document) = ask(&emulator, token, &body).await;
        assert_eq!((found, &document["ErrorCode"]), (status, &json!(code)), "{body}");
        assert_eq!(document.get("CloudCredential"), None);
    }
    let client = client(&emulator);
    let url = format!("{}/cloud-credentials", emulator.endpoint());
    assert_eq!(client.post(&url).json(&right()).send().await.unwrap().status().as_u16(), 401);
    assert_eq!(client.get(&url).bearer_auth(TOKEN).send().await.unwrap().status().as_u16(), 405);
    emulator.delete_role("1234567890123456", "dev").unwrap();
    assert_eq!(ask(&emulator, TOKEN, &right()).await.1["ErrorCode"], "EntityNotExists.Role");
}

#[tokio::test]
async fn cloud_sso_fails_on_demand() {
    let emulator = start().await;
    let fault = Fault::Error { status: 500, code: "InternalError".into(), message: "Not now.".into() };
    emulator.fail("CloudSso", fault.times(1));
    let (status, document) = ask(&emulator, TOKEN, &right()).await;
    assert_eq!(
        (status, &document["ErrorCode"], &document["ErrorMessage"]),
        (500, &json!("InternalError"), &json!("Not now."))
    );
    emulator.fail("CloudSso", Fault::ExpiredCredentials.times(1));
    let (_, ended) = ask(&emulator, TOKEN, &right()).await;
    assert_eq!(who(&emulator, &ended).await.1["Code"], "InvalidSecurityToken.Expired");
    assert_eq!(who(&emulator, &ask(&emulator, TOKEN, &right()).await.1).await.0, 200);
}

#[test]
fn mistakes_in_the_config_are_named_and_no_token_is() {
    let role = r#"roles: [{name: dev, id: "3", trustPolicy: {Version: "1", Statement: {Effect: Allow, Action: "*", Principal: {Service: x}}}}]"#;
    let accounts = format!("accounts: [{{id: \"1234567890123456\", {role}}}]\n");
    let one = |host: &str, token: &str, user: &str, account: &str, role: &str| {
        format!(
            "cloudSso: {{host: {host}, accessTokens: [{{token: {token}, user: \"{user}\"}}], accessConfigurations: [{{id: ac-1, account: \"{account}\", role: {role}}}]}}"
        )
    };
    let parse = |section: &str| Config::from_yaml(&format!("{accounts}{section}\n"), "test.yaml");
    assert!(parse(&one(HOST, "hunter2", "alice", "1234567890123456", "DEV")).is_ok());
    for (section, words) in [
        (one("sso.example.com", "hunter2", "alice", "1234567890123456", "dev"), "sso.example.com"),
        (one("alibabacloudsso.com", "hunter2", "alice", "1234567890123456", "dev"), "sign-in host"),
        (one("a.b.alibabacloudsso.com", "hunter2", "alice", "1234567890123456", "dev"), "sign-in host"),
        (one("xalibabacloudsso.com", "hunter2", "alice", "1234567890123456", "dev"), "sign-in host"),
        (one(HOST, "\"\"", "alice", "1234567890123456", "dev"), "the access token of \"alice\" is empty"),
        (one(HOST, "hunter2", "a/b", "1234567890123456", "dev"), "user \"a/b\""),
        (one(HOST, "hunter2", "alice", "1", "dev"), "no account \"1\""),
        (one(HOST, "hunter2", "alice", "1234567890123456", "ops"), "no role \"ops\""),
        (one(HOST, "[hunter2]", "alice", "1234567890123456", "dev"), "line 2"),
    ] {
        let error = parse(&section).unwrap_err().to_string();
        assert!(error.starts_with("test.yaml, line 2: ") && error.contains(words), "{section}: {error}");
        assert!(!error.contains("hunter2") && error.lines().count() == 1, "{error}");
    }
}
