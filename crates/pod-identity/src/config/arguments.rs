//! Flags of `server`; those that decide about pods are flags of `explain` too.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tracing::Level;
use webhook_server::flags::{boolean, lifetime, log_level, time, time_limit};

/// Headings in the help.
const INJECTION: &str = "What pods get";
const CLUSTER: &str = "API server";
const LISTENING: &str = "Listening";
const CERTIFICATES: &str = "Certificates";
const LOG: &str = "Log";

/// As Container Service's documentation of `ack-pod-identity-webhook` has them.
const AUDIENCE: &str = "sts.aliyuncs.com";
const TOKEN_MOUNT_PATH: &str = "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens";
const TOKEN_EXPIRATION: u32 = 3600;

/// Flags that decide what pods get.
#[derive(Args, Clone, Debug)]
pub struct ComponentArguments {
    /// Configuration file, .yaml, .yml or .json: its keys are the names of these flags, as in clusterID; flags win
    #[arg(short = 'c', long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// ID of the cluster, for the ARN of its identity provider. Needed, unless --oidc-provider-arn is given
    #[arg(help_heading = INJECTION, long, value_name = "ID")]
    pub cluster_id: Option<String>,
    /// ID of the Alibaba Cloud account of roles that are given by their name. Needed
    #[arg(help_heading = INJECTION, long, value_name = "ID")]
    pub account_id: Option<String>,
    /// Region of the cluster, for the variables about STS; none: they are left out
    #[arg(help_heading = INJECTION, long, value_name = "REGION")]
    pub region: Option<String>,
    /// Give pods the region's STS inside the VPC (ALIBABA_CLOUD_STS_REGION, _STS_ENDPOINT, _VPC_ENDPOINT_ENABLED), where
    /// --region is given. Turn it off outside Alibaba Cloud: there is no such host
    #[arg(help_heading = INJECTION, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = boolean)]
    pub sts_variables: bool,
    /// ARN of the identity provider [default: acs:ram::<account>:oidc-provider/ack-rrsa-<cluster>]
    #[arg(help_heading = INJECTION, long, value_name = "ARN")]
    pub oidc_provider_arn: Option<String>,
    /// Audience of tokens: the client ID of the identity provider
    #[arg(help_heading = INJECTION, long, value_name = "TEXT", default_value = AUDIENCE)]
    pub audience: String,
    /// Folder of the token in containers
    #[arg(help_heading = INJECTION, long, value_name = "PATH", default_value = TOKEN_MOUNT_PATH)]
    pub token_mount_path: String,
    /// Lifetime of tokens in seconds, 600 to 43200, where neither namespace nor service account nor pod says another
    #[arg(help_heading = INJECTION, long, value_name = "SECONDS", default_value_t = TOKEN_EXPIRATION, value_parser = clap::value_parser!(u32).range(600..=43200))]
    pub default_token_expiration: u32,
}

impl Default for ComponentArguments {
    /// As a command line without any of them.
    fn default() -> Self {
        ComponentArguments {
            config: None,
            cluster_id: None,
            account_id: None,
            region: None,
            sts_variables: true,
            oidc_provider_arn: None,
            audience: AUDIENCE.to_owned(),
            token_mount_path: TOKEN_MOUNT_PATH.to_owned(),
            default_token_expiration: TOKEN_EXPIRATION,
        }
    }
}

/// What becomes of a pod that should have its role and cannot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// It is created without, with a warning.
    #[default]
    Admit,
    /// It is refused, with the reason.
    Deny,
}

/// Flags of `server`.
#[derive(Args, Clone, Debug)]
pub struct ServerArguments {
    /// What pods get.
    #[command(flatten)]
    pub component: ComponentArguments,
    /// A pod whose namespace or service account cannot be read within 2 s: admit it without a role, with a warning, or
    /// deny it
    #[arg(help_heading = INJECTION, long, value_name = "CHOICE", default_value = "admit")]
    pub on_lookup_failure: Choice,
    /// A pod that cannot have the role its service account names (a role that is none, a volume or mount in the way):
    /// admit it without, with a warning, or deny it
    #[arg(help_heading = INJECTION, long, value_name = "CHOICE", default_value = "admit")]
    pub on_fault: Choice,
    /// Where the API server reaches this server, over TLS
    #[arg(help_heading = LISTENING, long, value_name = "ADDR:PORT", default_value = "0.0.0.0:8443", value_parser = address)]
    pub listen: Listening,
    /// Where to answer /healthz, /livez and /readyz in plain HTTP; none or empty: nowhere
    #[arg(help_heading = LISTENING, long, value_name = "ADDR:PORT", value_parser = health_address)]
    pub health_address: Option<HealthAddress>,
    /// Listen beside another process of the same user that was started with this flag too, for upgrades without a gap
    #[arg(help_heading = LISTENING, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub reuse_port: bool,
    /// Open connections to the TLS port; one more is reset
    #[arg(help_heading = LISTENING, long, value_name = "NUMBER", default_value = "1024", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_connections: u32,
    /// On SIGTERM, time for going on as before, but not ready, until nobody is sent here any more
    #[arg(help_heading = LISTENING, long, value_name = "TIME", default_value = "0s", value_parser = delay)]
    pub shutdown_delay: Duration,
    /// After that, time for answering what is under way
    #[arg(help_heading = LISTENING, long, value_name = "TIME", default_value = "15s", value_parser = time_limit)]
    pub shutdown_grace_period: Duration,
    /// Answer reviews of clients alone that show a certificate of an authority in this PEM file, which is read again when it
    /// changes: API servers show one where their admission configuration names it. None: whoever reaches the port is answered
    #[arg(help_heading = LISTENING, long, value_name = "FILE")]
    pub client_ca_file: Option<PathBuf>,
    /// Serve this PEM file (chain, leaf first), kept current by somebody else; none: the server makes its own
    /// certificates, and keeps them and their authority in a Secret
    #[arg(help_heading = CERTIFICATES, long, value_name = "FILE")]
    pub tls_cert_file: Option<PathBuf>,
    /// The key of that certificate
    #[arg(help_heading = CERTIFICATES, long, value_name = "FILE")]
    pub tls_private_key_file: Option<PathBuf>,
    /// Service by which the API server reaches this server, for own certificates
    #[arg(help_heading = CERTIFICATES, long, value_name = "NAME", default_value = crate::version::PROGRAM, value_parser = object_name)]
    pub service: String,
    /// Another host name or address in own certificates, for a webhook configuration with a url. May be repeated
    #[arg(help_heading = CERTIFICATES, long, value_name = "NAME", action = clap::ArgAction::Append, value_parser = host_name)]
    pub hostname: Vec<String>,
    /// Secret of own certificates, in the server's namespace
    #[arg(help_heading = CERTIFICATES, long, value_name = "NAME", default_value = "ack-pod-identity-webhook-certificates", value_parser = object_name)]
    pub secret: String,
    /// MutatingWebhookConfiguration whose caBundle is looked after
    #[arg(help_heading = CERTIFICATES, long, value_name = "NAME", default_value = crate::version::PROGRAM, value_parser = object_name)]
    pub webhook_configuration: String,
    /// How long an own certificate lives; it is made anew after two thirds of this
    #[arg(help_heading = CERTIFICATES, long, value_name = "TIME", default_value = "2160h", value_parser = lifetime)]
    pub certificate_lifetime: Duration,
    /// How long the authority of own certificates lives; its successor comes after two thirds of this
    #[arg(help_heading = CERTIFICATES, long, value_name = "TIME", default_value = "26280h", value_parser = lifetime)]
    pub authority_lifetime: Duration,
    /// How long two authorities are trusted side by side, before and after a change
    #[arg(help_heading = CERTIFICATES, long, value_name = "TIME", default_value = "10m", value_parser = overlap)]
    pub authority_overlap: Duration,
    /// Kubeconfig for the API server [default: the pod's service account]
    #[arg(help_heading = CLUSTER, long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of the server's own objects (Secret, Lease, Service) [default: the pod's own, else that of the
    /// kubeconfig's context]
    #[arg(help_heading = CLUSTER, long, value_name = "NAME", value_parser = object_name)]
    pub namespace: Option<String>,
    /// Write an Event on the controller of a pod that should have its role and does not
    #[arg(help_heading = CLUSTER, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = boolean)]
    pub write_events: bool,
    /// Log.
    #[command(flatten)]
    pub log: LogArguments,
}

/// Flags about the log.
#[derive(Args, Clone, Debug)]
pub struct LogArguments {
    /// Format of the log on stderr: text or json
    #[arg(help_heading = LOG, short = 'l', long, value_name = "FORMAT", default_value = "text")]
    pub log_format: String,
    /// How much to log: error, warn, info, debug or trace
    #[arg(help_heading = LOG, long, value_name = "LEVEL", default_value = "info", value_parser = log_level)]
    pub log_level: Level,
}

/// Where to listen for reviews.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening(pub SocketAddr);

/// An address to answer health on, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthAddress(pub Option<SocketAddr>);

fn address(text: &str) -> Result<Listening, String> {
    text.parse().map(Listening).map_err(|_| "write ADDRESS:PORT, as in 0.0.0.0:8443 or [::]:8443".to_owned())
}

fn health_address(text: &str) -> Result<HealthAddress, String> {
    if text.is_empty() {
        return Ok(HealthAddress(None));
    }
    text.parse()
        .map(|address| HealthAddress(Some(address)))
        .map_err(|_| "write ADDRESS:PORT, as in 0.0.0.0:8081".to_owned())
}

fn delay(text: &str) -> Result<Duration, String> {
    time(text)
        .filter(|delay| *delay <= Duration::from_secs(3600))
        .ok_or_else(|| "write a time up to 1h, as in 5s".to_owned())
}

fn overlap(text: &str) -> Result<Duration, String> {
    time(text)
        .filter(|overlap| (Duration::from_secs(1)..=Duration::from_secs(30 * 24 * 3600)).contains(overlap))
        .ok_or_else(|| "write a time from 1s to 720h, as in 10m".to_owned())
}

/// Kubernetes documentation, "Object Names and IDs", DNS subdomain names; the stricter ones are among them.
fn object_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        label.starts_with(is_plain)
            && label.ends_with(is_plain)
            && label.len() <= 63
            && label.chars().all(|c| is_plain(c) || c == '-')
    };
    if text.len() <= 253 && text.split('.').all(is_label) {
        Ok(text.to_owned())
    } else {
        Err("write a name of Kubernetes: lower-case letters, digits, hyphens and dots".to_owned())
    }
}

/// A DNS name or an IP address.
fn host_name(text: &str) -> Result<String, String> {
    if text.parse::<std::net::IpAddr>().is_ok() || object_name(&text.to_ascii_lowercase()).is_ok() {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("write a DNS name or an IP address".to_owned())
    }
}
