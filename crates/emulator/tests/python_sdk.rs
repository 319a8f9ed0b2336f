//! The official Python SDKs against the emulator: `alibabacloud_sts20150401` and `alibabacloud_credentials`.
//!
//! Needs `python3` with venv, and a package index the first time; `scripts/python-env` says what is missing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;
#[path = "common/python.rs"]
mod python;

use std::collections::BTreeSet;

use emulator::Style;
use serde_json::{Value, json};

fn user() -> Value {
    json!({"IdentityType": "RAMUser", "AccountId": "1234567890123456", "PrincipalId": "222222222222222222",
           "UserId": "222222222222222222", "Arn": "acs:ram::1234567890123456:user/alice"})
}

fn role(session: &str) -> Value {
    json!({"IdentityType": "AssumedRoleUser", "AccountId": "1234567890123456", "RoleId": "333333333333333333",
           "PrincipalId": format!("333333333333333333:{session}"),
           "Arn": format!("acs:ram::1234567890123456:assumed-role/dev/{session}")})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdks_call_sts() {
    let emulator = common::start().await;
    let results = python::run("sdk_test.py", &emulator, &[]).await;
    let identity = |name: &str| {
        let mut fields = results[name].clone();
        let id = fields.as_object_mut().and_then(|fields| fields.remove("RequestId"));
        assert_eq!(id.and_then(|id| id.as_str().map(str::len)), Some(36), "{name}: {fields}");
        fields
    };
    assert_eq!(identity("user"), user());
    assert_eq!(identity("role"), role("alice@example.com"));
    assert_eq!(identity("credentials: access key"), user());
    assert_eq!(identity("credentials: role"), role("provider"));
    assert_eq!(identity("credentials: sts"), role("alice@example.com"));
    assert_eq!(
        results["assumed"],
        json!({"Arn": "acs:ram::1234567890123456:role/dev/alice@example.com",
               "AssumedRoleId": "333333333333333333:alice@example.com"})
    );
    for (name, code) in [
        ("wrong secret", "SignatureDoesNotMatch"),
        ("without token", "MissingSecurityToken"),
        ("no such role", "EntityNotExist.Role"),
        ("not allowed", "NoPermission"),
    ] {
        assert_eq!(results[name], code, "{name}");
    }
    let text = results["credentials: role, wrong secret"].as_str().unwrap();
    assert!(text.contains("SignatureDoesNotMatch"), "{text}");

    let styles: BTreeSet<(String, String)> = emulator
        .requests()
        .into_iter()
        .map(|request| (request.action, format!("{:?} {}", request.style, request.raw.method)))
        .collect();
    let expected = [
        ("AssumeRole", Style::Acs3, "POST"),
        ("AssumeRole", Style::Rpc, "GET"),
        ("GetCallerIdentity", Style::Acs3, "POST"),
    ];
    let expected = expected.map(|(action, style, method)| (action.to_owned(), format!("{style:?} {method}")));
    assert_eq!(styles, BTreeSet::from(expected), "the SDKs sign in both styles");
}
