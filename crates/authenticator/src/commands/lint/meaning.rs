//! What means something else than under the public server.

use identity::RuleArn;
use identity::pattern::has_wildcard;
use identity::template::{Template, Variable};

use super::entry::{Entry, Layer, Section, Text};
use super::finding::{Code, Finding};
use super::old_meaning::{self, Change};
use crate::mappings::BackendMode;

/// What there is to say about one mapping.
pub(crate) fn findings(entry: &Entry) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(arn) = &entry.arn {
        if entry.section != Section::Object {
            findings.extend(letter(entry, arn));
        } else if has_wildcard(&arn.text) {
            findings.extend(pattern(entry, arn));
        }
        findings.extend(session(entry, arn));
    }
    findings.extend(templates(entry));
    findings
}

fn letter(entry: &Entry, arn: &Text) -> Option<Finding> {
    // The parser of the server let it through, so it is no wildcard in the account.
    let is_rule = entry.rule.is_some();
    (is_rule && has_wildcard(&arn.text)).then(|| {
        let message = format!(
            "* and ? are letters in {}, and no RAM name has them: it matches nobody; write a RAMIdentityMapping for \
             a pattern",
            entry.layer.name()
        );
        entry.finding(arn.line, Code::LetterWildcard, message)
    })
}

fn pattern(entry: &Entry, arn: &Text) -> Option<Finding> {
    let canonical = entry.rule.as_ref().and_then(|rule| rule.arn()).map(ToString::to_string);
    let (code, message) = match old_meaning::compare(&arn.text, canonical.as_deref()) {
        Change::Same => return None,
        Change::BadExpression => (
            Code::PatternWasBad,
            "the public server took this for a regular expression that it could not read, and refused, by chance, \
             logins that needed other patterns"
                .to_owned(),
        ),
        Change::Unknown => (
            Code::PatternMeaning,
            "the public server took this for a regular expression, which is too large to compare: look at it".to_owned(),
        ),
        Change::Differs { lost, foreign, gained } => {
            let name = |arn: String| arn.rsplit_once(':').map_or(arn.clone(), |(_, name)| name.to_owned());
            let mut parts = Vec::new();
            if let Some(arn) = foreign {
                parts.push(format!("let in {arn} and others of any account, which this does not"));
            }
            if let Some(arn) = lost {
                parts.push(format!("let in {}, which this does not", name(arn)));
            }
            if let Some(arn) = gained {
                parts.push(format!("did not let in {}, which this does", name(arn)));
            }
            let message = format!(
                "the public server took this for a regular expression: it {}{}",
                parts.join("; it "),
                hint(&arn.text)
            );
            (Code::PatternMeaning, message)
        }
    };
    Some(entry.finding(arn.line, code, message))
}

/// What to write instead, where the text was meant as an expression.
fn hint(arn: &str) -> &'static str {
    if arn.contains(['|', '(', '[', '^', '$', '\\', '+']) {
        "; * and ? alone are special here: write a mapping for each alternative"
    } else if arn.contains(".*") {
        "; write * where it has .*"
    } else {
        "; here * is any run of characters, ? exactly one, and the whole name has to match"
    }
}

fn session(entry: &Entry, arn: &Text) -> Option<Finding> {
    let Some(RuleArn::Session(_)) = entry.rule.as_ref()?.arn() else { return None };
    let before = match entry.layer {
        Layer::Backend(BackendMode::Crd | BackendMode::DynamicFile) => {
            "the public server let in every session of the role"
        }
        _ => "under the public server it matched nobody",
    };
    let message = format!("this is the one session alone; {before}: write role/NAME for every session");
    Some(entry.finding(arn.line, Code::SessionArn, message))
}

/// Kinds of callers that a mapping can match.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Callers {
    Users,
    Sessions,
    Root,
}

fn callers(entry: &Entry) -> Option<Callers> {
    let arn = entry.rule.as_ref()?.arn()?.to_string();
    let resource = arn.splitn(5, ':').nth(4)?.to_owned();
    Some(match resource.split('/').next()? {
        "user" => Callers::Users,
        "root" => Callers::Root,
        _ => Callers::Sessions,
    })
}

fn templates(entry: &Entry) -> Vec<Finding> {
    let Some((rule, callers)) = entry.rule.as_ref().zip(callers(entry)) else { return Vec::new() };
    let fields = std::iter::once(("username".to_owned(), rule.username(), entry.username.as_ref()));
    let groups = rule.groups().iter().enumerate();
    let groups =
        groups.map(|(index, group)| (format!("groups[{index}]"), Some(group), entry.groups.get(index)));
    let mut findings = Vec::new();
    for (field, template, written) in fields.chain(groups) {
        let (Some(template), line) = (template, written.map_or(entry.place.line, |text| text.line)) else {
            continue;
        };
        let is_new = |variable: &Variable| matches!(variable, Variable::UserName | Variable::RoleName);
        if let Some(variable) = template.variables().find(is_new) {
            let message = format!(
                "{field}: the public server does not know {variable} and leaves it in the name as it is"
            );
            findings.push(entry.finding(line, Code::NewTemplate, message));
        }
        if callers == Callers::Sessions && reaches(template, "system:") {
            let message = format!(
                "{field}: a session can choose its name so that this begins system:; such a login is refused here, and \
                 the public server let it in"
            );
            findings.push(entry.finding(line, Code::ReachesSystem, message));
        }
        let lacks = |variable: &Variable| match variable {
            Variable::UserName => callers != Callers::Users,
            Variable::RoleName => callers != Callers::Sessions,
            _ => false,
        };
        let is_empty = |variable: &Variable| {
            matches!(variable, Variable::SessionName | Variable::SessionNameRaw)
                && callers != Callers::Sessions
        };
        if let Some(variable) = template.variables().find(lacks) {
            let message =
                format!("{field}: nobody whom this ARN matches has a {variable}: each login is refused");
            findings.push(entry.finding(line, Code::Name, message));
        } else if let Some(variable) = template.variables().find(is_empty) {
            let is_all = template.variables().all(|variable| is_empty(&variable))
                && is_only_variables(template.as_str());
            let (code, end) = if is_all {
                (Code::Name, "each login is refused (under the public server the name was empty)")
            } else {
                (Code::EmptyForUsers, "the name is what stands around it")
            };
            let message = format!("{field}: {variable} is empty for users and for the account itself: {end}");
            findings.push(entry.finding(line, code, message));
        }
    }
    findings
}

/// Whether a template that parsed has no text of its own.
pub(crate) fn is_only_variables(template: &str) -> bool {
    literals(template).all(str::is_empty)
}

/// The texts around the variables of a template that parsed: one more than there are variables.
pub(crate) fn literals(template: &str) -> impl Iterator<Item = &str> {
    template.split("{{").enumerate().map(|(index, part)| {
        if index == 0 { part } else { part.split_once("}}").map_or("", |(_, literal)| literal) }
    })
}

/// Whether a session name could make the template begin with `target`, though its own text does not say so. The colon
/// is in no value: neither RAM's names nor session names have one.
fn reaches(template: &Template, target: &str) -> bool {
    let literals: Vec<&str> = literals(template.as_str()).collect();
    let variables: Vec<Variable> = template.variables().collect();
    !template.literal_prefix().starts_with(target) && begins(&literals, &variables, target)
}

fn begins(literals: &[&str], variables: &[Variable], target: &str) -> bool {
    let Some((literal, literals)) = literals.split_first() else { return target.is_empty() };
    if literal.starts_with(target) {
        return true;
    }
    let Some((rest, (variable, variables))) = target.strip_prefix(literal).zip(variables.split_first())
    else {
        return false;
    };
    // Session names are the caller's choice; RAM's other names are not.
    let is_free = matches!(variable, Variable::SessionName | Variable::SessionNameRaw);
    let values = rest
        .char_indices()
        .take_while(|(_, c)| is_free && *c != ':')
        .filter_map(|(at, c)| rest.get(at.saturating_add(c.len_utf8())..));
    values.into_iter().any(|rest| begins(literals, variables, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn knows_which_templates_a_session_turns_into_reserved_names() {
        let reaches = |text: &str| reaches(&Template::parse(text).unwrap(), "system:");
        for text in [
            "{{SessionName}}:admin",
            "sys{{SessionNameRaw}}m:x",
            "{{SessionName}}{{SessionName}}:",
            "s{{SessionName}}:x",
        ] {
            assert!(reaches(text), "{text}");
        }
        for text in [
            "system:node:{{SessionName}}",
            "{{SessionName}}",
            "dev:{{SessionName}}:x",
            "{{AccountID}}:{{SessionName}}",
            "{{RoleName}}:{{SessionName}}",
            "system{{SessionName}}",
            "{{SessionName}}-x:y",
        ] {
            assert!(!reaches(text), "{text}");
        }
    }
}
