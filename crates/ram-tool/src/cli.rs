//! Commands and flags, as the public `ack-ram-tool` has them.

use std::path::PathBuf;

use clap::error::{ContextKind, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cluster_id::ClusterId;

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

/// Flags that may stand anywhere.
#[derive(Debug, Default, Args)]
pub(crate) struct GlobalFlags {
    /// Answer yes to every question [env: ACK_RAM_TOOL_ASSUME_YES]
    #[arg(short = 'y', long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_bool, value_name = "BOOL")]
    pub(crate) assume_yes: Option<bool>,
    /// Region whose endpoints are asked, for example cn-hangzhou [env: ACK_RAM_TOOL_REGION_ID]
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region_id: Option<String>,
    /// STS to ask, HOST[:PORT] [env: ACK_RAM_TOOL_STS_ENDPOINT, ALIBABA_CLOUD_STS_ENDPOINT] [default: the region's, else sts.aliyuncs.com]
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    pub(crate) sts_endpoint: Option<String>,
    /// Do not take credentials from the environment [env: ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS]
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_bool, value_name = "BOOL")]
    pub(crate) ignore_env_credentials: Option<bool>,
    /// Least important messages that are shown: debug, info, warn, error [env: ACK_RAM_TOOL_LOG_LEVEL] [default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// Show what is done, like --log-level debug [env: ACK_RAM_TOOL_VERBOSE]
    #[arg(short = 'v', long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_bool, value_name = "BOOL")]
    pub(crate) verbose: Option<bool>,
    /// The cluster's id
    #[arg(short = 'c', long, global = true, value_name = "ID")]
    pub(crate) cluster_id: Option<ClusterId>,
    /// Assume this RAM role first, acs:ram::ACCOUNT-ID:role/NAME
    #[arg(long, global = true, value_name = "ARN")]
    pub(crate) role_arn: Option<String>,
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

/// `get-token`.
#[derive(Debug, Args)]
pub(crate) struct TokenFlags {
    /// Version of the ExecCredential; what KUBERNETES_EXEC_INFO asks for wins
    #[arg(long, value_enum, default_value_t = ApiVersion::V1beta1, value_name = "VERSION")]
    pub(crate) api_version: ApiVersion,
    /// Form of the token: v2, or v1 for servers of before July 2024
    #[arg(long, value_enum, default_value_t = TokenVersion::V2, value_name = "VERSION")]
    pub(crate) token_version: TokenVersion,
}

/// `get-kubeconfig`.
#[derive(Debug, Args)]
pub(crate) struct KubeconfigFlags {
    /// How to log in: ram-authenticator-token (or token); certificate comes in a later version
    #[arg(short = 'm', long, default_value = "cert", value_name = "MODE")]
    pub(crate) mode: String,
    /// Address of the API server, https://HOST[:PORT]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// PEM file with the CA that the API server's certificate is signed by
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate_authority: Option<PathBuf>,
    /// Version of the ExecCredential that kubectl asks for
    #[arg(long, value_enum, default_value_t = ApiVersion::V1beta1, value_name = "VERSION")]
    pub(crate) api_version: ApiVersion,
    /// Form of the tokens: v2, or v1 for servers of before July 2024
    #[arg(long, value_enum, default_value_t = TokenVersion::V2, value_name = "VERSION")]
    pub(crate) token_version: TokenVersion,
}

/// Version of `client.authentication.k8s.io`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ApiVersion {
    V1,
    V1beta1,
}

impl ApiVersion {
    /// `client.authentication.k8s.io/v1`.
    pub(crate) fn group_version(self) -> &'static str {
        match self {
            Self::V1 => "client.authentication.k8s.io/v1",
            Self::V1beta1 => "client.authentication.k8s.io/v1beta1",
        }
    }

    /// As the flag spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V1beta1 => "v1beta1",
        }
    }
}

/// Form of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenVersion {
    V1,
    V2,
}

/// A boolean in the spellings of Go's `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

/// A command that is a group, and nothing after it: help is the answer, and no fault.
pub(crate) fn is_bare_group(error: &clap::Error) -> bool {
    matches!(error.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand)
}

/// clap's message without its usage lines and hints, in one line.
pub(crate) fn one_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(name) = error.get(ContextKind::InvalidSubcommand)
    {
        return format!(
            "there is no command {name:?}; ack-ram-tool --help lists them",
            name = name.to_string()
        );
    }
    let text = error.to_string();
    let lines = text.trim_start_matches("error: ").lines().map(str::trim);
    let message: Vec<&str> =
        lines.take_while(|line| !line.is_empty() && !line.starts_with("Usage:")).collect();
    format!("{}; ack-ram-tool --help lists the flags", message.join(" "))
}
