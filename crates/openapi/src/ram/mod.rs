//! Resource Access Management, version 2015-05-01: which users and roles an account has.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::{self, ApiError, Call, ClientError, Service, ServiceOptions, Style, common_explanation};
use crate::network::{ProxyRules, Trust};
use crate::{Credentials, Endpoint};

/// RAM: its version, its endpoint, its error codes.
pub static SERVICE: Service = Service {
    name: "RAM",
    version: "2015-05-01",
    endpoint_flag: "--ram-endpoint",
    // RAM has one endpoint for all regions.
    of_region: |_| Ok(Endpoint::central("ram")),
    explain,
    style: Style::Rpc,
};

/// A page holds at most this many entries ("ListUsers", parameter `MaxItems`).
const PAGE: &str = "1000";
/// 200,000 users: far more than RAM lets an account have.
const MAX_PAGES: usize = 200;
/// A thousand users with comments as long as RAM takes them.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

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

/// A RAM role ("ListRoles").
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

#[derive(Deserialize)]
struct Page {
    #[serde(rename = "IsTruncated", default)]
    truncated: bool,
    #[serde(rename = "Marker", default)]
    marker: String,
    #[serde(rename = "Users")]
    users: Option<Users>,
    #[serde(rename = "Roles")]
    roles: Option<Roles>,
}

#[derive(Deserialize)]
struct Users {
    #[serde(rename = "User", default)]
    user: Vec<User>,
}

#[derive(Deserialize)]
struct Roles {
    #[serde(rename = "Role", default)]
    role: Vec<Role>,
}

/// A client of RAM. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Client {
    api: api::Client,
}

impl Client {
    /// Connects to nothing yet; `options.ca_file` is not read.
    ///
    /// # Errors
    /// CA certificates that cannot be used.
    pub fn with_network(
        options: &ServiceOptions,
        trust: &Trust,
        proxies: &ProxyRules,
    ) -> Result<Self, ClientError> {
        Ok(Self { api: api::Client::with_network(&SERVICE, options, trust, proxies)? })
    }

    /// All users of the account; none is no error. `now` is the time of the signatures.
    ///
    /// # Errors
    /// [`ApiError`]. A list that does not end, or breaks off, is one: who is missing from it would seem deleted.
    pub async fn list_users(&self, credentials: &Credentials, now: Timestamp) -> Result<Vec<User>, ApiError> {
        self.list("ListUsers", "Users", credentials, now, |page| page.users.map(|users| users.user)).await
    }

    /// All roles of the account; none is no error. `now` is the time of the signatures.
    ///
    /// # Errors
    /// As [`Client::list_users`].
    pub async fn list_roles(&self, credentials: &Credentials, now: Timestamp) -> Result<Vec<Role>, ApiError> {
        self.list("ListRoles", "Roles", credentials, now, |page| page.roles.map(|roles| roles.role)).await
    }

    async fn list<T>(
        &self,
        action: &'static str,
        field: &'static str,
        credentials: &Credentials,
        now: Timestamp,
        entries: fn(Page) -> Option<Vec<T>>,
    ) -> Result<Vec<T>, ApiError> {
        let asked = self.api.asked(action);
        let mut all = Vec::new();
        let mut marker = String::new();
        let mut seen = HashSet::new();
        for _ in 0..MAX_PAGES {
            let mut call =
                Call::rpc(action, [("MaxItems", PAGE)]).reading().answer_of_at_most(MAX_PAGE_BYTES);
            if !marker.is_empty() {
                call = call.with("Marker", marker.clone());
            }
            let page: Page = asked.read(self.api.call(&call, credentials, now).await?)?;
            let (truncated, next) = (page.truncated, page.marker.clone());
            let missing = || asked.invalid(format!("{field} is missing from its answer"));
            all.extend(entries(page).ok_or_else(missing)?);
            if !truncated {
                return Ok(all);
            }
            if next.is_empty() || !seen.insert(next.clone()) {
                return Err(asked.invalid("its list breaks off: it says there is more, and not where"));
            }
            marker = next;
        }
        Err(asked.invalid(format!("its list does not end after {MAX_PAGES} pages")))
    }
}

fn explain(code: &str) -> Option<&'static str> {
    match code {
        "NoPermission" => Some(
            "the caller's RAM policies do not allow this operation (it is called ram: and the operation's name in a policy); let an administrator grant it",
        ),
        "EntityNotExist.User" => Some("there is no such RAM user; check the name"),
        "EntityNotExist.Role" => Some("there is no such RAM role; check the name"),
        other => common_explanation(other),
    }
}
