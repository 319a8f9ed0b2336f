//! Permission policies, and the roles that have them.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Client;
use crate::Credentials;
use crate::api::{ApiError, Call, entries, object_part, text_or_null, unless};

/// A role has at most some tens of policies, each with a description of at most a kilobyte.
const MAX_LIST_BYTES: usize = 1024 * 1024;

/// Whose a policy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PolicyType {
    /// Alibaba Cloud's: the same in every account.
    System,
    /// The account's own.
    Custom,
}

impl PolicyType {
    /// `System` or `Custom`, as RAM spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Custom => "Custom",
        }
    }
}

impl fmt::Display for PolicyType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A policy with its document ("GetPolicy").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The name, in the case in which the policy was made.
    pub policy_name: String,
    /// Whose it is.
    pub policy_type: PolicyType,
    /// May be empty.
    pub description: String,
    /// `v1`: which of its versions counts.
    pub default_version: String,
    /// What that version allows: a JSON text as it stands.
    pub policy_document: String,
}

/// A policy that a role has ("ListPoliciesForRole").
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachedPolicy {
    /// The name.
    pub policy_name: String,
    /// Whose it is.
    pub policy_type: PolicyType,
    /// May be empty.
    #[serde(default, deserialize_with = "text_or_null")]
    pub description: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetPolicy {
    #[serde(deserialize_with = "object_part")]
    policy: Shown,
    #[serde(deserialize_with = "object_part")]
    default_policy_version: Version,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreatePolicy {
    #[serde(rename = "Policy", deserialize_with = "object_part")]
    _policy: Shown,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    policy_name: String,
    policy_type: PolicyType,
    #[serde(default, deserialize_with = "text_or_null")]
    description: String,
    #[serde(default, deserialize_with = "text_or_null")]
    default_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    policy_document: String,
}

impl Client {
    /// A policy with its document (`GetPolicy`), or `None` where there is none of that name and type.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn policy(
        &self,
        name: &str,
        policy_type: PolicyType,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Option<Policy>, ApiError> {
        const ACTION: &str = "GetPolicy";
        let call = Call::rpc(ACTION, [("PolicyName", name), ("PolicyType", policy_type.as_str())]).reading();
        let Some(answer) = unless(self.api.call(&call, credentials, now).await, "EntityNotExist.Policy")?
        else {
            return Ok(None);
        };
        let GetPolicy { policy, default_policy_version } = self.api.asked(ACTION).read(answer)?;
        Ok(Some(Policy {
            policy_name: policy.policy_name,
            policy_type: policy.policy_type,
            description: policy.description,
            default_version: policy.default_version,
            policy_document: default_policy_version.policy_document,
        }))
    }

    /// Makes a policy of the account's own; `document` is JSON of at most 6144 characters (`CreatePolicy`).
    ///
    /// # Errors
    /// [`ApiError`]; `EntityAlreadyExists.Policy` where there is one of that name.
    pub async fn create_policy(
        &self,
        name: &str,
        document: &str,
        description: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        const ACTION: &str = "CreatePolicy";
        let mut call = Call::rpc(ACTION, [("PolicyName", name), ("PolicyDocument", document)]);
        if !description.is_empty() {
            call = call.with("Description", description);
        }
        let answer = self.api.call(&call, credentials, now).await?;
        self.api.asked(ACTION).read::<CreatePolicy>(answer).map(|_| ())
    }

    /// Gives a role a policy (`AttachPolicyToRole`): `true` where it had it not, `false` where it had it already.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn attach_policy_to_role(
        &self,
        policy: &str,
        policy_type: PolicyType,
        role: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<bool, ApiError> {
        const ACTION: &str = "AttachPolicyToRole";
        let parameters = [("PolicyName", policy), ("PolicyType", policy_type.as_str()), ("RoleName", role)];
        let answer = self.api.call(&Call::rpc(ACTION, parameters), credentials, now).await;
        match unless(answer, "EntityAlreadyExists.Role.Policy")? {
            Some(answer) => self.api.asked(ACTION).confirmed(answer).map(|()| true),
            None => Ok(false),
        }
    }

    /// The policies that a role has (`ListPoliciesForRole`); none is no error.
    ///
    /// # Errors
    /// [`ApiError`]; `EntityNotExist.Role` where there is no such role.
    pub async fn policies_of_role(
        &self,
        role: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Vec<AttachedPolicy>, ApiError> {
        const ACTION: &str = "ListPoliciesForRole";
        let call = Call::rpc(ACTION, [("RoleName", role)]).reading().answer_of_at_most(MAX_LIST_BYTES);
        let asked = self.api.asked(ACTION);
        let mut answer = asked.object(self.api.call(&call, credentials, now).await?)?;
        entries(asked, &mut answer, ("Policies", "Policy"))
    }
}
