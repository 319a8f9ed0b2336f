//! Whether a caller may call an operation of RAM and IMS, and on what.

use crate::error::{ApiError, NOT_AUTHORIZED};
use crate::operation::Call;
use crate::policy::{self, Ask};
use crate::principal::Identity;
use crate::request::Params;

/// Asks the caller's policies for `ram:<operation>`, the code of both services in policies, on everything that the request
/// names. Operations of STS decide for themselves.
///
/// # Errors
/// `NoPermission`.
pub(crate) fn authorize(
    product: &str,
    operation: &str,
    call: &Call<'_>,
    caller: &Identity,
) -> Result<(), ApiError> {
    if !matches!(product, "Ram" | "Ims") {
        return Ok(());
    }
    let action = format!("ram:{operation}");
    for resource in resources(operation, call.params, caller.account_id()) {
        let ask = Ask { action: &action, resource: &resource, origin: call.origin };
        policy::authorize(call.directory, caller, ask).map_err(|refusal| {
            let mut error = ApiError::no_permission(NOT_AUTHORIZED);
            let (kind, policies) = (refusal.no_permission_type(), refusal.policy_type());
            error.access_denied = Some(caller.access_denied_detail(&action, kind, policies));
            error
        })?;
    }
    Ok(())
}

/// ARNs of what a request is about.
fn resources(operation: &str, params: &Params, account: &str) -> Vec<String> {
    let kinds = [("UserName", "user"), ("RoleName", "role"), ("OIDCProviderName", "oidc-provider")];
    let named = kinds.into_iter().filter_map(|(parameter, kind)| {
        let name = shortened(params.get(parameter)?);
        Some(format!("acs:ram::{account}:{kind}/{name}"))
    });
    let policy = params.get("PolicyName").map(shortened).map(|name| match params.get("PolicyType") {
        Some("System") => format!("acs:ram::system:policy/{name}"),
        _ => format!("acs:ram::{account}:policy/{name}"),
    });
    let mut resources: Vec<String> = named.chain(policy).collect();
    if resources.is_empty() {
        let lists = [("ListUsers", "user/"), ("ListRoles", "role/"), ("ListOIDCProviders", "oidc-provider/")];
        let found = lists.into_iter().find(|(list, _)| *list == operation);
        resources.push(format!("acs:ram::{account}:{}*", found.map_or("", |(_, kind)| kind)));
    }
    resources
}

/// No name is as long: the operation refuses what is lost here.
fn shortened(name: &str) -> String {
    name.chars().take(256).collect()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::request::{Parsed, RawRequest};

    #[test]
    fn an_operation_is_about_everything_that_it_names() {
        let long = format!("acs:ram::1:role/{}", "a".repeat(256));
        for (operation, query, expected) in [
            ("GetRole", "RoleName=dev", vec!["acs:ram::1:role/dev"]),
            ("ListRoles", "", vec!["acs:ram::1:role/*"]),
            ("ListUsers", "MaxItems=1", vec!["acs:ram::1:user/*"]),
            ("CreatePolicy", "PolicyName=p", vec!["acs:ram::1:policy/p"]),
            (
                "AttachPolicyToRole",
                "RoleName=dev&PolicyName=p&PolicyType=Custom",
                vec!["acs:ram::1:role/dev", "acs:ram::1:policy/p"],
            ),
            (
                "AttachPolicyToUser",
                "UserName=a&PolicyName=p&PolicyType=System",
                vec!["acs:ram::1:user/a", "acs:ram::system:policy/p"],
            ),
            ("GetOIDCProvider", "OIDCProviderName=x", vec!["acs:ram::1:oidc-provider/x"]),
            ("Other", "", vec!["acs:ram::1:*"]),
            ("GetRole", &format!("RoleName={}", "a".repeat(9999)), vec![&long]),
        ] {
            let raw = RawRequest::new("GET", &format!("/?{query}"), &[], Bytes::new());
            let parsed = Parsed::new(&raw).ok().unwrap();
            assert_eq!(resources(operation, &parsed.params, "1"), expected, "{operation}");
        }
    }
}
