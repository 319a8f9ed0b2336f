//! Backend `DynamicFile`: a JSON file with `mapRoles`, `mapUsers` and `mapAccounts`, read again each second.
//!
//! ARNs are exact; a session's is that session alone. An edit that is no JSON, or has an entry without an ARN, is
//! refused as a whole and what the file said before stays in force, so that a file that is half written
//! locks nobody out. A file that is not there maps nobody.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio_util::sync::CancellationToken;

use super::file::{self, EntryError, Parsed};
use super::snapshot::{Publisher, RuleSet};
use super::{BackendMode, MapSection, text};

const POLL: Duration = Duration::from_secs(1);

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Reads the file until `shutdown`.
pub(super) async fn run(path: PathBuf, publisher: Publisher, shutdown: CancellationToken) {
    let mut seen = None;
    loop {
        let content = read(&path).await;
        if seen.as_ref() != Some(&content) {
            let read = rules_of(&path, &content);
            publisher.reloaded(read.is_some());
            if let Some((rules, skipped)) = read {
                publisher.skipped(skipped);
                publisher.replace(rules);
            }
            seen = Some(content);
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(POLL)).await.is_none() {
            return;
        }
    }
}

/// What was found where the file should be.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    Missing,
    Unreadable(String),
    Bytes(Vec<u8>),
}

async fn read(path: &Path) -> Content {
    let read = async {
        let file = tokio::fs::File::open(path).await?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes).await?;
        Ok::<_, std::io::Error>(bytes)
    };
    match read.await {
        Ok(bytes) if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_BYTES) => {
            Content::Bytes(bytes)
        }
        Ok(_) => Content::Unreadable(format!("it has more than {MAX_BYTES} bytes")),
        Err(error) if error.kind() == ErrorKind::NotFound => Content::Missing,
        Err(error) => Content::Unreadable(error.to_string()),
    }
}

/// The rules, and how many entries are skipped. `None` where what was known stays in force.
fn rules_of(path: &Path, content: &Content) -> Option<(RuleSet, usize)> {
    let path = path.display();
    let parsed = match content {
        Content::Missing => {
            tracing::warn!("{path} does not exist: backend DynamicFile maps nobody");
            return Some((RuleSet::new(), 0));
        }
        Content::Unreadable(fault) => Err(fault.clone()),
        Content::Bytes(bytes) => parse(bytes),
    };
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(fault) => {
            tracing::error!("{path} cannot be read: {fault}: what it said before stays in force");
            return None;
        }
    };
    for error in parsed.errors() {
        tracing::warn!("{path}: {error}: the entry is skipped");
    }
    let skipped = parsed.skipped();
    let (rules, warnings) = parsed.combine();
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    tracing::info!(mappings = rules.len(), "{path} is read");
    Some((file::rule_set(rules), skipped))
}

/// # Errors
/// Why the whole edit is refused, on one line.
fn parse(bytes: &[u8]) -> Result<Parsed, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if !value.is_object() {
        return Err("it is not a JSON object".to_owned());
    }
    let section: MapSection =
        serde_json::from_value(text::lower_keys(value)).map_err(|error| error.to_string())?;
    let parsed = Parsed::of(BackendMode::DynamicFile.as_str(), "", &section);
    let missing = parsed.errors().find(|error| matches!(error, EntryError::FindArn { .. }));
    match missing {
        Some(error) => Err(error.to_string()),
        None => Ok(parsed),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::mappings::fake_api::{eventually, session, single, user, username};
    use crate::mappings::snapshot::Lookup;

    fn content(text: &str) -> Option<RuleSet> {
        rules_of(Path::new("/x.json"), &Content::Bytes(text.as_bytes().to_vec())).map(|(rules, _)| rules)
    }

    #[test]
    fn refuses_a_malformed_edit_as_a_whole() {
        for text in [
            "",
            "{",
            "[]",
            "null",
            r#"{"mapRoles": {}}"#,
            r#"{"mapUsers": [{"username": "nobody"}, {"userarn": "acs:ram::1:user/a", "username": "a"}]}"#,
            r#"{"mapAccounts": [12]}"#,
        ] {
            assert_eq!(content(text), None, "{text}");
        }
        assert_eq!(rules_of(Path::new("/x"), &Content::Unreadable("no".into())), None);
    }

    #[test]
    fn skips_an_entry_whose_arn_is_malformed() {
        let rules = content(
            r#"{"MapUsers": [{"userarn": "junk", "username": "x"}, {"UserARN": "acs:ram::1:user/a", "username": "a"}]}"#,
        );
        assert_eq!(rules.unwrap().into_keys().collect::<Vec<_>>(), ["mapUsers[1]"]);
    }

    #[tokio::test]
    async fn follows_the_file_and_keeps_the_last_good_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.json");
        let (mappings, publisher, shutdown, _guard) = single(BackendMode::DynamicFile);
        tokio::spawn(run(path.clone(), publisher, shutdown));
        eventually("a missing file is an empty backend", || mappings.synced()).await;
        assert_eq!(mappings.lookup(&session("dev")), Lookup::NotMapped);

        let good = r#"{"mapRoles": [{"rolearn": "acs:ram::1:assumed-role/dev/s", "username": "dev"}]}"#;
        std::fs::write(&path, good).unwrap();
        eventually("the role is mapped", || username(&mappings, &session("dev")).is_some()).await;

        std::fs::write(&path, "").unwrap();
        tokio::time::sleep(POLL + POLL / 2).await;
        assert_eq!(username(&mappings, &session("dev")).unwrap(), "dev");

        let next = folder.path().join("next.json");
        std::fs::write(&next, r#"{"mapUsers": [{"userarn": "acs:ram::1:user/a", "username": "a"}]}"#)
            .unwrap();
        std::fs::rename(&next, &path).unwrap();
        eventually("the file that was put in place is read", || username(&mappings, &user("a")).is_some())
            .await;
        assert_eq!(mappings.lookup(&session("dev")), Lookup::NotMapped);

        std::fs::remove_file(&path).unwrap();
        eventually("a removed file maps nobody", || mappings.lookup(&user("a")) == Lookup::NotMapped).await;
    }
}
