//! The official Python SDK of RAM, `alibabacloud_ram20150501`, against the emulator.
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

use std::process::Command;

use emulator::Style;
use serde_json::{Value, json};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");

/// The interpreter of an environment that has the SDKs.
fn python() -> String {
    let output = Command::new(format!("{REPOSITORY}/scripts/python-env"))
        .arg(format!("{FOLDER}/requirements.txt"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the Python SDKs are needed for this test: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_calls_ram() {
    let python = tokio::task::spawn_blocking(python).await.unwrap();
    let emulator = common::start().await;
    let mut command = tokio::process::Command::new(python);
    command.arg(format!("{FOLDER}/ram_test.py")).arg(emulator.address().to_string());
    command.env("SSL_CERT_FILE", emulator.ca_file()).kill_on_drop(true);
    for (name, _) in std::env::vars() {
        let upper = name.to_ascii_uppercase();
        if upper.ends_with("_PROXY") || upper.starts_with("ALIBABA_CLOUD_") {
            command.env_remove(name);
        }
    }
    let output = command.output().await.unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let results: Value =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}"));

    let role = &results["get role"]["Role"];
    assert_eq!(role["RoleId"], results["create role"]["Role"]["RoleId"]);
    assert_eq!(
        (&role["RoleName"], &role["Arn"], &role["Description"], &role["MaxSessionDuration"]),
        (&json!("sdk"), &json!("acs:ram::1234567890123456:role/sdk"), &json!("by the SDK"), &json!(7200))
    );
    let updated = &results["update role"]["Role"];
    assert_eq!(updated["MaxSessionDuration"], 3600);
    assert!(updated["AssumeRolePolicyDocument"].as_str().unwrap().contains(":user/bob"), "{updated}");
    assert_eq!(results["list roles"], json!([["admin", "dev"], ["sdk"]]));
    let users = results["list users"]["Users"]["User"].as_array().unwrap();
    let ids: Vec<_> = users.iter().map(|user| (&user["UserName"], &user["UserId"])).collect();
    assert_eq!(
        ids,
        [(&json!("alice"), &json!("222222222222222222")), (&json!("bob"), &json!("222222222222222223"))]
    );
    assert_eq!(results["list users"]["IsTruncated"], false);
    let user = &results["get user"]["User"];
    assert_eq!(user["UserId"], results["create user"]["User"]["UserId"]);
    assert_eq!((&user["DisplayName"], &user["Comments"]), (&json!("SDK"), &json!("c")));

    let policy = &results["get policy"];
    assert_eq!(policy["Policy"]["AttachmentCount"], 0);
    let document = policy["DefaultPolicyVersion"]["PolicyDocument"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(document).unwrap()["Statement"][0]["Action"], json!(["cs:*"]));
    let listed = results["policies for role"]["Policies"]["Policy"].as_array().unwrap();
    assert_eq!((listed.len(), &listed[0]["PolicyName"]), (1, &json!("sdk")));
    for (name, code) in [
        ("create role again", "EntityAlreadyExists.Role"),
        ("update role, malformed", "MalformedPolicyDocument"),
        ("get deleted user", "EntityNotExist.User"),
        ("attach again", "EntityAlreadyExists.Role.Policy"),
        ("delete role with policy", "DeleteConflict.Role.Policy"),
        ("get deleted role", "EntityNotExist.Role"),
    ] {
        assert_eq!(results[name], code, "{name}");
    }
    assert!(emulator.requests().iter().all(|request| request.style == Style::Acs3));
}
