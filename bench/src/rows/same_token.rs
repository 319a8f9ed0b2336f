//! The same token again and again: what the authenticator adds to TLS, HTTP and reading a body.

use super::{Bench, cpu, figures, firsts, good_run, logged, micros, peak};
use crate::answer::Expected;
use crate::error::Result;
use crate::load::{Exchange, Http, Outcome, Source};
use crate::rig::{Authenticator, Cloud, ConstantServer, Mapped};
use crate::rounds::in_turn;
use crate::row::{Aim, Row};
use crate::tokens::{V1, review, signing_time};

pub(super) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let cloud = Cloud::start(&bench.programs, &bench.folder)?;
    let authenticator =
        Authenticator::start(&bench.programs, &bench.folder, &cloud.sts(), Mapped::Account, &[])?;
    // The user's name is the ARN: `mapAccounts`.
    let name = Cloud::arn(0);
    let constant = ConstantServer::start(&bench.programs, &["--user", &name])?;
    // The border: a token holds from now on.
    #[allow(clippy::disallowed_methods)]
    let now = jiff::Timestamp::now();
    let body = review(V1, &Cloud::token(0, signing_time(now)));
    let expected = Expected::User { version: V1.to_owned(), name: Some(name) };
    let exchange = Exchange::json("/authenticate?timeout=30s", body, expected)?;
    let mut rows = Vec::new();
    for (http, name) in [(Http::Two, "HTTP/2"), (Http::One, "HTTP/1.1")] {
        let (target, reference) = (authenticator.target(http)?, constant.target(http)?);
        let ours = || {
            let before = authenticator.lines_logged();
            let settings = bench.settings(http, authenticator.pid());
            let outcome = good_run("the authenticator", &settings, &target, Source::Same(exchange.clone()))?;
            logged(|| authenticator.lines_logged(), before, outcome)
        };
        let theirs = || {
            let settings = bench.settings(http, constant.pid());
            good_run("the constant server", &settings, &reference, Source::Same(exchange.clone()))
        };
        let rounds = in_turn(bench.rounds, ours, theirs)?;
        let (rate_aim, cpu_aim) = match http {
            Http::Two => (Aim::AtLeastRatio(0.8), Aim::AtMostRatio(1.3)),
            Http::One => (Aim::None, Aim::None),
        };
        let compared = |what: &str, unit, aim, figure: &dyn Fn(&Outcome) -> f64| {
            let note = "reference: the constant server";
            Row::compared(&format!("same token, {name}: {what}"), unit, &figures(&rounds, figure), aim, note)
        };
        rows.push(compared("rate", "1/s", rate_aim, &Outcome::rate));
        rows.push(compared("CPU for 1,000", "s", cpu_aim, &cpu));
        rows.push(compared("p50", "µs", Aim::None, &|outcome| micros(outcome.latency.p50)));
        rows.push(compared("p99", "µs", Aim::None, &|outcome| micros(outcome.latency.p99)));
        rows.push(compared("p99.9", "µs", Aim::None, &|outcome| micros(outcome.latency.p999)));
        if http == Http::Two {
            let series = firsts(&rounds, peak);
            rows.push(Row::alone("same token, HTTP/2: most RSS", "MiB", &series, Aim::None, ""));
        }
    }
    Ok(rows)
}
