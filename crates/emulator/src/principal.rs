//! Who can sign a request.

use serde_json::{Value, json};

use crate::policy::Policy;

/// Temporary access key ids, those with a security token, begin with this.
pub(crate) const TEMPORARY_KEY_PREFIX: &str = "STS.";

/// Who holds an access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The account itself, by its id.
    Account(String),
    User(UserIdentity),
    AssumedRole(RoleSession),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserIdentity {
    pub(crate) account_id: String,
    pub(crate) name: String,
    pub(crate) user_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleSession {
    pub(crate) account_id: String,
    pub(crate) role: String,
    pub(crate) role_id: String,
    pub(crate) session: String,
    /// What came with AssumeRole, and restricts what the role may do.
    pub(crate) policy: Option<Policy>,
}

impl Identity {
    pub(crate) fn account_id(&self) -> &str {
        match self {
            Self::Account(account_id) => account_id,
            Self::User(user) => &user.account_id,
            Self::AssumedRole(session) => &session.account_id,
        }
    }

    /// What permission errors say of the caller: `AccessDeniedDetail`.
    pub(crate) fn access_denied_detail(
        &self,
        action: &str,
        no_permission_type: &str,
        policy_type: &str,
    ) -> Value {
        let (principal_type, display_name) = match self {
            Self::Account(id) => ("Account", id.clone()),
            Self::User(user) => ("SubUser", user.user_id.clone()),
            Self::AssumedRole(session) => {
                ("AssumedRoleUser", format!("{}:{}", session.role, session.session))
            }
        };
        json!({
            "AuthAction": action,
            "AuthPrincipalDisplayName": display_name,
            "AuthPrincipalOwnerId": self.account_id(),
            "AuthPrincipalType": principal_type,
            "NoPermissionType": no_permission_type,
            "PolicyType": policy_type,
        })
    }
}
