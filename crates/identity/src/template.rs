//! Templates in the user and group names of a mapping.
//!
//! `{{AccountID}}`, `{{SessionName}}` (each `@` becomes `-`) and `{{SessionNameRaw}}`, in exactly this
//! spelling; the names are those of the public ack-ram-authenticator. Every value comes from STS's answer.
//! The text is parsed once, when the mapping is made, and expanded in one pass: a session name that looks
//! like a template stays the text it is.

use thiserror::Error;

use crate::principal::Principal;
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
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
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
}

/// Why a text is not a template. Each message is one line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// Something else than a known name between double braces.
    #[error("unknown template {{{{{name}}}}} in {}: only {{{{AccountID}}}}, {{{{SessionName}}}} and {{{{SessionNameRaw}}}} exist, spelt exactly so", Quoted(.text), name = .name.escape_debug())]
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
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The text that was parsed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the name depends on who logs in.
    pub fn has_variables(&self) -> bool {
        self.variables().next().is_some()
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
            Some(Part::Literal(text)) => text,
            _ => "",
        }
    }

    /// The name for this principal. It is not checked: see [`crate::mapping::Match::user`].
    pub fn expand(&self, principal: &Principal) -> String {
        let mut out = String::with_capacity(self.text.len());
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Variable(Variable::AccountId) => out.push_str(principal.account_id()),
                Part::Variable(Variable::SessionNameRaw) => out.push_str(principal.session_name()),
                Part::Variable(Variable::SessionName) => {
                    out.extend(principal.session_name().chars().map(|c| if c == '@' { '-' } else { c }));
                }
            }
        }
        out
    }
}

/// `None` where the literal text has closing double braces that nothing opened.
fn push_literal(parts: &mut Vec<Part>, text: &str) -> Option<()> {
    if text.contains("}}") {
        return None;
    }
    if !text.is_empty() {
        parts.push(Part::Literal(text.to_owned()));
    }
    Some(())
}

impl Variable {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "AccountID" => Some(Self::AccountId),
            "SessionName" => Some(Self::SessionName),
            "SessionNameRaw" => Some(Self::SessionNameRaw),
            _ => None,
        }
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
        assert_eq!(Template::parse(template).unwrap().expand(&session(session_name)), expected, "{template}");
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
            "unknown template {{ SessionName }} in \"a-{{ SessionName }}\": only {{AccountID}}, {{SessionName}} \
             and {{SessionNameRaw}} exist, spelt exactly so"
        );
    }
}
