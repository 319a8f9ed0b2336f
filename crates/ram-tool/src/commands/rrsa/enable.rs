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
    issuer: self_managed::enable::IssuerFlags,
}

pub(super) fn run(
    flags: &EnableFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    let issuer = &flags.issuer;
    if issuer.self_managed.self_managed {
        return self_managed::enable::run(issuer, settings, world, log);
    }
    issuer.self_managed.none_in_vain(&issuer.given())?;
    change::run(Change::Enable, settings, world, log)
}
