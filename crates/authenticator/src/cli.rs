//! From the command line to an exit status: 0, or 1 with one line on stderr.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use webhook_server::logging;

use crate::args::{self, Arguments, Command, GlobalArguments, InitArguments, ServerArguments};
use crate::clock::Clock;
use crate::config::file::{self, FileConfig};
use crate::config::{self, Environment};
use crate::{init, server, version};

/// The crates whose events follow `--log-level`.
const OWN_CRATES: [&str; 6] = ["authenticator", "identity", "openapi", "resource", "token", "webhook_server"];

/// Runs the program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return print(&error.render().to_string());
        }
        Err(error) => return fail(&args::one_line(&error)),
    };
    let Arguments { global, command } = arguments;
    let result = match command {
        None => return print(&Arguments::command().render_help().to_string()),
        Some(Command::Version(arguments)) => return print_version(&arguments),
        Some(Command::Init(arguments)) => run_init(&global, &arguments),
        Some(Command::Server(arguments)) => run_server(&global, &arguments),
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
    start_log(global);
    Ok(init::run(&config, Path::new("."), Clock::system().now())?)
}

fn run_server(global: &GlobalArguments, arguments: &ServerArguments) -> Result<(), AnyError> {
    let file = read_file(global)?;
    let environment = Environment { sts_region: std::env::var("STS_REGION").ok() };
    let config = config::server(global, arguments, &file, &environment)?;
    start_log(global);
    // One thread would be stopped by one slow moment, as of building an index; so two, on the smallest machine too.
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let result = runtime.block_on(server::run_until_signal(config, Clock::system()));
    // Tasks that wait on a dead network are not waited for.
    runtime.shutdown_background();
    Ok(result?)
}

fn read_file(global: &GlobalArguments) -> Result<FileConfig, file::FileError> {
    global.config.as_deref().map_or_else(|| Ok(FileConfig::default()), file::read)
}

fn start_log(global: &GlobalArguments) {
    let format = logging::Format::parse(&global.log_format);
    logging::init(format.unwrap_or(logging::Format::Text), global.log_level, &OWN_CRATES);
    if format.is_none() {
        let given = global.log_format.as_str();
        tracing::warn!(given, "--log-format is neither text nor json: taking text");
    }
}

fn print_version(arguments: &args::VersionArguments) -> ExitCode {
    match version::text(arguments) {
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
