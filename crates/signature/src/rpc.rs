//! HMAC-SHA1 over the parameters of an RPC API: "Request syntax and signature method V2 for RPC APIs".
//!
//! Signed are the HTTP method and the parameters of the query string and of the form body together; headers
//! are not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::encoding::{percent_encode, sorted_query};
pub use crate::error::VerifyError;
use crate::hmac_key::hmac_sha1;
use crate::secret::Secret;

/// Value of the parameter `SignatureMethod`.
pub const SIGNATURE_METHOD: &str = "HMAC-SHA1";
/// Value of the parameter `SignatureVersion`.
pub const SIGNATURE_VERSION: &str = "1.0";
/// Name of the parameter that holds the signature: the only one that is not under it.
pub const SIGNATURE_PARAMETER: &str = "Signature";

/// Query and form body as one list: what an RPC signature covers.
///
/// A parameter that is in both counts once, with the value of the form: the official SDKs send such requests
/// and sign them so. Parameters that occur twice within one of the two lists stay as they are.
pub fn merge(query: &[(String, String)], form: &[(String, String)]) -> Vec<(String, String)> {
    let only_in_query = query.iter().filter(|(key, _)| form.iter().all(|(other, _)| other != key));
    only_in_query.chain(form).cloned().collect()
}

/// The text under an RPC signature: `METHOD&%2F&` and the sorted parameters, encoded twice.
///
/// `params` are decoded, query and form body merged ([`merge`]), in any order; `Signature` is left out here. The method
/// goes in as it is: send and sign it in upper case.
pub fn string_to_sign(method: &str, params: &[(String, String)]) -> String {
    let query = sorted_query(params.iter().filter(|(key, _)| key != SIGNATURE_PARAMETER));
    format!("{method}&%2F&{}", percent_encode(&query))
}

/// Base64 (standard, padded) of HMAC-SHA1 under the access key secret followed by `&`.
pub fn sign(secret: &Secret, string_to_sign: &str) -> String {
    let key = Zeroizing::new(format!("{}&", secret.expose()));
    STANDARD.encode(hmac_sha1(key.as_bytes(), string_to_sign.as_bytes()))
}

/// Checks the `Signature` among `params`, in constant time.
///
/// Neither the time nor the nonce is looked at, nor whether other parameters occur twice: duplicates are
/// signed like all others.
///
/// # Errors
/// No `Signature`, more than one, or one that does not match.
pub fn verify(method: &str, params: &[(String, String)], secret: &Secret) -> Result<(), VerifyError> {
    let mut signatures = params.iter().filter(|(key, _)| key == SIGNATURE_PARAMETER).map(|(_, value)| value);
    let given = signatures.next().ok_or(VerifyError::MissingSignature)?;
    if signatures.next().is_some() {
        return Err(VerifyError::RepeatedSignature);
    }
    let expected = sign(secret, &string_to_sign(method, params));
    if bool::from(expected.as_bytes().ct_eq(given.as_bytes())) { Ok(()) } else { Err(VerifyError::Mismatch) }
}
