//! The program as a process: start, errors, secrets, end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use common::{ALICE, BOB, CLUSTER, Program, ROOT, Rig, Signing, credentials, read, run, token_of, wait_for};
use emulator::Fault;
use http::StatusCode;
use rustix::process::Signal;
use serde_json::Value;

#[tokio::test]
async fn on_sigterm_a_review_under_way_is_answered_and_the_exit_status_is_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut rig = Rig::start(&[]).await;
        rig.emulator.fail("GetCallerIdentity", Fault::Delay(Duration::from_millis(1500)).times(1));
        let token = token_of(ALICE);
        let (answer, ()) = tokio::join!(rig.review(&token), async {
            while rig.emulator.requests().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            rig.program.signal(signal);
            // Probes see the drain.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let ready = rig.health("/readyz").await;
            assert!(ready.unavailable().contains("stopping"), "{}", ready.text);
        });
        answer.user();
        assert_eq!(rig.program.wait().code(), Some(0), "{}", rig.program.stderr());
        assert!(rig.client.get(format!("{}/healthz", rig.base)).send().await.is_err());
    }
}

#[tokio::test]
async fn the_grace_period_bounds_the_end() {
    let mut rig = Rig::start(&["--shutdown-grace-period", "300ms"]).await;
    rig.emulator.fail("GetCallerIdentity", Fault::Delay(Duration::from_secs(4)));
    let request = rig.client.post(format!("{}/authenticate", rig.base));
    let request = request.body(common::review("authentication.k8s.io/v1", &token_of(ALICE)));
    let review = tokio::spawn(request.send());
    while rig.emulator.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let begun = std::time::Instant::now();
    rig.program.signal(Signal::TERM);
    assert_eq!(rig.program.wait().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(review.await.unwrap().is_err());
}

#[tokio::test]
async fn health_in_plain_http_follows_the_servers_state() {
    let rig = Rig::start(&[]).await;
    assert_eq!(rig.health("/healthz").await.text, "ok\n");
    assert_eq!(rig.health("/readyz").await.status, StatusCode::OK);
    assert_eq!(rig.health("/metrics").await.status, StatusCode::NOT_FOUND);
    assert_eq!(rig.health("/authenticate").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_backend_that_has_not_synced_puts_reviews_off_and_the_listener_is_up() {
    // An API server that refuses connections: the CRD backend cannot sync.
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("api.yaml");
    fs::write(
        &kubeconfig,
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: \"https://127.0.0.1:1\"}}]\n\
         contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n",
    )
    .unwrap();
    let flags = ["--backend-mode", "MountedFile,CRD", "--kubeconfig", kubeconfig.to_str().unwrap()];
    let rig = Rig::start(&flags).await;
    // Mapped by an earlier backend: let in. Mapped by none yet: nobody can tell.
    rig.review(&token_of(ALICE)).await.user();
    let answer = rig.review(&token_of(BOB)).await;
    assert!(answer.unavailable().contains("CRD"), "{}", answer.text);
    let ready = rig.health("/readyz").await;
    assert!(ready.unavailable().contains("CRD"), "{}", ready.text);
    assert_eq!(rig.health("/healthz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn no_secret_is_in_the_log_the_metrics_or_an_answer() {
    for format in ["text", "json"] {
        let mut rig = Rig::start(&["--log-format", format]).await;
        let session = rig.session("carol").await;
        let security_token = session.security_token.as_ref().unwrap().expose().to_owned();
        let session_secret = session.access_key_secret.expose().to_owned();
        let signing = Signing::by(session);
        let mut tokens = vec![
            signing.v2(),
            signing.v1("canary-nonce"),
            token_of(ALICE),
            token_of(BOB),
            token_of((ALICE.0, "canary-wrong-secret")),
        ];
        let mut wrong_cluster = Signing::by(credentials(ROOT));
        wrong_cluster.cluster = "other".to_owned();
        tokens.extend([wrong_cluster.v2(), wrong_cluster.v1("canary-nonce-2")]);
        // Cut and damaged tokens, for the paths of the decoder.
        let damaged: Vec<String> =
            tokens.iter().map(|token| token.get(..token.len() - 9).unwrap().to_owned()).collect();
        tokens.extend(damaged);
        let mut answers = String::new();
        for fault in [
            None,
            Some(Fault::BreakConnection),
            Some(Fault::Garbage { content_type: "text/html".into(), body: b"<p>".to_vec() }),
        ] {
            if let Some(fault) = fault {
                rig.emulator.fail("*", fault);
            }
            for token in &tokens {
                answers.push_str(&rig.review(token).await.text);
                answers.push_str(&rig.post(format!("{{\"token\":\"{token}\"")).await.text);
                answers.push_str(&rig.post(common::review("authentication.k8s.io/v9", token)).await.text);
            }
        }
        rig.emulator.stop_listening().await;
        answers.push_str(&rig.review(&tokens[0]).await.text);
        let metrics = rig.get("/metrics").await.text;
        rig.program.signal(Signal::TERM);
        rig.program.wait();
        let log = rig.program.stderr();
        assert!(log.contains("carol") && log.contains(ALICE.0), "{log}");

        let mut secrets = vec![security_token, session_secret];
        secrets.extend([ALICE.1, BOB.1, ROOT.1, "canary-nonce", "canary-wrong-secret"].map(str::to_owned));
        secrets.extend(rig.emulator.requests().iter().flat_map(|request| signatures(&request.raw)));
        for token in &tokens {
            secrets.push(token.get(11..51).unwrap().to_owned());
        }
        let plain = secrets.clone();
        secrets.extend(plain.iter().map(|secret| signature::encoding::percent_encode(secret)));
        secrets.extend(plain.iter().map(|secret| BASE64_STANDARD.encode(secret)));
        for (place, text) in
            [("log", &log), ("metrics", &metrics), ("answers", &answers), ("stdout", &rig.program.stdout())]
        {
            for secret in &secrets {
                assert!(!text.contains(secret.as_str()), "{secret} is in the {place}");
            }
        }
    }
}

/// The signature of a request: in a header (v2), or a parameter as it is escaped in the URL and as it is (v1).
fn signatures(request: &emulator::RawRequest) -> Vec<String> {
    let of_headers = request.headers.iter().filter(|(name, _)| name == "authorization");
    let mut found: Vec<String> =
        of_headers.filter_map(|(_, value)| Some(value.split_once("Signature=")?.1.to_owned())).collect();
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let parameters = signature::encoding::parse_query(query).unwrap();
    found.extend(parameters.into_iter().filter(|(name, _)| name == "Signature").map(|(_, value)| value));
    assert_eq!(found.len(), 1, "{}", request.target);
    found
}

#[tokio::test]
async fn each_review_is_one_line_that_can_be_searched() {
    let rig = Rig::start(&["--log-format", "json", "--log-level", "info"]).await;
    let token = token_of(ALICE);
    rig.review(&token).await.user();
    rig.review(&token_of(BOB)).await.error();
    let log = rig.program.stderr();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reviews: Vec<&Value> = lines.iter().filter(|line| line["message"] == "review").collect();
    let [yes, no] = reviews.as_slice() else { panic!("{log}") };
    assert_eq!(
        (&yes["result"], &yes["reason"], &yes["username"]),
        (&"success".into(), &"mapped".into(), &"alice".into())
    );
    assert_eq!(yes["token"], token::fingerprint(&token));
    assert_eq!(yes["accessKeyId"], ALICE.0);
    assert_eq!(yes["stsRequestId"], rig.emulator.requests()[0].request_id.as_str());
    assert!(yes["arn"].as_str().unwrap().ends_with(":user/alice") && yes["duration_ms"].is_u64(), "{yes}");
    assert_eq!((&no["result"], &no["reason"]), (&"uknown_user".into(), &"not_mapped".into()));
    assert!(no["error"].as_str().unwrap().contains("user/bob"), "{no}");
}

#[tokio::test]
async fn a_port_in_use_is_one_line_and_exit_status_1() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let base = [
        "server",
        "-i",
        CLUSTER,
        "--state-dir",
        "state",
        "--generate-kubeconfig",
        "kubeconfig.yaml",
        "--log-level",
        "error",
    ];
    let health = format!("127.0.0.1:{port}");
    for flags in
        [vec!["--port", &port, "--health-address="], vec!["--port", "0", "--health-address", &health]]
    {
        let (code, stdout, stderr) = run(folder.path(), &[&base[..], &flags].concat());
        assert_eq!((code, stdout.as_str()), (1, ""));
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(&health) && stderr.contains("in use"), "{stderr}");
        assert!(
            !folder.path().join("kubeconfig.yaml").exists(),
            "an API server would be sent to another's port"
        );
    }
}

#[test]
fn wrong_settings_are_one_line_and_exit_status_1() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("no-arn.yaml", "clusterID: c\nserver: {mapRoles: [{username: u}]}\n");
    write(
        "bad-template.yaml",
        "clusterID: c\nserver: {mapUsers: [{userarn: \"acs:ram::1234567890123456:user/a\", username: \"{{Nonsense}}\"}]}\n",
    );
    write("broken.json", "{\"server\":");
    write("kubeconfig.yaml", "junk: [");
    write("not-pem", "junk");
    fs::create_dir(folder.path().join("broken-state")).unwrap();
    write("broken-state/cert.pem", "junk");
    write("broken-state/key.pem", "junk");
    let server = |flags: &[&'static str]| {
        [
            &[
                "server",
                "--state-dir",
                "state",
                "--kubeconfig-pregenerated",
                "--port",
                "0",
                "--health-address=",
            ],
            flags,
        ]
        .concat()
    };
    let cases: Vec<(Vec<&str>, &str)> = vec![
        (vec!["--nonsense"], "--nonsense"),
        (vec!["frobnicate"], "frobnicate"),
        (server(&[]), "--cluster-id"),
        (server(&["-c", "missing.yaml"]), "missing.yaml"),
        (server(&["-c", "config"]), "config"),
        (server(&["-c", "broken.json"]), "broken.json"),
        (server(&["-c", "no-arn.yaml"]), "mapRoles[0]"),
        (server(&["-c", "bad-template.yaml"]), "mapUsers[0]"),
        (server(&["-i", "c", "--port", "99999"]), "--port"),
        (server(&["-i", "c", "--backend-mode", "Nonsense"]), "Nonsense"),
        (server(&["-i", "c", "--backend-mode", "CRD"]), "--kubeconfig"),
        (server(&["-i", "c", "--backend-mode", "CRD", "--kubeconfig", "kubeconfig.yaml"]), "kubeconfig.yaml"),
        (server(&["-i", "c", "--backend-mode", "CRD", "--kubeconfig", "missing"]), "missing"),
        (server(&["-i", "c", "--sts-ca-file", "missing.pem"]), "missing.pem"),
        (server(&["-i", "c", "--sts-ca-file", "not-pem"]), "not-pem"),
        (server(&["-i", "c", "--state-dir", "a/b/c"]), "a/b/c"),
        (server(&["-i", "c", "--state-dir", "broken-state"]), "cert.pem"),
        (server(&["-i", "c", "--bind", "192.0.2.1"]), "192.0.2.1"),
        (
            server(&[
                "-i",
                "c",
                "--kubeconfig-pregenerated=false",
                "--generate-kubeconfig",
                "missing/k.yaml",
            ]),
            "missing/k.yaml",
        ),
        (server(&["-i", "c", "--feature-gates", "Nonsense=true"]), "--feature-gates"),
        (vec!["init"], "--cluster-id"),
        (vec!["init", "-i", "c", "--address", "foo"], "foo"),
        (vec!["init", "-i", "c", "--hostname", "a b"], "a b"),
    ];
    for (arguments, named) in cases {
        let (code, stdout, stderr) = run(folder.path(), &arguments);
        let errors: Vec<&str> =
            stderr.lines().filter(|line| line.starts_with("ack-ram-authenticator: ")).collect();
        assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}: {stderr}");
        let [error] = errors.as_slice() else { panic!("{arguments:?}: {stderr}") };
        assert!(error.contains(named) && stderr.ends_with(&format!("{error}\n")), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
    assert!(!folder.path().join("cert.pem").exists() && !folder.path().join("key.pem").exists());
}

#[test]
fn help_and_version_go_to_stdout() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [vec![], vec!["--help"], vec!["server", "--help"]] {
        let (code, stdout, stderr) = run(folder.path(), &arguments);
        assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(stdout.contains("Usage"), "{stdout}");
    }
    let (_, stdout, _) = run(folder.path(), &["version"]);
    let version: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(version["Version"], env!("CARGO_PKG_VERSION"));
    let (_, stdout, _) = run(folder.path(), &["version", "-o", "yaml"]);
    assert_eq!(serde_saphyr::from_str::<Value>(&stdout).unwrap(), version);
    assert_eq!(run(folder.path(), &["version", "-s"]).1, format!("{}\n", env!("CARGO_PKG_VERSION")));
    let (code, stdout, stderr) = run(folder.path(), &["version", "-o", "xml"]);
    assert_eq!((code, stdout.as_str(), stderr.lines().count()), (0, "", 1));
}

#[test]
fn an_unknown_log_format_is_a_warning_and_text() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, stderr) = run(folder.path(), &["init", "-i", "c", "-l", "xml"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.lines().next().unwrap().contains("WARN") && stderr.contains("xml"), "{stderr}");
}

#[test]
fn init_writes_three_files_and_keeps_an_existing_pair() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) = run(
        folder.path(),
        &["init", "-i", CLUSTER, "--hostname", "auth.example.com", "--address", "10.0.0.7"],
    );
    assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
    let file = |name: &str| folder.path().join(name);
    assert_eq!(fs::metadata(file("key.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    let kubeconfig = read(&file("ack-ram-authenticator.kubeconfig"));
    assert!(kubeconfig.contains("server: https://auth.example.com:21362/authenticate"), "{kubeconfig}");
    for destination in [
        "/var/ack-ram-authenticator/cert.pem",
        "/var/ack-ram-authenticator/key.pem",
        "/etc/kubernetes/ack-ram-authenticator/kubeconfig.yaml",
    ] {
        assert!(stderr.contains(destination), "{stderr}");
    }
    let before = read(&file("cert.pem"));
    let (code, _, stderr) = run(folder.path(), &["init", "-i", CLUSTER, "--hostname", "other.example.com"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(read(&file("cert.pem")), before);
    assert!(stderr.contains("WARN") && stderr.contains("other.example.com"), "{stderr}");
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| !name.to_string_lossy().ends_with(".log"));
    names.sort();
    assert_eq!(names, ["ack-ram-authenticator.kubeconfig", "cert.pem", "key.pem"]);
}

#[test]
fn the_certificate_survives_a_restart_and_the_port_may_change() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "server",
        "-i",
        CLUSTER,
        "--state-dir",
        "state",
        "--generate-kubeconfig",
        "k.yaml",
        "--port",
        "0",
        "--health-address=",
    ];
    let kubeconfig = folder.path().join("k.yaml");
    let mut authorities = Vec::new();
    for _ in 0..2 {
        let mut program = Program::start(folder.path(), &arguments, &[]);
        let text = wait_for(&mut program, || fs::read_to_string(&kubeconfig).ok());
        authorities
            .push(text.lines().find(|line| line.contains("certificate-authority-data")).unwrap().to_owned());
        assert_eq!(fs::metadata(&kubeconfig).unwrap().permissions().mode() & 0o777, 0o644);
        program.signal(Signal::TERM);
        assert_eq!(program.wait().code(), Some(0));
        fs::remove_file(&kubeconfig).unwrap();
    }
    assert_eq!(authorities[0], authorities[1]);
}
