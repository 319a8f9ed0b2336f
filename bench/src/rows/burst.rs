//! Very many people at one time, and an STS that takes its time.

use std::time::Duration;

use super::{Bench, good_run, micros};
use crate::answer::Expected;
use crate::error::Result;
use crate::load::{Exchange, Http, Length, Outcome, Settings, Source};
use crate::rig::{Authenticator, Cloud, Mapped, SlowSts, USERS};
use crate::rounds::Compared;
use crate::row::{Aim, Row};
use crate::tokens::{V1, review, signing_time};

/// How long STS takes.
const DELAY: Duration = Duration::from_millis(20);
/// Reviews of each token, one after the other and so mostly in flight together: as the API servers of a cluster ask.
const REVIEWS_OF_A_TOKEN: u64 = 3;
const CONNECTIONS: usize = 16;
const IN_FLIGHT: usize = 16;
/// Above what 256 at a time ask: the manifests' 4,000 a second is a guard, not a speed.
const NO_LIMIT: &str = "--sts-rate=1000000";

pub(super) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let sts = SlowSts::start(&bench.folder, DELAY)?;
    let authenticator =
        Authenticator::start(&bench.programs, &bench.folder, &sts.sts(), Mapped::Account, &[NO_LIMIT])?;
    let target = authenticator.target(Http::Two)?;
    let run = |numbers: std::ops::Range<u64>, of_each: u64| -> Result<Outcome> {
        let source = Source::Once(reviews(numbers.clone(), of_each)?);
        let settings = Settings {
            connections: CONNECTIONS,
            in_flight: IN_FLIGHT,
            warm_up: Duration::ZERO,
            length: Length::Count(numbers.end.saturating_sub(numbers.start).saturating_mul(of_each)),
            ..bench.settings(Http::Two, authenticator.pid())
        };
        good_run("the authenticator", &settings, &target, source)
    };
    // Everybody has logged in before: keys that are not known get a quarter of the calls only.
    let _warm_up = run(0..USERS, 1)?;
    sts.take_calls()?;
    let half = (bench.tokens / 2).max(1);
    let first = run(USERS..USERS.saturating_add(half), REVIEWS_OF_A_TOKEN)?;
    let mut calls = sts.take_calls()?;
    let from = USERS.saturating_add(half);
    let second = run(from..from.saturating_add(half), REVIEWS_OF_A_TOKEN)?;
    calls = calls.saturating_add(sts.take_calls()?);
    let tokens = half.saturating_mul(2);
    let name = |what: &str| format!("{tokens} tokens, STS in 20 ms: {what}");
    let in_flight = CONNECTIONS.saturating_mul(IN_FLIGHT);
    let note = format!(
        "{REVIEWS_OF_A_TOKEN} reviews of each token, {in_flight} in flight; reference: the number of tokens"
    );
    let halves =
        "of all reviews in flight, those that waited longest; second half of the tokens beside the first";
    let pair = |figure: &dyn Fn(&Outcome) -> f64| Compared::new(&[(figure(&second), figure(&first))]);
    let all = Compared::new(&[(calls as f64, tokens as f64)]);
    Ok(vec![
        Row::compared(&name("calls to STS"), "calls", &all, Aim::AtMostRatio(1.0), &note),
        Row::compared(
            &name("p99"),
            "µs",
            &pair(&|half| micros(half.latency.p99)),
            Aim::AtMostRatio(1.25),
            halves,
        ),
        Row::compared(
            &name("rate"),
            "1/s",
            &pair(&Outcome::rate),
            Aim::None,
            "reviews; second half beside the first",
        ),
    ])
}

fn reviews(numbers: std::ops::Range<u64>, of_each: u64) -> Result<Vec<Exchange>> {
    // The border: tokens hold from now on.
    #[allow(clippy::disallowed_methods)]
    let signed_at = signing_time(jiff::Timestamp::now());
    let mut all = Vec::new();
    for number in numbers {
        let expected = Expected::User { version: V1.to_owned(), name: Some(Cloud::arn(number)) };
        let body = review(V1, &Cloud::token(number, signed_at));
        let exchange = Exchange::json("/authenticate?timeout=30s", body, expected)?;
        all.extend((0..of_each).map(|_| exchange.clone()));
    }
    Ok(all)
}
