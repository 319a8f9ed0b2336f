//! The merge for `server`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use identity::pattern::AnyAccount;
use openapi::sts::Endpoint;
use token::Version;

use super::file::{FileConfig, ServerSection};
use super::serving::ServingConfig;
use super::{
    ConfigError, DEFAULT_KUBECONFIG, DEFAULT_PORT, DEFAULT_STATE_DIR, Environment, Hostname, address,
    cluster_ids, first, hostname,
};
use crate::config::{GlobalArguments, ServerArguments};
use crate::mappings::{self, BackendMode, MapSection};

/// All that `server` runs with.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Accepted cluster IDs, at least one.
    pub cluster_ids: Vec<String>,
    /// Accepted token versions, at least one.
    pub token_versions: Vec<Version>,
    /// Longest token to read, in bytes.
    pub max_token_bytes: usize,
    /// Query parameters that a token may carry beside the known ones.
    pub token_query_keys: Vec<String>,
    /// Where the API server connects; port 0: any free one.
    pub listen: SocketAddr,
    /// An IP name for a self-made certificate.
    pub certificate_address: IpAddr,
    /// A name for a self-made certificate, and the host of the webhook's URL.
    pub hostname: Hostname,
    /// Folder of certificate and key.
    pub state_dir: PathBuf,
    /// Where to write the webhook kubeconfig, if at all.
    pub webhook_kubeconfig: Option<PathBuf>,
    /// Sources of mappings, in order, at least one.
    pub backends: Vec<BackendMode>,
    /// Mappings of the configuration file.
    pub mappings: MapSection,
    /// Options of the backends.
    pub mapping_options: mappings::Options,
    /// Kubeconfig for the API server; none: the pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// Whether status and Events of RAMIdentityMappings are written.
    pub write_status: bool,
    /// Namespace of the Lease; none: the client's own.
    pub lease_namespace: Option<String>,
    /// Where STS is.
    pub sts: Endpoint,
    /// Authorities to trust for STS.
    pub sts_ca_file: Option<PathBuf>,
    /// Time for connecting to STS.
    pub sts_connect_timeout: Duration,
    /// Time for a whole call to STS.
    pub sts_timeout: Duration,
    /// Plain HTTP health, if any.
    pub health: Option<SocketAddr>,
    /// Time for draining.
    pub grace: Duration,
    /// Memory and limits of calls to STS.
    pub gate: crate::gate::Options,
    /// Certificates, sockets and limits.
    pub serving: ServingConfig,
    /// What the administrator should hear about the configuration; one line each.
    pub warnings: Vec<String>,
}

/// Merges flags, file, environment and defaults.
///
/// # Errors
/// [`ConfigError`] names the flag or key.
pub fn server(
    global: &GlobalArguments,
    arguments: &ServerArguments,
    file: &FileConfig,
    environment: &Environment,
) -> Result<ServerConfig, ConfigError> {
    let keys = &file.server;
    let mut warnings: Vec<String> =
        file.unknown.iter().map(|key| format!("configuration file: nobody reads the key {key}")).collect();
    let (backends, deprecated) = backends(arguments, file)?;
    warnings.extend(deprecated);
    if arguments.refuse_changed_principals && !arguments.write_status {
        warnings.push(
            "--refuse-changed-principals with --write-status=false: no id is recorded, so only spec.principalID and \
             ids that were recorded before count"
                .to_owned(),
        );
    }
    let backends = match arguments.bootstrap_only {
        true => bootstrap_only(keys, &mut warnings),
        false => backends,
    };

    let bind: &[_] = &[("--bind", arguments.bind.as_ref()), ("server.address", keys.address.as_ref())];
    let by_name: &[_] = &[("server.address", keys.address.as_ref()), ("--bind", arguments.bind.as_ref())];
    let path = |flag: &Option<PathBuf>, key: &Option<String>| {
        flag.clone().or_else(|| key.as_ref().map(PathBuf::from))
    };

    let pregenerated = arguments.kubeconfig_pregenerated.or(keys.kubeconfig_pregenerated).unwrap_or(false);
    let webhook_kubeconfig = path(&arguments.generate_kubeconfig, &keys.generate_kubeconfig)
        .unwrap_or_else(|| DEFAULT_KUBECONFIG.into());
    let state_dir = path(&arguments.state_dir, &keys.state_dir).unwrap_or_else(|| DEFAULT_STATE_DIR.into());

    Ok(ServerConfig {
        cluster_ids: cluster_ids(global, file)?,
        token_versions: token_versions(&arguments.token_versions)?,
        max_token_bytes: usize::try_from(arguments.max_token_bytes).unwrap_or(usize::MAX),
        token_query_keys: arguments.allow_token_query_key.clone(),
        listen: SocketAddr::new(address(bind)?, arguments.port.or(keys.port).unwrap_or(DEFAULT_PORT)),
        certificate_address: address(by_name)?,
        hostname: hostname(&[("server.hostname", keys.hostname.as_ref())])?,
        state_dir: not_empty("server.stateDir", state_dir)?,
        webhook_kubeconfig: match pregenerated {
            true => None,
            false => Some(not_empty("server.generateKubeconfig", webhook_kubeconfig)?),
        },
        mappings: keys.mappings.clone(),
        mapping_options: mappings::Options {
            sync_crd: arguments.sync_crd,
            dynamic_file: keys.dynamic_file.as_ref().map(PathBuf::from),
            break_glass: keys.break_glass.clone(),
            any_account: match arguments.allow_any_account {
                true => AnyAccount::Allow,
                false => AnyAccount::Refuse,
            },
            refuse_changed_principals: arguments.refuse_changed_principals,
            reserved_prefixes: arguments.reserved_prefix.clone(),
            objects: None,
        },
        backends,
        kubeconfig: path(&arguments.kubeconfig, &keys.kubeconfig).filter(|path| !path.as_os_str().is_empty()),
        write_status: arguments.write_status,
        lease_namespace: arguments.lease_namespace.clone().filter(|namespace| !namespace.is_empty()),
        sts: sts_of(
            arguments.sts_endpoint.as_ref(),
            arguments.region.as_ref(),
            keys.region.as_ref(),
            environment,
        )?,
        sts_ca_file: arguments.sts_ca_file.clone(),
        sts_connect_timeout: arguments.sts_connect_timeout,
        sts_timeout: arguments.sts_timeout,
        health: arguments.health_address.0,
        grace: arguments.shutdown_grace_period,
        gate: arguments.gate.options(arguments.sts_timeout),
        serving: ServingConfig::from(&arguments.serving),
        warnings,
    })
}

fn bootstrap_only(keys: &ServerSection, warnings: &mut Vec<String>) -> Vec<BackendMode> {
    warnings.push(match !(keys.mappings.is_empty() && keys.break_glass.is_empty()) {
        true => "--bootstrap-only: the configuration file's mappings alone count".to_owned(),
        false => "--bootstrap-only: the configuration file has no mappings, so nobody can log in".to_owned(),
    });
    vec![BackendMode::MountedFile]
}

fn not_empty(name: &'static str, path: PathBuf) -> Result<PathBuf, ConfigError> {
    if path.as_os_str().is_empty() { Err(ConfigError::EmptyPath(name)) } else { Ok(path) }
}

fn backends(
    arguments: &ServerArguments,
    file: &FileConfig,
) -> Result<(Vec<BackendMode>, Vec<String>), ConfigError> {
    let default = [BackendMode::MountedFile.as_str().to_owned()];
    let (name, names) = match (&arguments.backend_mode, &file.server.backend_mode) {
        (Some(names), _) => ("--backend-mode", names.as_slice()),
        (None, Some(names)) => ("server.backendMode", names.as_slice()),
        (None, None) => ("--backend-mode", default.as_slice()),
    };
    let (modes, warnings) = BackendMode::parse_list(names)
        .map_err(|error| ConfigError::Backends { name, reason: error.to_string() })?;
    Ok((modes, warnings.iter().map(|warning| format!("{name}: {warning}")).collect()))
}

/// Flag, then file, then `STS_REGION`, as the public program: the variable is no more than the flag's default.
pub(crate) fn sts_of(
    endpoint: Option<&Endpoint>,
    region_flag: Option<&String>,
    region_key: Option<&String>,
    environment: &Environment,
) -> Result<Endpoint, ConfigError> {
    if let Some(endpoint) = endpoint {
        return Ok(endpoint.clone());
    }
    let region = first(&[
        ("--region", region_flag),
        ("server.region", region_key),
        ("STS_REGION", environment.sts_region.as_ref()),
    ]);
    let name = region.map_or("--region", |(name, _)| name);
    Endpoint::from_region(region.map(|(_, region)| region), true)
        .map_err(|source| ConfigError::Region { name, source })
}

fn token_versions(names: &[String]) -> Result<Vec<Version>, ConfigError> {
    let wrong = || ConfigError::TokenVersions(names.join(",").chars().take(64).collect());
    let mut versions = Vec::new();
    for name in names {
        let version = match name.as_str() {
            "v1" => Version::V1,
            "v2" => Version::V2,
            _ => return Err(wrong()),
        };
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    if versions.is_empty() { Err(wrong()) } else { Ok(versions) }
}
