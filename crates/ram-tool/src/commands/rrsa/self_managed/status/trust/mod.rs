//! Whether a role's trust policy gives the role to whoever brings a token of a service account, and why nearly.
//!
//! See the RAM documentation, "Policy elements" and "Policy evaluation". What STS alone can know (the address that a call
//! comes from) makes an answer depend on it, so that a guess is never told as a fact.

mod condition;
#[cfg(test)]
mod emulator_tests;
mod near_miss;
mod pattern;
mod statement;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::Value;

use crate::commands::rrsa::trust_policy::{PolicyProblem, parse};
use statement::Statement;

/// What a token says, and which provider vouches for it.
#[derive(Clone, Copy, Debug)]
pub(in crate::commands::rrsa) struct Claims<'a> {
    /// `acs:ram::ACCOUNT:oidc-provider/NAME`.
    pub(in crate::commands::rrsa) provider: &'a str,
    pub(in crate::commands::rrsa) issuer: &'a str,
    pub(in crate::commands::rrsa) audiences: &'a [String],
    pub(in crate::commands::rrsa) subject: &'a str,
    /// When STS is asked.
    pub(in crate::commands::rrsa) now: Timestamp,
}

/// What a trust policy says to a token. Statements are counted from 1; texts are of the policy, to be made visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands::rrsa) enum Answer {
    /// This statement allows it, and none denies it.
    Allowed { statement: usize },
    /// This statement denies it, whatever others say.
    Denied { statement: usize },
    /// What this statement says is not known here.
    Depends {
        statement: usize,
        /// Conditions and elements that STS alone can decide, each once.
        on: Vec<String>,
    },
    /// No statement allows it.
    NotAllowed {
        /// The statement that comes nearest to it, and each thing that keeps it from doing so; none where no statement is
        /// for an OIDC provider.
        nearest: Option<(usize, Vec<String>)>,
    },
}

/// Who has the role, beside the one service account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breadth {
    /// Every service account of the cluster.
    Cluster,
    /// Every one of its namespace.
    Namespace,
    /// Every one of its name, in any namespace.
    Name,
}

/// Yes, no, or what it depends on, which is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Truth {
    Yes,
    No,
    On(Vec<String>),
}

/// A trust policy: RAM's `AssumeRolePolicyDocument`.
#[derive(Clone, Debug)]
pub(in crate::commands::rrsa) struct TrustPolicy {
    statements: Vec<Statement>,
}

impl TrustPolicy {
    /// # Errors
    /// What is no trust policy.
    pub(in crate::commands::rrsa) fn read(text: &str) -> Result<Self, PolicyProblem> {
        let (_, statements) = parse(text)?;
        let objects = statements.iter().filter_map(Value::as_object);
        Ok(Self { statements: objects.map(Statement::read).collect() })
    }

    /// Deny wins over Allow, and nothing is allowed that no statement names.
    pub(in crate::commands::rrsa) fn decide(&self, claims: &Claims<'_>) -> Answer {
        let (mut allowed, mut perhaps_allowed, mut perhaps_denied) = (None, None, None);
        for (statement, read) in (1_usize..).zip(&self.statements) {
            match (read.applies(claims), read.denies) {
                (Truth::No, _) => {}
                (Truth::Yes, true) => return Answer::Denied { statement },
                (Truth::Yes, false) => allowed = allowed.or(Some(Answer::Allowed { statement })),
                (Truth::On(on), true) => {
                    perhaps_denied = perhaps_denied.or(Some(Answer::Depends { statement, on }));
                }
                (Truth::On(on), false) => {
                    perhaps_allowed = perhaps_allowed.or(Some(Answer::Depends { statement, on }));
                }
            }
        }
        match allowed {
            // An Allow that is not understood takes nothing away from one that is; a Deny may.
            Some(allowed) => perhaps_denied.unwrap_or(allowed),
            None => perhaps_allowed.unwrap_or_else(|| Answer::NotAllowed {
                nearest: near_miss::nearest(&self.statements, claims),
            }),
        }
    }

    /// Who else has the role by this policy, where this service account has it.
    pub(super) fn breadth(&self, claims: &Claims<'_>, namespace: &str, name: &str) -> Option<Breadth> {
        /// No object of Kubernetes has a `_` in its name.
        const NOBODY: &str = "no_such_name";
        let lets_in = |namespace: &str, name: &str| {
            let subject = format!("system:serviceaccount:{namespace}:{name}");
            matches!(self.decide(&Claims { subject: &subject, ..*claims }), Answer::Allowed { .. })
        };
        if lets_in(NOBODY, NOBODY) {
            Some(Breadth::Cluster)
        } else if lets_in(namespace, NOBODY) {
            Some(Breadth::Namespace)
        } else if lets_in(NOBODY, name) {
            Some(Breadth::Name)
        } else {
            None
        }
    }
}

impl Truth {
    fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }

    /// No where one is No; else it depends on all that any of them depends on.
    fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut on: Vec<String> = Vec::new();
        for part in parts {
            match part {
                Self::Yes => {}
                Self::No => return Self::No,
                Self::On(more) => {
                    for one in more {
                        if !on.contains(&one) {
                            on.push(one);
                        }
                    }
                }
            }
        }
        if on.is_empty() { Self::Yes } else { Self::On(on) }
    }
}
