//! Trust policies: who may assume a role.
//!
//! See the RAM documentation, "Policy elements" and "Edit the trust policy of a RAM role". Only what the emulator can
//! decide is accepted; all else is a config error, so that a policy never means less here than it says.

mod condition;
mod document;

use std::sync::Arc;

use serde_saphyr::Spanned;
use strict::Strict;

use crate::names;
use crate::oidc::ProviderArn;
use crate::principal::Identity;
use crate::problem::Problem;

use condition::Condition;
pub(crate) use document::TrustPolicyDocument;
use document::{OneOrMany, PrincipalEntry, StatementEntry};

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
    /// OIDC providers.
    federated: Vec<ProviderArn>,
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

/// What is asked: may this caller assume the role with this external id?
pub(crate) struct AssumeRoleRequest<'a> {
    pub(crate) caller: Caller<'a>,
    pub(crate) external_id: Option<&'a str>,
}

/// Who wants to assume a role.
pub(crate) enum Caller<'a> {
    /// Whoever has signed the request.
    Ram(&'a Identity),
    /// Whoever has a token, which was checked.
    Oidc(OidcCaller<'a>),
}

/// What a token says, and which provider vouches for it.
pub(crate) struct OidcCaller<'a> {
    pub(crate) provider: &'a ProviderArn,
    pub(crate) issuer: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) audiences: &'a [String],
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
        let named = match &request.caller {
            Caller::Ram(identity) => self.principals.iter().any(|p| p.covers(identity)),
            Caller::Oidc(token) => self.federated.contains(token.provider),
        };
        named && self.conditions.iter().all(|c| c.holds(request))
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
    let (principals, federated) = principals(entry.principal, what)?;
    let mut conditions = Vec::new();
    // A statement for services and SAML providers alone fits nobody whom the emulator knows: its conditions need not be
    // decided.
    let fits_nobody = principals.is_empty() && federated.is_empty();
    if let (Some(operators), false) = (&entry.condition, fits_nobody) {
        for (operator, keys) in &operators.value {
            let found =
                Condition::check(operator, keys, what).map_err(|text| Problem::at(operators, text))?;
            conditions.extend(found);
        }
    }
    Ok(Statement { effect, principals, federated, conditions })
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

/// `Service` principals and SAML providers are accepted and fit nobody.
fn principals(
    entry: Spanned<PrincipalEntry>,
    what: &str,
) -> Result<(Vec<RamPrincipal>, Vec<ProviderArn>), Problem> {
    let list = |values: &Option<OneOrMany<String>>| values.as_ref().map_or(0, |v| v.0.len());
    let principal = &entry.value;
    let named = [&principal.ram, &principal.service, &principal.federated];
    if named.into_iter().all(|values| list(values) == 0) {
        return Err(Problem::at(
            &entry,
            format!("{what}: the trust policy names no principal: give RAM, Service or Federated"),
        ));
    }
    let unknown = |arn: &str, wanted: &str| {
        Problem::at(&entry, format!("{what}: the trust policy's principal {arn:?} is not {wanted}"))
    };
    let ram = principal.ram.iter().flat_map(|values| &values.0).map(|arn| {
        let wanted = "acs:ram::<16 digits>:root, …:user/<name> or …:role/<name>";
        RamPrincipal::parse(arn).ok_or_else(|| unknown(arn, wanted))
    });
    let federated = principal.federated.iter().flat_map(|values| &values.0);
    let federated = federated.filter(|arn| !is_saml_provider(arn)).map(|arn| {
        let wanted = "acs:ram::<16 digits>:oidc-provider/<name> or …:saml-provider/<name>";
        ProviderArn::parse(arn).ok_or_else(|| unknown(arn, wanted))
    });
    Ok((ram.collect::<Result<_, _>>()?, federated.collect::<Result<_, _>>()?))
}

fn is_saml_provider(arn: &str) -> bool {
    let arn = arn.to_ascii_lowercase();
    let resource = arn.strip_prefix("acs:ram::").and_then(|rest| rest.split_once(':'));
    resource.is_some_and(|(account, kind)| {
        names::is_account_id(account)
            && kind.strip_prefix("saml-provider/").is_some_and(|name| !name.is_empty())
    })
}

#[cfg(test)]
mod tests;
