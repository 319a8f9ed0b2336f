//! `rbac`: which RAM users and roles have rights in a cluster, and taking them away from those who are gone.
//!
//! ACK names RAM users and roles in RBAC by their RAM id: subjects of kind User called `ID` or `ID-SUFFIX`.

mod api_server;
mod backup;
mod bindings;
mod cleanup;
mod clusters;
mod directory;
mod kubeconfig;
mod report;
mod scan;
mod session;

use clap::{Args, Subcommand};

use crate::error::Error;
use crate::flags::parse_bool;
use crate::log::Log;
use crate::output::OutputFlags;
use crate::settings::Settings;
use crate::world::World;

/// Below `rbac`.
#[derive(Debug, Subcommand)]
pub(crate) enum RbacCommand {
    /// List the RBAC bindings of RAM users and roles in a cluster, or in all clusters with -c all
    ScanUserPermissions(ScanFlags),
    /// Take a RAM user's or role's RBAC bindings and certificate away, in a cluster or, with -c all, in each that is confirmed; backups go to ./CLUSTER first
    CleanupUserPermissions(CleanupFlags),
}

// `scan-user-permissions`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct ScanFlags {
    /// Only this RAM id; 0 is any [default: those who are deleted from RAM]
    #[arg(short = 'u', long, value_name = "UID")]
    pub(crate) user_id: Option<u64>,
    /// All RAM users and roles, not only those who are deleted from RAM
    #[arg(short = 'A', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_parser = parse_bool, value_name = "BOOL")]
    pub(crate) all_users: bool,
    #[command(flatten)]
    pub(crate) way: WayFlags,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

// `cleanup-user-permissions`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct CleanupFlags {
    /// The RAM id whose permissions are to be taken away
    #[arg(short = 'u', long, value_name = "UID")]
    pub(crate) user_id: Option<u64>,
    #[command(flatten)]
    pub(crate) way: WayFlags,
    #[command(flatten)]
    pub(crate) output: OutputFlags,
}

// How the API server is reached. Not a doc comment: clap would show it in place of the command's own.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct WayFlags {
    /// Reach the API server at its address inside the VPC
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_parser = parse_bool, value_name = "BOOL")]
    pub(crate) private_address: bool,
}

/// Runs one of them. What is printed is printed here, because a question comes after the listing that it is about.
pub(crate) fn run(
    command: &RbacCommand,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<String, Error> {
    match command {
        RbacCommand::ScanUserPermissions(flags) => scan::run(flags, settings, world, log),
        RbacCommand::CleanupUserPermissions(flags) => cleanup::run(flags, settings, world, log),
    }
}
