//! The end-to-end tests: what users and administrators do, on a real control plane.
//!
//! `cargo test -p e2e --test e2e -- FILTER` runs those whose name contains the filter. Three run side by side
//! (`--test-threads N` for another number), each on a rig of its own, which it has for itself alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod rigs;
mod scenarios;

use std::process::ExitCode;
use std::sync::Arc;

use e2e::rig::Rig;
use libtest_mimic::{Arguments, Failed, Trial};
use rigs::Rigs;

/// What a scenario ends with: `?` takes every error that can be displayed.
type Outcome = Result<(), Failed>;

/// Rigs side by side: scenarios wait more than they compute.
const RIGS: usize = 3;

fn main() -> ExitCode {
    if let Some(code) = e2e::guard::run_if_asked() {
        return code;
    }
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut arguments = Arguments::from_args();
    let limit = arguments.test_threads.unwrap_or(RIGS).max(1);
    arguments.test_threads = Some(limit);
    let rigs = Arc::new(Rigs::new(limit));
    let alone = scenarios::all().into_iter().map(|(name, scenario)| {
        let rigs = Arc::clone(&rigs);
        Trial::test(name, move || {
            let rig = rigs.take()?;
            rigs.timed(name, || run(&rig, scenario))
        })
    });
    let last = scenarios::last().into_iter().map(|(name, scenario)| {
        let rigs = Arc::clone(&rigs);
        Trial::test(name, move || {
            let all = rigs.take_all()?;
            rigs.timed(name, || all.iter().try_for_each(|rig| run(rig, scenario)))
        })
    });
    let trials: Vec<Trial> = alone.chain(last).collect();
    if !arguments.list && trials.iter().any(|trial| !arguments.is_filtered_out(trial)) {
        // Where one cannot be started none can: said once, and not by each scenario.
        if let Err(error) = rigs.take() {
            eprintln!("e2e: {error}");
            return ExitCode::FAILURE;
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    rigs.end(conclusion.has_failed());
    conclusion.exit_code()
}

fn run(rig: &Rig, scenario: fn(&Rig) -> Outcome) -> Outcome {
    // Where the last one panicked, its panic is what failed.
    let _ = rig.authenticator().ensure_running();
    scenario(rig)?;
    // A program under test that has died is this scenario's fault.
    rig.check_pod_identity()?;
    Ok(rig.authenticator().ensure_running()?)
}
