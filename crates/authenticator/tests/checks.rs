//! `lint` and `explain` as programs: files, stdin, folders, exit statuses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

const GOOD: &str = "apiVersion: ramauthenticator.k8s.alibabacloud/v1alpha1\nkind: RAMIdentityMapping\nmetadata: {name: alice}\n\
                    spec:\n  arn: acs:ram::1:user/alice\n  username: alice\n  groups: [developers]\n";
const WARNED: &str = "apiVersion: ramauthenticator.k8s.alibabacloud/v1alpha1\nkind: RAMIdentityMapping\nmetadata: {name: \
                      roles}\nspec:\n  arn: acs:ram::1:role/*\n  username: \"any:{{SessionNameRaw}}\"\n";

/// Exit status, stdout, stderr.
fn run(folder: &Path, arguments: &[&str], stdin: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ack-ram-authenticator"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its stdin closes it.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.yaml"), GOOD).unwrap();
    std::fs::write(folder.path().join("warned.yaml"), WARNED).unwrap();
    std::fs::write(folder.path().join("bad.yaml"), GOOD.replace("acs:ram", "aws:iam")).unwrap();
    std::fs::write(folder.path().join("binary.yaml"), [0xff, 0xfe, 0]).unwrap();
    folder
}

#[test]
fn lint_ends_with_0_1_or_2() {
    let folder = folder();
    for (arguments, expected) in [
        (&["lint", "-f", "good.yaml"][..], 0),
        (&["lint", "-f", "warned.yaml", "good.yaml"], 0),
        (&["lint", "--strict", "-f", "warned.yaml"], 1),
        (&["lint", "--strict", "--ignore", "RAM207", "-f", "warned.yaml"], 0),
        (&["lint", "--strict", "--ignore", "RAM2", "-f", "warned.yaml"], 0),
        (&["lint", "--ignore", "RAM0", "-f", "bad.yaml"], 2),
        (&["lint", "-f", "good.yaml", "-f", "bad.yaml"], 1),
        (&["lint", "-f", "nobody-is-here.yaml"], 2),
        (&["lint", "-f", "binary.yaml"], 2),
        (&["lint", "--kubeconfig", "nobody-is-here.yaml"], 2),
        (&["lint", "-f", "good.yaml", "--backend-mode", "Nonsense"], 2),
        (&["lint", "-f", "good.yaml", "--ignore", "RAM999"], 2),
        (&["lint"], 2),
    ] {
        let (status, stdout, stderr) = run(folder.path(), arguments, "");
        assert_eq!(status, expected, "{arguments:?}\n{stdout}{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
        assert!(status != 2 || stdout.is_empty(), "{arguments:?}: {stdout}");
    }
}

#[test]
fn lint_prints_file_and_line_or_json_and_reads_stdin() {
    let folder = folder();
    let (_, stdout, stderr) = run(folder.path(), &["lint", "-f", "bad.yaml"], "");
    assert!(stdout.starts_with("bad.yaml:5: error: RAMIdentityMapping alice: spec.arn: "), "{stdout}");
    assert!(
        stdout.ends_with(" [RAM005]\n") && stderr.contains("1 mappings: 1 errors, 0 warnings"),
        "{stdout}{stderr}"
    );

    let piped = format!("{GOOD}---\n{WARNED}");
    let (status, stdout, _) = run(folder.path(), &["lint", "-f", "-", "-o", "json"], &piped);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((status, json["mappings"].as_u64(), json["warnings"].as_u64()), (0, Some(2), Some(1)));
    let finding = &json["findings"][0];
    assert_eq!((finding["file"].as_str(), finding["line"].as_u64()), (Some("<stdin>"), Some(13)));
    assert_eq!((finding["code"].as_str(), finding["severity"].as_str()), (Some("RAM207"), Some("warning")));
}

#[test]
fn explain_ends_with_0_1_or_2() {
    let folder = folder();
    std::fs::write(
        folder.path().join("config.yaml"),
        "clusterID: c\nserver:\n  mapUsers: [{userarn: 'acs:ram::1:user/bob', username: bob}]\n",
    )
    .unwrap();
    let alice = ["explain", "--arn", "acs:ram::1:user/alice"];
    let (status, stdout, stderr) = run(folder.path(), &[&alice[..], &["-f", "good.yaml"]].concat(), "");
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(stdout.contains("username  alice\n  groups    developers\n"), "{stdout}");
    // The server's configuration file is one more source.
    let bob = ["explain", "--arn", "user/bob", "--account", "1", "-c", "config.yaml"];
    assert_eq!(run(folder.path(), &bob, "").0, 0);
    for (arguments, expected) in [
        (&["-f", "warned.yaml"][..], 1),
        (&["-f", "nobody-is-here.yaml"], 2),
        (&["-f", "good.yaml", "--session-name", "x"], 2),
        (&["-f", "good.yaml", "--nonsense"], 2),
        (&[], 2),
    ] {
        let (status, stdout, stderr) = run(folder.path(), &[&alice[..], arguments].concat(), "");
        assert_eq!(status, expected, "{arguments:?}\n{stdout}{stderr}");
        assert!(status != 2 || (stdout.is_empty() && stderr.lines().count() == 1), "{stdout}{stderr}");
    }
}
