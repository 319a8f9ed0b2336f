//! The aliyun CLI's file, `~/.aliyun/config.json`: profiles, each with a mode that says how it gets credentials.
//!
//! What that program reads, and `ack-ram-tool` with it, is read here too: keys in any case, the last of two equal keys,
//! and keys that nobody knows.

mod cloud_sso;
mod exchange;
mod external;
mod file;
mod login;
mod modes;
mod oauth;
mod profile;
mod rsa_key_pair;
mod write_back;

use std::path::Path;

use super::Source;
use super::error::{CredentialError, is_missing, read_problem};
use super::search::Search;
use super::variables::Found;

pub use cloud_sso::CloudSso;
pub use external::External;
pub use oauth::OAuth;
pub use rsa_key_pair::RsaKeyPair;

pub(super) use file::File;
pub(super) use modes::{Chain, source_of};
pub(super) use profile::{Mode, Profile};

/// What errors call the file.
pub(super) const KIND: &str = "aliyun CLI file";

/// The source that the profile describes that is asked for, else the file's current one, else `default`. None where
/// there is no such file.
pub(super) fn find(path: &Path, search: &Search<'_>) -> Result<Option<Source>, CredentialError> {
    let text = match (search.environment.read_file)(path) {
        Ok(text) => text,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => {
            return Err(CredentialError::File {
                kind: KIND,
                path: path.to_owned(),
                detail: read_problem(&error),
            });
        }
    };
    let file = File::parse(path, &text)?;
    let wanted = search
        .wanted_profile()
        .unwrap_or_else(|| Found::new("\"current\" in the file", file.current().unwrap_or("default")));
    let profile = file.profile(&wanted.value).ok_or_else(|| file.no_profile(&wanted))?;
    let source = source_of(profile, &file, &Chain::default(), &search.environment, search.now)?;
    Ok(Some(Source::Profile { place: profile.place().to_owned(), source: Box::new(source) }))
}

#[cfg(test)]
mod tests;
