//! `GetCallerIdentity`: who signed this request?

use serde_json::Value;

use crate::error::ApiError;
use crate::operation::{Call, Fields};
use crate::principal::Identity;

/// Parameters are ignored, whatever they are (and are under the signature nonetheless).
pub(super) fn get_caller_identity(_: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let account = caller.account_id();
    let (identity_type, arn, principal_id, own_id) = match caller {
        Identity::Account(id) => ("Account", format!("acs:ram::{id}:root"), id.clone(), ("UserId", id)),
        Identity::User(user) => (
            "RAMUser",
            format!("acs:ram::{account}:user/{}", user.name),
            user.user_id.clone(),
            ("UserId", &user.user_id),
        ),
        Identity::AssumedRole(role) => (
            "AssumedRoleUser",
            format!("acs:ram::{account}:assumed-role/{}/{}", role.role, role.session),
            format!("{}:{}", role.role_id, role.session),
            ("RoleId", &role.role_id),
        ),
    };
    Ok([
        ("IdentityType", identity_type.to_owned()),
        ("AccountId", account.to_owned()),
        ("PrincipalId", principal_id),
        (own_id.0, own_id.1.clone()),
        ("Arn", arn),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), Value::String(value)))
    .collect())
}
