//! A role that service accounts of a cluster have, with policies: what is missing is made, each step shown or asked about
//! before.

use openapi::api::ApiError;
use openapi::ram::{PolicyType, RoleDetail};

use super::identity_provider::IdentityProvider;
use super::self_managed::status::trust::{Answer, Claims, TrustPolicy};
use super::session::Session;
use super::trust_policy::{Plan, Subject, diff, new_document, plan, pretty};
use crate::error::{Error, TrustError, shown};
use crate::message::write_block;
use crate::terminal::{Answer as Reply, Terminal};

const MAX_ROLE_NAME: usize = 64;
const MAX_POLICY_NAME: usize = 128;
const CREATE: &str = "create";
/// Names that RAM gives to roles that belong to services ("Service-linked roles").
const SERVICE_LINKED: &str = "AliyunServiceRoleFor";

/// What the role is to be at the end.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    pub(super) role: &'a str,
    pub(super) subject: &'a Subject,
    /// Whether the role is made where there is none.
    pub(super) create: bool,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is as wished.
    Done,
    /// The person said no.
    Declined,
}

/// Who brings it about.
pub(super) struct Association<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) terminal: &'a Terminal<'a>,
    pub(super) provider: &'a IdentityProvider,
    pub(super) wish: &'a Wish<'a>,
    /// Nothing is asked and nothing changed.
    pub(super) dry_run: bool,
    /// Whether each step is asked about, or only one that changes what was there.
    pub(super) asks_each: bool,
}

/// RAM's names of roles.
///
/// # Errors
/// What is wrong with it; it is no such name, or one of a role that belongs to a service.
pub(super) fn check_role_name(name: &str) -> Result<(), TrustError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if !(1..=MAX_ROLE_NAME).contains(&name.len()) || !name.bytes().all(allowed) {
        return Err(TrustError::name(
            "--role-name (-r)",
            name,
            "a role's name, without the rest of its ARN, has 1 to 64 letters, digits, . and -",
        ));
    }
    let beginning = name.get(..SERVICE_LINKED.len());
    match beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(SERVICE_LINKED)) {
        true => Err(TrustError::ServiceLinked { role: name.to_owned() }),
        false => Ok(()),
    }
}

/// RAM's names of policies.
///
/// # Errors
/// It is none.
pub(super) fn check_policy_name(flag: &'static str, name: &str) -> Result<(), TrustError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    match (1..=MAX_POLICY_NAME).contains(&name.len()) && name.bytes().all(allowed) {
        true => Ok(()),
        false => Err(TrustError::name(
            flag,
            name,
            "a policy's name, without the rest of its ARN, has 1 to 128 letters, digits and -",
        )),
    }
}

impl Association<'_> {
    /// Makes the role, or adds the statement to its trust policy, unless it is there.
    pub(super) fn role(&self) -> Result<Step, Error> {
        match self.read_role()? {
            Some(role) => self.extend(&role),
            None if self.wish.create => self.create(),
            None => Err(TrustError::NoRole { role: self.wish.role.to_owned() }.into()),
        }
    }

    fn read_role(&self) -> Result<Option<RoleDetail>, Error> {
        let session = self.session;
        let asking = session.ram.role(self.wish.role, &session.credentials, session.now());
        session.ask("reading the role", asking)
    }

    fn create(&self) -> Result<Step, Error> {
        let (session, role) = (self.session, self.wish.role);
        let document = new_document(self.provider, self.wish.subject);
        self.show("", &document);
        if self.dry_run {
            session.log.info(&format!("dry run: role {role} would be created with this trust policy"));
            return Ok(Step::Done);
        }
        if self.asks_each {
            let question = format!("Are you sure you want to create RAM Role {role:?}?");
            if self.confirm(&question, "nothing was changed")? == Step::Declined {
                return Ok(Step::Declined);
            }
        }
        let creating = session.ram.create_role(role, &document, "", &session.credentials, session.now());
        let made = crate::network::run("creating the role", session.world, creating)?;
        let made = made.map_err(|source| failed(CREATE, role, source))?;
        session.log.info(&format!("role {role} was created"));
        self.warn_of_other_account(&made);
        Ok(Step::Done)
    }

    fn extend(&self, before: &RoleDetail) -> Result<Step, Error> {
        let (session, role) = (self.session, self.wish.role);
        let old = &before.trust_policy;
        let problem = |problem: super::trust_policy::PolicyProblem| TrustError::Policy {
            role: role.to_owned(),
            problem: problem.to_string(),
        };
        self.warn_of_other_account(before);
        let new = match plan(old, self.provider, self.wish.subject).map_err(problem)? {
            Plan::Nothing(place) => {
                session.log.info(&format!(
                    "the trust policy of role {role} lets {} have it already (statement {place}), and stays as it is",
                    self.whom()
                ));
                self.note(old);
                return Ok(Step::Done);
            }
            Plan::Change(new) => new,
        };
        self.show(&pretty(old), &pretty(&new));
        self.note(&new);
        if self.dry_run {
            session.log.info(&format!("dry run: the trust policy of role {role} would be changed so"));
            return Ok(Step::Done);
        }
        let question =
            format!("Are you sure you want to change the trust policy of RAM Role {role:?} as shown?");
        if self.confirm(&question, "nothing was changed")? == Step::Declined {
            return Ok(Step::Declined);
        }
        // A person may have taken his time. RAM's call replaces the whole policy and takes no condition: what somebody else
        // writes between this reading and that call would be lost, and nothing can be done about these milliseconds.
        match self.read_role()? {
            None => return Err(TrustError::Gone { role: role.to_owned() }.into()),
            Some(now) if now.trust_policy != *old || now.role_id != before.role_id => {
                return Err(TrustError::Changed { role: role.to_owned() }.into());
            }
            Some(_) => {}
        }
        let changing = session.ram.update_trust_policy(role, &new, &session.credentials, session.now());
        let changed = crate::network::run("changing the trust policy", session.world, changing)?;
        changed.map_err(|source| failed("change the trust policy of", role, source))?;
        session.log.info(&format!("the trust policy of role {role} was changed"));
        Ok(Step::Done)
    }

    /// Gives the role a policy.
    pub(super) fn attach(&self, policy_type: PolicyType, policy: &str) -> Result<Step, Error> {
        let (session, role) = (self.session, self.wish.role);
        if self.dry_run {
            session
                .log
                .info(&format!("dry run: {policy_type} policy {policy} would be attached to role {role}"));
            return Ok(Step::Done);
        }
        let done = format!("role {role} lets {} have it", self.whom());
        if self.asks_each {
            let question = format!(
                "Are you sure you want to attach the {policy_type} policy {policy:?} to RAM Role {role:?}?"
            );
            if self.confirm(&question, &done)? == Step::Declined {
                return Ok(Step::Declined);
            }
        }
        let attaching =
            session.ram.attach_policy_to_role(policy, policy_type, role, &session.credentials, session.now());
        let attached = crate::network::run("attaching the policy", session.world, attaching)?;
        let new = attached.map_err(|source| TrustError::HalfWay {
            done,
            what: format!("attach the {policy_type} policy {policy} to it"),
            source: Box::new(source),
        })?;
        session.log.info(&match new {
            true => format!("{policy_type} policy {policy} was attached to role {role}"),
            false => format!("role {role} has the {policy_type} policy {policy} already"),
        });
        Ok(Step::Done)
    }

    /// Asks; `done` is what was changed already, for who cannot be asked.
    pub(super) fn confirm(&self, question: &str, done: &str) -> Result<Step, Error> {
        confirm(self.terminal, question, done)
    }

    fn show(&self, old: &str, new: &str) {
        let role = self.wish.role;
        let names =
            (format!("trust policy of role {role}, now"), format!("trust policy of role {role}, new"));
        let colour = self.session.world.stderr_is_terminal && self.session.world.set("NO_COLOR").is_none();
        write_block(&diff((&names.0, &names.1), old, new, colour));
    }

    fn whom(&self) -> String {
        whom(self.wish.subject)
    }

    /// What others of the policy's statements make of it.
    fn note(&self, policy: &str) {
        let Ok(policy) = TrustPolicy::read(policy) else { return };
        let (provider, subject) = (self.provider, self.wish.subject.text());
        let audiences = [provider.audience.clone()];
        let claims = Claims {
            provider: &provider.arn,
            issuer: &provider.issuer,
            audiences: &audiences,
            subject: &subject,
            now: self.session.now(),
        };
        let log = self.session.log;
        match policy.decide(&claims) {
            Answer::Denied { statement } => log.warn(&format!(
                "statement {statement} of the trust policy of role {} denies {} the role, and a Deny wins: until it is changed in the RAM console, STS answers AuthenticationFail.NoPermission",
                self.wish.role,
                self.whom()
            )),
            Answer::Depends { statement, on } => log.warn(&format!(
                "whether statement {statement} of the trust policy of role {} matters depends on {}, which is not known here",
                self.wish.role,
                shown(&on.join(", "))
            )),
            Answer::Allowed { .. } | Answer::NotAllowed { .. } => {}
        }
    }

    /// An account's roles trust the account's own providers alone.
    fn warn_of_other_account(&self, role: &RoleDetail) {
        let account = |arn: &str| arn.split(':').nth(3).map(str::to_owned);
        if account(&role.arn) != account(&self.provider.arn) {
            self.session.log.warn(&format!(
                "role {} and the OIDC provider {} are of different accounts: STS takes a provider of the role's own account",
                role.arn, self.provider.arn
            ));
        }
    }
}

/// Asks; `done` is what was changed already, for who cannot be asked.
pub(super) fn confirm(terminal: &Terminal<'_>, question: &str, done: &str) -> Result<Step, Error> {
    match terminal.confirm(question) {
        Reply::Yes => Ok(Step::Done),
        Reply::No => Ok(Step::Declined),
        Reply::NoTerminal => Err(TrustError::NoTerminal { done: done.to_owned() }.into()),
    }
}

/// Service accounts, in a message.
pub(super) fn whom(subject: &Subject) -> String {
    format!("service account {:?} (namespace: {:?})", subject.service_account(), subject.namespace())
}

fn failed(what: &'static str, role: &str, source: ApiError) -> Error {
    let state = match source.code() {
        _ if source.is_passing() && source.may_have_arrived() => {
            "it may have been done nevertheless: run the same command again, which does nothing twice"
        }
        Some("EntityAlreadyExists.Role") => {
            "somebody else created it meanwhile, and it was left alone: run the same command again"
        }
        Some(code) if code.ends_with(".Length") => {
            "it stays as it was: with the new statement the trust policy is longer than RAM takes; remove statements that nobody needs, or take another role"
        }
        _ if what == CREATE => "it was not created",
        _ => "it stays as it was",
    };
    TrustError::Role { what, role: role.to_owned(), source: Box::new(source), state }.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_of_roles_and_policies() {
        for name in ["a", "dev", "demo-role.for-rrsa", &"a".repeat(64)] {
            assert!(check_role_name(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a/b", "acs:ram::1:role/dev", "*", "ä", "a\n", &"a".repeat(65)] {
            assert!(matches!(check_role_name(name), Err(TrustError::Name { .. })), "{name}");
        }
        for name in ["AliyunServiceRoleForECS", "aliyunserviceroleforx"] {
            assert!(matches!(check_role_name(name), Err(TrustError::ServiceLinked { .. })), "{name}");
        }
        assert!(check_role_name("AliyunCSManagedRole").is_ok());
        for name in ["AliyunCSReadOnlyAccess", "my-policy", &"a".repeat(128)] {
            assert!(check_policy_name("-", name).is_ok(), "{name}");
        }
        for name in ["", "a b", "acs:ram::system:policy/X", "a,b", "*", &"a".repeat(129)] {
            assert!(check_policy_name("-", name).is_err(), "{name}");
        }
    }
}
