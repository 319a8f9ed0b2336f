//! `ack-ram-tool`: kubectl's credential plugin for clusters whose API server asks `ack-ram-authenticator`.
//!
//! Commands, flags, variables, outputs and exit codes are those of the public program of the same name. What a command
//! prints goes to stdout, everything else to stderr, one line each.

mod cache;
mod certificate;
mod cli;
mod cluster_id;
mod commands;
mod container_service;
mod credentials;
mod error;
mod exec_credential;
mod flags;
mod kubeconfig;
mod log;
mod message;
mod network;
mod output;
mod paths;
mod platform;
mod progress;
mod serve;
mod settings;
mod terminal;
mod visible;
mod world;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory as _;

use cli::{Arguments, Auth, Command, CredentialPlugin};
use commands::{
    completion, export_credentials, get_credential, get_kubeconfig, get_token, rbac, rrsa, utils, version,
    whoami,
};
pub use error::Error;
use log::Log;
pub use platform::{ProgramAnswer, Reply};
use settings::Settings;
pub use world::World;

/// Runs the program: writes to stdout and stderr, and says how it ends. 0: done, help shown, or declined; 1: every error;
/// else that of the command that `export-credentials` ran.
pub fn main(arguments: impl IntoIterator<Item = OsString>, world: &World<'_>) -> ExitCode {
    let arguments = match cli::parse(arguments) {
        Ok(arguments) => arguments,
        Err(error) if !error.use_stderr() => return print(&Done::from(error.to_string()), world),
        Err(error) if cli::is_bare_group(&error) => return print(&Done::from(error.to_string()), world),
        Err(error) => return fail(&Error::Usage { detail: cli::one_line(&error) }, world),
    };
    match run(&arguments, world) {
        Ok(done) => print(&done, world),
        Err(error) => fail(&error, world),
    }
}

/// The command line, for man pages.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// What a command that went well leaves.
#[derive(Debug, Default)]
struct Done {
    /// What goes to stdout.
    output: String,
    /// The exit status.
    code: u8,
}

impl From<String> for Done {
    fn from(output: String) -> Self {
        Self { output, code: 0 }
    }
}

impl Done {
    /// Nothing to print, and this exit status.
    fn code(code: u8) -> Self {
        Self { output: String::new(), code }
    }
}

/// Runs a command.
fn run(arguments: &Arguments, world: &World<'_>) -> Result<Done, Error> {
    let command = &arguments.command;
    if world.is_credential_plugin() && !command.is_for_credential_plugins() {
        return Err(Error::NotForPlugins);
    }
    let settings = Settings::resolve(&arguments.global, world)?;
    let log = Log::start(settings.level, world);
    let warn = |text: &str| log.warn(text);
    let alert = |text: &str| log.alert(text);
    let world = &World { warn: &warn, alert: &alert, ..*world };
    match command {
        Command::Auth(Auth::Whoami(flags)) => whoami::run(flags, &settings, world, &log),
        Command::Completion(shell) => Ok(completion::run(shell, Arguments::command()).into()),
        Command::CredentialPlugin(CredentialPlugin::GetCredential(flags)) => {
            get_credential::run(flags, &settings, world, &log).map(Done::from)
        }
        Command::CredentialPlugin(CredentialPlugin::GetToken(flags)) => {
            get_token::run(flags, &settings, world, &log).map(Done::from)
        }
        Command::GetKubeconfig(flags) | Command::CredentialPlugin(CredentialPlugin::GetKubeconfig(flags)) => {
            get_kubeconfig::run(flags, &settings, world, &log).map(Done::from)
        }
        Command::ExportCredentials(flags) => export_credentials::run(flags, &settings, world, &log),
        Command::Rbac(command) => rbac::run(command, &settings, world, &log).map(Done::from),
        Command::Rrsa(command) => rrsa::run(command, &settings, world, &log),
        Command::Utils(command) => utils::run(command, settings, world, &log),
        Command::Version => Ok(version::text().into()),
    }
}

fn print(done: &Done, world: &World<'_>) -> ExitCode {
    match write_stdout(&done.output) {
        Ok(()) => ExitCode::from(done.code),
        Err(error) => fail(&error, world),
    }
}

/// Writes to stdout at once: for commands that ask about what they have shown.
fn write_stdout(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|source| Error::Print { source })
}

fn fail(error: &Error, world: &World<'_>) -> ExitCode {
    log::write_error(&error.to_string(), world);
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn get_token_reads_no_file_when_the_keys_are_at_hand() {
        let variable = |name: &str| match name {
            "ALIBABA_CLOUD_ACCESS_KEY_ID" => Some("LTAIalice".to_owned()),
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET" => Some("secret".to_owned()),
            _ => None,
        };
        let world = World {
            variable: &variable,
            variables: &Vec::new,
            read_file: &|path| panic!("read {}", path.display()),
            write_file: &|path, _| panic!("write {}", path.display()),
            run_program: &|program| panic!("run {}", program.name),
            ask_program: &|program| panic!("run {}", program.name),
            lock: &|path| panic!("lock {}", path.display()),
            ask: &|question| panic!("ask {question}"),
            now: &|| jiff::Timestamp::UNIX_EPOCH,
            nonce: &|| panic!("version 2 has no nonce"),
            ..World::of_this_process("ack-ram-tool")
        };
        let words = ["ack-ram-tool", "credential-plugin", "get-token", "--cluster-id", "c1"];
        let arguments = cli::parse(words.map(OsString::from)).unwrap();
        let printed = run(&arguments, &world).unwrap().output;
        assert!(printed.contains("1970-01-01T00:10:00Z"), "{printed}");
    }
}
