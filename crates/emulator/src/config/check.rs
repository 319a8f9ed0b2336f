//! From the document to a checked [`Config`].

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::Path;

use serde_saphyr::Spanned;

use super::document::{
    AccessKeyEntry, AccountEntry, Document, KeyPairEntry, RoleEntry, Status, ThrottleEntry, UserEntry,
};
use super::{
    Config, ConfigError, cloud_sso, clusters, credentials_uri, metadata, oauth, oidc, oidc_providers,
    policies,
};
use crate::entities::{
    AccessKey, Account, CustomPolicy, MAX_SESSION_DURATION, MIN_SESSION_SECONDS, Role, User,
};
use crate::key_pair::KeyPair;
use crate::names;
use crate::policy::TrustPolicy;
use crate::principal::TEMPORARY_KEY_PREFIX;
pub(super) use crate::problem::Problem;

pub(super) fn check(document: Document, file: &str) -> Result<Config, ConfigError> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    Checker::default().config(document, folder).map_err(|problem| ConfigError::Value {
        file: file.to_owned(),
        line: problem.location.line(),
        problem: problem.text,
    })
}

/// What was seen so far, with the line where it was seen.
#[derive(Default)]
struct Checker {
    accounts: HashMap<String, u64>,
    access_keys: HashMap<String, u64>,
    entity_ids: HashMap<String, u64>,
    names: HashMap<String, u64>,
}

impl Checker {
    fn config(mut self, document: Document, folder: &Path) -> Result<Config, Problem> {
        if document.accounts.value.is_empty() {
            return Err(Problem::at(&document.accounts, "accounts is empty: name at least one account"));
        }
        let accounts: Vec<Account> = document
            .accounts
            .value
            .into_iter()
            .map(|entry| self.account(entry, folder))
            .collect::<Result<_, _>>()?;
        Ok(Config {
            clusters: clusters::check(document.clusters, &accounts, folder)?,
            oidc_trust: document.oidc.map(|entry| oidc::check(&entry, folder)).transpose()?,
            metadata: document.metadata.map(|entry| metadata::check(entry, &accounts)).transpose()?,
            credentials_uri: document
                .credentials_uri
                .map(|entry| credentials_uri::check(entry, &accounts))
                .transpose()?,
            cloud_sso: document.cloud_sso.map(|entry| cloud_sso::check(entry, &accounts)).transpose()?,
            oauth: document.oauth.map(|entry| oauth::check(entry, &accounts)).transpose()?,
            accounts,
        })
    }

    fn account(&mut self, entry: AccountEntry, folder: &Path) -> Result<Account, Problem> {
        let id = &entry.id;
        if !names::is_account_id(&id.value) {
            return Err(Problem::at(id, format!("account id {:?} is not made of 16 digits", id.value)));
        }
        unique(&mut self.accounts, id, &id.value, "account id")?;
        // Users and roles have names of their own; one account has a name of a kind once.
        self.names.clear();
        let (calls_per_second, assumptions_per_second) = throttle(entry.throttle.as_ref())?;
        let custom = policies::check(entry.policies)?;
        Ok(Account {
            calls_per_second,
            assumptions_per_second,
            access_keys: self.access_keys(entry.access_keys)?,
            users: entry.users.into_iter().map(|user| self.user(user, &custom)).collect::<Result<_, _>>()?,
            roles: entry.roles.into_iter().map(|role| self.role(role, &custom)).collect::<Result<_, _>>()?,
            oidc_providers: oidc_providers::check(entry.oidc_providers, &entry.id.value, folder)?,
            policies: custom,
            id: entry.id.value,
        })
    }

    fn user(&mut self, entry: UserEntry, custom: &[CustomPolicy]) -> Result<User, Problem> {
        let name = &entry.name;
        if !names::is_user_name(&name.value) {
            return Err(Problem::at(
                name,
                format!(
                    "user name {:?} is not made of 1 to 64 letters, digits, '.', '-', '_' and '@'",
                    name.value
                ),
            ));
        }
        self.unique_name(name, "user")?;
        self.entity_id(&entry.id, &format!("user {:?}", name.value))?;
        Ok(User {
            access_keys: self.access_keys(entry.access_keys)?,
            key_pairs: entry
                .key_pairs
                .into_iter()
                .map(|pair| self.key_pair(&pair))
                .collect::<Result<_, _>>()?,
            policies: policies::attached(entry.policies, custom, &format!("user {:?}", name.value))?,
            display_name: entry.name.value.clone(),
            comments: String::new(),
            name: entry.name.value,
            id: entry.id.value,
        })
    }

    fn role(&mut self, entry: RoleEntry, custom: &[CustomPolicy]) -> Result<Role, Problem> {
        let name = &entry.name;
        if !names::is_role_name(&name.value) {
            return Err(Problem::at(
                name,
                format!("role name {:?} is not made of 1 to 64 letters, digits, '.' and '-'", name.value),
            ));
        }
        self.unique_name(name, "role")?;
        let what = format!("role {:?}", name.value);
        self.entity_id(&entry.id, &what)?;
        let max_session_duration = match &entry.max_session_duration {
            None => *MAX_SESSION_DURATION.start(),
            Some(seconds) if MAX_SESSION_DURATION.contains(&seconds.value) => seconds.value,
            Some(seconds) => {
                return Err(Problem::at(
                    seconds,
                    format!(
                        "{what}: maxSessionDuration {} is not between {} and {} seconds",
                        seconds.value,
                        MAX_SESSION_DURATION.start(),
                        MAX_SESSION_DURATION.end()
                    ),
                ));
            }
        };
        debug_assert!(max_session_duration >= MIN_SESSION_SECONDS);
        Ok(Role {
            trust_policy: TrustPolicy::check(entry.trust_policy, &what)?,
            policies: policies::attached(entry.policies, custom, &what)?,
            description: String::new(),
            max_session_duration,
            name: entry.name.value,
            id: entry.id.value,
        })
    }

    fn access_keys(&mut self, entries: Vec<AccessKeyEntry>) -> Result<Vec<AccessKey>, Problem> {
        entries.into_iter().map(|entry| self.access_key(entry)).collect()
    }

    fn access_key(&mut self, entry: AccessKeyEntry) -> Result<AccessKey, Problem> {
        let id = &entry.id;
        if !names::is_access_key_id(&id.value) {
            return Err(Problem::at(
                id,
                format!(
                    "access key id {:?} is not made of 1 to 128 letters, digits, '.', '-' and '_'",
                    id.value
                ),
            ));
        }
        if id.value.starts_with(TEMPORARY_KEY_PREFIX) {
            return Err(Problem::at(
                id,
                format!(
                    "access key id {:?} begins with STS., as temporary keys do: those come from AssumeRole only",
                    id.value
                ),
            ));
        }
        if entry.secret.is_empty() {
            return Err(Problem::at(id, format!("access key {:?} has an empty secret", id.value)));
        }
        unique(&mut self.access_keys, id, &id.value, "access key id")?;
        Ok(AccessKey { secret: entry.secret, active: entry.status == Status::Active, id: entry.id.value })
    }

    /// Key pairs and access keys share their ids: both stand in `AccessKeyId`.
    fn key_pair(&mut self, entry: &KeyPairEntry) -> Result<KeyPair, Problem> {
        let id = &entry.id;
        if !names::is_access_key_id(&id.value) {
            return Err(Problem::at(
                id,
                format!(
                    "key pair id {:?} is not made of 1 to 128 letters, digits, '.', '-' and '_'",
                    id.value
                ),
            ));
        }
        unique(&mut self.access_keys, id, &id.value, "access key id")?;
        KeyPair::from_pem(&id.value, &entry.public_key.value).map_err(|problem| {
            Problem::at(&entry.public_key, format!("key pair {:?}: its publicKey {problem}", id.value))
        })
    }

    fn entity_id(&mut self, id: &Spanned<String>, what: &str) -> Result<(), Problem> {
        if !names::is_entity_id(&id.value) {
            return Err(Problem::at(id, format!("{what}: id {:?} is not made of 1 to 32 digits", id.value)));
        }
        unique(&mut self.entity_ids, id, &id.value, "id")
    }

    /// RAM compares names without regard to case.
    fn unique_name(&mut self, name: &Spanned<String>, kind: &str) -> Result<(), Problem> {
        let key = format!("{kind}/{}", name.value.to_ascii_lowercase());
        unique(&mut self.names, name, &key, &format!("{kind} name"))
    }
}

/// Calls a second: all of them, and those that assume roles.
fn throttle(
    entry: Option<&Spanned<ThrottleEntry>>,
) -> Result<(Option<NonZeroU32>, Option<NonZeroU32>), Problem> {
    let Some(entry) = entry else { return Ok((None, None)) };
    let ThrottleEntry { calls_per_second, assume_role_calls_per_second } = &entry.value;
    if calls_per_second.is_none() && assume_role_calls_per_second.is_none() {
        let text =
            "throttle has neither callsPerSecond nor assumeRoleCallsPerSecond: leave it out, or give one";
        return Err(Problem::at(entry, text));
    }
    let number = |calls: &Option<Spanned<u32>>, name: &str| {
        let Some(calls) = calls else { return Ok(None) };
        let text = format!("throttle: {name} is 0: leave it out to have the usual limit");
        NonZeroU32::new(calls.value).map(Some).ok_or_else(|| Problem::at(calls, text))
    };
    Ok((
        number(calls_per_second, "callsPerSecond")?,
        number(assume_role_calls_per_second, "assumeRoleCallsPerSecond")?,
    ))
}

fn unique(
    seen: &mut HashMap<String, u64>,
    value: &Spanned<String>,
    key: &str,
    what: &str,
) -> Result<(), Problem> {
    match seen.insert(key.to_owned(), value.referenced.line()) {
        None => Ok(()),
        Some(line) => {
            Err(Problem::at(value, format!("{what} {:?} is taken already, on line {line}", value.value)))
        }
    }
}
