//! OIDC providers.

use serde_json::{Value, json};
use signature::format_timestamp;

use super::params;
use crate::directory::ProviderRecord;
use crate::error::ApiError;
use crate::oidc::{CheckedProvider, MAX_CLIENT_IDS, MAX_FINGERPRINTS, OidcProvider};
use crate::operation::{Call, Fields};
use crate::principal::Identity;
use crate::ram::paging::Page;

/// Most that `MaxItems` may ask for.
const MAX_ITEMS: usize = 100;

pub(super) fn create(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let name = params::name(call.params)?;
    let mut provider = OidcProvider::new(caller.account_id(), name, params::issuer_url(call.params)?);
    for id in params::client_ids(call.params)?.unwrap_or_default() {
        provider = provider.client_id(&id);
    }
    for fingerprint in params::fingerprints(call.params)?.unwrap_or_default() {
        provider = provider.fingerprint(&fingerprint);
    }
    if let Some(hours) = params::issuance_limit(call.params)? {
        provider = provider.issuance_limit_hours(hours);
    }
    if let Some(text) = params::description(call.params, "Description")? {
        provider = provider.description(text);
    }
    let invalid = |problem: String| ApiError::new(400, "InvalidParameter", problem);
    let provider = provider.check_values().map_err(invalid)?;
    call.directory.change(|state| Ok(fields(state.add_oidc_provider(provider, call.now)?)))
}

pub(super) fn get(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let name = params::name(call.params)?;
    call.directory.read(|state| Ok(fields(state.oidc_provider(caller.account_id(), name)?)))
}

pub(super) fn update(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let description = params::description(call.params, "NewDescription")?;
    let client_ids = params::client_ids(call.params)?;
    let hours = params::issuance_limit(call.params)?;
    change(call, caller, |provider| {
        if let Some(text) = description {
            text.clone_into(&mut provider.description);
        }
        if let Some(ids) = client_ids {
            provider.client_ids = ids;
        }
        provider.issuance_limit = hours.unwrap_or(provider.issuance_limit);
        Ok(())
    })
}

pub(super) fn delete(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let name = params::name(call.params)?;
    call.directory.change(|state| state.remove_oidc_provider(caller.account_id(), name))?;
    Ok(Fields::new())
}

pub(super) fn list(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let page = Page::of_at_most(call.params, MAX_ITEMS)?;
    Ok(call.directory.read(|state| {
        page.of_items(
            state.oidc_providers(caller.account_id()),
            |record| record.provider.arn.name.clone(),
            |record| provider(record),
            ("OIDCProviders", "OIDCProvider"),
        )
    }))
}

pub(super) fn add_client_id(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let id = params::client_id(call.params)?;
    change(call, caller, |provider| {
        if provider.client_ids.iter().any(|other| other == id) {
            return Err(there_already("ClientId", "client id"));
        }
        if provider.client_ids.len() >= MAX_CLIENT_IDS {
            return Err(params::too_many_client_ids());
        }
        provider.client_ids.push(id.to_owned());
        Ok(())
    })
}

pub(super) fn remove_client_id(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let id = params::client_id(call.params)?;
    change(call, caller, |provider| {
        let before = provider.client_ids.len();
        provider.client_ids.retain(|other| other != id);
        if provider.client_ids.len() < before { Ok(()) } else { Err(not_there("ClientId", "client id")) }
    })
}

pub(super) fn add_fingerprint(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let fingerprint = params::fingerprint(call.params)?;
    change(call, caller, |provider| {
        if provider.fingerprints.iter().any(|other| other.eq_ignore_ascii_case(fingerprint)) {
            return Err(there_already("Fingerprint", "fingerprint"));
        }
        if provider.fingerprints.len() >= MAX_FINGERPRINTS {
            return Err(params::too_many_fingerprints());
        }
        provider.fingerprints.push(fingerprint.to_owned());
        Ok(())
    })
}

pub(super) fn remove_fingerprint(call: &Call<'_>, caller: &Identity) -> Result<Fields, ApiError> {
    let fingerprint = params::fingerprint(call.params)?;
    change(call, caller, |provider| {
        let before = provider.fingerprints.len();
        provider.fingerprints.retain(|other| !other.eq_ignore_ascii_case(fingerprint));
        if provider.fingerprints.len() < before {
            Ok(())
        } else {
            Err(not_there("Fingerprint", "fingerprint"))
        }
    })
}

fn change(
    call: &Call<'_>,
    caller: &Identity,
    change: impl FnOnce(&mut CheckedProvider) -> Result<(), ApiError>,
) -> Result<Fields, ApiError> {
    let name = params::name(call.params)?;
    call.directory.change(|state| {
        Ok(fields(state.change_oidc_provider(caller.account_id(), name, call.now, change)?))
    })
}

/// The code is the emulator's own.
fn there_already(kind: &str, what: &str) -> ApiError {
    ApiError::new(
        409,
        format!("EntityAlreadyExists.OIDCProvider.{kind}"),
        format!("The {what} does already EXIST in the OIDC provider."),
    )
}

/// The code is the emulator's own.
fn not_there(kind: &str, what: &str) -> ApiError {
    ApiError::new(
        404,
        format!("EntityNotExist.OIDCProvider.{kind}"),
        format!("The {what} does not exist in the OIDC provider."),
    )
}

fn fields(record: &ProviderRecord) -> Fields {
    let mut fields = Fields::new();
    fields.insert("OIDCProvider".to_owned(), provider(record));
    fields
}

fn provider(record: &ProviderRecord) -> Value {
    let ProviderRecord { provider, created, updated } = record;
    json!({
        "OIDCProviderName": provider.arn.name,
        "Arn": provider.arn.to_string(),
        "IssuerUrl": provider.issuer_url,
        "ClientIds": provider.client_ids.join(","),
        "Fingerprints": provider.fingerprints.join(","),
        "IssuanceLimitTime": provider.issuance_limit,
        "Description": provider.description,
        "CreateDate": format_timestamp(*created),
        "UpdateDate": format_timestamp(*updated),
        "GmtCreate": created.as_millisecond().to_string(),
        "GmtModified": updated.as_millisecond().to_string(),
    })
}
