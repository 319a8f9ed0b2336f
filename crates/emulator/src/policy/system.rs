//! Some of the policies that every account has. The names are the real ones; a document here allows what the policy
//! is named for, where the real ones list a few actions of other services besides.

use serde_json::json;

use super::Policy;
use super::statement::Statement;

/// When system policies were made, as far as answers say.
pub(crate) const CREATED: &str = "2015-04-28T17:25:33Z";

/// A policy of the system.
pub(crate) struct SystemPolicy {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    actions: &'static [&'static str],
}

const POLICIES: &[SystemPolicy] = &[
    policy("AdministratorAccess", "Everything.", &["*"]),
    policy("ReadOnlyAccess", "Looking at everything.", &["*:Describe*", "*:List*", "*:Get*"]),
    policy("AliyunCSFullAccess", "Container Service.", &["cs:*"]),
    policy(
        "AliyunCSReadOnlyAccess",
        "Looking at Container Service.",
        &["cs:Get*", "cs:List*", "cs:Describe*"],
    ),
    policy("AliyunContainerRegistryFullAccess", "Container Registry.", &["cr:*"]),
    policy(
        "AliyunContainerRegistryReadOnlyAccess",
        "Looking at Container Registry.",
        &["cr:Get*", "cr:List*"],
    ),
    policy("AliyunECSFullAccess", "Elastic Compute Service.", &["ecs:*"]),
    policy("AliyunECSReadOnlyAccess", "Looking at Elastic Compute Service.", &["ecs:Describe*", "ecs:List*"]),
    policy("AliyunLogFullAccess", "Simple Log Service.", &["log:*"]),
    policy("AliyunLogReadOnlyAccess", "Looking at Simple Log Service.", &["log:Get*", "log:List*"]),
    policy("AliyunOSSFullAccess", "Object Storage Service.", &["oss:*"]),
    policy("AliyunOSSReadOnlyAccess", "Looking at Object Storage Service.", &["oss:Get*", "oss:List*"]),
    policy("AliyunRAMFullAccess", "Resource Access Management.", &["ram:*", "ims:*"]),
    policy(
        "AliyunRAMReadOnlyAccess",
        "Looking at Resource Access Management.",
        &["ram:Get*", "ram:List*", "ims:Get*", "ims:List*"],
    ),
    policy("AliyunSTSAssumeRoleAccess", "Assuming roles.", &["sts:AssumeRole"]),
    policy("AliyunVPCFullAccess", "Virtual Private Cloud.", &["vpc:*"]),
    policy("AliyunVPCReadOnlyAccess", "Looking at Virtual Private Cloud.", &["vpc:Describe*", "vpc:List*"]),
];

const fn policy(
    name: &'static str,
    description: &'static str,
    actions: &'static [&'static str],
) -> SystemPolicy {
    SystemPolicy { name, description, actions }
}

/// The policy of this name, written in any case.
pub(crate) fn find(name: &str) -> Option<&'static SystemPolicy> {
    POLICIES.iter().find(|policy| policy.name.eq_ignore_ascii_case(name))
}

impl SystemPolicy {
    pub(crate) fn document(&self) -> String {
        let statement = json!({"Effect": "Allow", "Action": self.actions, "Resource": "*"});
        json!({"Version": "1", "Statement": [statement]}).to_string()
    }

    /// What the document means.
    pub(crate) fn policy(&self) -> Policy {
        Policy::of_statements(self.document(), vec![Statement::allowing(self.actions)])
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_mean_what_the_policies_decide() {
        for system in POLICIES {
            let read = Policy::from_json(&system.document(), system.name).unwrap();
            assert_eq!(format!("{read:?}"), format!("{:?}", system.policy()), "{}", system.name);
        }
    }
}
