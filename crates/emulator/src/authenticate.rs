//! Who sends a request: signatures, their time window, nonces and security tokens.
//!
//! The order in which the real service checks these is not known. Here: form, time, key, security token, signature,
//! nonce; a nonce is thus only used up by its owner.

use jiff::{SignedDuration, Timestamp};
use signature::{Secret, acs3, parse_timestamp, rpc};

use crate::directory::{Identity, Key, Keys};
use crate::error::ApiError;
use crate::nonces::{NonceUse, Nonces};
use crate::request::{Parsed, Style};

/// A signature is accepted this long before and after the time it was made at.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);

const SECURITY_TOKEN_HEADER: &str = "x-acs-security-token";

/// Headers that an ACS3 signature must cover to mean anything: without one of them the same signature would fit
/// another operation, another body or another time.
const SIGNED_ALWAYS: [&str; 4] = ["x-acs-action", "x-acs-version", "x-acs-date", "x-acs-content-sha256"];

/// Finds out who signed the request.
///
/// # Errors
/// The answer that STS gives to a request that is not signed, or not rightly.
pub(crate) fn authenticate(
    request: &Parsed<'_>,
    keys: &dyn Keys,
    nonces: &Nonces,
    now: Timestamp,
) -> Result<Identity, ApiError> {
    match request.style {
        Style::Acs3 => acs3_caller(request, keys, now),
        Style::Rpc => rpc_caller(request, keys, nonces, now),
        Style::Anonymous => Err(ApiError::missing("AccessKeyId")),
        Style::OtherAuthorization => Err(ApiError::incomplete_signature(
            "the Authorization header does not begin with ACS3-HMAC-SHA256",
        )),
    }
}

fn acs3_caller(request: &Parsed<'_>, keys: &dyn Keys, now: Timestamp) -> Result<Identity, ApiError> {
    let raw = request.raw;
    let incomplete = |problem: &str| ApiError::incomplete_signature(problem);
    if raw.headers.iter().filter(|(name, _)| name == "authorization").count() > 1 {
        return Err(incomplete("there is more than one Authorization header"));
    }
    let authorization: acs3::Authorization = raw
        .header("authorization")
        .unwrap_or_default()
        .parse()
        .map_err(|error: acs3::AuthorizationError| incomplete(&error.to_string()))?;
    let token = raw.header(SECURITY_TOKEN_HEADER);
    let must_cover = SIGNED_ALWAYS.into_iter().chain(token.map(|_| SECURITY_TOKEN_HEADER));
    for name in must_cover {
        if !authorization.signed_headers.iter().any(|signed| signed == name) {
            return Err(incomplete(&format!("the signed headers do not include {name}")));
        }
    }
    let content_sha256 = acs3::sha256_hex(&raw.body);
    let signed = acs3::Request {
        method: &raw.method,
        path: raw.path(),
        query: &request.query,
        headers: &raw.headers,
        content_sha256: &content_sha256,
    };
    // Also refuses a signed header that is missing or repeated, so that the first of each is the only one below.
    let canonical = acs3::canonical_request(&signed, &authorization.signed_headers)
        .map_err(|error| incomplete(&error.to_string()))?;
    within_window(raw.header("x-acs-date").unwrap_or_default(), now)?;
    let key = find(keys, &authorization.access_key_id)?;
    check_token(keys, &key, token, now)?;
    let hash_is_true = raw.header("x-acs-content-sha256").map(str::trim) == Some(&content_sha256);
    if !hash_is_true || acs3::verify(&signed, &authorization, &key.secret).is_err() {
        return Err(ApiError::signature_mismatch(&acs3::string_to_sign(&canonical)));
    }
    Ok(key.identity)
}

fn rpc_caller(
    request: &Parsed<'_>,
    keys: &dyn Keys,
    nonces: &Nonces,
    now: Timestamp,
) -> Result<Identity, ApiError> {
    let params = &request.params;
    let access_key_id = params.required("AccessKeyId")?;
    params.required("Signature")?;
    let method = params.required("SignatureMethod")?;
    let version = params.required("SignatureVersion")?;
    let timestamp = params.required("Timestamp")?;
    let nonce = params.required("SignatureNonce")?;
    if method != rpc::SIGNATURE_METHOD {
        return Err(ApiError::invalid_signature_method());
    }
    if version != rpc::SIGNATURE_VERSION {
        return Err(ApiError::wrongly_formed("SignatureVersion"));
    }
    let signed_at = within_window(timestamp, now)?;
    let key = find(keys, access_key_id)?;
    check_token(keys, &key, params.get("SecurityToken"), now)?;
    let http_method = &request.raw.method;
    if rpc::verify(http_method, params.as_slice(), &key.secret).is_err() {
        let string_to_sign = rpc::string_to_sign(http_method, params.as_slice());
        return Err(ApiError::signature_mismatch(&string_to_sign));
    }
    let until = signed_at.saturating_add(WINDOW).unwrap_or(Timestamp::MAX);
    match nonces.take(access_key_id, nonce, until, now) {
        NonceUse::First => Ok(key.identity),
        NonceUse::Again => Err(ApiError::nonce_used()),
        NonceUse::Full => Err(ApiError::throttled()),
    }
}

/// The time that `text` gives, when `now` is near enough to it.
fn within_window(text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    let signed_at = parse_timestamp(text.trim()).map_err(|_| ApiError::timestamp_format())?;
    if now.duration_since(signed_at).abs() > WINDOW {
        return Err(ApiError::timestamp_expired());
    }
    Ok(signed_at)
}

fn find(keys: &dyn Keys, access_key_id: &str) -> Result<Key, ApiError> {
    let key = keys.find(access_key_id).ok_or_else(ApiError::key_not_found)?;
    if key.active { Ok(key) } else { Err(ApiError::key_inactive()) }
}

fn check_token(keys: &dyn Keys, key: &Key, given: Option<&str>, now: Timestamp) -> Result<(), ApiError> {
    let given = given.filter(|text| !text.is_empty()).map(Secret::new);
    match (&key.session, given) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(ApiError::missing("SecurityToken")),
        (Some(session), Some(token)) if session.token == token => {
            if now < session.expiration {
                Ok(())
            } else {
                Err(ApiError::security_token("Expired", "is expired"))
            }
        }
        (_, Some(token)) if keys.is_issued(&token) => {
            Err(ApiError::security_token("MismatchWithAccessKey", "mismatches with AccessKeyId"))
        }
        (_, Some(_)) => Err(ApiError::security_token("Malformed", "is malformed")),
    }
}

#[cfg(test)]
mod tests;
