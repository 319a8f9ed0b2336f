//! A statement of a trust policy, and whether it is about a token.

use serde_json::{Map, Value};

use super::condition::Condition;
use super::pattern::like;
use super::{Claims, Truth};

/// What a token's holder needs of a trust policy.
const ASSUME_ROLE: &str = "sts:AssumeRole";

/// A statement. Texts are as they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// `Deny`, or what is not known to be `Allow`.
    pub(super) denies: bool,
    pub(super) actions: Vec<String>,
    /// ARNs of identity providers.
    pub(super) federated: Vec<String>,
    pub(super) conditions: Vec<Condition>,
    /// Elements that are not known here, or not in a form that is.
    odd: Vec<String>,
}

impl Statement {
    pub(super) fn read(object: &Map<String, Value>) -> Self {
        let mut odd = Vec::new();
        let effect = object.get("Effect").and_then(Value::as_str);
        if !matches!(effect, Some("Allow" | "Deny")) {
            odd.push("Effect".to_owned());
        }
        let list = |value: Option<&Value>, name: &str, odd: &mut Vec<String>| match value.map(texts) {
            Some(Some(texts)) => texts,
            Some(None) => {
                odd.push(name.to_owned());
                Vec::new()
            }
            None => Vec::new(),
        };
        let actions = list(object.get("Action"), "Action", &mut odd);
        let federated = match object.get("Principal") {
            Some(Value::Object(kinds)) => list(kinds.get("Federated"), "Principal", &mut odd),
            _ => {
                odd.push("Principal".to_owned());
                Vec::new()
            }
        };
        let mut conditions = Vec::new();
        match object.get("Condition") {
            None => {}
            Some(Value::Object(operators)) => {
                for (operator, keys) in operators {
                    match keys {
                        Value::Object(keys) => conditions.extend(keys.iter().map(|(key, values)| {
                            Condition { operator: operator.clone(), key: key.clone(), values: texts(values) }
                        })),
                        _ => odd.push("Condition".to_owned()),
                    }
                }
            }
            Some(_) => odd.push("Condition".to_owned()),
        }
        let known = ["Effect", "Action", "Principal", "Condition"];
        odd.extend(object.keys().filter(|key| !known.contains(&key.as_str())).cloned());
        Self { denies: effect != Some("Allow"), actions, federated, conditions, odd }
    }

    /// Whether it is about a token with these claims.
    pub(super) fn applies(&self, claims: &Claims<'_>) -> Truth {
        let is_odd = |name: &str| self.odd.iter().any(|odd| odd == name);
        let principal = is_odd("Principal") || self.names(claims.provider);
        let action = is_odd("Action") || self.odd.iter().any(|odd| odd == "NotAction") || self.covers();
        let parts = [Truth::of(principal), Truth::of(action), Truth::On(self.odd.clone())];
        Truth::all(parts.into_iter().chain(self.conditions.iter().map(|condition| condition.holds(claims))))
    }

    /// ARNs compare without regard to case.
    pub(super) fn names(&self, provider: &str) -> bool {
        self.federated.iter().any(|arn| arn.eq_ignore_ascii_case(provider))
    }

    /// Whether one of its actions covers assuming a role.
    pub(super) fn covers(&self) -> bool {
        let wanted = ASSUME_ROLE.to_ascii_lowercase();
        self.actions.iter().any(|action| like(&action.to_ascii_lowercase(), &wanted))
    }
}

/// One text or a list of them; numbers and booleans mean what they look like. None for anything else.
fn texts(value: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        value => text(value).map(|text| vec![text]),
    }
}
