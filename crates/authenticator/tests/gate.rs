//! Between reviews and STS: what is remembered, what is asked once, and how often STS is asked. With the emulator as STS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::time::Duration;

use authenticator::gate::{Gate, GateError, GateMetrics, Identified, Limit, Limits, Options, TokenHash};
use authenticator::mappings::{self, BackendMode, MapAccount, MapSection};
use authenticator::metrics::Metrics;
use authenticator::server::authenticate::{Authenticator, Outcome};
use common::{ACCOUNT, ALICE, BOB, CLUSTER, Signing, credentials, emulator, minutes, now, token_of};
use emulator::{Config, Emulator, Fault};
use jiff::{SignedDuration, Timestamp};
use openapi::sts::{Client, ClientOptions};
use prometheus::Registry;
use signature::Secret;
use token::{Rules, Token};
use tokio_util::sync::CancellationToken;

struct World {
    emulator: Emulator,
    gate: Gate,
    registry: Registry,
}

fn gate_before(emulator: &Emulator, options: Options) -> (Gate, Registry) {
    let registry = Registry::new_custom(Some("ack_ram_authenticator".to_owned()), None).unwrap();
    let client_options = ClientOptions {
        ca_file: Some(emulator.ca_file().to_owned()),
        ..ClientOptions::new(emulator.address().to_string().parse().unwrap(), "test")
    };
    (
        Gate::new(
            Client::new(&client_options).unwrap(),
            options,
            GateMetrics::new(&registry).unwrap(),
            now(),
        ),
        registry,
    )
}

async fn world_with(options: Options) -> World {
    let emulator = emulator().await;
    let (gate, registry) = gate_before(&emulator, options);
    World { emulator, gate, registry }
}

async fn world() -> World {
    world_with(Options::default()).await
}

fn rules() -> Rules {
    Rules::for_cluster(CLUSTER)
}

fn decoded(text: &str) -> Token {
    token::decode(text, &rules(), now()).unwrap()
}

impl World {
    async fn identify(&self, text: &str, now: Timestamp) -> Result<Identified, GateError> {
        self.gate.identify(&decoded(text), TokenHash::of(text), now).await
    }

    /// The ARN, and whether it was remembered.
    async fn arn(&self, text: &str, now: Timestamp) -> (String, bool) {
        let identified = self.identify(text, now).await.unwrap();
        (identified.principal.arn().to_owned(), identified.cached)
    }

    fn asked(&self) -> usize {
        self.emulator.requests().len()
    }

    fn fail(&self, status: u16, code: &str, times: u32) {
        let fault = Fault::Error { status, code: code.to_owned(), message: String::new() };
        self.emulator.fail("GetCallerIdentity", fault.times(times));
    }

    fn metric(&self, line: &str) -> bool {
        self.gate.measure();
        let encoder = prometheus::TextEncoder::new();
        let text = encoder.encode_to_string(&self.registry.gather()).unwrap();
        text.lines().any(|found| found == format!("ack_ram_authenticator_{line}"))
    }
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

fn alice_at(at: Timestamp) -> Signing {
    Signing { at, ..Signing::by(credentials(ALICE)) }
}

#[tokio::test]
async fn an_identity_is_kept_for_its_time_and_no_longer() {
    let world = world().await;
    let (token, now) = (token_of(ALICE), now());
    assert!(!world.arn(&token, now).await.1);
    assert!(world.arn(&token, now + seconds(59)).await.1);
    assert_eq!(world.asked(), 1);
    assert!(!world.arn(&token, now + seconds(60)).await.1);
    assert_eq!(world.asked(), 2);
    assert!(world.metric("identity_cache_total{result=\"hit\"} 1"));
    assert!(world.metric("identity_cache_total{result=\"miss\"} 2"));
    assert!(world.metric("gate_table_entries{table=\"identities\"} 1"));
    assert!(world.metric("gate_table_entries{table=\"pending\"} 0"));
}

#[tokio::test]
async fn with_zero_every_review_asks() {
    let world = world_with(Options { identity_ttl: Duration::ZERO, ..Options::default() }).await;
    let (token, now) = (token_of(ALICE), now());
    for _ in 0..3 {
        assert!(!world.arn(&token, now).await.1);
    }
    assert_eq!(world.asked(), 3);
}

#[tokio::test]
async fn an_identity_is_never_kept_longer_than_the_token_is_good_for() {
    let world = world().await;
    let now = now();
    let token = alice_at(now - minutes(14)).v2();
    let end = decoded(&token).expires_at();
    assert!(end < now + minutes(1) + seconds(1));
    // Asked at a moment from which 60 s reach beyond the token's end.
    world.arn(&token, end - seconds(30)).await;
    assert!(world.arn(&token, end - SignedDuration::from_millis(1)).await.1);
    assert_eq!(world.asked(), 1);
    assert!(!world.arn(&token, end).await.1);
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn what_is_remembered_of_a_token_is_what_came_of_it_its_key_and_its_date() {
    let world = world().await;
    let (good, bad, now) = (token_of(ALICE), token_of((ALICE.0, "not her secret")), now());
    let remembered = |text: &str, now| world.gate.remembered(&TokenHash::of(text), &rules(), now);
    assert!(remembered(&good, now).is_none());
    world.arn(&good, now).await;
    world.identify(&bad, now).await.unwrap_err();
    for (text, is_good) in [(&good, true), (&bad, false)] {
        let found = remembered(text, now + seconds(1)).unwrap();
        assert_eq!(&*found.claims.access_key_id, ALICE.0);
        assert_eq!(found.claims.signed_at, decoded(text).signed_at());
        assert_eq!(found.answer.is_ok_and(|identified| identified.cached), is_good);
    }
    assert!(remembered(&format!("{good} "), now).is_none());
    assert!(remembered(&good, now + seconds(60)).is_none());
    assert!(world.metric("identity_cache_total{result=\"hit\"} 1"));
    assert!(world.metric("identity_cache_total{result=\"refusal\"} 1"));
    assert_eq!(world.asked(), 2);
}

/// A token that was good is refused where its date is not, though who signed it is remembered.
#[tokio::test]
async fn the_date_of_a_token_that_is_remembered_is_checked_at_each_review() {
    let world = world().await;
    let accounts = vec![MapAccount(ACCOUNT.to_owned())];
    let file = MapSection { map_accounts: accounts, ..MapSection::default() };
    let backends = [BackendMode::MountedFile];
    let (options, shutdown) = (mappings::Options::default(), CancellationToken::new());
    let mappings = mappings::start(&backends, &file, None, options, None, shutdown).await.unwrap();
    let metrics = Metrics::new().unwrap();
    let authenticator = Authenticator::new(rules(), world.gate.clone(), mappings, backends.to_vec(), metrics);
    let now = now();
    let token = Secret::new(alice_at(now).v2());
    let first = authenticator.decide(&token, now).await;
    let again = authenticator.decide(&token, now + seconds(1)).await;
    assert_eq!((first.cached, again.cached), (Some(false), Some(true)));
    assert_eq!(first.outcome, again.outcome);
    assert!(matches!(&again.outcome, Outcome::Authenticated(_)), "{again:?}");
    assert_eq!(again.access_key_id.as_deref(), Some(ALICE.0));
    for (at, reason) in [(now - minutes(6), "not_yet_valid"), (now + minutes(16), "expired")] {
        let refused = authenticator.decide(&token, at).await;
        assert!(matches!(&refused.outcome, Outcome::Denied(_)), "{refused:?}");
        assert_eq!((refused.reason, refused.cached), (reason, None));
    }
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn reviews_of_one_token_at_one_time_share_one_call() {
    let world = world().await;
    world.emulator.fail("GetCallerIdentity", Fault::Delay(Duration::from_millis(500)));
    let (token, other, now) = (token_of(ALICE), token_of(BOB), now());
    let (many, one) = futures::join!(
        futures::future::join_all((0..100).map(|_| world.arn(&token, now))),
        world.arn(&other, now)
    );
    assert!(many.iter().all(|(arn, _)| arn.ends_with("user/alice")));
    assert!(one.0.ends_with("user/bob"));
    assert_eq!(world.asked(), 2);
    assert!(world.metric("identity_cache_total{result=\"joined\"} 99"));
}

#[tokio::test]
async fn a_call_goes_on_although_whoever_asked_first_hangs_up() {
    for version_1 in [false, true] {
        let world = world().await;
        world.emulator.fail("GetCallerIdentity", Fault::Delay(Duration::from_millis(600)).times(1));
        let (signing, now) = (Signing::by(credentials(ALICE)), now());
        let token = if version_1 { signing.v1("n") } else { signing.v2() };
        tokio::time::timeout(Duration::from_millis(200), world.identify(&token, now)).await.unwrap_err();
        world.arn(&token, now).await;
        assert_eq!(world.asked(), 1);
        assert!(world.metric("gate_table_entries{table=\"pending\"} 0"));
        assert!(world.metric("sts_calls_in_flight 0"));
    }
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_ends_and_frees_its_place() {
    let world = world().await;
    world.emulator.fail("GetCallerIdentity", Fault::Delay(Duration::from_millis(300)).times(1));
    let (token, now) = (token_of(ALICE), now());
    tokio::time::timeout(Duration::from_millis(100), world.identify(&token, now)).await.unwrap_err();
    let ended = async {
        while !world.metric("sts_calls_in_flight 0") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap();
    assert!(world.arn(&token, now).await.1, "its answer was kept");
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn a_definite_refusal_is_kept_for_ten_seconds() {
    let world = world().await;
    let (token, now) = (token_of((ALICE.0, "wrong")), now());
    // Counted from the answer, which took less than the deadline of 5 s.
    for (later, asked) in [(0, 1), (9, 1), (16, 2)] {
        let error = world.identify(&token, now + seconds(later)).await.unwrap_err();
        assert_eq!((error.reason(), error.is_passing()), ("sts_signature_mismatch", false));
        assert_eq!(error.request_id(), Some(world.emulator.requests().last().unwrap().request_id.as_str()));
        assert_eq!(world.asked(), asked, "after {later} s");
    }
    assert!(world.metric("identity_cache_total{result=\"refusal\"} 1"));
}

#[tokio::test]
async fn a_passing_fault_is_tried_twice_and_never_kept() {
    let world = world().await;
    let (token, now) = (token_of(ALICE), now());
    world.fail(503, "ServiceUnavailable", 4);
    for asked in [2, 4] {
        let error = world.identify(&token, now).await.unwrap_err();
        assert!(error.is_passing(), "{error}");
        assert_eq!(world.asked(), asked);
    }
    assert!(!world.arn(&token, now).await.1);
    assert_eq!(world.asked(), 5);
}

#[tokio::test]
async fn the_second_try_lets_in() {
    let world = world().await;
    for (status, code) in [(500, "InternalError"), (400, "Throttling.User")] {
        world.fail(status, code, 1);
        let token = alice_at(now() - seconds(i64::from(status) % 7)).v2();
        assert!(!world.arn(&token, now()).await.1);
    }
    world.emulator.fail("GetCallerIdentity", Fault::BreakConnection.times(1));
    world.arn(&alice_at(now() - seconds(20)).v2(), now()).await;
    assert!(world.metric("sts_retries_total 3"));
    assert!(world.metric("sts_latency_seconds_count 6"));
}

#[tokio::test]
async fn no_second_try_after_the_deadline() {
    let options = Options { deadline: Duration::from_millis(20), ..Options::default() };
    let world = world_with(options).await;
    world.fail(503, "ServiceUnavailable", 1);
    world.identify(&token_of(ALICE), now()).await.unwrap_err();
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn a_second_try_ends_with_the_deadline_and_the_first_answer_stands() {
    let options = Options { deadline: Duration::from_millis(700), ..Options::default() };
    let world = world_with(options).await;
    world.fail(503, "ServiceUnavailable", 1);
    let token = token_of(ALICE);
    let (answer, ()) = futures::join!(world.identify(&token, now()), async {
        while world.asked() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.emulator.fail("GetCallerIdentity", Fault::Delay(Duration::from_secs(20)));
    });
    assert_eq!(answer.unwrap_err().reason(), "sts_unavailable");
}

#[tokio::test]
async fn a_token_that_sts_takes_once_is_asked_for_once_until_it_ends() {
    for identity_ttl in [Duration::ZERO, Duration::from_secs(60)] {
        let world = world_with(Options { identity_ttl, ..Options::default() }).await;
        let (token, now) = (Signing::by(credentials(ALICE)).v1("n-1"), now());
        assert!(!world.arn(&token, now).await.1);
        assert!(world.arn(&token, now + minutes(14)).await.1);
        assert_eq!(world.asked(), 1);
    }
}

#[tokio::test]
async fn a_token_that_sts_may_have_taken_is_refused_at_once_and_never_sent_again() {
    let error = |status, code: &str| Fault::Error { status, code: code.to_owned(), message: String::new() };
    let html = Fault::Garbage { content_type: "text/html".to_owned(), body: b"<html>".to_vec() };
    let faults = [Fault::BreakConnection, error(503, "ServiceUnavailable"), error(400, "Throttling"), html];
    for (number, fault) in faults.into_iter().enumerate() {
        let world = world().await;
        let (token, now) = (Signing::by(credentials(ALICE)).v1(&format!("n-{number}")), now());
        world.emulator.fail("GetCallerIdentity", fault.clone().times(1));
        for later in [seconds(0), seconds(11), minutes(14)] {
            let error = world.identify(&token, now + later).await.unwrap_err();
            assert_eq!(
                (error.reason(), error.is_passing()),
                ("sts_answer_lost", false),
                "{fault:?}: {error}"
            );
            assert!(error.to_string().contains("run the command again"), "{error}");
        }
        assert_eq!(world.asked(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_single_use_token_that_was_not_sent_may_be_asked_for_again() {
    let world = world().await;
    let (token, now) = (Signing::by(credentials(ALICE)).v1("n-1"), now());
    world.emulator.stop_listening().await;
    let error = world.identify(&token, now).await.unwrap_err();
    assert_eq!((error.reason(), error.is_passing()), ("sts_connect", true));
    world.emulator.listen_again().await.unwrap();
    world.arn(&token, now).await;
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn a_refused_single_use_token_is_not_sent_again_but_a_used_nonce_is_not_kept() {
    let world = world().await;
    let now = now();
    let refused = Signing::by(credentials((ALICE.0, "wrong"))).v1("n-1");
    for later in [seconds(0), seconds(30), minutes(14)] {
        let error = world.identify(&refused, now + later).await.unwrap_err();
        assert_eq!(error.reason(), "sts_signature_mismatch");
        assert_eq!(world.asked(), 1);
    }
    // Another replica has asked before.
    let token = Signing::by(credentials(ALICE)).v1("n-2");
    let replica = World { gate: gate_before(&world.emulator, Options::default()).0, ..world };
    replica.arn(&token, now).await;
    let (gate, _) = gate_before(&replica.emulator, Options::default());
    for asked in [3, 4] {
        let error = gate.identify(&decoded(&token), TokenHash::of(&token), now).await.unwrap_err();
        assert_eq!((error.reason(), error.is_passing()), ("sts_signature_nonce_used", false));
        assert_eq!(replica.asked(), asked);
    }
}

/// Attack F: the same names in another account, and tokens that differ in a byte.
#[tokio::test]
async fn what_is_kept_serves_no_other_token() {
    let accounts = r#"
accounts:
  - {id: "1111111111111111", users: [{name: alice, id: "21", accessKeys: [{id: LTAIalice1, secret: s1}]}]}
  - {id: "2222222222222222", users: [{name: alice, id: "22", accessKeys: [{id: LTAIalice2, secret: s2}]}]}
"#;
    let emulator = Emulator::builder(Config::from_yaml(accounts, "inline").unwrap()).start().await.unwrap();
    let (gate, registry) = gate_before(&emulator, Options::default());
    let world = World { emulator, gate, registry };
    let now = now();
    let tokens: Vec<(Signing, &str)> = ["1", "2"]
        .into_iter()
        .map(|n| (format!("LTAIalice{n}"), format!("s{n}"), n))
        .map(|(id, secret, n)| (Signing { at: now, ..Signing::by(credentials((&id, &secret))) }, n))
        .collect();
    for _ in 0..2 {
        for (signing, digit) in &tokens {
            let arn = format!("acs:ram::{}:user/alice", digit.repeat(16));
            assert_eq!(world.arn(&signing.v2(), now).await.0, arn);
            assert_eq!(world.arn(&signing.v1(&format!("n{digit}")), now).await.0, arn);
        }
    }
    assert_eq!(world.asked(), 4);
    // A name of the other account under this one's signature; nothing remembered lets it in.
    let forged = Signing { at: now, ..Signing::by(credentials(("LTAIalice2", "s1"))) };
    assert_eq!(world.identify(&forged.v2(), now).await.unwrap_err().reason(), "sts_signature_mismatch");
    assert_eq!(world.asked(), 5);
}

/// Which calls use up what one access key may cause.
#[tokio::test]
async fn a_key_pays_for_refusals_and_for_throttling_and_not_for_what_it_cannot_help() {
    let limits = Limits { max_in_flight: 4, rate: 1000, rate_per_key: 1 };
    let error = |status, code: &str| Fault::Error { status, code: code.to_owned(), message: String::new() };
    for (fault, is_paid) in [
        (None, false),
        (Some(error(503, "ServiceUnavailable")), false),
        (Some(error(400, "Throttling.User")), true),
        (Some(error(403, "NoPermission")), true),
    ] {
        let world = world_with(Options { limits, ..Options::default() }).await;
        let now = now();
        world.gate.mapped(ALICE.0, now);
        if let Some(fault) = &fault {
            world.emulator.fail("GetCallerIdentity", fault.clone());
        }
        let mut put_off = 0;
        // Ten seconds' worth is ten calls.
        for number in 0..12 {
            let answer = world.identify(&alice_at(now - seconds(number)).v2(), now).await;
            put_off += usize::from(answer.is_err_and(|error| error.reason() == "sts_limited"));
        }
        assert_eq!(put_off, if is_paid { 2 } else { 0 }, "{fault:?}");
    }
}

#[tokio::test]
async fn what_meets_a_limit_is_refused_for_a_stranger_and_put_off_for_a_known_key() {
    let limits = Limits { max_in_flight: 8, rate: 1000, rate_per_key: 1000 };
    let world = world_with(Options { limits, ..Options::default() }).await;
    let now = now();
    world.arn(&token_of(ALICE), now).await;
    world.gate.mapped(ALICE.0, now);
    world.emulator.fail("GetCallerIdentity", Fault::Delay(Duration::from_secs(2)));
    let strangers = futures::future::join_all((0..10).map(|number| {
        let token = token_of((&format!("LTAImadeup{number}"), "x"));
        let world = &world;
        async move { world.identify(&token, now).await.unwrap_err() }
    }));
    // Two of eight at a time; the others are refused without a wait.
    let (strangers, known) = futures::join!(strangers, async {
        futures::future::join_all((1..4).map(|number| {
            let token = alice_at(now - seconds(number)).v2();
            let world = &world;
            async move { world.identify(&token, now).await }
        }))
        .await
    });
    let shed: Vec<&GateError> =
        strangers.iter().filter(|error| matches!(error, GateError::Shed(_))).collect();
    assert_eq!(shed.len(), 8);
    for error in shed {
        assert_eq!((error.reason(), error.is_passing()), ("sts_limited_unknown_key", false));
        assert!(matches!(error, GateError::Shed(shed) if shed.limit == Limit::InFlight), "{error:?}");
        assert!(error.to_string().contains("--sts-max-in-flight"), "{error}");
    }
    // One key may have a quarter of the calls under way: its third is put off.
    let put_off: Vec<&GateError> = known.iter().filter_map(|answer| answer.as_ref().err()).collect();
    let [error] = put_off.as_slice() else { panic!("{known:?}") };
    assert_eq!((error.reason(), error.is_passing()), ("sts_limited", true));
    assert!(world.metric("sts_shed_total{key=\"unknown\",limit=\"in_flight\"} 8"));
    assert!(world.metric("sts_shed_total{key=\"known\",limit=\"key_in_flight\"} 1"));
}
