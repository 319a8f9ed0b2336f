//! What can go wrong in the harness itself, each in one line that says what to do.

use std::path::PathBuf;
use std::time::Duration;

/// A fault of the rig: something could not be found, started, or did not become ready.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `KUBE` names a version that no module folder exists for.
    #[error("KUBE={asked} is not a version that the tests know: take one of {known}")]
    UnknownVersion {
        /// What was asked for.
        asked: String,
        /// The known ones, for a person to read.
        known: String,
    },
    /// `KUBEBUILDER_ASSETS` names a folder that lacks a program.
    #[error("KUBEBUILDER_ASSETS={} has no {missing}: put etcd, kube-apiserver and kubectl there, or unset it to have them built", folder.display())]
    AssetsIncomplete {
        /// The folder that was named.
        folder: PathBuf,
        /// The missing programs, for a person to read.
        missing: String,
    },
    /// There is no Go toolchain to build something with.
    #[error("building {what} needs Go 1.26 or later: install it (https://go.dev/dl){instead} ({source})")]
    NoGo {
        /// What was to be built.
        what: String,
        /// What else helps, as the sentence goes on; may be empty.
        instead: String,
        /// Why `go` could not be run.
        source: std::io::Error,
    },
    /// A build failed.
    #[error("building {module} with {tool} failed with {status}: its output is in {}", log.display())]
    Build {
        /// The folder's name.
        module: String,
        /// What builds it.
        tool: &'static str,
        /// The exit status of the tool.
        status: String,
        /// Where the output is.
        log: PathBuf,
    },
    /// A pinned module's go.mod does not name the version that is expected in it.
    #[error("{} requires no {module}", file.display())]
    NoVersion {
        /// The go.mod.
        file: PathBuf,
        /// The module whose version was looked for.
        module: String,
    },
    /// A program of this workspace has not been built.
    #[error("{} is not there: run `make programs` (or `cargo build --bins`) first", path.display())]
    NotBuilt {
        /// Where the program should be.
        path: PathBuf,
    },
    /// A file or folder operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The verb: "write", "read", …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A process could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A process ended although it should run on.
    #[error("{name} ended with {status}; its log is {}, its last line: {last_line}", log.display())]
    Ended {
        /// The process.
        name: String,
        /// How it ended.
        status: String,
        /// Its log file.
        log: PathBuf,
        /// The last line of its log.
        last_line: String,
    },
    /// Something did not happen in time.
    #[error("waited {} s in vain for {what}", waited.as_secs())]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
    },
    /// A command that must succeed did not.
    #[error("{command}: status {status}; stderr: {stderr}; stdout: {stdout}")]
    Command {
        /// The command line.
        command: String,
        /// Its exit status.
        status: i32,
        /// What it wrote to stderr.
        stderr: String,
        /// What it wrote to stdout.
        stdout: String,
    },
    /// A key or certificate could not be made.
    #[error("cannot make the certificate of {name}: {source}")]
    Certificate {
        /// Whose.
        name: String,
        /// The reason.
        source: rcgen::Error,
    },
    /// An answer is not what was asked for.
    #[error("{what}: {reason}")]
    Answer {
        /// What was read.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// For `map_err` after a file operation.
    pub fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// For `map_err` after reading an answer.
    pub fn answer<E: std::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |reason| Self::Answer { what, reason: reason.to_string() }
    }
}

/// The harness's result.
pub type Result<T> = std::result::Result<T, Error>;
