//! The Kubernetes user that a rule makes of a principal, and the one check that every name passes.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::principal::Principal;
use crate::quote::Quoted;
use crate::template::{Template, Variable};

use super::{Rule, Target};

/// Longest user or group name, in bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// Prefix that Kubernetes keeps for itself (Kubernetes documentation, "Authenticating" and "Using RBAC
/// Authorization": user and group names that begin `system:` are reserved).
const RESERVED_PREFIX: &str = "system:";

/// A user as a TokenReview's `status.user` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesUser {
    /// `username`: never empty.
    pub username: String,
    /// `uid`: `ack-ram-authenticator:<account id>:<account, user or role id>`.
    pub uid: String,
    /// `groups`, in the mapping's order; can be empty.
    pub groups: Vec<String>,
    /// `extra`: `arn`, `canonicalArn`, `sessionName` (`""` where there is no session) and `principalId`, one value each.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// Why a name that a mapping makes cannot be used. Each message is one line; it does not name the mapping.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing is left after expansion.
    #[error("{field} {} is empty for this caller: it needs a session, or some text of its own", Quoted(.template))]
    Empty {
        /// `username` or `groups[<index>]`.
        field: String,
        /// The mapping's text.
        template: String,
    },
    /// Longer than [`MAX_NAME_BYTES`].
    #[error("{field} {} has {bytes} bytes, more than {MAX_NAME_BYTES}: shorten it", Quoted(.template))]
    TooLong {
        /// `username` or `groups[<index>]`.
        field: String,
        /// The mapping's text.
        template: String,
        /// Bytes after expansion.
        bytes: usize,
    },
    /// A control character came in with a value.
    #[error("{field} {} holds a control character for this caller", Quoted(.template))]
    ControlCharacter {
        /// `username` or `groups[<index>]`.
        field: String,
        /// The mapping's text.
        template: String,
    },
    /// A reserved name that the mapping does not write out.
    #[error("{field} {} becomes a name beginning {} for this caller: a mapping must write that prefix out itself", Quoted(.template), Quoted(.prefix))]
    Reserved {
        /// `username` or `groups[<index>]`.
        field: String,
        /// The mapping's text.
        template: String,
        /// The reserved prefix.
        prefix: String,
    },
    /// A variable that this caller has no value for.
    #[error("{field} {} needs {variable}, which this caller does not have: only {} have one", Quoted(.template), .variable.owners())]
    NoValue {
        /// `username` or `groups[<index>]`.
        field: String,
        /// The mapping's text.
        template: String,
        /// The variable.
        variable: Variable,
    },
}

pub(super) fn expand(
    rule: &Rule,
    principal: &Principal,
    reserved: &[String],
) -> Result<KubernetesUser, NameError> {
    let (username, groups) = match &rule.target {
        Target::Named { username, groups, .. } => (
            expand_name("username", username, principal, reserved)?,
            groups
                .iter()
                .enumerate()
                .map(|(index, group)| expand_name(&format!("groups[{index}]"), group, principal, reserved))
                .collect::<Result<Vec<_>, _>>()?,
        ),
        Target::Account { .. } => {
            let name = principal.canonical_arn().to_owned();
            check("username", &name, "", &name, reserved)?;
            (name, Vec::new())
        }
    };
    let one = |value: &str| vec![value.to_owned()];
    Ok(KubernetesUser {
        username,
        uid: format!("ack-ram-authenticator:{}:{}", principal.account_id(), principal.user_id()),
        groups,
        extra: BTreeMap::from([
            ("arn".to_owned(), one(principal.arn())),
            ("canonicalArn".to_owned(), one(principal.canonical_arn())),
            ("principalId".to_owned(), one(principal.principal_id())),
            ("sessionName".to_owned(), one(principal.session_name())),
        ]),
    })
}

/// Checks the names that are the same for everybody, so that the mapping itself is refused.
pub(super) fn check_literal_names(username: &Template, groups: &[Template]) -> Result<(), NameError> {
    check_literal("username", username)?;
    groups.iter().enumerate().try_for_each(|(index, group)| check_literal(&format!("groups[{index}]"), group))
}

fn check_literal(field: &str, template: &Template) -> Result<(), NameError> {
    if template.has_variables() {
        return Ok(());
    }
    check(field, template.as_str(), template.literal_prefix(), template.as_str(), &[])
}

fn expand_name(
    field: &str,
    template: &Template,
    principal: &Principal,
    reserved: &[String],
) -> Result<String, NameError> {
    let name = template.expand(principal).map_err(|variable| NameError::NoValue {
        field: field.to_owned(),
        template: template.as_str().to_owned(),
        variable,
    })?;
    check(field, template.as_str(), template.literal_prefix(), &name, reserved)?;
    Ok(name)
}

/// The one check of a name, after expansion, for users and groups of every backend.
fn check(
    field: &str,
    template: &str,
    literal_prefix: &str,
    name: &str,
    reserved: &[String],
) -> Result<(), NameError> {
    let (field, template) = (field.to_owned(), template.to_owned());
    if name.is_empty() {
        return Err(NameError::Empty { field, template });
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong { field, template, bytes: name.len() });
    }
    if name.chars().any(char::is_control) {
        return Err(NameError::ControlCharacter { field, template });
    }
    let reached = std::iter::once(RESERVED_PREFIX)
        .chain(reserved.iter().map(String::as_str))
        .find(|prefix| name.starts_with(prefix) && !literal_prefix.starts_with(prefix));
    if let Some(prefix) = reached {
        return Err(NameError::Reserved { field, template, prefix: prefix.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::mapping::{RuleArn, Source};
    use crate::principal::CallerIdentity;

    fn session(name: &str) -> Principal {
        Principal::from_caller_identity(&CallerIdentity {
            identity_type: "AssumedRoleUser",
            account_id: "1234567890123456",
            principal_id: &format!("333333333333333333:{name}"),
            arn: &format!("acs:ram::1234567890123456:assumed-role/Dev/{name}"),
        })
        .unwrap()
    }

    fn user() -> Principal {
        Principal::from_caller_identity(&CallerIdentity {
            identity_type: "RAMUser",
            account_id: "1234567890123456",
            principal_id: "222222222222222222",
            arn: "acs:ram::1234567890123456:user/Alice",
        })
        .unwrap()
    }

    fn rule(username: &str, groups: &[&str]) -> Rule {
        let arn = RuleArn::parse_exact("acs:ram::1234567890123456:role/dev").unwrap();
        Rule::new(Source::new("CRD", "x"), arn, username, groups, None).unwrap()
    }

    #[test]
    fn makes_the_user_of_a_session() {
        let made = expand(&rule("dev-{{SessionName}}", &["a", "{{AccountID}}"]), &session("bob@x.com"), &[])
            .unwrap();
        assert_eq!(made.username, "dev-bob-x.com");
        assert_eq!(made.groups, ["a", "1234567890123456"]);
        assert_eq!(made.uid, "ack-ram-authenticator:1234567890123456:333333333333333333");
        let extra: Vec<(&str, &str)> =
            made.extra.iter().map(|(key, values)| (key.as_str(), values.first().unwrap().as_str())).collect();
        assert_eq!(
            extra,
            [
                ("arn", "acs:ram::1234567890123456:assumed-role/Dev/bob@x.com"),
                ("canonicalArn", "acs:ram::1234567890123456:role/Dev"),
                ("principalId", "333333333333333333:bob@x.com"),
                ("sessionName", "bob@x.com"),
            ]
        );
    }

    #[test]
    fn a_user_has_an_empty_session_name() {
        let made = expand(&rule("alice", &[]), &user(), &[]).unwrap();
        assert_eq!(made.uid, "ack-ram-authenticator:1234567890123456:222222222222222222");
        assert_eq!(made.extra.get("sessionName").unwrap(), &[String::new()]);
        assert!(made.groups.is_empty());
    }

    #[test]
    fn a_whole_account_is_known_by_the_canonical_arn() {
        let rule = Rule::for_account(Source::new("MountedFile", "x"), "1234567890123456").unwrap();
        let made = expand(&rule, &session("bob"), &[]).unwrap();
        assert_eq!(made.username, "acs:ram::1234567890123456:role/Dev");
        assert!(made.groups.is_empty());
        assert_eq!(expand(&rule, &user(), &[]).unwrap().username, "acs:ram::1234567890123456:user/Alice");
    }

    #[test]
    fn refuses_an_empty_name() {
        let error = expand(&rule("{{SessionName}}", &[]), &user(), &[]).unwrap_err();
        assert!(matches!(error, NameError::Empty { .. }), "{error}");
        let error = expand(&rule("a", &["g", "{{SessionNameRaw}}"]), &user(), &[]).unwrap_err();
        assert!(matches!(&error, NameError::Empty { field, .. } if field == "groups[1]"), "{error}");
    }

    #[test]
    fn refuses_a_name_that_is_too_long() {
        let error = expand(&rule("{{SessionName}}", &[]), &session(&"x".repeat(257)), &[]).unwrap_err();
        assert!(matches!(error, NameError::TooLong { bytes: 257, .. }), "{error}");
        expand(&rule("{{SessionName}}", &[]), &session(&"x".repeat(256)), &[]).unwrap();
    }

    // Neither a template nor a principal can bring one in today: the check stands by itself all the same.
    #[test]
    fn refuses_a_name_with_a_control_character() {
        for name in ["a\nb", "\u{0}", "a\u{7f}", "\u{85}"] {
            let error = check("username", "{{SessionName}}", "", name, &[]).unwrap_err();
            assert!(matches!(error, NameError::ControlCharacter { .. }), "{error}");
        }
    }

    #[test]
    fn refuses_a_reserved_name_that_a_template_makes() {
        let is_reserved = |username: &str, groups: &[&str], session_name: &str| {
            matches!(
                expand(&rule(username, groups), &session(session_name), &[]),
                Err(NameError::Reserved { .. })
            )
        };
        for (template, session_name) in [
            ("{{SessionName}}:admin", "system"),
            ("{{SessionNameRaw}}:admin", "system"),
            ("sys{{SessionName}}m:masters", "te"),
            ("s{{SessionName}}:masters", "ystem"),
        ] {
            assert!(is_reserved(template, &[], session_name), "{template}");
            assert!(is_reserved("a", &["ok", template], session_name), "{template}");
        }
        // Only the prefix with its colon is reserved.
        for session_name in ["system", "systems", "x-system"] {
            assert!(!is_reserved("{{SessionName}}", &[], session_name));
        }
        assert!(!is_reserved("x-{{SessionName}}:masters", &[], "system"));
    }

    #[test]
    fn lets_a_mapping_write_the_reserved_prefix_out() {
        let made =
            expand(&rule("system:node:{{SessionName}}", &["system:nodes"]), &session("n1"), &[]).unwrap();
        assert_eq!(made.username, "system:node:n1");
        assert_eq!(made.groups, ["system:nodes"]);
    }
}
