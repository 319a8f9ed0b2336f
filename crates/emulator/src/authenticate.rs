//! Who sends a request: signatures, their time window, nonces and security tokens.
//!
//! The order in which the real service checks these is not known. Here: form, time, key, security token, signature,
//! nonce; a nonce is thus only used up by its owner.

mod roa;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use signature::{Secret, acs3, parse_timestamp, rpc};

use crate::directory::{Key, Keys};
use crate::error::ApiError;
use crate::key_pair::KeyPairOwner;
use crate::nonces::{NonceUse, Nonces};
use crate::principal::Identity;
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
        Style::Roa | Style::OtherAuthorization => Err(ApiError::incomplete_signature(
            "the Authorization header does not begin with ACS3-HMAC-SHA256",
        )),
    }
}

/// Finds out who signed a request to a service of the ROA kind: ACS3, or HMAC-SHA1 over headers and path.
///
/// # Errors
/// As [`authenticate`].
pub(crate) fn authenticate_roa(
    request: &Parsed<'_>,
    keys: &dyn Keys,
    nonces: &Nonces,
    now: Timestamp,
) -> Result<Identity, ApiError> {
    match request.style {
        Style::Acs3 => acs3_caller(request, keys, now),
        Style::Roa => roa::caller(request, keys, nonces, now),
        Style::Anonymous => Err(ApiError::missing("AccessKeyId")),
        Style::Rpc | Style::OtherAuthorization => Err(ApiError::incomplete_signature(
            "the Authorization header begins neither with ACS3-HMAC-SHA256 nor with acs",
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
    let key = find(keys, &authorization.access_key_id, now)?;
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
    let form = rpc_form(request, rpc::SIGNATURE_METHOD)?;
    let signed_at = within_window(form.timestamp, now)?;
    let key = find(keys, form.access_key_id, now)?;
    check_token(keys, &key, params.get("SecurityToken"), now)?;
    let http_method = &request.raw.method;
    if rpc::verify(http_method, params.as_slice(), &key.secret).is_err() {
        let string_to_sign = rpc::string_to_sign(http_method, params.as_slice());
        return Err(ApiError::signature_mismatch(&string_to_sign));
    }
    take_nonce(nonces, &form, signed_at, now)?;
    Ok(key.identity)
}

/// `SignatureMethod` of requests that are signed with a key pair's private key, and their `SignatureType`.
const RSA_METHOD: &str = "SHA256withRSA";
const RSA_TYPE: &str = "PRIVATEKEY";

/// Finds out with whose key pair the request is signed: RPC style, SHA256withRSA over the same text as HMAC-SHA1,
/// the key pair's id as `AccessKeyId`. So the published SDKs sign GenerateSessionAccessKey.
///
/// # Errors
/// As [`authenticate`].
pub(crate) fn authenticate_key_pair(
    request: &Parsed<'_>,
    key_pairs: &dyn Fn(&str) -> Option<KeyPairOwner>,
    nonces: &Nonces,
    now: Timestamp,
) -> Result<KeyPairOwner, ApiError> {
    if request.style != Style::Rpc {
        return Err(ApiError::missing("AccessKeyId"));
    }
    let params = &request.params;
    let form = rpc_form(request, RSA_METHOD)?;
    if params.required("SignatureType")? != RSA_TYPE {
        return Err(ApiError::wrongly_formed("SignatureType"));
    }
    let signed_at = within_window(form.timestamp, now)?;
    let owner = key_pairs(form.access_key_id).ok_or_else(ApiError::key_not_found)?;
    let string_to_sign = rpc::string_to_sign(&request.raw.method, params.as_slice());
    let is_true = STANDARD
        .decode(form.signature)
        .is_ok_and(|signature| owner.key_pair.verify(&string_to_sign, &signature));
    if !is_true {
        return Err(ApiError::signature_mismatch(&string_to_sign));
    }
    take_nonce(nonces, &form, signed_at, now)?;
    Ok(owner)
}

/// What every RPC signature comes with.
struct RpcForm<'a> {
    access_key_id: &'a str,
    signature: &'a str,
    timestamp: &'a str,
    nonce: &'a str,
}

fn rpc_form<'a>(request: &'a Parsed<'_>, signature_method: &str) -> Result<RpcForm<'a>, ApiError> {
    let params = &request.params;
    let access_key_id = params.required("AccessKeyId")?;
    let signature = params.required("Signature")?;
    let method = params.required("SignatureMethod")?;
    let version = params.required("SignatureVersion")?;
    let timestamp = params.required("Timestamp")?;
    let nonce = params.required("SignatureNonce")?;
    if method != signature_method {
        return Err(ApiError::invalid_signature_method());
    }
    if version != rpc::SIGNATURE_VERSION {
        return Err(ApiError::wrongly_formed("SignatureVersion"));
    }
    Ok(RpcForm { access_key_id, signature, timestamp, nonce })
}

fn take_nonce(
    nonces: &Nonces,
    form: &RpcForm<'_>,
    signed_at: Timestamp,
    now: Timestamp,
) -> Result<(), ApiError> {
    let until = signed_at.saturating_add(WINDOW).unwrap_or(Timestamp::MAX);
    match nonces.take(form.access_key_id, form.nonce, until, now) {
        NonceUse::First => Ok(()),
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

fn find(keys: &dyn Keys, access_key_id: &str, now: Timestamp) -> Result<Key, ApiError> {
    let key = keys.find(access_key_id).ok_or_else(ApiError::key_not_found)?;
    if key.ends.is_some_and(|end| now >= end) {
        return Err(ApiError::key_not_found());
    }
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
