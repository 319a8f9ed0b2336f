//! `export-credentials`: this program's credentials for other programs.

mod child;
mod format;
mod serve;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::net::SocketAddr;

use clap::Args;

use crate::Done;
use crate::credentials;
use crate::error::Error;
use crate::log::Log;
use crate::settings::Settings;
use crate::world::World;
use format::ExportFormat;

// `export-credentials`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct ExportFlags {
    /// Who is to read them
    #[arg(short = 'f', long, value_enum, value_name = "FORMAT")]
    format: Option<ExportFormat>,
    /// Answer HTTP requests with them at this loopback address, instead of printing them once. Every user of this
    /// machine can ask there
    #[arg(short = 's', long, value_name = "IP:PORT", value_parser = serve::address, conflicts_with = "command")]
    serve: Option<SocketAddr>,
    /// Command to run with them in its environment, and with no other credentials there; its exit status is this program's
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(crate) fn run(
    flags: &ExportFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    if !flags.command.is_empty() && !matches!(flags.format, None | Some(ExportFormat::Environment)) {
        return Err(Error::CommandFormat);
    }
    let format = flags.format.unwrap_or_default();
    if let Some(address) = flags.serve {
        return serve::run(address, format, settings, world, log);
    }
    let credentials = credentials::get(settings, world, log)?;
    match flags.command.split_first() {
        Some((program, arguments)) => child::run(program, arguments, &credentials),
        None => format.write(&credentials, (world.now)()).map(Done::from),
    }
}
