//! OIDC providers: looked up, registered, changed and removed.

use std::sync::Arc;

use jiff::Timestamp;

use super::{DirectoryError, State};
use crate::names::lower;
use crate::oidc::{CheckedProvider, ProviderArn};

/// Most OIDC providers of an account (RAM documentation, "Limits").
const MAX_PROVIDERS: usize = 100;

/// A provider, and how old it is.
#[derive(Clone, Debug)]
pub(crate) struct ProviderRecord {
    pub(crate) provider: Arc<CheckedProvider>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

impl State {
    /// The provider of this name, written in any case.
    pub(crate) fn oidc_provider(
        &self,
        account_id: &str,
        name: &str,
    ) -> Result<&ProviderRecord, DirectoryError> {
        let found = self.account(account_id)?.oidc_providers.get(&lower(name));
        found.ok_or_else(|| DirectoryError::NoSuchOidcProvider(name.to_owned()))
    }

    /// The providers of an account, in the order of their lower-case names.
    pub(crate) fn oidc_providers(&self, account_id: &str) -> impl Iterator<Item = &ProviderRecord> {
        self.accounts.get(account_id).into_iter().flat_map(|account| account.oidc_providers.values())
    }

    /// Registers a provider. An account has each issuer once.
    pub(crate) fn add_oidc_provider(
        &mut self,
        provider: CheckedProvider,
        now: Timestamp,
    ) -> Result<&ProviderRecord, DirectoryError> {
        let ProviderArn { account, name } = provider.arn.clone();
        let providers = &mut self.account_mut(&account)?.oidc_providers;
        if providers.contains_key(&lower(&name)) {
            return Err(DirectoryError::OidcProviderExists(name));
        }
        if providers.values().any(|other| other.provider.issuer_url == provider.issuer_url) {
            return Err(DirectoryError::OidcIssuerExists(provider.issuer_url));
        }
        if providers.len() >= MAX_PROVIDERS {
            return Err(DirectoryError::Full { what: "OIDC providers", limit: MAX_PROVIDERS });
        }
        let record = ProviderRecord { provider: Arc::new(provider), created: now, updated: now };
        Ok(providers.entry(lower(&name)).or_insert(record))
    }

    /// Changes a provider: all of the change is made, or none where it is refused. Name and issuer stay.
    pub(crate) fn change_oidc_provider<E: From<DirectoryError>>(
        &mut self,
        account_id: &str,
        name: &str,
        now: Timestamp,
        change: impl FnOnce(&mut CheckedProvider) -> Result<(), E>,
    ) -> Result<&ProviderRecord, E> {
        let record = self
            .account_mut(account_id)?
            .oidc_providers
            .get_mut(&lower(name))
            .ok_or_else(|| DirectoryError::NoSuchOidcProvider(name.to_owned()))?;
        let mut changed = CheckedProvider::clone(&record.provider);
        change(&mut changed)?;
        record.provider = Arc::new(changed);
        record.updated = now;
        Ok(record)
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
