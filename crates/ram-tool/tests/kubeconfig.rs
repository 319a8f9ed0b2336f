//! `get-kubeconfig`, `version`, and what the program says without a command.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use support::{ALICE, CANARY, Sts, run};

const CLUSTER: &str = "c5e1a2b3c4d5e6f708192a3b4c5d6e7f8";
const GOLDEN: &str = include_str!("../testdata/kubeconfig.yaml");

fn kubeconfig(command: &[&str], ca: &str, more: &[&str]) -> support::Outcome {
    let flags =
        ["--mode", "ram-authenticator-token", "--cluster-id", CLUSTER, "--server", "https://10.0.0.1:6443"];
    run(&[command, &flags, &["--certificate-authority", ca], more].concat(), &ALICE)
}

fn read(yaml: &str) -> serde_json::Value {
    serde_saphyr::from_str(yaml).unwrap()
}

fn arguments(value: &serde_json::Value) -> Vec<String> {
    let list = value["users"][0]["user"]["exec"]["args"].as_array().unwrap();
    list.iter().map(|argument| argument.as_str().unwrap().to_owned()).collect()
}

#[test]
fn prints_what_the_public_tool_prints() {
    let sts = Sts::start();
    for command in [&["credential-plugin", "get-kubeconfig"][..], &["get-kubeconfig"]] {
        let stdout = kubeconfig(command, &sts.ca, &[]).success();
        let ca = STANDARD.encode(std::fs::read(&sts.ca).unwrap());
        assert_eq!(stdout, GOLDEN.replace("CA-DATA", &ca));
        assert!(!stdout.contains(CANARY) && !stdout.contains("LTAI"));
    }
}

#[test]
fn flags_are_passed_on_in_the_public_order() {
    let sts = Sts::start();
    let role = "acs:ram::1234567890123456:role/dev";
    let more = [
        "--sts-endpoint",
        "https://sts.example:8443/",
        "--role-arn",
        role,
        "--region-id",
        "cn-shanghai",
        "--api-version",
        "v1",
        "--token-version",
        "v1",
        "-m",
        "token",
    ];
    let flags = ["-c", "123", "--server", "https://api.example/k8s/x", "--certificate-authority", &sts.ca];
    let value = read(&run(&[&["get-kubeconfig"], &flags[..], &more].concat(), &[]).success());
    assert_eq!(value["clusters"][0]["cluster"]["server"], "https://api.example/k8s/x");
    assert_eq!(value["users"][0]["user"]["exec"]["apiVersion"], "client.authentication.k8s.io/v1");
    assert_eq!(
        arguments(&value),
        [
            "credential-plugin",
            "get-token",
            "--cluster-id",
            "123",
            "--api-version",
            "v1",
            "--token-version",
            "v1",
            "--role-arn",
            role,
            "--region-id",
            "cn-shanghai",
            "--sts-endpoint",
            "sts.example:8443",
            "--log-level",
            "error",
        ]
    );
}

#[test]
fn every_setting_is_passed_on_in_certificate_mode_too() {
    let sts = Sts::start();
    let role = "acs:ram::1234567890123456:role/dev";
    let flags = [
        "get-kubeconfig",
        "-c",
        "123",
        "--server",
        "https://api.example",
        "--certificate-authority",
        &sts.ca,
        "--expiration",
        "90m",
        "--credential-cache-dir",
        "~/cache",
        "--credential-type",
        "ecs-role",
        "--profile-name",
        "prod",
        "--ignore-aliyun-cli-credentials",
        "--role-arn",
        role,
        "--cs-endpoint",
        "cs.example",
    ];
    let variables = [
        ("ACK_RAM_TOOL_PROFILE_FILE", "~/keys.ini"),
        ("ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS", "1"),
        ("ACK_RAM_TOOL_REGION_ID", "cn-shanghai"),
    ];
    for mode in [&[][..], &["-m", "cert"], &["--mode", "certificate"]] {
        let value = read(&run(&[&flags[..], mode].concat(), &variables).success());
        assert_eq!(
            arguments(&value),
            [
                "credential-plugin",
                "get-credential",
                "--cluster-id",
                "123",
                "--api-version",
                "v1beta1",
                "--expiration",
                "1h30m0s",
                "--credential-cache-dir",
                "~/cache",
                "--profile-file",
                "~/keys.ini",
                "--profile-name",
                "prod",
                "--ignore-aliyun-cli-credentials",
                "--ignore-env-credentials",
                "--role-arn",
                role,
                "--region-id",
                "cn-shanghai",
                "--sts-endpoint",
                "sts.cn-shanghai.aliyuncs.com",
                "--cs-endpoint",
                "cs.example",
                "--credential-type",
                "ecs-role",
                "--log-level",
                "error",
            ]
        );
    }
}

#[test]
fn relative_paths_become_absolute_because_kubectl_runs_elsewhere() {
    let sts = Sts::start();
    let more = ["--profile-file", "keys.ini"];
    let value = read(&kubeconfig(&["get-kubeconfig"], &sts.ca, &more).success());
    let flags = arguments(&value);
    let at = flags.iter().position(|flag| flag == "--profile-file").unwrap();
    let wanted = std::env::current_dir().unwrap().join("keys.ini");
    assert_eq!(flags[at + 1], wanted.to_str().unwrap());
    let server = ["--server", "https://10.0.0.1:6443", "--certificate-authority", &sts.ca];
    let folder = ["--credential-cache-dir", "certificates"];
    let command = ["get-kubeconfig", "--mode", "certificate", "--cluster-id", CLUSTER];
    let value = read(&run(&[&command[..], &server, &folder].concat(), &ALICE).success());
    let wanted = std::env::current_dir().unwrap().join("certificates");
    let wanted = ["--credential-cache-dir", wanted.to_str().unwrap()];
    let flags = arguments(&value);
    assert!(flags.windows(2).any(|pair| pair == wanted), "{flags:?}");
}

#[test]
fn the_arguments_that_it_writes_are_arguments_that_it_takes() {
    let sts = Sts::start();
    let value = read(&kubeconfig(&["get-kubeconfig"], &sts.ca, &["--region-id", "cn-hangzhou"]).success());
    let arguments = arguments(&value);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    support::token_of(&run(&arguments, &ALICE).success());
}

#[test]
fn every_bad_input_gives_one_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let sts = Sts::start();
    let certificate = std::fs::read_to_string(&sts.ca).unwrap();
    let key = "-----BEGIN PRIVATE KEY-----\ncanaryAA\n-----END PRIVATE KEY-----\n";
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (ca, wanted) in [
        ("/nowhere/ca.pem".to_owned(), "/nowhere/ca.pem"),
        (file("empty.pem", ""), "holds no PEM certificate"),
        (file("text.pem", "hello canary"), "text.pem"),
        (file("key.pem", &format!("{certificate}{key}")), "something else than certificates"),
        (file("damaged.pem", damaged), "damaged.pem"),
        (folder.path().to_str().unwrap().to_owned(), "--certificate-authority"),
    ] {
        let error = kubeconfig(&["get-kubeconfig"], &ca, &[]).error();
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
    for server in [
        "",
        "10.0.0.1",
        "http://10.0.0.1:6443",
        "https://",
        "https://user@10.0.0.1",
        "https://10.0.0.1:0",
        "https://a b",
        "https://x/?q",
        "https://x/#f",
        "https://x:y",
        "https://x\ny",
    ] {
        let server = format!("--server={server}");
        let flags =
            ["get-kubeconfig", "-m", "token", "-c", CLUSTER, &server, "--certificate-authority", &sts.ca];
        let error = run(&flags, &[]).error();
        assert!(error.contains("--server"), "{server:?}: {error}");
    }
    let base = ["get-kubeconfig", "-c", CLUSTER, "--server", "https://x", "--certificate-authority", &sts.ca];
    for (more, wanted) in [
        (&["--mode", "nonsense"][..], "--mode \"nonsense\""),
        (&["--mode", "token", "--api-version", "v2"], "--api-version"),
        (&["--mode", "token", "--private-address"], "--private-address"),
        (&["--mode", "token", "--keep-current-context"], "--merge"),
        (&["--expiration", "1m"], "--expiration"),
    ] {
        let error = run(&[&base[..], more].concat(), &[]).error();
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
    for (flags, wanted) in [
        (vec!["-m", "token"], "--cluster-id"),
        (vec!["-m", "token", "-c", "x", "--server", "https://x"], "--certificate-authority"),
        (vec!["-m", "token", "-c", "x", "--certificate-authority", &sts.ca], "--server"),
        (vec!["-m", "token", "-c", "x"], "no credentials"),
    ] {
        let error = run(&[&["get-kubeconfig"], &flags[..]].concat(), &[]).error();
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
}

#[test]
fn prints_its_version_in_the_public_form() {
    let stdout = run(&["version"], &[]).success();
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], format!("Version:     {}", env!("CARGO_PKG_VERSION")));
    assert!(lines[1].starts_with("GitCommit:   ") && lines[1].len() > 13, "{}", lines[1]);
}

#[test]
fn help_is_no_fault_and_an_unknown_command_is_one() {
    for arguments in [
        &[][..],
        &["--help"],
        &["-h"],
        &["help"],
        &["credential-plugin"],
        &["credential-plugin", "get-token", "-h"],
    ] {
        let outcome = run(arguments, &[]);
        assert_eq!(outcome.stderr, "");
        assert!(outcome.success().contains("Usage: ack-ram-tool"), "{arguments:?}");
    }
    for arguments in [
        &["nonsense"][..],
        &["credential-plugin", "nonsense"],
        &["--version"],
        &["-c"],
        &["version", "surplus"],
    ] {
        run(arguments, &[]).error();
    }
}
