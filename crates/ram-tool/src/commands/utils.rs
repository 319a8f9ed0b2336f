//! `utils`: small tests of what this program stands on.

use std::time::Duration;

use clap::{Args, Subcommand};
use signature::format_timestamp;

use crate::Done;
use crate::error::Error;
use crate::flags::CredentialType;
use crate::log::Log;
use crate::settings::Settings;
use crate::world::World;
use crate::{credentials, network};

const PAUSE: Duration = Duration::from_secs(30);

/// Below `utils`.
#[derive(Debug, Subcommand)]
pub(crate) enum Utils {
    /// Get credentials from the ECS metadata service, and ask STS who they are for, every 30 seconds
    TestEcsMetadata(TestFlags),
}

// `utils test-ecs-metadata`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct TestFlags {
    /// Once, not every 30 seconds
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", hide_default_value = true, value_parser = crate::flags::parse_bool, value_name = "BOOL")]
    no_loop: bool,
}

pub(crate) fn run(
    command: &Utils,
    mut settings: Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    let Utils::TestEcsMetadata(flags) = command;
    // The metadata service is what is tested: no other place counts.
    settings.credential_type = CredentialType::Metadata("imds");
    loop {
        match test(&settings, world, log) {
            Ok(()) if flags.no_loop => return Ok(Done::default()),
            Err(error) if flags.no_loop => return Err(error),
            Ok(()) => {}
            Err(error) => crate::log::write_error(&error.to_string(), world),
        }
        std::thread::sleep(PAUSE);
    }
}

fn test(settings: &Settings, world: &World<'_>, log: &Log<'_>) -> Result<(), Error> {
    let credentials = credentials::get(settings, world, log)?;
    let client = network::sts(settings, world)?;
    let (principal, _) =
        network::run("asking STS", world, client.get_caller_identity(&credentials, (world.now)()))??;
    let end = credentials.expiration.map_or_else(|| "an unknown time".to_owned(), format_timestamp);
    log.info(&format!(
        "the ECS metadata service gave {} until {end}; STS: {}",
        credentials.access_key_id,
        principal.arn()
    ));
    Ok(())
}
