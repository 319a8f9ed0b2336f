//! Client certificates on disk, for as long as they are good.
//!
//! One file for each cluster and identity, `CLUSTER-exec-auth-credential-VERSION-HASH.json`: what `get-credential`
//! prints, and who it is for. Nothing that could have been put there by somebody else, or for somebody else, is used;
//! what cannot be used is replaced.

use std::any::Any;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use signature::{acs3::sha256_hex, format_timestamp};

use crate::certificate::ClientCertificate;
use crate::cluster_id::ClusterId;
use crate::flags::ApiVersion;
use crate::platform;

const MAX_BYTES: u64 = 256 * 1024;
const INFIX: &str = "-exec-auth-credential-";
/// How many files of the folder are looked at when a certificate is written.
const MAX_SWEPT: usize = 1000;
const HASH_DIGITS: usize = 40;
/// While Container Service does not answer, it is asked so often, and not by every kubectl.
const PAUSE_AFTER_FAILURE: SignedDuration = SignedDuration::from_mins(1);
/// The least that has to remain of a certificate.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// What a certificate is kept under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    cluster: ClusterId,
    version: ApiVersion,
    hash: String,
}

impl Key {
    /// `parts` are all that tells one login from another: account, role, session, profile, endpoints, durations.
    pub(crate) fn new(cluster: &ClusterId, version: ApiVersion, parts: &[&str]) -> Self {
        // Each part with its length: no two lists of parts give one text.
        let text: String = parts.iter().map(|part| format!("{}:{part}\n", part.len())).collect();
        let hash = sha256_hex(text.as_bytes()).chars().take(HASH_DIGITS).collect();
        Self { cluster: cluster.clone(), version, hash }
    }

    fn file_name(&self) -> String {
        format!("{}{INFIX}{}-{}.json", self.cluster, self.version.as_str(), self.hash)
    }
}

/// The file of one key.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    path: PathBuf,
    key: Key,
}

/// What the file holds: an ExecCredential, and what it was made for.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    kind: String,
    api_version: String,
    status: Status,
    #[serde(rename = "ack-ram-tool")]
    made_for: MadeFor,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: String,
    client_certificate_data: String,
    client_key_data: String,
}

/// File names do not tell enough: some file systems take `C1` for `c1`, and files can be copied.
#[derive(Deserialize, PartialEq, Eq, Serialize)]
struct MadeFor {
    cluster: String,
    key: String,
}

impl Cache {
    pub(crate) fn new(folder: &Path, key: Key) -> Self {
        Self { folder: folder.to_owned(), path: folder.join(key.file_name()), key }
    }

    /// The certificate in the file, where it is this key's and good now.
    ///
    /// # Errors
    /// Why it cannot be used, for a debug message.
    pub(crate) fn read(&self, now: Timestamp) -> Result<ClientCertificate, String> {
        let bytes = platform::read_private_file(&self.path, MAX_BYTES).map_err(|error| error.to_string())?;
        let content: Content = serde_json::from_slice(&bytes)
            .map_err(|_| "it is no ExecCredential of this program".to_owned())?;
        let wanted = MadeFor { cluster: self.key.cluster.to_string(), key: self.key.hash.clone() };
        if content.kind != "ExecCredential"
            || content.api_version != self.key.version.group_version()
            || content.made_for != wanted
        {
            return Err("it is another login's".to_owned());
        }
        let end: Timestamp =
            content.status.expiration_timestamp.parse().map_err(|_| "it has no end".to_owned())?;
        let certificate = ClientCertificate::read(
            content.status.client_certificate_data.as_bytes(),
            content.status.client_key_data.as_bytes(),
            now,
        )?;
        if end > certificate.end() {
            return Err("it says that it is good for longer than its certificate".to_owned());
        }
        if end <= now {
            return Err(format!("it ended at {}", format_timestamp(end)));
        }
        Ok(certificate.ending(end))
    }

    /// Writes the file for its owner alone, whatever was there.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn write(&self, certificate: &ClientCertificate) -> std::io::Result<()> {
        let content = Content {
            kind: "ExecCredential".to_owned(),
            api_version: self.key.version.group_version().to_owned(),
            status: Status {
                expiration_timestamp: format_timestamp(certificate.end()),
                client_certificate_data: certificate.certificate_pem().to_owned(),
                client_key_data: certificate.key_pem().expose().to_owned(),
            },
            made_for: MadeFor { cluster: self.key.cluster.to_string(), key: self.key.hash.clone() },
        };
        let text = signature::Secret::new(serde_json::to_string(&content)?);
        platform::make_folder(&self.folder)?;
        platform::replace_file(&self.path, text.expose().as_bytes())
    }

    /// Removes certificates of this program that are over. Keys that change with each session leave a file each.
    pub(crate) fn sweep(&self, now: Timestamp) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        for entry in entries.take(MAX_SWEPT).flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let named = name.to_str().is_some_and(|name| name.contains(INFIX) && name.ends_with(".json"));
            if named && path != self.path && is_over(&path, now) {
                for extension in ["json", "failed", "lock"] {
                    let _ = std::fs::remove_file(path.with_extension(extension));
                }
            }
        }
    }

    /// Waits until no other process gets this certificate; that one may have written it then.
    ///
    /// # Errors
    /// The operating system's; `TimedOut` after a minute.
    pub(crate) fn lock(&self) -> std::io::Result<Box<dyn Any>> {
        platform::make_folder(&self.folder)?;
        platform::lock(&self.path.with_extension("lock"))
    }

    /// Remembers that the certificate could not be renewed. Where that cannot be written, the next one tries again.
    pub(crate) fn note_failure(&self, now: Timestamp) {
        let _ = platform::replace_file(&self.failure(), now.as_second().to_string().as_bytes());
    }

    /// Whether the certificate could not be renewed a moment ago.
    pub(crate) fn failed_lately(&self, now: Timestamp) -> bool {
        let second = platform::read_private_file(&self.failure(), 32)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok())
            .and_then(|second| Timestamp::from_second(second).ok());
        second.is_some_and(|failed| {
            let since = now.duration_since(failed);
            since >= SignedDuration::from_secs(-1) && since < PAUSE_AFTER_FAILURE
        })
    }

    fn failure(&self) -> PathBuf {
        self.path.with_extension("failed")
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Whether the file is one of this program, and what it holds has ended.
fn is_over(path: &Path, now: Timestamp) -> bool {
    let content = platform::read_private_file(path, MAX_BYTES).ok();
    let content: Option<Content> = content.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let end = content.and_then(|content| content.status.expiration_timestamp.parse::<Timestamp>().ok());
    end.is_some_and(|end| end <= now)
}

/// Whether so much of a certificate remains that it is not renewed yet: more than ten minutes, and more than a fifth of
/// what it is asked for.
pub(crate) fn is_fresh(end: Timestamp, now: Timestamp, asked: SignedDuration) -> bool {
    let fifth = asked.checked_div(5).unwrap_or(SignedDuration::ZERO);
    end.duration_since(now) > MARGIN.max(fifth)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_is_renewed_in_the_last_fifth_and_in_the_last_ten_minutes() {
        let now = Timestamp::UNIX_EPOCH;
        let fresh = |remaining: i64, asked: i64| {
            let end = now.checked_add(SignedDuration::from_mins(remaining)).unwrap();
            is_fresh(end, now, SignedDuration::from_mins(asked))
        };
        assert!(fresh(37, 180) && !fresh(36, 180));
        assert!(fresh(11, 15) && !fresh(10, 15));
        assert!(fresh(11, 0) && !fresh(10, 0));
        assert!(!fresh(-1, 180));
    }

    #[test]
    fn the_key_holds_whatever_differs() {
        let id: ClusterId = "c1".parse().unwrap();
        let key = |parts: &[&str]| Key::new(&id, ApiVersion::V1, parts).file_name();
        let first = key(&["a", "b"]);
        assert!(first.starts_with("c1-exec-auth-credential-v1-") && first.ends_with(".json"));
        assert_eq!(first.len(), "c1-exec-auth-credential-v1-.json".len().saturating_add(40));
        for other in
            [key(&["ab", ""]), key(&["a", "b", ""]), key(&["", "ab"]), key(&["a\n1:b"]), key(&["a\nb"])]
        {
            assert_ne!(first, other);
        }
        assert_eq!(first, key(&["a", "b"]));
    }

    #[test]
    fn a_failure_counts_for_a_minute_and_never_one_that_is_still_to_come() {
        let folder = tempfile::tempdir().unwrap();
        let id: ClusterId = "c1".parse().unwrap();
        let cache = Cache::new(folder.path(), Key::new(&id, ApiVersion::V1, &["a"]));
        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
        assert!(!cache.failed_lately(at(1_000_000)));
        cache.note_failure(at(1_000_000));
        for (now, counts) in [
            (1_000_000, true),
            (1_000_059, true),
            (1_000_060, false),
            // The clock was ahead, and has been set.
            (999_999, true),
            (999_998, false),
            (0, false),
        ] {
            assert_eq!(cache.failed_lately(at(now)), counts, "{now}");
        }
    }
}
