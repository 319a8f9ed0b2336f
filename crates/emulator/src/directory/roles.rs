//! Roles: looked up, made, changed and deleted, with the sessions they have.

use std::sync::Arc;

use jiff::Timestamp;

use super::state::MAX_ENTITIES;
use super::{Attached, DirectoryError, RoleRecord, State};
use crate::entities::{MAX_SESSION_DURATION, Role};
use crate::names::{self, lower};
use crate::policy::TrustPolicy;
use crate::principal::Identity;

/// What a new role is made of.
pub(crate) struct NewRole<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    /// Seconds.
    pub(crate) max_session_duration: u32,
    pub(crate) trust_policy: TrustPolicy,
    /// Whether its policies, of which it has none yet, decide what it may do.
    pub(crate) policies_decide: bool,
}

/// What is changed of a role; `None` leaves it as it is.
#[derive(Default)]
pub(crate) struct RoleChange<'a> {
    pub(crate) description: Option<&'a str>,
    /// Seconds.
    pub(crate) max_session_duration: Option<u32>,
    pub(crate) trust_policy: Option<TrustPolicy>,
}

impl State {
    /// The role of this name, written in any case.
    pub(crate) fn role(&self, account_id: &str, name: &str) -> Result<&RoleRecord, DirectoryError> {
        let found = self.account(account_id)?.roles.get(&lower(name));
        found.ok_or_else(|| DirectoryError::NoSuchRole(name.to_owned()))
    }

    pub(super) fn role_mut(
        &mut self,
        account_id: &str,
        name: &str,
    ) -> Result<&mut RoleRecord, DirectoryError> {
        let found = self.account_mut(account_id)?.roles.get_mut(&lower(name));
        found.ok_or_else(|| DirectoryError::NoSuchRole(name.to_owned()))
    }

    /// The account's roles in the order of their names.
    pub(crate) fn roles(&self, account_id: &str) -> impl Iterator<Item = &RoleRecord> {
        self.accounts.get(account_id).into_iter().flat_map(|account| account.roles.values())
    }

    /// Makes a role. Its id is new, even where a role of this name was deleted.
    pub(crate) fn create_role(
        &mut self,
        account_id: &str,
        new: NewRole<'_>,
        now: Timestamp,
    ) -> Result<&RoleRecord, DirectoryError> {
        if !names::is_role_name(new.name) {
            return Err(DirectoryError::Invalid(format!(
                "role name {:?} is not made of 1 to 64 letters, digits, '.' and '-'",
                new.name
            )));
        }
        check_duration(new.max_session_duration)?;
        let roles = &self.account(account_id)?.roles;
        if roles.contains_key(&lower(new.name)) {
            return Err(DirectoryError::RoleExists(new.name.to_owned()));
        }
        if roles.len() >= MAX_ENTITIES {
            return Err(DirectoryError::Full { what: "roles", limit: MAX_ENTITIES });
        }
        let role = Arc::new(Role {
            name: new.name.to_owned(),
            id: self.new_id('3')?,
            description: new.description.to_owned(),
            max_session_duration: new.max_session_duration,
            trust_policy: new.trust_policy,
            policies: None,
        });
        let policies = Attached { policies: Vec::new(), decide: new.policies_decide };
        let record = RoleRecord { role, created: now, updated: now, policies };
        Ok(self.account_mut(account_id)?.roles.entry(lower(new.name)).insert_entry(record).into_mut())
    }

    /// Changes a role. Its sessions go on.
    pub(crate) fn update_role(
        &mut self,
        account_id: &str,
        name: &str,
        change: RoleChange<'_>,
        now: Timestamp,
    ) -> Result<&RoleRecord, DirectoryError> {
        change.max_session_duration.map_or(Ok(()), check_duration)?;
        let record = self.role_mut(account_id, name)?;
        let mut role = Role::clone(&record.role);
        if let Some(description) = change.description {
            description.clone_into(&mut role.description);
        }
        if let Some(seconds) = change.max_session_duration {
            role.max_session_duration = seconds;
        }
        if let Some(policy) = change.trust_policy {
            role.trust_policy = policy;
        }
        record.role = Arc::new(role);
        record.updated = now;
        Ok(record)
    }

    /// Deletes a role that has no policies, as RAM demands.
    pub(crate) fn delete_role_without_policies(
        &mut self,
        account_id: &str,
        name: &str,
    ) -> Result<(), DirectoryError> {
        if !self.role(account_id, name)?.policies.policies.is_empty() {
            return Err(DirectoryError::RoleHasPolicies(name.to_owned()));
        }
        self.delete_role(account_id, name)
    }

    /// Deletes a role; its sessions end.
    pub(crate) fn delete_role(&mut self, account_id: &str, name: &str) -> Result<(), DirectoryError> {
        let removed = self.account_mut(account_id)?.roles.remove(&lower(name));
        let gone = removed.ok_or_else(|| DirectoryError::NoSuchRole(name.to_owned()))?;
        let id = &gone.role.id;
        self.entity_ids.remove(id);
        self.forget_keys_of(|holder| matches!(holder, Identity::AssumedRole(s) if s.role_id == *id));
        Ok(())
    }
}

fn check_duration(seconds: u32) -> Result<(), DirectoryError> {
    if MAX_SESSION_DURATION.contains(&seconds) {
        return Ok(());
    }
    Err(DirectoryError::Invalid(format!(
        "a role's maximum session duration is {} to {} seconds, and not {seconds}",
        MAX_SESSION_DURATION.start(),
        MAX_SESSION_DURATION.end()
    )))
}
