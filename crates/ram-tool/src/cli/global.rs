//! Flags that every command takes.

use clap::Args;

use super::values::parse_bool;
use crate::cluster_id::ClusterId;

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
