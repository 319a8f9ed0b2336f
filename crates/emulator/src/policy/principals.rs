//! `Principal` of trust policies: who may assume a role.

use serde_saphyr::Spanned;

use super::document::{OneOrMany, PrincipalEntry};
use crate::names;
use crate::oidc::ProviderArn;
use crate::principal::Identity;
use crate::problem::Problem;

/// Whom a statement names.
#[derive(Clone, Debug)]
pub(super) struct Principals {
    ram: Vec<RamPrincipal>,
    /// OIDC providers.
    federated: Vec<ProviderArn>,
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

impl Principals {
    /// `Service` principals and SAML providers are accepted and fit nobody.
    pub(super) fn check(entry: Spanned<PrincipalEntry>, what: &str) -> Result<Self, Problem> {
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
        Ok(Self { ram: ram.collect::<Result<_, _>>()?, federated: federated.collect::<Result<_, _>>()? })
    }

    /// A statement for services and SAML providers alone fits nobody whom the emulator knows.
    pub(super) fn fit_nobody(&self) -> bool {
        self.ram.is_empty() && self.federated.is_empty()
    }

    pub(super) fn name_caller(&self, caller: &Identity) -> bool {
        self.ram.iter().any(|principal| principal.covers(caller))
    }

    pub(super) fn name_provider(&self, provider: &ProviderArn) -> bool {
        self.federated.contains(provider)
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

fn is_saml_provider(arn: &str) -> bool {
    let arn = arn.to_ascii_lowercase();
    let resource = arn.strip_prefix("acs:ram::").and_then(|rest| rest.split_once(':'));
    resource.is_some_and(|(account, kind)| {
        names::is_account_id(account)
            && kind.strip_prefix("saml-provider/").is_some_and(|name| !name.is_empty())
    })
}
