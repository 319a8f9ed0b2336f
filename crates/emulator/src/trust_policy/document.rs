//! Trust policies as they are written, with the line of each value. Nothing is checked here but the shape.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, de};
use serde_saphyr::Spanned;

/// A trust policy, with RAM's own spelling of the keys.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct TrustPolicyDocument {
    pub(super) version: Spanned<String>,
    pub(super) statement: Spanned<OneOrMany<StatementEntry>>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct StatementEntry {
    pub(super) effect: Spanned<String>,
    pub(super) action: Spanned<OneOrMany<String>>,
    pub(super) principal: Spanned<PrincipalEntry>,
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
