//! The directory's data.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::oidc_providers::ProviderRecord;
use super::{DirectoryError, Key};
use crate::entities::{Account, PolicyName, Role};
use crate::key_pair::KeyPairOwner;
use crate::names::lower;
use crate::policy::Policy;
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
    pub(super) oidc_providers: BTreeMap<String, ProviderRecord>,
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
    pub(crate) policies: Attached,
}

/// A role and its policies.
#[derive(Clone, Debug)]
pub(crate) struct RoleRecord {
    pub(crate) role: Arc<Role>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) policies: Attached,
}

/// The policies of a user or a role.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attached {
    /// In the order in which they were attached.
    pub(crate) policies: Vec<AttachedPolicy>,
    /// Whether they decide what the user or role may do: everything, otherwise.
    pub(crate) decide: bool,
}

/// A policy that a user or a role has.
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
    pub(crate) policy: Policy,
    pub(crate) created: Timestamp,
}

impl Attached {
    fn of_config(names: Option<Vec<PolicyName>>, now: Timestamp) -> Self {
        let decide = names.is_some();
        let names = names.into_iter().flatten();
        Self {
            policies: names.map(|name| AttachedPolicy::new(&name.name, name.custom, now)).collect(),
            decide,
        }
    }
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
                policies: Attached::of_config(user.policies, now),
                identity,
            };
            entities.users.insert(lower(&record.identity.name), record);
        }
        for role in account.roles {
            self.entity_ids.insert(role.id.clone());
            let policies = Attached::of_config(role.policies.clone(), now);
            let record = RoleRecord { role: Arc::new(role), created: now, updated: now, policies };
            entities.roles.insert(lower(&record.role.name), record);
        }
        for custom in account.policies {
            let record = PolicyRecord {
                name: custom.name,
                description: String::new(),
                policy: custom.policy,
                created: now,
            };
            entities.policies.insert(lower(&record.name), record);
        }
        for provider in account.oidc_providers {
            let name = lower(&provider.arn.name);
            let record = ProviderRecord { provider: Arc::new(provider), created: now, updated: now };
            entities.oidc_providers.insert(name, record);
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
