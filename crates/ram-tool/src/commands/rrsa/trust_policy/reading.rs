//! Reading a trust policy: what is needed of it to add a statement.

use serde_json::{Map, Value};
use strict::Strict;

const MAX_SHOWN: usize = 64;

/// Why a text is no trust policy that can be read or added to. One line, to follow `the trust policy of the role …`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum PolicyProblem {
    #[error("is no JSON in which each key stands once ({0})")]
    NotJson(String),
    #[error("is no JSON object")]
    NotAnObject,
    #[error("has no Statement")]
    NoStatement,
    #[error("has a Statement that is neither an object nor a list of objects")]
    Statement,
    #[error("has the Version {0}, and only \"1\" is known here")]
    Version(String),
    /// The edit was not what it should be: a fault of this program.
    #[error("could not be changed without changing something else in it")]
    Edit,
}

/// The whole document, and its statements as values.
///
/// # Errors
/// [`PolicyProblem`].
pub(in super::super) fn parse(text: &str) -> Result<(Map<String, Value>, Vec<Value>), PolicyProblem> {
    let Strict(value) =
        serde_json::from_str(text).map_err(|error| PolicyProblem::NotJson(cut(&error.to_string())))?;
    let Value::Object(object) = value else { return Err(PolicyProblem::NotAnObject) };
    match object.get("Version") {
        None => {}
        Some(Value::String(version)) if version == "1" => {}
        Some(other) => return Err(PolicyProblem::Version(cut(&other.to_string()))),
    }
    let statements = match object.get("Statement") {
        None => return Err(PolicyProblem::NoStatement),
        Some(Value::Array(list)) => list.clone(),
        Some(one @ Value::Object(_)) => vec![one.clone()],
        Some(_) => return Err(PolicyProblem::Statement),
    };
    match statements.iter().all(Value::is_object) {
        true => Ok((object, statements)),
        false => Err(PolicyProblem::Statement),
    }
}

fn cut(text: &str) -> String {
    crate::visible::visible(text).chars().take(MAX_SHOWN).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_trust_policy_is_refused() {
        for (text, problem) in [
            ("", "is no JSON"),
            ("{", "is no JSON"),
            ("{}x", "is no JSON"),
            ("\u{feff}{}", "is no JSON"),
            ("// c\n{}", "is no JSON"),
            (r#"{"Statement":[],"Statement":[]}"#, "\"Statement\" stands twice"),
            (r#"{"Statement":[{"Effect":"Allow","\u0045ffect":"Deny"}]}"#, "\"Effect\" stands twice"),
            (&format!("{{\"Statement\":{}", "[".repeat(100_000)), "is no JSON"),
            (&format!("{{\"Statement\":{}", "{\"a\":".repeat(100_000)), "is no JSON"),
            ("{\"Statement\":[]}\u{0}", "is no JSON"),
            ("{\"Statement\":[\u{a0}]}", "is no JSON"),
            ("[]", "is no JSON object"),
            ("null", "is no JSON object"),
            ("{}", "has no Statement"),
            (r#"{"statement":[]}"#, "has no Statement"),
            (r#"{"Statement":null}"#, "neither an object nor a list"),
            (r#"{"Statement":"x"}"#, "neither an object nor a list"),
            (r#"{"Statement":[1]}"#, "neither an object nor a list"),
            (r#"{"Version":"2","Statement":[]}"#, "has the Version \"2\""),
            (r#"{"Version":1,"Statement":[]}"#, "has the Version 1"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_told_of_a_text_is_short_and_cannot_steer_a_terminal() {
        let (odd, long) = ("\u{202e}\u{9b}2J", "x".repeat(10_000));
        for text in [
            format!("{{\"Version\":\"{odd}{long}\",\"Statement\":[]}}"),
            format!("{{\"{odd}{long}\":1,\"{odd}{long}\":2}}"),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains("2Jx") && error.len() < 200, "{error}");
            assert!(error.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{error:?}");
        }
    }
}
