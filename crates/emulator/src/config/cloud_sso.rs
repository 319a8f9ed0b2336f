//! `cloudSso`: who has signed in, and to what.

use serde::Deserialize;
use serde_saphyr::Spanned;
use signature::Secret;

use super::look_up::{account, role};
use crate::entities::Account;
use crate::names;
use crate::pki::SIGN_IN_DOMAIN;
use crate::problem::Problem;

/// The checked section.
#[derive(Clone, Debug)]
pub(crate) struct CloudSso {
    /// The sign-in host, in lower case.
    pub(crate) host: String,
    pub(crate) access_tokens: Vec<SsoToken>,
    pub(crate) access_configurations: Vec<AccessConfiguration>,
}

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub(crate) struct SsoToken {
    pub(crate) token: Secret,
    /// Becomes the session name.
    pub(crate) user: String,
}

/// What may be used after signing in: a role of an account.
#[derive(Clone, Debug)]
pub(crate) struct AccessConfiguration {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct CloudSsoEntry {
    host: Spanned<String>,
    access_tokens: Vec<SsoTokenEntry>,
    access_configurations: Vec<AccessConfigurationEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SsoTokenEntry {
    token: Secret,
    user: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AccessConfigurationEntry {
    id: Spanned<String>,
    account: Spanned<String>,
    role: Spanned<String>,
}

pub(super) fn check(entry: CloudSsoEntry, accounts: &[Account]) -> Result<CloudSso, Problem> {
    let host = entry.host.value.to_ascii_lowercase();
    let is_sign_in_host =
        host.strip_suffix(SIGN_IN_DOMAIN).and_then(|rest| rest.strip_suffix('.')).is_some_and(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
    if !is_sign_in_host {
        let text = format!(
            "cloudSso: host {:?} is not a sign-in host such as signin-cn-shanghai.{SIGN_IN_DOMAIN}",
            entry.host.value
        );
        return Err(Problem::at(&entry.host, text));
    }
    let access_tokens: Vec<SsoToken> =
        entry.access_tokens.into_iter().map(token).collect::<Result<_, _>>()?;
    let access_configurations = entry
        .access_configurations
        .into_iter()
        .map(|entry| access_configuration(&entry, accounts))
        .collect::<Result<_, _>>()?;
    Ok(CloudSso { host, access_tokens, access_configurations })
}

fn token(entry: SsoTokenEntry) -> Result<SsoToken, Problem> {
    let user = &entry.user;
    if entry.token.is_empty() {
        return Err(Problem::at(user, format!("cloudSso: the access token of {:?} is empty", user.value)));
    }
    if !names::is_session_name(&user.value) {
        let text = format!(
            "cloudSso: user {:?} is not made of 2 to 64 letters, digits, '.', '-', '_' and '@'",
            user.value
        );
        return Err(Problem::at(user, text));
    }
    Ok(SsoToken { token: entry.token, user: entry.user.value })
}

fn access_configuration(
    entry: &AccessConfigurationEntry,
    accounts: &[Account],
) -> Result<AccessConfiguration, Problem> {
    let id = &entry.id;
    if id.value.is_empty() {
        return Err(Problem::at(id, "cloudSso: the id of an access configuration is empty"));
    }
    let owner = account(accounts, &entry.account, "cloudSso")?;
    Ok(AccessConfiguration {
        role: role(owner, &entry.role, "cloudSso")?,
        account: owner.id.clone(),
        id: id.value.clone(),
    })
}
