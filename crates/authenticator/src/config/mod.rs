//! What `server` and `init` run with, merged from flags, configuration file, environment and defaults, in this order
//! of precedence. Only [`file::read`] touches the disk; merging is a pure function.

mod arguments;
pub mod file;
mod server;
mod serving;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

pub use arguments::{GlobalArguments, HealthAddress, InitArguments, ServerArguments};
pub(crate) use server::sts_of;
pub use server::{ServerConfig, server};
pub use serving::{ServingArguments, ServingConfig};

use crate::hostname::Hostname;
use file::FileConfig;

/// The port of the public program.
pub const DEFAULT_PORT: u16 = 21362;
/// Where the public program writes the webhook kubeconfig.
pub const DEFAULT_KUBECONFIG: &str = "/etc/kubernetes/ack-ram-authenticator/kubeconfig.yaml";
/// Where the public program keeps its certificate.
pub const DEFAULT_STATE_DIR: &str = "/var/ack-ram-authenticator";

const DEFAULT_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const DEFAULT_HOSTNAME: &str = "localhost";

/// What the environment adds.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `STS_REGION`: stands for `--region` where neither flag nor file gives one.
    pub sts_region: Option<String>,
}

/// Why there is no configuration. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or understood.
    #[error(transparent)]
    File(#[from] file::FileError),
    /// No cluster ID anywhere.
    #[error("no cluster ID: give --cluster-id (-i), or clusterID in the configuration file")]
    NoClusterId,
    /// A cluster ID with blanks or control characters, or too long.
    #[error(
        "the cluster ID {0:?} is not one: write up to 128 letters, digits, dots, hyphens and underscores"
    )]
    ClusterId(String),
    /// Not an IP address.
    #[error("{name} is {value:?}, which is not an IP address; write one as in 127.0.0.1")]
    Address {
        /// The flag or key.
        name: &'static str,
        /// What it holds.
        value: String,
    },
    /// Neither a DNS name nor an IP address.
    #[error("{name} is {value:?}, which is neither a DNS name nor an IP address")]
    Hostname {
        /// The flag or key.
        name: &'static str,
        /// What it holds.
        value: String,
    },
    /// A region that cannot be part of a host name.
    #[error("{name}: {source}")]
    Region {
        /// The flag, key or variable.
        name: &'static str,
        /// What is wrong.
        source: openapi::sts::EndpointError,
    },
    /// A backend list that the mappings do not take.
    #[error("{name}: {reason}")]
    Backends {
        /// The flag or key.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// `--token-versions` names something else.
    #[error("--token-versions is {0:?}: write v1, v2 or v1,v2")]
    TokenVersions(String),
    /// A file name is empty.
    #[error("{0} is empty: write a path")]
    EmptyPath(&'static str),
}

/// What `init` runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitConfig {
    /// For the certificate.
    pub address: IpAddr,
    /// For certificate and kubeconfig.
    pub hostname: Hostname,
    /// For the kubeconfig.
    pub port: u16,
    /// Where the server looks for its certificate; only named in the instructions.
    pub state_dir: PathBuf,
    /// Where the server would write the kubeconfig; only named in the instructions.
    pub kubeconfig: PathBuf,
    /// Whether the API server is to have a client certificate.
    pub client_certificate: bool,
}

/// Merges what `init` needs.
///
/// # Errors
/// [`ConfigError`]; `init` asks for a cluster ID though it writes none, as the public program does.
pub fn init(
    global: &GlobalArguments,
    arguments: &InitArguments,
    file: &FileConfig,
) -> Result<InitConfig, ConfigError> {
    cluster_ids(global, file)?;
    Ok(InitConfig {
        address: address(&[
            ("--address", arguments.address.as_ref()),
            ("server.address", file.server.address.as_ref()),
        ])?,
        hostname: hostname(&[
            ("--hostname", arguments.hostname.as_ref()),
            ("server.hostname", file.server.hostname.as_ref()),
        ])?,
        port: file.server.port.unwrap_or(DEFAULT_PORT),
        state_dir: file.server.state_dir.as_ref().map_or_else(|| DEFAULT_STATE_DIR.into(), PathBuf::from),
        kubeconfig: file
            .server
            .generate_kubeconfig
            .as_ref()
            .map_or_else(|| DEFAULT_KUBECONFIG.into(), PathBuf::from),
        client_certificate: arguments.client_certificate,
    })
}

pub(crate) fn cluster_ids(global: &GlobalArguments, file: &FileConfig) -> Result<Vec<String>, ConfigError> {
    let given = match global.cluster_id.as_slice() {
        [] => file.cluster_id.as_slice(),
        flags => flags,
    };
    let mut ids: Vec<String> = Vec::new();
    for id in given.iter().filter(|id| !id.is_empty()) {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if id.len() > 128 || !id.chars().all(plain) {
            return Err(ConfigError::ClusterId(id.chars().take(128).collect()));
        }
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    if ids.is_empty() { Err(ConfigError::NoClusterId) } else { Ok(ids) }
}

/// The first value that is given, with the name of its flag or key.
type Given<'a> = (&'static str, Option<&'a String>);

fn first<'a>(given: &[Given<'a>]) -> Option<(&'static str, &'a str)> {
    given.iter().find_map(|(name, value)| value.map(|value| (*name, value.as_str())))
}

fn address(given: &[Given<'_>]) -> Result<IpAddr, ConfigError> {
    match first(given) {
        None => Ok(DEFAULT_ADDRESS),
        Some((name, value)) => {
            value.parse().map_err(|_| ConfigError::Address { name, value: value.chars().take(128).collect() })
        }
    }
}

fn hostname(given: &[Given<'_>]) -> Result<Hostname, ConfigError> {
    let (name, value) = first(given).unwrap_or(("server.hostname", DEFAULT_HOSTNAME));
    Hostname::parse(value)
        .ok_or_else(|| ConfigError::Hostname { name, value: value.chars().take(128).collect() })
}
