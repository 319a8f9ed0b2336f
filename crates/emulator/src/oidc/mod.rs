//! OIDC providers of an account, and the check of the tokens that their issuers sign.
//!
//! See the RAM documentation, "Manage an OIDC IdP", and the STS API reference, "AssumeRoleWithOIDC". The issuer's keys
//! are part of the provider here: the emulator does not fetch them.

mod arn;
mod keys;
mod provider;
mod refusal;
mod token;

pub(crate) use arn::ProviderArn;
pub(crate) use provider::CheckedProvider;
pub use provider::OidcProvider;
pub(crate) use refusal::{no_permission, no_such_provider};
pub(crate) use token::Claims;

#[cfg(test)]
mod tests;
