//! OAuth: refresh tokens, access tokens and credentials.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use common::*;
use emulator::{Config, Emulator, Fault};
use jiff::Timestamp;
use reqwest::Client;
use serde_json::{Value, json};

const CN: &str = "4038181954557748008";
const INTL: &str = "4103531455503354461";

/// Status and JSON body of a refresh at this base address.
async fn refresh_at(client: &Client, base: &str, client_id: &str, token: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", client_id),
        ("Timestamp", "2026-11-22T15:30:20Z"),
    ];
    let response = client.post(format!("{base}/v1/token")).form(&form).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn exchange_at(client: &Client, base: &str, token: &str) -> (u16, Value) {
    let request = client.post(format!("{base}/v1/exchange")).bearer_auth(token);
    let response = request.header("content-type", "application/json").send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn refresh(emulator: &Emulator, client_id: &str, token: &str) -> (u16, Value) {
    refresh_at(&client(emulator), &emulator.endpoint(), client_id, token).await
}

async fn exchange(emulator: &Emulator, token: &str) -> (u16, Value) {
    exchange_at(&client(emulator), &emulator.endpoint(), token).await
}

fn text(document: &Value, name: &str) -> String {
    document[name].as_str().unwrap_or_else(|| panic!("{name} in {document}")).to_owned()
}

async fn who(emulator: &Emulator, exchanged: &Value, at: Timestamp) -> (u16, Value) {
    let keys = Keys {
        id: text(exchanged, "AccessKeyId"),
        secret: text(exchanged, "AccessKeySecret"),
        token: Some(text(exchanged, "SecurityToken")),
    };
    let whoami = [("Action", "GetCallerIdentity")];
    answer(rpc_get_at(&client(emulator), emulator, &keys, &whoami, at)).await
}

/// A client for which real host names are the emulator.
fn client_with_real_names(emulator: &Emulator) -> Client {
    let ca = reqwest::Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
    let mut builder = Client::builder().tls_certs_only([ca]).no_proxy();
    for name in ["oauth.aliyun.com", "oauth.alibabacloud.com", "sts.aliyuncs.com"] {
        builder = builder.resolve(name, emulator.address());
    }
    builder.build().unwrap()
}

#[tokio::test]
async fn a_refresh_token_becomes_an_access_token_and_that_credentials() {
    let emulator = start().await;
    let (status, tokens) = refresh(&emulator, CN, "refresh-token-of-alice").await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(3600)));
    let (status, exchanged) = exchange(&emulator, &text(&tokens, "access_token")).await;
    assert_eq!(status, 200, "{exchanged}");
    assert!(text(&exchanged, "Expiration").ends_with('Z') && text(&exchanged, "RequestId").len() == 36);
    let (status, identity) = who(&emulator, &exchanged, now()).await;
    assert_eq!((status, &identity["Arn"]), (200, &json!("acs:ram::1234567890123456:user/alice")));
    // A role, in the other market.
    let (_, tokens) = refresh(&emulator, INTL, "refresh-token-of-dev").await;
    let (_, exchanged) = exchange(&emulator, &text(&tokens, "access_token")).await;
    let (_, identity) = who(&emulator, &exchanged, now()).await;
    assert_eq!(identity["Arn"], "acs:ram::1234567890123456:assumed-role/dev/oauth");
    let actions: Vec<_> = emulator.requests().into_iter().map(|request| request.action).collect();
    assert_eq!(actions[..2], ["OAuthToken", "OAuthExchange"]);
}

#[tokio::test]
async fn a_refresh_token_is_good_once_where_they_rotate() {
    let emulator = start().await;
    let (_, first) = refresh(&emulator, CN, "refresh-token-of-alice").await;
    let next = text(&first, "refresh_token");
    assert_ne!(next, "refresh-token-of-alice");
    let (status, refused) = refresh(&emulator, CN, "refresh-token-of-alice").await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    let (status, second) = refresh(&emulator, CN, &next).await;
    assert_eq!(status, 200);
    for tokens in [first, second] {
        assert_eq!(exchange(&emulator, &text(&tokens, "access_token")).await.0, 200);
    }

    let steady = CONFIG.replace("rotateRefreshTokens: true", "rotateRefreshTokens: false");
    let config = Config::from_yaml(&steady, "steady").unwrap();
    let emulator = Emulator::builder(config).start().await.unwrap();
    for _ in 0..2 {
        let (status, tokens) = refresh(&emulator, CN, "refresh-token-of-alice").await;
        assert_eq!((status, &tokens["refresh_token"]), (200, &json!("refresh-token-of-alice")));
    }
}

#[tokio::test]
async fn access_tokens_end() {
    let seconds = Arc::new(AtomicI64::new(NOON));
    let shared = Arc::clone(&seconds);
    let clock = move || Timestamp::from_second(shared.load(Ordering::SeqCst)).unwrap();
    let emulator = Emulator::builder(config()).clock(clock).start().await.unwrap();
    // The config's own is good from the start on.
    let (status, exchanged) = exchange(&emulator, "access-token-of-alice").await;
    assert_eq!(status, 200);
    assert_eq!(text(&exchanged, "Expiration"), "2026-11-22T16:30:20Z");
    seconds.fetch_add(3599, Ordering::SeqCst);
    assert_eq!(exchange(&emulator, "access-token-of-alice").await.0, 200);
    let (_, tokens) = refresh(&emulator, CN, "refresh-token-of-alice").await;
    seconds.fetch_add(1, Ordering::SeqCst);
    assert_eq!(exchange(&emulator, "access-token-of-alice").await.0, 401);
    assert_eq!(exchange(&emulator, &text(&tokens, "access_token")).await.0, 200);
    let at = Timestamp::from_second(seconds.load(Ordering::SeqCst)).unwrap();
    assert_eq!(who(&emulator, &exchanged, at).await.1["Code"], "InvalidSecurityToken.Expired");
}

#[tokio::test]
async fn the_host_name_decides_the_market() {
    let emulator = start().await;
    let client = client_with_real_names(&emulator);
    let port = emulator.address().port();
    let (cn, intl) =
        (format!("https://oauth.aliyun.com:{port}"), format!("https://oauth.alibabacloud.com:{port}"));
    // A client of the other market, and a token of it.
    assert_eq!(refresh_at(&client, &intl, CN, "refresh-token-of-alice").await.1["error"], "invalid_client");
    assert_eq!(refresh_at(&client, &intl, INTL, "refresh-token-of-alice").await.1["error"], "invalid_grant");
    assert_eq!(exchange_at(&client, &intl, "access-token-of-alice").await.0, 401);
    let (status, tokens) = refresh_at(&client, &cn, CN, "refresh-token-of-alice").await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(exchange_at(&client, &cn, &text(&tokens, "access_token")).await.0, 200);
    assert_eq!(exchange_at(&client, &cn, "access-token-of-alice").await.0, 200);
    // Neither the API at OAuth's hosts, nor OAuth at the API's.
    let api = client.get(format!("{cn}/?Action=GetCallerIdentity&Version=2015-04-01")).send().await.unwrap();
    assert_eq!(
        (api.status().as_u16(), api.json::<Value>().await.unwrap()["error"].clone()),
        (404, json!("NotFound"))
    );
    let sts = format!("https://sts.aliyuncs.com:{port}/v1/exchange");
    let response = client.post(sts).bearer_auth("access-token-of-alice").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 404);
    assert!(!response.text().await.unwrap().contains("AccessKeySecret"));
}

#[tokio::test]
async fn what_is_wrong_is_told_in_oauths_words() {
    let emulator = start().await;
    let client = client(&emulator);
    let url = format!("{}/v1/token", emulator.endpoint());
    let form = |change: &[(&'static str, &'static str)]| {
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", "refresh-token-of-alice"),
            ("client_id", CN),
        ];
        for (name, value) in change {
            form.retain(|(key, _)| key != name);
            form.push((name, value));
        }
        form
    };
    for (form, status, code) in [
        (form(&[("grant_type", "password")]), 400, "unsupported_grant_type"),
        (form(&[("grant_type", "")]), 400, "invalid_request"),
        (form(&[("refresh_token", "")]), 400, "invalid_request"),
        (form(&[("client_id", "1")]), 401, "invalid_client"),
        (form(&[("client_id", INTL)]), 400, "invalid_grant"),
        (form(&[("refresh_token", "made-up")]), 400, "invalid_grant"),
        (form(&[("refresh_token", "access-token-of-alice")]), 400, "invalid_grant"),
        ([form(&[]), form(&[])].concat(), 400, "invalid_request"),
    ] {
        let response = client.post(&url).form(&form).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{form:?}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"], code, "{form:?}: {body}");
    }
    assert_eq!(client.get(&url).send().await.unwrap().status().as_u16(), 405);
    for token in ["made-up", "refresh-token-of-alice"] {
        assert_eq!(exchange(&emulator, token).await.1["error"], "invalid_token", "{token}");
    }
    let exchange = format!("{}/v1/exchange", emulator.endpoint());
    assert_eq!(client.post(&exchange).send().await.unwrap().status().as_u16(), 401);
    let basic = client.post(&exchange).header("authorization", "Basic access-token-of-alice");
    assert_eq!(basic.send().await.unwrap().status().as_u16(), 401);
    // Nothing of it used the token up.
    assert_eq!(refresh(&emulator, CN, "refresh-token-of-alice").await.0, 200);
}

#[tokio::test]
async fn a_user_who_is_deleted_gets_no_credentials() {
    let emulator = start().await;
    let (_, exchanged) = exchange(&emulator, "access-token-of-alice").await;
    emulator.delete_user("1234567890123456", "alice").unwrap();
    assert_eq!(exchange(&emulator, "access-token-of-alice").await.0, 401);
    assert_ne!(who(&emulator, &exchanged, now()).await.0, 200);
}

#[tokio::test]
async fn oauth_fails_on_demand() {
    let emulator = start().await;
    let fault = Fault::Error { status: 500, code: "server_error".into(), message: "Not now.".into() };
    emulator.fail("OAuth", fault.times(2));
    let (status, body) = refresh(&emulator, CN, "refresh-token-of-alice").await;
    assert_eq!((status, body), (500, json!({"error": "server_error", "error_description": "Not now."})));
    assert_eq!(exchange(&emulator, "access-token-of-alice").await.0, 500);
    emulator.fail("OAuthExchange", Fault::ExpiredCredentials.times(1));
    let (_, ended) = exchange(&emulator, "access-token-of-alice").await;
    assert_eq!(who(&emulator, &ended, now()).await.1["Code"], "InvalidSecurityToken.Expired");
}

#[tokio::test]
async fn without_oauth_in_the_config_there_is_none() {
    let config = Config::from_yaml("accounts:\n  - id: \"1234567890123456\"\n", "bare").unwrap();
    let emulator = Emulator::builder(config).start().await.unwrap();
    let client = client_with_real_names(&emulator);
    for host in ["oauth.aliyun.com", "127.0.0.1"] {
        let url = format!("https://{host}:{}/v1/exchange", emulator.address().port());
        assert_eq!(client.post(url).send().await.unwrap().status().as_u16(), 404, "{host}");
    }
}

#[test]
fn mistakes_in_the_config_are_named_and_no_token_is() {
    let accounts = "accounts: [{id: \"1234567890123456\", users: [{name: al, id: \"2\"}]}]\noauth:\n";
    for (section, words) in [
        ("users: [{account: \"1\", user: al, refreshToken: hunter2}]", "no account \"1\""),
        ("users: [{account: \"1234567890123456\", user: bo, refreshToken: hunter2}]", "no user \"bo\""),
        ("users: [{account: \"1234567890123456\", role: al, refreshToken: hunter2}]", "no role \"al\""),
        ("users: [{account: \"1234567890123456\", refreshToken: hunter2}]", "either a user or a role"),
        ("users: [{account: \"1234567890123456\", user: al, refreshToken: \"\"}]", "empty"),
        ("users: [{account: \"1234567890123456\", user: al, siteType: EU, refreshToken: hunter2}]", "EU"),
        (
            "users: [{account: \"1234567890123456\", user: al, refreshToken: hunter2}, {account: \"1234567890123456\", user: al, refreshToken: hunter2}]",
            "another one has already",
        ),
        ("accessTokenLifetime: 0\n  users: []", "accessTokenLifetime 0"),
        ("users: [{account: \"1234567890123456\", user: al, refreshToken: [hunter2]}]", "line 3"),
    ] {
        let error =
            Config::from_yaml(&format!("{accounts}  {section}\n"), "test.yaml").unwrap_err().to_string();
        assert!(error.starts_with("test.yaml, line 3: ") && error.contains(words), "{section}: {error}");
        assert!(!error.contains("hunter2") && error.lines().count() == 1, "{error}");
    }
}
