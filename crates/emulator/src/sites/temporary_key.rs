//! Temporary keys as the sites hand them out.

use jiff::Timestamp;
use serde_json::{Map, Value};
use signature::format_timestamp;

use super::Visit;
use crate::directory::Directory;
use crate::error::ApiError;
use crate::principal::{Identity, RoleSession};
use crate::sts::issue::{TemporaryKey, ended};

/// Makes a key for `identity` that is good for `seconds`, or one that ended a minute ago.
///
/// # Errors
/// When the identity was deleted meanwhile, or the system has no random numbers.
pub(super) fn issue(visit: &Visit<'_>, identity: Identity, seconds: u32) -> Result<TemporaryKey, ApiError> {
    let (seconds, at) = if visit.expired { ended(visit.now) } else { (seconds, visit.now) };
    TemporaryKey::issue(visit.directory, identity, seconds, at)
}

/// The four fields that answers with credentials have, in the API's spelling.
pub(super) fn fields(key: &TemporaryKey) -> Map<String, Value> {
    fields_of(&key.access_key_id, &key.secret, &key.security_token, key.expiration)
}

/// The same for a key of any kind.
pub(super) fn fields_of(id: &str, secret: &str, token: &str, expiration: Timestamp) -> Map<String, Value> {
    [
        ("AccessKeyId", id.to_owned()),
        ("AccessKeySecret", secret.to_owned()),
        ("SecurityToken", token.to_owned()),
        ("Expiration", format_timestamp(expiration)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), Value::String(value)))
    .collect()
}

/// A session of a role, as long as the role exists.
pub(super) fn role_session(
    directory: &Directory,
    account_id: &str,
    role: &str,
    session: &str,
) -> Option<RoleSession> {
    directory.role(account_id, role).map(|role| RoleSession {
        account_id: account_id.to_owned(),
        role: role.name.clone(),
        role_id: role.id.clone(),
        session: session.to_owned(),
        policy: None,
    })
}
