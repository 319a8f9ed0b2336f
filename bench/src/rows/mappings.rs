//! Few mappings and very many, exact ones and patterns: how many there are must not show.

use super::{Bench, cpu, figures, good_run, logged, lookup, mib};
use crate::answer::Expected;
use crate::error::Result;
use crate::load::{Exchange, Http, Outcome, Source};
use crate::process::Process;
use crate::rig::{Authenticator, Cloud, MAPPED_USER, Mapped, Resources};
use crate::rounds::{Series, in_turn};
use crate::row::{Aim, Row};
use crate::tokens::{V1, review, signing_time};

pub(super) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let cloud = Cloud::start(&bench.programs, &bench.folder)?;
    let one = Resources { count: 1, patterns: false };
    let few = start(bench, &cloud, one)?;
    // The border: a token holds from now on.
    #[allow(clippy::disallowed_methods)]
    let now = jiff::Timestamp::now();
    let body = review(V1, &Cloud::token(0, signing_time(now)));
    let expected = Expected::User { version: V1.to_owned(), name: Some(MAPPED_USER.to_owned()) };
    let exchange = Exchange::json("/authenticate?timeout=30s", body, expected)?;
    let run = |server: &Authenticator| {
        let before = server.lines_logged();
        let settings = bench.settings(Http::Two, server.pid());
        let source = Source::Same(exchange.clone());
        let outcome = good_run("the authenticator", &settings, &server.target(Http::Two)?, source)?;
        logged(|| server.lines_logged(), before, outcome)
    };
    let mut rows = Vec::new();
    for resources in
        bench.mappings.iter().flat_map(|&count| [false, true].map(|patterns| Resources { count, patterns }))
    {
        let many = start(bench, &cloud, resources)?;
        let idle = Process::of(many.pid()).usage()?;
        let rounds = in_turn(bench.rounds, || run(&many), || run(&few))?;
        let kind = if resources.patterns { "patterns" } else { "exact" };
        let name = format!("{} mappings, {kind}", resources.count);
        let note = "same token; reference: the same with one exact mapping";
        let rate = figures(&rounds, Outcome::rate);
        rows.push(Row::compared(&format!("{name}: rate"), "1/s", &rate, Aim::AtLeastRatio(0.95), note));
        let cpu = figures(&rounds, cpu);
        rows.push(Row::compared(&format!("{name}: CPU for 1,000"), "s", &cpu, Aim::None, note));
        rows.push(lookup::row(&name, resources, bench.rounds)?);
        let ready = Series::new([many.ready_after().as_secs_f64()]);
        let own =
            "the authenticator's part: an API server that answers at once, from memory, all in one list";
        rows.push(Row::alone(&format!("{name}: start to ready, own part"), "s", &ready, Aim::None, own));
        let peak = Series::new([mib(idle.peak)]);
        rows.push(Row::alone(&format!("{name}: most RSS at the start"), "MiB", &peak, Aim::None, own));
    }
    Ok(rows)
}

fn start(bench: &Bench, cloud: &Cloud, resources: Resources) -> Result<Authenticator> {
    let folder = bench.folder.join(format!("{}-{}", resources.count, resources.patterns));
    Authenticator::start(&bench.programs, &folder, &cloud.sts(), Mapped::Resources(resources), &[])
}
