//! The program `ram-emulator`, from outside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::*;
use reqwest::{Certificate, Client};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ram-emulator");
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ram-emulator.yaml");

fn run(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).env_remove("RUST_LOG").output().unwrap()
}

/// A running program; killed when a test fails before it ends by itself.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn serve(args: &[&str]) -> (Self, Value) {
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--config", EXAMPLE])
            .args(args)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        (Self(child), ready)
    }

    /// Sends the signal; exit status, what else was on standard output, and standard error.
    fn end(mut self, signal: &str) -> (Option<i32>, String, String) {
        let kill = Command::new("kill").args(["-s", signal, &self.0.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let deadline = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end on SIG{signal}");
            std::thread::sleep(Duration::from_millis(10));
        };
        let read = |stream: &mut dyn Read| {
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        };
        let stdout = read(self.0.stdout.as_mut().unwrap());
        let stderr = read(self.0.stderr.as_mut().unwrap());
        (status.code(), stdout, stderr)
    }
}

fn whoami(ready: &Value, keys: &Keys) -> (u16, String) {
    let ca = std::fs::read(ready["ca"].as_str().unwrap()).unwrap();
    let query = rpc_params("GET", keys, &[("Action", "GetCallerIdentity")], now());
    let url =
        format!("{}/?{}", ready["endpoint"].as_str().unwrap(), signature::encoding::build_query(&query));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let ca = Certificate::from_pem(&ca).unwrap();
        let client = Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
        let response = client.get(url).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    })
}

#[test]
fn it_serves_until_a_signal_and_ends_with_success() {
    for signal in ["TERM", "INT"] {
        let (program, ready) = Running::serve(&[]);
        assert!(ready["endpoint"].as_str().unwrap().starts_with("https://127.0.0.1:"));
        let ca = ready["ca"].as_str().unwrap().to_owned();
        assert!(Path::new(&ca).is_absolute());
        let (status, body) = whoami(&ready, &alice());
        assert_eq!(status, 200, "{body}");
        assert_eq!(whoami(&ready, &keys("LTAIalice", "hunter2")).0, 400);
        let (code, stdout, stderr) = program.end(signal);
        assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
        assert!(!Path::new(&ca).exists(), "the temporary folder stays");
        assert!(stderr.contains("GetCallerIdentity") && stderr.contains("SignatureDoesNotMatch"), "{stderr}");
        for secret in ["alice-secret-for-tests", "hunter2", "Signature="] {
            assert!(!stderr.contains(secret), "{stderr}");
        }
    }
}

#[test]
fn it_keeps_its_ca_in_the_state_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let args = ["--state-dir", path.to_str().unwrap(), "--listen", "[::1]:0", "--region", "cn-beijing"];
    let mut found = Vec::new();
    for _ in 0..2 {
        let (program, ready) = Running::serve(&args);
        assert!(ready["endpoint"].as_str().unwrap().starts_with("https://[::1]:"));
        assert_eq!(whoami(&ready, &root()).0, 200);
        found.push(std::fs::read(ready["ca"].as_str().unwrap()).unwrap());
        assert_eq!(program.end("TERM").0, Some(0));
    }
    assert_eq!(found[0], found[1]);
}

/// A CA as the emulator made them before it knew OAuth and CloudSSO.
fn older_ca(folder: &Path) {
    use rcgen::{
        BasicConstraints, CertificateParams, CidrSubnet, GeneralSubtree, IsCa, KeyPair, NameConstraints,
    };
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::DnsName("aliyuncs.com".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(
                std::net::Ipv6Addr::LOCALHOST.octets(),
                128,
            )),
        ],
        excluded_subtrees: Vec::new(),
    });
    std::fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(folder.join("ca-key.pem"), key.serialize_pem()).unwrap();
}

#[test]
fn a_ca_of_before_goes_on_working_and_what_it_cannot_do_is_said() {
    let folder = tempfile::tempdir().unwrap();
    older_ca(folder.path());
    let (program, ready) = Running::serve(&["--state-dir", folder.path().to_str().unwrap()]);
    assert_eq!(whoami(&ready, &alice()).0, 200);
    let (code, _, stderr) = program.end("TERM");
    assert_eq!(code, Some(0));
    for words in
        ["oauth.aliyun.com", "signin-cn-shanghai.alibabacloudsso.com", "delete ca.pem and ca-key.pem"]
    {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
}

#[test]
fn it_says_where_metadata_and_proxy_are() {
    let args = ["--metadata-listen", "127.0.0.1:0", "--proxy-listen", "[::1]:0"];
    let (program, ready) = Running::serve(&args);
    assert!(ready["metadata"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{ready}");
    assert!(ready["credentialsUri"].as_str().unwrap().ends_with("/credentials"), "{ready}");
    assert!(ready["proxy"].as_str().unwrap().starts_with("http://[::1]:"), "{ready}");
    assert_eq!(program.end("TERM").0, Some(0));
    let (program, ready) = Running::serve(&[]);
    assert_eq!(ready.as_object().unwrap().keys().collect::<Vec<_>>(), ["ca", "endpoint"]);
    assert_eq!(program.end("TERM").0, Some(0));
}

#[test]
fn bad_input_is_one_clear_line_and_exit_status_1() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let unknown = file("unknown.yaml", "accounts:\n  - id: \"1234567890123456\"\n    colour: red\n");
    let unquoted = file("unquoted.yaml", "accounts:\n  - id: 1234567890123456\n");
    let broken_state = folder.path().join("broken");
    std::fs::create_dir(&broken_state).unwrap();
    std::fs::write(broken_state.join("ca.pem"), "x").unwrap();
    let broken_state = broken_state.to_str().unwrap();
    for (args, words) in [
        (vec!["serve"], vec!["--config"]),
        (vec!["serve", "--config", "/nowhere.yaml"], vec!["/nowhere.yaml"]),
        (vec!["serve", "--config", &unknown], vec!["unknown.yaml, line 3", "colour"]),
        (vec!["serve", "--config", &unquoted], vec!["unquoted.yaml, line 2", "quotes"]),
        (vec!["serve", "--config", EXAMPLE, "--listen", "0.0.0.0:0"], vec!["0.0.0.0:0", "loopback"]),
        (vec!["serve", "--config", EXAMPLE, "--listen", "nonsense"], vec!["nonsense", "--listen"]),
        (
            vec!["serve", "--config", EXAMPLE, "--metadata-listen", "192.0.2.1:80"],
            vec!["192.0.2.1:80", "namespace"],
        ),
        (vec!["serve", "--config", EXAMPLE, "--proxy-listen", "0.0.0.0:0"], vec!["0.0.0.0:0", "loopback"]),
        (vec!["serve", "--config", EXAMPLE, "--region", "CN"], vec!["\"CN\"", "region"]),
        (vec!["serve", "--config", EXAMPLE, "--state-dir", "/dev/null/x"], vec!["/dev/null/x"]),
        (
            vec!["serve", "--config", EXAMPLE, "--state-dir", broken_state],
            vec![broken_state, "ca-key.pem is missing"],
        ),
        (vec!["serve", "--config", EXAMPLE, "--color"], vec!["--color"]),
        (vec!["server"], vec!["server"]),
        (vec![], vec!["subcommand"]),
    ] {
        let output = run(&args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {stderr}");
        assert_eq!((stderr.lines().count(), output.stdout.len()), (1, 0), "{args:?}: {stderr}");
        assert!(stderr.starts_with("ram-emulator: "), "{stderr}");
        for word in words {
            assert!(stderr.contains(word), "{args:?}: {stderr}");
        }
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (args, word) in
        [(vec!["--help"], "serve"), (vec!["serve", "--help"], "--state-dir"), (vec!["--version"], "0.")]
    {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains(word));
    }
}
