//! From the command line to an exit status: 0, or 1 with one line on stderr.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use cluster::Clock;
use webhook_server::version::VersionArguments;
use webhook_server::{flags, logging, signals};

use crate::args::{Arguments, Command};
use crate::commands::add::AddArguments;
use crate::commands::doctor::{self, DoctorArguments};
use crate::commands::verify::VerifyArguments;
use crate::commands::{add, explain, health, init, lint, verify};
use crate::config::file::{self, FileConfig};
use crate::config::{self, Environment, GlobalArguments, InitArguments, ServerArguments};
use crate::server;
use crate::version::BUILD;

/// The crates whose events follow `--log-level`.
const OWN_CRATES: [&str; 7] =
    ["authenticator", "cluster", "identity", "openapi", "resource", "token", "webhook_server"];

/// Runs the program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let words = arguments.clone();
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return print(&error.render().to_string());
        }
        Err(error) => {
            fail(&flags::one_line(&error, &Arguments::command(), &words));
            return lint::usage_status(&words);
        }
    };
    let Arguments { global, command } = arguments;
    let result = match command {
        None => return print(&Arguments::command().render_help().to_string()),
        Some(Command::Version(arguments)) => return print_version(&arguments),
        Some(Command::Init(arguments)) => run_init(&global, &arguments),
        Some(Command::Server(arguments)) => run_server(&global, &arguments),
        Some(Command::Health(arguments)) => match health::ask(&arguments) {
            Ok(text) => return print(&format!("{text}\n")),
            Err(error) => Err(error.into()),
        },
        Some(Command::Doctor(arguments)) => match run_doctor(&global, &arguments) {
            Ok((text, doctor::State::Fail)) => {
                print(&text);
                return ExitCode::FAILURE;
            }
            Ok((text, _)) => return print(&text),
            Err(error) => Err(error),
        },
        Some(Command::Explain(arguments)) => {
            return run_check(&global, explain::run(&arguments, global.config.as_deref()));
        }
        Some(Command::Lint(arguments)) => {
            return run_check(&global, lint::run(&arguments, global.config.as_deref()));
        }
        Some(Command::Verify(arguments)) => match run_verify(&global, &arguments) {
            Ok(text) => return print(&format!("{text}\n")),
            Err(error) => Err(error),
        },
        Some(Command::Add(arguments)) => match run_add(&global, &arguments) {
            Ok(text) => return print(&text.unwrap_or_default()),
            Err(error) => Err(error),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

type AnyError = Box<dyn std::error::Error>;

fn run_init(global: &GlobalArguments, arguments: &InitArguments) -> Result<(), AnyError> {
    let file = read_file(global)?;
    let config = config::init(global, arguments, &file)?;
    let _log = start_log(global);
    Ok(init::run(&config, Path::new("."), Clock::system().now())?)
}

fn run_server(global: &GlobalArguments, arguments: &ServerArguments) -> Result<(), AnyError> {
    let file = read_file(global)?;
    let config = config::server(global, arguments, &file, &environment())?;
    let _log = start_log(global);
    // One thread would be stopped by one slow moment, as of building an index; so two, on the smallest machine too.
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let clock = Clock::system();
    let result = runtime.block_on(signals::run_until_signal(|shutdown| server::run(config, clock, shutdown)));
    // Tasks that wait on a dead network are not waited for.
    runtime.shutdown_background();
    Ok(result?)
}

fn run_verify(global: &GlobalArguments, arguments: &VerifyArguments) -> Result<String, AnyError> {
    let file = read_file(global)?;
    let cluster_ids = config::cluster_ids(global, &file)?;
    let _log = start_log(global);
    let now = Clock::system().now();
    Ok(one_task(verify::run(cluster_ids, arguments, &file, &environment(), now))??)
}

fn run_doctor(
    global: &GlobalArguments,
    arguments: &DoctorArguments,
) -> Result<(String, doctor::State), AnyError> {
    let file = read_file(global)?;
    let _log = start_log(global);
    let report = one_task(doctor::run(global, arguments, &file, &environment(), &Clock::system()))?;
    let text = if arguments.output == "json" { report.json() } else { report.text() };
    Ok((text, report.state()))
}

fn run_add(global: &GlobalArguments, arguments: &AddArguments) -> Result<Option<String>, AnyError> {
    let _log = start_log(global);
    Ok(one_task(add::run(arguments))??)
}

/// For commands whose exit status says what they found.
fn run_check(global: &GlobalArguments, check: impl Future<Output = lint::Outcome>) -> ExitCode {
    let log = start_log(global);
    let outcome = one_task(check);
    // Before what this function says itself.
    drop(log);
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return fail(&error.to_string()),
    };
    if print(&outcome.stdout) == ExitCode::FAILURE {
        return ExitCode::from(2);
    }
    if let Some(line) = outcome.stderr {
        fail(&line);
    }
    ExitCode::from(outcome.status)
}

/// For commands that do one thing and end.
fn one_task<F: Future>(task: F) -> std::io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let output = runtime.block_on(task);
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    Ok(output)
}

fn environment() -> Environment {
    Environment { sts_region: std::env::var("STS_REGION").ok() }
}

fn read_file(global: &GlobalArguments) -> Result<FileConfig, file::FileError> {
    global.config.as_deref().map_or_else(|| Ok(FileConfig::default()), file::read)
}

fn start_log(global: &GlobalArguments) -> logging::Log {
    logging::start(&global.log_format, global.log_level, &OWN_CRATES)
}

fn print_version(arguments: &VersionArguments) -> ExitCode {
    match BUILD.text(arguments) {
        Ok(text) => print(&format!("{text}\n")),
        Err(line) => {
            let _ = writeln!(std::io::stderr(), "{line}");
            ExitCode::SUCCESS
        }
    }
}

/// The only writer on stdout.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(line: &str) -> ExitCode {
    // Foreign text in an error could bring a line feed with it.
    let line = line.split(['\n', '\r']).map(str::trim).collect::<Vec<_>>().join(" ");
    let _ = writeln!(std::io::stderr(), "ack-ram-authenticator: {line}");
    ExitCode::FAILURE
}
