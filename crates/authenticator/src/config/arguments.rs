//! Flags that the configuration is merged from: those of every command, of `init` and of `server`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use openapi::sts::Endpoint;
use tracing::Level;
use webhook_server::flags::{boolean, log_level, time_limit};

use super::serving::ServingArguments;
use crate::flags::{CERTIFICATES, CLUSTER, LISTENING, MAPPINGS, STS, TOKENS, sts_endpoint, token_query_key};
use crate::gate::GateArguments;

/// Feature gates of the public program. Their names are accepted and change nothing.
const FEATURE_GATES: [&str; 4] =
    ["ConfiguredInitDirectories", "RAMIdentityMappingCRD", "AllAlpha", "AllBeta"];

/// Flags of every command, under a heading of their own in each command's help.
#[derive(Args, Debug)]
#[command(next_help_heading = "Flags of every command")]
pub struct GlobalArguments {
    /// Configuration file; its ending tells the format: .yaml, .yml, .json or .toml
    #[arg(short = 'c', long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// ID of the cluster, the one in users' kubeconfigs. Given several times: each of them is accepted
    #[arg(short = 'i', long, global = true, value_name = "ID", action = clap::ArgAction::Append)]
    pub cluster_id: Vec<String>,
    /// Format of the log on stderr: text or json
    #[arg(short = 'l', long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: String,
    /// How much to log: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info", value_parser = log_level)]
    pub log_level: Level,
    /// NAME=true|false,…; the public program's names are accepted, without effect
    #[arg(long, global = true, value_name = "GATES", value_delimiter = ',', value_parser = feature_gate)]
    pub feature_gates: Vec<String>,
    /// Print help
    #[arg(short = 'h', long, global = true, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
}

/// Flags of `init`.
#[derive(Args, Debug, Default)]
pub struct InitArguments {
    /// IP address of the server, for the certificate [default: 127.0.0.1]
    #[arg(long, value_name = "IP")]
    pub address: Option<String>,
    /// Host name by which the API server reaches this server, for certificate and kubeconfig [default: localhost]
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// Make a client certificate too, by which the API server shows who it is, for `server --client-ca-file`
    #[arg(long)]
    pub client_certificate: bool,
}

/// Flags of `server`.
#[derive(Args, Debug, Default)]
pub struct ServerArguments {
    /// Where mappings come from, in order: MountedFile, DynamicFile, ACKConfigMap, CRD [default: MountedFile]
    #[arg(help_heading = MAPPINGS, long, value_name = "MODE,…", value_delimiter = ',')]
    pub backend_mode: Option<Vec<String>>,
    /// IP address to listen on [default: server.address of the configuration, else 127.0.0.1]
    #[arg(help_heading = LISTENING, short = 'b', long, value_name = "IP")]
    pub bind: Option<String>,
    /// Port to listen on; 0 takes any free one [default: 21362]
    #[arg(help_heading = LISTENING, long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Where to write the kubeconfig for --authentication-token-webhook-config-file of the API server
    /// [default: /etc/kubernetes/ack-ram-authenticator/kubeconfig.yaml]
    #[arg(help_heading = CERTIFICATES, long, value_name = "FILE")]
    pub generate_kubeconfig: Option<PathBuf>,
    /// Do not write that kubeconfig
    #[arg(help_heading = CERTIFICATES, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    pub kubeconfig_pregenerated: Option<bool>,
    /// Folder of cert.pem and key.pem, made where they are missing [default: /var/ack-ram-authenticator]
    #[arg(help_heading = CERTIFICATES, long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    /// Ask the STS of this region, through the VPC; none: sts.aliyuncs.com [default: server.region of the
    /// configuration file, else $STS_REGION]
    #[arg(help_heading = STS, long, value_name = "REGION")]
    pub region: Option<String>,
    /// Ask STS here instead of at the region's address
    #[arg(help_heading = STS, long, value_name = "HOST[:PORT]", value_parser = sts_endpoint)]
    pub sts_endpoint: Option<Endpoint>,
    /// PEM file with the authorities to trust for STS, instead of the system's
    #[arg(help_heading = STS, long, value_name = "FILE")]
    pub sts_ca_file: Option<PathBuf>,
    /// Time for connecting to STS
    #[arg(help_heading = STS, long, value_name = "TIME", value_parser = time_limit, default_value = "2s")]
    pub sts_connect_timeout: Duration,
    /// Time for a whole call to STS
    #[arg(help_heading = STS, long, value_name = "TIME", value_parser = time_limit, default_value = "5s")]
    pub sts_timeout: Duration,
    /// Token versions to accept: v1, v2
    #[arg(help_heading = TOKENS, long, value_name = "VERSION,…", value_delimiter = ',', default_value = "v1,v2")]
    pub token_versions: Vec<String>,
    /// Longest token to read, in bytes, its prefix included; 1024 to 49152
    #[arg(help_heading = TOKENS, long, value_name = "BYTES", default_value = "8192", value_parser = clap::value_parser!(u32).range(1024..=49152))]
    pub max_token_bytes: u32,
    /// Accept tokens that carry this query parameter beside the known ones, spelled exactly so. May be repeated
    #[arg(help_heading = TOKENS, long, value_name = "KEY", action = clap::ArgAction::Append, value_parser = token_query_key)]
    pub allow_token_query_key: Vec<String>,
    /// Kubeconfig for reading mappings from the API server [default: server.kubeconfig of the configuration, else the
    /// pod's service account]
    #[arg(help_heading = CLUSTER, long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Create the RAMIdentityMapping CRD where it is missing (with backend CRD); one that is there stays as it is
    #[arg(help_heading = CLUSTER, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = boolean)]
    pub sync_crd: bool,
    /// Write status and Events of RAMIdentityMappings (with backend CRD); of several replicas one does
    #[arg(help_heading = CLUSTER, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = boolean)]
    pub write_status: bool,
    /// Namespace of the Lease that says which replica writes [default: the pod's own, else the kubeconfig context's;
    /// kube-system instead of default]
    #[arg(help_heading = CLUSTER, long, value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// Only the configuration file's mappings count (server.mapRoles, mapUsers, mapAccounts, breakGlass): no other
    /// backend is asked, and the API server is not needed
    #[arg(help_heading = MAPPINGS, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub bootstrap_only: bool,
    /// Let the pattern of a RAMIdentityMapping have wildcards in its account id. Whoever owns any account can then
    /// make a role whose name matches
    #[arg(help_heading = MAPPINGS, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub allow_any_account: bool,
    /// Refuse a login whose RAM id is not the one that the first login of the RAMIdentityMapping had: somebody was
    /// made again under an old name. Without it such a login is only reported
    #[arg(help_heading = MAPPINGS, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub refuse_changed_principals: bool,
    /// Reserve user and group names that begin so, beside system: only a mapping that writes the prefix out itself can
    /// make one. May be repeated
    #[arg(help_heading = MAPPINGS, long, value_name = "PREFIX", action = clap::ArgAction::Append, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub reserved_prefix: Vec<String>,
    /// Where to answer /healthz, /livez and /readyz in plain HTTP; empty: nowhere
    #[arg(help_heading = LISTENING, long, value_name = "IP:PORT", default_value = "127.0.0.1:21363", value_parser = health_address)]
    pub health_address: HealthAddress,
    /// On SIGTERM, time for answering what is under way
    #[arg(help_heading = LISTENING, long, value_name = "TIME", value_parser = time_limit, default_value = "15s")]
    pub shutdown_grace_period: Duration,
    /// Memory and limits of calls to STS.
    #[command(flatten)]
    pub gate: GateArguments,
    /// Certificates, sockets and limits.
    #[command(flatten)]
    pub serving: ServingArguments,
}

/// An address to listen on, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthAddress(pub Option<SocketAddr>);

fn feature_gate(text: &str) -> Result<String, String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=true or NAME=false")?;
    if !FEATURE_GATES.contains(&name.trim()) {
        return Err(format!("there is no such feature gate; known are {}", FEATURE_GATES.join(", ")));
    }
    boolean(value.trim()).map(|_| text.to_owned())
}

fn health_address(text: &str) -> Result<HealthAddress, String> {
    if text.is_empty() {
        return Ok(HealthAddress(None));
    }
    text.parse()
        .map(|address| HealthAddress(Some(address)))
        .map_err(|_| "write IP:PORT, as in 127.0.0.1:21363".to_owned())
}
