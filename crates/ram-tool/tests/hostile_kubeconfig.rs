//! What a kubeconfig from a stranger cannot do, where kubectl may run this program for it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::path::{Path, PathBuf};

use support::{ALICE, Outcome, Sts, run};

const EXEC_INFO: (&str, &str) = (
    "KUBERNETES_EXEC_INFO",
    r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false}}"#,
);
const ROLE: &str = "acs:ram::1234567890123456:role/dev";

/// Logs in as kubectl would, with these variables beside alice's keys: TLS decides how it ends.
fn assume_role(sts: &Sts, more: &[(&str, &str)]) -> Outcome {
    let mut variables = ALICE.to_vec();
    variables.push(("ALIBABA_CLOUD_STS_ENDPOINT", &sts.endpoint));
    variables.extend_from_slice(more);
    run(&["credential-plugin", "get-token", "--cluster-id", "c1", "--role-arn", ROLE], &variables)
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A kubeconfig with a CA in it that begins its lines: YAML lets a text in quotes go on at the start of a line.
fn kubeconfig_with(ca: &str) -> String {
    format!("{{\"apiVersion\": \"v1\", \"kind\": \"Config\", \"users\": [], \"x\": \"\n{ca}\"}}\n")
}

#[test]
fn a_kubeconfig_is_no_ca_and_neither_are_its_variables() {
    let sts = Sts::start();
    let ca = text(sts.emulator.ca_file());
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = write(&folder, "config", &kubeconfig_with(&ca));
    let kubeconfig = kubeconfig.to_str().unwrap();
    // Without kubectl the file is what the person says it is: this shows that the CA in it can be read.
    assume_role(&sts, &[("SSL_CERT_FILE", kubeconfig)]).success();
    let value = format!("\n{ca}");
    let hostile: [&[(&str, &str)]; 4] = [
        &[("SSL_CERT_FILE", kubeconfig)],
        &[("SSL_CERT_DIR", folder.path().to_str().unwrap())],
        &[("SSL_CERT_FILE", "/proc/self/environ"), ("X", &value)],
        &[("SSL_CERT_DIR", "/proc/self"), ("X", &value)],
    ];
    for variables in hostile {
        let error = assume_role(&sts, &[variables, &[EXEC_INFO]].concat()).error();
        assert!(error.contains("beside certificates"), "{error}");
    }
    let asked = sts.emulator.requests();
    assert_eq!(asked.iter().filter(|request| request.action == "AssumeRole").count(), 1);
}

#[test]
fn a_pipe_that_nobody_writes_to_keeps_nobody_waiting() {
    let sts = Sts::start();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo is needed for this test: install coreutils").success());
    let error = assume_role(&sts, &[("SSL_CERT_FILE", pipe.to_str().unwrap()), EXEC_INFO]).error();
    assert!(error.contains("it is no file"), "{error}");
}

#[test]
fn a_bundle_of_certificates_is_a_ca_for_kubectl_too() {
    let sts = Sts::start();
    let ca = text(sts.emulator.ca_file());
    let folder = tempfile::tempdir().unwrap();
    for bundle in [
        ca.clone(),
        format!(
            "##\n## Bundle, http://example.com: of \"all\"\n\nExample Root (G2) CA\n=====\r\n{ca}\n\n{ca}"
        ),
    ] {
        let path = write(&folder, "bundle.pem", &bundle);
        assume_role(&sts, &[("SSL_CERT_FILE", path.to_str().unwrap()), EXEC_INFO]).success();
    }
    assume_role(&sts, &[("SSL_CERT_DIR", folder.path().to_str().unwrap()), EXEC_INFO]).success();
}

/// A person's own profile with a program in it, which a kubeconfig may choose: it runs as it always does.
#[test]
fn a_kubeconfig_brings_no_code_into_a_program_of_a_profile() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let script = "#!/bin/bash\nenv > \"$HOME/seen\"\necho '{\"mode\": \"AK\", \"access_key_id\": \"LTAIalice\", \"access_key_secret\": \"canary-alice\"}'\n";
    let helper = write(&home, "helper", script);
    std::fs::set_permissions(&helper, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::create_dir(home.path().join(".aliyun")).unwrap();
    let profile =
        serde_json::json!({"name": "me", "mode": "External", "process_command": helper, "region_id": "x"});
    let config = serde_json::json!({"current": "me", "profiles": [profile]});
    write(&home, ".aliyun/config.json", &config.to_string());
    let touch = format!("$(touch {})", at("ran"));
    let function = format!("() {{ touch {}; }}", at("ran"));
    let path = std::env::var("PATH").unwrap();
    let variables = [
        ("HOME", home.path().to_str().unwrap()),
        ("PATH", &path),
        ("BASH_ENV", &touch),
        ("BASH_FUNC_echo%%", &function),
        ("PERL5OPT", "-Mevil"),
        ("PYTHONPATH", "/evil"),
        ("NODE_OPTIONS", "--import=data:text/javascript,evil"),
        ("SSL_CERT_FILE", "/proc/self/environ"),
        ("REQUESTS_CA_BUNDLE", "/proc/self/environ"),
        ("MY_HELPERS_OWN", "stays"),
    ];
    let get_token = ["credential-plugin", "get-token", "--cluster-id", "c1"];
    run(&get_token, &[&variables[..], &[EXEC_INFO]].concat()).success();
    assert!(!home.path().join("ran").exists());
    let seen = text(&home.path().join("seen"));
    for hidden in ["BASH", "PERL", "PYTHON", "NODE", "SSL_CERT", "REQUESTS", "KUBERNETES"] {
        assert!(!seen.contains(hidden), "{hidden}: {seen}");
    }
    assert!(seen.contains("MY_HELPERS_OWN=stays"), "{seen}");
    // In a shell they are the person's own.
    let _ = run(&get_token, &variables);
    assert!(home.path().join("ran").exists());
}
