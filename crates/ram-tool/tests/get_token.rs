//! `credential-plugin get-token` with keys that are at hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]

mod support;

use jiff::{SignedDuration, Timestamp};
use support::{ALICE, CANARY, end_of, run, token_of};
use token::{Rules, Version};

const CLUSTER: &str = "c5e1a2b3c4d5e6f708192a3b4c5d6e7f8";
const GET_TOKEN: [&str; 4] = ["credential-plugin", "get-token", "--cluster-id", CLUSTER];

fn get_token(more: &[&str], variables: &[(&str, &str)]) -> support::Outcome {
    run(&[&GET_TOKEN[..], more].concat(), variables)
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&ALICE[..], more].concat()
}

fn decode(text: &str) -> token::Token {
    token::decode(text, &Rules::for_cluster(CLUSTER), Timestamp::now()).unwrap()
}

#[test]
fn prints_an_exec_credential_in_the_public_form() {
    let before = Timestamp::now() - SignedDuration::from_secs(1);
    let stdout = get_token(&[], &ALICE).success();
    let after = Timestamp::now();
    let token = token_of(&stdout);
    let end = end_of(&stdout);
    let expected = format!(
        "{{\n \"kind\": \"ExecCredential\",\n \"apiVersion\": \"client.authentication.k8s.io/v1beta1\",\n \"spec\": {{\n  \
         \"interactive\": false\n }},\n \"status\": {{\n  \"expirationTimestamp\": \"{}\",\n  \"token\": \"{token}\"\n }}\n}}\n",
        signature::format_timestamp(end)
    );
    assert_eq!(stdout, expected);
    let ten_minutes = SignedDuration::from_mins(10);
    assert!(end >= before + ten_minutes && end <= after + ten_minutes, "{end}");
    let token = decode(&token);
    assert_eq!(token.version(), Version::V2);
    assert_eq!(token.access_key_id(), "LTAIalice");
    assert_eq!(token.cluster_id(), CLUSTER);
    let request = token.request();
    assert_eq!(request.method, "POST");
    assert_eq!(request.query, [("ACKClusterId".to_owned(), CLUSTER.to_owned())]);
}

#[test]
fn the_token_names_the_program_its_version_and_its_system_as_go_does() {
    use base64::Engine;
    let token = token_of(&get_token(&[], &ALICE).success());
    let json =
        base64::engine::general_purpose::STANDARD.decode(token.strip_prefix("k8s-ack-v2.").unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let agent = value["headers"]["user-agent"].as_str().unwrap();
    let system = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    assert!(agent.starts_with(&format!("ack-ram-tool/{} ({system}/", env!("CARGO_PKG_VERSION"))), "{agent}");
    assert!(!agent.contains("x86_64") && !agent.contains("aarch64"), "{agent}");
    assert!(!String::from_utf8(json).unwrap().contains(CANARY));
}

#[test]
fn the_secret_signs_the_token() {
    let token = decode(&token_of(&get_token(&[], &ALICE).success()));
    let request = token.request();
    let verify = |secret: &str| {
        let header =
            request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")).unwrap();
        let signed = signature::acs3::Request {
            method: "POST",
            path: "/",
            query: &request.query,
            headers: &request.headers,
            content_sha256: signature::acs3::EMPTY_BODY_SHA256,
        };
        signature::acs3::verify(&signed, &header.1.parse().unwrap(), &signature::Secret::new(secret))
    };
    verify("canary-alice").unwrap();
    assert!(verify("canary-bob").is_err());
}

#[test]
fn temporary_keys_put_their_security_token_into_the_token() {
    let stdout = get_token(&[], &with(&[("ALIBABA_CLOUD_SECURITY_TOKEN", "my-session-token")])).success();
    let request = decode(&token_of(&stdout)).request();
    let session = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-acs-security-token"));
    assert_eq!(session.unwrap().1, "my-session-token");
}

#[test]
fn makes_the_url_form_too_with_a_new_nonce_each_time() {
    let nonce = || {
        let token = decode(&token_of(&get_token(&["--token-version", "v1"], &ALICE).success()));
        assert_eq!(token.version(), Version::V1);
        let request = token.request();
        assert_eq!(request.method, "GET");
        signature::rpc::verify("GET", &request.query, &signature::Secret::new("canary-alice")).unwrap();
        request.query.iter().find(|(name, _)| name == "SignatureNonce").unwrap().1.clone()
    };
    let (first, second) = (nonce(), nonce());
    assert_ne!(first, second);
    assert!(first.len() == 32 && first.bytes().all(|b| b.is_ascii_hexdigit()), "{first}");
}

#[test]
fn kubectl_decides_about_the_api_version() {
    let version = |flags: &[&str], info: &str| {
        let stdout = get_token(flags, &with(&[("KUBERNETES_EXEC_INFO", info)])).success();
        let value: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        value["apiVersion"].as_str().unwrap().to_owned()
    };
    let v1 = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":true}}"#;
    let v1beta1 = v1.replace("k8s.io/v1", "k8s.io/v1beta1");
    assert_eq!(version(&[], ""), "client.authentication.k8s.io/v1beta1");
    assert_eq!(version(&["--api-version", "v1"], ""), "client.authentication.k8s.io/v1");
    assert_eq!(version(&["--api-version", "v1beta1"], v1), "client.authentication.k8s.io/v1");
    assert_eq!(version(&["--api-version", "v1"], &v1beta1), "client.authentication.k8s.io/v1beta1");
}

#[test]
fn refuses_what_kubectl_never_asks() {
    for (info, wanted) in [
        ("{", "is no JSON object"),
        ("[]", "is no JSON object"),
        ("7", "is no JSON object"),
        ("{}", "has no apiVersion"),
        (r#"{"kind":"Pod","apiVersion":"v1"}"#, "another kind"),
        (r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1alpha1"}"#, "v1alpha1"),
        (r#"{"kind":"ExecCredential","apiVersion":"v1"}"#, "only client.authentication.k8s.io/v1 and"),
    ] {
        let error = get_token(&[], &with(&[("KUBERNETES_EXEC_INFO", info)])).error();
        assert!(error.contains("KUBERNETES_EXEC_INFO") && error.contains(wanted), "{error}");
    }
}

#[test]
fn flags_of_the_public_kubeconfigs_may_stand_anywhere() {
    let old = [
        "credential-plugin",
        "get-token",
        "--cluster-id",
        CLUSTER,
        "--api-version",
        "v1beta1",
        "--log-level",
        "ERROR",
    ];
    run(&old, &ALICE).success();
    let new = [
        "credential-plugin",
        "get-token",
        "--cluster-id",
        CLUSTER,
        "--api-version",
        "v1beta1",
        "--region-id",
        "cn-hangzhou",
        "--sts-endpoint",
        "sts.cn-hangzhou.aliyuncs.com",
        "--log-level",
        "error",
    ];
    run(&new, &ALICE).success();
    run(&["-y", "-c", CLUSTER, "credential-plugin", "get-token"], &ALICE).success();
    run(&["credential-plugin", &format!("--cluster-id={CLUSTER}"), "get-token", "--assume-yes=true"], &ALICE)
        .success();
}

#[test]
fn extra_variables_join_the_query_under_the_signature() {
    let variables = with(&[
        ("ACK_RAM_TOOL_TOKEN_EXTRA_KEY_PREFIX", "EXTRA_"),
        ("EXTRA_TEAM", "blue & green"),
        ("EXTRA_EMPTY", ""),
        ("EXTRA_", "nothing"),
        ("OTHER_TEAM", "red"),
    ]);
    let text = token_of(&get_token(&[], &variables).success());
    let rules = Rules { extra_query_keys: vec!["team".to_owned()], ..Rules::for_cluster(CLUSTER) };
    let request = token::decode(&text, &rules, Timestamp::now()).unwrap().request();
    let mut query = request.query;
    query.sort();
    let expected =
        [("ACKClusterId", CLUSTER), ("team", "blue & green")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(query, expected);

    for (name, value) in
        [("EXTRA_ACTION", "x"), ("EXTRA_A B", "x"), ("EXTRA_X", &*"x".repeat(600)), ("EXTRA_Y", "a\nb")]
    {
        let variables = with(&[("ACK_RAM_TOOL_TOKEN_EXTRA_KEY_PREFIX", "EXTRA_"), (name, value)]);
        let error = get_token(&[], &variables).error();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn asks_for_credentials_that_are_not_there() {
    let error = get_token(&[], &[]).error();
    for name in
        ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_OIDC_TOKEN_FILE", "ALIBABA_CLOUD_CREDENTIALS_FILE"]
    {
        assert!(error.contains(name), "{error}");
    }
    let error = get_token(&["--ignore-env-credentials"], &ALICE).error();
    assert!(error.contains("--ignore-env-credentials"), "{error}");
    let error = get_token(&[], &with(&[("ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS", "true")])).error();
    assert!(error.contains("ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS"), "{error}");
    get_token(&["--ignore-env-credentials=false"], &with(&[("ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS", "1")]))
        .success();
    get_token(&[], &with(&[("ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS", "yes")])).success();
}

#[test]
fn every_bad_input_gives_one_line_that_names_it_even_with_verbose() {
    let role = "acs:ram::1234567890123456:role/dev";
    type Case<'a> = (Vec<&'a str>, Vec<(&'a str, &'a str)>, &'a str);
    let cases: Vec<Case<'_>> = vec![
        (vec!["--api-version", "v2"], vec![], "--api-version"),
        (vec!["--token-version", "v3"], vec![], "--token-version"),
        (vec!["--unknown"], vec![], "--unknown"),
        (vec!["--profile-file", "x"], vec![], "--profile-file"),
        (vec!["--credential-type", "all"], vec![], "--credential-type"),
        (vec![], vec![("ACK_RAM_TOOL_CREDENTIAL_TYPE", "all")], "ACK_RAM_TOOL_CREDENTIAL_TYPE"),
        (vec!["--sts-endpoint", "http://sts.aliyuncs.com"], vec![], "--sts-endpoint"),
        (vec![], vec![("ACK_RAM_TOOL_STS_ENDPOINT", "a/b")], "ACK_RAM_TOOL_STS_ENDPOINT"),
        (vec![], vec![("ALIBABA_CLOUD_STS_ENDPOINT", "x@y")], "ALIBABA_CLOUD_STS_ENDPOINT"),
        (vec!["--region-id", "CN HANGZHOU"], vec![], "--region-id"),
        (vec![], vec![("ACK_RAM_TOOL_REGION_ID", "a.b")], "ACK_RAM_TOOL_REGION_ID"),
        (vec!["--role-arn", "dev"], vec![], "--role-arn"),
        (vec!["--role-arn", "acs:ram::1234567890123456:user/x"], vec![], "--role-arn"),
        (vec!["--role-arn", role], vec![("HTTPS_PROXY", "socks5://u:canary@p:1")], "HTTPS_PROXY"),
        (vec!["--role-arn", role], vec![("ALICLOUD_ROLE_SESSION_NAME", "a b")], "ALICLOUD_ROLE_SESSION_NAME"),
        (vec![], vec![("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary\n")], "ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
        (vec![], vec![("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI canary")], "ALIBABA_CLOUD_ACCESS_KEY_ID"),
        (vec![], vec![("SECURITY_TOKEN", "\tcanary")], "SECURITY_TOKEN"),
        (vec![], vec![("ALIBABA_CLOUD_ROLE_ARN", "x")], "ALIBABA_CLOUD_ROLE_ARN"),
    ];
    for (flags, variables, wanted) in cases {
        for verbose in [&[][..], &["-v"][..]] {
            let error = get_token(&[&flags[..], verbose].concat(), &with(&variables)).error();
            assert!(error.contains(wanted), "{wanted}: {error}");
        }
    }
}

#[test]
fn refuses_cluster_ids_that_are_none() {
    let long = "c".repeat(129);
    for id in ["", " ", "a b", "a/b", "../x", "..", "-x", "a\nb", "ä", &long] {
        let argument = format!("--cluster-id={id}");
        let error = run(&["credential-plugin", "get-token", &argument], &ALICE).error();
        assert!(error.contains("--cluster-id"), "{id:?}: {error}");
    }
    let error = run(&["credential-plugin", "get-token"], &ALICE).error();
    assert!(error.contains("--cluster-id"), "{error}");
}

#[test]
fn the_credentials_file_serves_without_any_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    std::fs::write(&path, "[default]\ntype=access_key\naccess_key_id=LTAIfile\naccess_key_secret=canary\n")
        .unwrap();
    let variables = [("ALIBABA_CLOUD_CREDENTIALS_FILE", path.to_str().unwrap())];
    let token = decode(&token_of(&get_token(&[], &variables).success()));
    assert_eq!(token.access_key_id(), "LTAIfile");
    let error = get_token(&[], &[("ALIBABA_CLOUD_CREDENTIALS_FILE", "/nowhere")]).error();
    assert!(error.contains("/nowhere"), "{error}");
}

#[test]
fn verbose_shows_what_is_done_and_no_secret() {
    for (flags, variables) in [
        (vec!["-v"], vec![]),
        (vec!["--verbose"], vec![]),
        (vec!["--log-level", "DEBUG"], vec![]),
        (vec![], vec![("ACK_RAM_TOOL_VERBOSE", "1")]),
        (vec![], vec![("ACK_RAM_TOOL_LOG_LEVEL", "debug")]),
        (vec![], vec![("DEBUG", "dara, tea")]),
    ] {
        let variables = with(&[&variables[..], &[("ALIBABA_CLOUD_SECURITY_TOKEN", "canary")]].concat());
        let outcome = get_token(&flags, &variables);
        assert!(outcome.stderr.contains(" DEBUG credentials: temporary access key\n"), "{}", outcome.stderr);
        assert!(
            !outcome.stderr.contains(CANARY) && !outcome.stderr.contains("k8s-ack"),
            "{}",
            outcome.stderr
        );
        outcome.success();
    }
    assert_eq!(get_token(&[], &with(&[("ACK_RAM_TOOL_LOG_LEVEL", "nonsense")])).stderr, "");
}

/// What a start costs is what a person waits for at each kubectl call: an async runtime, a socket and a proxy each take
/// descriptors. One is left to the loader.
#[test]
#[cfg(unix)]
fn starts_no_runtime_and_opens_no_socket_when_the_keys_are_at_hand() {
    let limited = |arguments: &[&str], variables: &[(&str, &str)]| {
        let program = env!("CARGO_BIN_EXE_ack-ram-tool");
        let script = "ulimit -n 4 && exec \"$0\" \"$@\"";
        support::run_as(
            std::path::Path::new("/bin/sh"),
            &[&["-c", script, program], arguments].concat(),
            variables,
        )
    };
    limited(&GET_TOKEN, &ALICE).success();
    // The same limit stops a call of STS, so it does show something.
    let role = ["--role-arn", "acs:ram::1234567890123456:role/dev"];
    assert_eq!(limited(&[&GET_TOKEN[..], &role].concat(), &ALICE).code, Some(1));
}

#[test]
fn a_kubeconfig_cannot_put_variables_of_the_person_into_a_token() {
    let info = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}"#;
    let by_kubectl = ("KUBERNETES_EXEC_INFO", info);
    for prefix in ["GITHUB_", "ACK_RAM_TOO", "ack_ram_tool_"] {
        let variables =
            with(&[by_kubectl, ("ACK_RAM_TOOL_TOKEN_EXTRA_KEY_PREFIX", prefix), ("GITHUB_TOKEN", CANARY)]);
        let line = get_token(&[], &variables).error();
        assert!(line.contains("ACK_RAM_TOOL_TOKEN_EXTRA_KEY_PREFIX") && !line.contains(CANARY), "{line}");
    }
    let prefix = ("ACK_RAM_TOOL_TOKEN_EXTRA_KEY_PREFIX", "ACK_RAM_TOOL_EXTRA_");
    let variables = with(&[by_kubectl, prefix, ("ACK_RAM_TOOL_EXTRA_TEAM", "blue")]);
    let token = token_of(&get_token(&[], &variables).success());
    let rules = Rules { extra_query_keys: vec!["team".to_owned()], ..Rules::for_cluster(CLUSTER) };
    let query = token::decode(&token, &rules, Timestamp::now()).unwrap().request().query;
    assert!(query.contains(&("team".to_owned(), "blue".to_owned())), "{query:?}");
}
