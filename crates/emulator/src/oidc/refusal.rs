//! Why a token gets nobody in: codes and messages of the STS API reference, "Error codes". All of them come with 401.

use crate::error::ApiError;

fn refused(kind: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(401, format!("AuthenticationFail.{kind}"), message)
}

pub(crate) fn no_such_provider() -> ApiError {
    refused("NoPermission", "No such OIDC Provider registered.")
}

/// The role's trust policy says no.
pub(crate) fn no_permission() -> ApiError {
    refused("NoPermission", "There is no permission")
}

fn invalid(message: impl Into<String>) -> ApiError {
    refused("OIDCToken.Invalid", message)
}

pub(super) fn empty() -> ApiError {
    invalid("The OIDCToken can not empty.")
}

pub(super) fn not_three_parts() -> ApiError {
    invalid("The number of Jwt field should be divided into 3 parts with '.' .")
}

pub(super) fn not_base64() -> ApiError {
    invalid("Cannot decode base64 encoded response(format invalided).")
}

/// `algorithm` is what the token says; it is shown where it looks like the name of one.
pub(super) fn unknown_algorithm(algorithm: &str) -> ApiError {
    let is_name = (1..=16).contains(&algorithm.len()) && algorithm.bytes().all(|b| b.is_ascii_alphanumeric());
    let shown = if is_name { algorithm } else { "" };
    invalid(format!("The algorithm {shown} that be specified in Jwt header is unknown."))
}

pub(super) fn not_recognized() -> ApiError {
    invalid("The Jwt content is invalid that cannot be recognized.")
}

/// The code for this is not known of the real service, and chosen here.
pub(super) fn from_the_future() -> ApiError {
    invalid("This JsonWebToken is not valid yet.")
}

pub(super) fn invalid_signature() -> ApiError {
    refused("OIDCToken.InvalidSignature", "OIDC token validate failed: invalid signature.")
}

pub(super) fn issuer_not_match() -> ApiError {
    refused(
        "OIDCToken.IssuerNotMatch",
        "The issuer in the OIDC Token doesn't match the OIDC Provider registered.",
    )
}

pub(super) fn audience_not_match() -> ApiError {
    refused("OIDCToken.AudienceNotMatch", "Invalid audience.")
}

pub(super) fn expired() -> ApiError {
    refused("OIDCToken.Expired", "This JsonWebToken is expired.")
}

/// The code for this is not known of the real service, and chosen here.
pub(super) fn issued_too_early() -> ApiError {
    refused("OIDCToken.Expired", "This JsonWebToken was issued earlier than the OIDC Provider allows.")
}

/// The certificate of the issuer's server is not trusted. The message is not known of the real service.
pub(super) fn https_url_invalid(issuer: &str) -> ApiError {
    refused(
        "OIDCToken.HttpsUrlInvalid",
        format!("The HTTPS certificate of the OIDC Provider is not trusted, the issuer is {issuer}"),
    )
}

/// The message is not known of the real service.
pub(super) fn fingerprint_mismatch(issuer: &str) -> ApiError {
    refused(
        "OIDCToken.PublicKeyFingerprintMismatch",
        format!(
            "The fingerprint of the HTTPS CA certificate doesn't match the OIDC Provider registered, the issuer is {issuer}"
        ),
    )
}

pub(super) fn no_keys(issuer: &str) -> ApiError {
    refused(
        "OIDCToken.IssuerConfigurationBroken",
        format!("Get public keys from OIDC Provider failed, the issuer is {issuer}"),
    )
}
