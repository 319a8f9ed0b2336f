//! Who exists, and which access key belongs to whom: the configuration, indexed, and the temporary keys issued so far.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use signature::{Secret, acs3};

use crate::config::{Account, Config, Role};
use crate::sync::Guarded;

/// Temporary access key ids begin with this.
pub(crate) const TEMPORARY_KEY_PREFIX: &str = "STS.";

/// Keys that have expired are remembered this long, so that STS can say that they have.
const REMEMBER_EXPIRED: SignedDuration = SignedDuration::from_hours(24);

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
}

impl Identity {
    pub(crate) fn account_id(&self) -> &str {
        match self {
            Self::Account(account_id) => account_id,
            Self::User(user) => &user.account_id,
            Self::AssumedRole(session) => &session.account_id,
        }
    }
}

/// What the check of a signature needs to know about an access key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) secret: Secret,
    pub(crate) active: bool,
    /// Set for temporary keys.
    pub(crate) session: Option<SessionToken>,
    pub(crate) identity: Identity,
}

#[derive(Clone, Debug)]
pub(crate) struct SessionToken {
    pub(crate) token: Secret,
    pub(crate) expiration: Timestamp,
}

/// Where the check of a signature finds keys.
pub(crate) trait Keys {
    /// The key with this id.
    fn find(&self, access_key_id: &str) -> Option<Key>;
    /// Whether this security token was issued together with some key.
    fn is_issued(&self, token: &Secret) -> bool;
}

/// Accounts, roles and keys.
#[derive(Debug)]
pub(crate) struct Directory {
    keys: HashMap<String, Key>,
    /// By account id and lower-case role name.
    roles: HashMap<(String, String), Arc<Role>>,
    temporary: Guarded<Temporary>,
}

#[derive(Debug, Default)]
struct Temporary {
    keys: HashMap<String, Key>,
    /// SHA-256 of each token that was issued to one of the keys.
    tokens: std::collections::HashSet<String>,
}

impl Directory {
    pub(crate) fn new(config: Config) -> Self {
        let mut directory =
            Self { keys: HashMap::new(), roles: HashMap::new(), temporary: Guarded::default() };
        for account in config.accounts {
            directory.add(account);
        }
        directory
    }

    fn add(&mut self, account: Account) {
        let id = account.id;
        let mut add_key = |key: crate::config::AccessKey, identity: Identity| {
            self.keys.insert(key.id, Key { secret: key.secret, active: key.active, session: None, identity });
        };
        for key in account.access_keys {
            add_key(key, Identity::Account(id.clone()));
        }
        for user in account.users {
            let identity =
                Identity::User(UserIdentity { account_id: id.clone(), name: user.name, user_id: user.id });
            for key in user.access_keys {
                add_key(key, identity.clone());
            }
        }
        for role in account.roles {
            let key = (id.clone(), role.name.to_ascii_lowercase());
            self.roles.insert(key, Arc::new(role));
        }
    }

    /// The role of this name, written in any case.
    pub(crate) fn role(&self, account_id: &str, name: &str) -> Option<Arc<Role>> {
        let key = (account_id.to_owned(), name.to_ascii_lowercase());
        self.roles.get(&key).cloned()
    }

    /// Remembers a key that was issued, and forgets those that expired a day before `now`.
    pub(crate) fn issue(&self, access_key_id: String, key: Key, now: Timestamp) {
        let Some(session) = &key.session else { return };
        let token_digest = digest(&session.token);
        let mut temporary = self.temporary.lock();
        let temporary = &mut *temporary;
        temporary.keys.retain(|_, old| {
            let Some(session) = &old.session else { return false };
            let keep = now.duration_since(session.expiration) < REMEMBER_EXPIRED;
            if !keep {
                temporary.tokens.remove(&digest(&session.token));
            }
            keep
        });
        temporary.tokens.insert(token_digest);
        temporary.keys.insert(access_key_id, key);
    }
}

impl Keys for Directory {
    fn find(&self, access_key_id: &str) -> Option<Key> {
        self.keys
            .get(access_key_id)
            .cloned()
            .or_else(|| self.temporary.lock().keys.get(access_key_id).cloned())
    }

    fn is_issued(&self, token: &Secret) -> bool {
        self.temporary.lock().tokens.contains(&digest(token))
    }
}

fn digest(token: &Secret) -> String {
    acs3::sha256_hex(token.expose().as_bytes())
}
