//! Why the server does not run.

use cluster::client::ClientError;
use webhook_server::serve::BindError;
use webhook_server::signals::SignalError;

use crate::certificates::StartError;

/// Why the server did not start, or did not end well. One line each.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The way to the API server.
    #[error("{source}{}", hint(.source))]
    Cluster {
        /// What is wrong.
        #[from]
        source: ClientError,
    },
    /// Certificate and key.
    #[error(transparent)]
    Certificates(#[from] StartError),
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Metrics.
    #[error("cannot set up metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Signals.
    #[error(transparent)]
    Signals(#[from] SignalError),
}

fn hint(error: &ClientError) -> &'static str {
    match error {
        ClientError::NotInCluster { .. } => ": give --kubeconfig, or run in a pod",
        _ => "",
    }
}
