//! Measures everything, prints one table, and writes it to `report.json`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bench::rig::Programs;
use bench::row::{Aim, Row};
use bench::rows::{Bench, GROUPS};
use bench::{Error, Result, report};
use clap::Parser;

/// Measures the programs beside their references, prints one table, and writes target/bench/report.json. An aim that is
/// missed is a row that says so; exit status 1 means that something could not be measured.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Groups of rows to measure: generator, same-token, new-token, burst, mappings, control-plane, admission, idle, get-token, sizes [default: all]
    #[arg(value_name = "GROUP", value_parser = clap::builder::PossibleValuesParser::new(GROUPS.map(|(name, _)| name)))]
    groups: Vec<String>,
    /// Folder of the built programs [default: that of this one]
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// How often each pair is measured, in turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measured run
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Requests of a run with new tokens
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(10..))]
    count: u64,
    /// Tokens of the burst, asked about three times each
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(2..))]
    tokens: u64,
    /// How often get-token is run
    #[arg(long, default_value_t = 300)]
    processes: usize,
    /// Numbers of mappings that are held against one
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 100_000])]
    mappings: Vec<usize>,
}

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything could be measured.
fn measure(arguments: &Arguments) -> Result<bool> {
    if cfg!(debug_assertions) {
        eprintln!("bench: built with the dev profile: its figures mean nothing (make bench)");
    }
    let own = own_folder()?;
    let target = own.parent().map(PathBuf::from).unwrap_or_default();
    let programs = match &arguments.programs {
        // They are started in folders of their own.
        Some(folder) => folder.canonicalize().map_err(Error::file("find", folder))?,
        None => own,
    };
    let mut all = true;
    let mut rows = Vec::new();
    for (name, group) in GROUPS {
        if !arguments.groups.is_empty() && !arguments.groups.iter().any(|wanted| wanted == name) {
            continue;
        }
        eprintln!("bench: measuring {name}");
        // A folder of its own for each group: certificates and configurations of one are not another's.
        let folder = tempfile::tempdir().map_err(Error::failed("making a scratch folder"))?;
        let bench = Bench {
            programs: Programs::in_folder(&programs),
            static_programs: target.join(format!("{}-unknown-linux-musl/release", std::env::consts::ARCH)),
            folder: folder.path().to_owned(),
            rounds: arguments.rounds.max(1),
            warm_up: Duration::from_secs(1),
            length: Duration::from_secs(arguments.seconds),
            count: arguments.count,
            processes: arguments.processes.max(1),
            mappings: arguments.mappings.clone(),
            tokens: arguments.tokens,
            control_plane: target.join("debug/bench-control-plane"),
        };
        match group(&bench) {
            Ok(measured) => rows.extend(measured),
            Err(error) => {
                all = false;
                rows.push(Row::not_measured(name, "", Aim::None, &error.to_string()));
            }
        }
    }
    let mut stdout = std::io::stdout();
    stdout.write_all(report::table(&rows).as_bytes()).map_err(Error::failed("writing to stdout"))?;
    let path = target.join("bench/report.json");
    report::write(&rows, &path)?;
    eprintln!("bench: written to {}", path.display());
    Ok(all)
}

fn own_folder() -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(Error::failed("finding this program"))?;
    Ok(own.parent().map(PathBuf::from).unwrap_or_default())
}
