//! The command line: the public program's flags, and a few more.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use openapi::sts::Endpoint;
use tracing::Level;

use crate::serving::ServingArguments;

use crate::add::AddArguments;
use crate::doctor::DoctorArguments;
use crate::explain::ExplainArguments;
use crate::lint::LintArguments;
use crate::verify::VerifyArguments;

/// The program's name.
const PROGRAM: &str = "ack-ram-authenticator";

/// Feature gates of the public program. Their names are accepted and change nothing.
const FEATURE_GATES: [&str; 4] =
    ["ConfiguredInitDirectories", "RAMIdentityMappingCRD", "AllAlpha", "AllBeta"];

/// Lets people log in to Kubernetes with their Alibaba Cloud RAM identity: a TokenReview webhook for the API server.
#[derive(Debug, Parser)]
#[command(
    name = PROGRAM,
    args_override_self = true,
    disable_version_flag = true,
    disable_help_flag = true,
    max_term_width = 100
)]
pub struct Arguments {
    /// Flags of every command.
    #[command(flatten)]
    pub global: GlobalArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

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

/// Headings in the help of `server` and `doctor`.
const MAPPINGS: &str = "Mappings";
const CLUSTER: &str = "API server";
pub(crate) const LISTENING: &str = "Listening";
pub(crate) const CERTIFICATES: &str = "Certificates and the webhook kubeconfig";
const TOKENS: &str = "Tokens";
pub(crate) const STS: &str = "Calls to STS";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write cert.pem, key.pem and the API server's webhook kubeconfig into the current folder
    Init(InitArguments),
    /// Answer the API server's TokenReviews until SIGTERM
    Server(Box<ServerArguments>),
    /// Ask a running server whether it is ready
    #[command(after_help = "Exit status: 0 ready, else 1, with what is missing.")]
    Health(crate::health::HealthArguments),
    /// Check a token as the server does, and print who signed it
    Verify(VerifyArguments),
    /// Map a RAM user or role in ConfigMap kube-system/alibabacloud-auth (backend ACKConfigMap)
    Add(AddArguments),
    /// Look for what keeps people from logging in, and say what to mend. Takes the server's flags
    #[command(after_help = "Exit status: 0 where nothing fails, else 1.")]
    Doctor(Box<DoctorArguments>),
    /// Say which mapping wins for a RAM identity, why, which others match, and who that is in Kubernetes
    #[command(
        after_help = "Exit status: 0 mapped, 1 not mapped or refused, 2 wrong flags or unreadable input."
    )]
    Explain(Box<ExplainArguments>),
    /// Find what is wrong with mappings, dangerous, or different from the public server
    #[command(
        after_help = "Exit status: 0 no errors, 1 errors (with --strict, warnings too), 2 wrong flags or unreadable input."
    )]
    Lint(Box<LintArguments>),
    /// Print the version
    Version(VersionArguments),
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
    #[arg(help_heading = STS, long, value_name = "TIME", value_parser = duration, default_value = "2s")]
    pub sts_connect_timeout: Duration,
    /// Time for a whole call to STS
    #[arg(help_heading = STS, long, value_name = "TIME", value_parser = duration, default_value = "5s")]
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
    #[arg(help_heading = LISTENING, long, value_name = "TIME", value_parser = duration, default_value = "15s")]
    pub shutdown_grace_period: Duration,
    /// Memory and limits of calls to STS.
    #[command(flatten)]
    pub gate: crate::gate::GateArguments,
    /// Certificates, sockets and limits.
    #[command(flatten)]
    pub serving: ServingArguments,
}

/// An address to listen on, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthAddress(pub Option<SocketAddr>);

/// Flags of `version`.
#[derive(Args, Debug)]
pub struct VersionArguments {
    /// json or yaml
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "json")]
    pub output: String,
    /// The number alone
    #[arg(short = 's', long)]
    pub short: bool,
}

fn log_level(text: &str) -> Result<Level, String> {
    let level = match text {
        "error" => Level::ERROR,
        "warn" => Level::WARN,
        "info" => Level::INFO,
        "debug" => Level::DEBUG,
        "trace" => Level::TRACE,
        _ => return Err("write error, warn, info, debug or trace".to_owned()),
    };
    Ok(level)
}

fn feature_gate(text: &str) -> Result<String, String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=true or NAME=false")?;
    if !FEATURE_GATES.contains(&name.trim()) {
        return Err(format!("there is no such feature gate; known are {}", FEATURE_GATES.join(", ")));
    }
    boolean(value.trim()).map(|_| text.to_owned())
}

/// As Go's flag package reads it, so that what stands in manifests goes on working.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

pub(crate) fn token_query_key(text: &str) -> Result<String, String> {
    token::check_extra_query_key(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

pub(crate) fn sts_endpoint(text: &str) -> Result<Endpoint, String> {
    text.parse().map_err(|error: openapi::sts::EndpointError| error.to_string())
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration =
        text.parse::<jiff::SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    match duration {
        Some(duration) if !duration.is_zero() && duration <= Duration::from_secs(3600) => Ok(duration),
        _ => Err("write a time above 0 and up to 1h, as in 500ms, 5s or 1m30s".to_owned()),
    }
}

fn health_address(text: &str) -> Result<HealthAddress, String> {
    if text.is_empty() {
        return Ok(HealthAddress(None));
    }
    text.parse()
        .map(|address| HealthAddress(Some(address)))
        .map_err(|_| "write IP:PORT, as in 127.0.0.1:21363".to_owned())
}

/// clap's message as one line: its first paragraph, what may have been meant, and where help is. `arguments` is the
/// whole command line.
pub(crate) fn one_line(error: &clap::Error, arguments: &[std::ffi::OsString]) -> String {
    let command = named_command(arguments);
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let kinds: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        let name = command.get_name();
        return format!("{name} alone is not enough: write one of {}; see {name} --help", kinds.join(", "));
    }
    let text = error.render().to_string();
    let paragraph: Vec<&str> =
        text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let line = paragraph.join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    let meant = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| match error.get(kind)? {
            ContextValue::String(name) => Some(name.clone()),
            ContextValue::Strings(names) => names.first().cloned(),
            _ => None,
        });
    let meant = meant.map_or_else(String::new, |name| format!("; did you mean {name}?"));
    match command.get_name() {
        PROGRAM => format!("{line}{meant}; see {PROGRAM} --help"),
        name => format!("{line}{meant}; see {PROGRAM} {name} --help"),
    }
}

/// The command that the line names, by its first word that is one.
fn named_command(arguments: &[std::ffi::OsString]) -> clap::Command {
    let root = Arguments::command();
    let named = arguments.iter().skip(1).find_map(|word| root.find_subcommand(word)).cloned();
    named.unwrap_or(root)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("ack-ram-authenticator").chain(line.split(' ')))
    }

    fn message(line: &str) -> String {
        let words = std::iter::once(PROGRAM).chain(line.split(' ')).map(Into::into).collect::<Vec<_>>();
        one_line(&parse(line).unwrap_err(), &words)
    }

    fn server(line: &str) -> ServerArguments {
        match parse(line).unwrap().command {
            Some(Command::Server(arguments)) => *arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn takes_the_public_programs_flags() {
        let line = "server -c /etc/x.yaml -i c1 -l json --feature-gates AllAlpha=true,RAMIdentityMappingCRD=false -b 0.0.0.0 \
                    --backend-mode CRD,MountedFile --generate-kubeconfig /tmp/k --kubeconfig-pregenerated --port 1 \
                    --region cn-hangzhou --state-dir /tmp/s";
        let arguments = server(line);
        assert_eq!(arguments.backend_mode.unwrap(), ["CRD", "MountedFile"]);
        assert_eq!(arguments.kubeconfig_pregenerated, Some(true));
        assert_eq!(arguments.port, Some(1));
        assert_eq!(server("server --kubeconfig-pregenerated=false").kubeconfig_pregenerated, Some(false));
        assert_eq!(parse("-i c1 server").unwrap().global.cluster_id, ["c1"]);
        assert_eq!(parse("server -i c1 --cluster-id c2").unwrap().global.cluster_id, ["c1", "c2"]);
    }

    #[test]
    fn the_last_of_repeated_flags_counts() {
        assert_eq!(server("server --port 1 --port 2").port, Some(2));
    }

    #[test]
    fn syncs_the_crd_unless_told_not_to() {
        assert!(server("server").sync_crd);
        assert!(server("server --sync-crd").sync_crd);
        assert!(!server("server --sync-crd=false").sync_crd);
    }

    #[test]
    fn an_empty_health_address_means_none() {
        let argument = "--health-address=";
        assert_eq!(server(&format!("server {argument}")).health_address, HealthAddress(None));
        let default = SocketAddr::from(([127, 0, 0, 1], 21363));
        assert_eq!(server("server").health_address, HealthAddress(Some(default)));
    }

    #[test]
    fn errors_are_one_line_that_names_the_flag() {
        for (line, named) in [
            ("server --nonsense", "--nonsense"),
            ("server --port x", "--port"),
            ("server --feature-gates Other=true", "--feature-gates"),
            ("server --feature-gates AllAlpha=maybe", "--feature-gates"),
            ("server --sts-timeout 0s", "--sts-timeout"),
            ("server --max-token-bytes 1000", "--max-token-bytes"),
            ("server --max-token-bytes 65536", "--max-token-bytes"),
            ("server --allow-token-query-key Action", "--allow-token-query-key"),
            ("server --allow-token-query-key a%62", "--allow-token-query-key"),
            ("server --sts-timeout -1s", "-1"),
            ("server --sts-endpoint http://x", "--sts-endpoint"),
            ("server --log-level loud", "--log-level"),
            ("server --health-address localhost", "--health-address"),
            ("frobnicate", "frobnicate"),
            ("server --config", "--config"),
        ] {
            let text = message(line);
            assert!(text.contains(named) && !text.contains('\n'), "{line}: {text}");
        }
    }

    #[test]
    fn errors_say_what_may_have_been_meant_and_where_help_is() {
        for (line, expected) in [
            ("server --prot 1", "did you mean --port?; see ack-ram-authenticator server --help"),
            ("serve", "did you mean server?; see ack-ram-authenticator --help"),
            ("add", "write one of user, role"),
        ] {
            let text = message(line);
            assert!(text.contains(expected), "{line}: {text}");
        }
    }

    #[test]
    fn each_command_has_its_own_flags_apart_from_those_of_every_command() {
        for line in ["add user --help", "server -h", "lint --help", "explain --help"] {
            let help = parse(line).unwrap_err().render().to_string();
            let (own, global) = help.split_once("Flags of every command:").unwrap();
            assert!(global.contains("--cluster-id") && global.contains("--help"), "{line}: {global}");
            assert!(!own.contains("--feature-gates"), "{line}: {own}");
            assert!(!global.contains("--kubeconfig"), "{line}: {global}");
        }
    }
}
