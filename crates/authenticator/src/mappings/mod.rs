//! The mappings of RAM identities to Kubernetes users, from all backends.
//!
//! [`start`] reads or watches each backend; [`Mappings::lookup`] answers from a snapshot that is replaced
//! whole when a backend's rules change. The order of backends and rules is that of [`identity::mapping`].

use std::fmt;
use std::path::PathBuf;

use cluster::watch::Retry;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use identity::Rule;
use identity::pattern::AnyAccount;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::connection::Cluster;
use crate::custom_resource::{Objects, RuleReader};
use crate::metrics::Metrics;

pub mod file;

mod configmap;
mod crd;
mod crd_install;
mod dynamic_file;
mod mode;
mod section;
mod snapshot;
mod text;

#[cfg(test)]
mod configmap_tests;
#[cfg(test)]
mod crd_tests;
#[cfg(test)]
mod fake_api;
#[cfg(test)]
mod settings_tests;

pub use mode::{BackendMode, BackendModeError};
pub use section::{MapAccount, MapRole, MapSection, MapUser};
use snapshot::Settings;
pub use snapshot::{Lookup, Mappings};

/// The backend that [`identity::Source`] names for mappings of `server.breakGlass`.
pub const BREAK_GLASS: &str = "breakGlass";

/// Something that an administrator should hear of, though the program goes on. One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(pub String);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the backends need to know beside their order.
#[derive(Clone, Debug)]
pub struct Options {
    /// Create the CustomResourceDefinition where it is missing (backend `CRD`).
    pub sync_crd: bool,
    /// The JSON file of backend `DynamicFile`.
    pub dynamic_file: Option<PathBuf>,
    /// Mappings that come before those of all backends.
    pub break_glass: MapSection,
    /// Whether a pattern may have wildcards in its account id (backend `CRD`).
    pub any_account: AnyAccount,
    /// Refuse a login of somebody who has another id than the first login of a mapping had.
    pub refuse_changed_principals: bool,
    /// Name prefixes that are reserved beside `system:`.
    pub reserved_prefixes: Vec<String>,
    /// What is to know every object of backend `CRD`, to write its status.
    pub objects: Option<Objects>,
}

impl Options {
    /// Whether `server.breakGlass` maps anybody.
    pub fn has_break_glass(&self) -> bool {
        !self.break_glass.is_empty()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sync_crd: true,
            dynamic_file: None,
            break_glass: MapSection::default(),
            any_account: AnyAccount::Refuse,
            refuse_changed_principals: false,
            reserved_prefixes: Vec::new(),
            objects: None,
        }
    }
}

/// Why the mappings cannot be started. Each message is one line.
#[derive(Debug, Error)]
pub enum MappingsError {
    /// The list of backends.
    #[error(transparent)]
    ParseModes(#[from] BackendModeError),
    /// Entries of the config file.
    #[error("{}", file::join(.0))]
    ReadConfigFile(Vec<file::EntryError>),
    /// A backend is kept in the cluster, and there is no connection to one.
    #[error(
        "backend {0} is kept in the cluster: give server.kubeconfig in the config file, or run inside the cluster"
    )]
    ConnectApiServer(BackendMode),
    /// `DynamicFile` without a file.
    #[error("backend DynamicFile needs the path of its file: give server.dynamicfilepath in the config file")]
    FindDynamicFile,
}

/// Starts the backends, in the order in which they are to be asked.
///
/// Returns as soon as the config file's mappings are read: backends in the cluster are watched from tasks
/// of their own, and [`Mappings::synced`] tells when all of them have told what they have. The tasks end
/// with `shutdown`: the mappings stay then as they were, so cancel it after the last review was answered.
/// Failed reloads are counted in `metrics`, where given.
///
/// # Errors
/// [`MappingsError`] where the configuration cannot be used. A cluster that cannot be reached is no error.
pub async fn start(
    modes: &[BackendMode],
    file: &MapSection,
    cluster: Option<Cluster>,
    options: Options,
    metrics: Option<Metrics>,
    shutdown: CancellationToken,
) -> Result<Mappings, MappingsError> {
    let settings = Settings {
        reserved_prefixes: options.reserved_prefixes.clone().into(),
        refuse_changed_principals: options.refuse_changed_principals,
        break_glass: checked(file::break_glass_rules(&options.break_glass))?,
        metrics,
    };
    let mappings = Mappings::with_settings(modes, settings);
    let mut tasks: Vec<BoxFuture<'static, ()>> = Vec::new();
    for (slot, &mode) in modes.iter().enumerate() {
        let publisher = mappings.publisher(slot);
        let shutdown = shutdown.clone();
        let cluster = || cluster.clone().ok_or(MappingsError::ConnectApiServer(mode));
        match mode {
            BackendMode::MountedFile => {
                let rules = file::rules(BackendMode::MountedFile.as_str(), file);
                publisher.replace(file::rule_set(checked(rules)?));
            }
            BackendMode::DynamicFile => {
                let path = options.dynamic_file.clone().ok_or(MappingsError::FindDynamicFile)?;
                tasks.push(dynamic_file::run(path, publisher, shutdown).boxed());
            }
            BackendMode::AckConfigMap => {
                let (cluster, retry) = (cluster()?, Retry::default());
                let task = async move {
                    if let Some(client) = shutdown.run_until_cancelled(cluster).await {
                        configmap::run(client, publisher, retry, shutdown).await;
                    }
                };
                tasks.push(task.boxed());
            }
            BackendMode::Crd => {
                let (cluster, retry) = (cluster()?, Retry::default());
                let (sync_crd, reader) = (options.sync_crd, RuleReader::new(options.any_account));
                let objects = options.objects.clone();
                let task = async move {
                    if let Some(client) = shutdown.run_until_cancelled(cluster).await {
                        let sink = crd::Mirror::new(publisher, reader, objects);
                        crd::run(client, sink, sync_crd, retry, shutdown).await;
                    }
                };
                tasks.push(task.boxed());
            }
        }
    }
    mappings.rebuild();
    tasks.push(mappings.clone().keep_current(shutdown).boxed());
    for task in tasks {
        tokio::spawn(task);
    }
    Ok(mappings)
}

fn checked(
    rules: Result<(Vec<Rule>, Vec<Warning>), Vec<file::EntryError>>,
) -> Result<Vec<Rule>, MappingsError> {
    let (rules, warnings) = rules.map_err(MappingsError::ReadConfigFile)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(rules)
}
