//! Of a JSON text, what it says in texts and objects.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Texts and objects of a JSON document, borrowed from it where nothing is escaped; of everything else, what it is. For
/// questions that come often: [`Strict`](crate::Strict) copies each text.
///
/// Reading fails where a key stands twice in one object, at any depth, in arrays too.
///
/// ```
/// use strict::Outline;
/// let Ok(Outline::Object(review)) = serde_json::from_str(r#"{"kind": "TokenReview", "spec": {"audiences": []}}"#) else { panic!() };
/// assert_eq!(review["kind"], Outline::Text("TokenReview".into()));
/// assert!(serde_json::from_str::<Outline>(r#"[{"a": 1, "\u0061": 2}]"#).is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Outline<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// Any number that a double can hold.
    Number,
    /// A text, its escapes resolved.
    Text(Cow<'a, str>),
    /// An array, of anything.
    Array,
    /// An object.
    Object(BTreeMap<Cow<'a, str>, Outline<'a>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Outline<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OutlineVisitor)
    }
}

struct OutlineVisitor;

impl<'de> Visitor<'de> for OutlineVisitor {
    type Value = Outline<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Outline::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Outline::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Outline::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Outline::Number)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Outline::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Outline::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Outline::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<Outline<'de>>()?.is_some() {}
        Ok(Outline::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut object = BTreeMap::new();
        while let Some((Key(key), value)) = entries.next_entry::<Key<'de>, Outline<'de>>()? {
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("a key stands twice"));
            }
        }
        Ok(Outline::Object(object))
    }
}

/// A key, borrowed as texts are.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::Strict;

    fn outline(value: &Value) -> Outline<'_> {
        match value {
            Value::Null => Outline::Null,
            Value::Bool(_) => Outline::Bool,
            Value::Number(_) => Outline::Number,
            Value::String(text) => Outline::Text(text.as_str().into()),
            Value::Array(_) => Outline::Array,
            Value::Object(fields) => Outline::Object(
                fields.iter().map(|(key, value)| (key.as_str().into(), outline(value))).collect(),
            ),
        }
    }

    #[test]
    fn takes_and_refuses_what_the_whole_document_is_taken_and_refused_for() {
        for text in [
            r#"{"a":[1,-2,0.5,true,null,"x"],"b":{"c":{}},"\u0064\n":"\"e\ud83d\ude00"}"#,
            r#""text""#,
            "null",
            "true",
            "-1e3",
            "18446744073709551616",
            "[]",
            "1e999",
            "[1e999]",
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":[[{"a":1,"\u0061":2}]]}"#,
            r#"{"x":{"":1,"":2}}"#,
            r#"{"a":1}{"a":1}"#,
            r#"{"a":1} x"#,
            r#"{"a":"\ud800"}"#,
            r#"{1:2}"#,
            "",
        ] {
            let whole = serde_json::from_str::<Strict>(text);
            let read = serde_json::from_str::<Outline<'_>>(text);
            match (&whole, read) {
                (Ok(Strict(whole)), Ok(read)) => assert_eq!(read, outline(whole), "{text}"),
                (Err(_), Err(_)) => {}
                (whole, read) => panic!("{text}: {whole:?} and {read:?}"),
            }
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(serde_json::from_str::<Outline<'_>>(&deep).is_err());
    }

    #[test]
    fn borrows_what_is_not_escaped() {
        let Outline::Object(fields) = serde_json::from_str(r#"{"a":"x","b":"\n"}"#).unwrap() else {
            panic!()
        };
        assert!(matches!(&fields["a"], Outline::Text(Cow::Borrowed("x"))));
        assert!(matches!(&fields["b"], Outline::Text(Cow::Owned(text)) if text == "\n"));
    }
}
