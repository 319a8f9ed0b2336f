//! Error codes that every service gives, and what to do about them.

/// One line for a code that is the same everywhere. STS words its own, because its requests can come from a token.
pub(crate) fn common(code: &str) -> Option<&'static str> {
    let text = match code {
        "SignatureDoesNotMatch" => {
            "the access key secret does not belong to the access key id, or the request was changed on its way; check the secret for missing or surplus characters"
        }
        "SignatureNonceUsed" => "this signed request was sent before; run the command again",
        "InvalidTimeStamp.Expired" => {
            "the request was signed more than 15 minutes before or after the service's time; set this machine's clock"
        }
        "InvalidAccessKeyId.NotFound" => {
            "no such access key exists: it was deleted, mistyped, or is temporary and its security token is missing; take an existing one"
        }
        "InvalidAccessKeyId.Inactive" => {
            "the access key is disabled; enable it in the RAM console or take another one"
        }
        "MissingSecurityToken" => {
            "the access key is temporary and its security token is missing; set the security token too"
        }
        "InvalidSecurityToken.Expired" => "the temporary credentials have ended; get new ones",
        "InvalidSecurityToken.Malformed" => {
            "the security token is damaged or from elsewhere; check that it was copied whole, or get new temporary credentials"
        }
        "InvalidSecurityToken.MismatchWithAccessKey" => {
            "the security token belongs to another access key; take id, secret and token of one and the same set"
        }
        "InvalidAction.NotFound" => {
            "there is no such operation at this endpoint; check that it is the service's own"
        }
        "Throttling" | "Throttling.User" | "Throttling.Api" => "too many calls; wait a moment and try again",
        "ServiceUnavailable" | "InternalError" => "a fault of the service; try again",
        _ => return None,
    };
    Some(text)
}
