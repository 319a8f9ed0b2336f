//! Who exists, and which access key belongs to whom: the configuration at first, then what RAM's operations and tests
//! make of it, and the temporary keys issued so far.
//!
//! One lock holds all of it, so that a deletion is complete as soon as it returns; signatures are checked outside.

mod error;
mod keys;
mod oidc_providers;
mod policies;
mod roles;
mod state;
mod users;

use std::sync::Arc;

use jiff::Timestamp;
use signature::Secret;

use crate::entities::{Account, Role};
use crate::key_pair::KeyPairOwner;
use crate::oidc::{CheckedProvider, ProviderArn};
use crate::principal::Identity;
use crate::sync::Shared;

pub use error::DirectoryError;
pub(crate) use oidc_providers::ProviderRecord;
pub(crate) use policies::Holder;
pub(crate) use roles::{NewRole, RoleChange};
pub(crate) use state::{Attached, AttachedPolicy, PolicyRecord, RoleRecord, State, UserRecord};
pub(crate) use users::NewUser;

/// What the check of a signature needs to know about an access key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) secret: Secret,
    pub(crate) active: bool,
    /// Set for keys that come with a security token.
    pub(crate) session: Option<SessionToken>,
    /// The end of a key that comes without a security token: a session access key.
    pub(crate) ends: Option<Timestamp>,
    pub(crate) identity: Identity,
}

impl Key {
    /// When it ends; `None` for keys that do not.
    fn expiration(&self) -> Option<Timestamp> {
        self.session.as_ref().map(|session| session.expiration).or(self.ends)
    }
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

/// Accounts, users, roles, policies and keys.
#[derive(Debug)]
pub(crate) struct Directory(Shared<State>);

impl Directory {
    /// These accounts, all of whose users and roles are as old as `now`.
    pub(crate) fn new(accounts: Vec<Account>, now: Timestamp) -> Self {
        Self(Shared::new(State::new(accounts, now)))
    }

    /// Looks something up.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.read())
    }

    /// Changes something; nobody sees half of the change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.write())
    }

    /// The role of this name, written in any case.
    pub(crate) fn role(&self, account_id: &str, name: &str) -> Option<Arc<Role>> {
        self.read(|state| state.role(account_id, name).ok().map(|record| Arc::clone(&record.role)))
    }

    /// The user of this name, written in any case.
    pub(crate) fn user(&self, account_id: &str, name: &str) -> Option<UserRecord> {
        self.read(|state| state.user(account_id, name).ok().cloned())
    }

    /// The key pair with this id, and its owner.
    pub(crate) fn key_pair(&self, id: &str) -> Option<KeyPairOwner> {
        self.read(|state| state.key_pair(id).cloned())
    }

    /// The OIDC provider with this ARN.
    pub(crate) fn oidc_provider(&self, arn: &ProviderArn) -> Option<Arc<CheckedProvider>> {
        self.read(|state| {
            let found = state.oidc_provider(&arn.account, &arn.name);
            found.ok().map(|record| Arc::clone(&record.provider))
        })
    }

    /// Remembers a temporary key that was issued, and forgets those that expired a day before `now`.
    ///
    /// `false` when the user or role it is for was deleted meanwhile: then it is not remembered.
    pub(crate) fn issue(&self, access_key_id: String, key: Key, now: Timestamp) -> bool {
        self.change(|state| state.issue(access_key_id, key, now))
    }
}

impl Keys for Directory {
    fn find(&self, access_key_id: &str) -> Option<Key> {
        self.read(|state| state.key(access_key_id).cloned())
    }

    fn is_issued(&self, token: &Secret) -> bool {
        self.read(|state| state.is_issued(token))
    }
}

#[cfg(test)]
mod tests;
