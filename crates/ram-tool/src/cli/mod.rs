//! Commands and flags, as the public `ack-ram-tool` has them. What a command takes stands beside what it does.

mod global;
mod usage;
mod values;

use clap::{Parser, Subcommand};

use crate::commands::get_kubeconfig::KubeconfigFlags;
use crate::commands::get_token::TokenFlags;

pub(crate) use global::GlobalFlags;
pub(crate) use usage::{is_bare_group, one_line};
pub(crate) use values::{ApiVersion, TokenVersion, parse_bool};

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
    /// What kubectl calls, and the kubeconfigs that make it do so
    #[command(subcommand, arg_required_else_help = true)]
    CredentialPlugin(CredentialPlugin),
    /// Print a kubeconfig that lets kubectl log in through this program
    GetKubeconfig(KubeconfigFlags),
    /// Print the version
    Version,
}

/// Below `credential-plugin`.
#[derive(Debug, Subcommand)]
pub(crate) enum CredentialPlugin {
    /// Print a token for ack-ram-authenticator, as an ExecCredential
    GetToken(TokenFlags),
    /// Print a kubeconfig that lets kubectl log in through this program
    GetKubeconfig(KubeconfigFlags),
}
