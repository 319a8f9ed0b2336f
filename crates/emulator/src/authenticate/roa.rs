//! ROA style: HMAC-SHA1 over headers, path and query.

use jiff::Timestamp;
use signature::roa;

use super::{SECURITY_TOKEN_HEADER, WINDOW, check_token, find};
use crate::directory::Keys;
use crate::error::ApiError;
use crate::nonces::{NonceUse, Nonces};
use crate::principal::Identity;
use crate::request::Parsed;

/// Finds out who signed the request. It has an `Authorization` header of the scheme `acs`.
///
/// # Errors
/// As [`super::authenticate_roa`].
pub(super) fn caller(
    request: &Parsed<'_>,
    keys: &dyn Keys,
    nonces: &Nonces,
    now: Timestamp,
) -> Result<Identity, ApiError> {
    let raw = request.raw;
    let incomplete = |problem: &str| ApiError::incomplete_signature(problem);
    if raw.headers.iter().filter(|(name, _)| name == "authorization").count() > 1 {
        return Err(incomplete("there is more than one Authorization header"));
    }
    let authorization: roa::Authorization = raw
        .header("authorization")
        .unwrap_or_default()
        .parse()
        .map_err(|error: roa::AuthorizationError| incomplete(&error.to_string()))?;
    let access_key_id = authorization.access_key_id.as_str();
    let signed =
        roa::Request { method: &raw.method, path: raw.path(), query: &request.query, headers: &raw.headers };
    // Also refuses a signed header that is repeated, so that the first of each is the only one below.
    let string_to_sign = roa::string_to_sign(&signed).map_err(|error| incomplete(&error.to_string()))?;
    let header = |name: &str| raw.header(name).map(str::trim).filter(|value| !value.is_empty());
    let required = |name: &str, called: &str| header(name).ok_or_else(|| ApiError::missing(called));
    let date = required("date", "Date")?;
    let nonce = required("x-acs-signature-nonce", "SignatureNonce")?;
    if required("x-acs-signature-method", "SignatureMethod")? != roa::SIGNATURE_METHOD {
        return Err(ApiError::invalid_signature_method());
    }
    if required("x-acs-signature-version", "SignatureVersion")? != roa::SIGNATURE_VERSION {
        return Err(ApiError::wrongly_formed("SignatureVersion"));
    }
    if header("x-acs-accesskey-id").is_some_and(|named| named != access_key_id) {
        return Err(incomplete("x-acs-accesskey-id and Authorization name different access keys"));
    }
    let signed_at = roa::parse_date(date).map_err(|_| ApiError::timestamp_format())?;
    if now.duration_since(signed_at).abs() > WINDOW {
        return Err(ApiError::timestamp_expired());
    }
    let key = find(keys, access_key_id, now)?;
    check_token(keys, &key, header(SECURITY_TOKEN_HEADER), now)?;
    if roa::verify(&signed, &authorization, &key.secret).is_err() {
        return Err(ApiError::signature_mismatch(&string_to_sign));
    }
    let until = signed_at.saturating_add(WINDOW).unwrap_or(Timestamp::MAX);
    match nonces.take(access_key_id, nonce, until, now) {
        NonceUse::First => Ok(key.identity),
        NonceUse::Again => Err(ApiError::nonce_used()),
        NonceUse::Full => Err(ApiError::throttled()),
    }
}
