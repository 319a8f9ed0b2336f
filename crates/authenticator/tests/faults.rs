//! STS slow, throttling, faulty, lying, gone and back: what the API server is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{ALICE, MAPPINGS, Rig, Signing, credentials, emulator, minutes, now, token_of};
use emulator::{Config, Emulator, Fault};
use http::{HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use webhook_server::certs::{self, Subject};
use webhook_server::respond::{self, Answer};
use webhook_server::serve::{Limits, Server};
use webhook_server::tls::Tls;

fn error(status: u16, code: &str) -> Fault {
    Fault::Error { status, code: code.to_owned(), message: "canary-message".to_owned() }
}

/// Answers are remembered by token, and tokens differ by the second.
fn another_token(base: Timestamp, number: usize) -> String {
    let at = base - SignedDuration::from_secs(2 + i64::try_from(number).unwrap());
    Signing { at, ..Signing::by(credentials(ALICE)) }.v2()
}

#[tokio::test]
async fn faults_that_pass_are_503_with_retry_after_and_the_next_review_is_let_in() {
    let rig = Rig::start(&[]).await;
    let garbage = |content_type: &str, body: &str| Fault::Garbage {
        content_type: content_type.to_owned(),
        body: body.as_bytes().to_vec(),
    };
    let faults = [
        error(503, "ServiceUnavailable"),
        error(500, "InternalError"),
        error(502, "Whatever"),
        error(400, "Throttling"),
        error(400, "Throttling.User"),
        error(429, "Throttling.Api"),
        Fault::BreakConnection,
        garbage("text/html", "<html>canary-message</html>"),
        garbage("application/json", "{"),
        garbage("application/json", &"x".repeat(200_000)),
    ];
    let base = now();
    for (number, fault) in faults.into_iter().enumerate() {
        rig.emulator.fail("GetCallerIdentity", fault.clone());
        let token = another_token(base, number);
        let answer = rig.review(&token).await;
        let text = answer.unavailable();
        assert!(!text.contains("canary-message"), "{fault:?}: {text}");
        rig.emulator.clear_faults();
        rig.review(&token).await.user();
    }
}

#[tokio::test]
async fn a_slow_sts_is_waited_for_until_the_deadline_only() {
    let rig = Rig::start(&["--sts-timeout", "1s"]).await;
    let base = now();
    rig.emulator.fail("GetCallerIdentity", Fault::Delay(Duration::from_millis(300)).times(1));
    rig.review(&another_token(base, 0)).await.user();
    rig.emulator.fail("GetCallerIdentity", Fault::Delay(Duration::from_secs(8)));
    let begun = Instant::now();
    rig.review(&another_token(base, 5)).await.unavailable();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let metrics = rig.get("/metrics").await.text;
    assert!(
        metrics.lines().any(|line| line == "ack_ram_authenticator_sts_connection_failures_total 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn without_a_listener_at_sts_reviews_are_put_off_until_it_is_back() {
    let rig = Rig::start(&[]).await;
    rig.emulator.stop_listening().await;
    rig.review(&token_of(ALICE)).await.unavailable();
    rig.emulator.listen_again().await.unwrap();
    rig.review(&token_of(ALICE)).await.user();
}

#[tokio::test]
async fn definite_refusals_are_answered_as_such_whatever_their_code() {
    let rig = Rig::start(&[]).await;
    let refusals = [
        (400, "InvalidTimeStamp.Expired"),
        (403, "NoPermission"),
        (404, "InvalidAccessKeyId.Inactive"),
        (400, "New.Code"),
    ];
    let base = now();
    for (number, (status, code)) in refusals.into_iter().enumerate() {
        rig.emulator.fail("GetCallerIdentity", error(status, code).times(1));
        let text = rig.review(&another_token(base, number)).await.error();
        assert!(text.contains(code) && !text.contains("canary-message"), "{text}");
    }
}

#[tokio::test]
async fn the_clock_of_sts_decides_too() {
    let accounts = "accounts: [{id: \"1234567890123456\", users: [{name: alice, id: \"2222\", accessKeys: [{id: LTAIalice, secret: canary-secret-of-alice}]}]}]";
    let config = Config::from_yaml(accounts, "inline").unwrap();
    let emulator = Emulator::builder(config).clock(|| now() + minutes(14)).start().await.unwrap();
    let rig = Rig::start_with(emulator, MAPPINGS, &[], None).await;
    let mut signing = Signing::by(credentials(ALICE));
    rig.review(&signing.v2()).await.user();
    signing.at = now() - minutes(5);
    let text = rig.review(&signing.v2()).await.error();
    assert!(text.contains("InvalidTimeStamp.Expired"), "{text}");
}

/// An STS that answers each request with `answer`, and counts them.
struct FalseSts {
    address: String,
    folder: tempfile::TempDir,
    asked: Arc<AtomicUsize>,
    _stop: tokio_util::sync::DropGuard,
}

fn false_sts(answer: impl Fn() -> Answer + Clone + Send + Sync + 'static) -> FalseSts {
    let folder = tempfile::tempdir().unwrap();
    let subject = Subject { common_name: "sts", address: Ipv4Addr::LOCALHOST.into(), hostname: "localhost" };
    let (pair, _) = certs::load_or_make(folder.path(), &subject, now()).unwrap();
    let tls = Tls::new(pair.certified_key().unwrap(), None).unwrap();
    let any_port = std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::bind(any_port, Some(tls), Limits::default()).unwrap();
    let (address, asked, stop) =
        (server.address().to_string(), Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let count = Arc::clone(&asked);
    let handler = move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(answer())
    };
    tokio::spawn(server.serve(handler, stop.clone(), Duration::from_secs(1)));
    FalseSts { address, folder, asked, _stop: stop.drop_guard() }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let emulator = emulator().await;
    let target = format!("{}/?Action=GetCallerIdentity", emulator.endpoint());
    let redirecting = false_sts(move || {
        let mut answer = respond::text(StatusCode::TEMPORARY_REDIRECT, "elsewhere");
        answer.headers_mut().insert("location", HeaderValue::from_str(&target).unwrap());
        answer
    });
    let ca_file = redirecting.folder.path().join("cert.pem");
    let rig = Rig::start_with(emulator, MAPPINGS, &[], Some((&redirecting.address, &ca_file))).await;
    let answer = rig.review(&token_of(ALICE)).await;
    assert_ne!(answer.json_or_null()["status"]["authenticated"], true);
    // Twice: what does not come from STS is a fault that may pass.
    assert_eq!(redirecting.asked.load(Ordering::Relaxed), 2);
    assert!(rig.emulator.requests().is_empty());
}

#[tokio::test]
async fn an_identity_whose_fields_contradict_each_other_is_refused() {
    let lying = false_sts(|| {
        let identity = r#"{"IdentityType":"RAMUser","AccountId":"9999999999999999","PrincipalId":"2","UserId":"2",
                           "Arn":"acs:ram::1234567890123456:user/alice","RequestId":"r"}"#;
        respond::json(StatusCode::OK, identity)
    });
    let ca_file = lying.folder.path().join("cert.pem");
    let rig = Rig::start_with(emulator().await, MAPPINGS, &[], Some((&lying.address, &ca_file))).await;
    rig.review(&token_of(ALICE)).await.error();
}

#[tokio::test]
async fn an_sts_with_a_foreign_certificate_is_not_believed() {
    let foreign = tempfile::tempdir().unwrap();
    let subject =
        Subject { common_name: "other", address: Ipv4Addr::LOCALHOST.into(), hostname: "localhost" };
    certs::load_or_make(foreign.path(), &subject, now()).unwrap();
    let ca_file = foreign.path().join("cert.pem");
    let emulator = emulator().await;
    let address = emulator.address().to_string();
    let rig = Rig::start_with(emulator, MAPPINGS, &[], Some((&address, &ca_file))).await;
    rig.review(&token_of(ALICE)).await.unavailable();
    assert!(rig.emulator.requests().is_empty());
}
