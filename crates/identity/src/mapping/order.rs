//! The order of the rules of one backend, and why a rule comes where it comes.

use std::cmp::{Ordering, Reverse};
use std::fmt;

use super::{Rule, RuleArn};

/// What kind of statement a rule makes; the more exact come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Session,
    Exact,
    Pattern,
    Account,
}

fn class(rule: &Rule) -> Class {
    match rule.arn() {
        Some(RuleArn::Session(_)) => Class::Session,
        Some(RuleArn::Exact(_)) => Class::Exact,
        Some(RuleArn::Pattern(_)) => Class::Pattern,
        None => Class::Account,
    }
}

/// Sorts the rules of one backend: class, longer literal, older, name. A rule whose age nobody knows counts
/// as the newest.
fn key(rule: &Rule) -> (Class, Reverse<usize>, bool, Option<jiff::Timestamp>, &str) {
    let literal = match rule.arn() {
        Some(RuleArn::Pattern(pattern)) => pattern.literal_length(),
        _ => 0,
    };
    (class(rule), Reverse(literal), rule.created.is_none(), rule.created, &rule.source.object)
}

pub(super) fn compare(one: &Rule, other: &Rule) -> Ordering {
    key(one).cmp(&key(other))
}

/// One of the rules that match a caller. The first wins; each other one loses to all before it.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Why it comes after the one before it.
    pub why: Why,
}

/// Why a rule comes after the one before it. Its text is a phrase for the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is the first: it wins.
    First,
    /// Its backend is asked later.
    LaterBackend,
    /// It is for every session of a role, the one before it for one session.
    RoleAfterSession,
    /// It is a pattern, the one before it an exact ARN.
    PatternAfterExact,
    /// It is a pattern with fewer characters written out.
    FewerLiterals,
    /// It was made later, or nobody knows when.
    Newer,
    /// Nothing else decides: its name sorts later.
    Name,
    /// It is for a whole account; those come after all others.
    WholeAccount,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "wins",
            Self::LaterBackend => "its backend is asked later",
            Self::RoleAfterSession => "for every session of the role, which comes after one for this session",
            Self::PatternAfterExact => "a pattern, which comes after an exact ARN",
            Self::FewerLiterals => "a pattern with fewer characters written out",
            Self::Newer => "newer",
            Self::Name => "of the same age, and its name sorts later",
            Self::WholeAccount => "for a whole account, which comes after all others",
        })
    }
}

/// Why `rule` comes after `before`. The backend is compared by its place in the order.
pub(super) fn why(before: (usize, &Rule), rule: (usize, &Rule)) -> Why {
    let (class_before, class_of_rule) = (class(before.1), class(rule.1));
    if class_of_rule == Class::Account && class_before != Class::Account {
        return Why::WholeAccount;
    }
    if before.0 != rule.0 {
        return Why::LaterBackend;
    }
    let (one, other) = (key(before.1), key(rule.1));
    match (class_before, class_of_rule) {
        (Class::Session, Class::Exact) => Why::RoleAfterSession,
        (Class::Session | Class::Exact, Class::Pattern) => Why::PatternAfterExact,
        _ if one.1 != other.1 => Why::FewerLiterals,
        _ if (one.2, one.3) != (other.2, other.3) => Why::Newer,
        _ => Why::Name,
    }
}
