//! Statements: checked, and whether they apply.

use serde_saphyr::Spanned;

use super::condition::Condition;
use super::context::Context;
use super::decision::{By, Decision};
use super::document::{ConditionKeys, OneOrMany, PolicyDocument, StatementEntry};
use super::pattern::glob_matches;
use super::principals::Principals;
use crate::problem::Problem;

/// Which elements a policy has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `Principal`, and an `Action` that covers assuming roles.
    Trust,
    /// `Resource` or `NotResource`.
    Permission,
}

#[derive(Clone, Debug)]
pub(super) struct Statement {
    effect: Effect,
    /// Of trust policies.
    principals: Option<Principals>,
    actions: Patterns,
    /// Of permission policies.
    resources: Option<Patterns>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

/// Texts with wildcards, compared without regard to case; negated as `NotAction` and `NotResource` are.
#[derive(Clone, Debug)]
struct Patterns {
    /// In lower case.
    texts: Vec<String>,
    negated: bool,
}

/// What statements are asked.
pub(super) struct Question<'a> {
    /// `cs:DescribeClusterDetail`.
    pub(super) action: &'a str,
    /// An ARN.
    pub(super) resource: &'a str,
    pub(super) context: Context<'a>,
}

/// Services whose operations the emulator has: conditions of statements that concern none of them need not be decided.
const OWN_SERVICES: [&str; 4] = ["sts:", "ram:", "ims:", "cs:"];

impl Statement {
    /// Allows these actions on everything.
    pub(super) fn allowing(actions: &[&str]) -> Self {
        let texts = |texts: &[&str]| Patterns {
            texts: texts.iter().map(|text| text.to_ascii_lowercase()).collect(),
            negated: false,
        };
        Self {
            effect: Effect::Allow,
            principals: None,
            actions: texts(actions),
            resources: Some(texts(&["*"])),
            conditions: Vec::new(),
        }
    }

    fn applies_to(&self, question: &Question<'_>) -> bool {
        let context = &question.context;
        let named = self.principals.as_ref().is_none_or(|principals| match (context.token, context.caller) {
            (Some(token), _) => principals.name_provider(token.provider),
            (None, Some(caller)) => principals.name_caller(caller),
            (None, None) => false,
        });
        named
            && self.actions.fit(question.action)
            && self.resources.as_ref().is_none_or(|resources| resources.fit(question.resource))
            && self.conditions.iter().all(|condition| condition.holds(context))
    }
}

impl Patterns {
    fn fit(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        self.texts.iter().any(|pattern| glob_matches(pattern, &text)) != self.negated
    }

    fn check(
        entry: &Spanned<OneOrMany<String>>,
        negated: bool,
        (name, what): (&str, &str),
    ) -> Result<Self, Problem> {
        let texts = &entry.value.0;
        if texts.is_empty() || texts.iter().any(String::is_empty) {
            return Err(Problem::at(entry, format!("{what}: a statement has no {name}")));
        }
        Ok(Self { texts: texts.iter().map(|text| text.to_ascii_lowercase()).collect(), negated })
    }
}

/// What these policies, each with its name, answer together: `Deny` wins over `Allow`, and nothing is allowed that is not
/// named.
pub(super) fn decide<'p>(
    policies: impl IntoIterator<Item = (&'p str, &'p [Statement])>,
    question: &Question<'_>,
) -> Decision {
    let mut decision = Decision::ImplicitDeny;
    for (policy, statements) in policies {
        for (place, statement) in (1..).zip(statements).filter(|(_, s)| s.applies_to(question)) {
            let by = By { policy: policy.to_owned(), statement: place };
            match statement.effect {
                Effect::Deny => return Decision::ExplicitDeny(by),
                Effect::Allow if decision == Decision::ImplicitDeny => decision = Decision::Allowed(by),
                Effect::Allow => {}
            }
        }
    }
    decision
}

/// Checks a document of this kind.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn check(document: PolicyDocument, kind: Kind, what: &str) -> Result<Vec<Statement>, Problem> {
    let policy = kind.in_words();
    if document.version.value != "1" {
        return Err(Problem::at(
            &document.version,
            format!("{what}: the {policy} has Version {:?}; RAM has only \"1\"", document.version.value),
        ));
    }
    if document.statement.value.0.is_empty() {
        return Err(Problem::at(&document.statement, format!("{what}: the {policy} has no statement")));
    }
    let at = &document.statement;
    // Where a statement lacks something there is no line of its own to tell.
    let place = Spanned::new((), at.referenced, at.defined);
    document.statement.value.0.into_iter().map(|entry| statement(entry, kind, what, &place)).collect()
}

fn statement(
    entry: StatementEntry,
    kind: Kind,
    what: &str,
    place: &Spanned<()>,
) -> Result<Statement, Problem> {
    let policy = kind.in_words();
    let effect = match entry.effect.value.as_str() {
        "Allow" => Effect::Allow,
        "Deny" => Effect::Deny,
        other => {
            return Err(Problem::at(
                &entry.effect,
                format!("{what}: the {policy} has Effect {other:?}; it is Allow or Deny"),
            ));
        }
    };
    let one_of = |plain: &Option<Spanned<OneOrMany<String>>>,
                  not: &Option<Spanned<OneOrMany<String>>>,
                  name: &str| match (plain, not) {
        (Some(texts), None) => Patterns::check(texts, false, (name, what)),
        (None, Some(texts)) => Patterns::check(texts, true, (name, what)),
        _ => Err(Problem::at(place, format!("{what}: a statement must have either {name} or Not{name}"))),
    };
    let (principals, actions, resources) = match kind {
        Kind::Trust => {
            for (element, name) in [
                (&entry.not_action, "NotAction"),
                (&entry.resource, "Resource"),
                (&entry.not_resource, "NotResource"),
            ] {
                if let Some(element) = element {
                    return Err(Problem::at(
                        element,
                        format!("{what}: a statement of a trust policy has no {name}"),
                    ));
                }
            }
            let actions = one_of(&entry.action, &None, "Action")?;
            trust_actions(&entry.action, what)?;
            let principal = entry.principal.ok_or_else(|| {
                Problem::at(place, format!("{what}: a statement of the trust policy has no Principal"))
            })?;
            (Some(Principals::check(principal, what)?), actions, None)
        }
        Kind::Permission => {
            if let Some(principal) = &entry.principal {
                return Err(Problem::at(
                    principal,
                    format!("{what}: a statement of a permission policy has no Principal"),
                ));
            }
            let actions = one_of(&entry.action, &entry.not_action, "Action")?;
            let resources = one_of(&entry.resource, &entry.not_resource, "Resource")?;
            (None, actions, Some(resources))
        }
    };
    let asked = match &principals {
        Some(principals) => !principals.fit_nobody(),
        None => concerns_the_emulator(&actions),
    };
    let mut conditions = Vec::new();
    if let Some(operators) = &entry.condition {
        for (operator, keys) in &operators.value {
            let found = condition(operator, keys, (kind, asked), what);
            conditions.extend(found.map_err(|text| Problem::at(operators, text))?);
        }
    }
    Ok(Statement { effect, principals, actions, resources, conditions })
}

/// The conditions under one operator. Those of a statement that nobody asks here need not be decided.
fn condition(
    operator: &str,
    keys: &ConditionKeys,
    (kind, asked): (Kind, bool),
    what: &str,
) -> Result<Vec<Condition>, String> {
    match (kind, asked) {
        (_, true) => Condition::check(operator, keys, what),
        (Kind::Permission, false) => Condition::check_form(operator, keys, what).map(|()| Vec::new()),
        (Kind::Trust, false) => Ok(Vec::new()),
    }
}

/// Whether a statement with these actions can apply to a request to the emulator.
fn concerns_the_emulator(actions: &Patterns) -> bool {
    actions.negated
        || actions.texts.iter().any(|text| {
            let service = text.split_inclusive(':').next().unwrap_or_default();
            OWN_SERVICES.iter().any(|own| glob_matches(service, own) || service.contains('*'))
        })
}

/// An action of a trust policy has to be one of STS, or all there are: RAM has no others there.
fn trust_actions(actions: &Option<Spanned<OneOrMany<String>>>, what: &str) -> Result<(), Problem> {
    let Some(actions) = actions else { return Ok(()) };
    let of_sts = |action: &String| {
        let action = action.to_ascii_lowercase();
        action == "*" || action.starts_with("sts:")
    };
    match actions.value.0.iter().find(|action| !of_sts(action)) {
        Some(unknown) => Err(Problem::at(
            actions,
            format!("{what}: the trust policy has Action {unknown:?}; it can have actions of sts, and *"),
        )),
        None => Ok(()),
    }
}

impl Kind {
    fn in_words(self) -> &'static str {
        match self {
            Self::Trust => "trust policy",
            Self::Permission => "policy",
        }
    }
}
