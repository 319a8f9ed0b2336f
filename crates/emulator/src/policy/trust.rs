//! Trust policies: who may assume a role.
//!
//! See the RAM documentation, "Edit the trust policy of a RAM role".

use std::sync::Arc;

use tracing::info;

use super::context::{Context, OidcCaller, Origin};
use super::decision::{Decision, PolicyType, Refusal};
use super::document::PolicyDocument;
use super::statement::{self, Kind, Question, Statement};
use crate::principal::Identity;
use crate::problem::Problem;

/// What is asked of trust policies, and of callers' own policies before.
pub(crate) const ASSUME_ROLE: &str = "sts:AssumeRole";

/// A checked trust policy of a role.
#[derive(Clone, Debug)]
pub(crate) struct TrustPolicy {
    /// The document as it was given; JSON.
    text: Arc<str>,
    statements: Arc<[Statement]>,
}

/// What is asked: may this caller assume the role with this external id?
pub(crate) struct AssumeRoleRequest<'a> {
    pub(crate) caller: Caller<'a>,
    pub(crate) external_id: Option<&'a str>,
    pub(crate) origin: Origin,
}

/// Who wants to assume a role.
pub(crate) enum Caller<'a> {
    /// Whoever has signed the request.
    Ram(&'a Identity),
    /// Whoever has a token, which was checked.
    Oidc(OidcCaller<'a>),
}

impl TrustPolicy {
    /// Checks a policy of the configuration; `what` names its role in errors.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(crate) fn check(document: PolicyDocument, what: &str) -> Result<Self, Problem> {
        let text = serde_json::to_string_pretty(&document)
            .map_err(|error| Problem::at(&document.version, format!("{what}: {error}")))?;
        Ok(Self { text: text.into(), statements: statement::check(document, Kind::Trust, what)?.into() })
    }

    /// Checks a policy as RAM is sent it, in JSON.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn from_json(text: &str, what: &str) -> Result<Self, String> {
        let document = PolicyDocument::from_json(text, what)?;
        let statements = statement::check(document, Kind::Trust, what).map_err(|problem| problem.text)?;
        Ok(Self { text: text.into(), statements: statements.into() })
    }

    /// The document in JSON, as it was sent; as the configuration has it otherwise.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// `Deny` wins over `Allow`, and nothing is allowed that is not named.
    pub(crate) fn decide(&self, request: &AssumeRoleRequest<'_>) -> Decision {
        let (caller, token) = match &request.caller {
            Caller::Ram(identity) => (Some(*identity), None),
            Caller::Oidc(token) => (None, Some(token)),
        };
        let context = Context { origin: request.origin, caller, token, external_id: request.external_id };
        // A trust policy has no resources: it stands on the one that it is for.
        let question = Question { action: ASSUME_ROLE, resource: "", context };
        statement::decide([("the trust policy", &*self.statements)], &question)
    }

    /// As [`TrustPolicy::decide`].
    ///
    /// # Errors
    /// What the policy does not allow.
    pub(crate) fn authorize(&self, request: &AssumeRoleRequest<'_>) -> Result<(), Refusal> {
        match self.decide(request) {
            Decision::Allowed(_) => Ok(()),
            decision => {
                info!(action = ASSUME_ROLE, why = %decision, "not permitted by the trust policy");
                Err(Refusal { policy_type: PolicyType::Trust, decision })
            }
        }
    }
}
