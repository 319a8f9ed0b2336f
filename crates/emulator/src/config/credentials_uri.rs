//! `credentialsUri`: an address that answers with credentials.

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::look_up::{account, role};
use crate::entities::Account;
use crate::problem::Problem;

/// The checked section.
#[derive(Clone, Debug)]
pub(crate) struct CredentialsUri {
    /// Begins with `/`.
    pub(crate) path: String,
    pub(crate) credentials: UriCredentials,
}

/// What is handed out.
#[derive(Clone, Debug)]
pub(crate) enum UriCredentials {
    /// The access key with this id.
    AccessKey(String),
    /// Temporary keys of a role.
    Role { account: String, role: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct CredentialsUriEntry {
    path: Spanned<String>,
    access_key_id: Option<Spanned<String>>,
    account: Option<Spanned<String>>,
    role: Option<Spanned<String>>,
}

pub(super) fn check(entry: CredentialsUriEntry, accounts: &[Account]) -> Result<CredentialsUri, Problem> {
    let path = &entry.path;
    // The metadata service is at the same listener.
    let is_path = path.value.starts_with('/')
        && path.value.len() <= 256
        && path.value.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'%'))
        && path.value != "/latest"
        && !path.value.starts_with("/latest/");
    if !is_path {
        let text = format!(
            "credentialsUri: path {:?} is not a path such as /credentials, outside of /latest, without '?', '#' and '%'",
            path.value
        );
        return Err(Problem::at(path, text));
    }
    let credentials = match (&entry.access_key_id, &entry.account, &entry.role) {
        (Some(id), None, None) => access_key(accounts, id)?,
        (None, Some(owner), Some(name)) => {
            let owner = account(accounts, owner, "credentialsUri")?;
            UriCredentials::Role { account: owner.id.clone(), role: role(owner, name, "credentialsUri")? }
        }
        _ => {
            let text = "credentialsUri: name either an accessKeyId, or an account and a role";
            return Err(Problem::at(path, text));
        }
    };
    Ok(CredentialsUri { path: entry.path.value, credentials })
}

fn access_key(accounts: &[Account], id: &Spanned<String>) -> Result<UriCredentials, Problem> {
    let mut keys = accounts.iter().flat_map(|account| {
        account.access_keys.iter().chain(account.users.iter().flat_map(|user| &user.access_keys))
    });
    if keys.any(|key| key.id == id.value) {
        Ok(UriCredentials::AccessKey(id.value.clone()))
    } else {
        let text = format!("credentialsUri: there is no access key {:?} among the accounts", id.value);
        Err(Problem::at(id, text))
    }
}
