//! The lists of users and roles.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Client;
use crate::Credentials;
use crate::api::{ApiError, List, read_all};

/// A page holds at most this many entries ("ListUsers", parameter `MaxItems`): 200,000 users in all, far more than RAM
/// lets an account have.
const PAGE: &str = "1000";
/// A thousand users with comments as long as RAM takes them.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

const USERS: List =
    List { action: "ListUsers", fields: ("Users", "User"), page: PAGE, max_page_bytes: MAX_PAGE_BYTES };
const ROLES: List =
    List { action: "ListRoles", fields: ("Roles", "Role"), page: PAGE, max_page_bytes: MAX_PAGE_BYTES };

/// A RAM user ("ListUsers").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct User {
    /// RAM's own id: digits.
    pub user_id: String,
    /// The name.
    pub user_name: String,
    /// The name for people; may be empty.
    #[serde(default)]
    pub display_name: String,
}

/// A RAM role as it stands in a list ("ListRoles"): without its trust policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Role {
    /// RAM's own id: digits.
    pub role_id: String,
    /// The name.
    pub role_name: String,
    /// `acs:ram::ACCOUNT-ID:role/NAME`.
    #[serde(default)]
    pub arn: String,
}

impl Client {
    /// All users of the account; none is no error. `now` is the time of the signatures, here and in the other calls.
    ///
    /// # Errors
    /// [`ApiError`]. A list that does not end, or breaks off, is one: who is missing from it would seem deleted.
    pub async fn list_users(&self, credentials: &Credentials, now: Timestamp) -> Result<Vec<User>, ApiError> {
        read_all(&self.api, &USERS, credentials, now).await
    }

    /// All roles of the account; none is no error.
    ///
    /// # Errors
    /// As [`Client::list_users`].
    pub async fn list_roles(&self, credentials: &Credentials, now: Timestamp) -> Result<Vec<Role>, ApiError> {
        read_all(&self.api, &ROLES, credentials, now).await
    }
}
