//! Users: looked up, made and deleted.

use jiff::Timestamp;

use super::state::MAX_ENTITIES;
use super::{Attached, DirectoryError, State, UserRecord};
use crate::names::{self, lower};
use crate::principal::{Identity, UserIdentity};

/// What a new user is made of.
#[derive(Default)]
pub(crate) struct NewUser<'a> {
    pub(crate) name: &'a str,
    pub(crate) display_name: &'a str,
    pub(crate) comments: &'a str,
    pub(crate) email: &'a str,
    pub(crate) mobile_phone: &'a str,
}

impl State {
    /// The user of this name, written in any case.
    pub(crate) fn user(&self, account_id: &str, name: &str) -> Result<&UserRecord, DirectoryError> {
        let found = self.account(account_id)?.users.get(&lower(name));
        found.ok_or_else(|| DirectoryError::NoSuchUser(name.to_owned()))
    }

    pub(super) fn user_mut(
        &mut self,
        account_id: &str,
        name: &str,
    ) -> Result<&mut UserRecord, DirectoryError> {
        let found = self.account_mut(account_id)?.users.get_mut(&lower(name));
        found.ok_or_else(|| DirectoryError::NoSuchUser(name.to_owned()))
    }

    /// The account's users in the order of their names.
    pub(crate) fn users(&self, account_id: &str) -> impl Iterator<Item = &UserRecord> {
        self.accounts.get(account_id).into_iter().flat_map(|account| account.users.values())
    }

    /// Makes a user without keys.
    pub(crate) fn create_user(
        &mut self,
        account_id: &str,
        new: &NewUser<'_>,
        now: Timestamp,
    ) -> Result<&UserRecord, DirectoryError> {
        let name = new.name;
        if !names::is_user_name(name) {
            return Err(DirectoryError::Invalid(format!(
                "user name {name:?} is not made of 1 to 64 letters, digits, '.', '-', '_' and '@'"
            )));
        }
        let users = &self.account(account_id)?.users;
        if users.contains_key(&lower(name)) {
            return Err(DirectoryError::UserExists(name.to_owned()));
        }
        if users.len() >= MAX_ENTITIES {
            return Err(DirectoryError::Full { what: "users", limit: MAX_ENTITIES });
        }
        let identity = UserIdentity {
            account_id: account_id.to_owned(),
            name: name.to_owned(),
            user_id: self.new_id('2')?,
        };
        let record = UserRecord {
            identity,
            display_name: new.display_name.to_owned(),
            comments: new.comments.to_owned(),
            email: new.email.to_owned(),
            mobile_phone: new.mobile_phone.to_owned(),
            created: now,
            updated: now,
            policies: Attached::default(),
        };
        Ok(self.account_mut(account_id)?.users.entry(lower(name)).insert_entry(record).into_mut())
    }

    /// Deletes a user that has no access keys and no policies, as RAM demands.
    pub(crate) fn delete_unused_user(&mut self, account_id: &str, name: &str) -> Result<(), DirectoryError> {
        let user = self.user(account_id, name)?;
        if !user.policies.policies.is_empty() {
            return Err(DirectoryError::UserHasPolicies(name.to_owned()));
        }
        let holder = Identity::User(user.identity.clone());
        if !self.access_key_ids(&holder).is_empty() {
            return Err(DirectoryError::UserHasAccessKeys(name.to_owned()));
        }
        self.delete_user(account_id, name)
    }

    /// Deletes a user and all its keys and key pairs. Sessions of roles that it assumed go on, as they do with STS.
    pub(crate) fn delete_user(&mut self, account_id: &str, name: &str) -> Result<(), DirectoryError> {
        let removed = self.account_mut(account_id)?.users.remove(&lower(name));
        let gone = removed.ok_or_else(|| DirectoryError::NoSuchUser(name.to_owned()))?.identity;
        self.entity_ids.remove(&gone.user_id);
        self.key_pairs.retain(|_, owner| owner.user.user_id != gone.user_id);
        self.forget_keys_of(|holder| matches!(holder, Identity::User(user) if user.user_id == gone.user_id));
        Ok(())
    }
}
