//! `rrsa enable`.

use clap::Args;

use super::change::{self, Change};
use super::self_managed;
use crate::Done;
use crate::error::Error;
use crate::log::Log;
use crate::settings::Settings;
use crate::world::World;

// `rrsa enable`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct EnableFlags {
    #[command(flatten)]
    pub(super) self_managed: self_managed::SelfManagedFlags,
    #[command(flatten)]
    pub(super) issuer: self_managed::enable::IssuerFlags,
}

pub(super) fn run(
    flags: &EnableFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    if flags.self_managed.self_managed {
        return self_managed::enable::run(flags, settings, world, log);
    }
    flags.self_managed.none_in_vain(&flags.issuer.given())?;
    change::run(Change::Enable, settings, world, log)
}
