//! The official Python SDK, unmodified, against the emulator at its real names: metadata at 100.100.100.200, which exists
//! inside a network namespace only, STS, CloudSSO and OAuth at their host names on port 443.
//!
//! Needs `unshare` (util-linux), `ip` (iproute2), user namespaces that this user may make, and what `python_sdk` needs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[path = "python/interpreter.rs"]
mod interpreter;

use std::io::Write;
use std::process::{Command, Output};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ram-emulator");
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ram-emulator.yaml");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");
/// Makes the address and the names, then becomes the program that is named after them.
const WITH_NAMES: &str = "PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && \
    ip addr add 100.100.100.200/32 dev lo && mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";
const HOSTS: &str = "127.0.0.1 localhost sts.aliyuncs.com oauth.aliyun.com oauth.alibabacloud.com \
                     signin-cn-shanghai.alibabacloudsso.com\n";

/// Runs a program where 100.100.100.200 exists and the names are here.
fn in_namespace(program: &str, args: &[&str]) -> Output {
    let mut hosts = tempfile::NamedTempFile::new().unwrap();
    hosts.write_all(HOSTS.as_bytes()).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--mount", "sh", "-c", WITH_NAMES, "sh"]);
    command.arg(hosts.path()).arg(program).args(args);
    for (name, _) in std::env::vars() {
        let upper = name.to_ascii_uppercase();
        if upper.ends_with("_PROXY") || upper.starts_with("ALIBABA_CLOUD_") || upper == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command.output().unwrap_or_else(|error| panic!("unshare: {error}; install util-linux"))
}

fn demand_namespaces() {
    let output = in_namespace("true", &[]);
    assert!(
        output.status.success(),
        "this test needs a network namespace with an address and a hosts file of its own: install iproute2 (ip), and \
         allow user namespaces (sysctl kernel.unprivileged_userns_clone=1 and \
         kernel.apparmor_restrict_unprivileged_userns=0; in a container a seccomp profile that permits unshare). It \
         said: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn results(python: &str, config: &str) -> Value {
    let output = in_namespace(python, &[&format!("{FOLDER}/real_names_test.py"), PROGRAM, config]);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}\n{stderr}"))
}

#[test]
fn the_official_python_sdk_finds_the_emulator_where_it_looks() {
    demand_namespaces();
    let python = interpreter::python();
    let instance = "acs:ram::1234567890123456:assumed-role/dev/vm-ram-i-bp1examplefortests1";
    let found = results(&python, EXAMPLE);
    for name in ["role looked up", "role given", "tokens only", "default chain"] {
        assert_eq!(found[name], instance, "{name}: {found}");
    }
    assert!(found["another role"].as_str().unwrap().contains("HttpCode=404"), "{found}");
    assert_eq!(found["uri"], "acs:ram::1234567890123456:assumed-role/dev/credentials-uri");
    let sso = "acs:ram::1234567890123456:assumed-role/dev/alice@example.com";
    assert_eq!(found["CloudSSO"], sso, "{found}");
    assert!(found["CloudSSO, made up"].as_str().unwrap().contains("InvalidAccessToken"), "{found}");
    for name in ["OAuth CN", "OAuth, next refresh token"] {
        assert_eq!(found[name], "acs:ram::1234567890123456:user/alice", "{name}: {found}");
    }
    assert_eq!(found["OAuth INTL"], "acs:ram::1234567890123456:assumed-role/dev/oauth", "{found}");
    assert!(found["OAuth, made up"].as_str().unwrap().contains("invalid_grant"), "{found}");
    let log = found["log"].as_str().unwrap();
    for action in [
        "MetadataToken",
        "MetadataRole",
        "MetadataCredentials",
        "CredentialsUri",
        "CloudSso",
        "OAuthToken",
        "OAuthExchange",
    ] {
        assert!(log.contains(action), "{action}: {log}");
    }

    let folder = tempfile::tempdir().unwrap();
    let example = std::fs::read_to_string(EXAMPLE).unwrap();
    let with_tokens = |mode: &str| {
        let text = example.replace("\n  tokens: optional\n", &format!("\n  tokens: {mode}\n"));
        assert_ne!(text, example);
        let path = folder.path().join(mode);
        std::fs::write(&path, text).unwrap();
        results(&python, path.to_str().unwrap())
    };
    let required = with_tokens("required");
    assert_eq!((&required["tokens only"], &required["role looked up"]), (&instance.into(), &instance.into()));
    // Without tokens the SDK goes on, unless it was told not to.
    let unsupported = with_tokens("unsupported");
    assert_eq!(unsupported["role looked up"], instance);
    assert!(unsupported["tokens only"].as_str().unwrap().starts_with("refused: "), "{unsupported}");
}
