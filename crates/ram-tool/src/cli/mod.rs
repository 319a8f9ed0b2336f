//! Commands and flags, as the public `ack-ram-tool` has them. What a command takes stands beside what it does.

mod parse;
mod usage;

use clap::{Parser, Subcommand};

use crate::commands::completion::Completion;
use crate::commands::export_credentials::ExportFlags;
use crate::commands::get_credential::CredentialFlags;
use crate::commands::get_kubeconfig::KubeconfigFlags;
use crate::commands::get_token::TokenFlags;
use crate::commands::rbac::RbacCommand;
use crate::commands::rrsa::RrsaCommand;
use crate::commands::utils::Utils;
use crate::commands::whoami::WhoamiFlags;
use crate::flags::GlobalFlags;

pub(crate) use parse::parse;
pub(crate) use usage::{is_bare_group, one_line};

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "ack-ram-tool",
    bin_name = "ack-ram-tool",
    about = "RAM and RRSA helper for Kubernetes on Alibaba Cloud, and kubectl's credential plugin",
    disable_version_flag = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalFlags,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Who the credentials belong to
    #[command(subcommand, arg_required_else_help = true)]
    Auth(Auth),
    /// Print a script that lets a shell complete commands and flags
    #[command(subcommand, arg_required_else_help = true)]
    Completion(Completion),
    /// What kubectl calls, and the kubeconfigs that make it do so
    #[command(subcommand, arg_required_else_help = true)]
    CredentialPlugin(CredentialPlugin),
    /// Print the credentials for other programs, run a command with them, or serve them
    ExportCredentials(ExportFlags),
    /// Print a kubeconfig that lets kubectl log in through this program
    GetKubeconfig(KubeconfigFlags),
    /// Who of RAM has rights in a cluster, and taking them away
    #[command(subcommand, arg_required_else_help = true)]
    Rbac(RbacCommand),
    /// RAM roles for service accounts: a pod has a RAM role, and no key
    #[command(subcommand, arg_required_else_help = true)]
    Rrsa(RrsaCommand),
    /// Small tests of what this program stands on
    #[command(subcommand, arg_required_else_help = true)]
    Utils(Utils),
    /// Print the version
    Version,
}

impl Command {
    /// Whether a kubeconfig may make kubectl run it. A kubeconfig can come from a stranger, and kubectl's allowlist of
    /// plugins knows this program, not its commands: others print keys, start programs, or write files.
    pub(crate) fn is_for_credential_plugins(&self) -> bool {
        matches!(
            self,
            Self::CredentialPlugin(CredentialPlugin::GetCredential(_) | CredentialPlugin::GetToken(_))
                | Self::Version
        )
    }
}

/// Below `auth`.
#[derive(Debug, Subcommand)]
pub(crate) enum Auth {
    /// Ask STS who the credentials belong to; with --cluster-id, what that cluster would be told
    Whoami(WhoamiFlags),
}

/// Below `credential-plugin`.
#[derive(Debug, Subcommand)]
#[allow(clippy::enum_variant_names)] // the commands are called so
pub(crate) enum CredentialPlugin {
    /// Print a client certificate that ACK issues, as an ExecCredential
    GetCredential(CredentialFlags),
    /// Print a token for ack-ram-authenticator, as an ExecCredential
    GetToken(TokenFlags),
    /// Print a kubeconfig that lets kubectl log in through this program
    GetKubeconfig(KubeconfigFlags),
}
