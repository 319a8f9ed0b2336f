//! A credentials URI: an address that answers with credentials to whoever asks, as sidecars of CI systems do.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::temporary_key::{fields, fields_of, issue, role_session};
use super::{SiteReply, Visit, wrong_method};
use crate::config::{CredentialsUri, UriCredentials};
use crate::directory::Keys;
use crate::error::ApiError;
use crate::principal::Identity;

const SESSION: &str = "credentials-uri";
/// Seconds.
const LIFETIME: u32 = 3600;

pub(super) struct Site(CredentialsUri);

impl Site {
    pub(super) fn new(config: CredentialsUri) -> Self {
        Self(config)
    }

    pub(super) fn answers(&self, path: &str) -> bool {
        path == self.0.path
    }

    pub(super) fn answer(&self, visit: &Visit<'_>) -> Result<SiteReply, ApiError> {
        if visit.raw.method != "GET" {
            return Err(wrong_method("GET"));
        }
        let mut fields = match &self.0.credentials {
            UriCredentials::AccessKey(id) => access_key(visit, id)?,
            UriCredentials::Role { account, role } => {
                let session =
                    role_session(visit.directory, account, role, SESSION).ok_or_else(|| gone("role"))?;
                let identity = Identity::AssumedRole(session);
                fields(&issue(visit, identity, LIFETIME)?)
            }
        };
        fields.insert("Code".to_owned(), Value::from("Success"));
        Ok(SiteReply::json(&Value::Object(fields)))
    }
}

/// A key without an end: the token is empty, and the end is one that makes clients ask again now and then.
fn access_key(visit: &Visit<'_>, id: &str) -> Result<Map<String, Value>, ApiError> {
    let key = visit.directory.find(id).ok_or_else(|| gone("access key"))?;
    let seconds = if visit.expired { -60 } else { LIFETIME.into() };
    let lifetime = SignedDuration::from_secs(seconds);
    let expiration = visit.now.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
    Ok(fields_of(id, key.secret.expose(), "", expiration))
}

fn gone(what: &str) -> ApiError {
    ApiError::new(404, "NotFound", format!("The {what} of this address exists no more."))
}
