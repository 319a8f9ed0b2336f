//! Why a change to the directory was refused.

use thiserror::Error;

/// Why a user, role, policy or key could not be made, changed or deleted. Each message is one line and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// No such account in the configuration.
    #[error("there is no account {0:?}")]
    NoSuchAccount(String),
    /// No such user in the account.
    #[error("there is no user {0:?}")]
    NoSuchUser(String),
    /// No such role in the account.
    #[error("there is no role {0:?}")]
    NoSuchRole(String),
    /// No such policy in the account, nor among the system policies.
    #[error("there is no policy {0:?}")]
    NoSuchPolicy(String),
    /// No such OIDC provider in the account.
    #[error("there is no OIDC provider {0:?}")]
    NoSuchOidcProvider(String),
    /// No such access key.
    #[error("there is no access key {0:?}")]
    NoSuchAccessKey(String),
    /// The name is taken, in some case.
    #[error("there is a user {0:?} already")]
    UserExists(String),
    /// The name is taken, in some case.
    #[error("there is a role {0:?} already")]
    RoleExists(String),
    /// The name is taken, in some case.
    #[error("there is a policy {0:?} already")]
    PolicyExists(String),
    /// The name is taken, in some case.
    #[error("there is an OIDC provider {0:?} already")]
    OidcProviderExists(String),
    /// Another OIDC provider of the account has this issuer.
    #[error("there is an OIDC provider with the issuer {0:?} already")]
    OidcIssuerExists(String),
    /// Another key or key pair, of whatever account, has this id.
    #[error("there is an access key {0:?} already")]
    AccessKeyExists(String),
    /// The role has this policy already.
    #[error("the policy {policy:?} is attached to the role {role:?} already")]
    PolicyAttached {
        /// Name of the policy.
        policy: String,
        /// Name of the role.
        role: String,
    },
    /// The role does not have this policy.
    #[error("the policy {policy:?} is not attached to the role {role:?}")]
    PolicyNotAttached {
        /// Name of the policy.
        policy: String,
        /// Name of the role.
        role: String,
    },
    /// The user has this policy already.
    #[error("the policy {policy:?} is attached to the user {user:?} already")]
    PolicyAttachedToUser {
        /// Name of the policy.
        policy: String,
        /// Name of the user.
        user: String,
    },
    /// The user does not have this policy.
    #[error("the policy {policy:?} is not attached to the user {user:?}")]
    PolicyNotAttachedToUser {
        /// Name of the policy.
        policy: String,
        /// Name of the user.
        user: String,
    },
    /// A policy is deleted only when no user and no role has it.
    #[error("a {holder} has the policy {policy:?}: detach it first")]
    PolicyInUse {
        /// Name of the policy.
        policy: String,
        /// `user` or `role`.
        holder: &'static str,
    },
    /// A role is deleted only when no policy is attached to it.
    #[error("the role {0:?} has policies: detach them first")]
    RoleHasPolicies(String),
    /// A user is deleted only when no policy is attached to it.
    #[error("the user {0:?} has policies: detach them first")]
    UserHasPolicies(String),
    /// A user is deleted only when it has no access keys.
    #[error("the user {0:?} has access keys: delete them first")]
    UserHasAccessKeys(String),
    /// There are as many of these as the emulator keeps.
    #[error("there are {limit} {what} already, which is the most the emulator keeps")]
    Full {
        /// `users`, for instance.
        what: &'static str,
        /// How many.
        limit: usize,
    },
    /// A name, an id or a document is not of RAM's form.
    #[error("{0}")]
    Invalid(String),
    /// The system has no random numbers for a new id.
    #[error("the system has no random numbers for a new id")]
    NoRandomNumbers,
}
