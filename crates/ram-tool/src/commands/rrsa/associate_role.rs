//! `rrsa associate-role`: shows what a role's trust policy becomes, asks, and changes it.

use clap::Args;
use openapi::ram::PolicyType;

use super::association::{Association, Step, Wish, check_policy_name, check_role_name, confirm, whom};
use super::identity_provider;
use super::self_managed::SelfManagedFlags;
use super::session::Session;
use super::trust_policy::Subject;
use crate::Done;
use crate::error::{Error, TrustError};
use crate::flags::parse_bool;
use crate::log::Log;
use crate::settings::Settings;
use crate::terminal::Terminal;
use crate::world::World;

// `rrsa associate-role`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct AssociateRoleFlags {
    /// The role's name
    #[arg(short = 'r', long, value_name = "NAME")]
    role_name: Option<String>,
    /// The service account's namespace; '*': each of them
    #[arg(short = 'n', long, value_name = "NAME")]
    namespace: Option<String>,
    /// The service account; '*': each of the namespace
    #[arg(short = 's', long, value_name = "NAME")]
    service_account: Option<String>,
    /// Create the role where there is none of that name
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_parser = parse_bool, value_name = "BOOL")]
    create_role_if_not_exist: bool,
    /// Attach this system policy to the role; several with commas, or several times
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    attach_system_policy: Vec<String>,
    /// Attach this policy of your account to the role; several with commas, or several times
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    attach_custom_policy: Vec<String>,
    /// Show what would be changed, and change nothing
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, value_parser = parse_bool, value_name = "BOOL")]
    dry_run: bool,
    #[command(flatten)]
    self_managed: SelfManagedFlags,
}

pub(super) fn run(
    flags: &AssociateRoleFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    if !flags.self_managed.self_managed {
        flags.self_managed.none_in_vain(&[])?;
    }
    let cluster = settings.cluster_id()?;
    let role = given(&flags.role_name, "--role-name (-r)", "the role's name")?;
    let namespace = given(&flags.namespace, "--namespace (-n)", "the service account's namespace")?;
    let account = given(&flags.service_account, "--service-account (-s)", "the service account's name")?;
    check_role_name(role)?;
    let subject = Subject::new(namespace, account)?;
    let policies = policies(flags)?;
    let terminal = Terminal::new(settings, world);
    if !flags.dry_run
        && confirm(&terminal, &question(role, &subject), "nothing was changed")? == Step::Declined
    {
        return Ok(Done::default());
    }

    // Who is not asked has to be told all the same.
    if let Some(breadth) = subject.breadth().filter(|_| settings.assume_yes || flags.dry_run) {
        log.warn(&breadth);
    }
    let session = Session::start(settings, world, log)?;
    let provider = match flags.self_managed.self_managed {
        true => identity_provider::of_self_managed(&session, &flags.self_managed, cluster)?,
        false => identity_provider::of_ack_cluster(&session, cluster)?,
    };
    for (policy_type, name) in &policies {
        check_is_there(&session, *policy_type, name)?;
    }
    let wish = Wish { role, subject: &subject, create: flags.create_role_if_not_exist };
    let association = Association {
        session: &session,
        terminal: &terminal,
        provider: &provider,
        wish: &wish,
        dry_run: flags.dry_run,
        asks_each: true,
    };
    if association.role()? == Step::Declined {
        return Ok(Done::default());
    }
    for (policy_type, name) in &policies {
        if association.attach(*policy_type, name)? == Step::Declined {
            log.info(&format!("{policy_type} policy {name} was not attached, and none after it"));
            return Ok(Done::default());
        }
    }
    if !flags.dry_run {
        log.info(&format!("Associate RAM Role {role:?} to {} successfully", whom(&subject)));
        log.block(&what_is_left(role, &subject, flags.self_managed.self_managed));
    }
    Ok(Done::default())
}

fn given<'a>(value: &'a Option<String>, flag: &'static str, what: &'static str) -> Result<&'a str, Error> {
    value.as_deref().filter(|value| !value.is_empty()).ok_or(Error::MissingFlag { flag, what })
}

/// Each once, in their order, the system's first.
fn policies(flags: &AssociateRoleFlags) -> Result<Vec<(PolicyType, String)>, TrustError> {
    let mut policies: Vec<(PolicyType, String)> = Vec::new();
    for (policy_type, flag, names) in [
        (PolicyType::System, "--attach-system-policy", &flags.attach_system_policy),
        (PolicyType::Custom, "--attach-custom-policy", &flags.attach_custom_policy),
    ] {
        for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
            check_policy_name(flag, name)?;
            let policy = (policy_type, name.to_owned());
            if !policies.contains(&policy) {
                policies.push(policy);
            }
        }
    }
    Ok(policies)
}

fn question(role: &str, subject: &Subject) -> String {
    let breadth = subject.breadth().map(|breadth| format!(" {breadth}.")).unwrap_or_default();
    format!("Are you sure you want to associate RAM Role {role:?} to {}?{breadth}", whom(subject))
}

/// A policy that is missing is found out before anything is changed. Who may not look goes on: attaching tells.
fn check_is_there(session: &Session<'_>, policy_type: PolicyType, name: &str) -> Result<(), Error> {
    let asking = session.ram.policy(name, policy_type, &session.credentials, session.now());
    let kind = match policy_type {
        PolicyType::System => "system",
        PolicyType::Custom => "custom",
    };
    match crate::network::run("reading the policy", session.world, asking)? {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(TrustError::NoPolicy { kind, policy: name.to_owned() }.into()),
        Err(error) if error.is_code("NoPermission") => {
            session
                .log
                .warn(&format!("whether there is a {kind} policy {name} is not known beforehand: {error}"));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// What this program does not do, as commands.
fn what_is_left(role: &str, subject: &Subject, self_managed: bool) -> String {
    let or = |name: &str, placeholder: &str| match name {
        "*" => placeholder.to_owned(),
        name => name.to_owned(),
    };
    let namespace = or(subject.namespace(), "NAMESPACE");
    let account = or(subject.service_account(), "SERVICE-ACCOUNT");
    let from = if self_managed { "manifests/pod-identity" } else { "rrsa install-helper-addon" };
    format!(
        "Left to do in the cluster, for ack-pod-identity-webhook ({from}) to give pods the role:
  kubectl label namespace {namespace} pod-identity.alibabacloud.com/injection=on --overwrite
  kubectl annotate serviceaccount {account} -n {namespace} pod-identity.alibabacloud.com/role-name={role} --overwrite
Then recreate the pods that run as {account}: those that are there already get nothing. It can take some seconds until STS
goes by the new trust policy.
"
    )
}

#[cfg(test)]
mod tests;
