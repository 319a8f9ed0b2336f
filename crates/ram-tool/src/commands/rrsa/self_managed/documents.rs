//! The two documents that an issuer publishes, and the folder that they are written to.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::issuer::{
    ApiServerIssuer, DISCOVERY_PATH, IssuerUrl, KEYS_PATH, KeySet, MAX_KEYS, PublicKey, discovery_document,
};
use crate::error::SelfManagedError;
use crate::platform;
use crate::visible::visible;
use crate::world::World;

/// The two documents of an issuer, as they are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Documents {
    /// For [`DISCOVERY_PATH`].
    pub(super) discovery: String,
    /// For [`KEYS_PATH`].
    pub(super) keys: String,
}

impl Documents {
    pub(super) fn new(issuer: &IssuerUrl, keys: &KeySet) -> Self {
        let discovery = json!({
            "issuer": issuer.as_str(),
            "jwks_uri": issuer.keys(),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        Self { discovery: format!("{discovery:#}\n"), keys: format!("{:#}\n", keys.to_json()) }
    }
}

/// Which keys are to be published: those of the API server that RAM can use, and behind them the old ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) all: KeySet,
    /// Of them, those that the API server does not name (any more).
    pub(super) old: Vec<PublicKey>,
    /// Of the API server's keys, those that RAM cannot use.
    pub(super) unusable: Vec<PublicKey>,
}

/// # Errors
/// Where the API server has no key that RAM can use, or there are too many with the old ones.
pub(super) fn keys_to_publish(
    api_server: &ApiServerIssuer,
    earlier: &[KeySet],
) -> Result<Keys, SelfManagedError> {
    let (mut all, mut unusable) = (KeySet::default(), Vec::new());
    for key in api_server.keys.iter() {
        match key.is_for_ram() {
            true => all = all.with(std::slice::from_ref(key)),
            false => unusable.push(key.clone()),
        }
    }
    if all.iter().next().is_none() {
        let mut algorithms: Vec<String> = unusable.iter().map(|key| visible(&key.algorithm)).collect();
        algorithms.dedup();
        let algorithms = if algorithms.is_empty() { "none".to_owned() } else { algorithms.join(", ") };
        return Err(SelfManagedError::NoKeys { algorithms });
    }
    let mut old = Vec::new();
    for set in earlier {
        let more = all.missing_from(set);
        all = all.with(&more);
        old.extend(more);
    }
    // More of them are not read again, here or by others.
    let number = all.iter().count();
    if number > MAX_KEYS {
        return Err(SelfManagedError::TooManyKeys { number, most: MAX_KEYS });
    }
    Ok(Keys { all, old, unusable })
}

/// A folder that is published, as a whole, at an issuer's URL.
pub(super) struct Folder<'a> {
    path: &'a Path,
    world: &'a World<'a>,
}

impl<'a> Folder<'a> {
    pub(super) fn new(path: &'a Path, world: &'a World<'a>) -> Self {
        Self { path, world }
    }

    fn file(&self, path: &str) -> PathBuf {
        self.path.join(path.trim_start_matches('/'))
    }

    /// The keys that an earlier run wrote for this issuer.
    ///
    /// # Errors
    /// Where something else is there, which stays.
    pub(super) fn keys(&self, issuer: &IssuerUrl) -> Result<Option<KeySet>, SelfManagedError> {
        let no = |path: PathBuf, detail: String| SelfManagedError::Folder { path, detail };
        let discovery = self.file(DISCOVERY_PATH);
        if let Some(text) = self.read(&discovery)? {
            match discovery_document(&text) {
                Ok((own, _)) if own == issuer.as_str() => {}
                Ok((own, _)) => {
                    let detail = format!(
                        "is the document of another issuer, {}: give another --output-dir, or that issuer",
                        visible(&own)
                    );
                    return Err(no(discovery, detail));
                }
                Err(problem) => {
                    let detail = format!(
                        "is no discovery document of an issuer, it {problem}: move it away, or give another --output-dir"
                    );
                    return Err(no(discovery, detail));
                }
            }
        }
        let path = self.file(KEYS_PATH);
        let Some(text) = self.read(&path)? else { return Ok(None) };
        KeySet::parse(&text)
            .map(Some)
            .map_err(|problem| no(path, format!("{problem}; move it away, or give another --output-dir")))
    }

    fn read(&self, path: &Path) -> Result<Option<String>, SelfManagedError> {
        match (self.world.read_file)(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SelfManagedError::Folder {
                path: path.to_owned(),
                detail: format!("cannot be read: {error}"),
            }),
        }
    }

    /// Writes what differs, the keys first, each file whole or not at all. Gives the files that were written.
    pub(super) fn write(&self, documents: &Documents) -> Result<Vec<PathBuf>, SelfManagedError> {
        let mut written = Vec::new();
        for (path, text) in [(KEYS_PATH, &documents.keys), (DISCOVERY_PATH, &documents.discovery)] {
            let path = self.file(path);
            if self.read(&path)?.as_ref() != Some(text) {
                let failed = |source| SelfManagedError::Write { path: path.clone(), source };
                platform::publish_file(&path, text.as_bytes()).map_err(failed)?;
                written.push(path);
            }
        }
        Ok(written)
    }
}
