//! One condition of a statement: an operator, a key, and values of which one has to fit.
//!
//! See the RAM documentation, "Conditional operators".

use std::cmp::Ordering;
use std::net::IpAddr;

use jiff::Timestamp;
use signature::format_timestamp;

use super::pattern::like;
use super::{Claims, Truth};

/// A condition, with its texts as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// `StringEquals`, …
    pub(super) operator: String,
    /// `oidc:sub`, …
    pub(super) key: String,
    /// None where they are not texts.
    pub(super) values: Option<Vec<String>>,
}

/// How a value of the condition is compared with one of the call. None where the condition's value is none of its kind.
type Compare = fn(&str, &str) -> Option<bool>;

/// Name, comparison (wanted, given), and whether it negates.
const OPERATORS: [(&str, Compare, bool); 21] = [
    ("StringEquals", |wanted, given| Some(wanted == given), false),
    ("StringNotEquals", |wanted, given| Some(wanted == given), true),
    ("StringEqualsIgnoreCase", in_any_case, false),
    ("StringNotEqualsIgnoreCase", in_any_case, true),
    ("StringLike", |wanted, given| Some(like(wanted, given)), false),
    ("StringNotLike", |wanted, given| Some(like(wanted, given)), true),
    ("Bool", boolean, false),
    ("IpAddress", address, false),
    ("NotIpAddress", address, true),
    ("NumericEquals", |w, g| number(w, g, Ordering::is_eq), false),
    ("NumericNotEquals", |w, g| number(w, g, Ordering::is_eq), true),
    ("NumericLessThan", |w, g| number(w, g, Ordering::is_lt), false),
    ("NumericLessThanEquals", |w, g| number(w, g, Ordering::is_le), false),
    ("NumericGreaterThan", |w, g| number(w, g, Ordering::is_gt), false),
    ("NumericGreaterThanEquals", |w, g| number(w, g, Ordering::is_ge), false),
    ("DateEquals", |w, g| date(w, g, Ordering::is_eq), false),
    ("DateNotEquals", |w, g| date(w, g, Ordering::is_eq), true),
    ("DateLessThan", |w, g| date(w, g, Ordering::is_lt), false),
    ("DateLessThanEquals", |w, g| date(w, g, Ordering::is_le), false),
    ("DateGreaterThan", |w, g| date(w, g, Ordering::is_gt), false),
    ("DateGreaterThanEquals", |w, g| date(w, g, Ordering::is_ge), false),
];

impl Condition {
    /// True when one of the call's values under the key fits one of the condition's, so false where the call has none; with
    /// an operator that negates, true when that is false.
    pub(super) fn holds(&self, claims: &Claims<'_>) -> Truth {
        self.decided(claims)
            .map_or_else(|| Truth::On(vec![format!("{} of {}", self.operator, self.key)]), Truth::of)
    }

    fn decided(&self, claims: &Claims<'_>) -> Option<bool> {
        let (_, compare, negated) = OPERATORS.iter().find(|(name, _, _)| *name == self.operator)?;
        let given = given(&self.key, claims)?;
        let mut fits = false;
        for wanted in self.values.as_ref()? {
            for given in &given {
                fits |= compare(wanted, given)?;
            }
        }
        Some(fits != *negated)
    }
}

/// What the call of a token's holder has under this key; None where that cannot be known here. Keys are written in any case.
fn given(key: &str, claims: &Claims<'_>) -> Option<Vec<String>> {
    let one = |text: &str| Some(vec![text.to_owned()]);
    match key.to_ascii_lowercase().as_str() {
        "oidc:iss" => one(claims.issuer),
        "oidc:sub" => one(claims.subject),
        "oidc:aud" => Some(claims.audiences.to_vec()),
        "acs:currenttime" => one(&format_timestamp(claims.now)),
        "acs:securetransport" => one("true"),
        // Nobody signs the call, and nobody gives an external id with it.
        "acs:mfapresent" => one("false"),
        "acs:principalarn" | "sts:externalid" => Some(Vec::new()),
        _ => None,
    }
}

// All comparisons have one shape, also those that cannot fail.
#[allow(clippy::unnecessary_wraps)]
fn in_any_case(wanted: &str, given: &str) -> Option<bool> {
    Some(wanted.to_lowercase() == given.to_lowercase())
}

fn boolean(wanted: &str, given: &str) -> Option<bool> {
    let read = |text: &str| match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    let wanted = read(wanted)?;
    Some(read(given) == Some(wanted))
}

/// No text that is known here is an address.
fn address(_: &str, given: &str) -> Option<bool> {
    if given.parse::<IpAddr>().is_ok() { None } else { Some(false) }
}

fn number(wanted: &str, given: &str, fits: fn(Ordering) -> bool) -> Option<bool> {
    let read = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let wanted = read(wanted)?;
    Some(read(given).and_then(|given| given.partial_cmp(&wanted)).is_some_and(fits))
}

fn date(wanted: &str, given: &str, fits: fn(Ordering) -> bool) -> Option<bool> {
    let wanted: Timestamp = wanted.parse().ok()?;
    Some(given.parse::<Timestamp>().is_ok_and(|given| fits(given.cmp(&wanted))))
}
