//! The official Python SDKs assume a role with an OIDC token, against the emulator.
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
#[path = "common/oidc.rs"]
mod oidc;
#[path = "common/python.rs"]
mod python;

use common::*;
use emulator::OidcProvider;
use oidc::Issuer;
use serde_json::json;

const ACCOUNT: &str = "1234567890123456";
const ISSUER: &str = "https://issuer.example";

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdks_assume_a_role_with_a_token() {
    let (emulator, issuer) = (start().await, Issuer::new());
    let provider = OidcProvider::new(ACCOUNT, "ack", ISSUER).client_id("sts.aliyuncs.com");
    emulator.add_oidc_provider(provider.jwks(&issuer.jwks())).unwrap();
    let policy = json!({"Version": "1", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Federated": ["acs:ram::1234567890123456:oidc-provider/ack"]},
        "Condition": {"StringEquals": {"oidc:sub": "app", "oidc:aud": "sts.aliyuncs.com", "oidc:iss": ISSUER}},
    }]});
    emulator.create_role(ACCOUNT, "app", &policy.to_string()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |subject: &str| {
        let at = now().as_second();
        let claims =
            json!({"iss": ISSUER, "sub": subject, "aud": "sts.aliyuncs.com", "iat": at, "exp": at + 600});
        let path = folder.path().join(subject);
        std::fs::write(&path, issuer.token(&claims)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let found = python::run("oidc_test.py", &emulator, &[&file("app"), &file("other")]).await;
    let session = |name: &str| format!("acs:ram::1234567890123456:assumed-role/app/{name}");
    assert_eq!(found["provider"], session("provider"), "{found}");
    let refused = found["provider, another subject"].as_str().unwrap();
    assert!(
        refused.contains("http_code: 401") && refused.contains("AuthenticationFail.NoPermission"),
        "{found}"
    );
    let client = &found["client"];
    assert_eq!(client["AssumedRoleUser"]["Arn"], "acs:ram::1234567890123456:role/app/client", "{client}");
    let info = &client["OIDCTokenInfo"];
    assert_eq!((&info["Subject"], &info["VerificationInfo"]), (&json!("app"), &json!("Success")), "{info}");
    let refused = &found["client, another subject"];
    assert_eq!(refused["code"], "AuthenticationFail.NoPermission", "{refused}");
}
