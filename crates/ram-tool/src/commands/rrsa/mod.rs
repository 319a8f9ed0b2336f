//! `rrsa`: RAM roles for service accounts, so that a pod has a RAM role and no key.
//!
//! The cluster signs a token for each pod, RAM knows the cluster's issuer as an OIDC identity provider, and the trust policy
//! of a role says which service account may have it.

mod associate_role;
mod association;
mod assume_role;
mod change;
mod demo;
mod disable;
mod enable;
mod identity_provider;
mod install_helper_addon;
mod self_managed;
mod session;
mod setup_addon;
mod status;
mod tasks;
mod trust_policy;

use clap::Subcommand;

use crate::Done;
use crate::error::{Error, RrsaError};
use crate::log::Log;
use crate::settings::Settings;
use crate::world::World;

/// Below `rrsa`.
#[derive(Debug, Subcommand)]
pub(crate) enum RrsaCommand {
    /// Let a service account of a cluster assume a RAM role: adds it to the role's trust policy, which is shown first
    AssociateRole(associate_role::AssociateRoleFlags),
    /// Exchange an OIDC token for temporary credentials of a RAM role, and print them
    AssumeRole(assume_role::AssumeRoleFlags),
    /// List the account's clusters every 30 seconds, with the credentials of the pod that this runs in
    Demo(demo::DemoFlags),
    /// Disable RRSA: the cluster's tokens are no longer good for RAM roles
    Disable(disable::DisableFlags),
    /// Enable RRSA for a cluster of ACK, or with --self-managed for any other
    Enable(enable::EnableFlags),
    /// Install ack-pod-identity-webhook in a cluster of ACK
    InstallHelperAddon,
    /// Make the RAM role of an add-on, with its policy
    SetupAddon(setup_addon::SetupAddonFlags),
    /// Whether RRSA is enabled for a cluster, and which identity provider it has; with --self-managed, -r, -n, -s or --pod,
    /// what is broken on the way to a role
    Status(status::StatusFlags),
}

/// Runs one of them.
pub(crate) fn run(
    command: &RrsaCommand,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    let done = match command {
        RrsaCommand::AssociateRole(flags) => associate_role::run(flags, settings, world, log),
        RrsaCommand::AssumeRole(flags) => assume_role::run(flags, settings, world, log),
        RrsaCommand::Demo(flags) => demo::run(flags, settings, world, log),
        RrsaCommand::Disable(flags) => disable::run(flags, settings, world, log),
        RrsaCommand::Enable(flags) => enable::run(flags, settings, world, log),
        RrsaCommand::InstallHelperAddon => install_helper_addon::run(settings, world, log),
        RrsaCommand::SetupAddon(flags) => setup_addon::run(flags, settings, world, log),
        RrsaCommand::Status(flags) => status::run(flags, settings, world, log),
    };
    done.map_err(|error| match (error, settings.cluster_id()) {
        (Error::Api(source), Ok(id)) if source.is_code("ErrorClusterNotFound") => {
            RrsaError::NoCluster { cluster: id.to_string(), source: Box::new(source) }.into()
        }
        (error, _) => error,
    })
}
