//! How the program listens: sockets, certificates, limits, seen from outside.
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
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use common::{ALICE, CLUSTER, Program, Rig, read, review, run, token_of, wait_for};
use http::StatusCode;
use rustix::process::Signal;

/// Runs `health` in a folder of its own; of a socket, the path.
fn health(more: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &[&["health"], more].concat())
}

fn socket_of(rig: &Rig) -> String {
    rig.folder.path().join("health.sock").to_str().unwrap().to_owned()
}

/// What the API server's kubeconfig pins.
fn anchor(kubeconfig: &str) -> Vec<u8> {
    let line = kubeconfig.lines().find_map(|line| line.trim().strip_prefix("certificate-authority-data: "));
    BASE64_STANDARD.decode(line.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_asks_one_process_by_its_socket_and_says_what_is_missing() {
    // The one is ready, the other waits for an API server that is not there.
    let ready = Rig::start(&["--health-socket", "health.sock"]).await;
    let api = "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: \"https://127.0.0.1:1\"}}]\n\
               contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n";
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("api.yaml");
    fs::write(&kubeconfig, api).unwrap();
    let flags = ["--backend-mode", "CRD", "--kubeconfig", kubeconfig.to_str().unwrap()];
    let mut waiting = Rig::start(&[&flags[..], &["--health-socket", "health.sock"]].concat()).await;

    let (its, others) = (socket_of(&ready), socket_of(&waiting));
    assert_eq!(health(&["--socket", &its]), (0, "ok\n".to_owned(), String::new()));
    let (code, stdout, stderr) = health(&["--socket", &others]);
    assert_eq!((code, stdout.as_str(), stderr.lines().count()), (1, "", 1), "{stderr}");
    assert!(stderr.contains("not ready") && stderr.contains("CRD"), "{stderr}");
    assert_eq!(health(&["--live", "--socket", &others]).0, 0);
    let mode = fs::metadata(ready.folder.path().join("health.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    waiting.program.signal(Signal::KILL);
    waiting.program.wait();
    let (code, _, stderr) = health(&["--live", "--socket", &others]);
    assert!(code == 1 && stderr.contains("health.sock") && stderr.contains("running"), "{stderr}");
    assert_eq!(health(&["--socket", "no-such.sock"]).0, 1);
}

#[tokio::test]
async fn health_asks_over_tcp_too() {
    let rig = Rig::start(&[]).await;
    let log = rig.program.stderr();
    let line = log.lines().find(|line| line.contains("answering health")).unwrap();
    let address = line.split("address=").nth(1).unwrap().trim();
    assert_eq!(health(&["--address", address]).0, 0);
    // Something else that answers there is not mistaken for it.
    let main = rig.base.strip_prefix("https://localhost").unwrap();
    let (code, _, stderr) = health(&["--address", &format!("127.0.0.1{main}")]);
    assert!(code == 1 && stderr.lines().count() == 1, "{stderr}");
}

#[tokio::test]
async fn without_a_client_certificate_a_review_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, stderr) = run(folder.path(), &["init", "-i", CLUSTER, "--client-certificate"]);
    assert_eq!(code, 0, "{stderr}");
    for named in
        ["/var/ack-ram-authenticator/client-ca.pem", "kubernetes/ack-ram-authenticator/client-key.pem"]
    {
        assert!(stderr.contains(named), "{stderr}");
    }
    assert!(stderr.contains("--client-ca-file"), "{stderr}");
    let by_init = read(&folder.path().join("ack-ram-authenticator.kubeconfig"));
    let authority = folder.path().join("client-ca.pem");
    let rig = Rig::start(&["--client-ca-file", authority.to_str().unwrap()]).await;
    let by_server = read(&rig.folder.path().join("kubeconfig.yaml"));
    for text in [&by_init, &by_server] {
        let user = "client-certificate: \"client.pem\"\n    client-key: \"client-key.pem\"\n";
        assert!(text.contains(user), "{text}");
    }
    // The server's kubeconfig says where the files have to be, and the log that they are not there.
    assert!(rig.program.stderr().contains("client.pem"), "{}", rig.program.stderr());

    let refused = rig.review(&token_of(ALICE)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(rig.emulator.requests().is_empty(), "STS was asked");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(rig.get(path).await.status, StatusCode::OK, "{path}");
    }
    let counted = "ack_ram_authenticator_client_refusals_total{reason=\"no_certificate\"} 1\n";
    assert!(rig.get("/metrics").await.text.contains(counted));

    let both = ["client.pem", "client-key.pem"].map(|name| read(&folder.path().join(name))).concat();
    let anchor = anchor(&by_server);
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&anchor).unwrap()])
        .identity(reqwest::Identity::from_pem(both.as_bytes()).unwrap())
        .no_proxy()
        .build()
        .unwrap();
    let body = review("authentication.k8s.io/v1", &token_of(ALICE));
    let answer = client.post(format!("{}/authenticate", rig.base)).body(body).send().await.unwrap();
    common::answer(answer).await.user();
}

/// The connection was made when the certificate was good, and stays open.
#[tokio::test]
async fn a_client_whose_authority_was_taken_away_is_refused_on_the_connection_it_has() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [&old, &new] {
        assert_eq!(run(folder.path(), &["init", "-i", CLUSTER, "--client-certificate"]).0, 0);
    }
    let authority = old.path().join("client-ca.pem");
    let mut rig = Rig::start(&["--client-ca-file", authority.to_str().unwrap()]).await;
    let both = ["client.pem", "client-key.pem"].map(|name| read(&old.path().join(name))).concat();
    let anchor = anchor(&read(&rig.folder.path().join("kubeconfig.yaml")));
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&anchor).unwrap()])
        .identity(reqwest::Identity::from_pem(both.as_bytes()).unwrap())
        .no_proxy()
        .build()
        .unwrap();
    let url = format!("{}/authenticate", rig.base);
    let post = async || {
        let body = review("authentication.k8s.io/v1", &token_of(ALICE));
        common::answer(client.post(&url).body(body).send().await.unwrap()).await
    };
    post().await.user();
    fs::copy(new.path().join("client-ca.pem"), &authority).unwrap();
    let log = rig.folder.path().join("stderr.log");
    wait_for(&mut rig.program, || {
        read(&log).contains("authorities of client certificates have changed").then_some(())
    });
    assert_eq!(post().await.status, StatusCode::FORBIDDEN);
    let counted = "ack_ram_authenticator_client_refusals_total{reason=\"no_longer_trusted\"} 1\n";
    assert!(rig.get("/metrics").await.text.contains(counted));
}

#[test]
fn a_second_init_keeps_the_clients_files_and_a_damaged_set_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let init = || run(folder.path(), &["init", "-i", CLUSTER, "--client-certificate"]);
    assert_eq!(init().0, 0);
    let before = read(&folder.path().join("client.pem"));
    assert_eq!(init().0, 0);
    assert_eq!(read(&folder.path().join("client.pem")), before);
    fs::remove_file(folder.path().join("client-ca.pem")).unwrap();
    let (code, _, stderr) = init();
    assert!(code == 1 && stderr.contains("client-ca.pem"), "{stderr}");
}

#[tokio::test]
async fn huge_deep_and_endless_requests_leave_the_memory_flat() {
    let rig = Rig::start(&[]).await;
    rig.review(&token_of(ALICE)).await.user();
    let before = rig.program.peak_memory_kib();
    let huge = vec![b'x'; 200 * 1024 * 1024];
    let body = reqwest::Body::from(huge);
    // Announced, it is refused before it is read: the answer may come, or the connection end, while it is being sent.
    let sent = rig.client.post(format!("{}/authenticate", rig.base)).body(body).send().await;
    assert!(sent.is_err() || sent.is_ok_and(|answer| answer.status() == StatusCode::PAYLOAD_TOO_LARGE));
    for deep in ["[", "{\"a\":", "{\"spec\":{\"token\":["] {
        let answer = rig.post(deep.repeat(60_000 / deep.len())).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert!(answer.text.len() < 500 && answer.text.lines().count() == 1, "{}", answer.text);
    }
    let nested = "[".repeat(20_000) + &"]".repeat(20_000);
    let answer = rig.post(format!("{{\"spec\":{{\"token\":\"x\",\"more\":{nested}}}}}")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    let head = rig.client.get(format!("{}/healthz", rig.base)).header("x-large", "x".repeat(1_200_000));
    let sent = head.send().await;
    assert!(sent.is_err() || sent.is_ok_and(|a| a.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    let grown = rig.program.peak_memory_kib() - before;
    assert!(grown < 32 * 1024, "{grown} KiB more than before");
    rig.review(&token_of(ALICE)).await.user();
}

#[tokio::test]
async fn idle_connections_are_bounded_and_the_limit_is_a_flag() {
    let rig = Rig::start(&["--max-connections", "20"]).await;
    // The client's own connection is one of them.
    rig.review(&token_of(ALICE)).await.user();
    let address = format!("127.0.0.1{}", rig.base.strip_prefix("https://localhost").unwrap());
    let idle: Vec<TcpStream> = (0..60).map(|_| TcpStream::connect(&address).unwrap()).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    // Whoever has a connection goes on being answered.
    rig.review(&token_of(ALICE)).await.user();
    let page = rig.get("/metrics").await.text;
    assert!(page.contains("ack_ram_authenticator_connections_open 20\n"), "{page}");
    assert!(page.contains("ack_ram_authenticator_connections_refused_total 41\n"), "{page}");
    for mut stream in idle {
        let _ = stream.write_all(b"x");
    }
}

#[tokio::test]
async fn a_new_process_that_is_not_ready_takes_no_connection_from_one_that_works() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let shared = ["--reuse-port", "--port", port.as_str()];
    let mut old = Rig::start(&shared).await;
    let folder = tempfile::tempdir().unwrap();
    let api = "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: \"https://127.0.0.1:1\"}}]\n\
               contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n";
    fs::write(folder.path().join("api.yaml"), api).unwrap();
    let state = old.folder.path().join("state");
    let mut flags = vec!["server", "-i", CLUSTER, "--state-dir", state.to_str().unwrap()];
    flags.extend(["--kubeconfig-pregenerated", "--backend-mode", "CRD", "--kubeconfig", "api.yaml"]);
    flags.extend(["--health-address=", "--health-socket", "health.sock"]);
    let sts = old.emulator.address().to_string();
    let authority = old.emulator.ca_file().to_str().unwrap().to_owned();
    flags.extend(["--sts-endpoint", &sts, "--sts-ca-file", &authority]);
    flags.extend(shared);
    let mut new = Program::start(folder.path(), &flags, &[]);
    let log = folder.path().join("stderr.log");
    wait_for(&mut new, || read(&log).contains("another process answers here").then_some(()));
    let socket = folder.path().join("health.sock");
    let (code, _, stderr) = health(&["--socket", socket.to_str().unwrap()]);
    assert!(code == 1 && stderr.contains("listener"), "{stderr}");

    // Half of them would meet the new one, if it listened.
    let anchor = anchor(&read(&old.folder.path().join("kubeconfig.yaml")));
    let post = async || {
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&anchor).unwrap()])
            .no_proxy()
            .build()
            .unwrap();
        let body = review("authentication.k8s.io/v1", &token_of(ALICE));
        client.post(format!("{}/authenticate", old.base)).body(body).send().await
    };
    for _ in 0..30 {
        common::answer(post().await.unwrap()).await.user();
    }

    // Once it is alone, it answers all the same: to be put off is better than to be refused.
    old.program.signal(Signal::TERM);
    assert_eq!(old.program.wait().code(), Some(0));
    wait_for(&mut new, || read(&log).contains("answering TokenReviews").then_some(()));
    let answer = common::answer(post().await.unwrap()).await;
    assert!(answer.unavailable().contains("CRD"), "{}", answer.text);
}

#[test]
fn wrong_settings_name_their_flag() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("junk.pem"), "junk").unwrap();
    fs::write(folder.path().join("taken"), "a file").unwrap();
    let base = ["server", "-i", "c", "--state-dir", "state", "--kubeconfig-pregenerated", "--port", "0"];
    for (flags, named) in [
        (vec!["--client-ca-file", "missing.pem"], "missing.pem"),
        (vec!["--client-ca-file", "junk.pem"], "junk.pem"),
        (vec!["--certificate-lifetime", "1s"], "--certificate-lifetime"),
        (vec!["--max-connections", "0"], "--max-connections"),
        (vec!["--health-socket", "taken"], "taken"),
        (vec!["--health-socket", "no/such/folder.sock"], "no/such/folder.sock"),
        (vec!["--kubeconfig-client-key", "k"], "--kubeconfig-client-certificate"),
    ] {
        let flags = [&base[..], &["--health-address="], &flags].concat();
        let (code, stdout, stderr) = run(folder.path(), &flags);
        assert_eq!((code, stdout.as_str()), (1, ""), "{flags:?}");
        let last = stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with("ack-ram-authenticator: ") && last.contains(named), "{flags:?}: {stderr}");
    }
    assert_eq!(read(&folder.path().join("taken")), "a file");
}
