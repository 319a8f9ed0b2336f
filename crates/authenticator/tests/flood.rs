//! Attack K: a flood of tokens of made-up access keys, through the running program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::time::Instant;

use common::{ALICE, BOB, ROOT, Rig, Signing, credentials, now, token_of};
use futures::StreamExt as _;
use jiff::SignedDuration;

const FLOOD: usize = 10_000;
/// Of these the program lets a quarter be for keys that it does not know.
const RATE: u32 = 200;

/// The value of a metric without labels, or with exactly these.
fn metric(page: &str, name: &str) -> u64 {
    let name = format!("ack_ram_authenticator_{name} ");
    let line =
        page.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_else(|| panic!("{name}\n{page}"));
    line.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_made_up_keys_keep_no_known_user_out_and_do_not_reach_sts() {
    let rate = RATE.to_string();
    let rig = Rig::start(&["--sts-rate", &rate, "--log-level", "info"]).await;
    // Two users log in, and are known from then on.
    for key in [ALICE, ROOT] {
        rig.review(&token_of(key)).await.user();
    }
    let (begun, base) = (Instant::now(), now());
    let flood = async {
        let refused = futures::stream::iter(0..FLOOD)
            .map(|number| {
                let (rig, key) = (&rig, format!("LTAImadeup{number}"));
                async move { rig.review(&token_of((&key, "x"))).await.error() }
            })
            .buffer_unordered(64)
            .filter(|error| std::future::ready(error.contains("--sts-rate")))
            .count();
        refused.await
    };
    // A new token each time, so that nothing remembered helps; all through the flood.
    let logins = async {
        for number in 0..200i64 {
            let key = if number % 2 == 0 { ALICE } else { ROOT };
            let at = base - SignedDuration::from_secs(number + 2);
            rig.review(&Signing { at, ..Signing::by(credentials(key)) }.v2()).await.user();
        }
        200
    };
    let (shed, logins) = futures::join!(flood, logins);
    let seconds = begun.elapsed().as_secs_f64();

    let asked = rig.emulator.requests();
    let made_up = asked.iter().filter(|request| {
        request.raw.header("authorization").is_some_and(|value| value.contains("LTAImadeup"))
    });
    let made_up = made_up.count();
    let allowed = f64::from(RATE / 4) * (seconds + 1.0) + 1.0;
    assert!((made_up as f64) <= allowed, "{made_up} calls in {seconds} s, {allowed} are allowed");
    assert_eq!(made_up + shed, FLOOD, "every other token was refused without a call");
    assert_eq!(asked.len() - made_up, logins + 2);

    let page = rig.get("/metrics").await.text;
    assert_eq!(metric(&page, "sts_shed_total{key=\"unknown\",limit=\"rate\"}"), shed as u64);
    assert_eq!(metric(&page, "sts_shed_total{key=\"known\",limit=\"rate\"}"), 0);
    assert_eq!(metric(&page, "gate_table_entries{table=\"known_keys\"}"), 2);
    assert_eq!(metric(&page, "gate_table_entries{table=\"pending\"}"), 0);
    assert!(metric(&page, "gate_table_entries{table=\"refusals\"}") <= made_up as u64);
    assert!(rig.program.peak_memory_kib() < 200 * 1024, "{} KiB", rig.program.peak_memory_kib());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_in_the_name_of_a_known_key_keeps_no_other_known_user_out() {
    let rig =
        Rig::start(&["--sts-max-in-flight", "64", "--sts-rate-per-key", "2", "--log-level", "info"]).await;
    for key in [ALICE, ROOT] {
        rig.review(&token_of(key)).await.user();
    }
    let (begun, base) = (Instant::now(), now());
    // Alice's id with another secret: the id is no secret.
    let flood = futures::stream::iter(0..1000i64)
        .map(|number| {
            let at = base - SignedDuration::from_secs(number % 500);
            let token = Signing { at, ..Signing::by(credentials((ALICE.0, &format!("x{number}")))) }.v2();
            let rig = &rig;
            async move { rig.review(&token).await }
        })
        .buffer_unordered(64)
        .collect::<Vec<_>>();
    let logins = async {
        for number in 0..100i64 {
            let at = base - SignedDuration::from_secs(number + 2);
            rig.review(&Signing { at, ..Signing::by(credentials(ROOT)) }.v2()).await.user();
        }
    };
    let (answers, ()) = futures::join!(flood, logins);
    let seconds = begun.elapsed().as_secs_f64();

    // Put off, not refused: among them may be the key's owner.
    let put_off = answers.iter().filter(|answer| answer.status == http::StatusCode::SERVICE_UNAVAILABLE);
    let put_off = put_off.map(|answer| assert_eq!(answer.retry_after.as_deref(), Some("1"))).count();
    let asked = rig.emulator.requests().len() - 102;
    assert_eq!(asked + put_off, 1000);
    assert!((asked as f64) <= 20.0 + 2.0 * (seconds + 1.0), "{asked} calls in {seconds} s");
}

/// Bob is somebody's RAM user, with keys that work, and no mapping names him.
#[tokio::test]
async fn whoever_no_mapping_names_pays_for_each_call_and_stays_unknown() {
    let rig = Rig::start(&["--sts-max-in-flight", "4", "--sts-rate-per-key", "1"]).await;
    let (begun, base) = (Instant::now(), now());
    let token = |number: i64| {
        Signing { at: base - SignedDuration::from_secs(number), ..Signing::by(credentials(BOB)) }.v2()
    };
    // Reviews that are answered from memory cost nothing.
    for _ in 0..30 {
        assert!(rig.review(&token(1)).await.error().contains("is mapped to no Kubernetes user"));
    }
    assert_eq!(rig.emulator.requests().len(), 1);
    assert!(rig.review(&token(2)).await.error().contains("is mapped to no Kubernetes user"));
    let mut shed = 0;
    for number in 3..40 {
        shed += usize::from(rig.review(&token(number)).await.error().contains("--sts-rate-per-key"));
    }
    let asked = rig.emulator.requests().len();
    assert_eq!(asked + shed, 39);
    let seconds = begun.elapsed().as_secs_f64();
    assert!((asked as f64) <= 10.0 + seconds + 1.0, "{asked} calls in {seconds} s");
    let page = rig.get("/metrics").await.text;
    assert_eq!(metric(&page, "gate_table_entries{table=\"known_keys\"}"), 0);
}
