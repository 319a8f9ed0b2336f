//! Flags that every command takes.

use clap::Args;

use super::values::{CredentialType, parse_bool};
use crate::cluster_id::ClusterId;
use crate::log::Level;

const CONNECTION: &str = "Where to ask";
const CREDENTIALS: &str = "Credentials";
const GENERAL: &str = "General";

/// Flags that may stand anywhere, before the command too.
#[derive(Debug, Default, Args)]
pub(crate) struct GlobalFlags {
    /// The cluster's id
    #[arg(short = 'c', long, global = true, value_name = "ID")]
    pub(crate) cluster_id: Option<ClusterId>,

    /// Assume this RAM role first, acs:ram::ACCOUNT-ID:role/NAME
    #[arg(long, global = true, help_heading = CREDENTIALS, value_name = "ARN")]
    pub(crate) role_arn: Option<String>,
    /// File with credentials: aliyun CLI's where the name ends in .json, else ini; no other place is looked at [env: ACK_RAM_TOOL_PROFILE_FILE]
    #[arg(long, global = true, help_heading = CREDENTIALS, value_name = "FILE")]
    pub(crate) profile_file: Option<String>,
    /// Profile in that file [env: ACK_RAM_TOOL_PROFILE_NAME, ALIBABA_CLOUD_PROFILE] [default: the file's current one]
    #[arg(long, global = true, help_heading = CREDENTIALS, value_name = "NAME")]
    pub(crate) profile_name: Option<String>,
    /// Where credentials come from: auto looks in the documented order, imds (or ecs-role) asks the ECS metadata service alone [env: ACK_RAM_TOOL_CREDENTIAL_TYPE] [default: auto]
    #[arg(long, global = true, help_heading = CREDENTIALS, value_parser = CredentialType::parse, value_name = "TYPE")]
    pub(crate) credential_type: Option<CredentialType>,
    /// Do not take credentials from the environment [env: ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS]
    #[arg(long, global = true, help_heading = CREDENTIALS, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_bool, value_name = "BOOL")]
    pub(crate) ignore_env_credentials: Option<bool>,
    /// Do not take credentials from aliyun CLI's file [env: ACK_RAM_TOOL_IGNORE_ALIYUN_CLI_CREDENTIALS]
    #[arg(long, global = true, help_heading = CREDENTIALS, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_bool, value_name = "BOOL")]
    pub(crate) ignore_aliyun_cli_credentials: Option<bool>,

    /// Region whose endpoints are asked, for example cn-hangzhou [env: ACK_RAM_TOOL_REGION_ID]
    #[arg(long, global = true, help_heading = CONNECTION, value_name = "REGION")]
    pub(crate) region_id: Option<String>,
    /// STS to ask [env: ACK_RAM_TOOL_STS_ENDPOINT, ALIBABA_CLOUD_STS_ENDPOINT] [default: the region's, else sts.aliyuncs.com]
    #[arg(long, global = true, help_heading = CONNECTION, value_name = "HOST[:PORT]")]
    pub(crate) sts_endpoint: Option<String>,
    /// Container Service to ask [env: ACK_RAM_TOOL_CS_ENDPOINT, CS_ENDPOINT] [default: the region's, else cs.aliyuncs.com]
    #[arg(long, global = true, help_heading = CONNECTION, value_name = "HOST[:PORT]")]
    pub(crate) cs_endpoint: Option<String>,
    /// RAM to ask [env: ACK_RAM_TOOL_RAM_ENDPOINT, RAM_ENDPOINT] [default: ram.aliyuncs.com]
    #[arg(long, global = true, help_heading = CONNECTION, value_name = "HOST[:PORT]")]
    pub(crate) ram_endpoint: Option<String>,

    /// Answer yes to every question [env: ACK_RAM_TOOL_ASSUME_YES]
    #[arg(short = 'y', long, global = true, help_heading = GENERAL, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_bool, value_name = "BOOL")]
    pub(crate) assume_yes: Option<bool>,
    /// Least important messages that are shown: debug, info, warn, error [env: ACK_RAM_TOOL_LOG_LEVEL] [default: info]
    #[arg(long, global = true, help_heading = GENERAL, value_parser = Level::parse, value_name = "LEVEL")]
    pub(crate) log_level: Option<Level>,
    /// Show what is done, like --log-level debug [env: ACK_RAM_TOOL_VERBOSE]
    #[arg(short = 'v', long, global = true, help_heading = GENERAL, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = parse_bool, value_name = "BOOL")]
    pub(crate) verbose: Option<bool>,
}
