//! Templates in the user and group names of a mapping.
//!
//! `{{AccountID}}`, `{{SessionName}}` (each `@` becomes `-`) and `{{SessionNameRaw}}`, whose names are those of
//! the public ack-ram-authenticator, and `{{UserName}}` and `{{RoleName}}`; in exactly this spelling. Every
//! value comes from STS's answer.
//! The text is parsed once, when the mapping is made, and expanded in one pass: a session name that looks
//! like a template stays the text it is.

use std::fmt;

use thiserror::Error;

use crate::principal::{Principal, PrincipalKind};
use crate::quote::Quoted;

/// Longest template, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 4096;

/// A parsed user or group name.
///
/// ```
/// let template = identity::Template::parse("dev-{{SessionName}}")?;
/// assert_eq!(template.as_str(), "dev-{{SessionName}}");
/// assert!(identity::Template::parse("dev-{{ SessionName }}").is_err());
/// # Ok::<(), identity::TemplateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: Box<str>,
    /// Empty where the text has no variables: most have none, and there can be many.
    parts: Box<[Part]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Variable(Variable),
}

/// A value that a template can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `{{AccountID}}`.
    AccountId,
    /// `{{SessionName}}`: `@` becomes `-`; empty for users and accounts.
    SessionName,
    /// `{{SessionNameRaw}}`: as STS has it; empty for users and accounts.
    SessionNameRaw,
    /// `{{UserName}}`: the name of the RAM user; only users have one.
    UserName,
    /// `{{RoleName}}`: the last part of the RAM role's name, without its path; only sessions of roles have one.
    RoleName,
}

/// Why a text is not a template. Each message is one line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// Something else than a known name between double braces.
    #[error("unknown template {{{{{name}}}}} in {}: only {{{{AccountID}}}}, {{{{SessionName}}}}, {{{{SessionNameRaw}}}}, {{{{UserName}}}} and {{{{RoleName}}}} exist, spelt exactly so", Quoted(.text), name = .name.escape_debug())]
    UnknownVariable {
        /// What stands between the braces, cut at 64 characters.
        name: String,
        /// The whole text.
        text: String,
    },
    /// `{{` without `}}`, or the other way round.
    #[error("unbalanced double braces in {}: each {{{{ needs its }}}}", Quoted(.0))]
    Unbalanced(String),
    /// A control character in the literal text.
    #[error("{} holds a control character: no Kubernetes user or group has one", Quoted(.0))]
    ControlCharacter(String),
    /// Longer than [`MAX_TEMPLATE_BYTES`].
    #[error("the text has {0} bytes, more than {MAX_TEMPLATE_BYTES}: shorten it")]
    TooLong(usize),
    /// Nothing at all.
    #[error("the text is empty: write the name that the RAM identity shall have in Kubernetes")]
    Empty,
}

impl Template {
    /// Parses a user or group name.
    ///
    /// # Errors
    /// [`TemplateError`] where the text is empty, too long, holds control characters, or has anything but
    /// the known names between double braces.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(TemplateError::TooLong(text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err(TemplateError::ControlCharacter(text.to_owned()));
        }
        let unbalanced = || TemplateError::Unbalanced(text.to_owned());
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            let (name, tail) = after.split_once("}}").ok_or_else(unbalanced)?;
            push_literal(&mut parts, literal).ok_or_else(unbalanced)?;
            parts.push(Part::Variable(Variable::parse(name).ok_or_else(|| {
                TemplateError::UnknownVariable {
                    name: name.chars().take(64).collect(),
                    text: text.to_owned(),
                }
            })?));
            rest = tail;
        }
        push_literal(&mut parts, rest).ok_or_else(unbalanced)?;
        if !parts.iter().any(|part| matches!(part, Part::Variable(_))) {
            parts.clear();
        }
        Ok(Self { text: text.into(), parts: parts.into() })
    }

    /// The text that was parsed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the name depends on who logs in.
    pub fn has_variables(&self) -> bool {
        !self.parts.is_empty()
    }

    /// The variables, in the order of the text.
    pub fn variables(&self) -> impl Iterator<Item = Variable> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(variable) => Some(*variable),
            Part::Literal(_) => None,
        })
    }

    /// The literal text that every expansion begins with.
    pub fn literal_prefix(&self) -> &str {
        match self.parts.first() {
            None => &self.text,
            Some(Part::Literal(text)) => text,
            Some(Part::Variable(_)) => "",
        }
    }

    /// The name for this principal. It is not checked: see [`crate::mapping::Match::user`].
    ///
    /// # Errors
    /// The variable that the principal has no value for: `{{UserName}}` or `{{RoleName}}`.
    pub fn expand(&self, principal: &Principal) -> Result<String, Variable> {
        if self.parts.is_empty() {
            return Ok(self.text.as_ref().to_owned());
        }
        let mut out = String::with_capacity(self.text.len());
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Variable(variable) => {
                    let value = variable.value(principal).ok_or(*variable)?;
                    match variable {
                        Variable::SessionName => {
                            out.extend(value.chars().map(|c| if c == '@' { '-' } else { c }));
                        }
                        _ => out.push_str(value),
                    }
                }
            }
        }
        Ok(out)
    }
}

/// `None` where the literal text has closing double braces that nothing opened.
fn push_literal(parts: &mut Vec<Part>, text: &str) -> Option<()> {
    if text.contains("}}") {
        return None;
    }
    if !text.is_empty() {
        parts.push(Part::Literal(text.into()));
    }
    Some(())
}

impl Variable {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "AccountID" => Some(Self::AccountId),
            "SessionName" => Some(Self::SessionName),
            "SessionNameRaw" => Some(Self::SessionNameRaw),
            "UserName" => Some(Self::UserName),
            "RoleName" => Some(Self::RoleName),
            _ => None,
        }
    }

    /// The value before any letter of it is replaced.
    fn value<'a>(&self, principal: &'a Principal) -> Option<&'a str> {
        match (self, principal.kind()) {
            (Self::AccountId, _) => Some(principal.account_id()),
            (Self::SessionName | Self::SessionNameRaw, _) => Some(principal.session_name()),
            (Self::UserName, PrincipalKind::User { name }) => Some(name),
            (Self::RoleName, PrincipalKind::AssumedRole { role, .. }) => {
                Some(role.rsplit_once('/').map_or(role, |(_, last)| last))
            }
            (Self::UserName | Self::RoleName, _) => None,
        }
    }

    /// Who has a value for it, for messages.
    pub(crate) fn owners(&self) -> &'static str {
        match self {
            Self::AccountId => "all callers",
            Self::SessionName | Self::SessionNameRaw | Self::RoleName => "sessions of RAM roles",
            Self::UserName => "RAM users",
        }
    }
}

impl fmt::Display for Variable {
    /// As a template has it, with its braces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccountId => "{{AccountID}}",
            Self::SessionName => "{{SessionName}}",
            Self::SessionNameRaw => "{{SessionNameRaw}}",
            Self::UserName => "{{UserName}}",
            Self::RoleName => "{{RoleName}}",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::principal::CallerIdentity;

    fn session(name: &str) -> Principal {
        Principal::from_caller_identity(&CallerIdentity {
            identity_type: "AssumedRoleUser",
            account_id: "1234567890123456",
            principal_id: &format!("3:{name}"),
            arn: &format!("acs:ram::1234567890123456:assumed-role/dev/{name}"),
        })
        .unwrap()
    }

    fn expands(template: &str, session_name: &str, expected: &str) {
        assert_eq!(
            Template::parse(template).unwrap().expand(&session(session_name)).unwrap(),
            expected,
            "{template}"
        );
    }

    #[test]
    fn expands_the_public_three() {
        expands("{{AccountID}}:{{SessionName}}", "bob@x.com", "1234567890123456:bob-x.com");
        expands("{{SessionNameRaw}}", "bob@x@y", "bob@x@y");
        expands("plain", "bob", "plain");
        expands("a{b}c", "bob", "a{b}c");
        expands("{{AccountID}}{{AccountID}}", "b", "12345678901234561234567890123456");
    }

    #[test]
    fn never_expands_a_value_again() {
        expands("{{SessionName}}", "{{SessionNameRaw}}", "{{SessionNameRaw}}");
        expands("{{{SessionName}}}".replace("{{{", "{ {{").as_str(), "x", "{ x}");
        expands("{{SessionName}}{{SessionNameRaw}}", "{{AccountID}}", "{{AccountID}}{{AccountID}}");
    }

    #[test]
    fn refuses_every_other_spelling() {
        for name in
            [" SessionName ", "sessionname", "SESSIONNAME", "AccessKeyID", "", "AccountId", "{AccountID"]
        {
            let text = format!("a-{{{{{name}}}}}");
            let error = Template::parse(&text).unwrap_err();
            assert!(
                matches!(error, TemplateError::UnknownVariable { .. } | TemplateError::Unbalanced(_)),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn refuses_unbalanced_double_braces() {
        for text in [
            "{{",
            "}}",
            "a{{AccountID",
            "AccountID}}",
            "{{AccountID}}}}",
            "}}{{AccountID}}",
            "{{AccountID}}{{",
        ] {
            assert_eq!(Template::parse(text), Err(TemplateError::Unbalanced(text.to_owned())));
        }
    }

    #[test]
    fn refuses_empty_long_and_unprintable_texts() {
        assert_eq!(Template::parse(""), Err(TemplateError::Empty));
        let long = "x".repeat(MAX_TEMPLATE_BYTES + 1);
        assert_eq!(Template::parse(&long), Err(TemplateError::TooLong(long.len())));
        assert!(matches!(Template::parse("a\nb"), Err(TemplateError::ControlCharacter(_))));
    }

    #[test]
    fn knows_its_literal_prefix() {
        assert_eq!(Template::parse("system:node:{{SessionName}}").unwrap().literal_prefix(), "system:node:");
        assert_eq!(Template::parse("{{SessionName}}x").unwrap().literal_prefix(), "");
    }

    #[test]
    fn every_message_is_one_line_and_says_what_exists() {
        let message = Template::parse("a-{{ SessionName }}").unwrap_err().to_string();
        assert_eq!(
            message,
            "unknown template {{ SessionName }} in \"a-{{ SessionName }}\": only {{AccountID}}, {{SessionName}}, \
             {{SessionNameRaw}}, {{UserName}} and {{RoleName}} exist, spelt exactly so"
        );
    }
}
