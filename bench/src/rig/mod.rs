//! The programs that are measured, started as their manifests start them, and those that they need.

mod api_server;
mod authenticator;
mod constant_server;
mod emulator;
mod pod_identity;
mod ready;
mod service;
mod slow_sts;

use std::path::{Path, PathBuf};

pub use authenticator::{Authenticator, MAPPED_USER, Mapped, Resources, Sts};
pub use constant_server::ConstantServer;
pub use emulator::{Cloud, USERS};
pub use pod_identity::{NAMESPACE, PodIdentity, SERVICE_ACCOUNT};
pub use service::Service;
pub use slow_sts::SlowSts;

use crate::error::{Error, Result};

/// The cluster that tokens are for.
pub const CLUSTER: &str = "c0123456789abcdef0123456789abcdef";

/// A folder with built programs, `target/release` as a rule.
#[derive(Debug, Clone)]
pub struct Programs(PathBuf);

impl Programs {
    /// Those in `folder`.
    pub fn in_folder(folder: &Path) -> Programs {
        Programs(folder.to_owned())
    }

    /// Where the program `name` is.
    ///
    /// # Errors
    /// It has not been built.
    pub fn find(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(Error::Missing {
            path,
            hint: "build the programs first: `make bench` does, and for tests `make programs`",
        })
    }
}

/// What manifests say, so that nothing is measured that nobody runs.
#[cfg(test)]
mod manifest {
    use std::path::Path;

    /// The names of flags, sorted.
    pub(super) fn flags<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let name = |argument: &'a str| argument.split('=').next().unwrap_or_default().to_owned();
        let mut flags: Vec<String> = arguments.into_iter().map(name).collect();
        flags.sort();
        flags
    }

    /// Those of a container's `args` in a manifest.
    pub(super) fn flags_in(manifest: &str) -> Vec<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests").join(manifest);
        let text = std::fs::read_to_string(path).unwrap();
        let found = flags(
            text.lines()
                .filter_map(|line| line.trim().strip_prefix("- "))
                .filter(|arg| arg.starts_with("--")),
        );
        assert!(!found.is_empty(), "{manifest}");
        found
    }
}
