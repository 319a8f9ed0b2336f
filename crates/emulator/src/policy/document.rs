//! Policies as they are written, with the line of each value. Nothing is checked here but the shape.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, de};
use serde_json::Value;
use serde_saphyr::Spanned;
use strict::Strict;

/// A policy, with RAM's own spelling of the keys.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct PolicyDocument {
    pub(super) version: Spanned<String>,
    pub(super) statement: Spanned<OneOrMany<StatementEntry>>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct StatementEntry {
    pub(super) effect: Spanned<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) action: Option<Spanned<OneOrMany<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_action: Option<Spanned<OneOrMany<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource: Option<Spanned<OneOrMany<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_resource: Option<Spanned<OneOrMany<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<Spanned<PrincipalEntry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<Spanned<BTreeMap<String, ConditionKeys>>>,
}

/// Condition key to its values.
pub(super) type ConditionKeys = BTreeMap<String, OneOrMany<String>>;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrincipalEntry {
    #[serde(rename = "RAM", default, skip_serializing_if = "Option::is_none")]
    pub(super) ram: Option<OneOrMany<String>>,
    #[serde(rename = "Service", default, skip_serializing_if = "Option::is_none")]
    pub(super) service: Option<OneOrMany<String>>,
    #[serde(rename = "Federated", default, skip_serializing_if = "Option::is_none")]
    pub(super) federated: Option<OneOrMany<String>>,
}

impl PolicyDocument {
    /// Reads a policy as RAM is sent it, in JSON.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn from_json(text: &str, what: &str) -> Result<Self, String> {
        let Strict(mut value) =
            serde_json::from_str(text).map_err(|error| format!("{what}: the policy is not JSON: {error}"))?;
        scalars_as_texts(&mut value);
        // JSON is YAML, once its white space is normal: so both kinds of text go one way.
        let options = serde_saphyr::options! { no_schema: true, with_snippet: false };
        serde_saphyr::from_str_with_options(&value.to_string(), options).map_err(|error| {
            let text = error.without_snippet().to_string();
            // All of it is on one line now: where on that line tells nothing.
            let problem = text.split(" at line ").next().unwrap_or_default();
            format!("{what}: the policy is not of RAM's form: {problem}")
        })
    }
}

/// Values of conditions may be numbers and booleans in JSON; they mean what they look like.
fn scalars_as_texts(policy: &mut Value) {
    let statements = match policy.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.iter_mut().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    for statement in statements {
        let operators = statement.get_mut("Condition").and_then(Value::as_object_mut);
        let keys = operators.into_iter().flat_map(|operators| operators.values_mut());
        for values in keys.filter_map(Value::as_object_mut).flat_map(|keys| keys.values_mut()) {
            match values {
                Value::Array(values) => values.iter_mut().for_each(scalar_as_text),
                value => scalar_as_text(value),
            }
        }
    }
}

fn scalar_as_text(value: &mut Value) {
    if matches!(value, Value::Bool(_) | Value::Number(_)) {
        *value = Value::String(value.to_string());
    }
}

/// Policies allow one value wherever they allow a list.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct OneOrMany<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrManyVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one value or a list")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
                Ok(vec![T::deserialize(StrDeserializer::new(value))?])
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Ok(vec![T::deserialize(MapAccessDeserializer::new(map))?])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq))
            }
        }

        deserializer.deserialize_any(OneOrManyVisitor(PhantomData)).map(Self)
    }
}
