//! What policies answer, and why.

use std::fmt;

/// The statement that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct By {
    /// Name of the policy, or what it is.
    pub(crate) policy: String,
    /// Place of the statement in it, counted from 1.
    pub(crate) statement: usize,
}

/// The answer of one policy or of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed(By),
    /// A `Deny` statement applies.
    ExplicitDeny(By),
    /// No statement applies.
    ImplicitDeny,
}

impl Decision {
    pub(crate) fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (answer, by) = match self {
            Self::Allowed(by) => ("allowed", by),
            Self::ExplicitDeny(by) => ("denied", by),
            Self::ImplicitDeny => return f.write_str("no statement of any policy allows it"),
        };
        write!(f, "{answer} by statement {} of {}", by.statement, by.policy)
    }
}

/// Which kind of policy refused, as `PolicyType` of permission errors says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyType {
    /// What is attached to the user or the role.
    Identity,
    /// What came with AssumeRole.
    Session,
    /// A role's trust policy.
    Trust,
}

/// Why something is not permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) policy_type: PolicyType,
    /// Never [`Decision::Allowed`].
    pub(crate) decision: Decision,
}

impl Refusal {
    /// `NoPermissionType` of permission errors.
    pub(crate) fn no_permission_type(&self) -> &'static str {
        match self.decision {
            Decision::ExplicitDeny(_) => "ExplicitDeny",
            Decision::ImplicitDeny | Decision::Allowed(_) => "ImplicitDeny",
        }
    }

    /// `PolicyType` of permission errors.
    pub(crate) fn policy_type(&self) -> &'static str {
        match self.policy_type {
            PolicyType::Identity => "AccountLevelIdentityBasedPolicy",
            PolicyType::Session => "SessionPolicy",
            PolicyType::Trust => "AssumeRolePolicy",
        }
    }
}
