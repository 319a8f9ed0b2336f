//! The key of a place that credentials come from: whatever can make them somebody else's, or another session's, makes
//! another key, and nothing in it is a secret. Who gets this wrong takes one person's certificate for another's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::path::Path;

use openapi::credentials::{Environment, Search, Setting, Source};
use serde_json::{Value, json};
use support::machine::{environment, now};

fn of_variables(pairs: &[(&str, &str)]) -> String {
    support::machine::source(pairs).identity_key()
}

fn of_profile(profile: &Value) -> String {
    let text = json!({"profiles": [profile]}).to_string();
    let read = |_: &Path| Ok(text.clone());
    let setting = |origin: &str, value: &str| Setting { origin: origin.to_owned(), value: value.to_owned() };
    let environment = Environment { read_file: &read, ..environment(&|_| None) };
    let mut search = Search::new(environment, now());
    search.profile_file = Some(setting("--profile-file", "/a.json"));
    search.profile_name = Some(setting("--profile-name", "p"));
    Source::find(&search).unwrap().identity_key()
}

/// Each key is given twice, alone among all, and without a secret.
fn assert_apart(keys: impl Fn() -> Vec<String>) {
    let mut all = keys();
    assert_eq!(all, keys(), "the same settings give the same key");
    assert!(all.iter().all(|key| !key.contains("canary")), "{all:?}");
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "{all:?}");
}

/// The settings, and once each of them with one value changed.
fn with_changes(base: &Value, changes: &[(&str, &str)]) -> Vec<Value> {
    let changed = changes.iter().map(|(key, value)| {
        let mut profile = base.clone();
        profile[*key] = json!(value);
        profile
    });
    std::iter::once(base.clone()).chain(changed).collect()
}

const OIDC: [(&str, &str); 4] = [
    ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1234567890123456:role/dev"),
    ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1234567890123456:oidc-provider/ack"),
    ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/var/run/a"),
    ("ALIBABA_CLOUD_ROLE_SESSION_NAME", "alice"),
];

#[test]
fn of_a_token_file_that_variables_name() {
    assert_apart(|| {
        let change = |at: usize, value: &'static str| {
            let mut pairs = OIDC;
            pairs[at].1 = value;
            of_variables(&pairs)
        };
        vec![
            of_variables(&OIDC),
            change(0, "acs:ram::1234567890123456:role/ops"),
            change(1, "acs:ram::1234567890123456:oidc-provider/other"),
            change(2, "/var/run/b"),
            change(3, "bob"),
        ]
    });
}

#[test]
fn of_a_token_file_that_a_profile_names() {
    let base = json!({
        "name": "p", "mode": "OIDC", "region_id": "cn-hangzhou", "ram_session_name": "alice",
        "ram_role_arn": "acs:ram::1234567890123456:role/dev", "oidc_token_file": "/var/run/a",
        "oidc_provider_arn": "acs:ram::1234567890123456:oidc-provider/ack",
    });
    let profiles = with_changes(
        &base,
        &[
            ("ram_role_arn", "acs:ram::1234567890123456:role/ops"),
            ("oidc_provider_arn", "acs:ram::1234567890123456:oidc-provider/other"),
            ("oidc_token_file", "/var/run/b"),
            ("ram_session_name", "bob"),
            ("sts_region", "cn-beijing"),
        ],
    );
    assert_apart(|| profiles.iter().map(of_profile).collect());
}

#[test]
fn of_a_role_that_different_keys_assume() {
    let base = json!({
        "name": "p", "mode": "RamRoleArn", "ram_session_name": "alice", "access_key_id": "LTAIx",
        "access_key_secret": "canary", "ram_role_arn": "acs:ram::1234567890123456:role/dev",
    });
    let changes = [("access_key_id", "LTAIy"), ("access_key_secret", "canary2"), ("sts_token", "canary")];
    let profiles = with_changes(&base, &changes);
    assert_apart(|| profiles.iter().map(of_profile).collect());
}

#[test]
fn of_metadata_services() {
    assert_apart(|| {
        let role = ("ALIBABA_CLOUD_ECS_METADATA", "worker");
        vec![
            of_variables(&[role]),
            of_variables(&[("ALIBABA_CLOUD_ECS_METADATA", "other")]),
            of_variables(&[role, ("ALIBABA_CLOUD_IMDS_ENDPOINT", "http://127.0.0.1:1")]),
            of_variables(&[role, ("ALIBABA_CLOUD_IMDS_ENDPOINT", "http://127.0.0.1:2")]),
        ]
    });
}

#[test]
fn of_key_pairs() {
    let base = json!({
        "name": "p", "mode": "RsaKeyPair", "region_id": "cn-hangzhou", "key_pair_name": "pair-a",
        "private_key": "/keys/a.pem",
    });
    let changes = [
        ("key_pair_name", "pair-b"),
        ("private_key", "/keys/b.pem"),
        ("private_key", "-----BEGIN PRIVATE KEY-----\ncanary"),
        ("private_key", "-----BEGIN PRIVATE KEY-----\ncanary2"),
        ("sts_region", "cn-beijing"),
    ];
    let profiles = with_changes(&base, &changes);
    assert_apart(|| profiles.iter().map(of_profile).collect());
}

#[test]
fn of_values_that_read_alike_one_after_the_other() {
    let sso = |account: &str, configuration: &str| {
        of_profile(&json!({
            "name": "p", "mode": "CloudSSO", "region_id": "cn-shanghai", "access_token": "canary",
            "cloud_sso_sign_in_url": "https://signin.example.com/start", "cloud_sso_account_id": account,
            "cloud_sso_access_config": configuration,
        }))
    };
    assert_apart(|| vec![sso("1\n2", "3"), sso("1", "2\n3"), sso("1\n2\n3", "4")]);
}
