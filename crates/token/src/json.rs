//! JSON that keeps what was written.
//!
//! `serde_json::Value` keeps the last of two equal keys, and says nothing. A checker that reads one of them
//! while somebody else reads the other is how CVE-2022-2385 came about, so objects stay lists here.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// As much of a JSON value as a token can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// A string.
    Text(String),
    /// An object: its fields in their order, duplicates included.
    Fields(Vec<(String, Node)>),
    /// Anything else: a number, a boolean, null, an array.
    Other,
}

/// Reads one JSON document and nothing behind it. The error is the position, counted in bytes from 1: the
/// parser's own message could quote the token.
pub(crate) fn parse(text: &str) -> Result<Node, usize> {
    serde_json::from_str(text).map_err(|error| {
        // Tokens are one line as a rule; with more, the column alone would mislead.
        let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
        lines.map(str::len).fold(error.column(), usize::saturating_add)
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Fields(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    fn text(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    #[test]
    fn keeps_duplicates_in_their_order() {
        let node = parse(r#"{"a":"1","b":{"c":"2","c":"3"},"a":"4","\u0061":"5"}"#).unwrap();
        let inner = Node::Fields(vec![("c".into(), text("2")), ("c".into(), text("3"))]);
        let fields = vec![
            ("a".into(), text("1")),
            ("b".into(), inner),
            ("a".into(), text("4")),
            ("a".into(), text("5")),
        ];
        assert_eq!(node, Node::Fields(fields));
    }

    #[test]
    fn everything_but_strings_and_objects_is_other() {
        for json in ["1", "-1", "1.5", "true", "null", "[]", r#"[{"a":"b"},[1]]"#] {
            assert_eq!(parse(json), Ok(Node::Other), "{json}");
        }
    }

    #[test]
    fn says_where_a_document_is_broken() {
        assert_eq!(parse(r#"{"a":"1",}"#), Err(10));
        assert_eq!(parse("{\n\"a\":x}"), Err(7));
        assert!(parse("").is_err());
    }

    #[test]
    fn refuses_what_follows_the_document_and_what_is_not_json() {
        for json in [
            "{}{}",
            "{} x",
            "{}\0",
            "\u{feff}{}",
            "{a:1}",
            "{'a':1}",
            r#""\ud800""#,
            "{\"a\":\"\n\"}",
            "1e999999",
        ] {
            assert!(parse(json).is_err(), "{json:?}");
        }
    }

    #[test]
    fn deep_nesting_does_not_exhaust_the_stack() {
        let deep =
            |open: &str, close: &str| format!("{}1{}", open.repeat(1_000_000), close.repeat(1_000_000));
        assert!(parse(&deep(r#"{"a":"#, "}")).is_err());
        // Arrays are skipped without recursion.
        assert_eq!(parse(&deep("[", "]")), Ok(Node::Other));
    }
}
