//! The built program, run in an environment with nothing in it but what a test puts there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, unreachable_pub)]

use std::path::Path;
use std::process::{Command, Stdio};

use emulator::{Config, Emulator};
use tokio::runtime::Runtime;

/// Stands in every secret that the tests use, so that one search finds them all.
pub const CANARY: &str = "canary";

pub const CONFIG: &str = r#"
accounts:
  - id: "1234567890123456"
    users:
      - {name: alice, id: "222222222222222222", accessKeys: [{id: LTAIalice, secret: canary-alice}]}
    roles:
      - name: dev
        id: "333333333333333333"
        maxSessionDuration: 3600
        trustPolicy:
          Version: "1"
          Statement:
            - {Effect: Allow, Action: "sts:AssumeRole", Principal: {RAM: ["acs:ram::1234567890123456:root"]}}
      - name: ops
        id: "444444444444444444"
        maxSessionDuration: 3600
        trustPolicy:
          Version: "1"
          Statement:
            - {Effect: Allow, Action: "sts:AssumeRole", Principal: {RAM: ["acs:ram::1234567890123456:role/dev"]}}
"#;

pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// stdout of a run that must have succeeded.
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }

    /// The one error line of a run that must have failed, without its time. Nothing but that line is on stderr (but for
    /// debug lines), nothing is on stdout, and no secret is anywhere.
    pub fn error(self) -> String {
        assert_eq!(self.code, Some(1), "stdout: {} stderr: {}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        assert!(!self.stderr.contains(CANARY), "a secret is in: {}", self.stderr);
        let lines: Vec<&str> =
            self.stderr.lines().filter(|line| line.split(' ').nth(1) != Some("DEBUG")).collect();
        assert_eq!(lines.len(), 1, "not one line: {}", self.stderr);
        let (time, rest) = lines[0].split_once(' ').unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "no time: {}", lines[0]);
        rest.strip_prefix("ERROR ").unwrap_or_else(|| panic!("no ERROR: {rest}")).to_owned()
    }
}

/// Runs the program with these variables only.
pub fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
    run_as(Path::new(env!("CARGO_BIN_EXE_ack-ram-tool")), arguments, variables)
}

pub fn run_as(program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub const ALICE: [(&str, &str); 2] =
    [("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIalice"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-alice")];

/// An emulator, and the runtime that it runs on while a test waits for the program.
pub struct Sts {
    pub emulator: Emulator,
    pub runtime: Runtime,
    pub endpoint: String,
    pub ca: String,
}

impl Sts {
    pub fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let config = Config::from_yaml(CONFIG, "test").unwrap();
        let emulator = runtime.block_on(Emulator::builder(config).start()).unwrap();
        let endpoint = emulator.address().to_string();
        let ca = emulator.ca_file().to_str().unwrap().to_owned();
        Self { emulator, runtime, endpoint, ca }
    }

    /// Alice's keys and the emulator's CA and address, and more.
    pub fn variables<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut variables = ALICE.to_vec();
        variables.push(("SSL_CERT_FILE", &self.ca));
        variables.push(("ALIBABA_CLOUD_STS_ENDPOINT", &self.endpoint));
        variables.extend_from_slice(more);
        variables
    }
}

/// The token of an ExecCredential.
pub fn token_of(stdout: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(stdout).unwrap();
    value["status"]["token"].as_str().unwrap().to_owned()
}

/// The end of an ExecCredential.
pub fn end_of(stdout: &str) -> jiff::Timestamp {
    let value: serde_json::Value = serde_json::from_str(stdout).unwrap();
    value["status"]["expirationTimestamp"].as_str().unwrap().parse().unwrap()
}
