//! What a refresh brought goes back into the file that was read, and nothing else in it changes: order, blanks, unknown
//! keys and numbers stay as they were. Only the changed values are written anew, in their places.

use std::io;
use std::path::Path;

use serde_json::Value;

use crate::credentials::Environment;
use strict::spans::{Member, elements, members, whole};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Why the file keeps what it had.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteBackError {
    /// It could not be read again.
    #[error("it cannot be read: {0}")]
    Read(io::Error),
    /// It could not be written.
    #[error("it cannot be written: {0}")]
    Write(io::Error),
    /// Somebody else changed it meanwhile, and the profile is gone.
    #[error("it changed meanwhile, and the profile is no longer in it")]
    Gone,
}

/// Sets keys of one profile of the file. The file is read for this, so that what others wrote meanwhile stays.
pub(super) fn store(
    environment: &Environment<'_>,
    path: &Path,
    profile: &str,
    changes: &[(&str, Value)],
) -> Result<(), WriteBackError> {
    let text = (environment.read_file)(path).map_err(WriteBackError::Read)?;
    let edited = edit(&text, profile, changes).ok_or(WriteBackError::Gone)?;
    (environment.write_file)(path, edited.as_bytes()).map_err(WriteBackError::Write)
}

/// The text of the file with keys of the first profile of that name set. None where there is no such profile.
fn edit(text: &str, profile: &str, changes: &[(&str, Value)]) -> Option<String> {
    let (mark, body) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(body) => (BYTE_ORDER_MARK.to_string(), body),
        None => (String::new(), text),
    };
    // What follows relies on the text being well-formed.
    serde_json::from_str::<serde::de::IgnoredAny>(body).ok()?;
    let mut edited = body.to_owned();
    for (key, value) in changes {
        edited = set(&edited, profile, key, &value.to_string())?;
    }
    Some(mark + &edited)
}

/// The keys of the first profile of that name.
fn profile_members(text: &str, profile: &str) -> Option<Vec<Member>> {
    let top = members(text, whole(text)?)?;
    let profiles = top.iter().rfind(|member| is_key(member, "profiles"))?;
    elements(text, profiles.value_span.clone())?.into_iter().filter_map(|span| members(text, span)).find(
        |members| {
            let name = members.iter().rfind(|member| is_key(member, "name"));
            let name = name.and_then(|member| text.get(member.value_span.clone()));
            name.is_some_and(|name| serde_json::from_str::<String>(name).is_ok_and(|name| name == profile))
        },
    )
}

/// The file's readers take keys in any case.
fn is_key(member: &Member, key: &str) -> bool {
    member.key.eq_ignore_ascii_case(key)
}

/// Sets one key: wherever it stands, should it stand twice; else behind the last key, in its style.
fn set(text: &str, profile: &str, key: &str, value: &str) -> Option<String> {
    let members = profile_members(text, profile)?;
    let mut edited = text.to_owned();
    let mut found = false;
    // From the last to the first: a change moves only what stands behind it.
    for member in members.iter().rev().filter(|member| is_key(member, key)) {
        let (before, after) = (edited.get(..member.value_span.start)?, edited.get(member.value_span.end..)?);
        edited = format!("{before}{value}{after}");
        found = true;
    }
    if found {
        return Some(edited);
    }
    let last = members.last()?;
    let (before, after) = text.split_at_checked(last.value_span.end)?;
    let head = text.get(..last.key_span.start)?;
    let blanks = head.get(head.trim_end_matches([' ', '\t', '\r', '\n']).len()..)?;
    let colon = text.get(last.key_span.end..last.value_span.start)?;
    Some(format!("{before},{blanks}{}{colon}{value}{after}", Value::from(key)))
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

    const FILE: &str = r#"{
	"current": "sso",
	"profiles": [
		{"name": "other", "mode": "AK", "access_key_id": "keep"},
		{
			"name": "sso",
			"mode": "OAuth",
			"unknown": {"z": 1, "a": [12345678901234567890123, 1.50]},
			"access_key_id": "old\"id",
			"sts_expiration": 1.0e3,
			"zzz": 9007199254740993
		},
		{ "name": "sso", "access_key_id": "second of the name" }
	],
	"meta_path": "", "b": 1, "a": 2
}
"#;

    #[test]
    fn sets_what_is_there_in_its_place_and_leaves_every_other_byte() {
        let changes =
            [("access_key_id", Value::from("STS.new")), ("sts_expiration", Value::from(1_795_311_814))];
        let edited = edit(FILE, "sso", &changes).unwrap();
        let expected = FILE.replace(r#""old\"id""#, r#""STS.new""#).replace("1.0e3", "1795311814");
        assert_eq!(edited, expected);
    }

    #[test]
    fn adds_what_is_missing_behind_the_last_key_in_its_style() {
        let edited = edit(FILE, "sso", &[("sts_token", Value::from("a\"b"))]).unwrap();
        let expected =
            FILE.replace("9007199254740993\n", "9007199254740993,\n\t\t\t\"sts_token\": \"a\\\"b\"\n");
        assert_eq!(edited, expected);
        let edited = edit(
            r#"{"profiles":[{"mode":"x","name":"p"}]}"#,
            "p",
            &[("k", Value::from(1)), ("l", Value::from(2))],
        );
        assert_eq!(edited.unwrap(), r#"{"profiles":[{"mode":"x","name":"p","k":1,"l":2}]}"#);
    }

    #[test]
    fn keeps_a_byte_order_mark_and_line_ends_of_windows() {
        let text = FILE.replace('\n', "\r\n");
        let marked = format!("{BYTE_ORDER_MARK}{text}");
        let edited = edit(&marked, "sso", &[("new", Value::from(1))]).unwrap();
        assert_eq!(edited.len(), marked.len() + ",\r\n\t\t\t\"new\": 1".len());
        assert!(edited.starts_with(BYTE_ORDER_MARK) && !edited.replace("\r\n", "").contains('\n'));
    }

    #[test]
    fn a_key_that_stands_twice_or_in_another_case_is_set_wherever_a_reader_looks() {
        let text = r#"{"profiles":[],"Profiles":[{"name":"q","NAME":"p","k":"long","K":2}]}"#;
        let edited = edit(text, "p", &[("k", Value::from(3))]).unwrap();
        assert_eq!(edited, r#"{"profiles":[],"Profiles":[{"name":"q","NAME":"p","k":3,"K":3}]}"#);
        assert_eq!(edit(text, "q", &[("k", Value::from(3))]), None);
    }

    #[test]
    fn a_text_that_is_no_such_file_is_left_alone() {
        for text in [
            "",
            "[]",
            "{",
            "{}",
            r#"{"profiles":{}}"#,
            r#"{"profiles":[1,{"name":1}]}"#,
            "{\"profiles\":[{\"name\":\"p\"}]} x",
        ] {
            assert_eq!(edit(text, "p", &[("k", Value::from(3))]), None, "{text}");
        }
    }
}
