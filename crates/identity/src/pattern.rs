//! The anchored glob of a mapping's ARN.
//!
//! `*` stands for any run of characters, also none; `?` for exactly one. The glob must match the whole
//! name. It stands in the name only, behind `user/` or `role/`: the kind is always written out, and the
//! account id too, unless [`AnyAccount::Allow`] is given. Within a role's name both
//! wildcards match the `/` of a path, so that `role/*` is every role of the account; no wildcard reaches
//! from one field of the ARN into the next.
//!
//! `acs:ram::<account>:role/dev*` is `dev`, `develop` and `dev/a`, and neither `de` nor `mydev`.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use crate::arn::{ArnError, Fields, Kind, is_account_id};
use crate::glob::{Glob, is_wildcard};
use crate::principal::{Principal, PrincipalKind};
use crate::quote::Quoted;

/// Whether a pattern may have wildcards in its account id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnyAccount {
    /// A wildcard in the account id is an error: a mapping names its account.
    Refuse,
    /// The account id can be a glob of its own. Whoever owns any account on Alibaba Cloud can then
    /// make a role whose name matches.
    Allow,
}

/// Why a rule's ARN cannot be used. Each message is one line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RuleArnError {
    /// Not an ARN.
    #[error(transparent)]
    Parse(#[from] ArnError),
    /// `*` or `?` in the account field.
    #[error("ARN {} has a wildcard in its account id: write the account id out", Quoted(.0))]
    WildcardInAccount(String),
    /// A wildcard together with the name of one session.
    #[error("ARN {} has a wildcard beside a session name: a mapping is for one session, or for every session of the roles that role/<pattern> names", Quoted(.0))]
    WildcardWithSession(String),
    /// No ARN of RAM could match.
    #[error("ARN {} can never match: no RAM user, role or account has such a name", Quoted(.0))]
    NeverMatches(String),
}

/// Whether a text has a character that [`Pattern`] reads as a wildcard.
pub fn has_wildcard(text: &str) -> bool {
    text.contains(is_wildcard)
}

/// A mapping's ARN with wildcards, compiled. It matches without regard to the case of ASCII letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    account: Glob,
    kind: Kind,
    name: Glob,
}

impl Pattern {
    /// Compiles an ARN with wildcards.
    ///
    /// # Errors
    /// [`RuleArnError`] where the ARN is malformed, has a wildcard where none may be, or can never match.
    pub(crate) fn parse(text: &str, any_account: AnyAccount) -> Result<Self, RuleArnError> {
        let fields = Fields::split(text)?;
        if has_wildcard(fields.account) {
            if any_account == AnyAccount::Refuse {
                return Err(RuleArnError::WildcardInAccount(text.to_owned()));
            }
            if !fields.account.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'?') {
                return Err(RuleArnError::NeverMatches(text.to_owned()));
            }
        } else if !is_account_id(fields.account) {
            return Err(ArnError::Account(text.to_owned()).into());
        }
        let (kind, name) = match fields.kind {
            Kind::AssumedRole => (Kind::Role, role_of_all_sessions(text, fields.name)?),
            kind => (kind, fields.name),
        };
        let name = Glob::compile(name);
        if !name.can_be_a_name(kind) {
            return Err(RuleArnError::NeverMatches(text.to_owned()));
        }
        Ok(Self { account: Glob::compile(fields.account), kind, name })
    }

    /// Whether the principal's canonical ARN matches: account, kind and whole name.
    pub fn matches(&self, principal: &Principal) -> bool {
        self.matches_subject(&Subject::of(principal))
    }

    pub(crate) fn matches_subject(&self, subject: &Subject<'_>) -> bool {
        self.kind == subject.kind
            && self.name.matches(&subject.name)
            && self.account.matches(subject.account_id)
    }

    /// Whether whoever matches `other` matches this pattern too (see [`Glob::covers`]).
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.kind == other.kind && self.account.covers(&other.account) && self.name.covers(&other.name)
    }

    /// The account id, where the pattern has it without wildcards.
    pub fn literal_account(&self) -> Option<&str> {
        self.account.literal()
    }

    /// The glob of the name, as text in lower case.
    pub(crate) fn name(&self) -> &str {
        self.name.as_str()
    }

    /// What tells two patterns of one kind apart.
    pub(crate) fn text(&self) -> (&str, &str) {
        (self.account.as_str(), self.name.as_str())
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// How many characters of account and name are written out: the more, the earlier it is asked.
    pub fn literal_length(&self) -> usize {
        self.account.literal_length().saturating_add(self.name.literal_length())
    }
}

impl fmt::Display for Pattern {
    /// The canonical spelling: lower case, an assumed role as its role.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "acs:ram::{}:", self.account)?;
        match self.kind {
            Kind::Root => f.write_str("root"),
            Kind::User => write!(f, "user/{}", self.name),
            Kind::Role | Kind::AssumedRole => write!(f, "role/{}", self.name),
        }
    }
}

/// The role of `<role>/<session>`. Only `*` can stand for the session, which means every session: a pattern
/// is compared with roles, so a narrower glob there would let in more than it says.
fn role_of_all_sessions<'a>(text: &str, name: &'a str) -> Result<&'a str, RuleArnError> {
    match name.rsplit_once('/') {
        Some((role, "*")) => Ok(role),
        Some(_) => Err(RuleArnError::WildcardWithSession(text.to_owned())),
        None => Err(RuleArnError::NeverMatches(text.to_owned())),
    }
}

/// What rules are compared with: one principal, taken apart once for a whole lookup. All in lower case.
pub(crate) struct Subject<'a> {
    pub(crate) account_id: &'a str,
    pub(crate) kind: Kind,
    pub(crate) name: Cow<'a, str>,
    /// The canonical ARN.
    pub(crate) key: Cow<'a, str>,
    /// The ARN of the session, where there is one.
    pub(crate) session_key: Option<Cow<'a, str>>,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(principal: &'a Principal) -> Self {
        let (kind, name) = match principal.kind() {
            PrincipalKind::Account => (Kind::Root, ""),
            PrincipalKind::User { name } => (Kind::User, name),
            PrincipalKind::AssumedRole { role, .. } => (Kind::Role, role),
        };
        Self {
            account_id: principal.account_id(),
            kind,
            name: name.to_ascii_lowercase().into(),
            key: principal.canonical_key().into(),
            session_key: principal.session_key().map(Cow::Owned),
        }
    }

    /// Whoever has this ARN, which is in lower case.
    pub(crate) fn of_arn(arn: &'a str) -> Option<Self> {
        let Fields { account, kind, name } = Fields::split(arn).ok()?;
        Some(match kind {
            Kind::AssumedRole => {
                let (role, _) = name.rsplit_once('/')?;
                Self {
                    account_id: account,
                    kind: Kind::Role,
                    name: role.into(),
                    key: format!("acs:ram::{account}:role/{role}").into(),
                    session_key: Some(arn.into()),
                }
            }
            kind => Self { account_id: account, kind, name: name.into(), key: arn.into(), session_key: None },
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shows_its_canonical_spelling() {
        let shown = |text: &str| Pattern::parse(text, AnyAccount::Allow).unwrap().to_string();
        assert_eq!(shown("ACS:RAM::1:Role/Dev-**"), "acs:ram::1:role/dev-*");
        assert_eq!(shown("acs:ram::1:assumed-role/Dev?/*"), "acs:ram::1:role/dev?");
        assert_eq!(shown("acs:ram::*:root"), "acs:ram::*:root");
    }
}
