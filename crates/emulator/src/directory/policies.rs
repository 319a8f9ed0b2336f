//! Permission policies, and which role has which. They restrict nothing: the emulator shows them, as RAM does.

use jiff::Timestamp;

use super::state::{MAX_ENTITIES, lower};
use super::{AttachedPolicy, DirectoryError, PolicyRecord, State};

/// Most policies of a role, each kind.
const MAX_ATTACHED: usize = 100;

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

    /// How many roles of the account have this policy.
    pub(crate) fn attachment_count(&self, account_id: &str, name: &str, custom: bool) -> usize {
        self.roles(account_id)
            .filter(|record| record.policies.iter().any(|policy| policy.is(name, custom)))
            .count()
    }

    /// Gives a role a policy, which exists.
    pub(crate) fn attach_policy(
        &mut self,
        account_id: &str,
        role: &str,
        policy: AttachedPolicy,
    ) -> Result<(), DirectoryError> {
        let record = self.role_mut(account_id, role)?;
        if record.policies.iter().any(|old| old.is(&policy.name, policy.custom)) {
            return Err(DirectoryError::PolicyAttached { policy: policy.name, role: role.to_owned() });
        }
        if record.policies.iter().filter(|old| old.custom == policy.custom).count() >= MAX_ATTACHED {
            return Err(DirectoryError::Full { what: "policies of this role", limit: MAX_ATTACHED });
        }
        record.policies.push(policy);
        Ok(())
    }

    /// Takes a policy from a role.
    pub(crate) fn detach_policy(
        &mut self,
        account_id: &str,
        role: &str,
        name: &str,
        custom: bool,
    ) -> Result<(), DirectoryError> {
        let record = self.role_mut(account_id, role)?;
        let before = record.policies.len();
        record.policies.retain(|policy| !policy.is(name, custom));
        if record.policies.len() == before {
            let (policy, role) = (name.to_owned(), role.to_owned());
            return Err(DirectoryError::PolicyNotAttached { policy, role });
        }
        Ok(())
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
