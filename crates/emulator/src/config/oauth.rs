//! `oauth`: who has signed in with the aliyun CLI's OAuth mode.

use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_saphyr::Spanned;
use signature::Secret;

use super::look_up::{account, role, user};
use crate::entities::Account;
use crate::market::Market;
use crate::problem::Problem;

/// Seconds.
const LIFETIME: RangeInclusive<u32> = 1..=86_400;
const DEFAULT_LIFETIME: u32 = 3600;
/// The session name of credentials for a role.
const SESSION: &str = "oauth";

/// The checked section.
#[derive(Clone, Debug)]
pub(crate) struct OAuth {
    /// Seconds.
    pub(crate) access_token_lifetime: u32,
    /// A refresh token is good once: each answer has the next one.
    pub(crate) rotate_refresh_tokens: bool,
    pub(crate) users: Vec<OAuthUser>,
}

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub(crate) struct OAuthUser {
    pub(crate) market: Market,
    pub(crate) refresh_token: Secret,
    pub(crate) access_token: Option<Secret>,
    pub(crate) holder: OAuthHolder,
}

/// Whom the credentials are for.
#[derive(Clone, Debug)]
pub(crate) enum OAuthHolder {
    User { account: String, user: String },
    Role { account: String, role: String, session: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct OAuthEntry {
    access_token_lifetime: Option<Spanned<u32>>,
    #[serde(default)]
    rotate_refresh_tokens: bool,
    users: Vec<OAuthUserEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OAuthUserEntry {
    account: Spanned<String>,
    user: Option<Spanned<String>>,
    role: Option<Spanned<String>>,
    #[serde(default)]
    site_type: SiteType,
    refresh_token: Secret,
    access_token: Option<Secret>,
}

/// As the aliyun CLI's `oauth_site_type`.
#[derive(Deserialize, Default, Clone, Copy)]
enum SiteType {
    #[default]
    #[serde(rename = "CN")]
    Cn,
    #[serde(rename = "INTL")]
    Intl,
}

pub(super) fn check(entry: OAuthEntry, accounts: &[Account]) -> Result<OAuth, Problem> {
    let access_token_lifetime = match &entry.access_token_lifetime {
        None => DEFAULT_LIFETIME,
        Some(seconds) if LIFETIME.contains(&seconds.value) => seconds.value,
        Some(seconds) => {
            let text = format!(
                "oauth: accessTokenLifetime {} is not between {} and {} seconds",
                seconds.value,
                LIFETIME.start(),
                LIFETIME.end()
            );
            return Err(Problem::at(seconds, text));
        }
    };
    let mut users: Vec<OAuthUser> = Vec::with_capacity(entry.users.len());
    for entry in entry.users {
        let place = entry.account.clone();
        let found = signed_in(entry, accounts)?;
        let is_taken = |other: &OAuthUser| {
            other.refresh_token == found.refresh_token
                || (other.access_token.is_some() && other.access_token == found.access_token)
        };
        if users.iter().any(is_taken) {
            return Err(Problem::at(&place, "oauth: this user has a token that another one has already"));
        }
        users.push(found);
    }
    Ok(OAuth { access_token_lifetime, rotate_refresh_tokens: entry.rotate_refresh_tokens, users })
}

fn signed_in(entry: OAuthUserEntry, accounts: &[Account]) -> Result<OAuthUser, Problem> {
    let owner = account(accounts, &entry.account, "oauth")?;
    let holder = match (&entry.user, &entry.role) {
        (Some(name), None) => {
            OAuthHolder::User { account: owner.id.clone(), user: user(owner, name, "oauth")? }
        }
        (None, Some(name)) => OAuthHolder::Role {
            account: owner.id.clone(),
            role: role(owner, name, "oauth")?,
            session: SESSION.to_owned(),
        },
        _ => return Err(Problem::at(&entry.account, "oauth: name either a user or a role")),
    };
    let is_empty =
        entry.refresh_token.is_empty() || entry.access_token.as_ref().is_some_and(Secret::is_empty);
    if is_empty {
        return Err(Problem::at(&entry.account, "oauth: a token is empty"));
    }
    Ok(OAuthUser {
        market: match entry.site_type {
            SiteType::Cn => Market::Cn,
            SiteType::Intl => Market::Intl,
        },
        refresh_token: entry.refresh_token,
        access_token: entry.access_token,
        holder,
    })
}
