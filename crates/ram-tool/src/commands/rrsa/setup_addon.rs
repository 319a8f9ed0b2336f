//! `rrsa setup-addon`: the RAM role of an add-on, with its policy.

use clap::Args;
use openapi::ram::PolicyType;
use serde_json::{Value, json};
use strict::Strict;

use super::association::{Association, Step, Wish, check_role_name, confirm};
use super::identity_provider;
use super::session::Session;
use super::trust_policy::Subject;
use crate::Done;
use crate::error::{Error, TrustError};
use crate::log::Log;
use crate::settings::Settings;
use crate::terminal::Terminal;
use crate::world::World;

// `rrsa setup-addon`. Not a doc comment: clap would show it in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct SetupAddonFlags {
    /// The add-on: ack-erdma-controller or kritis-validation-hook
    #[arg(short = 'a', long, value_name = "NAME")]
    addon_name: Option<String>,
}

/// An add-on that needs a role.
#[derive(Debug)]
struct Addon {
    name: &'static str,
    namespace: &'static str,
    service_account: &'static str,
    /// What it does with its role.
    actions: &'static [&'static str],
}

const ADDONS: [Addon; 2] = [
    Addon {
        name: "ack-erdma-controller",
        namespace: "ack-erdma-controller",
        service_account: "ack-erdma-controller",
        actions: &[
            "ecs:DescribeInstances",
            "ecs:DescribeInstanceTypes",
            "ecs:DescribeNetworkInterfaces",
            "ecs:ModifyNetworkInterfaceAttribute",
            "ecs:CreateNetworkInterface",
            "ecs:AttachNetworkInterface",
        ],
    },
    Addon {
        name: "kritis-validation-hook",
        namespace: "kube-system",
        service_account: "kritis",
        actions: &["cr:ListInstance", "cr:ListMetadataOccurrences"],
    },
];

impl Addon {
    fn find(name: &str) -> Result<&'static Self, TrustError> {
        ADDONS.iter().find(|addon| addon.name == name).ok_or_else(|| TrustError::Addon {
            given: crate::error::shown(name),
            known: ADDONS.map(|addon| addon.name).join(" or "),
        })
    }

    fn policy(&self) -> String {
        format!("ack-addon-policy-{}", self.name)
    }

    fn document(&self) -> Value {
        json!({
            "Statement": [{"Action": self.actions, "Effect": "Allow", "Resource": ["*"]}],
            "Version": "1",
        })
    }
}

pub(super) fn run(
    flags: &SetupAddonFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    let cluster = settings.cluster_id()?;
    let name = flags.addon_name.as_deref().filter(|name| !name.is_empty()).ok_or(Error::MissingFlag {
        flag: "--addon-name (-a)",
        what: "the add-on: ack-erdma-controller or kritis-validation-hook",
    })?;
    let addon = Addon::find(name)?;
    let (policy, role) = (addon.policy(), format!("{}-{cluster}", addon.name));
    check_role_name(&role)?;
    let subject = Subject::new(addon.namespace, addon.service_account)?;
    let terminal = Terminal::new(settings, world);
    let question = format!(
        "Are you sure you want to set up add-on {name:?} of cluster {:?}: RAM Role {role:?} with policy {policy:?}?",
        cluster.as_str()
    );
    if confirm(&terminal, &question, "nothing was changed")? == Step::Declined {
        return Ok(Done::default());
    }

    let session = Session::start(settings, world, log)?;
    let provider = identity_provider::of_ack_cluster(&session, cluster)?;
    let wish = Wish { role: &role, subject: &subject, create: true };
    let association = Association {
        session: &session,
        terminal: &terminal,
        provider: &provider,
        wish: &wish,
        dry_run: false,
        asks_each: false,
    };
    if have_policy(addon, &policy, &association)? == Step::Declined || association.role()? == Step::Declined {
        return Ok(Done::default());
    }
    let listing = session.ram.policies_of_role(&role, &session.credentials, session.now());
    let attached = session.ask("reading the role's policies", listing)?;
    let has = attached.iter().any(|there| {
        there.policy_type == PolicyType::Custom && there.policy_name.eq_ignore_ascii_case(&policy)
    });
    match has {
        true => log.info(&format!("role {role} has the policy {policy} already")),
        false => {
            association.attach(PolicyType::Custom, &policy)?;
        }
    }
    log.info(&format!(
        "Add-on {name} can use RAM Role {role:?}: install it, or restart its pods where it is installed already; it can take some seconds until STS knows the role"
    ));
    Ok(Done::default())
}

/// Makes the add-on's policy, unless there is one of that name: that one stays as it is, and is told where it says something
/// else.
fn have_policy(addon: &Addon, name: &str, association: &Association<'_>) -> Result<Step, Error> {
    let session = association.session;
    let asking = session.ram.policy(name, PolicyType::Custom, &session.credentials, session.now());
    match session.ask("reading the policy", asking)? {
        Some(there) if says_the_same(&there.policy_document, &addon.document()) => {
            session.log.info(&format!("policy {name} is there already"));
            Ok(Step::Done)
        }
        Some(_) => {
            session.log.warn(&format!(
                "policy {name} is there already and says something else than add-on {} needs ({} on *): it stays as it is; look at it in the RAM console",
                addon.name,
                addon.actions.join(", ")
            ));
            let question =
                format!("Are you sure you want to give the role the policy {name:?} as it stands?");
            association.confirm(&question, "nothing was changed")
        }
        None => {
            let document = super::trust_policy::pretty(&addon.document().to_string());
            let description = format!("what add-on {} does in an account", addon.name);
            let making =
                session.ram.create_policy(name, &document, &description, &session.credentials, session.now());
            session.ask("creating the policy", making)?;
            session.log.info(&format!("policy {name} was created"));
            Ok(Step::Done)
        }
    }
}

/// Whether two permission policies are the same but for the order of actions, and one text in place of a list of one.
fn says_the_same(text: &str, wanted: &Value) -> bool {
    let Ok(Strict(there)) = serde_json::from_str(text) else { return false };
    normal(there) == normal(wanted.clone())
}

fn normal(mut policy: Value) -> Value {
    let list = |value: &mut Value| {
        if !value.is_array() {
            *value = Value::Array(vec![value.take()]);
        }
    };
    let Some(statements) = policy.get_mut("Statement") else { return policy };
    list(statements);
    for statement in statements.as_array_mut().into_iter().flatten() {
        for name in ["Action", "Resource"] {
            if let Some(value) = statement.get_mut(name) {
                list(value);
                if let Some(texts) = value.as_array_mut() {
                    texts.sort_by_key(Value::to_string);
                }
            }
        }
    }
    policy
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_two_add_ons_have_the_documented_rights() {
        let erdma = Addon::find("ack-erdma-controller").unwrap();
        assert_eq!(erdma.policy(), "ack-addon-policy-ack-erdma-controller");
        assert_eq!(erdma.actions.len(), 6);
        let kritis = Addon::find("kritis-validation-hook").unwrap();
        assert_eq!((kritis.namespace, kritis.service_account), ("kube-system", "kritis"));
        assert_eq!(
            kritis.document(),
            json!({"Version": "1", "Statement": [{"Effect": "Allow", "Resource": ["*"],
                "Action": ["cr:ListInstance", "cr:ListMetadataOccurrences"]}]})
        );
    }

    #[test]
    fn an_unknown_add_on_is_an_error_that_names_the_known() {
        for name in ["kritis", "ACK-erdma-controller", "x\u{1b}[2J"] {
            let error = Addon::find(name).unwrap_err().to_string();
            assert!(error.contains("ack-erdma-controller or kritis-validation-hook"), "{error}");
            assert!(!error.contains('\u{1b}'), "{error:?}");
        }
    }

    #[test]
    fn policies_are_compared_by_what_they_say() {
        let wanted = Addon::find("kritis-validation-hook").unwrap().document();
        for same in [
            r#"{"Version":"1","Statement":[{"Resource":"*","Action":["cr:ListMetadataOccurrences","cr:ListInstance"],"Effect":"Allow"}]}"#,
            r#"{"Statement":{"Resource":["*"],"Action":["cr:ListInstance","cr:ListMetadataOccurrences"],"Effect":"Allow"},"Version":"1"}"#,
        ] {
            assert!(says_the_same(same, &wanted), "{same}");
        }
        for other in [
            "",
            "{}",
            r#"{"Version":"1","Statement":[{"Resource":"*","Action":"*","Effect":"Allow"}]}"#,
            r#"{"Version":"1","Statement":[{"Resource":"*","Action":["cr:ListInstance"],"Effect":"Allow"}]}"#,
            r#"{"Version":"1","Statement":[{"Resource":"*","Action":["cr:ListMetadataOccurrences","cr:ListInstance"],"Effect":"Allow"},{"Resource":"*","Action":"*","Effect":"Allow"}]}"#,
            r#"{"Version":"1","Version":"1","Statement":[{"Resource":"*","Action":["cr:ListMetadataOccurrences","cr:ListInstance"],"Effect":"Allow"}]}"#,
        ] {
            assert!(!says_the_same(other, &wanted), "{other}");
        }
    }
}
