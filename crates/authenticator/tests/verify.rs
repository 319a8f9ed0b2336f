//! `verify`: who signed a token.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{ACCOUNT, ALICE, BOB, CLUSTER, Rig, Signing, credentials, emulator, minutes, run, token_of};
use emulator::{Emulator, Fault};
use serde_json::{Value, json};
use tempfile::TempDir;

/// STS, and a folder to run in.
struct Desk {
    emulator: Emulator,
    folder: TempDir,
}

impl Desk {
    async fn new() -> Desk {
        Desk { emulator: emulator().await, folder: tempfile::tempdir().unwrap() }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Exit code, stdout, stderr of `verify` with the emulator as STS.
    fn verify(&self, arguments: &[&str]) -> (i32, String, String) {
        let address = self.emulator.address().to_string();
        let sts = ["--sts-endpoint", &address, "--sts-ca-file", self.emulator.ca_file().to_str().unwrap()];
        run(self.folder(), &[&["verify"], arguments, &sts].concat())
    }

    /// The one line of a refusal.
    fn refusal(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.verify(arguments);
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        let line = stderr.lines().last().unwrap().to_owned();
        assert!(line.starts_with("ack-ram-authenticator: "), "{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        line
    }
}

/// Some of what comes after the prefix.
fn middle(token: &str) -> &str {
    token.get(11..40).unwrap()
}

fn signed(change: impl FnOnce(&mut Signing)) -> String {
    let mut signing = Signing::by(credentials(ALICE));
    change(&mut signing);
    signing.v2()
}

#[tokio::test(flavor = "multi_thread")]
async fn prints_who_signed_under_the_public_programs_field_names() {
    let desk = Desk::new().await;
    let (code, stdout, stderr) = desk.verify(&["-i", CLUSTER, "-t", &token_of(ALICE), "-o", "json"]);
    assert_eq!(code, 0, "{stderr}");
    let arn = format!("acs:ram::{ACCOUNT}:user/alice");
    assert_eq!(
        serde_json::from_str::<Value>(&stdout).unwrap(),
        json!({"ARN": arn, "CanonicalARN": arn, "AccountID": ACCOUNT, "UserID": "222222222222222222",
               "SessionName": "", "AccessKeyID": ALICE.0})
    );
    let (code, stdout, _) = desk.verify(&["-i", CLUSTER, "-t", &token_of(BOB)]);
    let fields: Vec<Vec<&str>> = stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((code, &fields[0]), (0, &vec!["ARN", "acs:ram::1234567890123456:user/bob"]), "{stdout}");
    assert_eq!(fields[4..], [vec!["SessionName"], vec!["AccessKeyID", BOB.0]], "{stdout}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assumed_role_has_its_roles_arn_id_and_session() {
    let rig = Rig::start(&[]).await;
    let session = rig.session("carol@example.com").await;
    let token = Signing::by(session).v2();
    let desk = Desk { emulator: rig.emulator, folder: tempfile::tempdir().unwrap() };
    let (code, stdout, stderr) = desk.verify(&["-i", CLUSTER, "-t", &token, "-o", "json"]);
    assert_eq!(code, 0, "{stderr}");
    let identity: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(identity["CanonicalARN"], format!("acs:ram::{ACCOUNT}:role/dev"));
    assert_eq!(identity["UserID"], "333333333333333333");
    assert_eq!(identity["SessionName"], "carol@example.com");
    assert!(identity["AccessKeyID"].as_str().unwrap().starts_with("STS."), "{identity}");
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_the_token_from_stdin_a_file_and_the_configuration_file() {
    let desk = Desk::new().await;
    let token = token_of(ALICE);
    fs::write(desk.folder().join("token"), format!("{token}\n")).unwrap();
    let (code, stdout, stderr) = desk.verify(&["-i", CLUSTER, "--token-file", "token"]);
    assert!(code == 0 && stdout.contains("user/alice"), "{stderr}");

    // Keys in any case, as the public program's.
    let config = format!("clusterID: {CLUSTER}\nToken: {token}\nOUTPUT: json\n");
    fs::write(desk.folder().join("config.yaml"), config).unwrap();
    let (code, stdout, stderr) = desk.verify(&["-c", "config.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap()["AccessKeyID"], ALICE.0);
    // A flag beats its key.
    let (code, stdout, _) = desk.verify(&["-c", "config.yaml", "-o", "text", "-t", &token_of(BOB)]);
    assert!(code == 0 && stdout.contains("user/bob") && !stdout.contains('{'), "{stdout}");

    let address = desk.emulator.address().to_string();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ack-ram-authenticator"))
        .args(["verify", "-i", CLUSTER, "-t", "-", "--sts-endpoint", &address, "--sts-ca-file"])
        .arg(desk.emulator.ca_file())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{token}\r\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("user/alice"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refuses_for_the_servers_reasons_and_without_asking_sts_where_that_can_be_told() {
    let desk = Desk::new().await;
    let other = signed(|signing| signing.cluster = "other".to_owned());
    let old = signed(|signing| signing.at -= minutes(20));
    let coming = signed(|signing| signing.at += minutes(20));
    for (token, reason) in [
        (other.as_str(), "(wrong_cluster)"),
        (&old, "(expired)"),
        (&coming, "(not_yet_valid)"),
        ("k8s-ack-v2.", "("),
        ("junk", "("),
    ] {
        let line = desk.refusal(&["-i", CLUSTER, "-t", token]);
        assert!(line.contains("without asking STS") && line.contains(reason), "{line}");
        assert!(token.len() < 20 || !line.contains(middle(token)), "{line}");
    }
    assert!(desk.emulator.requests().is_empty(), "STS was asked");

    let forged = token_of((ALICE.0, "canary-wrong-secret"));
    let line = desk.refusal(&["-i", CLUSTER, "-t", &forged]);
    assert!(line.contains("SignatureDoesNotMatch") && line.contains("the token is refused"), "{line}");
    assert_eq!(desk.emulator.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passing_fault_is_no_refusal() {
    let desk = Desk::new().await;
    desk.emulator.fail("GetCallerIdentity", Fault::BreakConnection);
    let line = desk.refusal(&["-i", CLUSTER, "-t", &token_of(ALICE)]);
    assert!(line.contains("nobody can tell now"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_1_token_is_used_up_and_that_is_said() {
    let desk = Desk::new().await;
    let token = Signing::by(credentials(ALICE)).v1("nonce-of-this-test");
    let (code, stdout, stderr) = desk.verify(&["-i", CLUSTER, "-t", &token]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("user/alice") && stderr.contains("uses it up"), "{stderr}");
    let line = desk.refusal(&["-i", CLUSTER, "-t", &token]);
    assert!(line.contains("SignatureNonceUsed"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_wrong_is_one_line() {
    let desk = Desk::new().await;
    let token = token_of(ALICE);
    for (arguments, named) in [
        (vec!["-t", token.as_str()], "--cluster-id"),
        (vec!["-i", CLUSTER], "--token"),
        (vec!["-i", CLUSTER, "-t", ""], "--token"),
        (vec!["-i", CLUSTER, "--token-file", "missing"], "missing"),
        (vec!["-i", CLUSTER, "-t", "-"], "--token"),
        (vec!["-i", CLUSTER, "-t", token.as_str(), "--token-file", "x"], "--token-file"),
        (vec!["-i", CLUSTER, "-t", token.as_str(), "-o", "xml"], "xml"),
        (vec!["-i", CLUSTER, "-t", token.as_str(), "--region", "a b"], "--region"),
    ] {
        // An endpoint would beat the region.
        let sts =
            if arguments.contains(&"--region") { Vec::new() } else { vec!["--sts-endpoint", "127.0.0.1:1"] };
        let (code, stdout, stderr) = run(desk.folder(), &[&["verify"], &arguments[..], &sts].concat());
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (1, "", 1), "{arguments:?}: {stderr}");
        assert!(stderr.contains(named) && !stderr.contains(middle(&token)), "{stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_printed_at_the_highest_verbosity() {
    let desk = Desk::new().await;
    for (token, code) in [(token_of(ALICE), 0), (token_of((ALICE.0, "canary-wrong-secret")), 1)] {
        let (ended, stdout, stderr) = desk.verify(&["-i", CLUSTER, "-t", &token, "--log-level", "trace"]);
        assert_eq!(ended, code, "{stderr}");
        let signature = token.get(60..100).unwrap();
        for secret in [middle(&token), signature, ALICE.1, "canary-wrong-secret"] {
            assert!(!stdout.contains(secret) && !stderr.contains(secret), "{secret}: {stdout}{stderr}");
        }
    }
}
