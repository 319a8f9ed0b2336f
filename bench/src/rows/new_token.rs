//! A new token each time: each needs a call to STS, which the load generator makes by itself for comparison.

use std::cell::Cell;

use super::{Bench, cpu, figures, firsts, good_run, micros, peak};
use crate::answer::Expected;
use crate::error::{Error, Result};
use crate::load::{Exchange, Http, Length, Outcome, Settings, Source};
use crate::rig::{Authenticator, CLUSTER, Cloud, Mapped};
use crate::rounds::in_turn;
use crate::row::{Aim, Row};
use crate::tokens::{V1, review, signing_time, sts_request};

/// Above every rate that is measured here: the manifests' 4,000 a second is a guard, not a speed.
const NO_LIMIT: &str = "--sts-rate=1000000";
/// As the authenticator's client of STS speaks it.
const TO_STS: Http = Http::One;

pub(super) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let cloud = Cloud::start(&bench.programs, &bench.folder)?;
    let authenticator =
        Authenticator::start(&bench.programs, &bench.folder, &cloud.sts(), Mapped::Account, &[NO_LIMIT])?;
    let next = Cell::new(0_u64);
    let pair = |many: bool, count: u64| {
        let (ours, direct) = (by_count(bench, many, Http::Two, count), by_count(bench, many, TO_STS, count));
        let ours = Settings { server: Some(authenticator.pid()), ..ours };
        let direct = Settings { server: Some(cloud.pid()), ..direct };
        (ours, direct)
    };
    let take = |count: u64| {
        let first = next.get();
        next.set(first.saturating_add(count));
        first..next.get()
    };
    let measure = |rounds: usize, many: bool, count: u64| -> Result<Vec<(Outcome, Outcome)>> {
        let (ours, direct) = pair(many, count);
        let (target, sts) = (authenticator.target(Http::Two)?, cloud.target(TO_STS)?);
        in_turn(
            rounds,
            || good_run("the authenticator", &ours, &target, Source::Once(reviews(take(count))?)),
            || good_run("the emulator", &direct, &sts, Source::Once(calls(take(count))?)),
        )
    };
    // Everybody is known from then on, and all tables have as much in them as they ever will.
    let _warm_up = measure(1, true, bench.count)?;
    let many = measure(bench.rounds, true, bench.count)?;
    let one = measure(bench.rounds, false, bench.count / 10)?;
    let note = "reference: the load generator calls the emulator directly, over as many HTTP/1.1 connections as there are requests in flight";
    let alone = "one request in flight; reference: the same call to the emulator directly";
    let rate = figures(&many, Outcome::rate);
    let p50 = figures(&one, |outcome| micros(outcome.latency.p50));
    let p99 = figures(&one, |outcome| micros(outcome.latency.p99));
    Ok(vec![
        Row::compared("new token: rate", "1/s", &rate, Aim::AtLeastRatio(0.7), note).missed_because(
            "emulator and generator have the same two cores: a direct call takes them some 42 µs, so at the aim a review would \
             have some 18 µs of the authenticator",
        ),
        Row::compared("new token: p50", "µs", &p50, Aim::AtMostMore(150.0), alone),
        Row::compared("new token: p99", "µs", &p99, Aim::None, alone),
        Row::alone(
            "new token: CPU for 1,000",
            "s",
            &firsts(&many, cpu),
            Aim::AtMost(0.04),
            "of the authenticator alone",
        )
        .missed_because(
            "nearly half of it is the HTTP client and its connection, a quarter the connection that asked, a fifth decoding, \
             looking up and logging",
        ),
        Row::alone("new token: most RSS", "MiB", &firsts(&many, peak), Aim::None, ""),
    ])
}

/// A run by count, for tokens are made ahead, without a warm-up of its own.
fn by_count(bench: &Bench, many: bool, http: Http, count: u64) -> Settings {
    let settings = bench.settings(http, 0);
    let (connections, in_flight) = if many { (settings.connections, settings.in_flight) } else { (1, 1) };
    let warm_up = std::time::Duration::ZERO;
    Settings { connections, in_flight, warm_up, length: Length::Count(count), ..settings }
}

fn reviews(numbers: std::ops::Range<u64>) -> Result<Vec<Exchange>> {
    let signed_at = signing_time(now());
    let exchange = |number| {
        let expected = Expected::User { version: V1.to_owned(), name: Some(Cloud::arn(number)) };
        Exchange::json("/authenticate?timeout=30s", review(V1, &Cloud::token(number, signed_at)), expected)
    };
    numbers.map(exchange).collect()
}

fn calls(numbers: std::ops::Range<u64>) -> Result<Vec<Exchange>> {
    let now = now();
    let exchange = |number| {
        let token = Cloud::token(number, signing_time(now));
        let (path, headers) = sts_request(&token, CLUSTER, now).map_err(Error::failed("reading a token"))?;
        Exchange::empty(&path, &headers, Expected::Caller { arn: Cloud::arn(number) })
    };
    numbers.map(exchange).collect()
}

/// The border: tokens hold from now on.
#[allow(clippy::disallowed_methods)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
