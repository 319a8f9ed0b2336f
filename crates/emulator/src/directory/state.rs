//! The directory's data.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::{DirectoryError, Key};
use crate::entities::{Account, Role};
use crate::key_pair::KeyPairOwner;
use crate::oidc::CheckedProvider;
use crate::principal::{Identity, UserIdentity};
use crate::random;

/// Most users, roles and custom policies of an account, each: above what RAM allows (its quotas can be raised).
pub(super) const MAX_ENTITIES: usize = 10_000;

/// Everything that the directory's lock holds.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(super) accounts: HashMap<String, AccountState>,
    /// Long-lived and temporary keys, by id.
    pub(super) keys: HashMap<String, Key>,
    /// Ids of keys that end, by when they do.
    pub(super) by_end: BTreeSet<(Timestamp, String)>,
    /// SHA-256 of each security token that was issued to one of the keys.
    pub(super) tokens: HashSet<String>,
    pub(super) key_pairs: HashMap<String, KeyPairOwner>,
    /// Ids of users and roles.
    pub(super) entity_ids: HashSet<String>,
}

/// What belongs to one account, by lower-case name: RAM compares names without regard to case.
#[derive(Debug, Default)]
pub(super) struct AccountState {
    pub(super) users: BTreeMap<String, UserRecord>,
    pub(super) roles: BTreeMap<String, RoleRecord>,
    pub(super) policies: BTreeMap<String, PolicyRecord>,
    pub(super) oidc_providers: BTreeMap<String, Arc<CheckedProvider>>,
}

/// A user; its keys are found by its identity.
#[derive(Clone, Debug)]
pub(crate) struct UserRecord {
    pub(crate) identity: UserIdentity,
    pub(crate) display_name: String,
    pub(crate) comments: String,
    pub(crate) email: String,
    pub(crate) mobile_phone: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

/// A role and its policies.
#[derive(Clone, Debug)]
pub(crate) struct RoleRecord {
    pub(crate) role: Arc<Role>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) policies: Vec<AttachedPolicy>,
}

/// A policy that a role has.
#[derive(Clone, Debug)]
pub(crate) struct AttachedPolicy {
    pub(crate) name: String,
    /// A policy of the account, and not one of the system's.
    pub(crate) custom: bool,
    pub(crate) attached: Timestamp,
}

/// A custom policy.
#[derive(Clone, Debug)]
pub(crate) struct PolicyRecord {
    pub(crate) name: String,
    pub(crate) description: String,
    /// JSON, as it was sent.
    pub(crate) document: String,
    pub(crate) created: Timestamp,
}

impl State {
    pub(super) fn new(accounts: Vec<Account>, now: Timestamp) -> Self {
        let mut state = Self::default();
        for account in accounts {
            state.add(account, now);
        }
        state
    }

    /// Names, ids and keys were checked by the configuration: none occurs twice.
    fn add(&mut self, account: Account, now: Timestamp) {
        let id = account.id;
        let mut entities = AccountState::default();
        for key in account.access_keys {
            self.add_key(key, Identity::Account(id.clone()));
        }
        for user in account.users {
            let identity = UserIdentity { account_id: id.clone(), name: user.name, user_id: user.id };
            for key in user.access_keys {
                self.add_key(key, Identity::User(identity.clone()));
            }
            for key_pair in user.key_pairs {
                let owner = KeyPairOwner { user: identity.clone(), key_pair };
                self.key_pairs.insert(owner.key_pair.id.clone(), owner);
            }
            self.entity_ids.insert(identity.user_id.clone());
            let record = UserRecord {
                display_name: user.display_name,
                comments: user.comments,
                email: String::new(),
                mobile_phone: String::new(),
                created: now,
                updated: now,
                identity,
            };
            entities.users.insert(lower(&record.identity.name), record);
        }
        for role in account.roles {
            self.entity_ids.insert(role.id.clone());
            let record =
                RoleRecord { role: Arc::new(role), created: now, updated: now, policies: Vec::new() };
            entities.roles.insert(lower(&record.role.name), record);
        }
        for provider in account.oidc_providers {
            entities.oidc_providers.insert(lower(&provider.arn.name), Arc::new(provider));
        }
        self.accounts.insert(id, entities);
    }

    pub(super) fn account(&self, id: &str) -> Result<&AccountState, DirectoryError> {
        self.accounts.get(id).ok_or_else(|| DirectoryError::NoSuchAccount(id.to_owned()))
    }

    pub(super) fn account_mut(&mut self, id: &str) -> Result<&mut AccountState, DirectoryError> {
        self.accounts.get_mut(id).ok_or_else(|| DirectoryError::NoSuchAccount(id.to_owned()))
    }

    /// An id of 18 digits that no other user or role has. RAM's users have ids that begin with 2, roles with 3.
    pub(super) fn new_id(&mut self, first: char) -> Result<String, DirectoryError> {
        // One draw in 10^17 fails for each user and role there is.
        for _ in 0..10 {
            let digits = random::digits(17).map_err(|_| DirectoryError::NoRandomNumbers)?;
            let id = format!("{first}{digits}");
            if self.entity_ids.insert(id.clone()) {
                return Ok(id);
            }
        }
        Err(DirectoryError::NoRandomNumbers)
    }
}

pub(super) fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}
