//! One role, with its trust policy.

use jiff::Timestamp;
use serde::Deserialize;

use super::Client;
use crate::Credentials;
use crate::api::{ApiError, Call, object_part, text_or_null, unless};

/// A RAM role with its trust policy ("GetRole").
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoleDetail {
    /// RAM's own id: digits.
    pub role_id: String,
    /// The name, in the case in which the role was made.
    pub role_name: String,
    /// `acs:ram::ACCOUNT-ID:role/NAME`.
    pub arn: String,
    /// May be empty.
    #[serde(default, deserialize_with = "text_or_null")]
    pub description: String,
    /// Who may assume it: RAM's `AssumeRolePolicyDocument`, a JSON text as it stands; empty where RAM says none.
    #[serde(rename = "AssumeRolePolicyDocument", default, deserialize_with = "text_or_null")]
    pub trust_policy: String,
    /// How long a session of it may be, in seconds, where RAM says so.
    #[serde(default)]
    pub max_session_duration: Option<u32>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Role", deserialize_with = "object_part")]
    role: RoleDetail,
}

impl Client {
    /// A role by its name (`GetRole`), or `None` where the account has none of that name.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn role(
        &self,
        name: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Option<RoleDetail>, ApiError> {
        let call = Call::rpc("GetRole", [("RoleName", name)]).reading();
        unless(self.ask_role(&call, credentials, now).await, "EntityNotExist.Role")
    }

    /// Makes a role that whom `trust_policy` (JSON) names may assume, and that may do nothing
    /// yet (`CreateRole`).
    ///
    /// # Errors
    /// [`ApiError`]; `EntityAlreadyExists.Role` where there is one of that name.
    pub async fn create_role(
        &self,
        name: &str,
        trust_policy: &str,
        description: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<RoleDetail, ApiError> {
        let mut call =
            Call::rpc("CreateRole", [("RoleName", name), ("AssumeRolePolicyDocument", trust_policy)]);
        if !description.is_empty() {
            call = call.with("Description", description);
        }
        self.ask_role(&call, credentials, now).await
    }

    /// Puts another trust policy in the place of a role's own (`UpdateRole`). Nothing else of the role changes.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn update_trust_policy(
        &self,
        name: &str,
        trust_policy: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<RoleDetail, ApiError> {
        let call =
            Call::rpc("UpdateRole", [("RoleName", name), ("NewAssumeRolePolicyDocument", trust_policy)]);
        self.ask_role(&call, credentials, now).await
    }

    async fn ask_role(
        &self,
        call: &Call,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<RoleDetail, ApiError> {
        let answer = self.api.call(call, credentials, now).await?;
        self.api.asked(call.action).read::<Answer>(answer).map(|answer| answer.role)
    }
}
