//! Error answers that only Container Service has. Codes that its documentation does not name are marked.

use crate::error::ApiError;
use crate::policy::{Decision, PolicyType, Refusal};
use crate::principal::Identity;

/// Longest id of a request that an error message repeats, in characters.
const MAX_SHOWN: usize = 80;

pub(crate) fn no_such_cluster(id: &str) -> ApiError {
    let id: String = id.chars().take(MAX_SHOWN).collect();
    ApiError::new(404, "ErrorClusterNotFound", format!("cluster ({id}) not found in our records"))
}

/// The code is the emulator's own.
pub(crate) fn no_such_task(id: &str) -> ApiError {
    let id: String = id.chars().take(MAX_SHOWN).collect();
    ApiError::new(404, "ErrorTaskNotFound", format!("task ({id}) not found in our records"))
}

/// The code is the emulator's own.
pub(crate) fn no_such_addon(name: &str) -> ApiError {
    let name: String = name.chars().take(MAX_SHOWN).collect();
    ApiError::new(404, "ErrorAddonNotFound", format!("addon ({name}) not found in our records"))
}

/// Not allowed, whatever the caller's policies say.
pub(crate) fn forbidden(message: &str) -> ApiError {
    ApiError::new(403, "StatusForbidden", message)
}

/// Nothing allows it, as a test wants it.
pub(crate) fn no_permission(caller: &Identity, operation: &str) -> ApiError {
    let refusal = Refusal { policy_type: PolicyType::Identity, decision: Decision::ImplicitDeny };
    not_permitted(caller, operation, &refusal)
}

/// The caller's policies do not allow it. Container Service knows resource groups: what nothing allows was not allowed
/// by the policies of that level either, and it names those. The words for users are the emulator's own.
pub(crate) fn not_permitted(caller: &Identity, operation: &str, refusal: &Refusal) -> ApiError {
    let action = format!("cs:{operation}");
    let subject = match caller {
        Identity::AssumedRole(_) => "STSToken",
        Identity::Account(_) | Identity::User(_) => "RAM user",
    };
    let policies = match (refusal.policy_type, &refusal.decision) {
        (PolicyType::Identity, Decision::ImplicitDeny) => "ResourceGroupLevelIdentityBasedPolicy",
        _ => refusal.policy_type(),
    };
    let mut error = forbidden(&format!("{subject} policy Forbidden for action {action}"));
    error.access_denied = Some(caller.access_denied_detail(&action, refusal.no_permission_type(), policies));
    error
}

/// The cluster is in a state in which this cannot be done.
pub(crate) fn cluster_state(id: &str, state: &str) -> ApiError {
    ApiError::new(
        400,
        "ErrorClusterState",
        format!("cluster ({id}) is in state {state}, which does not allow this"),
    )
}

/// The code is the emulator's own.
pub(crate) fn no_rrsa_for_version(id: &str, version: &str) -> ApiError {
    ApiError::new(
        400,
        "ErrorClusterVersionNotSupported",
        format!("cluster ({id}) has version {version}, and RRSA is there from Kubernetes 1.22 on"),
    )
}

/// The code is the emulator's own.
pub(crate) fn no_rrsa_for_kind(id: &str, kind: &str, profile: &str) -> ApiError {
    ApiError::new(
        400,
        "ErrorClusterTypeNotSupported",
        format!("cluster ({id}) is of type {kind} and profile {profile}, for which there is no RRSA"),
    )
}

/// `InvalidParameter.<name>`, with what is wrong.
pub(crate) fn parameter(name: &str, problem: &str) -> ApiError {
    ApiError::new(400, format!("InvalidParameter.{name}"), format!("The parameter {name} {problem}."))
}

/// The code is the emulator's own: this cluster was described without something that the answer needs.
pub(crate) fn not_configured(id: &str, lacking: &str, remedy: &str) -> ApiError {
    ApiError::new(
        400,
        "ErrorClusterNotConfigured",
        format!("cluster ({id}) has no {lacking} in the emulator's configuration: {remedy}"),
    )
}

pub(crate) fn internal() -> ApiError {
    ApiError::new(500, "InternalError", "The request has failed due to a temporary failure of the server.")
}
