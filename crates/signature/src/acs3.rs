//! `ACS3-HMAC-SHA256`: "Request syntax and signature method V3".
//!
//! ```text
//! CanonicalRequest = method \n canonical URI \n canonical query \n canonical headers \n signed headers \n hex(SHA-256(body))
//! StringToSign     = ACS3-HMAC-SHA256 \n hex(SHA-256(CanonicalRequest))
//! Signature        = hex(HMAC-SHA256(AccessKeySecret, StringToSign))
//! ```

mod authorization;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use self::authorization::{Authorization, AuthorizationError, is_access_key_id};
use crate::encoding::sorted_query;
pub use crate::error::{CanonicalError, VerifyError};
use crate::hmac_key::hmac_sha256;
use crate::secret::Secret;

/// Name of the algorithm: the first word of the `Authorization` header and of the string to sign.
pub const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// Lower-case hexadecimal SHA-256 of a body of no bytes.
pub const EMPTY_BODY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The parts of an HTTP request that can be under a signature.
///
/// [`std::fmt::Debug`] is left out on purpose: headers hold security tokens.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// `POST`, in upper case.
    pub method: &'a str,
    /// The path as sent, still escaped: `/` or `/clusters/c%200`. An empty one counts as `/`.
    pub path: &'a str,
    /// The parameters of the query string, decoded, in any order.
    pub query: &'a [(String, String)],
    /// Names in any case, values as sent.
    pub headers: &'a [(String, String)],
    /// Lower-case hexadecimal SHA-256 of the body ([`sha256_hex`]), whatever a header says it is.
    pub content_sha256: &'a str,
}

/// Lower-case hexadecimal SHA-256.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The canonical request over the headers named.
///
/// Query parameters are sorted by key (as bytes, decoded), then by value, and percent-encoded, keys as well as
/// values, with `=` kept where the value is empty. Header names are lower-cased and sorted, values trimmed.
///
/// # Errors
/// A signed header that the request does not have, or has more than once.
pub fn canonical_request(request: &Request<'_>, signed_headers: &[String]) -> Result<String, CanonicalError> {
    let mut headers = BTreeMap::new();
    for name in signed_headers {
        let name = name.to_ascii_lowercase();
        let value = single_header(request, &name)?.to_owned();
        headers.insert(name, value);
    }
    Ok(assemble(request.method, request.path, request.query, &headers, request.content_sha256))
}

/// The text under the signature.
pub fn string_to_sign(canonical_request: &str) -> String {
    format!("{ALGORITHM}\n{}", sha256_hex(canonical_request.as_bytes()))
}

/// Lower-case hexadecimal HMAC-SHA256 under the access key secret.
pub fn sign(secret: &Secret, string_to_sign: &str) -> String {
    hex(&hmac_sha256(secret.expose().as_bytes(), string_to_sign.as_bytes()))
}

/// Signs `host`, `content-type` and every `x-acs-*` header that the request has, as the official Go and
/// Node SDKs do.
///
/// # Errors
/// One of these headers occurs more than once.
pub fn authorize(
    request: &Request<'_>,
    access_key_id: &str,
    secret: &Secret,
) -> Result<Authorization, CanonicalError> {
    let mut headers = BTreeMap::new();
    for (name, _) in request.headers {
        let name = name.to_ascii_lowercase();
        if matches!(name.as_str(), "host" | "content-type") || name.starts_with("x-acs-") {
            let value = single_header(request, &name)?.to_owned();
            headers.insert(name, value);
        }
    }
    Ok(authorize_headers(request, &headers, access_key_id, secret))
}

/// Signs exactly `headers` (lower-case names) and everything of `request` but its own headers.
///
/// This is for callers that know their headers one by one: nothing can be missing or repeated, so nothing can
/// fail.
pub fn authorize_headers(
    request: &Request<'_>,
    headers: &BTreeMap<String, String>,
    access_key_id: &str,
    secret: &Secret,
) -> Authorization {
    let canonical = assemble(request.method, request.path, request.query, headers, request.content_sha256);
    Authorization {
        access_key_id: access_key_id.to_owned(),
        signed_headers: headers.keys().cloned().collect(),
        signature: sign(secret, &string_to_sign(&canonical)),
    }
}

/// Checks a signature over the headers that `authorization` names, in constant time.
///
/// Which headers are signed, and when, is the caller's to judge.
///
/// # Errors
/// The canonical request cannot be built, or the signature is not that of this request and this secret.
pub fn verify(
    request: &Request<'_>,
    authorization: &Authorization,
    secret: &Secret,
) -> Result<(), VerifyError> {
    let canonical = canonical_request(request, &authorization.signed_headers)?;
    let expected = sign(secret, &string_to_sign(&canonical));
    let same = expected.as_bytes().ct_eq(authorization.signature.as_bytes());
    if bool::from(same) { Ok(()) } else { Err(VerifyError::Mismatch) }
}

fn assemble(
    method: &str,
    path: &str,
    query: &[(String, String)],
    headers: &BTreeMap<String, String>,
    content_sha256: &str,
) -> String {
    let path = if path.is_empty() { "/" } else { path };
    let query = sorted_query(query.iter());
    let signed: Vec<&str> = headers.keys().map(String::as_str).collect();
    let signed = signed.join(";");
    let headers: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    format!("{method}\n{path}\n{query}\n{headers}\n{signed}\n{content_sha256}")
}

/// Trimmed value of the one header of that (lower-case) name.
fn single_header<'a>(request: &Request<'a>, name: &str) -> Result<&'a str, CanonicalError> {
    let mut values =
        request.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let value = values.next().ok_or_else(|| CanonicalError::MissingHeader { name: name.to_owned() })?;
    if values.next().is_some() {
        return Err(CanonicalError::RepeatedHeader { name: name.to_owned() });
    }
    Ok(value.trim())
}

/// Two lower-case hexadecimal digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
