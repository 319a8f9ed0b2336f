//! `rrsa status`, `enable`, `disable` and `install-helper-addon` as a person and a script see them. What takes minutes is
//! tested on a clock of its own, beside the code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]
#![cfg(unix)]

mod support;
#[path = "support/terminal.rs"]
mod terminal;

use std::process::{Command, Stdio};

use emulator::Cluster;
use jiff::SignedDuration;
use support::{ALICE, Outcome, Sts};

const ACCOUNT: &str = "1234567890123456";
const C1: &str = "c00000000000000000000000000000001";

struct World {
    sts: Sts,
}

impl World {
    /// With a cluster whose tasks are over at once.
    fn start() -> Self {
        Self::with(cluster())
    }

    fn with(cluster: Cluster) -> Self {
        let sts = Sts::start();
        sts.emulator.add_cluster(cluster).unwrap();
        Self { sts }
    }

    fn rest(&self, command: &mut Command, words: &[&str]) {
        command
            .arg(env!("CARGO_BIN_EXE_ack-ram-tool"))
            .arg("rrsa")
            .args(words)
            .env_clear()
            .envs(ALICE)
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("SSL_CERT_FILE", &self.sts.ca)
            .env("ALIBABA_CLOUD_STS_ENDPOINT", &self.sts.endpoint)
            .env("CS_ENDPOINT", &self.sts.endpoint)
            .env("RAM_ENDPOINT", &self.sts.endpoint)
            .stdin(Stdio::null());
    }

    /// Without a terminal, whoever runs the tests.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = terminal::none();
        self.rest(&mut command, words);
        command
    }

    fn run(&self, words: &[&str]) -> Outcome {
        terminal::outcome(&mut self.command(words))
    }

    /// Runs the program on a terminal, types a line at the question, and gives what the terminal showed.
    fn at_terminal(&self, typed: &str, words: &[&str]) -> Outcome {
        let mut command = terminal::typing(typed);
        self.rest(&mut command, words);
        terminal::outcome(&mut command)
    }

    fn calls(&self, action: &str) -> usize {
        self.sts.emulator.requests().iter().filter(|request| request.action == action).count()
    }
}

fn cluster() -> Cluster {
    Cluster::new(ACCOUNT, C1).task_duration(SignedDuration::ZERO)
}

/// The text of each line on stderr, with its level.
fn told(outcome: &Outcome) -> Vec<String> {
    outcome.stderr.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
}

const TEXT: &str = "RRSA feature:          enabled
OIDC Provider Name:    ack-rrsa-c00000000000000000000000000000001
OIDC Provider Arn:     acs:ram::1234567890123456:oidc-provider/ack-rrsa-c00000000000000000000000000000001
OIDC Token Issuer:     https://new.example/c1
";

#[test]
fn the_status_is_the_public_tools_and_for_programs_json_and_yaml() {
    let world =
        World::with(cluster().rrsa(true).issuer("https://new.example/c1").issuer("https://old.example/c1"));
    let outcome = world.run(&["status", "-c", C1]);
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (Some(0), TEXT, ""));
    assert_eq!(outcome.stdout, world.run(&["-c", C1, "status"]).stdout);
    let report = serde_json::json!({
        "clusterId": C1,
        "enabled": true,
        "provider": {
            "name": format!("ack-rrsa-{C1}"),
            "arn": format!("acs:ram::{ACCOUNT}:oidc-provider/ack-rrsa-{C1}"),
            "issuers": ["https://new.example/c1", "https://old.example/c1"],
            "audience": "sts.aliyuncs.com",
        },
    });
    let json = world.run(&["status", "-c", C1, "-o", "json"]).success();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), report);
    let yaml = world.run(&["status", "-c", C1, "-o", "yaml"]).success();
    assert!(yaml.contains("enabled: true") && yaml.contains("- https://old.example/c1"), "{yaml}");
    // Whatever state the cluster is in.
    let world = World::with(cluster().state("unavailable"));
    assert_eq!(world.run(&["status", "-c", C1]).success(), "RRSA feature: disabled\n");
    let json = world.run(&["status", "-c", C1, "-o", "json"]).success();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json).unwrap(),
        serde_json::json!({"clusterId": C1, "enabled": false})
    );
    assert!(world.run(&["status"]).error().contains("--cluster-id"));
}

#[test]
fn what_is_left_to_do_is_told_on_stderr() {
    let world = World::start();
    let enabled = world.run(&["enable", "-c", C1, "-y"]);
    assert_eq!((enabled.code, enabled.stdout.as_str()), (Some(0), ""), "{}", enabled.stderr);
    let lines = told(&enabled);
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines[0].starts_with(&format!("INFO cluster {C1}: enabling RRSA takes some minutes (task T-")));
    assert_eq!(lines[1], format!("INFO RRSA is enabled for cluster {C1}"));
    assert!(lines[2].contains(&format!("ack-ram-tool rrsa install-helper-addon -c {C1}")), "{lines:?}");
    assert!(lines[3].contains(&format!("ack-ram-tool rrsa associate-role -c {C1} -r ROLE")), "{lines:?}");
    assert!(lines[4].contains("recreate the pods"), "{lines:?}");

    let again = told(&world.run(&["enable", "-c", C1, "-y"]));
    assert_eq!(again[0], format!("INFO RRSA is enabled already for cluster {C1}"));
    assert_eq!(again[1..], lines[2..]);
    assert_eq!(world.calls("ModifyCluster"), 1);

    let installed = world.run(&["install-helper-addon", "-c", C1, "-y"]);
    assert_eq!((installed.code, installed.stdout.as_str()), (Some(0), ""), "{}", installed.stderr);
    let lines = told(&installed);
    assert_eq!(lines[1], format!("INFO ack-pod-identity-webhook 0.4.0 is installed in cluster {C1}"));
    assert!(lines[2].contains("pod-identity.alibabacloud.com/injection=on"), "{lines:?}");
    assert!(lines[3].contains("pod-identity.alibabacloud.com/role-name=ROLE"), "{lines:?}");
    assert!(lines[4].contains("recreate their pods"), "{lines:?}");
    let again = told(&world.run(&["install-helper-addon", "-c", C1, "-y"]));
    assert_eq!(again[0], format!("INFO ack-pod-identity-webhook 0.4.0 is installed already in cluster {C1}"));

    let disabled = world.run(&["disable", "-c", C1, "-y"]);
    assert_eq!((disabled.code, disabled.stdout.as_str()), (Some(0), ""), "{}", disabled.stderr);
    let lines = told(&disabled);
    assert!(lines[0].starts_with("WARN disabling RRSA takes RAM's identity provider ack-rrsa-"), "{lines:?}");
    assert_eq!(lines[2], format!("INFO RRSA is disabled for cluster {C1}"));
    assert!(lines[3].contains("trust policies of roles may still name"), "{lines:?}");
    assert!(lines[4].contains("pods keep the credentials"), "{lines:?}");
    assert_eq!(world.run(&["status", "-c", C1]).success(), "RRSA feature: disabled\n");
}

#[test]
fn a_person_is_asked_before_anything_is_done() {
    let world = World::with(cluster().rrsa(true));
    for (command, question) in [
        ("enable", "? Enable RRSA for cluster"),
        ("disable", "? Disable RRSA for cluster"),
        ("install-helper-addon", "? Install ack-pod-identity-webhook in cluster"),
    ] {
        for no in ["n", "", "\u{3}"] {
            let outcome = world.at_terminal(no, &[command, "-c", C1]);
            assert_eq!(outcome.code, Some(0), "{no:?}: {}", outcome.stdout);
            let (before, after) = outcome.stdout.split_once("(y/N)").unwrap();
            assert!(before.contains(question), "{before}");
            assert_eq!(before.contains("no pod of cluster"), command == "disable", "{before}");
            assert!(after.contains("declined, nothing was changed"), "{after}");
        }
        let outcome = world.run(&[command, "-c", C1]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("there is no terminal to ask at"), "{}", outcome.stderr);
    }
    assert!(world.sts.emulator.requests().is_empty());
    let outcome = world.at_terminal("y", &["disable", "-c", C1]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);
    assert_eq!(world.calls("ModifyCluster"), 1);
}

#[test]
fn ctrl_c_says_that_the_task_goes_on() {
    let world = World::with(cluster().task_duration(SignedDuration::from_hours(1)));
    let mut command = world.command(&["enable", "-c", C1, "-y"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("python3 is missing");
    // Once it waits.
    while world.calls("DescribeTaskInfo") == 0 {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it waited");
        std::thread::yield_now();
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    let last = stderr.lines().last().unwrap();
    assert!(
        last.ends_with(&format!("ERROR interrupted: enabling RRSA of cluster {C1} goes on where it has begun; run the same command again, which waits for it")),
        "{stderr}"
    );
    // And so it does.
    world.sts.emulator.finish_tasks(C1);
    let again = world.run(&["enable", "-c", C1, "-y"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(told(&again)[0].contains("is enabled already"), "{}", again.stderr);
    assert_eq!(world.calls("ModifyCluster"), 1);
}

#[test]
fn what_container_service_says_cannot_steer_a_terminal() {
    let world = World::start();
    world.sts.emulator.fail_next_task(C1, "\u{1b}[2J\u{1b}[Hall is well\nand \u{202e}so on");
    let outcome = world.at_terminal("y", &["enable", "-c", C1]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    assert!(
        outcome.stdout.contains("Failed to enable RRSA: ?[2J?[Hall is well?and ?so on"),
        "{:?}",
        outcome.stdout
    );
    assert!(!outcome.stdout.contains("\u{1b}[2J") && !outcome.stdout.contains('\u{202e}'));
}
