//! `rrsa disable`.

use clap::Args;

use super::change::{self, Change};
use super::self_managed;
use crate::Done;
use crate::error::Error;
use crate::log::Log;
use crate::settings::Settings;
use crate::world::World;

// `rrsa disable`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct DisableFlags {
    #[command(flatten)]
    self_managed: self_managed::SelfManagedFlags,
}

pub(super) fn run(
    flags: &DisableFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    if flags.self_managed.self_managed {
        return self_managed::disable::run(&flags.self_managed, settings, world, log);
    }
    flags.self_managed.none_in_vain(&[])?;
    change::run(Change::Disable, settings, world, log)
}
