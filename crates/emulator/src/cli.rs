//! The command line of `ram-emulator`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use serde_json::json;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, ConfigError};
use crate::emulator::{Emulator, StartError};

/// A local STS for development and tests: the keys in its config file sign requests, as real ones do.
#[derive(Parser)]
#[command(name = "ram-emulator", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT; prints one line of JSON with the addresses and the CA file when ready.
    Serve(ServeArgs),
}

#[derive(Args)]
struct ServeArgs {
    /// The accounts, users, roles and keys there are (YAML).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Loopback address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the CA is kept; without it a new one is made and removed at the end.
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The region whose host names the certificate is good for.
    #[arg(long, value_name = "REGION", default_value = "cn-hangzhou")]
    region: String,
    /// Serve the config's `metadata` and `credentialsUri` over plain HTTP here: a loopback address, or
    /// 100.100.100.200:80 inside a network namespace that has it.
    #[arg(long, value_name = "ADDRESS:PORT")]
    metadata_listen: Option<SocketAddr>,
    /// Serve a CONNECT proxy to the emulator's own host names here, a loopback address: for clients that take no
    /// endpoint but HTTPS_PROXY.
    #[arg(long, value_name = "ADDRESS:PORT")]
    proxy_listen: Option<SocketAddr>,
}

#[derive(Debug, Error)]
enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

/// Runs the program with these arguments, the first of which is its name. Exit status 0, or 1 after one line on
/// standard error that says what was wrong.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return if error.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(error) => return fail(&one_line(&error)),
    };
    let Command::Serve(args) = cli.command;
    match serve(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(message: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "ram-emulator: {message}");
    ExitCode::FAILURE
}

/// What clap has to say, without usage and hints.
fn one_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "the subcommand is missing: ram-emulator serve --config FILE".to_owned();
    }
    let text = error.render().to_string();
    let problem = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = problem.split_whitespace().collect();
    let line = words.join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    format!("{line} (see ram-emulator serve --help)")
}

fn serve(args: ServeArgs) -> Result<(), ServeError> {
    let config = Config::read(&args.config)?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Fails when a caller in the same process has set logging up, which then stays.
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false).try_init();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?
        .block_on(serve_until_signalled(config, args))
}

async fn serve_until_signalled(config: Config, args: ServeArgs) -> Result<(), ServeError> {
    // Before the ready line: whoever reads it may send a signal at once.
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let mut builder = Emulator::builder(config).listen(args.listen).region(&args.region);
    if let Some(path) = args.state_dir {
        builder = builder.state_dir(path);
    }
    if let Some(address) = args.metadata_listen {
        builder = builder.metadata_listen(address);
    }
    if let Some(address) = args.proxy_listen {
        builder = builder.proxy_listen(address);
    }
    let emulator = builder.start().await?;
    announce(&emulator).map_err(ServeError::Output)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    emulator.shutdown().await;
    Ok(())
}

fn announce(emulator: &Emulator) -> io::Result<()> {
    let ca = std::path::absolute(emulator.ca_file())?;
    let mut line = json!({"endpoint": emulator.endpoint(), "ca": ca.to_string_lossy()});
    let beside = [
        ("metadata", emulator.metadata_endpoint()),
        ("credentialsUri", emulator.credentials_uri()),
        ("proxy", emulator.proxy_url()),
    ];
    if let Some(fields) = line.as_object_mut() {
        let given = beside.into_iter().filter_map(|(name, url)| Some((name.to_owned(), url?.into())));
        fields.extend(given);
    }
    let mut stdout = io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
