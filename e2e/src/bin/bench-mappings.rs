//! How soon a thousand mappings count: from the moment at which `kubectl apply` of all of them
//! returns to the first review that lets the last one in, on the real control plane.
//!
//! Prints figures; nothing is passed or failed by them.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use e2e::burst;
use e2e::cloud::{BURST, burst_user};
use e2e::mapping::Mapping;
use e2e::rig::Rig;
use e2e::{Error, Result};

const ROUNDS: usize = 3;
const DEADLINE: Duration = Duration::from_secs(600);

fn main() -> ExitCode {
    if let Some(code) = e2e::guard::run_if_asked() {
        return code;
    }
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-mappings: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<()> {
    let rig = Rig::start()?;
    say("mappings            kubectl apply   last one counts after");
    for round in 1..=ROUNDS {
        measure(&rig, "exact", &burst::exact(&format!("exact-{round}")))?;
        measure(&rig, "patterns", &burst::patterns(&format!("pattern-{round}")))?;
    }
    rig.run().forget_logs();
    Ok(())
}

fn measure(rig: &Rig, kind: &str, mappings: &[Mapping]) -> Result<()> {
    let last = BURST.saturating_sub(1);
    let token = rig.person(burst_user(last))?.token(rig, &[])?;
    let client = rig.authenticator().client()?;
    let counts = || -> Result<bool> {
        let status = burst::review(rig, &client, &token)?;
        Ok(status.pointer("/user/username").is_some_and(|name| *name == burst::username(last)))
    };
    if counts()? {
        let what = "measuring mappings".to_owned();
        return Err(Error::Answer { what, reason: "the last one counts already".to_owned() });
    }
    let applying = Instant::now();
    let burst = burst::apply(rig, mappings)?;
    let applied = applying.elapsed();
    let returned = Instant::now();
    while !counts()? {
        if returned.elapsed() > DEADLINE {
            let what = "the last mapping to count".to_owned();
            return Err(Error::Deadline { what, waited: DEADLINE });
        }
    }
    let counted = returned.elapsed();
    say(&format!(
        "{} {kind:<14} {:>8.1} s      {:>8.1} ms",
        mappings.len(),
        applied.as_secs_f64(),
        counted.as_secs_f64() * 1000.0
    ));
    drop(burst);
    let deleted = Instant::now();
    while counts()? && deleted.elapsed() < DEADLINE {}
    Ok(())
}

/// Figures go to stdout.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
