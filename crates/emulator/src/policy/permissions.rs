//! Who may do what: the policies of whoever asks, and those of its session, put to one question.

use tracing::info;

use super::context::{Context, Origin};
use super::decision::{PolicyType, Refusal};
use super::permission::Policy;
use super::statement::{self, Question};
use crate::directory::Directory;
use crate::principal::Identity;

/// What somebody wants to do.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// `cs:DescribeClusterDetail`.
    pub(crate) action: &'a str,
    /// The ARN of what it is done to.
    pub(crate) resource: &'a str,
    pub(crate) origin: Origin,
}

/// Whether `caller` may do this, by the policies that it has now. The account itself may do everything, and so may users
/// and roles that are not held to policies; a session is held to its own policy as well.
///
/// # Errors
/// What does not allow it.
pub(crate) fn authorize(directory: &Directory, caller: &Identity, ask: Ask<'_>) -> Result<(), Refusal> {
    let attached = directory.read(|state| state.policies_of(caller));
    let session = match caller {
        Identity::AssumedRole(session) => session.policy.as_ref(),
        Identity::Account(_) | Identity::User(_) => None,
    };
    let result = decide(attached.as_deref(), session, caller, ask);
    if let Err(refusal) = &result {
        let (action, resource) = (ask.action, ask.resource);
        info!(action, resource, why = %refusal.decision, policies = refusal.policy_type(), "not permitted");
    }
    result
}

/// `attached`: name and policy each; `None` where the caller is not held to policies.
pub(super) fn decide(
    attached: Option<&[(String, Policy)]>,
    session: Option<&Policy>,
    caller: &Identity,
    ask: Ask<'_>,
) -> Result<(), Refusal> {
    let context = Context { origin: ask.origin, caller: Some(caller), token: None, external_id: None };
    let question = Question { action: ask.action, resource: ask.resource, context };
    let refuse = |policy_type, decision| Err(Refusal { policy_type, decision });
    if let Some(attached) = attached {
        let policies = attached.iter().map(|(name, policy)| (name.as_str(), policy.statements()));
        let decision = statement::decide(policies, &question);
        if !decision.is_allowed() {
            return refuse(PolicyType::Identity, decision);
        }
    }
    if let Some(policy) = session {
        let decision = statement::decide([("the session's policy", policy.statements())], &question);
        if !decision.is_allowed() {
            return refuse(PolicyType::Session, decision);
        }
    }
    Ok(())
}
