//! `rrsa assume-role` and `rrsa demo`, against STS and Container Service that check tokens and policies.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]
#![cfg(unix)]

#[path = "../../emulator/tests/common/oidc.rs"]
mod oidc;
#[path = "support/rrsa.rs"]
mod rrsa;
mod support;

use std::io::{Seek as _, Write as _};
use std::process::Command;

use jiff::Timestamp;
use rrsa::{ACCOUNT, Cloud, ISSUER, PROVIDER, now};
use serde_json::{Value, json};

const ROLE: &str = "acs:ram::1234567890123456:role/dev";

/// A cloud with a role that ns/sa may have.
fn cloud() -> Cloud {
    let cloud = Cloud::start();
    let statement = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Federated": [PROVIDER]},
        "Condition": {"StringEquals": {"oidc:sub": "system:serviceaccount:ns:sa", "oidc:aud": "sts.aliyuncs.com", "oidc:iss": ISSUER}}});
    cloud.role("dev", &json!({"Version": "1", "Statement": [statement]}).to_string());
    cloud
}

#[test]
fn a_token_of_a_file_or_of_stdin_gives_credentials_for_a_quarter_of_an_hour() {
    let cloud = cloud();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let token = cloud.token("ns", "sa", &json!({}));
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let words = |file| ["assume-role", "-r", ROLE, "-p", PROVIDER, "-t", file];
    // It needs no credentials: what the variables hold counts for nothing.
    let no_keys = [("ALIBABA_CLOUD_ACCESS_KEY_ID", ""), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "")];
    for (file, stdin) in
        [(file.to_str().unwrap(), String::new()), ("-", token.clone()), ("-", format!("{token}\r\n"))]
    {
        let printed = cloud.run_with(&words(file), &no_keys, &stdin).success();
        let lines: Vec<&str> = printed.lines().collect();
        assert_eq!(lines.len(), 4, "{printed}");
        for (line, begin) in lines.iter().zip([
            "AccessKeyId:       STS.",
            "AccessKeySecret:   ",
            "SecurityToken:     ",
            "Expiration:        ",
        ]) {
            assert!(line.starts_with(begin) && line.len() > begin.len(), "{line}");
        }
        let end: Timestamp = lines[3].rsplit(' ').next().unwrap().parse().unwrap();
        let left = end.duration_since(now()).as_secs();
        assert!((800..=900).contains(&left), "{left}");
    }
    let request = cloud.emulator.requests().pop().unwrap();
    let body = String::from_utf8_lossy(&request.raw.body).into_owned();
    assert!(!request.raw.target.contains(&token), "{}", request.raw.target);
    assert!(request.raw.headers.iter().all(|(name, _)| name != "authorization"));
    assert!(body.contains("DurationSeconds=900") && body.contains("RoleSessionName=ack-ram-tool"), "{body}");
    assert!(!body.contains("%0"), "no line break of the file is sent: {body}");
}

#[test]
fn programs_read_it_as_json_and_yaml() {
    let cloud = cloud();
    let token = cloud.token("ns", "sa", &json!({}));
    let print = |format| {
        cloud
            .run_with(&["assume-role", "-r", ROLE, "-p", PROVIDER, "-t", "-", "-o", format], &[], &token)
            .success()
    };
    let values: [Value; 2] =
        [serde_json::from_str(&print("json")).unwrap(), serde_saphyr::from_str(&print("yaml")).unwrap()];
    for value in values {
        let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["AccessKeyId", "AccessKeySecret", "Expiration", "SecurityToken"]);
        assert!(value["AccessKeyId"].as_str().unwrap().starts_with("STS."));
    }
}

#[test]
fn the_role_may_be_given_before_the_command_as_the_flag_that_every_command_has() {
    let cloud = cloud();
    let token = cloud.token("ns", "sa", &json!({}));
    for words in [
        ["--role-arn", ROLE, "assume-role", "-p", PROVIDER, "-t", "-"],
        ["assume-role", "-p", PROVIDER, "-t", "-", "--role-arn", ROLE],
    ] {
        cloud.run_with(&words, &[], &token).success();
    }
    // No role is assumed first.
    assert_eq!((cloud.calls("AssumeRole"), cloud.calls("AssumeRoleWithOIDC")), (0, 2));
}

#[test]
fn each_refusal_names_its_code_and_the_claim_that_stands_in_the_way() {
    let cloud = cloud();
    let second = now().as_second();
    let stranger = oidc::Issuer::new().token(&json!({"iss": ISSUER, "aud": "sts.aliyuncs.com",
        "sub": "system:serviceaccount:ns:sa", "iat": second, "exp": second + 600}));
    for (token, code, said) in [
        (
            cloud.token(
                "ns",
                "sa",
                &json!({"iat": second - 7200, "nbf": second - 7200, "exp": second - 3600}),
            ),
            "AuthenticationFail.OIDCToken.Expired",
            "by this machine's clock",
        ),
        (
            cloud.token("ns", "sa", &json!({"aud": ["https://kubernetes.default.svc"]})),
            "AuthenticationFail.OIDCToken.AudienceNotMatch",
            "the audience \"https://kubernetes.default.svc\", which has to be a client id",
        ),
        (
            cloud.token("ns", "sa", &json!({"iss": format!("{ISSUER}/")})),
            "AuthenticationFail.OIDCToken.IssuerNotMatch",
            "a slash at its end included",
        ),
        (
            cloud.token("ns", "other", &json!({})),
            "AuthenticationFail.NoPermission",
            "system:serviceaccount:ns:other",
        ),
        (stranger, "AuthenticationFail.OIDCToken.InvalidSignature", "publish the new ones beside the old"),
        ("a.b.c".to_owned(), "AuthenticationFail.OIDCToken.Invalid", "is no JSON Web Token"),
    ] {
        let error = cloud.assume("dev", &token).error();
        assert!(error.contains(code) && error.contains(said), "{error}");
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!error.contains(part), "a part of the token is shown: {error}");
        }
    }
    let token = cloud.token("ns", "sa", &json!({}));
    let nobody = format!("acs:ram::{ACCOUNT}:oidc-provider/ack-rrsa-none");
    let error = cloud.run_with(&["assume-role", "-r", ROLE, "-p", &nobody, "-t", "-"], &[], &token).error();
    assert!(error.contains("AuthenticationFail.NoPermission") && error.contains("ack-rrsa-none"), "{error}");
    let error = cloud.assume("none", &token).error();
    assert!(error.contains("EntityNotExist.Role"), "{error}");
}

#[test]
fn what_is_no_token_or_no_arn_is_sent_nowhere() {
    let cloud = cloud();
    let token = cloud.token("ns", "sa", &json!({}));
    let long = "x".repeat(20_001);
    for stdin in ["", "\n", "abc", "two words here", &long, &"x".repeat(200_000)] {
        let error = cloud.assume("dev", stdin).error();
        assert!(error.starts_with("stdin holds no OIDC token"), "{error}");
    }
    for (words, said) in [
        (vec!["-p", PROVIDER, "-t", "-"], "--role-arn (-r) is missing"),
        (vec!["-r", ROLE, "-t", "-"], "--oidc-provider-arn (-p) is missing"),
        (vec!["-r", ROLE, "-p", PROVIDER], "--oidc-token-file (-t) is missing"),
        (vec!["-r", ROLE, "-p", PROVIDER, "-t", ""], "--oidc-token-file (-t) is missing"),
        (vec!["-r", "", "-p", PROVIDER, "-t", "-"], "--role-arn (-r) is missing"),
        (vec!["-r", "dev", "-p", PROVIDER, "-t", "-"], "--role-arn"),
        (vec!["-r", "acs:ram::1234567890123456:user/dev", "-p", PROVIDER, "-t", "-"], "--role-arn"),
        (vec!["-r", ROLE, "-p", ROLE, "-t", "-"], "--oidc-provider-arn (-p)"),
        (
            vec!["-r", ROLE, "-p", PROVIDER, "-t", "/nowhere/token"],
            "cannot read the OIDC token from the file /nowhere/token",
        ),
    ] {
        let error = cloud.run_with(&[&["assume-role"], &words[..]].concat(), &[], &token).error();
        assert!(error.contains(said), "{error}");
    }
    assert!(cloud.emulator.requests().is_empty());
}

#[test]
fn no_more_of_stdin_is_read_than_could_be_a_token() {
    let cloud = cloud();
    let mut stdin = tempfile::tempfile().unwrap();
    stdin.write_all(&vec![b'x'; 1 << 20]).unwrap();
    stdin.rewind().unwrap();
    // Both have one place in the file.
    let output = Command::new(env!("CARGO_BIN_EXE_ack-ram-tool"))
        .args(["rrsa", "assume-role", "-r", ROLE, "-p", PROVIDER, "-t", "-"])
        .env_clear()
        .envs(cloud.variables())
        .stdin(stdin.try_clone().unwrap())
        .output()
        .unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("stdin holds no OIDC token"));
    let read = stdin.stream_position().unwrap();
    assert!((20_000..100_000).contains(&read), "{read}");
}

#[test]
fn the_endpoint_and_the_region_that_are_given_are_asked() {
    let cloud = cloud();
    let token = cloud.token("ns", "sa", &json!({}));
    let words = ["assume-role", "-r", ROLE, "-p", PROVIDER, "-t", "-"];
    let away = [("ACK_RAM_TOOL_STS_ENDPOINT", ""), ("HTTPS_PROXY", "http://proxy.invalid:1")];
    for (flags, host) in [
        (["--region-id", "cn-shanghai"], "sts.cn-shanghai.aliyuncs.com"),
        (["--sts-endpoint", "sts.example.com"], "sts.example.com"),
        (["--region-id", ""], "sts.aliyuncs.com"),
    ] {
        let error = cloud.run_with(&[&words[..], &flags].concat(), &away, &token).error();
        assert!(error.contains(&format!("no answer from STS at {host}")), "{error}");
    }
}

#[test]
fn the_demo_lists_clusters_until_the_role_has_no_right_to() {
    let cloud = cloud();
    let printed = cloud.run(&["demo", "--no-loop", "--region", "cn-hangzhou"]).success();
    let wanted = format!(
        "clusters:\ncluster id: {}, cluster name: {}\ncluster id: {}, cluster name: prod\n",
        rrsa::PLAIN_CLUSTER,
        rrsa::PLAIN_CLUSTER,
        rrsa::CLUSTER
    );
    assert_eq!(printed, wanted);
    assert_eq!(cloud.run(&["demo", "--no-loop", "--region", "cn-beijing"]).success(), "clusters:\n");
    // The metadata service says the region, and the variable does.
    let metadata = cloud.emulator.metadata_endpoint().unwrap();
    let metadata = ("ALIBABA_CLOUD_IMDS_ENDPOINT", metadata.as_str());
    assert_eq!(cloud.run_with(&["demo", "--no-loop"], &[metadata], "").success(), wanted);
    let region = ("ALIBABA_CLOUD_STS_REGION", "cn-hangzhou");
    assert_eq!(cloud.run_with(&["demo", "--no-loop"], &[region], "").success(), wanted);

    // As a pod runs it: the role and the token alone.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, cloud.token("ns", "sa", &json!({}))).unwrap();
    let pod = [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", ""),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ""),
        ("ALIBABA_CLOUD_ROLE_ARN", ROLE),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", PROVIDER),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", file.to_str().unwrap()),
        region,
    ];
    assert_eq!(cloud.run_with(&["demo", "--no-loop"], &pod, "").success(), wanted);
    let error = cloud
        .run_with(
            &["demo", "--no-loop"],
            &[&pod[..], &[("ACK_RAM_TOOL_CS_ENDPOINT", "127.0.0.1:1")]].concat(),
            "",
        )
        .error();
    assert!(error.contains("Container Service at 127.0.0.1:1"), "{error}");
    // A role that is held to policies, and has none that says so.
    let words = [
        "associate-role",
        "-y",
        "-c",
        rrsa::CLUSTER,
        "-r",
        "held",
        "-n",
        "ns",
        "-s",
        "sa",
        "--create-role-if-not-exist",
    ];
    cloud.run(&words).success();
    let mut held = pod.to_vec();
    held.push(("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1234567890123456:role/held"));
    let error = cloud.run_with(&["demo", "--no-loop"], &held, "").error();
    assert!(error.contains("StatusForbidden (HTTP 403") && error.contains("ImplicitDeny"), "{error}");
    assert!(error.contains("cs:DescribeClustersForRegion"), "{error}");
    cloud.run(&[&words[..], &["--attach-system-policy", "AliyunCSReadOnlyAccess"]].concat()).success();
    assert_eq!(cloud.run_with(&["demo", "--no-loop"], &held, "").success(), wanted);
}
