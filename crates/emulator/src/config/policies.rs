//! Custom policies of an account, and which of them, and of the system's, a user or a role has.

use serde_saphyr::Spanned;

use super::document::PolicyEntry;
use crate::entities::{CustomPolicy, PolicyName};
use crate::names;
use crate::policy::{Policy, system};
use crate::problem::Problem;

/// The policies of one account.
pub(super) fn check(entries: Vec<PolicyEntry>) -> Result<Vec<CustomPolicy>, Problem> {
    let mut policies: Vec<CustomPolicy> = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = &entry.name;
        let refuse = |problem: &str| Problem::at(name, format!("policy name {:?} {problem}", name.value));
        if !names::is_policy_name(&name.value) {
            return Err(refuse("is not made of 1 to 128 letters, digits and '-'"));
        }
        if system::find(&name.value).is_some() {
            return Err(refuse("is that of a system policy"));
        }
        if policies.iter().any(|other| other.name.eq_ignore_ascii_case(&name.value)) {
            return Err(refuse("occurs twice in the account"));
        }
        let policy = Policy::check(entry.document, &format!("policy {:?}", name.value))?;
        policies.push(CustomPolicy { name: entry.name.value, policy });
    }
    Ok(policies)
}

/// The policies of a user or a role, which `what` names: of the account, or of the system.
pub(super) fn attached(
    names: Option<Vec<Spanned<String>>>,
    custom: &[CustomPolicy],
    what: &str,
) -> Result<Option<Vec<PolicyName>>, Problem> {
    let Some(names) = names else { return Ok(None) };
    let mut attached: Vec<PolicyName> = Vec::with_capacity(names.len());
    for name in &names {
        let of_account = custom.iter().find(|policy| policy.name.eq_ignore_ascii_case(&name.value));
        let found = match (of_account, system::find(&name.value)) {
            (Some(policy), _) => PolicyName { name: policy.name.clone(), custom: true },
            (None, Some(policy)) => PolicyName { name: policy.name.to_owned(), custom: false },
            (None, None) => {
                let problem =
                    "is neither one of the account's policies nor a system policy that the emulator has";
                return Err(Problem::at(name, format!("{what}: {:?} {problem}", name.value)));
            }
        };
        if attached.contains(&found) {
            return Err(Problem::at(name, format!("{what}: the policy {:?} stands there twice", name.value)));
        }
        attached.push(found);
    }
    Ok(Some(attached))
}
