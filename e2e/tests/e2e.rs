//! The end-to-end tests: what users and administrators do, on a real control plane.
//!
//! `cargo test -p e2e --test e2e -- FILTER` runs those whose name contains the filter. They share
//! one rig and run one after another.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod scenarios;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use e2e::rig::Rig;
use libtest_mimic::{Arguments, Failed, Trial};

/// What a scenario ends with: `?` takes every error that can be displayed.
type Outcome = Result<(), Failed>;

/// The rig, there while scenarios run.
type Shared = Arc<Mutex<Option<Rig>>>;

fn main() -> ExitCode {
    if let Some(code) = e2e::guard::run_if_asked() {
        return code;
    }
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut arguments = Arguments::from_args();
    // Scenarios stop what others need, and share two cores with a control plane.
    arguments.test_threads = Some(1);
    let shared = Shared::default();
    let trials = scenarios::all().into_iter().map(|(name, scenario)| {
        let shared = Arc::clone(&shared);
        Trial::test(name, move || run(&shared, scenario))
    });
    let trials: Vec<Trial> = trials.collect();
    if !arguments.list && trials.iter().any(|trial| !arguments.is_filtered_out(trial)) {
        match Rig::start() {
            Ok(rig) => *shared.lock().unwrap() = Some(rig),
            Err(error) => {
                eprintln!("e2e: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    end(&shared, conclusion.has_failed());
    conclusion.exit_code()
}

fn run(shared: &Shared, scenario: fn(&Rig) -> Outcome) -> Outcome {
    let rig = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let rig = rig.as_ref().ok_or("the rig was not started")?;
    // Where the last one panicked, its panic is what failed.
    let _ = rig.authenticator().ensure_running();
    scenario(rig)?;
    // A program under test that has died is this scenario's fault.
    Ok(rig.authenticator().ensure_running()?)
}

/// Ends every process; logs stay only when something failed.
fn end(shared: &Shared, has_failed: bool) {
    let rig = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(rig) = rig else { return };
    if has_failed {
        eprintln!("logs are kept in {}", rig.run().logs().display());
    } else {
        rig.run().forget_logs();
    }
}
