//! What can go wrong before anything is measured. Wrong answers are counted instead: see [`crate::load::Outcome`].

use std::path::{Path, PathBuf};

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder.
    #[error("cannot {what} {}: {source}", .path.display())]
    File {
        /// `read`, `write`.
        what: &'static str,
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program of this workspace, or one that has to be installed.
    #[error("there is no {}: {hint}", .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// How to get it.
        hint: &'static str,
    },
    /// Anything else, with what to do about it.
    #[error("{what}: {reason}")]
    Failed {
        /// What was being done.
        what: String,
        /// Why it did not work.
        reason: String,
    },
}

/// Shorthand.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// For `map_err` where a file is concerned.
    pub fn file(what: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.as_ref().to_owned();
        move |source| Error::File { what, path, source }
    }

    /// For `map_err` elsewhere.
    pub fn failed<E: std::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Error {
        let what = what.into();
        move |reason| Error::Failed { what, reason: reason.to_string() }
    }

    /// With a reason of our own.
    pub fn because(what: impl Into<String>, reason: impl Into<String>) -> Error {
        Error::Failed { what: what.into(), reason: reason.into() }
    }
}
