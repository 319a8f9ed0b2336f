//! The rows of the table, a module for each group of them.

mod admission;
mod alone;
mod burst;
mod control_plane;
mod generator;
mod get_token;
mod lookup;
mod mappings;
mod new_token;
mod same_token;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::load::{Http, Length, Outcome, Settings, Source, Target, run};
use crate::rig::Programs;
use crate::rounds::{Compared, Series};
use crate::row::Row;

/// What every group needs.
#[derive(Debug, Clone)]
pub struct Bench {
    /// The release builds.
    pub programs: Programs,
    /// Programs that are linked statically (musl), where there are some.
    pub static_programs: PathBuf,
    /// A scratch folder.
    pub folder: PathBuf,
    /// How often each pair is measured.
    pub rounds: usize,
    /// Of each run by time.
    pub warm_up: Duration,
    /// Of each run by time.
    pub length: Duration,
    /// Requests of each run by count.
    pub count: u64,
    /// Tokens of the burst.
    pub tokens: u64,
    /// How often `get-token` is run.
    pub processes: usize,
    /// How many mappings there are, beside one.
    pub mappings: Vec<usize>,
    /// The program that measures with a control plane: a dev build, which is not measured itself.
    pub control_plane: PathBuf,
}

/// A group of rows.
pub type Group = fn(&Bench) -> Result<Vec<Row>>;

/// All groups by their names, in the order of the table.
pub const GROUPS: [(&str, Group); 10] = [
    ("generator", generator::rows),
    ("same-token", same_token::rows),
    ("new-token", new_token::rows),
    ("burst", burst::rows),
    ("mappings", mappings::rows),
    ("control-plane", control_plane::rows),
    ("admission", admission::rows),
    ("idle", alone::idle),
    ("get-token", get_token::rows),
    ("sizes", alone::sizes),
];

/// Connections and requests in flight of runs over HTTP/2; with HTTP/1.1 there are as many connections as requests.
const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 16;
/// How long lines of the log may take to come.
const LOG_PATIENCE: Duration = Duration::from_secs(10);
/// Of the load generator: the other core is the server's.
const THREADS: usize = 1;

impl Bench {
    fn settings(&self, http: Http, server: u32) -> Settings {
        let all = CONNECTIONS.saturating_mul(IN_FLIGHT);
        let (connections, in_flight) = match http {
            Http::One => (all, 1),
            Http::Two => (CONNECTIONS, IN_FLIGHT),
        };
        Settings {
            connections,
            in_flight,
            threads: THREADS,
            warm_up: self.warm_up,
            length: Length::For(self.length),
            server: Some(server),
            ..Settings::default()
        }
    }
}

/// A run whose every answer has to be good.
fn good_run(what: &str, settings: &Settings, target: &Target, source: Source) -> Result<Outcome> {
    run(settings, target, source)?.all_good(what)
}

/// One figure of each round's two outcomes.
fn figures(rounds: &[(Outcome, Outcome)], figure: impl Fn(&Outcome) -> f64) -> Compared {
    let pairs: Vec<(f64, f64)> = rounds.iter().map(|(one, other)| (figure(one), figure(other))).collect();
    Compared::new(&pairs)
}

/// The first one's figures alone.
fn firsts(rounds: &[(Outcome, Outcome)], figure: impl Fn(&Outcome) -> f64) -> Series {
    Series::new(rounds.iter().map(|(one, _)| figure(one)))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// CPU seconds of the server for 1,000 answers.
fn cpu(outcome: &Outcome) -> f64 {
    outcome.server_cpu().unwrap_or(f64::NAN)
}

/// The most memory that the server had by then, in MiB.
fn peak(outcome: &Outcome) -> f64 {
    outcome.server.map_or(f64::NAN, |used| mib(used.peak))
}

/// Fails a run whose reviews left no line each in the log: it would have been measured without. `lines` counts those that
/// were there before too.
fn logged(lines: impl Fn() -> u64, before: u64, outcome: Outcome) -> Result<Outcome> {
    let start = Instant::now();
    loop {
        let written = lines().saturating_sub(before);
        if written >= outcome.good {
            return Ok(outcome);
        }
        // The last lines are under way still.
        if start.elapsed() > LOG_PATIENCE {
            let reason = format!("{written} lines for {} reviews: is it off?", outcome.good);
            return Err(Error::because("the log of decisions", reason));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
