//! What is said in the log about the server's certificate.

use std::path::Path;

use jiff::Timestamp;
use webhook_server::certs::{Origin, Pair, Problem};

/// The name that the public program gives its certificate.
pub(crate) const COMMON_NAME: &str = "ack-ram-authenticator";

/// Logs where a pair came from and what is wrong with it.
pub(crate) fn report(pair: &Pair, origin: Origin, folder: &Path, hostname: &str, now: Timestamp) {
    let folder = folder.display().to_string();
    let folder = folder.as_str();
    match origin {
        Origin::Kept => tracing::info!(folder, "using the existing certificate and key"),
        Origin::Made => tracing::info!(folder, "made a certificate and key"),
        Origin::Replaced { survivor } => tracing::warn!(
            folder,
            survivor,
            "made a certificate and key anew, because one of the two files was missing; what trusts the old certificate has to be given the new one"
        ),
    }
    for problem in pair.problems(hostname, now) {
        match problem {
            Problem::Expired { .. } | Problem::NotYetValid { .. } => tracing::error!("{problem}"),
            Problem::OtherName { .. } | Problem::OpenKey { .. } => tracing::warn!("{problem}"),
        }
    }
}
