//! From the command line to an exit status: 0, or 1 with one line on stderr.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use cluster::Clock;
use webhook_server::{flags, logging};

use crate::args::{Arguments, Command};
use crate::commands::explain::{self, ExplainArguments};
use crate::config::file::{self, FileError};
use crate::config::{self, ServerArguments};
use crate::server;
use crate::version::{BUILD, PROGRAM};

/// The crates whose events follow `--log-level`.
const OWN_CRATES: [&str; 4] = ["pod_identity", "cluster", "identity", "webhook_server"];

/// Runs the program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = arguments.into_iter().collect();
    let (arguments, warnings) = match parse(&words) {
        Ok(parsed) => parsed,
        Err(ParseError::Flags(error)) if matches!(error.kind(), ErrorKind::DisplayHelp) => {
            return print(&error.render().to_string());
        }
        Err(ParseError::Flags(error)) => {
            fail(&flags::one_line(&error, &Arguments::command(), &words));
            return usage_status(&words);
        }
        Err(ParseError::File(error)) => {
            fail(&error.to_string());
            return usage_status(&words);
        }
    };
    let result = match arguments.command {
        None => return print(&Arguments::command().render_help().to_string()),
        Some(Command::Version(arguments)) => match BUILD.text(&arguments) {
            Ok(text) => return print(&format!("{text}\n")),
            Err(error) => Err(error.into()),
        },
        Some(Command::Explain(arguments)) => return run_explain(&arguments, &warnings),
        Some(Command::Server(arguments)) => run_server(&arguments, &warnings),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

type AnyError = Box<dyn std::error::Error>;

enum ParseError {
    Flags(clap::Error),
    File(FileError),
}

/// The command line, with the configuration file's keys before its flags, and what the administrator should hear of the
/// file.
fn parse(words: &[OsString]) -> Result<(Arguments, Vec<String>), ParseError> {
    let arguments = Arguments::try_parse_from(words).map_err(ParseError::Flags)?;
    let Some((name, path)) = arguments.config() else { return Ok((arguments, Vec::new())) };
    let root = Arguments::command();
    let (Some(command), Some(server)) = (root.find_subcommand(name), root.find_subcommand("server")) else {
        return Ok((arguments, Vec::new()));
    };
    let in_a_file = if name == "explain" { ExplainArguments::in_a_file() } else { command.clone() };
    let from_file =
        file::read(path).and_then(|file| file.flags(&in_a_file, server)).map_err(ParseError::File)?;
    let warnings = from_file
        .unknown
        .iter()
        .map(|key| {
            format!(
                "configuration file: nobody reads the key {key}: keys are names of flags in one word, as in clusterID"
            )
        })
        .collect();
    let words = file::merged(words, command, from_file);
    let arguments = Arguments::try_parse_from(words).map_err(ParseError::Flags)?;
    Ok((arguments, warnings))
}

fn run_server(arguments: &ServerArguments, warnings: &[String]) -> Result<(), AnyError> {
    let _log = logging::start(&arguments.log.log_format, arguments.log.log_level, &OWN_CRATES);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let config = config::server(arguments)?;
    // One thread would be stopped by one slow moment, so two, on the smallest machine too.
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let clock = Clock::system();
    let result = runtime
        .block_on(webhook_server::signals::run_until_signal(|shutdown| server::run(config, clock, shutdown)));
    // Tasks that wait on a dead network are not waited for.
    runtime.shutdown_background();
    Ok(result?)
}

fn run_explain(arguments: &ExplainArguments, warnings: &[String]) -> ExitCode {
    for warning in warnings {
        fail(warning);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    let report = runtime.block_on(explain::run(arguments));
    runtime.shutdown_background();
    if print(&report.stdout) != ExitCode::SUCCESS {
        return ExitCode::FAILURE;
    }
    for line in &report.stderr {
        fail(line);
    }
    ExitCode::from(report.status)
}

/// 1 is an answer of `explain`, so that what keeps it from answering is 2.
fn usage_status(words: &[OsString]) -> ExitCode {
    if words.get(1).is_some_and(|word| word == "explain") { ExitCode::from(2) } else { ExitCode::FAILURE }
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
    let _ = writeln!(std::io::stderr(), "{PROGRAM}: {line}");
    ExitCode::FAILURE
}
