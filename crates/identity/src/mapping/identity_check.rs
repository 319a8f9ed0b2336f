//! Whether the caller is the same user or role as ever, or only one of the same name.

use crate::principal::Principal;

use super::{Rule, RuleArn};

/// What RAM's own id of the caller says. Somebody who is made again under an old name has another id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityCheck {
    /// The rule is for more than one user or role, and not pinned: there is no one id to compare with.
    NotApplicable,
    /// No id is recorded yet: this login's is the first.
    First,
    /// The id is the recorded or pinned one.
    Same,
    /// The id is not the recorded one.
    Changed {
        /// The recorded id.
        expected: String,
    },
    /// The id is not the one that the rule is pinned to. The caller must be refused.
    PinMismatch {
        /// The pinned id.
        expected: String,
    },
}

/// The pin is the administrator's word and comes before what was recorded.
pub(super) fn check(rule: &Rule, principal: &Principal) -> IdentityCheck {
    let id = principal.user_id();
    let is_one = matches!(rule.arn(), Some(RuleArn::Exact(_) | RuleArn::Session(_)));
    match (rule.principal_id(), rule.recorded_id()) {
        (Some(pinned), _) if pinned != id => IdentityCheck::PinMismatch { expected: pinned.to_owned() },
        _ if !is_one => IdentityCheck::NotApplicable,
        (_, Some(recorded)) if recorded == id => IdentityCheck::Same,
        (None, Some(recorded)) => IdentityCheck::Changed { expected: recorded.to_owned() },
        // A pin that was changed on purpose: the recorded id is an old one.
        (Some(_), Some(_)) | (_, None) => IdentityCheck::First,
    }
}
