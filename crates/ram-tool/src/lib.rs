//! `ack-ram-tool`: kubectl's credential plugin for clusters whose API server asks `ack-ram-authenticator`.
//!
//! Commands, flags, variables, outputs and exit codes are those of the public program of the same name. What a command
//! prints goes to stdout, everything else to stderr, one line each.

mod cli;
mod cluster_id;
mod commands;
mod credentials;
mod error;
mod exec_credential;
mod log;
mod platform;
mod settings;
mod world;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use cli::{Arguments, Command, CredentialPlugin};
use commands::{get_kubeconfig, get_token, version};
pub use error::Error;
use log::Log;
use settings::Settings;
pub use world::World;

/// Runs the program: writes to stdout and stderr, and says how it ends. 0: done, or help shown; 1: every error.
pub fn main(arguments: impl IntoIterator<Item = OsString>, world: &World<'_>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if !error.use_stderr() => return print(&error.to_string(), world),
        Err(error) if cli::is_bare_group(&error) => return print(&error.to_string(), world),
        Err(error) => return fail(&Error::Usage { detail: cli::one_line(&error) }, world),
    };
    match run(&arguments, world) {
        Ok(output) => print(&output, world),
        Err(error) => fail(&error, world),
    }
}

/// Runs a command and gives what it prints.
fn run(arguments: &Arguments, world: &World<'_>) -> Result<String, Error> {
    let settings = Settings::resolve(&arguments.global, world)?;
    let log = Log::start(settings.level, world);
    match &arguments.command {
        Command::Version => Ok(version::text()),
        Command::GetKubeconfig(flags) | Command::CredentialPlugin(CredentialPlugin::GetKubeconfig(flags)) => {
            get_kubeconfig::run(flags, &settings, world)
        }
        Command::CredentialPlugin(CredentialPlugin::GetToken(flags)) => {
            get_token::run(flags, &settings, world, &log)
        }
    }
}

fn print(output: &str, world: &World<'_>) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(output.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(source) => fail(&Error::Print { source }, world),
    }
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
            now: &|| jiff::Timestamp::UNIX_EPOCH,
            nonce: &|| panic!("version 2 has no nonce"),
            argument_zero: "ack-ram-tool",
        };
        let words = ["ack-ram-tool", "credential-plugin", "get-token", "--cluster-id", "c1"];
        let arguments = Arguments::try_parse_from(words).unwrap();
        let printed = run(&arguments, &world).unwrap();
        assert!(printed.contains("1970-01-01T00:10:00Z"), "{printed}");
    }
}
