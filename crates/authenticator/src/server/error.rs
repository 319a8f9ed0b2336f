//! Why the server does not run.

use std::path::PathBuf;

use cluster::client::ClientError;
use webhook_server::certs::KeeperError;
use webhook_server::serve::{BindError, BindSocketError};
use webhook_server::signals::SignalError;

use crate::kubeconfig::WriteError;
use crate::mappings::MappingsError;

/// Why the server did not start, or did not end well. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The kubeconfig for reading mappings.
    #[error("cannot use kubeconfig {}: {reason}; --kubeconfig names another, and {backends} cannot do without", .path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// The library's words.
        reason: String,
        /// Who needs it.
        backends: String,
    },
    /// No kubeconfig, and not in a pod.
    #[error(
        "{backends} reads mappings from the API server, and this is no pod with a service account ({reason}): give --kubeconfig, or server.kubeconfig in the configuration file"
    )]
    NotInCluster {
        /// The library's words.
        reason: String,
        /// Who needs it.
        backends: String,
    },
    /// The client for the API server.
    #[error(transparent)]
    KubeClient(ClientError),
    /// The mappings.
    #[error(transparent)]
    Mappings(#[from] MappingsError),
    /// The client for STS.
    #[error(transparent)]
    Sts(#[from] openapi::sts::ClientError),
    /// Certificate and key.
    #[error(transparent)]
    Certificate(#[from] KeeperError),
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The health socket.
    #[error(transparent)]
    BindSocket(#[from] BindSocketError),
    /// The webhook kubeconfig.
    #[error(transparent)]
    WebhookKubeconfig(#[from] WriteError),
    /// Metrics.
    #[error("cannot set up metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Signals.
    #[error(transparent)]
    Signals(#[from] SignalError),
}
