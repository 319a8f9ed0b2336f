//! OIDC providers: looked up, registered and removed.

use std::sync::Arc;

use super::state::lower;
use super::{DirectoryError, State};
use crate::oidc::{CheckedProvider, ProviderArn};

/// Most OIDC providers of an account (RAM documentation, "Limits").
const MAX_PROVIDERS: usize = 100;

impl State {
    /// The provider of this name, written in any case.
    pub(crate) fn oidc_provider(&self, arn: &ProviderArn) -> Option<&Arc<CheckedProvider>> {
        self.accounts.get(&arn.account)?.oidc_providers.get(&lower(&arn.name))
    }

    /// Registers a provider. An account has each issuer once.
    pub(crate) fn add_oidc_provider(&mut self, provider: CheckedProvider) -> Result<(), DirectoryError> {
        let ProviderArn { account, name } = provider.arn.clone();
        let providers = &mut self.account_mut(&account)?.oidc_providers;
        if providers.contains_key(&lower(&name)) {
            return Err(DirectoryError::OidcProviderExists(name));
        }
        if providers.values().any(|other| other.issuer_url == provider.issuer_url) {
            return Err(DirectoryError::OidcIssuerExists(provider.issuer_url));
        }
        if providers.len() >= MAX_PROVIDERS {
            return Err(DirectoryError::Full { what: "OIDC providers", limit: MAX_PROVIDERS });
        }
        providers.insert(lower(&name), Arc::new(provider));
        Ok(())
    }

    /// Removes a provider. Sessions that were begun with its tokens go on.
    pub(crate) fn remove_oidc_provider(
        &mut self,
        account_id: &str,
        name: &str,
    ) -> Result<(), DirectoryError> {
        let removed = self.account_mut(account_id)?.oidc_providers.remove(&lower(name));
        removed.map(|_provider| ()).ok_or_else(|| DirectoryError::NoSuchOidcProvider(name.to_owned()))
    }
}
