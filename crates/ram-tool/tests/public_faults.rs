//! Faults of the public tool that no other test shows to be mended; `docs/security.md` has all of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[path = "support/ack.rs"]
mod ack;
mod support;

use ack::{Ack, CLUSTER};
use emulator::{Config, Emulator, Fault};
use serde_json::{Value, json};
use support::{ALICE, CANARY, Sts, run, token_of};

const GET_TOKEN: [&str; 4] = ["credential-plugin", "get-token", "--cluster-id", CLUSTER];
const GET_CREDENTIAL: [&str; 4] = ["credential-plugin", "get-credential", "--cluster-id", CLUSTER];
const DEV: &str = "acs:ram::1234567890123456:role/dev";

/// Every kubeconfig says `--log-level error`.
#[test]
fn a_failure_at_log_level_error_is_one_line_and_no_trace() {
    let sts = Sts::start();
    for command in [&GET_TOKEN, &GET_CREDENTIAL] {
        let quiet = [&command[..], &["--log-level", "error"]].concat();
        let nothing = run(&quiet, &[]).error();
        assert!(nothing.contains("no credentials"), "{nothing}");
        let refused = run(&[&quiet[..], &["--role-arn", "acs:ram::1234567890123456:role/none"]].concat(), &{
            sts.variables(&[("CS_ENDPOINT", &sts.endpoint)])
        });
        assert!(refused.error().contains("EntityNotExist.Role"));
    }
}

#[test]
fn a_role_of_the_environment_is_assumed_where_flags_and_region_say() {
    let sts = Sts::start();
    let variables =
        [&ALICE[..], &[("SSL_CERT_FILE", sts.ca.as_str()), ("ALIBABA_CLOUD_ROLE_ARN", DEV)]].concat();
    let get_token = |more: &[&str]| run(&[&GET_TOKEN, more].concat(), &variables);
    token_of(&get_token(&["--sts-endpoint", &sts.endpoint]).success());
    let request = sts.emulator.requests().remove(0);
    assert_eq!((request.action.as_str(), request.host.as_str()), ("AssumeRole", sts.endpoint.as_str()));
    let error = get_token(&["--region-id", "xx-nowhere-1"]).error();
    assert!(error.contains("sts.xx-nowhere-1.aliyuncs.com"), "{error}");
}

#[test]
fn no_debug_setting_shows_a_request_an_answer_or_a_token() {
    let ack = Ack::start();
    let shown = |debug: &str, command: &[&str], variables: &[(&str, &str)]| {
        let all = [variables, &[("DEBUG", debug), ("ACK_RAM_TOOL_VERBOSE", "1")]].concat();
        let outcome = ack.run_with(command, &all);
        let stderr = &outcome.stderr;
        assert!(!stderr.contains(CANARY) && !stderr.contains("k8s-ack-v"), "{stderr}");
        for part in ["Signature=", "SecurityToken=", "x-acs-", "PRIVATE KEY", "Credential="] {
            assert!(!stderr.contains(part), "{part}: {stderr}");
        }
        assert!(stderr.contains(" DEBUG "), "{stderr}");
        outcome
    };
    for debug in ["sdk", "tea", "dara", "sdk,tea,dara,ack-ram-tool", "*"] {
        // Temporary keys, so that each request has a security token.
        let role = ["--role-arn", DEV];
        let stdout = shown(debug, &[&GET_TOKEN[..], &role].concat(), &[]).success();
        serde_json::from_str::<Value>(&stdout).expect("the ExecCredential and nothing else");
        let kubeconfig = shown(debug, &[&["get-kubeconfig", "-c", CLUSTER][..], &role].concat(), &[]);
        assert!(kubeconfig.success().starts_with("kind: Config\n"));
        ack.emulator.fail(
            "DescribeClusterUserKubeconfig",
            Fault::Error { status: 403, code: "StatusForbidden".into(), message: CANARY.into() },
        );
        let failed = shown(debug, &[&GET_CREDENTIAL[..], &role].concat(), &[]);
        assert!(failed.stderr.contains("StatusForbidden"), "{}", failed.stderr);
        ack.emulator.clear_faults();
    }
}

/// The public tool leaves the file out, and with an ini file even tells the plugin to look nowhere else.
#[test]
fn a_kubeconfig_logs_in_with_the_file_that_it_was_made_with() {
    let ack = Ack::start();
    let keys = "access_key_id = LTAIbob\naccess_key_secret = canary-bob\n";
    let ini = ack.at_home("keys.ini");
    std::fs::write(&ini, format!("[default]\ntype = access_key\n{keys}")).unwrap();
    let cli = ack.at_home("keys.json");
    let profile =
        json!({"name": "p", "mode": "AK", "access_key_id": "LTAIbob", "access_key_secret": "canary-bob"});
    std::fs::write(&cli, json!({"current": "p", "profiles": [profile]}).to_string()).unwrap();
    for file in [ini, cli] {
        let flags =
            ["get-kubeconfig", "-c", CLUSTER, "-m", "token", "--profile-file", file.to_str().unwrap()];
        let kubeconfig: Value = serde_saphyr::from_str(&ack.run(&flags).success()).unwrap();
        let arguments: Vec<&str> = kubeconfig["users"][0]["user"]["exec"]["args"]
            .as_array()
            .unwrap()
            .iter()
            .map(|argument| argument.as_str().unwrap())
            .collect();
        assert!(!arguments.iter().any(|argument| argument.starts_with("--ignore")), "{arguments:?}");
        // Alice's keys are in the environment all the time.
        let token = token_of(&ack.run(&arguments).success());
        let rules = token::Rules::for_cluster(CLUSTER);
        let token = token::decode(&token, &rules, ack::now()).unwrap();
        assert_eq!(token.access_key_id(), "LTAIbob");
    }
}

#[test]
fn an_account_without_clusters_or_users_is_no_fault() {
    // An account with a key of its own, and nobody else in it.
    let config = "accounts: [{id: \"1234567890123456\", accessKeys: [{id: LTAIroot, secret: canary-root}]}]";
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config::from_yaml(config, "test").unwrap();
    let emulator = runtime.block_on(Emulator::builder(config).start()).unwrap();
    let endpoint = emulator.address().to_string();
    let variables = [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIroot"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-root"),
        ("SSL_CERT_FILE", emulator.ca_file().to_str().unwrap()),
        ("ALIBABA_CLOUD_STS_ENDPOINT", &endpoint),
        ("CS_ENDPOINT", &endpoint),
        ("RAM_ENDPOINT", &endpoint),
    ];
    let scan =
        |more: &[&str]| run(&[&["rbac", "scan-user-permissions", "-c", "all"], more].concat(), &variables);
    let calls = |action: &str| emulator.requests().iter().filter(|request| request.action == action).count();
    for answer in ["", "{}", r#"{"clusters":null}"#, r#"{"clusters":null,"page_info":null}"#] {
        if !answer.is_empty() {
            let (content_type, body) = ("application/json".to_owned(), answer.as_bytes().to_vec());
            emulator.fail("DescribeClustersV1", Fault::Garbage { content_type, body });
        }
        let outcome = scan(&[]);
        assert_eq!(outcome.code, Some(0), "{answer}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{answer}");
        assert!(outcome.stderr.contains(" WARN Container Service names no cluster"), "{}", outcome.stderr);
        let listed: Value = serde_json::from_str(&scan(&["-o", "json"]).success()).unwrap();
        assert_eq!(listed["clusters"], json!([]), "{answer}");
    }
    assert_eq!(calls("DescribeClustersV1"), 8);
}
