//! The YAML as it is written, with the line of each value. Nothing is checked here but the shape.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_saphyr::Spanned;
use signature::Secret;

use super::ConfigError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Document {
    pub(super) accounts: Spanned<Vec<AccountEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct AccountEntry {
    pub(super) id: Spanned<String>,
    #[serde(default)]
    pub(super) access_keys: Vec<AccessKeyEntry>,
    #[serde(default)]
    pub(super) users: Vec<UserEntry>,
    #[serde(default)]
    pub(super) roles: Vec<RoleEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct AccessKeyEntry {
    pub(super) id: Spanned<String>,
    pub(super) secret: Secret,
    #[serde(default)]
    pub(super) status: Status,
}

/// What RAM calls the status of an access key.
#[derive(Deserialize, Default, PartialEq)]
pub(super) enum Status {
    #[default]
    Active,
    Inactive,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct UserEntry {
    pub(super) name: Spanned<String>,
    pub(super) id: Spanned<String>,
    #[serde(default)]
    pub(super) access_keys: Vec<AccessKeyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RoleEntry {
    pub(super) name: Spanned<String>,
    pub(super) id: Spanned<String>,
    pub(super) max_session_duration: Option<Spanned<u32>>,
    pub(super) trust_policy: TrustPolicyDocument,
}

/// A trust policy, with RAM's own spelling of the keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct TrustPolicyDocument {
    pub(super) version: Spanned<String>,
    pub(super) statement: Spanned<OneOrMany<StatementEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct StatementEntry {
    pub(super) effect: Spanned<String>,
    pub(super) action: Spanned<OneOrMany<String>>,
    pub(super) principal: Spanned<PrincipalEntry>,
    pub(super) condition: Option<Spanned<BTreeMap<String, ConditionKeys>>>,
}

/// Condition key to its values.
pub(super) type ConditionKeys = BTreeMap<String, OneOrMany<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrincipalEntry {
    #[serde(rename = "RAM", default)]
    pub(super) ram: Option<OneOrMany<String>>,
    #[serde(rename = "Service", default)]
    pub(super) service: Option<OneOrMany<String>>,
    #[serde(rename = "Federated", default)]
    pub(super) federated: Option<OneOrMany<String>>,
}

/// Policies allow one value wherever they allow a list.
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

/// Parses the text. A value that YAML would take for a number or a boolean must be quoted where a text is meant:
/// an account id is sixteen digits, and an unquoted one would otherwise pass unnoticed until some tool rewrites it.
pub(super) fn parse(text: &str, file: &str) -> Result<Document, ConfigError> {
    let options = serde_saphyr::options! { no_schema: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| ConfigError::Shape {
        file: file.to_owned(),
        line: error.location().map_or(0, |location| location.line()),
        problem: describe(&error),
    })
}

/// One line, without the value: it may be a secret.
fn describe(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error as Yaml;
    match error.without_snippet() {
        Yaml::QuotingRequired { .. } => {
            "a text is needed here, but YAML reads this value as a number, a boolean or nothing: put it in quotes"
                .to_owned()
        }
        other => {
            let text = other.to_string();
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            // The place is told before the problem.
            line.rsplit_once(" at line ").map_or(line.clone(), |(problem, _)| problem.to_owned())
        }
    }
}
