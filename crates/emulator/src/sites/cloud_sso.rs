//! CloudSSO's sign-in host: credentials of a role for somebody who has signed in.

use serde::Deserialize;
use serde_json::{Value, json};
use signature::Secret;

use super::temporary_key::{fields, issue, role_session};
use super::{SiteReply, Visit, bearer, no_such_page, wrong_method};
use crate::config::CloudSso;
use crate::error::ApiError;
use crate::principal::Identity;

pub(super) const PATH: &str = "/cloud-credentials";
/// Seconds: an access configuration's default for the length of a session.
const LIFETIME: u32 = 3600;

pub(super) struct Site(CloudSso);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    account_id: String,
    access_configuration_id: String,
}

impl Site {
    pub(super) fn new(config: CloudSso) -> Self {
        Self(config)
    }

    pub(super) fn is_host(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(&self.0.host)
    }

    pub(super) fn answer(&self, visit: &Visit<'_>) -> Result<SiteReply, ApiError> {
        let raw = visit.raw;
        if raw.path() != PATH {
            return Err(no_such_page());
        }
        if raw.method != "POST" {
            return Err(wrong_method("POST"));
        }
        let given = bearer(raw).map(Secret::new);
        let token =
            self.0.access_tokens.iter().find(|token| Some(&token.token) == given.as_ref()).ok_or_else(
                || ApiError::new(401, "InvalidAccessToken", "The access token is invalid or expired."),
            )?;
        let request: Request = serde_json::from_slice(&raw.body).map_err(|_| {
            ApiError::new(400, "InvalidParameter", "AccountId and AccessConfigurationId are needed, in JSON.")
        })?;
        let configuration = self
            .0
            .access_configurations
            .iter()
            .find(|c| c.account == request.account_id && c.id == request.access_configuration_id)
            .ok_or_else(|| {
                ApiError::new(
                    400,
                    "EntityNotExists.AccessAssignment",
                    "There is no such access configuration in this account.",
                )
            })?;
        let session = role_session(visit.directory, &configuration.account, &configuration.role, &token.user)
            .ok_or_else(|| {
                ApiError::new(400, "EntityNotExists.Role", "The role of this access configuration is gone.")
            })?;
        let identity = Identity::AssumedRole(session);
        let credentials = Value::Object(fields(&issue(visit, identity, LIFETIME)?));
        Ok(SiteReply::json(&json!({"RequestId": visit.request_id, "CloudCredential": credentials})))
    }
}
