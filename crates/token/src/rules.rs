//! What a server accepts.

use jiff::{SignedDuration, Timestamp};

use crate::error::DecodeError;
use crate::token::Version;
use crate::{V1_CLUSTER_KEY, V2_CLUSTER_KEY};

/// Longest name of an extra query parameter, in bytes.
const MAX_EXTRA_KEY: usize = 64;

/// Names that mean something to STS, or to this crate: no extra query parameter may have one of them, in any
/// spelling.
const RESERVED: &[&str] = &[
    V1_CLUSTER_KEY,
    V2_CLUSTER_KEY,
    "AccessKeyId",
    "Action",
    "Authorization",
    "BearerToken",
    "Format",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureNonce",
    "SignatureType",
    "SignatureVersion",
    "Timestamp",
    "Version",
];

/// What [`decode`](crate::decode()) accepts.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Ids of this cluster. A token must name one of them, byte for byte; with none, every token is refused.
    pub cluster_ids: Vec<String>,
    /// Token versions to read.
    pub versions: Vec<Version>,
    /// Longest token, prefix included, in bytes.
    pub max_bytes: usize,
    /// Longest time since a token was signed. STS itself refuses signatures older than 15 minutes.
    pub max_age: SignedDuration,
    /// How far ahead of this machine's clock the client's may be.
    pub max_ahead: SignedDuration,
    /// Query parameters beyond the known ones, spelled exactly: see [`check_extra_query_key`].
    pub extra_query_keys: Vec<String>,
}

impl Default for Rules {
    /// Both versions, 8 KiB, 15 minutes, 5 minutes ahead, no extra parameters, and no cluster: fill
    /// `cluster_ids`.
    fn default() -> Self {
        Self {
            cluster_ids: Vec::new(),
            versions: vec![Version::V1, Version::V2],
            max_bytes: 8192,
            max_age: SignedDuration::from_mins(15),
            max_ahead: SignedDuration::from_mins(5),
            extra_query_keys: Vec::new(),
        }
    }
}

impl Rules {
    /// The defaults for one cluster.
    pub fn for_cluster(id: impl Into<String>) -> Self {
        Self { cluster_ids: vec![id.into()], ..Self::default() }
    }

    /// Whether a token that was signed then is good at `now`. Nothing else about a token changes with time: what
    /// [`decode`](crate::decode()) said of it once, it says as long as this holds.
    ///
    /// # Errors
    /// [`DecodeError::Expired`] and [`DecodeError::NotYetValid`].
    pub fn check_date(&self, signed_at: Timestamp, now: Timestamp) -> Result<(), DecodeError> {
        let Rules { max_age, max_ahead, .. } = *self;
        let age = now.duration_since(signed_at);
        if age > max_age {
            return Err(DecodeError::Expired { signed_at, now, age: whole_seconds(age), max_age });
        }
        let ahead = signed_at.duration_since(now);
        if ahead > max_ahead {
            return Err(DecodeError::NotYetValid { signed_at, now, ahead: whole_seconds(ahead), max_ahead });
        }
        Ok(())
    }

    /// Whether a token may carry this query parameter beside the known ones.
    pub(crate) fn allows_extra(&self, key: &str) -> bool {
        check_extra_query_key(key).is_ok() && self.extra_query_keys.iter().any(|allowed| allowed == key)
    }
}

fn whole_seconds(duration: SignedDuration) -> SignedDuration {
    SignedDuration::from_secs(duration.as_secs())
}

/// Why a name cannot be allowed as an extra query parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtraQueryKeyError {
    /// Empty, too long, or with characters that clients do not agree on how to sign.
    #[error("a query parameter's name has 1 to 64 of A-Z a-z 0-9 . _ -")]
    Characters,
    /// It means something to STS.
    #[error("the name is one that STS itself reads, and must not be left to the client")]
    Reserved,
}

/// Checks a name for [`Rules::extra_query_keys`]: use it where such names are configured, so that a mistake
/// shows at the start. A name that fails is never accepted in a token, whatever the rules list.
///
/// # Errors
/// A name that is reserved (in any case), or not 1 to 64 of `A-Z a-z 0-9 . _ -`.
pub fn check_extra_query_key(key: &str) -> Result<(), ExtraQueryKeyError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !(1..=MAX_EXTRA_KEY).contains(&key.len()) || !key.bytes().all(good) {
        return Err(ExtraQueryKeyError::Characters);
    }
    let lower = key.to_ascii_lowercase();
    if lower.starts_with("x-acs-") || RESERVED.iter().any(|name| name.eq_ignore_ascii_case(key)) {
        return Err(ExtraQueryKeyError::Reserved);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_sts_reads_cannot_be_allowed_in_any_spelling() {
        for key in
            ["Action", "ACTION", "version", "ackclusterid", "ClusterID", "X-Acs-Action", "authorization"]
        {
            assert_eq!(check_extra_query_key(key), Err(ExtraQueryKeyError::Reserved), "{key}");
        }
    }

    #[test]
    fn names_that_clients_sign_differently_cannot_be_allowed() {
        for key in ["", "a b", "a+b", "a[1]", "a%41", "\u{e9}", &"a".repeat(65)] {
            assert_eq!(check_extra_query_key(key), Err(ExtraQueryKeyError::Characters), "{key}");
        }
        assert_eq!(check_extra_query_key("Team.name_1-x"), Ok(()));
    }

    #[test]
    fn a_reserved_name_stays_refused_though_the_rules_list_it() {
        let rules = Rules { extra_query_keys: vec!["Action".into(), "team".into()], ..Rules::default() };
        assert!(!rules.allows_extra("Action"));
        assert!(rules.allows_extra("team"));
        assert!(!rules.allows_extra("Team"));
    }
}
