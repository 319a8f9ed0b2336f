//! Our own load generator beside h2load, on the constant server: whether it can be believed.

use super::{Bench, CONNECTIONS, IN_FLIGHT, THREADS, good_run};
use crate::answer::Expected;
use crate::error::{Error, Result};
use crate::h2load;
use crate::load::{Exchange, Http, Source};
use crate::rig::{CLUSTER, ConstantServer};
use crate::rounds::{Compared, Series, in_turn};
use crate::row::{Aim, Row};
use crate::tokens::{Signer, V1, review};

const NAME: &str = "constant server: our generator beside h2load";
/// Below this the generator, and not the server, would bound rows.
const AIM: Aim = Aim::AtLeastRatio(0.8);

pub(super) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let server = ConstantServer::start(&bench.programs, &["--user=alice"])?;
    let signer = Signer {
        cluster_id: CLUSTER.to_owned(),
        access_key_id: "LTAIalice".to_owned(),
        secret: signature::Secret::new("secret-of-alice".to_owned()),
    };
    // The server reads the body and looks at nothing in it.
    let body = review(V1, &signer.token(0, jiff::Timestamp::UNIX_EPOCH));
    let path = "/authenticate?timeout=30s";
    let expected = Expected::User { version: V1.to_owned(), name: Some("alice".to_owned()) };
    let exchange = Exchange::json(path, body.clone(), expected)?;
    let (target, settings) = (server.target(Http::Two)?, bench.settings(Http::Two, server.pid()));
    let ours = || good_run("the constant server", &settings, &target, Source::Same(exchange.clone()));
    let Some(program) = h2load::find() else {
        let rates = (0..bench.rounds).map(|_| Ok(ours()?.rate())).collect::<Result<Vec<f64>>>()?;
        let note = "not checked: h2load is not installed (Debian: nghttp2-client)";
        return Ok(vec![Row::alone(NAME, "1/s", &Series::new(rates), AIM, note)]);
    };
    let file = bench.folder.join("review.json");
    std::fs::write(&file, body).map_err(Error::file("write", &file))?;
    let url = format!("{}{path}", server.url());
    let run = h2load::Run {
        connections: CONNECTIONS,
        in_flight: IN_FLIGHT,
        threads: THREADS,
        warm_up: bench.warm_up,
        length: bench.length,
    };
    let theirs = || {
        let told = h2load::run(&program, &url, &file, run)?;
        if told.not > 0 {
            Err(Error::because("h2load", format!("{} requests failed", told.not)))
        } else {
            Ok(told)
        }
    };
    let rounds = in_turn(bench.rounds, ours, theirs)?;
    let rates: Vec<(f64, f64)> = rounds.iter().map(|(ours, theirs)| (ours.rate(), theirs.rate)).collect();
    let note = "reference: h2load, which does not read answers; same server, body, connections and requests in flight";
    Ok(vec![Row::compared(NAME, "1/s", &Compared::new(&rates), AIM, note)])
}
