//! Permission policies, and which user or role has which.

use jiff::Timestamp;

use super::state::MAX_ENTITIES;
use super::{Attached, AttachedPolicy, DirectoryError, PolicyRecord, State};
use crate::names::lower;
use crate::policy::{Policy, system};
use crate::principal::Identity;

/// Most policies of a user or a role, each kind.
const MAX_ATTACHED: usize = 100;

/// Who has policies, by name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holder<'a> {
    User(&'a str),
    Role(&'a str),
}

impl State {
    /// A custom policy of the account.
    pub(crate) fn policy(&self, account_id: &str, name: &str) -> Result<&PolicyRecord, DirectoryError> {
        let found = self.account(account_id)?.policies.get(&lower(name));
        found.ok_or_else(|| DirectoryError::NoSuchPolicy(name.to_owned()))
    }

    /// Makes a custom policy.
    pub(crate) fn create_policy(
        &mut self,
        account_id: &str,
        record: PolicyRecord,
    ) -> Result<&PolicyRecord, DirectoryError> {
        let policies = &mut self.account_mut(account_id)?.policies;
        let key = lower(&record.name);
        if policies.contains_key(&key) {
            return Err(DirectoryError::PolicyExists(record.name));
        }
        if policies.len() >= MAX_ENTITIES {
            return Err(DirectoryError::Full { what: "policies", limit: MAX_ENTITIES });
        }
        Ok(policies.entry(key).insert_entry(record).into_mut())
    }

    /// Deletes a custom policy that nobody has, as RAM demands.
    pub(crate) fn delete_policy(&mut self, account_id: &str, name: &str) -> Result<(), DirectoryError> {
        self.policy(account_id, name)?;
        let in_use = |holder| DirectoryError::PolicyInUse { policy: name.to_owned(), holder };
        if self.users(account_id).any(|record| record.policies.have(name, true)) {
            return Err(in_use("user"));
        }
        if self.roles(account_id).any(|record| record.policies.have(name, true)) {
            return Err(in_use("role"));
        }
        self.account_mut(account_id)?.policies.remove(&lower(name));
        Ok(())
    }

    /// How many users and roles of the account have this policy.
    pub(crate) fn attachment_count(&self, account_id: &str, name: &str, custom: bool) -> usize {
        let users = self.users(account_id).map(|record| &record.policies);
        let roles = self.roles(account_id).map(|record| &record.policies);
        users.chain(roles).filter(|attached| attached.have(name, custom)).count()
    }

    /// The policies of a user or a role.
    pub(crate) fn attached(
        &self,
        account_id: &str,
        holder: Holder<'_>,
    ) -> Result<&[AttachedPolicy], DirectoryError> {
        let attached = match holder {
            Holder::User(name) => &self.user(account_id, name)?.policies,
            Holder::Role(name) => &self.role(account_id, name)?.policies,
        };
        Ok(&attached.policies)
    }

    fn attached_mut(
        &mut self,
        account_id: &str,
        holder: Holder<'_>,
    ) -> Result<&mut Attached, DirectoryError> {
        Ok(match holder {
            Holder::User(name) => &mut self.user_mut(account_id, name)?.policies,
            Holder::Role(name) => &mut self.role_mut(account_id, name)?.policies,
        })
    }

    /// Gives a user or a role a policy, which exists. From now on its policies decide what it may do.
    pub(crate) fn attach_policy(
        &mut self,
        account_id: &str,
        holder: Holder<'_>,
        policy: AttachedPolicy,
    ) -> Result<(), DirectoryError> {
        let attached = self.attached_mut(account_id, holder)?;
        if attached.have(&policy.name, policy.custom) {
            return Err(holder.has_it(policy.name));
        }
        if attached.policies.iter().filter(|old| old.custom == policy.custom).count() >= MAX_ATTACHED {
            return Err(DirectoryError::Full { what: holder.policies(), limit: MAX_ATTACHED });
        }
        attached.policies.push(policy);
        attached.decide = true;
        Ok(())
    }

    /// Takes a policy from a user or a role.
    pub(crate) fn detach_policy(
        &mut self,
        account_id: &str,
        holder: Holder<'_>,
        name: &str,
        custom: bool,
    ) -> Result<(), DirectoryError> {
        let attached = self.attached_mut(account_id, holder)?;
        if !attached.have(name, custom) {
            return Err(holder.lacks_it(name.to_owned()));
        }
        attached.policies.retain(|policy| !policy.is(name, custom));
        Ok(())
    }

    /// The policies that decide what this caller may do, by name; `None`: it may do everything. A session has those that
    /// its role has now, and none when the role that it was begun with is gone, whatever has its name since.
    pub(crate) fn policies_of(&self, caller: &Identity) -> Option<Vec<(String, Policy)>> {
        let account = caller.account_id();
        let attached = match caller {
            Identity::Account(_) => return None,
            Identity::User(user) => self
                .user(account, &user.name)
                .ok()
                .filter(|record| record.identity.user_id == user.user_id)
                .map(|record| &record.policies),
            Identity::AssumedRole(session) => self
                .role(account, &session.role)
                .ok()
                .filter(|record| record.role.id == session.role_id)
                .map(|record| &record.policies),
        };
        let Some(attached) = attached else { return Some(Vec::new()) };
        attached.decide.then(|| {
            let policy = |attached: &AttachedPolicy| {
                let name = &attached.name;
                if attached.custom {
                    return self.policy(account, name).ok().map(|record| record.policy.clone());
                }
                system::find(name).map(system::SystemPolicy::policy)
            };
            let named = |attached: &AttachedPolicy| Some((attached.name.clone(), policy(attached)?));
            attached.policies.iter().filter_map(named).collect()
        })
    }
}

impl Attached {
    fn have(&self, name: &str, custom: bool) -> bool {
        self.policies.iter().any(|policy| policy.is(name, custom))
    }
}

impl AttachedPolicy {
    pub(crate) fn new(name: &str, custom: bool, now: Timestamp) -> Self {
        Self { name: name.to_owned(), custom, attached: now }
    }

    fn is(&self, name: &str, custom: bool) -> bool {
        self.custom == custom && self.name.eq_ignore_ascii_case(name)
    }
}

impl Holder<'_> {
    fn has_it(self, policy: String) -> DirectoryError {
        match self {
            Self::User(user) => DirectoryError::PolicyAttachedToUser { policy, user: user.to_owned() },
            Self::Role(role) => DirectoryError::PolicyAttached { policy, role: role.to_owned() },
        }
    }

    fn lacks_it(self, policy: String) -> DirectoryError {
        match self {
            Self::User(user) => DirectoryError::PolicyNotAttachedToUser { policy, user: user.to_owned() },
            Self::Role(role) => DirectoryError::PolicyNotAttached { policy, role: role.to_owned() },
        }
    }

    fn policies(self) -> &'static str {
        match self {
            Self::User(_) => "policies of this user",
            Self::Role(_) => "policies of this role",
        }
    }
}
