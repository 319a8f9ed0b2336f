//! Trust policies: who may assume a role.
//!
//! See the RAM documentation, "Policy elements" and "Edit the trust policy of a RAM role". Only what the emulator can
//! decide is accepted; all else is a config error, so that a policy never means less here than it says.

mod document;

use std::sync::Arc;

use serde_saphyr::Spanned;
use strict::Strict;

use crate::names;
use crate::principal::Identity;
use crate::problem::Problem;

pub(crate) use document::TrustPolicyDocument;
use document::{ConditionKeys, OneOrMany, PrincipalEntry, StatementEntry};

/// A checked trust policy of a role.
#[derive(Clone, Debug)]
pub(crate) struct TrustPolicy {
    /// The document as it was given; JSON.
    text: Arc<str>,
    statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
struct Statement {
    effect: Effect,
    principals: Vec<RamPrincipal>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum RamPrincipal {
    /// `acs:ram::<account>:root`: all users and roles of the account.
    Account(String),
    User {
        account: String,
        name: String,
    },
    Role {
        account: String,
        name: String,
    },
}

/// `StringEquals` and `StringLike` on `sts:ExternalId`: true when one of the values fits.
#[derive(Clone, Debug)]
struct Condition {
    like: bool,
    external_ids: Vec<String>,
}

/// What is asked: may this caller assume the role with this external id?
pub(crate) struct AssumeRoleRequest<'a> {
    pub(crate) caller: &'a Identity,
    pub(crate) external_id: Option<&'a str>,
}

/// The answer of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    /// A `Deny` statement applies.
    ExplicitDeny,
    /// No statement applies.
    ImplicitDeny,
}

impl TrustPolicy {
    /// Checks a policy of the configuration; `what` names its role in errors.
    pub(crate) fn check(document: TrustPolicyDocument, what: &str) -> Result<Self, Problem> {
        let text = serde_json::to_string_pretty(&document)
            .map_err(|error| Problem::at(&document.version, format!("{what}: {error}")))?;
        Ok(Self { text: text.into(), statements: statements(document, what)? })
    }

    /// Checks a policy as RAM is sent it, in JSON.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn from_json(text: &str, what: &str) -> Result<Self, String> {
        let Strict(value) = serde_json::from_str(text)
            .map_err(|error| format!("{what}: the trust policy is not JSON: {error}"))?;
        // JSON is YAML, once its white space is normal: so both kinds of text go one way.
        let options = serde_saphyr::options! { no_schema: true, with_snippet: false };
        let document = serde_saphyr::from_str_with_options(&value.to_string(), options).map_err(|error| {
            let text = error.without_snippet().to_string();
            // All of it is on one line now: where on that line tells nothing.
            let problem = text.split(" at line ").next().unwrap_or_default();
            format!("{what}: the trust policy is not of RAM's form: {problem}")
        })?;
        let statements = statements(document, what).map_err(|problem| problem.text)?;
        Ok(Self { text: text.into(), statements })
    }

    /// The document in JSON, as it was sent; as the configuration has it otherwise.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// `Deny` wins over `Allow`, and nothing is allowed that is not named.
    pub(crate) fn decide(&self, request: &AssumeRoleRequest<'_>) -> Decision {
        let mut decision = Decision::ImplicitDeny;
        for statement in self.statements.iter().filter(|s| s.applies_to(request)) {
            match statement.effect {
                Effect::Deny => return Decision::ExplicitDeny,
                Effect::Allow => decision = Decision::Allowed,
            }
        }
        decision
    }
}

impl Statement {
    fn applies_to(&self, request: &AssumeRoleRequest<'_>) -> bool {
        self.principals.iter().any(|p| p.covers(request.caller))
            && self.conditions.iter().all(|c| c.holds(request.external_id))
    }
}

impl RamPrincipal {
    /// ARNs compare without regard to case.
    fn covers(&self, caller: &Identity) -> bool {
        match (self, caller) {
            (Self::Account(account), _) => account == caller.account_id(),
            (Self::User { account, name }, Identity::User(user)) => {
                *account == user.account_id && name.eq_ignore_ascii_case(&user.name)
            }
            (Self::Role { account, name }, Identity::AssumedRole(session)) => {
                *account == session.account_id && name.eq_ignore_ascii_case(&session.role)
            }
            (Self::User { .. } | Self::Role { .. }, _) => false,
        }
    }

    fn parse(arn: &str) -> Option<Self> {
        let prefix = arn.get(..9).filter(|p| p.eq_ignore_ascii_case("acs:ram::"))?;
        let (account, resource) = arn.get(prefix.len()..)?.split_once(':')?;
        if !names::is_account_id(account) {
            return None;
        }
        let account = account.to_owned();
        if resource.eq_ignore_ascii_case("root") {
            return Some(Self::Account(account));
        }
        let (kind, name) = resource.split_once('/')?;
        let owned = name.to_owned();
        if kind.eq_ignore_ascii_case("user") && names::is_user_name(name) {
            Some(Self::User { account, name: owned })
        } else if kind.eq_ignore_ascii_case("role") && names::is_role_name(name) {
            Some(Self::Role { account, name: owned })
        } else {
            None
        }
    }
}

impl Condition {
    fn holds(&self, external_id: Option<&str>) -> bool {
        external_id.is_some_and(|id| {
            self.external_ids.iter().any(
                |wanted| {
                    if self.like { glob_matches(wanted, id) } else { wanted == id }
                },
            )
        })
    }
}

/// `*` stands for any text, `?` for one character; the whole of `text` has to fit.
fn glob_matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    // Places in the pattern that can be reached with what was read of the text.
    let mut places = vec![false; pattern.len().saturating_add(1)];
    let skip_stars = |places: &mut Vec<bool>| {
        for (index, sign) in pattern.iter().enumerate() {
            if *sign == '*' && places.get(index).copied().unwrap_or_default() {
                set(places, index.saturating_add(1));
            }
        }
    };
    set(&mut places, 0);
    skip_stars(&mut places);
    for character in text.chars() {
        let mut next = vec![false; places.len()];
        for (index, sign) in pattern.iter().enumerate() {
            if !places.get(index).copied().unwrap_or_default() {
                continue;
            }
            if *sign == '*' {
                set(&mut next, index);
            } else if *sign == '?' || *sign == character {
                set(&mut next, index.saturating_add(1));
            }
        }
        places = next;
        skip_stars(&mut places);
    }
    places.last().copied().unwrap_or_default()
}

fn set(places: &mut [bool], index: usize) {
    if let Some(place) = places.get_mut(index) {
        *place = true;
    }
}

fn statements(document: TrustPolicyDocument, what: &str) -> Result<Vec<Statement>, Problem> {
    if document.version.value != "1" {
        return Err(Problem::at(
            &document.version,
            format!("{what}: the trust policy has Version {:?}; RAM has only \"1\"", document.version.value),
        ));
    }
    if document.statement.value.0.is_empty() {
        return Err(Problem::at(&document.statement, format!("{what}: the trust policy has no statement")));
    }
    document.statement.value.0.into_iter().map(|entry| statement(entry, what)).collect()
}

fn statement(entry: StatementEntry, what: &str) -> Result<Statement, Problem> {
    let effect = match entry.effect.value.as_str() {
        "Allow" => Effect::Allow,
        "Deny" => Effect::Deny,
        other => {
            return Err(Problem::at(
                &entry.effect,
                format!("{what}: the trust policy has Effect {other:?}; it is Allow or Deny"),
            ));
        }
    };
    actions(&entry.action, what)?;
    let principals = principals(entry.principal, what)?;
    let mut conditions = Vec::new();
    // A statement for services and identity providers alone fits nobody who calls AssumeRole: its conditions
    // (oidc:sub, for instance) need not be decided.
    if let (Some(operators), false) = (&entry.condition, principals.is_empty()) {
        for (operator, keys) in &operators.value {
            let found = condition(operator, keys, what).map_err(|text| Problem::at(operators, text))?;
            conditions.extend(found);
        }
    }
    Ok(Statement { effect, principals, conditions })
}

/// All actions that are accepted cover AssumeRole: none need be kept.
fn actions(actions: &Spanned<OneOrMany<String>>, what: &str) -> Result<(), Problem> {
    let covers_assume_role = |action: &String| {
        ["sts:AssumeRole", "sts:*", "*"].iter().any(|known| known.eq_ignore_ascii_case(action))
    };
    match actions.value.0.iter().find(|action| !covers_assume_role(action)) {
        Some(unknown) => Err(Problem::at(
            actions,
            format!(
                "{what}: the trust policy has Action {unknown:?}; the emulator knows sts:AssumeRole, sts:* and *"
            ),
        )),
        None if actions.value.0.is_empty() => {
            Err(Problem::at(actions, format!("{what}: a statement of the trust policy has no Action")))
        }
        None => Ok(()),
    }
}

/// `Service` and `Federated` principals are accepted and never fit a caller of AssumeRole.
fn principals(entry: Spanned<PrincipalEntry>, what: &str) -> Result<Vec<RamPrincipal>, Problem> {
    let list = |values: &Option<OneOrMany<String>>| values.as_ref().map_or(0, |v| v.0.len());
    let principal = &entry.value;
    let named = [&principal.ram, &principal.service, &principal.federated];
    if named.into_iter().all(|values| list(values) == 0) {
        return Err(Problem::at(
            &entry,
            format!("{what}: the trust policy names no principal: give RAM, Service or Federated"),
        ));
    }
    let arns = principal.ram.as_ref().map_or(&[][..], |values| &values.0);
    arns.iter()
        .map(|arn| {
            RamPrincipal::parse(arn).ok_or_else(|| {
                Problem::at(
                    &entry,
                    format!(
                        "{what}: the trust policy's principal {arn:?} is not \
                         acs:ram::<16 digits>:root, …:user/<name> or …:role/<name>"
                    ),
                )
            })
        })
        .collect()
}

fn condition(operator: &str, keys: &ConditionKeys, what: &str) -> Result<Vec<Condition>, String> {
    let like = match operator {
        "StringEquals" => false,
        "StringLike" => true,
        other => {
            return Err(format!(
                "{what}: the emulator cannot decide the condition {other:?}; it knows StringEquals and StringLike"
            ));
        }
    };
    keys.iter()
        .map(|(key, values)| {
            if key.eq_ignore_ascii_case("sts:ExternalId") {
                Ok(Condition { like, external_ids: values.0.clone() })
            } else {
                Err(format!(
                    "{what}: the emulator cannot decide a condition on {key:?}; it knows sts:ExternalId"
                ))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
