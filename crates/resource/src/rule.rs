//! From a stored object, whatever is in it, to a mapping rule.

use identity::mapping::RuleError;
use identity::pattern::AnyAccount;
use identity::{Rule, RuleArn, RuleArnError, Source};
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
    /// `spec.principalID` is nobody's id.
    #[error(
        "spec.principalID is no id of RAM: write the id of the user or role, or leave it out to let in whoever has the ARN"
    )]
    ParsePrincipalId,
}

impl MappingError {
    /// Whether the object is well formed, but nobody could ever be matched.
    pub fn never_matches(&self) -> bool {
        match self {
            Self::ParsePrincipalId => true,
            Self::ParseArn(RuleError::ParseArn(error)) => matches!(error, RuleArnError::NeverMatches(_)),
            _ => false,
        }
    }

    /// Whether `spec.arn` is at fault; else it is one of the names.
    pub fn is_about_arn(&self) -> bool {
        match self {
            Self::ParseArn(_) => true,
            Self::FindField(field) | Self::ReadField(field, _) => matches!(*field, "spec" | "spec.arn"),
            Self::ParseField(_) | Self::ParsePrincipalId => false,
        }
    }
}

/// Makes the rule of a `RAMIdentityMapping` from its content, without a typed object in between: one that
/// an older schema let in must not stop the others.
///
/// Only `spec` says whom the mapping matches and who that is: `status` is written by machines, and by whoever has
/// the right to. One thing is read from there, which can do no more than refuse a login: `userID`, the id of the
/// first login, where it was recorded under the ARN that `spec` has now.
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
    let principal_id = optional_text("spec.principalID", spec.get("principalID"))?;
    if !principal_id.is_none_or(is_principal_id) {
        return Err(MappingError::ParsePrincipalId);
    }
    let recorded_id = recorded_id(object.get("status"), &arn);
    let rule = Rule::new(source, arn, username, &groups, created).map_err(MappingError::ParseField)?;
    Ok(rule.with_principal_id(principal_id).with_recorded_id(recorded_id))
}

/// An id that was recorded for another ARN says nothing about this one.
fn recorded_id<'a>(status: Option<&'a Value>, arn: &RuleArn) -> Option<&'a str> {
    let text = |key| status?.get(key)?.as_str();
    let is_one = !matches!(arn, RuleArn::Pattern(_));
    let is_of_this_arn = || text("canonicalARN").is_some_and(|recorded| recorded == arn.to_string());
    text("userID").filter(|id| !id.is_empty() && is_one && is_of_this_arn())
}

/// As the CustomResourceDefinition has it.
fn is_principal_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !id.is_empty() && id.len() <= 128 && id.bytes().all(is_plain)
}

fn optional_text<'a>(field: &'static str, value: Option<&'a Value>) -> Result<Option<&'a str>, MappingError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(MappingError::ReadField(field, "a string")),
    }
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
            ("acs:ram::1:assumed-role/Dev/alice", "acs:ram::1:assumed-role/dev/alice"),
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
    fn the_status_maps_nobody() {
        let error = rule(json!({
            "spec": {"arn": "", "username": "u"},
            "status": {"canonicalARN": "acs:ram::1:role/dev", "userID": "7"},
        }));
        assert!(error.unwrap_err().starts_with("spec.arn: the ARN is empty"));
    }

    #[test]
    fn reads_the_pin_and_the_id_that_was_recorded_under_the_same_arn() {
        let ids = |arn: &str, principal_id: Value, status: Value| {
            let spec = json!({"arn": arn, "username": "u", "principalID": principal_id});
            let rule = rule(json!({"spec": spec, "status": status})).unwrap();
            (rule.principal_id().map(str::to_owned), rule.recorded_id().map(str::to_owned))
        };
        let (arn, status) =
            ("acs:ram::1:user/A", json!({"canonicalARN": "acs:ram::1:user/a", "userID": "7"}));
        assert_eq!(ids(arn, Value::Null, status.clone()), (None, Some("7".to_owned())));
        assert_eq!(ids(arn, json!("8"), status.clone()), (Some("8".to_owned()), Some("7".to_owned())));
        assert_eq!(ids("acs:ram::1:user/b", Value::Null, status), (None, None), "another ARN");
        let pattern = json!({"canonicalARN": "acs:ram::1:user/*", "userID": "7"});
        assert_eq!(ids("acs:ram::1:user/*", Value::Null, pattern), (None, None), "a pattern names many");
        for status in [
            Value::Null,
            json!(7),
            json!({"userID": "7"}),
            json!({"canonicalARN": "acs:ram::1:user/a", "userID": ""}),
            json!({"canonicalARN": "acs:ram::1:user/a", "userID": 7}),
            json!({"canonicalARN": ["acs:ram::1:user/a"], "userID": "7"}),
        ] {
            assert_eq!(ids(arn, Value::Null, status), (None, None));
        }
    }

    #[test]
    fn a_pin_that_is_no_id_is_an_error_and_no_missing_pin() {
        for pin in [json!(""), json!("7 "), json!("a/b"), json!("x".repeat(129)), json!(7), json!([])] {
            let spec = json!({"arn": "acs:ram::1:user/a", "username": "u", "principalID": pin});
            let error = rule(json!({"spec": spec})).unwrap_err();
            assert!(error.starts_with("spec.principalID"), "{error}");
        }
    }

    #[test]
    fn tells_what_is_at_fault() {
        let kind = |spec: Value| {
            let object = json!({"spec": spec});
            let error =
                rule_from_object(Source::new("CRD", "x"), None, &object, AnyAccount::Refuse).unwrap_err();
            (error.never_matches(), error.is_about_arn())
        };
        assert_eq!(kind(Value::Null), (false, true));
        assert_eq!(kind(json!({"arn": "junk", "username": "u"})), (false, true));
        assert_eq!(kind(json!({"arn": "acs:ram::1:role/a b*", "username": "u"})), (true, true));
        assert_eq!(kind(json!({"arn": "acs:ram::1:root"})), (false, false));
        assert_eq!(kind(json!({"arn": "acs:ram::1:root", "username": "{{x}}"})), (false, false));
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
