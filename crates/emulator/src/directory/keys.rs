//! Access keys: those that users have, and those that are issued for a while.

use jiff::{SignedDuration, Timestamp};
use signature::{Secret, acs3};

use super::{DirectoryError, Key, State};
use crate::entities::AccessKey;
use crate::key_pair::KeyPairOwner;
use crate::names;
use crate::principal::{Identity, TEMPORARY_KEY_PREFIX};

/// Keys that have expired are remembered this long, so that STS can say that they have.
const REMEMBER_EXPIRED: SignedDuration = SignedDuration::from_hours(24);

/// Most keys that are remembered at a time; beyond them those go first that end first.
const MAX_ISSUED: usize = 500_000;

impl State {
    pub(crate) fn key(&self, access_key_id: &str) -> Option<&Key> {
        self.keys.get(access_key_id)
    }

    pub(crate) fn key_pair(&self, id: &str) -> Option<&KeyPairOwner> {
        self.key_pairs.get(id)
    }

    pub(crate) fn is_issued(&self, token: &Secret) -> bool {
        self.tokens.contains(&digest(token))
    }

    pub(super) fn add_key(&mut self, key: AccessKey, identity: Identity) {
        let AccessKey { id, secret, active } = key;
        self.keys.insert(id, Key { secret, active, session: None, ends: None, identity });
    }

    /// A key of a user, for as long as the user lives.
    pub(crate) fn create_access_key(
        &mut self,
        account_id: &str,
        user: &str,
        id: &str,
        secret: Secret,
    ) -> Result<(), DirectoryError> {
        let identity = Identity::User(self.user(account_id, user)?.identity.clone());
        if !names::is_access_key_id(id) || id.starts_with(TEMPORARY_KEY_PREFIX) {
            return Err(DirectoryError::Invalid(format!(
                "access key id {id:?} is not made of 1 to 128 letters, digits, '.', '-' and '_', or begins with STS."
            )));
        }
        if secret.is_empty() {
            return Err(DirectoryError::Invalid(format!("access key {id:?} has an empty secret")));
        }
        if self.keys.contains_key(id) || self.key_pairs.contains_key(id) {
            return Err(DirectoryError::AccessKeyExists(id.to_owned()));
        }
        self.add_key(AccessKey { id: id.to_owned(), secret, active: true }, identity);
        Ok(())
    }

    /// Disables a key, or enables it again.
    pub(crate) fn set_access_key_active(&mut self, id: &str, active: bool) -> Result<(), DirectoryError> {
        match self.keys.get_mut(id) {
            Some(key) => key.active = active,
            None => return Err(DirectoryError::NoSuchAccessKey(id.to_owned())),
        }
        Ok(())
    }

    /// Deletes a key, a temporary one too.
    pub(crate) fn delete_access_key(&mut self, id: &str) -> Result<(), DirectoryError> {
        if self.forget(id) { Ok(()) } else { Err(DirectoryError::NoSuchAccessKey(id.to_owned())) }
    }

    /// Ids of keys without an end whose holder is this, in order.
    pub(crate) fn access_key_ids(&self, holder: &Identity) -> Vec<String> {
        let mut ids: Vec<String> = self
            .keys
            .iter()
            .filter(|(_, key)| key.expiration().is_none() && key.identity == *holder)
            .map(|(id, _)| id.clone())
            .collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn issue(&mut self, access_key_id: String, key: Key, now: Timestamp) -> bool {
        let Some(expiration) = key.expiration() else { return false };
        if !self.exists(&key.identity) {
            return false;
        }
        self.forget_expired(now);
        if let Some(session) = &key.session {
            self.tokens.insert(digest(&session.token));
        }
        self.by_end.insert((expiration, access_key_id.clone()));
        self.keys.insert(access_key_id, key);
        true
    }

    fn exists(&self, holder: &Identity) -> bool {
        match holder {
            Identity::Account(id) => self.account(id).is_ok(),
            Identity::User(user) => self
                .user(&user.account_id, &user.name)
                .is_ok_and(|record| record.identity.user_id == user.user_id),
            Identity::AssumedRole(session) => self
                .role(&session.account_id, &session.role)
                .is_ok_and(|record| record.role.id == session.role_id),
        }
    }

    fn forget_expired(&mut self, now: Timestamp) {
        while self.by_end.len() >= MAX_ISSUED
            || self.by_end.first().is_some_and(|(end, _)| now.duration_since(*end) >= REMEMBER_EXPIRED)
        {
            let Some((_, id)) = self.by_end.pop_first() else { return };
            self.forget(&id);
        }
    }

    /// Forgets the keys for whose holder this is true.
    pub(super) fn forget_keys_of(&mut self, gone: impl Fn(&Identity) -> bool) {
        let ids: Vec<String> =
            self.keys.iter().filter(|(_, key)| gone(&key.identity)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.forget(&id);
        }
    }

    fn forget(&mut self, id: &str) -> bool {
        let Some(key) = self.keys.remove(id) else { return false };
        if let Some(end) = key.expiration() {
            self.by_end.remove(&(end, id.to_owned()));
        }
        if let Some(session) = &key.session {
            self.tokens.remove(&digest(&session.token));
        }
        true
    }
}

fn digest(token: &Secret) -> String {
    acs3::sha256_hex(token.expose().as_bytes())
}
