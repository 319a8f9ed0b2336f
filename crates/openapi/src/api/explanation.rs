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

/// One line for a code of RAM or IMS, which share the names and policies of an account.
pub(crate) fn identity(code: &str) -> Option<&'static str> {
    let text = match code {
        "NoPermission" | "NoPermission.User" | "Forbidden.RAM" => {
            "the caller's RAM policies do not allow this operation (it is called ram: and the operation's name in a policy); let an administrator grant it"
        }
        "EntityNotExist.User" => "there is no such RAM user; check the name",
        "EntityNotExist.Role" => "there is no such RAM role; check the name, and whose keys these are",
        "EntityNotExist.Policy" => {
            "there is no such policy; check its name, and whether it is a system or a custom policy"
        }
        "EntityNotExist.Role.Policy" => "the role does not have this policy; nothing is left to do",
        "EntityNotExist.OIDCProvider" => {
            "there is no such OIDC identity provider; check its name, and whose keys these are"
        }
        "EntityNotExist.OIDCProvider.ClientId" => {
            "the OIDC identity provider does not have this client id; nothing is left to do"
        }
        "EntityNotExist.OIDCProvider.Fingerprint" => {
            "the OIDC identity provider does not have this fingerprint; nothing is left to do"
        }
        "EntityAlreadyExists.Role" => {
            "there is a RAM role of this name already; run the command again to use it, or take another name"
        }
        "EntityAlreadyExists.Policy" => {
            "there is a policy of this name already; run the command again to use it, or take another name"
        }
        "EntityAlreadyExists.Role.Policy" => "the role has this policy already; nothing is left to do",
        "EntityAlreadyExists.OIDCProvider" => {
            "there is an OIDC identity provider of this name already; run the command again to use it, or delete it"
        }
        "EntityAlreadyExists.OIDCProvider.Url" => {
            "another OIDC identity provider of the account has this issuer; use that one, or delete it in the RAM console"
        }
        "EntityAlreadyExists.OIDCProvider.ClientId" => {
            "the OIDC identity provider has this client id already; nothing is left to do"
        }
        "EntityAlreadyExists.OIDCProvider.Fingerprint" => {
            "the OIDC identity provider has this fingerprint already; nothing is left to do"
        }
        "MalformedPolicyDocument" => {
            "RAM does not take this policy: an element of it is not in RAM's form, or names what does not exist; check the policy"
        }
        _ => return identity_family(code),
    };
    Some(text)
}

/// Codes with another word at their end for each kind of thing.
fn identity_family(code: &str) -> Option<&'static str> {
    let text = match code.split('.').next()? {
        "LimitExceeded" => {
            "the account has as many of these as RAM lets it have; delete one that nobody needs, or ask for a higher quota"
        }
        "DeleteConflict" => {
            "something still hangs on it, which the code names at its end; detach or delete that first"
        }
        "InvalidParameter" if code.ends_with(".InvalidChars") => {
            "the parameter that the code names holds characters that RAM does not allow there; check its value"
        }
        "InvalidParameter" if code.ends_with(".Length") => {
            "the parameter that the code names is longer or shorter than RAM allows; check its value"
        }
        "InvalidParameter" => "RAM does not take the value of the parameter that the code names; check it",
        _ => return None,
    };
    Some(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::{common, identity};
    use crate::{cs, ims, ram};

    /// What RAM, IMS and Container Service say to the calls that are made here.
    const IDENTITY: [&str; 25] = [
        "NoPermission",
        "EntityNotExist.User",
        "EntityNotExist.Role",
        "EntityNotExist.Policy",
        "EntityNotExist.Role.Policy",
        "EntityNotExist.OIDCProvider",
        "EntityNotExist.OIDCProvider.ClientId",
        "EntityNotExist.OIDCProvider.Fingerprint",
        "EntityAlreadyExists.Role",
        "EntityAlreadyExists.Policy",
        "EntityAlreadyExists.Role.Policy",
        "EntityAlreadyExists.OIDCProvider",
        "EntityAlreadyExists.OIDCProvider.Url",
        "EntityAlreadyExists.OIDCProvider.ClientId",
        "EntityAlreadyExists.OIDCProvider.Fingerprint",
        "MalformedPolicyDocument",
        "LimitExceeded.Role",
        "LimitExceeded.Role.Policy",
        "LimitExceeded.OIDCProvider.ClientId",
        "DeleteConflict.Role.Policy",
        "DeleteConflict.Policy.Role",
        "InvalidParameter.RoleName.InvalidChars",
        "InvalidParameter.RoleName.Length",
        "InvalidParameter.IssuerUrl",
        "InvalidParameter",
    ];
    const CONTAINER_SERVICE: [&str; 9] = [
        "StatusForbidden",
        "NoPermission",
        "ErrorClusterNotFound",
        "ErrorClusterState",
        "ErrorClusterVersionNotSupported",
        "ErrorClusterTypeNotSupported",
        "ErrorTaskNotFound",
        "ErrorAddonNotFound",
        "InvalidParameter.page_number",
    ];

    #[test]
    fn each_code_says_what_it_means_and_what_to_do() {
        let known = |explain: fn(&str) -> Option<&'static str>, code: &str| {
            let text = explain(code).unwrap_or_else(|| panic!("{code}"));
            let (meaning, what_to_do) = text.split_once("; ").unwrap_or_else(|| panic!("{code}: {text}"));
            assert!(!meaning.is_empty() && !what_to_do.is_empty() && !text.contains('\n'), "{text}");
        };
        for code in IDENTITY {
            known(ram::SERVICE.explain, code);
            known(ims::SERVICE.explain, code);
        }
        for code in CONTAINER_SERVICE {
            known(cs::SERVICE.explain, code);
        }
        for service in [&ram::SERVICE, &ims::SERVICE, &cs::SERVICE] {
            known(service.explain, "InvalidAccessKeyId.NotFound");
            assert_eq!((service.explain)("Something.New"), None);
        }
        // Two codes of one family are not the same thing.
        assert_ne!(identity("EntityNotExist.Role"), identity("EntityNotExist.Role.Policy"));
        assert_eq!((identity("DeleteConflicts"), identity(""), common("")), (None, None, None));
    }
}
