//! The configuration: which accounts, users, roles and access keys exist.
//!
//! A [`Config`] is always checked: it can only be made by [`Config::from_yaml`] and [`Config::read`].
//! The page `docs/ram-emulator.md` describes every key.

mod check;
mod cloud_sso;
mod clusters;
mod credentials_uri;
mod document;
mod look_up;
mod metadata;
mod oauth;
mod oidc;
mod oidc_providers;
mod policies;

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::cs::CheckedCluster;
use crate::entities::Account;
use crate::oidc::Trust;

pub(crate) use cloud_sso::CloudSso;
pub(crate) use credentials_uri::{CredentialsUri, UriCredentials};
pub(crate) use metadata::{Metadata, MetadataTokens};
pub(crate) use oauth::{OAuth, OAuthHolder, OAuthUser};

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) accounts: Vec<Account>,
    pub(crate) clusters: Vec<CheckedCluster>,
    /// Who is trusted where keys of OIDC issuers are fetched; `None`: the system's authorities.
    pub(crate) oidc_trust: Option<Trust>,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) credentials_uri: Option<CredentialsUri>,
    pub(crate) cloud_sso: Option<CloudSso>,
    pub(crate) oauth: Option<OAuth>,
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

    /// Checks a configuration; `name` is what errors call the text, a file name for instance: relative file names
    /// within the text count from the folder of that file.
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
