//! Errors as the services answer them: an HTTP status, a code and a message.

use serde_json::Value;

/// What somebody without the right is told.
pub(crate) const NOT_AUTHORIZED: &str =
    "You are not authorized to do this action. You should be authorized by RAM.";

/// An error answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// With permission errors.
    pub(crate) access_denied: Option<Value>,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), access_denied: None }
    }

    /// `Missing<Name>`.
    pub(crate) fn missing(name: &str) -> Self {
        Self::new(400, format!("Missing{name}"), format!("{name} is mandatory for this action."))
    }

    /// `InvalidParameter.<Name>`.
    pub(crate) fn wrongly_formed(name: &str) -> Self {
        Self::new(400, format!("InvalidParameter.{name}"), format!("The parameter {name} is wrongly formed."))
    }

    /// What the real service answers to a request that cannot be read is not known: this code is the emulator's own.
    pub(crate) fn malformed_request(problem: &str) -> Self {
        Self::new(400, "InvalidParameter", format!("The request cannot be read: {problem}."))
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        Self::new(
            413,
            "InvalidParameter",
            format!("The request cannot be read: the body is larger than {limit} bytes."),
        )
    }

    pub(crate) fn no_such_api() -> Self {
        Self::new(
            404,
            "InvalidAction.NotFound",
            "Specified api is not found, please check your url and method.",
        )
    }

    pub(crate) fn invalid_version() -> Self {
        Self::new(400, "InvalidVersion", "Specified parameter Version is not valid.")
    }

    pub(crate) fn signature_mismatch(string_to_sign: &str) -> Self {
        Self::new(
            400,
            "SignatureDoesNotMatch",
            format!(
                "Specified signature is not matched with our calculation. server string to sign is:{string_to_sign}"
            ),
        )
    }

    pub(crate) fn incomplete_signature(problem: &str) -> Self {
        Self::new(
            400,
            "IncompleteSignature",
            format!("The request signature does not conform to Aliyun standards: {problem}."),
        )
    }

    pub(crate) fn invalid_signature_method() -> Self {
        Self::new(400, "InvalidSignatureMethod", "Specified signature method is not valid.")
    }

    pub(crate) fn nonce_used() -> Self {
        Self::new(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
    }

    pub(crate) fn timestamp_expired() -> Self {
        Self::new(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
    }

    pub(crate) fn timestamp_format() -> Self {
        Self::new(400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
    }

    pub(crate) fn key_not_found() -> Self {
        Self::new(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
    }

    pub(crate) fn key_inactive() -> Self {
        Self::new(400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled.")
    }

    /// `InvalidSecurityToken.<kind>`.
    pub(crate) fn security_token(kind: &str, problem: &str) -> Self {
        Self::new(400, format!("InvalidSecurityToken.{kind}"), format!("Specified SecurityToken {problem}."))
    }

    pub(crate) fn throttled() -> Self {
        Self::new(400, "Throttling.User", "Request was denied due to user flow control.")
    }

    pub(crate) fn no_permission(message: &str) -> Self {
        Self::new(403, "NoPermission", message)
    }

    pub(crate) fn no_such_role(arn: &str) -> Self {
        Self::new(404, "EntityNotExist.Role", format!("The role not exists: {arn}."))
    }
}
