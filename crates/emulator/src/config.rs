//! The configuration: which accounts, users, roles and access keys exist.
//!
//! A [`Config`] is always checked: it can only be made by [`Config::from_yaml`] and [`Config::read`].
//! The page `docs/ram-emulator.md` describes every key.

mod check;
mod document;
mod names;
mod trust_policy;

use std::path::{Path, PathBuf};

use signature::Secret;
use thiserror::Error;

pub(crate) use names::{is_account_id, is_role_name, is_session_name};
pub(crate) use trust_policy::{AssumeRoleRequest, Decision, TrustPolicy};

/// The shortest session that STS hands out, in seconds.
pub(crate) const MIN_SESSION_SECONDS: u32 = 900;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) accounts: Vec<Account>,
}

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) access_keys: Vec<AccessKey>,
    pub(crate) users: Vec<User>,
    pub(crate) roles: Vec<Role>,
}

#[derive(Clone, Debug)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    pub(crate) active: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) access_keys: Vec<AccessKey>,
}

#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) id: String,
    /// Seconds.
    pub(crate) max_session_duration: u32,
    pub(crate) trust_policy: TrustPolicy,
}

/// Why a configuration was not accepted. Each message is one line and holds no secret.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the config file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not YAML, or not of the documented shape (a key that is not known, a missing key, a wrong type).
    #[error("{file}, line {line}: {problem}")]
    Shape {
        /// The file, or what the text is called.
        file: String,
        /// Line, counted from 1; 0 when it is not known.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// The shape is right, but a value is not.
    #[error("{file}, line {line}: {problem}")]
    Value {
        /// The file, or what the text is called.
        file: String,
        /// Line, counted from 1; 0 when it is not known.
        line: u64,
        /// What is wrong, and with which object.
        problem: String,
    },
}

impl Config {
    /// Reads and checks a config file.
    ///
    /// # Errors
    /// When the file cannot be read, is not YAML, or holds something that is not documented.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_path_buf(), source })?;
        Self::from_yaml(&text, &path.display().to_string())
    }

    /// Checks a configuration; `name` is what errors call the text, a file name for instance.
    ///
    /// # Errors
    /// When the text is not YAML, or holds something that is not documented.
    pub fn from_yaml(text: &str, name: &str) -> Result<Self, ConfigError> {
        let document = document::parse(text, name)?;
        check::check(document, name)
    }
}

#[cfg(test)]
mod tests;
