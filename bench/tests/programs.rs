//! The programs of this crate from outside, and each group of rows on the built servers, in runs too short to mean anything.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use bench::answer::Expected;
use bench::load::{Exchange, Http, Length, Settings, Source, run};
use bench::rig::{ConstantServer, Programs};
use bench::rows::{Bench, GROUPS};
use serde_json::Value;

/// Cargo's folder with the programs of all crates.
fn programs() -> Programs {
    Programs::in_folder(Path::new(env!("CARGO_BIN_EXE_load")).parent().unwrap())
}

fn load(server: &ConstantServer, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    fs::write(&tokens, "one\ntwo\n").unwrap();
    Command::new(env!("CARGO_BIN_EXE_load"))
        .args(["--url", &format!("{}/authenticate", server.url()), "--insecure", "--warm-up", "0"])
        .args(["--count", "50", "--token-file", tokens.to_str().unwrap()])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn load_says_what_came_of_it_and_its_exit_status_whether_all_was_well() {
    let server = ConstantServer::start(&programs(), &["--user", "alice"]).unwrap();
    let pid = server.pid().to_string();
    for http in ["2", "1.1"] {
        let output = load(&server, &["--user", "alice", "--json", "--http", http, "--pid", &pid]);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(output.status.success() && said["good"] == 50, "{said}");
        assert!(said["server_rss"].as_u64().unwrap() > 0 && said["p99_us"].as_f64().unwrap() > 0.0, "{said}");
    }
    let output = load(&server, &["--user", "bob"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("faults: 50") && said.contains("50 × another user name"), "{said}");
    let output = load(&server, &["--api-version", "authentication.k8s.io/v1beta1"]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("another apiVersion"));
}

#[test]
fn the_constant_server_answers_what_it_is_told_to() {
    let server = ConstantServer::start(
        &programs(),
        &["--answer", r#"{"Arn":"acs:ram::1:user/a"}"#, "--listen", "127.0.0.1:0"],
    )
    .unwrap();
    let expected = Expected::Caller { arn: "acs:ram::1:user/a".to_owned() };
    let source = Source::Same(Exchange::json("/", "x".repeat(100_000), expected).unwrap());
    let settings = Settings { warm_up: Duration::ZERO, length: Length::Count(20), ..Settings::default() };
    let outcome = run(&settings, &server.target(Http::Two).unwrap(), source).unwrap();
    assert_eq!((outcome.good, outcome.faults.len()), (20, 0), "{:?}", outcome.faults);
}

/// Wants the servers built (`make programs`); each answer of each run is checked, and each review has to leave a line in
/// the log.
#[test]
fn every_group_measures_its_rows() {
    for (name, group) in GROUPS {
        let folder = tempfile::tempdir().unwrap();
        let bench = Bench {
            programs: programs(),
            static_programs: folder.path().join("none"),
            folder: folder.path().to_owned(),
            rounds: 1,
            warm_up: Duration::from_millis(100),
            length: Duration::from_millis(100),
            count: 100,
            processes: 2,
            mappings: vec![20],
            tokens: 100,
            control_plane: programs().find("bench-control-plane").unwrap(),
        };
        let rows = group(&bench).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!rows.is_empty(), "{name}");
        for row in rows {
            // Nothing is linked statically here: the rows say so.
            let may_be_missing = name == "sizes";
            let is_measured = row.value.is_some_and(f64::is_finite);
            assert!(is_measured || (may_be_missing && !row.note.is_empty()), "{name}: {row:?}");
        }
    }
}
