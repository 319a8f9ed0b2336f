//! Keys that STS hands out for a while.

use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Value, json};
use signature::{Secret, format_timestamp};

use crate::directory::{Directory, Key, SessionToken};
use crate::error::ApiError;
use crate::principal::{Identity, TEMPORARY_KEY_PREFIX};
use crate::random;

/// Session access keys, those that an RSA key pair gets, begin with this.
const SESSION_KEY_PREFIX: &str = "TMPSK.";

/// A temporary key with its security token.
pub(crate) struct TemporaryKey {
    pub(crate) access_key_id: String,
    pub(crate) secret: String,
    pub(crate) security_token: String,
    pub(crate) expiration: Timestamp,
}

/// A session access key: there is no security token with it.
pub(crate) struct SessionAccessKey {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) expiration: Timestamp,
}

impl TemporaryKey {
    /// Makes a key for this caller, and lets the directory know it.
    ///
    /// # Errors
    /// When the caller's user or role was deleted meanwhile, or the system has no random numbers.
    pub(crate) fn issue(
        directory: &Directory,
        identity: Identity,
        seconds: u32,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let key = Self {
            access_key_id: format!("{TEMPORARY_KEY_PREFIX}NU{}", random::text(22)?),
            secret: random::text(44)?,
            security_token: format!("CAIS{}", random::text(200)?),
            expiration: expiration(now, seconds)?,
        };
        let session =
            SessionToken { token: Secret::new(key.security_token.clone()), expiration: key.expiration };
        let known = Key {
            secret: Secret::new(key.secret.clone()),
            active: true,
            session: Some(session),
            ends: None,
            identity,
        };
        remember(directory, &key.access_key_id, known, now)?;
        Ok(key)
    }

    /// `Credentials` of an AssumeRole answer.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "AccessKeyId": self.access_key_id,
            "AccessKeySecret": self.secret,
            "SecurityToken": self.security_token,
            "Expiration": format_timestamp(self.expiration),
        })
    }
}

impl SessionAccessKey {
    /// Makes a key for this caller, and lets the directory know it.
    ///
    /// # Errors
    /// As [`TemporaryKey::issue`].
    pub(super) fn issue(
        directory: &Directory,
        identity: Identity,
        seconds: u32,
        now: Timestamp,
    ) -> Result<Self, ApiError> {
        let key = Self {
            id: format!("{SESSION_KEY_PREFIX}{}", random::text(24)?),
            secret: random::text(44)?,
            expiration: expiration(now, seconds)?,
        };
        let known = Key {
            secret: Secret::new(key.secret.clone()),
            active: true,
            session: None,
            ends: Some(key.expiration),
            identity,
        };
        remember(directory, &key.id, known, now)?;
        Ok(key)
    }
}

/// Seconds and time with which a key is one that ended a minute before `now`.
pub(crate) fn ended(now: Timestamp) -> (u32, Timestamp) {
    (60, now.saturating_add(SignedDuration::from_mins(-2)).unwrap_or(Timestamp::MIN))
}

/// Answers have whole seconds: a key must not end before the time that its owner was told, nor after it.
fn expiration(now: Timestamp, seconds: u32) -> Result<Timestamp, ApiError> {
    now.round(Unit::Second)
        .and_then(|now| now.checked_add(SignedDuration::from_secs(seconds.into())))
        .map_err(|_| ApiError::timestamp_expired())
}

fn remember(directory: &Directory, id: &str, key: Key, now: Timestamp) -> Result<(), ApiError> {
    if directory.issue(id.to_owned(), key, now) { Ok(()) } else { Err(ApiError::key_not_found()) }
}
