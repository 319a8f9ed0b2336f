//! `export-credentials`: each format read back by the program that it is for, the command, and the server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]
#![cfg(unix)]

#[path = "../../emulator/tests/python/interpreter.rs"]
mod interpreter;
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use emulator::Fault;
use support::{ALICE, CANARY, Sts, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ack-ram-tool");
const READERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readers");
const DEV: &str = "acs:ram::1234567890123456:role/dev";
/// For what happens at once, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);
const TEMPORARY: [(&str, &str); 3] = [
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", "STS.x"),
    ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-secret"),
    ("ALIBABA_CLOUD_SECURITY_TOKEN", "CAIS+/t=="),
];

fn export(format: &str, variables: &[(&str, &str)]) -> String {
    run(&["export-credentials", "--format", format], variables).success()
}

/// The command line of the official SDK for Go, built once.
fn go_reader() -> &'static Path {
    static READER: OnceLock<PathBuf> = OnceLock::new();
    READER.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("credentials-reader");
        let built = Command::new("go")
            .args(["build", "-mod=readonly", "-o"])
            .args([path.as_path(), Path::new(".")])
            .current_dir(format!("{READERS}/go"))
            .output()
            .expect("Go is needed for this test: install Go 1.22 or newer");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        path
    })
}

fn python_reader() -> [String; 2] {
    static PYTHON: OnceLock<String> = OnceLock::new();
    [PYTHON.get_or_init(interpreter::python).clone(), format!("{READERS}/read_back.py")]
}

/// What an official SDK reads: id, secret, security token.
fn read(reader: &[String], kind: &str, value: &str, variables: &[(&str, &str)]) -> [String; 3] {
    let (program, arguments) = reader.split_first().unwrap();
    let output = Command::new(program)
        .args(arguments)
        .args([kind, value])
        .env_clear()
        .envs([("HOME", "/nonexistent"), ("PATH", "/usr/bin:/bin")])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn readers() -> [Vec<String>; 2] {
    [python_reader().to_vec(), vec![go_reader().to_str().unwrap().to_owned()]]
}

fn owned(values: [&str; 3]) -> [String; 3] {
    values.map(str::to_owned)
}

#[test]
fn the_official_sdks_read_the_profile_of_aliyun_cli() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    for (variables, expected) in [
        (&ALICE[..], ["LTAIalice", "canary-alice", ""]),
        (&TEMPORARY[..], ["STS.x", "canary-secret", "CAIS+/t=="]),
    ] {
        let mut profile: serde_json::Value =
            serde_json::from_str(&export("aliyuncli-json", variables)).unwrap();
        profile["name"] = "default".into();
        let config = serde_json::json!({"current": "default", "profiles": [profile]});
        std::fs::write(&path, config.to_string()).unwrap();
        for reader in readers() {
            assert_eq!(read(&reader, "cli", path.to_str().unwrap(), &[]), owned(expected));
            let command = format!("{PROGRAM} export-credentials");
            assert_eq!(read(&reader, "external", &command, variables), owned(expected));
        }
    }
}

#[test]
fn the_official_sdks_read_the_ini_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    std::fs::write(&path, export("ini", &ALICE)).unwrap();
    for reader in readers() {
        let found = read(&reader, "ini", path.to_str().unwrap(), &[]);
        assert_eq!(found, owned(["LTAIalice", "canary-alice", ""]));
    }
    // Neither SDK reads temporary keys from such a file. This program does.
    std::fs::write(&path, export("credential-file-ini", &TEMPORARY)).unwrap();
    let file = [("ALIBABA_CLOUD_CREDENTIALS_FILE", path.to_str().unwrap())];
    assert_eq!(export("aliyun-cli-config-json", &file), export("aliyun-cli-config-json", &TEMPORARY));
}

#[test]
fn the_official_sdks_read_what_is_served() {
    let sts = Sts::start();
    let server = Server::start(&["--format", "aliyun-cli-uri-json", "--role-arn", DEV], &sts.variables(&[]));
    let url = format!("http://{}/any/path?query", server.address);
    let mut found = Vec::new();
    for reader in readers() {
        let keys = read(&reader, "uri", &url, &[]);
        assert!(keys[0].starts_with("STS.") && !keys[2].is_empty(), "{keys:?}");
        found.push(keys);
    }
    assert_eq!(found[0], found[1]);
    // One session served them all.
    let assumed = sts.emulator.requests().iter().filter(|request| request.action == "AssumeRole").count();
    assert_eq!(assumed, 1);
}

#[test]
fn a_format_that_does_not_exist_is_an_error() {
    for name in ["json", "AK", "", "environment_variables"] {
        let error = run(&["export-credentials", "-f", name], &ALICE).error();
        assert!(error.contains("--format"), "{error}");
    }
    for name in [
        "aliyun-cli-config-json",
        "aliyuncli-json",
        "aliyun-cli-uri-json",
        "aliyuncli-uri",
        "ecs-metadata-json",
        "ecs",
        "credential-file-ini",
        "ini",
        "environment-variables",
        "env",
    ] {
        assert!(export(name, &ALICE).contains("LTAIalice"), "{name}");
    }
    assert_eq!(run(&["export-credentials"], &ALICE).success(), export("aliyun-cli-config-json", &ALICE));
}

#[test]
fn a_command_gets_the_credentials_and_its_exit_status_is_ours() {
    let with_command = |more: &[&str], script: &str, variables: &[(&str, &str)]| {
        run(&[&["export-credentials"], more, &["--", "/bin/sh", "-c", script]].concat(), variables)
    };
    let stale = [("SECURITY_TOKEN", ""), ("ALIYUN_LOG_CLI_STS_TOKEN", "stale"), ("OTHER", "kept")];
    let variables = [&ALICE[..], &stale].concat();
    for more in [&[][..], &["-f", "env"], &["--format", "environment-variables"]] {
        let shown = with_command(more, "env", &variables).success();
        for line in ["ALICLOUD_ACCESS_KEY=LTAIalice", "ALICLOUD_SECRET_KEY=canary-alice", "OTHER=kept"] {
            assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
        }
        assert!(!shown.contains("TOKEN"), "{shown}");
    }
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("exit 255", 255)] {
        assert_eq!(with_command(&[], script, &ALICE).code, Some(code), "{script}");
    }
    // This process has become the command, so the shell that started it sees the signal: 128 + 15.
    let script = format!("'{PROGRAM}' export-credentials -- /bin/sh -c 'kill -TERM $$'; echo $?");
    let shell = Command::new("/bin/sh").args(["-c", &script]).env_clear().envs(ALICE).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&shell.stdout), "143\n");

    let error = with_command(&["-f", "ini"], "true", &ALICE).error();
    assert!(error.contains("--format"), "{error}");
    let error = run(&["export-credentials", "--", "/nowhere/program"], &ALICE).error();
    assert!(error.contains("/nowhere/program"), "{error}");
    run(&["export-credentials", "surplus"], &ALICE).error();
    run(&["export-credentials", "--serve", "127.0.0.1:0", "--", "true"], &ALICE).error();
    let error = with_command(&[], "true", &[]).error();
    assert!(error.contains("no credentials"), "{error}");
}

/// `export-credentials --serve`, running.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(more: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["export-credentials", "--serve", "127.0.0.1:0"])
            .args(more)
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap_or_else(|| panic!("no address: {line}"));
        let address = address.split('/').next().unwrap().to_owned();
        // What else it says must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Self { child, address }
    }

    /// Sends a request as it is; gives the status and the whole answer.
    fn send(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, answer)
    }

    fn get(&self, headers: &str) -> (u16, String) {
        self.send(&format!("GET / HTTP/1.1\r\n{headers}\r\n\r\n"))
    }

    /// Sends a signal and gives the exit code.
    fn end(mut self, signal: rustix::process::Signal) -> Option<i32> {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A web page whose name was made to lead to 127.0.0.1 reads what is there; its requests carry its own name.
#[test]
fn only_requests_that_name_the_server_get_credentials() {
    let server = Server::start(&["-f", "ecs"], &ALICE);
    let address = server.address.clone();
    let port = address.rsplit(':').next().unwrap();
    for host in [address.clone(), "127.0.0.1".to_owned(), format!("localhost:{port}")] {
        let (status, answer) = server.get(&format!("Host: {host}"));
        assert!(status == 200 && answer.contains("canary-alice"), "{host}: {answer}");
        assert!(answer.contains("content-type: text/plain; charset=utf-8\r\n"), "{answer}");
        assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
        assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{answer}");
    }
    let refused = [
        format!("Host: evil.example:{port}"),
        format!("Host: 127.0.0.1.evil.example:{port}"),
        format!("Host: evil-localhost:{port}"),
        format!("Host: localhost.evil.example:{port}"),
        "Host: 127.0.0.1:1".to_owned(),
        "Host:".to_owned(),
        "X-Forwarded-Host: 127.0.0.1".to_owned(),
        format!("Host: {address}\r\nHost: evil.example"),
        format!("Host: {address}\r\nOrigin: http://evil.example"),
        format!("Host: {address}\r\nSec-Fetch-Site: cross-site"),
    ];
    for headers in refused {
        let (status, answer) = server.get(&headers);
        assert!(matches!(status, 400 | 403) && !answer.contains(CANARY), "{headers}: {answer}");
    }
    for (target, host, wanted) in [
        ("evil.example", format!("evil.example:{port}"), 403),
        ("evil.example", address.clone(), 403),
        (&address, "evil.example".to_owned(), 403),
        (&address, address.clone(), 200),
    ] {
        let (status, answer) = server.send(&format!("GET http://{target}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!((status, answer.contains(CANARY)), (wanted, wanted == 200), "{target} {host}: {answer}");
    }
    assert_eq!(server.send("GET / HTTP/1.0\r\n\r\n").0, 403);
    for method in ["POST", "PUT", "OPTIONS", "DELETE"] {
        let request = format!("{method} / HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
        let (status, answer) = server.send(&request);
        assert!(status == 405 && !answer.contains(CANARY), "{method}: {answer}");
    }
    let long = "x".repeat(64 * 1024);
    let (status, answer) = server.get(&format!("Host: {address}\r\nX-Long: {long}"));
    assert!(status != 200 && !answer.contains(CANARY), "{answer}");
    assert_eq!(server.get(&format!("Host: {address}")).0, 200);
}

#[test]
fn it_serves_at_loopback_addresses_only() {
    for address in ["0.0.0.0:0", "localhost:0", "192.168.1.1:80", "6666", "[::]:0"] {
        let error = run(&["export-credentials", "--serve", address], &ALICE).error();
        assert!(error.contains("--serve"), "{address}: {error}");
    }
    let error = run(&["export-credentials", "--serve", "127.0.0.1:0"], &[]).error();
    assert!(error.contains("no credentials"), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = run(&["export-credentials", "--serve", &address], &ALICE).error();
    assert!(error.contains(&address), "{error}");
}

#[test]
fn a_failure_is_one_line_without_a_secret_and_the_next_request_tries_again() {
    let sts = Sts::start();
    let server = Server::start(&["--role-arn", DEV], &sts.variables(&[]));
    let host = format!("Host: {}", server.address);
    let (code, message) = ("NoPermission".to_owned(), "canary".to_owned());
    sts.emulator.fail("AssumeRole", Fault::Error { status: 403, code, message }.times(1));
    let (status, answer) = server.get(&host);
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    assert_eq!((status, body.lines().count()), (500, 1), "{answer}");
    assert!(body.contains("NoPermission") && !answer.contains(CANARY), "{answer}");
    let (status, answer) = server.get(&host);
    assert!(status == 200 && answer.contains("\"sts_token\""), "{answer}");
}

#[test]
fn credentials_are_renewed_before_their_end_and_old_ones_outlive_a_failure() {
    let sts = Sts::start();
    let server = Server::start(&["--role-arn", DEV], &sts.variables(&[]));
    let host = format!("Host: {}", server.address);
    let key = || {
        let (status, answer) = server.get(&host);
        let profile: serde_json::Value =
            serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(status, 200);
        profile["access_key_id"].as_str().unwrap().to_owned()
    };
    let end = signature::format_timestamp(jiff::Timestamp::now() + jiff::SignedDuration::from_mins(5));
    let short = serde_json::json!({"RequestId": "R", "Credentials": {"AccessKeyId": "STS.short",
        "AccessKeySecret": "canary", "SecurityToken": "t", "Expiration": end}});
    let content_type = "application/json".to_owned();
    let (code, message) = ("ServiceUnavailable".to_owned(), String::new());
    sts.emulator
        .fail("AssumeRole", Fault::Garbage { content_type, body: short.to_string().into_bytes() }.times(1));
    sts.emulator.fail("AssumeRole", Fault::Error { status: 503, code, message }.times(1));
    assert_eq!(key(), "STS.short");
    // It ends in five minutes, so it is renewed at each request: once in vain, and once with success.
    assert_eq!(key(), "STS.short");
    let renewed = key();
    assert_ne!(renewed, "STS.short");
    assert_eq!(key(), renewed);
}

#[test]
fn who_only_holds_connections_keeps_nobody_out_for_ever() {
    let server = Server::start(&[], &ALICE);
    // More than it takes at a time, none of which ever sends a request: each is cut off after some seconds.
    let held: Vec<TcpStream> = (0..40).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    let (status, _) = server.get(&format!("Host: {}", server.address));
    assert_eq!(status, 200);
    drop(held);
}

#[test]
fn it_ends_well_when_it_is_told_to() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        assert_eq!(Server::start(&[], &ALICE).end(signal), Some(0));
    }
}
