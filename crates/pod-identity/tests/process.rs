//! The program as a process: flags, help, errors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::fs;

use common::{NEEDED, run, run_in};
use serde_json::Value;

#[test]
fn without_a_command_help_is_shown() {
    let (code, stdout, stderr) = run(&[]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    for command in ["server", "explain", "version"] {
        assert!(stdout.contains(&format!("\n  {command} ")), "{stdout}");
    }
    assert_eq!(run(&["--help"]).1, stdout);
}

#[test]
fn help_of_server_has_each_flag_under_a_heading() {
    let (code, help, _) = run(&["server", "--help"]);
    assert_eq!(code, 0);
    for heading in ["What pods get:", "Listening:", "Certificates:", "API server:", "Log:"] {
        assert!(help.contains(heading), "{heading}\n{help}");
    }
    let (plain, _) = help.split_once("What pods get:").unwrap();
    let flags: Vec<&str> = plain.lines().map(str::trim).filter(|line| line.starts_with('-')).collect();
    assert!(
        flags.len() == 2 && flags.iter().all(|line| line.contains("--config") || line.contains("--help")),
        "{flags:?}"
    );
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
}

#[test]
fn the_version_is_json_or_yaml_or_short() {
    let (code, stdout, _) = run(&["version"]);
    let version: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, version["Version"].as_str()), (0, Some(env!("CARGO_PKG_VERSION"))));
    assert!(run(&["version", "-o", "yaml"]).1.starts_with("Version: "));
    assert_eq!(run(&["version", "--short"]).1.trim(), env!("CARGO_PKG_VERSION"));
    let (code, stdout, stderr) = run(&["version", "-o", "xml"]);
    assert_eq!((code, stdout.as_str(), stderr.lines().count()), (1, "", 1), "{stderr}");
}

/// Errors of `server` before it serves: exit status 1, nothing on stdout, and a last line on stderr that says what to do.
#[track_caller]
fn fails(arguments: &[&str], said: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.yaml"), "clusterID: \"<cluster id>\"\naccountID: '1'\n").unwrap();
    fs::write(folder.path().join("wrong.yaml"), "onFault: perhaps\n").unwrap();
    fs::write(folder.path().join("broken.kubeconfig"), "users: [{name: a, user: {token: CANARY, [}}]")
        .unwrap();
    let (code, stdout, stderr) = run_in(folder.path(), arguments);
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
    let line = stderr.lines().last().unwrap();
    assert!(line.starts_with("ack-pod-identity-webhook: ") && line.contains(said), "{said}\n{stderr}");
    assert!(!stderr.contains("CANARY"), "{stderr}");
}

#[test]
fn what_is_wrong_is_said_in_one_line_and_the_exit_status_is_1() {
    for (line, said) in [
        ("serve", "did you mean server?; see ack-pod-identity-webhook --help"),
        ("server --nonsense", "see ack-pod-identity-webhook server --help"),
        ("server --acount-id 1", "did you mean --account-id?"),
        ("server --on-fault maybe", "--on-fault"),
        ("server", "no account ID: give --account-id, or accountID in the configuration file"),
        ("server --account-id 1", "no cluster ID: give --cluster-id, or clusterID in the configuration file"),
        ("server --config missing.yaml", "cannot read configuration file missing.yaml"),
        ("server --config config.yaml", "the cluster ID \"<cluster id>\" is not one"),
        ("server --config wrong.yaml", "configuration file wrong.yaml: onFault: invalid value 'perhaps'"),
    ] {
        fails(&line.split(' ').collect::<Vec<_>>(), said);
    }
    let server = |more: &[&'static str]| [&["server"][..], &NEEDED, more].concat();
    fails(&server(&["--tls-cert-file", "a"]), "belong together");
    fails(&server(&[]), "no kubeconfig is given, and this is no pod with a service account");
    fails(&server(&["--kubeconfig", "missing"]), "cannot use kubeconfig missing");
    fails(&server(&["--kubeconfig", "broken.kubeconfig"]), "it is not good YAML");
}

#[test]
fn keys_of_the_file_that_nobody_reads_are_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.yaml"), "clusterID: c1\naccountID: '1'\nnonsense: 1\n").unwrap();
    fs::write(folder.path().join("pod.yaml"), "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {}}\n")
        .unwrap();
    for arguments in
        [&["server", "-c", "config.yaml"][..], &["explain", "-c", "config.yaml", "-f", "pod.yaml"]]
    {
        let (_, _, stderr) = run_in(folder.path(), arguments);
        assert!(
            stderr.contains("configuration file: nobody reads the key nonsense"),
            "{arguments:?}\n{stderr}"
        );
    }
}
