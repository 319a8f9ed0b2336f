//! One more entry in a YAML or JSON list, with as little change to the text as can be.
//!
//! No YAML library here writes back comments, order and style. So the entry is written into the text where a list of
//! that style takes one, and the result is read again: it counts only where it says what was there before and one entry
//! more, at the end. Where no such place is found, the list is written anew: its content stays, its comments do not.

use cluster::one_line;
use serde_json::Value;

use super::entry::{Entry, Kind};

/// Why the text cannot take the entry. One line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Neither YAML nor a list.
    #[error(
        "{section} cannot be read: {reason}; mend it first, with kubectl -n kube-system edit configmap alibabacloud-auth"
    )]
    Unreadable {
        /// `mapUsers` or `mapRoles`.
        section: &'static str,
        /// The parser's words.
        reason: String,
    },
    /// The ARN is mapped already.
    #[error("{arn:?} is mapped already, by {section}[{place}]; nothing was changed")]
    Known {
        /// The ARN as it was to be added.
        arn: String,
        /// `mapUsers` or `mapRoles`.
        section: &'static str,
        /// Which entry, counted from 0.
        place: usize,
    },
    /// A fault of this program, caught before anything was written.
    #[error("{section} could not be written so that it reads back the same; nothing was changed")]
    NotReadBack {
        /// `mapUsers` or `mapRoles`.
        section: &'static str,
    },
}

/// A text with one entry more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edited {
    pub(super) text: String,
    /// The list was written anew: comments are gone.
    pub(super) is_rewritten: bool,
}

/// Where `section` maps the ARN of `entry`: the place of the entry, counted from 0. ARNs are the same in any case.
///
/// # Errors
/// [`EditError::Unreadable`].
pub(super) fn refuse_known(kind: Kind, text: &str, entry: &Entry) -> Result<(), EditError> {
    let wanted = entry.arn.to_ascii_lowercase();
    let place = read(kind, text)?.iter().position(|known| arn_of(known, kind) == Some(wanted.clone()));
    match place {
        Some(place) => Err(EditError::Known { arn: entry.arn.clone(), section: kind.section(), place }),
        None => Ok(()),
    }
}

/// Keys count in any case, as for the server.
fn arn_of(entry: &Value, kind: Kind) -> Option<String> {
    let (_, arn) = entry.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(kind.arn_key()))?;
    arn.as_str().map(str::to_ascii_lowercase)
}

/// Appends the entry.
///
/// # Errors
/// [`EditError`]; an ARN that is known is not looked for here.
pub(super) fn append(text: &str, entry: &Entry) -> Result<Edited, EditError> {
    let mut expected = read(entry.kind, text)?;
    expected.push(entry.value());
    let reads_back = |candidate: &String| read(entry.kind, candidate).is_ok_and(|list| list == expected);
    if let Some(text) = candidates(text, entry).into_iter().find(reads_back) {
        return Ok(Edited { text, is_rewritten: false });
    }
    let anew = serde_saphyr::to_string(&expected).ok().filter(reads_back);
    let text = anew.ok_or(EditError::NotReadBack { section: entry.kind.section() })?;
    Ok(Edited { text, is_rewritten: true })
}

/// The entries; nothing at all, and null, are an empty list, as for the server.
fn read(kind: Kind, text: &str) -> Result<Vec<Value>, EditError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let unreadable = |reason: String| EditError::Unreadable { section: kind.section(), reason };
    match serde_saphyr::from_str::<Option<Value>>(text) {
        Ok(None | Some(Value::Null)) => Ok(Vec::new()),
        Ok(Some(Value::Array(entries))) => Ok(entries),
        Ok(Some(_)) => Err(unreadable("it is not a list".to_owned())),
        Err(error) => {
            let first = error.without_snippet().to_string();
            Err(unreadable(one_line(first.lines().next().unwrap_or_default())))
        }
    }
}

/// Texts that may be it, the likeliest first.
fn candidates(text: &str, entry: &Entry) -> Vec<String> {
    let mut texts = vec![in_block_style(text, entry)];
    if let Some((before, after)) = text.rsplit_once(']') {
        let item = entry.value();
        let before = before.trim_end();
        texts.push(format!("{before}, {item}]{after}"));
        texts.push(format!("{before}{item}]{after}"));
    }
    texts
}

/// At the end, as far in as the other items.
fn in_block_style(text: &str, entry: &Entry) -> String {
    let item = text.lines().find(|line| line.trim_start().starts_with('-') && !line.starts_with("---"));
    let indent = item.map_or(0, |line| line.len().saturating_sub(line.trim_start().len()));
    let margin = " ".repeat(indent);
    // JSON's quoting is YAML's too (YAML 1.2, section 7.3.1).
    let quoted = |text: &str| Value::from(text).to_string();
    let mut lines = vec![
        format!("{margin}- {}: {}", entry.kind.arn_key(), quoted(&entry.arn)),
        format!("{margin}  username: {}", quoted(&entry.username)),
        format!("{margin}  groups:"),
    ];
    lines.extend(entry.groups.iter().map(|group| format!("{margin}  - {}", quoted(group))));
    let separator = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{separator}{}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use serde_json::json;

    use super::*;

    fn entry() -> Entry {
        Entry {
            kind: Kind::User,
            arn: "acs:ram::1:user/New".into(),
            username: "new-{{AccountID}}".into(),
            groups: vec!["g: 1".into(), "h".into()],
        }
    }

    fn list(text: &str) -> Vec<Value> {
        read(Kind::User, text).unwrap()
    }

    #[test]
    fn keeps_every_byte_of_what_was_there() {
        for text in [
            "",
            "\n",
            "# nobody yet\n",
            "- userarn: acs:ram::1:user/a\n  username: a\n",
            "- userarn: acs:ram::1:user/a # first\n  username: a\n  team: x # ours\n# end",
            "  # two in\n  - UserARN: acs:ram::1:user/a\n    username: a\n    groups: [x, \"y\"]\n",
            "---\n- {userarn: acs:ram::1:user/a, username: a}\n- {userarn: acs:ram::1:user/b, username: b}\n",
            "-   userarn: acs:ram::1:user/a\n    username: 'a'\n",
            "- userarn: acs:ram::1:user/a\r\n  username: a\r\n",
            "- userarn: acs:ram::1:user/a\n  note: |\n    seven",
        ] {
            let before = list(text);
            let edited = append(text, &entry()).unwrap();
            assert!(!edited.is_rewritten && edited.text.starts_with(text), "{text:?}: {}", edited.text);
            let after = list(&edited.text);
            assert_eq!(
                (&after[..before.len()], &after[before.len()..]),
                (&before[..], &[entry().value()][..])
            );
        }
    }

    #[test]
    fn inserts_into_json_and_flow_style() {
        for (text, start) in [
            (
                r#"[{"userarn":"acs:ram::1:user/a","username":"a"}]"#,
                r#"[{"userarn":"acs:ram::1:user/a","username":"a"}, {"#,
            ),
            (
                "[\n  {userarn: acs:ram::1:user/a, username: a}, # first\n]\n",
                "[\n  {userarn: acs:ram::1:user/a",
            ),
            ("[]", "[{"),
            ("[ ] # none", "[{"),
        ] {
            let before = list(text);
            let edited = append(text, &entry()).unwrap();
            assert!(edited.text.starts_with(start) || edited.is_rewritten, "{text:?}: {}", edited.text);
            assert_eq!(list(&edited.text).len(), before.len() + 1, "{}", edited.text);
            assert_eq!(list(&edited.text).last().unwrap(), &entry().value());
        }
        let edited = append(r#"[{"a":1}]"#, &entry()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&edited.text).unwrap(), json!([{"a": 1}, entry().value()]));
    }

    #[test]
    fn writes_a_list_anew_where_no_place_is_found() {
        // A text after the list's end, one that is nothing, a bracket in a comment.
        for text in [
            "- userarn: acs:ram::1:user/a\n  note: 7\n...\n",
            "null",
            "~\n",
            "[{userarn: acs:ram::1:user/a}] # see [x]\n",
        ] {
            let before = list(text);
            let edited = append(text, &entry()).unwrap();
            assert!(edited.is_rewritten, "{text:?}: {}", edited.text);
            let after = list(&edited.text);
            assert_eq!(
                (&after[..before.len()], &after[before.len()..]),
                (&before[..], &[entry().value()][..])
            );
        }
    }

    #[test]
    fn refuses_a_text_that_is_no_list() {
        for text in ["- a: [\n", "a: b\n", "text", "7"] {
            let error = append(text, &entry()).unwrap_err();
            assert!(matches!(error, EditError::Unreadable { section: "mapUsers", .. }), "{text:?}: {error}");
            assert!(!error.to_string().contains('\n'));
        }
    }

    #[test]
    fn knows_an_arn_in_any_case_under_a_key_in_any_case() {
        let text = "- username: nobody\n- USERARN: ACS:ram::1:user/new\n  username: n\n- 7\n";
        let known = refuse_known(Kind::User, text, &entry()).unwrap_err();
        assert_eq!(
            known.to_string(),
            r#""acs:ram::1:user/New" is mapped already, by mapUsers[1]; nothing was changed"#
        );
        assert_eq!(refuse_known(Kind::Role, text, &entry()), Ok(()));
        assert_eq!(refuse_known(Kind::User, "", &entry()), Ok(()));
    }

    #[test]
    fn texts_that_yaml_would_take_for_something_else_come_back_as_they_are() {
        for text in ["{{SessionName}}", "yes", "007", "a: b", "\"", "#x", "- y", "\u{e9}\u{1f600}", "null"] {
            let entry = Entry { username: text.into(), groups: vec![text.into()], ..entry() };
            for before in ["", "- a: 1\n", "[1]"] {
                let edited = append(before, &entry).unwrap();
                assert!(!edited.is_rewritten);
                assert_eq!(list(&edited.text).last().unwrap(), &entry.value());
            }
        }
    }
}
