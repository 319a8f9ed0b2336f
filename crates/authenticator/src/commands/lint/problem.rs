//! The server's own errors about a mapping, with a code and the line of what they are about.

use identity::mapping::RuleError;
use identity::{RuleArnError, TemplateError};
use resource::MappingError;

use super::entry::Entry;
use super::finding::{Code, Finding};

/// Of a `RAMIdentityMapping`; `line` is where to point when the field itself is missing.
pub(crate) fn of_object(entry: &Entry, line: usize, error: &MappingError) -> Finding {
    match error {
        MappingError::ParseField(error) | MappingError::ParseArn(error) => {
            of_rule(entry, line, "spec.", error)
        }
        error => entry.finding(line, Code::Field, error.to_string()),
    }
}

/// Of any mapping.
pub(crate) fn of_rule(entry: &Entry, line: usize, prefix: &str, error: &RuleError) -> Finding {
    let arn_line = entry.arn.as_ref().map_or(line, |arn| arn.line);
    let (code, line) = match error {
        RuleError::ParseArn(error) => (of_arn(error), arn_line),
        RuleError::ParseUsername(error) => (of_template(error), username_line(entry, line)),
        RuleError::ParseGroup { index, error } => (of_template(error), group_line(entry, *index, line)),
        RuleError::UseName(error) => {
            // The field is in the message, as `username` or `groups[1]`.
            let text = error.to_string();
            let index = text.strip_prefix("groups[").and_then(|rest| rest.split(']').next()?.parse().ok());
            let line =
                index.map_or_else(|| username_line(entry, line), |index| group_line(entry, index, line));
            (Code::Name, line)
        }
        RuleError::ParseAccount(_) => (Code::Account, line),
        #[allow(unreachable_patterns, reason = "an error that is new is one of a field")]
        _ => (Code::Field, line),
    };
    let prefix =
        if matches!(error, RuleError::ParseArn(_)) && !prefix.is_empty() { "spec.arn: " } else { prefix };
    entry.finding(line, code, format!("{prefix}{error}"))
}

fn username_line(entry: &Entry, line: usize) -> usize {
    entry.username.as_ref().map_or(line, |username| username.line)
}

fn group_line(entry: &Entry, index: usize, line: usize) -> usize {
    entry.groups.get(index).map_or(line, |group| group.line)
}

fn of_arn(error: &RuleArnError) -> Code {
    match error {
        RuleArnError::WildcardInAccount(_) => Code::AnyAccount,
        RuleArnError::NeverMatches(_) => Code::NeverMatches,
        _ => Code::Arn,
    }
}

fn of_template(error: &TemplateError) -> Code {
    match error {
        TemplateError::UnknownVariable { .. } | TemplateError::Unbalanced(_) => Code::Template,
        _ => Code::Name,
    }
}
