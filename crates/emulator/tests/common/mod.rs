//! An emulator with the example's accounts, and a client that signs by hand.

// Each test program uses a part of this.
#![allow(dead_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use emulator::{Config, Emulator};
use jiff::Timestamp;
use reqwest::{Certificate, Client, RequestBuilder, Response};
use serde_json::Value;
use signature::{Secret, acs3, encoding, format_timestamp, rpc};

pub(crate) const CONFIG: &str = include_str!("../../examples/ram-emulator.yaml");
pub(crate) const DEV: &str = "acs:ram::1234567890123456:role/dev";
pub(crate) const ADMIN: &str = "acs:ram::1234567890123456:role/admin";
/// 2026-11-22T15:30:20Z.
pub(crate) const NOON: i64 = 1_795_361_420;

/// Tests are a border: the emulator runs with the system's clock in most of them.
#[allow(clippy::disallowed_methods)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

pub(crate) fn config() -> Config {
    Config::from_yaml(CONFIG, "example").unwrap()
}

pub(crate) async fn start() -> Emulator {
    Emulator::builder(config()).start().await.unwrap()
}

/// Trusts the emulator's CA alone.
pub(crate) fn client(emulator: &Emulator) -> Client {
    let ca = Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
    Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap()
}

#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
}

pub(crate) fn keys(id: &str, secret: &str) -> Keys {
    Keys { id: id.to_owned(), secret: secret.to_owned(), token: None }
}

pub(crate) fn root() -> Keys {
    keys("LTAIroot", "root-secret-for-tests")
}

pub(crate) fn alice() -> Keys {
    keys("LTAIalice", "alice-secret-for-tests")
}

pub(crate) fn bob() -> Keys {
    keys("LTAIbob", "bob-secret-for-tests")
}

/// The keys of an AssumeRole answer.
pub(crate) fn keys_of(answer: &Value) -> Keys {
    let credentials = &answer["Credentials"];
    let text =
        |name: &str| credentials[name].as_str().unwrap_or_else(|| panic!("{name} in {answer}")).to_owned();
    Keys { id: text("AccessKeyId"), secret: text("AccessKeySecret"), token: Some(text("SecurityToken")) }
}

pub(crate) fn pairs(params: &[(&str, &str)]) -> Vec<(String, String)> {
    params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The parameters of an RPC request, signed.
pub(crate) fn rpc_params(
    method: &str,
    keys: &Keys,
    params: &[(&str, &str)],
    at: Timestamp,
) -> Vec<(String, String)> {
    static NONCE: AtomicU64 = AtomicU64::new(0);
    let nonce = NONCE.fetch_add(1, Ordering::Relaxed).to_string();
    let time = format_timestamp(at);
    let mut all = pairs(&[
        ("AccessKeyId", &keys.id),
        ("Format", "json"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", &nonce),
        ("SignatureVersion", "1.0"),
        ("Timestamp", &time),
        ("Version", "2015-04-01"),
    ]);
    all.retain(|(name, _)| params.iter().all(|(other, _)| other != name));
    all.extend(pairs(params));
    all.extend(keys.token.clone().map(|token| ("SecurityToken".to_owned(), token)));
    let text = rpc::string_to_sign(method, &all);
    all.push(("Signature".to_owned(), rpc::sign(&Secret::new(keys.secret.clone()), &text)));
    all
}

/// RPC style, GET, everything in the query.
pub(crate) fn rpc_get(
    client: &Client,
    emulator: &Emulator,
    keys: &Keys,
    params: &[(&str, &str)],
) -> RequestBuilder {
    rpc_get_at(client, emulator, keys, params, now())
}

pub(crate) fn rpc_get_at(
    client: &Client,
    emulator: &Emulator,
    keys: &Keys,
    params: &[(&str, &str)],
    at: Timestamp,
) -> RequestBuilder {
    let query = encoding::build_query(&rpc_params("GET", keys, params, at));
    client.get(format!("{}/?{query}", emulator.endpoint()))
}

/// ACS3 style, POST, parameters in the query.
pub(crate) fn acs3_post(
    client: &Client,
    emulator: &Emulator,
    keys: &Keys,
    action: &str,
    params: &[(&str, &str)],
) -> RequestBuilder {
    acs3_post_to(client, emulator, keys, ("2015-04-01", action), params)
}

/// The same for an operation of this version, which tells the service.
pub(crate) fn acs3_post_to(
    client: &Client,
    emulator: &Emulator,
    keys: &Keys,
    (version, action): (&str, &str),
    params: &[(&str, &str)],
) -> RequestBuilder {
    let query = pairs(params);
    let mut headers = pairs(&[
        ("host", &emulator.address().to_string()),
        ("x-acs-action", action),
        ("x-acs-content-sha256", acs3::EMPTY_BODY_SHA256),
        ("x-acs-date", &format_timestamp(now())),
        ("x-acs-version", version),
    ]);
    headers.extend(keys.token.clone().map(|token| ("x-acs-security-token".to_owned(), token)));
    let request = acs3::Request {
        method: "POST",
        path: "/",
        query: &query,
        headers: &headers,
        content_sha256: acs3::EMPTY_BODY_SHA256,
    };
    let authorization = acs3::authorize(&request, &keys.id, &Secret::new(keys.secret.clone())).unwrap();
    let url = format!("{}/?{}", emulator.endpoint(), encoding::build_query(&query));
    let mut builder = client.post(url).header("authorization", authorization.to_string());
    for (name, value) in headers.into_iter().filter(|(name, _)| name != "host") {
        builder = builder.header(name, value);
    }
    builder
}

/// Status and JSON body.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    read(request.send().await.unwrap()).await
}

pub(crate) async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let id = response.headers()["x-acs-request-id"].to_str().unwrap().to_owned();
    let text = response.text().await.unwrap();
    let body: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(body["RequestId"], id.as_str());
    (status, body)
}

/// Status and code of an error answer.
pub(crate) async fn error(request: RequestBuilder) -> (u16, String) {
    let (status, body) = answer(request).await;
    (status, body["Code"].as_str().unwrap_or_else(|| panic!("no error: {body}")).to_owned())
}
