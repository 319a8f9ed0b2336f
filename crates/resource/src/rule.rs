//! From a stored object, whatever is in it, to a mapping rule.

use identity::mapping::RuleError;
use identity::pattern::AnyAccount;
use identity::{Rule, RuleArn, Source};
use serde_json::Value;
use thiserror::Error;

/// Why an object is no mapping. Each message is one line; it does not name the object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MappingError {
    /// A required field is missing or null.
    #[error("{0} is missing: write it")]
    FindField(&'static str),
    /// A field has another type than the CustomResourceDefinition says.
    #[error("{0} has the wrong type: it must be {1}")]
    ReadField(&'static str, &'static str),
    /// A field's text is malformed.
    #[error("spec.{0}")]
    ParseField(#[source] RuleError),
    /// `spec.arn` is malformed.
    #[error("spec.arn: {0}")]
    ParseArn(#[source] RuleError),
}

/// Makes the rule of a `RAMIdentityMapping` from its content, without a typed object in between: one that
/// an older schema let in must not stop the others.
///
/// Only `spec` counts: `status` is written by machines, and by whoever has the right to.
///
/// # Errors
/// [`MappingError`] says which field is missing or malformed. Such an object matches nothing.
pub fn rule_from_object(
    source: Source,
    created: Option<jiff::Timestamp>,
    object: &Value,
    any_account: AnyAccount,
) -> Result<Rule, MappingError> {
    let spec = match object.get("spec") {
        None | Some(Value::Null) => return Err(MappingError::FindField("spec")),
        Some(Value::Object(spec)) => spec,
        Some(_) => return Err(MappingError::ReadField("spec", "an object")),
    };
    let arn = required_text("spec.arn", spec.get("arn"))?;
    let username = required_text("spec.username", spec.get("username"))?;
    let groups = texts("spec.groups", spec.get("groups"))?;
    let arn = RuleArn::parse_with_patterns(arn, any_account).map_err(|e| MappingError::ParseArn(e.into()))?;
    Rule::new(source, arn, username, &groups, created).map_err(MappingError::ParseField)
}

fn required_text<'a>(field: &'static str, value: Option<&'a Value>) -> Result<&'a str, MappingError> {
    match value {
        None | Some(Value::Null) => Err(MappingError::FindField(field)),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(MappingError::ReadField(field, "a string")),
    }
}

fn texts<'a>(field: &'static str, value: Option<&'a Value>) -> Result<Vec<&'a str>, MappingError> {
    let wrong_type = || MappingError::ReadField(field, "a list of strings");
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().ok_or_else(wrong_type)).collect(),
        Some(_) => Err(wrong_type()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn rule(object: Value) -> Result<Rule, String> {
        rule_from_object(Source::new("CRD", "x"), None, &object, AnyAccount::Refuse)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn reads_exact_arns_patterns_and_sessions() {
        for (arn, canonical) in [
            ("acs:ram::1:user/Alice", "acs:ram::1:user/alice"),
            ("acs:ram::1:role/dev-*", "acs:ram::1:role/dev-*"),
            ("acs:ram::1:assumed-role/dev/alice", "acs:ram::1:role/dev"),
        ] {
            let rule =
                rule(json!({"spec": {"arn": arn, "username": "u", "groups": ["g"], "other": 1}})).unwrap();
            assert_eq!(rule.arn().unwrap().to_string(), canonical);
            assert_eq!(rule.groups().len(), 1);
        }
    }

    #[test]
    fn reads_missing_and_null_groups_as_none() {
        for groups in [json!({}), json!({"groups": null}), json!({"groups": []})] {
            let mut spec = json!({"arn": "acs:ram::1:root", "username": "u"});
            spec.as_object_mut().unwrap().extend(groups.as_object().unwrap().clone());
            assert!(rule(json!({"spec": spec})).unwrap().groups().is_empty());
        }
    }

    #[test]
    fn never_reads_the_status() {
        let error = rule(json!({
            "spec": {"arn": "", "username": "u"},
            "status": {"canonicalARN": "acs:ram::1:role/dev", "userID": "7"},
        }));
        assert!(error.unwrap_err().starts_with("spec.arn: the ARN is empty"));
    }

    #[test]
    fn says_which_field_is_wrong() {
        for (object, message) in [
            (json!({}), "spec is missing: write it"),
            (json!({"spec": null}), "spec is missing: write it"),
            (json!({"spec": []}), "spec has the wrong type: it must be an object"),
            (json!({"spec": {"username": "u"}}), "spec.arn is missing: write it"),
            (json!({"spec": {"arn": "acs:ram::1:root"}}), "spec.username is missing: write it"),
            (
                json!({"spec": {"arn": 7, "username": "u"}}),
                "spec.arn has the wrong type: it must be a string",
            ),
            (
                json!({"spec": {"arn": "acs:ram::1:root", "username": "u", "groups": [7]}}),
                "spec.groups has the wrong type: it must be a list of strings",
            ),
            (
                json!({"spec": {"arn": "acs:ram::1:root", "username": ""}}),
                "spec.username: the text is empty: write the name that the RAM identity shall have in Kubernetes",
            ),
            (
                json!({"spec": {"arn": "acs:ram::*:role/x", "username": "u"}}),
                "spec.arn: ARN \"acs:ram::*:role/x\" has a wildcard in its account id: write the account id out",
            ),
        ] {
            assert_eq!(rule(object).unwrap_err(), message);
        }
    }
}
