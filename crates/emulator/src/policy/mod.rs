//! Policies of RAM: one form, one evaluation, for trust policies, permission policies and session policies.
//!
//! See the RAM documentation, "Policy elements", "Conditional operators" and "Policy evaluation". What the emulator cannot
//! decide is refused when the policy comes, so that a policy never means less here than it says.

mod condition;
mod context;
mod decision;
mod document;
mod network;
mod pattern;
mod permission;
mod permissions;
mod principals;
mod statement;
pub(crate) mod system;
mod trust;

pub(crate) use context::{OidcCaller, Origin};
pub(crate) use decision::{Decision, PolicyType, Refusal};
pub(crate) use document::PolicyDocument;
pub(crate) use permission::Policy;
pub(crate) use permissions::{Ask, authorize};
pub(crate) use trust::{ASSUME_ROLE, AssumeRoleRequest, Caller, TrustPolicy};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trust_tests;
