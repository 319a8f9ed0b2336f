//! The form of a permission policy (RAM documentation, "Policy structure and syntax"). What it allows is not looked at.

use serde_json::{Map, Value};
use strict::Strict;

/// Checks the form of a policy in JSON.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn check(text: &str) -> Result<(), String> {
    let Strict(document) =
        serde_json::from_str(text).map_err(|error| format!("the document is not JSON: {error}"))?;
    let document = document.as_object().ok_or("the document is not a JSON object")?;
    only_keys(document, &["Version", "Statement"])?;
    if document.get("Version").and_then(Value::as_str) != Some("1") {
        return Err("Version is missing or not \"1\"".to_owned());
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.as_slice(),
        Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
        _ => return Err("Statement is missing or empty".to_owned()),
    };
    statements.iter().try_for_each(statement)
}

fn statement(value: &Value) -> Result<(), String> {
    let statement = value.as_object().ok_or("a statement is not a JSON object")?;
    only_keys(statement, &["Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"])?;
    if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return Err("Effect of a statement is neither Allow nor Deny".to_owned());
    }
    one_of(statement, "Action", "NotAction")?;
    one_of(statement, "Resource", "NotResource")?;
    match statement.get("Condition") {
        None => Ok(()),
        Some(Value::Object(operators)) if operators.values().all(is_condition) => Ok(()),
        Some(_) => Err("Condition of a statement does not have the form operator: {key: values}".to_owned()),
    }
}

fn is_condition(keys: &Value) -> bool {
    keys.as_object().is_some_and(|keys| {
        keys.values().all(|values| match values {
            Value::Array(values) => values.iter().all(is_scalar),
            value => is_scalar(value),
        })
    })
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

/// Exactly one of the two stands there, as a text or a list of texts.
fn one_of(statement: &Map<String, Value>, name: &str, other: &str) -> Result<(), String> {
    let value = match (statement.get(name), statement.get(other)) {
        (Some(value), None) | (None, Some(value)) => value,
        _ => return Err(format!("a statement must have either {name} or {other}")),
    };
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let fits = match value {
        Value::Array(values) => !values.is_empty() && values.iter().all(is_text),
        value => is_text(value),
    };
    if fits { Ok(()) } else { Err(format!("{name} of a statement is not a text or a list of texts")) }
}

fn only_keys(object: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(format!("{unknown:?} is not an element of a policy")),
        None => Ok(()),
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

    #[test]
    fn policies_of_the_documented_form_are_accepted() {
        for document in [
            r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "cs:*", "Resource": "*"}]}"#,
            r#"{"Version": "1", "Statement": {"Effect": "Deny", "NotAction": ["cs:*"], "NotResource": ["a"]}}"#,
            r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "cs:*", "Resource": "*",
                "Condition": {"IpAddress": {"acs:SourceIp": ["192.0.2.0/24"]}, "Bool": {"acs:MFAPresent": true}}}]}"#,
        ] {
            assert_eq!(check(document), Ok(()), "{document}");
        }
    }

    #[test]
    fn others_are_refused_with_what_is_wrong() {
        let with = |statement: &str| format!(r#"{{"Version": "1", "Statement": [{statement}]}}"#);
        for (document, words) in [
            ("{".to_owned(), "not JSON"),
            (r#"{"Version": "0", "Version": "1", "Statement": []}"#.to_owned(), "Version"),
            ("[]".to_owned(), "not a JSON object"),
            (r#"{"Statement": []}"#.to_owned(), "Version"),
            (r#"{"Version": "2012-10-17", "Statement": []}"#.to_owned(), "Version"),
            (with(""), "Statement is missing"),
            (r#"{"Version": "1", "Statement": [], "Id": ""}"#.to_owned(), "\"Id\""),
            (with("1"), "statement is not"),
            (with(r#"{"Effect": "allow", "Action": "*", "Resource": "*"}"#), "Effect"),
            (with(r#"{"Effect": "Allow", "Resource": "*"}"#), "Action or NotAction"),
            (with(r#"{"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}"#), "Action or"),
            (with(r#"{"Effect": "Allow", "Action": [], "Resource": "*"}"#), "Action of"),
            (with(r#"{"Effect": "Allow", "Action": "*", "Resource": 1}"#), "Resource of"),
            (with(r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": {}}"#), "Principal"),
            (
                with(r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"x": 1}}"#),
                "Condition",
            ),
        ] {
            let problem = check(&document).expect_err(&document);
            assert!(problem.contains(words), "{document}\n{problem}");
        }
    }
}
