//! Conditions: an operator, a key, and values of which one has to fit (RAM documentation, "Conditional operators").

use std::cmp::Ordering;
use std::net::IpAddr;

use jiff::Timestamp;

use super::context::{Context, Key};
use super::document::ConditionKeys;
use super::network::Network;
use super::pattern::glob_matches;

/// True when one of the request's values under the key fits one of the condition's, so false where the request has
/// none; with an operator that negates, true when that is false.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    key: Key,
    negated: bool,
    values: Vec<Wanted>,
}

/// One value of a condition, and how it is compared.
#[derive(Clone, Debug)]
enum Wanted {
    Text(String),
    TextInAnyCase(String),
    Like(String),
    Bool(bool),
    Number(f64, Comparison),
    Date(Timestamp, Comparison),
    Network(Network),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    TextInAnyCase,
    Like,
    Bool,
    Number(Comparison),
    Date(Comparison),
    Network,
}

/// Name, kind, and whether it negates.
const OPERATORS: [(&str, Kind, bool); 21] = [
    ("StringEquals", Kind::Text, false),
    ("StringNotEquals", Kind::Text, true),
    ("StringEqualsIgnoreCase", Kind::TextInAnyCase, false),
    ("StringNotEqualsIgnoreCase", Kind::TextInAnyCase, true),
    ("StringLike", Kind::Like, false),
    ("StringNotLike", Kind::Like, true),
    ("Bool", Kind::Bool, false),
    ("IpAddress", Kind::Network, false),
    ("NotIpAddress", Kind::Network, true),
    ("NumericEquals", Kind::Number(Comparison::Equal), false),
    ("NumericNotEquals", Kind::Number(Comparison::Equal), true),
    ("NumericLessThan", Kind::Number(Comparison::Less), false),
    ("NumericLessThanEquals", Kind::Number(Comparison::LessOrEqual), false),
    ("NumericGreaterThan", Kind::Number(Comparison::Greater), false),
    ("NumericGreaterThanEquals", Kind::Number(Comparison::GreaterOrEqual), false),
    ("DateEquals", Kind::Date(Comparison::Equal), false),
    ("DateNotEquals", Kind::Date(Comparison::Equal), true),
    ("DateLessThan", Kind::Date(Comparison::Less), false),
    ("DateLessThanEquals", Kind::Date(Comparison::LessOrEqual), false),
    ("DateGreaterThan", Kind::Date(Comparison::Greater), false),
    ("DateGreaterThanEquals", Kind::Date(Comparison::GreaterOrEqual), false),
];

impl Condition {
    pub(super) fn holds(&self, context: &Context<'_>) -> bool {
        let fits =
            context.values(self.key).iter().any(|value| self.values.iter().any(|wanted| wanted.fits(value)));
        fits != self.negated
    }

    /// The conditions under one operator.
    ///
    /// # Errors
    /// An operator, a key or a value that the emulator cannot decide.
    pub(super) fn check(operator: &str, keys: &ConditionKeys, what: &str) -> Result<Vec<Self>, String> {
        let found = OPERATORS.iter().find(|(name, _, _)| *name == operator);
        let Some((_, kind, negated)) = found else {
            return Err(format!(
                "{what}: {operator:?} is not an operator of conditions that the emulator knows: it knows {}",
                OPERATORS.map(|(name, _, _)| name).join(", ")
            ));
        };
        keys.iter()
            .map(|(name, values)| {
                let key = Key::find(name).ok_or_else(|| {
                    format!(
                        "{what}: the emulator cannot decide a condition on {name:?}; it knows {}",
                        Key::names()
                    )
                })?;
                let values = values.0.iter().map(|value| {
                    kind.wanted(value).ok_or_else(|| {
                        format!("{what}: {operator} of {name} cannot have the value {value:?}")
                    })
                });
                Ok(Self { key, negated: *negated, values: values.collect::<Result<_, _>>()? })
            })
            .collect()
    }

    /// Whether operator and values are right, whatever the keys are.
    ///
    /// # Errors
    /// As [`Condition::check`], but for keys.
    pub(super) fn check_form(operator: &str, keys: &ConditionKeys, what: &str) -> Result<(), String> {
        let found = OPERATORS.iter().find(|(name, _, _)| *name == operator);
        let (_, kind, _) =
            found.ok_or_else(|| format!("{what}: {operator:?} is not an operator of conditions"))?;
        let mut values =
            keys.iter().flat_map(|(name, values)| values.0.iter().map(move |value| (name, value)));
        match values.find(|(_, value)| kind.wanted(value).is_none()) {
            Some((name, value)) => {
                Err(format!("{what}: {operator} of {name} cannot have the value {value:?}"))
            }
            None => Ok(()),
        }
    }
}

impl Kind {
    fn wanted(self, value: &str) -> Option<Wanted> {
        Some(match self {
            Self::Text => Wanted::Text(value.to_owned()),
            Self::TextInAnyCase => Wanted::TextInAnyCase(value.to_lowercase()),
            Self::Like => Wanted::Like(value.to_owned()),
            Self::Bool => Wanted::Bool(boolean(value)?),
            Self::Number(comparison) => Wanted::Number(number(value)?, comparison),
            Self::Date(comparison) => Wanted::Date(value.parse().ok()?, comparison),
            Self::Network => Wanted::Network(Network::parse(value)?),
        })
    }
}

impl Wanted {
    /// A value of the request that is not of the operator's kind does not fit.
    fn fits(&self, given: &str) -> bool {
        match self {
            Self::Text(wanted) => wanted == given,
            Self::TextInAnyCase(wanted) => *wanted == given.to_lowercase(),
            Self::Like(wanted) => glob_matches(wanted, given),
            Self::Bool(wanted) => boolean(given) == Some(*wanted),
            Self::Number(wanted, comparison) => {
                number(given).and_then(|given| given.partial_cmp(wanted)).is_some_and(|o| comparison.is(o))
            }
            Self::Date(wanted, comparison) => {
                given.parse::<Timestamp>().is_ok_and(|given| comparison.is(given.cmp(wanted)))
            }
            Self::Network(wanted) => given.parse::<IpAddr>().is_ok_and(|ip| wanted.contains(ip)),
        }
    }
}

impl Comparison {
    fn is(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// `NaN` and infinities are no numbers here.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
