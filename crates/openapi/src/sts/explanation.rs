//! What STS's error codes mean and what to do about them.

/// A code, its metric label, and one line for the person who meets it.
struct Explanation {
    code: &'static str,
    reason: &'static str,
    text: &'static str,
}

/// Codes of the public documentation ("STS error codes"). A code that is not here is shown as it is.
const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: "SignatureDoesNotMatch",
        reason: "sts_signature_mismatch",
        text: "the access key secret does not belong to the access key id, or the request was changed on its way; check the secret for missing or surplus characters",
    },
    Explanation {
        code: "IncompleteSignature",
        reason: "sts_signature_invalid",
        text: "the signature lacks a part; make a new token with an up-to-date ack-ram-tool",
    },
    Explanation {
        code: "InvalidSignatureMethod",
        reason: "sts_signature_invalid",
        text: "STS does not know this signature method; make a new token with an up-to-date ack-ram-tool",
    },
    Explanation {
        code: "SignatureNonceUsed",
        reason: "sts_signature_nonce_used",
        text: "this signed request was sent to STS before; make a new one",
    },
    Explanation {
        code: "ContentMD5NotMatched",
        reason: "sts_signature_invalid",
        text: "the body was changed on its way; look for a proxy that rewrites requests",
    },
    Explanation {
        code: "InvalidTimeStamp.Expired",
        reason: "sts_timestamp_expired",
        text: "the request was signed more than 15 minutes before or after STS's time; make a new token, and check the clock of the machine that signs",
    },
    Explanation {
        code: "InvalidTimeStamp.Format",
        reason: "sts_timestamp_invalid",
        text: "the time of the signature is not of the form yyyy-MM-ddTHH:mm:ssZ; make a new token with an up-to-date ack-ram-tool",
    },
    Explanation {
        code: "InvalidAccessKeyId.NotFound",
        reason: "sts_access_key_not_found",
        text: "no such access key exists: it was deleted, mistyped, or is temporary and its security token is missing; take an existing one",
    },
    Explanation {
        code: "InvalidAccessKeyId.Inactive",
        reason: "sts_access_key_inactive",
        text: "the access key is disabled; enable it in the RAM console or take another one",
    },
    Explanation {
        code: "MissingSecurityToken",
        reason: "sts_security_token_invalid",
        text: "the access key is temporary and its security token is missing; set the security token too",
    },
    Explanation {
        code: "InvalidSecurityToken.Expired",
        reason: "sts_security_token_expired",
        text: "the temporary credentials have ended; get new ones",
    },
    Explanation {
        code: "InvalidSecurityToken.Malformed",
        reason: "sts_security_token_invalid",
        text: "the security token is damaged or from elsewhere; check that it was copied whole, or get new temporary credentials",
    },
    Explanation {
        code: "InvalidSecurityToken.MismatchWithAccessKey",
        reason: "sts_security_token_invalid",
        text: "the security token belongs to another access key; take id, secret and token of one and the same set",
    },
    Explanation {
        code: "NoPermission",
        reason: "sts_no_permission",
        text: "either the caller may not do this (grant it sts:AssumeRole on the role) or the role's trust policy does not name the caller; an account's own root keys can assume no role",
    },
    Explanation {
        code: "EntityNotExist.Role",
        reason: "sts_role_not_found",
        text: "there is no such role; check the account id and the role name in the role ARN",
    },
    Explanation {
        code: "InvalidParameter.RoleArn",
        reason: "sts_invalid_parameter",
        text: "the role ARN is not of the form acs:ram::ACCOUNT-ID:role/NAME",
    },
    Explanation {
        code: "InvalidParameter.RoleSessionName",
        reason: "sts_invalid_parameter",
        text: "a role session name has 2 to 64 characters of A-Z a-z 0-9 . @ - _",
    },
    Explanation {
        code: "InvalidParameter.DurationSeconds",
        reason: "sts_invalid_parameter",
        text: "the session would last longer than the role's maximum session duration, or less than 900 seconds",
    },
    Explanation {
        code: "AuthenticationFail.NoPermission",
        reason: "sts_no_permission",
        text: "the role's trust policy does not let this token's subject, audience and issuer have the role, or the OIDC provider is not registered in the role's account; for a service account, ack-ram-tool rrsa associate-role adds what is missing",
    },
    Explanation {
        code: "AuthenticationFail.OIDCToken.Expired",
        reason: "sts_oidc_token_expired",
        text: "the OIDC token has ended, or was issued longer ago than the OIDC provider takes; read the token file anew at each use, since Kubernetes replaces it, and check the clock of the cluster",
    },
    Explanation {
        code: "AuthenticationFail.OIDCToken.Invalid",
        reason: "sts_oidc_token_invalid",
        text: "this is no OIDC token that STS can read; check that the token file holds one JSON Web Token, signed with RS256",
    },
    Explanation {
        code: "AuthenticationFail.OIDCToken.InvalidSignature",
        reason: "sts_oidc_token_invalid",
        text: "the OIDC token was not signed with a key that its issuer publishes; after a change of the API server's keys publish the new ones beside the old, and check that the token is from this cluster",
    },
    Explanation {
        code: "AuthenticationFail.OIDCToken.AudienceNotMatch",
        reason: "sts_oidc_token_invalid",
        text: "the token's audience is no client id of the OIDC provider; make the token with the audience sts.aliyuncs.com",
    },
    Explanation {
        code: "AuthenticationFail.OIDCToken.IssuerNotMatch",
        reason: "sts_oidc_token_invalid",
        text: "the token's issuer is not, to the letter, the issuer URL of the OIDC provider; enable RRSA for the cluster that made the token, recreate its pods, and check that the provider is that cluster's",
    },
    Explanation {
        code: "AuthenticationFail.OIDCToken.IssuerConfigurationBroken",
        reason: "sts_oidc_provider_broken",
        text: "STS cannot read the issuer's keys; check that the issuer URL can be reached from the internet and publishes both its documents, or that RRSA is enabled for the cluster and the pod was created after that",
    },
    Explanation {
        code: "AuthenticationFail.OIDCToken.HttpsUrlInvalid",
        reason: "sts_oidc_provider_broken",
        text: "STS does not trust the certificate of the issuer URL; serve its documents with a certificate of a public authority, intermediate certificates included",
    },
    Explanation {
        code: "AuthenticationFail.OIDCToken.PublicKeyFingerprintMismatch",
        reason: "sts_oidc_provider_broken",
        text: "the certificate of the issuer URL was issued by an authority whose fingerprint the OIDC provider does not have; add the new authority's fingerprint to the provider",
    },
    Explanation {
        code: "Throttling",
        reason: "sts_throttled",
        text: "too many calls; wait a moment and try again",
    },
    Explanation {
        code: "Throttling.User",
        reason: "sts_throttled",
        text: "the account makes too many calls; wait a moment and try again",
    },
    Explanation {
        code: "Throttling.Api",
        reason: "sts_throttled",
        text: "too many calls of this operation; wait a moment and try again",
    },
    Explanation { code: "ServiceUnavailable", reason: "sts_unavailable", text: "a fault at STS; try again" },
    Explanation { code: "InternalError", reason: "sts_unavailable", text: "a fault at STS; try again" },
];

/// One line for a code: what it means and what to do. None for codes that are not known here.
pub(super) fn explain(code: &str) -> Option<&'static str> {
    find(code).map(|explanation| explanation.text)
}

/// The metric label of a refusal.
pub(super) fn reason_of(code: &str) -> &'static str {
    find(code).map_or("sts_refused", |explanation| explanation.reason)
}

fn find(code: &str) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|explanation| explanation.code == code)
}
