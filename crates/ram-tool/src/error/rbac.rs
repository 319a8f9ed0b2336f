//! Why a scan or a cleanup failed.

use std::path::PathBuf;

use openapi::api::{ApiError, ClientError};
use openapi::sts::StsError;

/// Why a scan or a cleanup failed. One line each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RbacError {
    /// Container Service or RAM said no, or nothing.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// STS said no, or nothing.
    #[error(transparent)]
    Sts(#[from] StsError),
    /// No client could be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What Container Service gave as a kubeconfig is none that can be used.
    #[error("the kubeconfig that Container Service gave for cluster {cluster} cannot be used: {detail}")]
    Kubeconfig {
        /// The cluster's id.
        cluster: String,
        /// What is wrong, in fixed words.
        detail: &'static str,
    },
    /// The API server said no, or nothing.
    #[error("the API server {server} of cluster {cluster} does not list its {resource}: {detail}")]
    ApiServer {
        /// The cluster's id.
        cluster: String,
        /// `HOST[:PORT]`.
        server: String,
        /// `rolebindings` or `clusterrolebindings`.
        resource: &'static str,
        /// What happened and what to do.
        detail: String,
    },
    /// The user id of a cleanup is missing.
    #[error("the flag --user-id (-u) is missing: it gives the RAM id whose permissions are to be taken away")]
    NoUser,
    /// 0 would be everybody.
    #[error(
        "--user-id 0 names nobody: give the RAM id of one user or role, as scan-user-permissions lists it"
    )]
    Everybody,
    /// Container Service refuses this too, but only after the backup and the question.
    #[error("{uid} is {who}, whose permissions Container Service does not take away: {advice}")]
    Untouchable {
        /// The RAM id.
        uid: String,
        /// Who that is.
        who: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// There is nobody to ask.
    #[error("there is no terminal to ask at, and nothing was changed: give --assume-yes (-y)")]
    NoTerminal,
    /// A backup could not be written; nothing was changed.
    #[error(
        "cannot write the backup {}: {source}; nothing was changed in this cluster", path.display()
    )]
    Backup {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// Some of several clusters failed, each with a line of its own.
    #[error("{failed} of {all} clusters failed, see above")]
    SomeFailed {
        /// How many.
        failed: usize,
        /// Of how many.
        all: usize,
    },
}
