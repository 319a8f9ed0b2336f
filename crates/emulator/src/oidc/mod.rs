//! OIDC providers of an account, and the check of the tokens that their issuers sign.
//!
//! See the RAM documentation, "Manage an OIDC IdP", and the STS API reference, "AssumeRoleWithOIDC". The issuer's keys are
//! part of the provider, or fetched from the issuer (`issuer`).

mod arn;
mod issuer;
mod keys;
mod provider;
mod refusal;
mod token;

pub(crate) use arn::ProviderArn;
pub(crate) use issuer::{Issuers, Trust};
pub(crate) use keys::KeySet;
pub use provider::OidcProvider;
pub(crate) use provider::{
    CheckedProvider, ISSUANCE_LIMIT, MAX_CLIENT_IDS, MAX_DESCRIPTION, MAX_FINGERPRINTS, MAX_TEXT,
    is_fingerprint, is_issuer_url, is_visible,
};
pub(crate) use refusal::{no_permission, no_such_provider};
pub(crate) use token::Claims;

#[cfg(test)]
mod tests;
