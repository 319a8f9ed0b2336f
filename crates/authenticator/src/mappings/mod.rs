//! The mappings of RAM identities to Kubernetes users, from all backends.
//!
//! [`start`] reads or watches each backend; [`Mappings::lookup`] answers from a snapshot that is replaced
//! whole when a backend's rules change. The order of backends and rules is that of [`identity::mapping`].

use std::fmt;
use std::path::PathBuf;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use snapshot::RuleSet;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

pub mod file;

mod configmap;
mod crd;
mod crd_install;
mod dynamic_file;
mod mode;
mod snapshot;
mod text;
mod watch;

#[cfg(test)]
mod configmap_tests;
#[cfg(test)]
mod crd_tests;
#[cfg(test)]
mod fake_api;

pub use file::{MapAccount, MapRole, MapSection, MapUser};
pub use mode::{BackendMode, BackendModeError};
pub use snapshot::{Lookup, Mappings};
use watch::Retry;
pub use watch::tuned;

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
}

impl Default for Options {
    fn default() -> Self {
        Self { sync_crd: true, dynamic_file: None }
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
///
/// # Errors
/// [`MappingsError`] where the configuration cannot be used. A cluster that cannot be reached is no error.
pub async fn start(
    modes: &[BackendMode],
    file: &MapSection,
    kube: Option<kube::Client>,
    options: Options,
    shutdown: CancellationToken,
) -> Result<Mappings, MappingsError> {
    let mappings = Mappings::new(modes);
    let mut tasks: Vec<BoxFuture<'static, ()>> = Vec::new();
    for (slot, &mode) in modes.iter().enumerate() {
        let publisher = mappings.publisher(slot);
        let client = || kube.clone().ok_or(MappingsError::ConnectApiServer(mode));
        match mode {
            BackendMode::MountedFile => publisher.replace(read_config_file(file)?),
            BackendMode::DynamicFile => {
                let path = options.dynamic_file.clone().ok_or(MappingsError::FindDynamicFile)?;
                tasks.push(dynamic_file::run(path, publisher, shutdown.clone()).boxed());
            }
            BackendMode::AckConfigMap => {
                let retry = Retry::default();
                tasks.push(configmap::run(client()?, publisher, retry, shutdown.clone()).boxed());
            }
            BackendMode::Crd => {
                let (sync_crd, retry) = (options.sync_crd, Retry::default());
                tasks.push(crd::run(client()?, publisher, sync_crd, retry, shutdown.clone()).boxed());
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

fn read_config_file(section: &MapSection) -> Result<RuleSet, MappingsError> {
    let backend = BackendMode::MountedFile.as_str();
    let (rules, warnings) = file::rules(backend, section).map_err(MappingsError::ReadConfigFile)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(file::rule_set(rules))
}
