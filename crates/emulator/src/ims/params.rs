//! Parameters of the operations on OIDC providers, checked as the documentation of CreateOIDCProvider has them.

use crate::error::ApiError;
use crate::names::is_oidc_provider_name;
use crate::oidc::{
    ISSUANCE_LIMIT, MAX_CLIENT_IDS, MAX_DESCRIPTION, MAX_FINGERPRINTS, MAX_TEXT, is_fingerprint,
    is_issuer_url, is_visible,
};
use crate::ram::refusal::{invalid_chars, too_long};
use crate::request::Params;

/// Characters.
const MAX_NAME: usize = 128;
/// Characters of a client id.
const MAX_CLIENT_ID: usize = 128;

pub(super) fn name(params: &Params) -> Result<&str, ApiError> {
    let key = "OIDCProviderName";
    let name = params.required(key)?;
    if name.chars().count() > MAX_NAME {
        return Err(too_long(key));
    }
    if is_oidc_provider_name(name) { Ok(name) } else { Err(invalid_chars(key)) }
}

pub(super) fn issuer_url(params: &Params) -> Result<&str, ApiError> {
    let key = "IssuerUrl";
    let url = params.required(key)?;
    if url.chars().count() > MAX_TEXT {
        return Err(too_long(key));
    }
    if is_issuer_url(url) { Ok(url) } else { Err(ApiError::wrongly_formed(key)) }
}

/// `Description` or `NewDescription`; `None` when it is not given.
pub(super) fn description<'a>(params: &'a Params, key: &str) -> Result<Option<&'a str>, ApiError> {
    match params.get(key) {
        Some(text) if text.chars().count() > MAX_DESCRIPTION => Err(too_long(key)),
        given => Ok(given),
    }
}

/// Hours; `None` when it is not given.
pub(super) fn issuance_limit(params: &Params) -> Result<Option<u32>, ApiError> {
    let key = "IssuanceLimitTime";
    let Some(text) = params.get(key).filter(|text| !text.is_empty()) else { return Ok(None) };
    let hours = text.parse().ok().filter(|hours| ISSUANCE_LIMIT.contains(hours));
    hours.map(Some).ok_or_else(|| ApiError::wrongly_formed(key))
}

/// `ClientIds`, separated by commas, each once; `None` when it is not given.
pub(super) fn client_ids(params: &Params) -> Result<Option<Vec<String>>, ApiError> {
    let ids = list(params, "ClientIds", is_client_id, |one, other| one == other)?;
    if ids.as_ref().is_some_and(|ids| ids.len() > MAX_CLIENT_IDS) {
        return Err(too_many_client_ids());
    }
    Ok(ids)
}

/// `Fingerprints`, separated by commas, each once; `None` when it is not given.
pub(super) fn fingerprints(params: &Params) -> Result<Option<Vec<String>>, ApiError> {
    let fingerprints = list(params, "Fingerprints", is_fingerprint, str::eq_ignore_ascii_case)?;
    if fingerprints.as_ref().is_some_and(|fingerprints| fingerprints.len() > MAX_FINGERPRINTS) {
        return Err(too_many_fingerprints());
    }
    Ok(fingerprints)
}

pub(super) fn client_id(params: &Params) -> Result<&str, ApiError> {
    one(params, "ClientId", is_client_id)
}

pub(super) fn fingerprint(params: &Params) -> Result<&str, ApiError> {
    one(params, "Fingerprint", is_fingerprint)
}

fn list(
    params: &Params,
    key: &str,
    is_right: impl Fn(&str) -> bool,
    is_same: impl Fn(&str, &str) -> bool,
) -> Result<Option<Vec<String>>, ApiError> {
    let Some(text) = params.get(key).filter(|text| !text.is_empty()) else { return Ok(None) };
    let mut items: Vec<String> = Vec::new();
    for item in text.split(',') {
        if !is_right(item) {
            return Err(ApiError::wrongly_formed(key));
        }
        if !items.iter().any(|other| is_same(other, item)) {
            items.push(item.to_owned());
        }
        // One too many is enough to know.
        if items.len() > MAX_CLIENT_IDS {
            break;
        }
    }
    Ok(Some(items))
}

fn one<'a>(params: &'a Params, key: &str, is_right: impl Fn(&str) -> bool) -> Result<&'a str, ApiError> {
    let text = params.required(key)?;
    if is_right(text) { Ok(text) } else { Err(ApiError::wrongly_formed(key)) }
}

/// Audiences: which marks the real service takes is not fully known. A comma separates them.
fn is_client_id(text: &str) -> bool {
    (1..=MAX_CLIENT_ID).contains(&text.len()) && is_visible(text) && !text.contains(',')
}

/// The code is the emulator's own.
pub(super) fn too_many_client_ids() -> ApiError {
    limit("ClientId", "client ids")
}

/// The code is the emulator's own.
pub(super) fn too_many_fingerprints() -> ApiError {
    limit("Fingerprint", "fingerprints")
}

fn limit(kind: &str, what: &str) -> ApiError {
    ApiError::new(
        409,
        format!("LimitExceeded.OIDCProvider.{kind}"),
        format!("The count of {what} beyond the current limits."),
    )
}
