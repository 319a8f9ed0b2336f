//! `get-token` with a role to assume first, against an STS that checks signatures.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use emulator::Fault;
use jiff::{SignedDuration, Timestamp};
use openapi::network::{ProxyRules, Trust};
use openapi::sts::{Client, ClientOptions, PresignedRequest};
use support::{CANARY, Sts, end_of, run, run_as, token_of};
use token::Rules;

const CLUSTER: &str = "c5e1a2b3c4d5e6f708192a3b4c5d6e7f8";
const DEV: &str = "acs:ram::1234567890123456:role/dev";
const OPS: &str = "acs:ram::1234567890123456:role/ops";

fn get_token(more: &[&str], variables: &[(&str, &str)]) -> support::Outcome {
    run(&[&["credential-plugin", "get-token", "-c", CLUSTER][..], more].concat(), variables)
}

/// Who the token is for, as the server that gets it finds out.
fn principal(sts: &Sts, stdout: &str) -> identity::Principal {
    let token = token::decode(&token_of(stdout), &Rules::for_cluster(CLUSTER), Timestamp::now()).unwrap();
    let request = token.request();
    let options = ClientOptions::new(sts.endpoint.parse().unwrap(), "test");
    let trust = Trust::File(sts.ca.clone().into());
    let client = Client::with_network(&options, &trust, &ProxyRules::default()).unwrap();
    let presigned = PresignedRequest {
        method: request.method.to_owned(),
        query: request.query,
        headers: request.headers,
    };
    sts.runtime.block_on(client.get_caller_identity_presigned(&presigned)).unwrap().0
}

#[test]
fn a_role_of_the_flag_is_assumed_and_the_token_is_for_it() {
    let sts = Sts::start();
    let variables = sts.variables(&[("ALIBABA_CLOUD_ROLE_SESSION_NAME", "alice@example.com")]);
    let stdout = get_token(&["--role-arn", DEV], &variables).success();
    let principal = principal(&sts, &stdout);
    assert_eq!(principal.canonical_arn(), DEV);
    assert_eq!(principal.session_name(), "alice@example.com");
    assert!(end_of(&stdout) > Timestamp::now() + SignedDuration::from_mins(9));
}

#[test]
fn a_role_of_the_environment_is_assumed_and_the_flags_comes_on_top() {
    let sts = Sts::start();
    let variables = sts.variables(&[("ALIBABA_CLOUD_ROLE_ARN", DEV)]);
    assert_eq!(principal(&sts, &get_token(&[], &variables).success()).canonical_arn(), DEV);
    sts.emulator.clear_requests();
    let stdout = get_token(&["--role-arn", OPS], &variables).success();
    let actions: Vec<String> = sts.emulator.requests().into_iter().map(|request| request.action).collect();
    assert_eq!(actions, ["AssumeRole", "AssumeRole"]);
    assert_eq!(principal(&sts, &stdout).canonical_arn(), OPS);
}

#[test]
fn the_url_form_is_accepted_too() {
    let sts = Sts::start();
    let stdout = get_token(&["--role-arn", DEV, "--token-version", "v1"], &sts.variables(&[])).success();
    assert_eq!(principal(&sts, &stdout).canonical_arn(), DEV);
}

#[test]
fn the_session_is_named_after_the_program_where_nothing_names_it() {
    let sts = Sts::start();
    let stdout = get_token(&["--role-arn", DEV], &sts.variables(&[])).success();
    assert_eq!(principal(&sts, &stdout).session_name(), "ack-ram-tool");
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("my plugin");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ack-ram-tool"), &other).unwrap();
    let arguments = ["credential-plugin", "get-token", "-c", CLUSTER, "--role-arn", DEV];
    let stdout = run_as(&other, &arguments, &sts.variables(&[])).success();
    assert_eq!(principal(&sts, &stdout).session_name(), "my-plugin");
}

#[test]
fn the_flag_beats_its_variables_and_they_beat_the_region() {
    let sts = Sts::start();
    let nowhere = "127.0.0.1:1";
    let variables = |first: &'static str, second: &'static str| {
        let values = [(first, sts.endpoint.as_str()), (second, nowhere)];
        [&support::ALICE[..], &[("SSL_CERT_FILE", sts.ca.as_str())], &values[..]].concat()
    };
    let (own, common) = ("ACK_RAM_TOOL_STS_ENDPOINT", "ALIBABA_CLOUD_STS_ENDPOINT");
    get_token(&["--role-arn", DEV], &variables(own, common)).success();
    get_token(&["--role-arn", DEV, "--sts-endpoint", nowhere], &variables(own, common)).error();
    get_token(&["--role-arn", DEV, "--sts-endpoint", &sts.endpoint], &variables("UNUSED", own)).success();
    get_token(&["--role-arn", DEV, "--region-id", "cn-beijing"], &variables(common, "UNUSED")).success();
    let error = get_token(&["--role-arn", DEV, "--region-id", "xx-nowhere-1"], &support::ALICE).error();
    assert!(error.contains("sts.xx-nowhere-1.aliyuncs.com"), "{error}");
}

#[test]
fn the_token_never_lasts_longer_than_the_session() {
    let sts = Sts::start();
    let answer = |end: Timestamp| {
        Fault::Garbage {
        content_type: "application/json".to_owned(),
        body: format!(
            r#"{{"RequestId":"R","Credentials":{{"AccessKeyId":"STS.x","AccessKeySecret":"canary","SecurityToken":"t","Expiration":"{}"}}}}"#,
            signature::format_timestamp(end)
        )
        .into_bytes(),
    }
    };
    let soon = Timestamp::now() + SignedDuration::from_mins(3);
    sts.emulator.fail("AssumeRole", answer(soon).times(1));
    let stdout = get_token(&["--role-arn", DEV], &sts.variables(&[])).success();
    assert_eq!(signature::format_timestamp(end_of(&stdout)), signature::format_timestamp(soon));

    sts.emulator.fail("AssumeRole", answer(Timestamp::now() - SignedDuration::from_secs(2)).times(1));
    let error = get_token(&["--role-arn", DEV], &sts.variables(&[])).error();
    assert!(error.contains("the credentials ended at"), "{error}");
}

#[test]
fn each_refusal_says_what_to_do_and_shows_no_secret() {
    let sts = Sts::start();
    let base = |id: &'static str, secret: &'static str| {
        vec![
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", id),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret),
            ("SSL_CERT_FILE", sts.ca.as_str()),
            ("ALIBABA_CLOUD_STS_ENDPOINT", sts.endpoint.as_str()),
        ]
    };
    for (variables, role, wanted) in [
        (base("LTAIalice", "canary-wrong"), DEV, "SignatureDoesNotMatch"),
        (base("LTAInobody", "canary"), DEV, "InvalidAccessKeyId.NotFound"),
        (base("LTAIalice", "canary-alice"), "acs:ram::1234567890123456:role/none", "EntityNotExist.Role"),
        (base("LTAIalice", "canary-alice"), OPS, "NoPermission"),
    ] {
        let error = get_token(&["-v", "--role-arn", role], &variables).error();
        assert!(error.contains(wanted) && error.contains("AssumeRole") && error.contains("): "), "{error}");
    }
}

#[test]
fn each_fault_of_sts_gives_one_line() {
    let sts = Sts::start();
    let fault =
        |status, code: &str| Fault::Error { status, code: code.to_owned(), message: CANARY.to_owned() };
    let garbage = |kind: &str, body: &str| Fault::Garbage {
        content_type: kind.to_owned(),
        body: body.as_bytes().to_vec(),
    };
    for (fault, wanted) in [
        (fault(503, "ServiceUnavailable"), "a fault at STS"),
        (fault(400, "Throttling.User"), "too many calls"),
        (garbage("text/html", CANARY), "does not look like STS"),
        (
            garbage("application/json", r#"{"Credentials":{"AccessKeySecret":"canary"}}"#),
            "Expiration is missing",
        ),
        (Fault::BreakConnection, "the connection broke"),
    ] {
        sts.emulator.fail("AssumeRole", fault.times(1));
        let error = get_token(&["-v", "--role-arn", DEV], &sts.variables(&[])).error();
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
    sts.runtime.block_on(sts.emulator.stop_listening());
    let error = get_token(&["-v", "--role-arn", DEV], &sts.variables(&[])).error();
    assert!(error.contains("cannot connect") && error.contains(&sts.endpoint), "{error}");
}

#[test]
fn an_sts_that_the_system_does_not_trust_is_not_asked() {
    let sts = Sts::start();
    let without_ca = [&support::ALICE[..], &[("ALIBABA_CLOUD_STS_ENDPOINT", sts.endpoint.as_str())]].concat();
    let error = get_token(&["--role-arn", DEV], &without_ca).error();
    assert!(error.contains("SSL_CERT_FILE"), "{error}");
    let stale = [&without_ca[..], &[("SSL_CERT_FILE", "/nowhere.pem")]].concat();
    let error = get_token(&["--role-arn", DEV], &stale).error();
    assert!(error.contains("/nowhere.pem"), "{error}");
    assert!(sts.emulator.requests().is_empty());

    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(&sts.ca, folder.path().join("emulator.pem")).unwrap();
    let folder = [&without_ca[..], &[("SSL_CERT_DIR", folder.path().to_str().unwrap())]].concat();
    get_token(&["--role-arn", DEV], &folder).success();
}

/// A CONNECT proxy that leads everything to one address and remembers what was asked of it.
fn proxy(target: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let mut reader = BufReader::new(client.try_clone().unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            seen.lock().unwrap().push(line.trim_end().to_owned());
            while line.trim_end() != "" {
                line.clear();
                reader.read_line(&mut line).unwrap();
            }
            let server = TcpStream::connect(&target).unwrap();
            let mut back = client.try_clone().unwrap();
            back.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let mut from_server = server.try_clone().unwrap();
            let mut to_server = server;
            std::thread::spawn(move || std::io::copy(&mut from_server, &mut back));
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut reader, &mut to_server);
                let _ = to_server.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    (address, asked)
}

#[test]
fn goes_through_https_proxy_and_no_proxy_keeps_it_from_that() {
    let sts = Sts::start();
    let (address, asked) = proxy(sts.endpoint.clone());
    let base = [&support::ALICE[..], &[("SSL_CERT_FILE", sts.ca.as_str())]].concat();
    let through = [&base[..], &[("HTTPS_PROXY", address.as_str())]].concat();
    let stdout = get_token(&["--role-arn", DEV, "--region-id", "cn-hangzhou"], &through).success();
    assert_eq!(*asked.lock().unwrap(), ["CONNECT sts.cn-hangzhou.aliyuncs.com:443 HTTP/1.1"]);
    assert_eq!(sts.emulator.requests()[0].host, "sts.cn-hangzhou.aliyuncs.com");
    assert_eq!(principal(&sts, &stdout).canonical_arn(), DEV);

    let lower = [&base[..], &[("https_proxy", address.as_str())]].concat();
    get_token(&["--role-arn", DEV], &lower).success();
    assert_eq!(asked.lock().unwrap().len(), 2);

    // A name that cannot be resolved, so that going directly ends at once.
    let invalid = ["--role-arn", DEV, "--sts-endpoint", "sts.invalid"];
    get_token(&invalid, &[&through[..], &[("NO_PROXY", "sts.invalid")]].concat()).error();
    assert_eq!(asked.lock().unwrap().len(), 2, "NO_PROXY is not obeyed");
    get_token(&invalid, &through).error();
    assert_eq!(asked.lock().unwrap().len(), 3);

    // Loopback is always direct.
    get_token(&["--role-arn", DEV, "--sts-endpoint", &sts.endpoint], &through).success();
    assert_eq!(asked.lock().unwrap().len(), 3);
}

#[test]
fn a_request_that_is_sent_on_to_another_host_is_refused() {
    // A hostile kubeconfig names an STS of its own, and that one sends on what it gets.
    let (thief, honest) = (Sts::start(), Sts::start());
    get_token(&["--role-arn", DEV], &thief.variables(&[])).success();
    let stolen = thief.emulator.requests().remove(0).raw;
    let replay = |sts: &Sts, host: &str| {
        let mut headers = stolen.headers.clone();
        for (name, value) in &mut headers {
            if name == "host" {
                host.clone_into(value);
            }
        }
        send(sts, &stolen.method, &stolen.target, &headers)
    };
    let (status, body) = replay(&honest, &honest.endpoint);
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("SignatureDoesNotMatch"), "{body}");
    // The same bytes are fine where they were meant for: it is the host that makes the difference.
    let (status, body) = replay(&thief, &thief.endpoint);
    assert_eq!(status, 200, "{body}");
}

/// Sends a request byte by byte, as a thief would.
fn send(sts: &Sts, method: &str, target: &str, headers: &[(String, String)]) -> (u16, String) {
    use rustls_pki_types::pem::PemObject;
    use std::io::Read;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls_pki_types::CertificateDer::from_pem_file(&sts.ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection =
        rustls::ClientConnection::new(Arc::new(config), "127.0.0.1".try_into().unwrap()).unwrap();
    let stream = TcpStream::connect(&sts.endpoint).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, stream);
    let mut request = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}
