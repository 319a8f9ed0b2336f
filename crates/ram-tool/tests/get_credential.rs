//! `credential-plugin get-credential`: certificates from Container Service, and those that are kept.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[path = "support/ack.rs"]
mod ack;
mod support;

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use ack::{Ack, CLUSTER, OTHER_CLUSTER, now};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use emulator::Fault;
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use support::{CANARY, end_of};

const FOLDER: &str = ".kube/cache/ack-ram-tool/credential-plugin";
const GET: [&str; 4] = ["credential-plugin", "get-credential", "--cluster-id", CLUSTER];
const BOB: [(&str, &str); 2] =
    [("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIbob"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-bob")];

fn get(ack: &Ack, more: &[&str]) -> support::Outcome {
    ack.run(&[&GET, more].concat())
}

fn files(ack: &Ack) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(ack.at_home(FOLDER)) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().unwrap() == "json").collect();
    paths.sort();
    paths
}

fn the_file(ack: &Ack) -> PathBuf {
    let files = files(ack);
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

fn mode(path: &std::path::Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The common name and the end of the certificate that was printed.
fn certificate(stdout: &str) -> (String, Timestamp) {
    let value: Value = serde_json::from_str(stdout).unwrap();
    let pem = value["status"]["clientCertificateData"].as_str().unwrap();
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    PrivateKeyDer::from_pem_slice(value["status"]["clientKeyData"].as_str().unwrap().as_bytes()).unwrap();
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
    let name = parsed.subject().iter_common_name().next().unwrap().as_str().unwrap().to_owned();
    (name, Timestamp::from_second(parsed.validity().not_after.timestamp()).unwrap())
}

#[test]
fn prints_a_certificate_of_the_caller_and_keeps_it_for_this_person_alone() {
    let ack = Ack::start();
    let stdout = get(&ack, &[]).success();
    let (name, end) = certificate(&stdout);
    assert_eq!(name, "222222222222222222");
    assert_eq!(end_of(&stdout), end);
    let remaining = end.duration_since(now());
    assert!(remaining > SignedDuration::from_mins(179) && remaining < SignedDuration::from_mins(181));
    assert!(stdout.starts_with("{\n \"kind\": \"ExecCredential\",\n \"apiVersion\": \"client.authentication.k8s.io/v1beta1\",\n \"spec\": {\n  \"interactive\": false\n },\n \"status\": {\n  \"expirationTimestamp\": "), "{stdout}");
    assert!(stdout.ends_with("\n }\n}\n"), "{stdout}");

    let calls = ack.calls();
    assert_eq!(calls.len(), 1);
    let raw = &calls[0].raw.target;
    assert!(raw.contains("PrivateIpAddress=true") && raw.contains("TemporaryDurationMinutes=180"), "{raw}");

    let file = the_file(&ack);
    let name = file.file_name().unwrap().to_str().unwrap();
    let hash = name
        .strip_prefix(&format!("{CLUSTER}-exec-auth-credential-v1beta1-"))
        .and_then(|rest| rest.strip_suffix(".json"))
        .unwrap_or_else(|| panic!("{name}"));
    assert!(hash.len() == 40 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
    assert_eq!(mode(&file), 0o600);
    for folder in [".kube", ".kube/cache", ".kube/cache/ack-ram-tool", FOLDER] {
        assert_eq!(mode(&ack.at_home(folder)), 0o700, "{folder}");
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(!kept.contains(CANARY) && !name.contains("LTAI"));
}

#[test]
fn what_is_kept_is_used_without_any_network() {
    let ack = Ack::start();
    let first = get(&ack, &[]).success();
    ack.runtime.block_on(ack.emulator.stop_listening());
    assert_eq!(get(&ack, &[]).success(), first);
    assert_eq!(get(&ack, &["--credential-cache-dir", &format!("~/{FOLDER}")]).success(), first);
}

#[test]
fn a_role_is_assumed_only_when_a_certificate_is_needed() {
    let ack = Ack::start();
    let role = ["--role-arn", "acs:ram::1234567890123456:role/dev"];
    let first = get(&ack, &role).success();
    assert_eq!(certificate(&first).0, "333333333333333333");
    let before = ack.emulator.requests().len();
    assert_eq!(get(&ack, &role).success(), first);
    assert_eq!(ack.emulator.requests().len(), before);
}

#[test]
fn it_is_renewed_before_it_ends_and_used_to_the_end_where_that_fails() {
    // Nine minutes of fifteen remain of each certificate that this service issues.
    let ack = Ack::with_clock(SignedDuration::from_mins(-6));
    let first = get(&ack, &["--expiration", "15m"]).success();
    let second = get(&ack, &["--expiration", "15m"]).success();
    assert_ne!(first, second);
    assert_eq!(ack.calls().len(), 2);

    ack.emulator.fail(
        "DescribeClusterUserKubeconfig",
        Fault::Error { status: 403, code: "StatusForbidden".into(), message: "canary".into() },
    );
    let outcome = get(&ack, &["--expiration", "15m"]);
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains(" WARN the certificate could not be renewed"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("StatusForbidden") && !outcome.stderr.contains(CANARY));
    assert_eq!(outcome.success(), second);
    // For a minute nobody tries again: an outage must not make every kubectl wait.
    let calls = ack.calls().len();
    let next = get(&ack, &["--expiration", "15m"]);
    assert_eq!(next.stderr, "");
    assert_eq!(next.success(), second);
    assert_eq!(ack.calls().len(), calls);
    let marker = the_file(&ack).with_extension("failed");
    assert_eq!(mode(&marker), 0o600);
    std::fs::write(&marker, (now().as_second() - 61).to_string()).unwrap();
    let quiet = get(&ack, &["--expiration", "15m", "--log-level", "error"]);
    assert_eq!(quiet.stderr, "");
    assert_eq!(quiet.success(), second);
    assert_eq!(ack.calls().len(), calls + 1);
    ack.emulator.clear_faults();
    std::fs::remove_file(&marker).unwrap();
    ack.runtime.block_on(ack.emulator.stop_listening());
    assert_eq!(get(&ack, &["--expiration", "15m"]).success(), second);

    // What is over is not used, whatever its certificate says.
    let file = the_file(&ack);
    let mut content: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    content["status"]["expirationTimestamp"] = json!((now() - SignedDuration::from_secs(1)).to_string());
    std::fs::write(&file, content.to_string()).unwrap();
    let error = get(&ack, &["--expiration", "15m"]).error();
    assert!(error.contains("cannot connect"), "{error}");
}

/// Flags and variables.
type Login<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

#[test]
fn nobody_gets_a_certificate_of_another_login() {
    let ack = Ack::start();
    let role = "acs:ram::1234567890123456:role/dev";
    let session = ("ALIBABA_CLOUD_ROLE_SESSION_NAME", "alice2");
    let port = ack.endpoint.rsplit(':').next().unwrap();
    let other_name = format!("localhost:{port}");
    let config = ack.at_home("config.json");
    let profile = |name: &str, id: &str, secret: &str| json!({"name": name, "mode": "AK", "access_key_id": id, "access_key_secret": secret});
    let profiles = json!({"current": "a", "profiles": [
        profile("a", "LTAIalice", "canary-alice"), profile("b", "LTAIalice", "canary-alice"), profile("bob", "LTAIbob", "canary-bob"),
    ]});
    std::fs::write(&config, profiles.to_string()).unwrap();
    let config = config.to_str().unwrap();
    let logins: [Login<'_>; 14] = [
        (&[], &[]),
        (&[], &BOB),
        (&["--role-arn", role], &[]),
        (&["--role-arn", role], &[session]),
        (&["--role-arn", role], &BOB),
        (&["--region-id", "cn-hangzhou"], &[]),
        (&["--cs-endpoint", &other_name], &[]),
        (&["--sts-endpoint", &other_name], &[]),
        (&["--expiration", "1h"], &[]),
        (&["--profile-file", config], &[]),
        (&["--profile-file", config, "--profile-name", "b"], &[]),
        (&["--profile-file", config, "--profile-name", "bob"], &[]),
        (&["--api-version", "v1"], &[]),
        (&["--cluster-id", OTHER_CLUSTER], &[]),
    ];
    for (number, (flags, variables)) in (1..).zip(logins) {
        let command = match flags.first() {
            Some(&"--cluster-id") => [&GET[..2], flags].concat(),
            _ => [&GET[..], flags].concat(),
        };
        let first = ack.run_with(&command, variables).success();
        assert_eq!(ack.calls().len(), number, "{flags:?}: a call of its own");
        assert_eq!(files(&ack).len(), number, "{flags:?}: a file of its own");
        assert_eq!(ack.run_with(&command, variables).success(), first, "{flags:?}");
        assert_eq!(ack.calls().len(), number, "{flags:?}: no second call");
        let is_role = flags.contains(&"--role-arn");
        let is_bob = variables == BOB || flags.contains(&"bob");
        let wanted = match (is_role, is_bob) {
            (true, _) => "333333333333333333",
            (false, true) => "555555555555555555",
            (false, false) => "222222222222222222",
        };
        assert_eq!(certificate(&first).0, wanted, "{flags:?}");
    }
    // Another role, under the same session name: nobody lets alice assume it.
    let error = get(&ack, &["--role-arn", "acs:ram::1234567890123456:role/ops"]).error();
    assert!(error.contains("NoPermission"), "{error}");
}

#[test]
fn what_anybody_else_could_have_put_there_is_not_used_but_replaced() {
    let ack = Ack::start();
    let good = get(&ack, &[]).success();
    let file = the_file(&ack);
    let content: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let others = {
        ack.run(&["credential-plugin", "get-credential", "-c", OTHER_CLUSTER]).success();
        let other = files(&ack).into_iter().find(|path| *path != file).unwrap();
        std::fs::read_to_string(other).unwrap()
    };
    let bobs = {
        ack.run_with(&GET, &BOB).success();
        let new = files(&ack)
            .into_iter()
            .find(|path| *path != file && path.file_name().unwrap().to_str().unwrap().starts_with(CLUSTER));
        std::fs::read_to_string(new.unwrap()).unwrap()
    };
    let with = |pointer: &str, value: Value| {
        let mut changed = content.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed.to_string()
    };
    let bobs_key = serde_json::from_str::<Value>(&bobs).unwrap()["status"]["clientKeyData"].clone();
    let end = content["status"]["expirationTimestamp"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let later = (end + SignedDuration::from_hours(1)).to_string();
    let past = (now() - SignedDuration::from_secs(1)).to_string();
    let cases = [
        ("empty", String::new()),
        ("{}", "{}".to_owned()),
        ("null", "null".to_owned()),
        ("no JSON", "hello".to_owned()),
        ("cut", content.to_string().chars().take(200).collect()),
        ("another cluster's", others),
        ("another person's", bobs),
        ("what the public tool would write", good.clone()),
        ("another kind", with("/kind", json!("Secret"))),
        ("another version", with("/apiVersion", json!("client.authentication.k8s.io/v1"))),
        ("a certificate that is none", with("/status/clientCertificateData", json!("canary"))),
        ("a key that is none", with("/status/clientKeyData", json!(""))),
        ("a key of another certificate", with("/status/clientKeyData", bobs_key)),
        ("an end after the certificate's", with("/status/expirationTimestamp", json!(later))),
        ("an end that is past", with("/status/expirationTimestamp", json!(past))),
        ("an end that is none", with("/status/expirationTimestamp", json!("soon"))),
        ("huge", format!("{}{}", content, " ".repeat(300_000))),
    ];
    let replaced = |what: &str| {
        let before = ack.calls().len();
        let outcome = get(&ack, &[]);
        assert_eq!(outcome.stderr, "", "{what}");
        let stdout = outcome.success();
        assert_eq!(certificate(&stdout).0, "222222222222222222", "{what}");
        assert_ne!(stdout, good, "{what}");
        assert_eq!(ack.calls().len(), before + 1, "{what} was used");
        assert_eq!(mode(&file), 0o600, "{what}");
        assert_eq!(get(&ack, &[]).success(), stdout, "{what}: replaced");
        assert_eq!(ack.calls().len(), before + 1, "{what} stayed");
    };
    for (what, text) in cases {
        std::fs::write(&file, text).unwrap();
        replaced(what);
    }

    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    replaced("a file that others can read");

    // Only root can give a file away: elsewhere there is none of another person that can be read and is 0600.
    if std::os::unix::fs::chown(&file, Some(12_345), None).is_ok() {
        replaced("a file of another person");
    }

    std::fs::remove_file(&file).unwrap();
    let made = Command::new("mkfifo").args(["-m", "600"]).arg(&file).status();
    assert!(made.expect("mkfifo is needed for this test: install coreutils").success());
    replaced("a pipe, which nobody writes to");

    let elsewhere = ack.at_home("elsewhere");
    std::fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    let before = std::fs::read(&elsewhere).unwrap();
    replaced("a symbolic link");
    assert!(!std::fs::symlink_metadata(&file).unwrap().is_symlink());
    assert_eq!(std::fs::read(&elsewhere).unwrap(), before, "nothing was written through the link");
}

#[test]
fn an_end_before_the_certificates_is_what_kubectl_is_told() {
    let ack = Ack::start();
    get(&ack, &[]).success();
    let file = the_file(&ack);
    let mut content: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let end = Timestamp::from_second((now() + SignedDuration::from_hours(1)).as_second()).unwrap();
    content["status"]["expirationTimestamp"] = json!(end.to_string());
    std::fs::write(&file, content.to_string()).unwrap();
    let stdout = get(&ack, &[]).success();
    assert_eq!(end_of(&stdout), end);
    assert!(certificate(&stdout).1 > end);
    assert_eq!(ack.calls().len(), 1);
}

#[test]
fn container_service_may_say_that_a_certificate_is_good_for_less_than_it_says_itself() {
    let ack = Ack::start();
    let stdout: Value = serde_json::from_str(&get(&ack, &[]).success()).unwrap();
    let encoded = |key: &str| STANDARD.encode(stdout["status"][key].as_str().unwrap());
    let user = json!({
        "client-certificate-data": encoded("clientCertificateData"),
        "client-key-data": encoded("clientKeyData"),
    });
    let config = json!({
        "kind": "Config",
        "clusters": [{"name": "k", "cluster": {"server": ack::PRIVATE}}],
        "contexts": [{"name": "x", "context": {"cluster": "k", "user": "u"}}],
        "current-context": "x",
        "users": [{"name": "u", "user": user}],
    });
    let end = Timestamp::from_second((now() + SignedDuration::from_hours(1)).as_second()).unwrap();
    let answer = json!({"config": config.to_string(), "expiration": end.to_string()});
    let content_type = "application/json".to_owned();
    ack.emulator.fail(
        "DescribeClusterUserKubeconfig",
        Fault::Garbage { content_type, body: answer.to_string().into_bytes() },
    );
    // Another login, so that it is asked for anew.
    let stdout = get(&ack, &["--expiration", "2h"]).success();
    assert_eq!(end_of(&stdout), end);
    assert!(certificate(&stdout).1 > end);
}

#[test]
fn certificates_that_are_over_do_not_pile_up() {
    let ack = Ack::start();
    let folder = ack.at_home(FOLDER);
    get(&ack, &[]).success();
    let current = the_file(&ack);
    let content: Value = serde_json::from_slice(&std::fs::read(&current).unwrap()).unwrap();
    let ending = |end: Timestamp| {
        let mut content = content.clone();
        content["status"]["expirationTimestamp"] = json!(end.to_string());
        content.to_string()
    };
    let (past, future) = (now() - SignedDuration::from_secs(1), now() + SignedDuration::from_hours(1));
    for (name, text) in [
        ("c1-exec-auth-credential-v1-aa.json", ending(past)),
        ("c1-exec-auth-credential-v1-aa.lock", String::new()),
        ("c1-exec-auth-credential-v1-aa.failed", String::new()),
        ("c1-exec-auth-credential-v1-bb.json", ending(future)),
        ("c1-exec-auth-credential-v1-cc.json", "{}".to_owned()),
        (
            "c1-exec-auth-credential-v1.json",
            r#"{"status": {"expirationTimestamp": "2020-01-01T00:00:00Z"}}"#.to_owned(),
        ),
        ("notes.json", ending(past)),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    get(&ack, &["--expiration", "1h"]).success();
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with(CLUSTER))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "c1-exec-auth-credential-v1-bb.json",
            "c1-exec-auth-credential-v1-cc.json",
            "c1-exec-auth-credential-v1.json",
            "notes.json"
        ]
    );
    assert!(current.exists());
}

#[test]
fn a_cluster_id_does_not_lead_out_of_the_folder() {
    let ack = Ack::start();
    for id in ["../../x", "a/b", "..", "/etc/x", "a\\b", ""] {
        let error = ack.run(&["credential-plugin", "get-credential", &format!("--cluster-id={id}")]).error();
        assert!(error.contains("cluster"), "{id}: {error}");
    }
    assert_eq!(files(&ack), Vec::<PathBuf>::new());
}

#[test]
fn twenty_at_once_make_one_call() {
    let ack = Ack::start();
    ack.emulator.fail("DescribeClusterUserKubeconfig", Fault::Delay(Duration::from_secs(1)));
    let start = || {
        Command::new(env!("CARGO_BIN_EXE_ack-ram-tool"))
            .args(GET)
            .env_clear()
            .envs(ack.variables(&[]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = std::iter::repeat_with(start).take(20).collect();
    let mut outputs: Vec<String> = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        outputs.push(String::from_utf8(output.stdout).unwrap());
    }
    outputs.dedup();
    assert_eq!(outputs.len(), 1, "all have the same certificate");
    assert_eq!(ack.calls().len(), 1);
}

#[test]
fn a_folder_that_cannot_be_written_costs_a_warning_and_no_login() {
    let ack = Ack::start();
    let taken = ack.at_home("taken");
    std::fs::write(&taken, "").unwrap();
    let outcome = get(&ack, &["--credential-cache-dir", taken.to_str().unwrap()]);
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains(" WARN ") && outcome.stderr.contains("--credential-cache-dir"));
    certificate(&outcome.success());

    let outcome = ack.run_with(&GET, &[("HOME", "")]);
    assert!(outcome.stderr.contains(" WARN ") && outcome.stderr.contains("HOME"), "{}", outcome.stderr);
    certificate(&outcome.success());
}

#[test]
fn a_clock_that_is_wrong_gets_a_line_of_its_own() {
    let ahead = Ack::with_clock(SignedDuration::from_mins(14));
    let error = get(&ahead, &[]).error();
    assert!(error.contains("not valid before") && error.contains("set the clock"), "{error}");
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2020, 1, 2);
    let key = rcgen::KeyPair::generate().unwrap();
    let (certificate, key) = (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem());
    let user = json!({"client-certificate-data": STANDARD.encode(certificate), "client-key-data": STANDARD.encode(key)});
    let config = json!({"kind": "Config", "users": [{"name": "a", "user": user}]}).to_string();
    let body = json!({"config": config, "expiration": "2099-01-01T00:00:00Z"}).to_string().into_bytes();
    ahead.emulator.fail(
        "DescribeClusterUserKubeconfig",
        Fault::Garbage { content_type: "application/json".to_owned(), body },
    );
    let error = get(&ahead, &[]).error();
    assert!(error.contains("ended at 2020-01-02T00:00:00Z") && error.contains("clock"), "{error}");
    assert_eq!(files(&ahead).len(), 0);
}

#[test]
fn kubectl_says_which_version_it_wants() {
    let ack = Ack::start();
    let info = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}"#;
    let stdout = ack.run_with(&GET, &[("KUBERNETES_EXEC_INFO", info)]).success();
    assert!(stdout.contains("\"client.authentication.k8s.io/v1\""), "{stdout}");
    assert!(the_file(&ack).to_str().unwrap().contains("-credential-v1-"));
}

#[test]
fn every_failure_gives_one_line_and_leaves_nothing_behind() {
    let ack = Ack::start();
    let action = "DescribeClusterUserKubeconfig";
    let answer = |body: &Value| Fault::Garbage {
        content_type: "application/json".to_owned(),
        body: body.to_string().into_bytes(),
    };
    let expiration = "2099-01-01T00:00:00Z";
    let config = |config: &str| answer(&json!({"config": config, "expiration": expiration}));
    let user = |user: &str| config(&format!("kind: Config\nusers:\n- name: a\n  user: {user}\n"));
    for (fault, wanted) in [
        (
            Fault::Error { status: 403, code: "StatusForbidden".into(), message: "canary".into() },
            "StatusForbidden",
        ),
        (Fault::Garbage { content_type: "text/html".into(), body: b"canary".to_vec() }, "Container Service"),
        (answer(&json!({"config": "canary"})), "expiration"),
        (config("canary: ["), "not valid YAML"),
        (config("[canary]"), "no mapping"),
        (config("kind: Config"), "no client certificate"),
        (user("{client-key-data: Y2FuYXJ5}"), "no client certificate"),
        (user("{client-certificate-data: Y2FuYXJ5, client-key-data: Y2FuYXJ5}"), "no PEM certificate"),
        (Fault::BreakConnection, "Container Service"),
    ] {
        ack.emulator.fail(action, fault);
        let error = get(&ack, &["-v"]).error();
        assert!(error.contains(wanted), "{wanted}: {error}");
        ack.emulator.clear_faults();
    }
    let error = ack.run(&["credential-plugin", "get-credential", "-c", "c1"]).error();
    assert!(error.contains("ErrorClusterNotFound"), "{error}");
    for text in ["14m", "73h", "3", "x"] {
        let error = get(&ack, &["--expiration", text]).error();
        assert!(error.contains("--expiration"), "{error}");
    }
    let error = ack.run(&["credential-plugin", "get-credential"]).error();
    assert!(error.contains("--cluster-id"), "{error}");
    let error = ack.run_with(&GET, &[("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-wrong")]).error();
    assert!(error.contains("SignatureDoesNotMatch"), "{error}");
    assert_eq!(files(&ack), Vec::<PathBuf>::new());
}
