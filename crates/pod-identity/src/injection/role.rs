//! Which role a service account names.

use identity::{Arn, Resource};

use super::warnings::{Quoted, Warnings};
use super::{Reason, ServiceAccount, Settings};

const ROLE_NAME: &str = "pod-identity.alibabacloud.com/role-name";
const ROLE_ARN: &str = "pod-identity.alibabacloud.com/role-arn";

const VALID_NAME: &str = "a RAM role name (1 to 64 letters, digits, '.' and '-')";
const VALID_ARN: &str = "a RAM role's ARN (acs:ram::<account id>:role/<name>)";

/// Longest name of a role (RAM documentation, "CreateRole", and "Limits").
const MAX_NAME_BYTES: usize = 64;

/// The ARN of the role that a service account names.
///
/// Where both annotations are there, `role-arn` counts: it says more, and somebody who adds it to what was there means
/// something by it. Clients in the field write either of them, never both. One that cannot be read is no role, even
/// where `role-name` could be: whatever was meant by it, it was not that role.
///
/// # Errors
/// It names none, or what it names is no role; the latter is a warning.
pub(super) fn of_service_account(
    settings: &Settings,
    account: &ServiceAccount,
    account_name: &str,
    warnings: &mut Warnings,
) -> Result<String, Reason> {
    let mut invalid = |annotation: &str, value: &str, problem: String| {
        warnings.push(format_args!(
            "no RAM role for this pod: {annotation} {} is {problem}; change it on service account {}",
            Quoted(value),
            Quoted(account_name),
        ));
        Reason::InvalidRole
    };
    match (account.role_arn.as_deref(), account.role_name.as_deref()) {
        (None, None) => Err(Reason::NoRole),
        (None, Some(name)) if is_role_name(name) => Ok(role_arn(&settings.account_id, name)),
        (None, Some(name)) => Err(invalid(ROLE_NAME, name, problem(name, VALID_NAME, is_role_name))),
        (Some(arn), name) => {
            let role =
                remade(arn).ok_or_else(|| invalid(ROLE_ARN, arn, problem(arn, VALID_ARN, is_role_arn)))?;
            // As RAM compares names: without regard to the case of letters.
            let is_same = |name: &str| role_arn(&settings.account_id, name).eq_ignore_ascii_case(&role);
            if let Some(name) = name.filter(|name| !is_same(name)) {
                warnings.push(format_args!(
                    "the role is {}, by annotation role-arn; role-name {} is another one: remove one of them from \
                     service account {}",
                    Quoted(&role),
                    Quoted(name),
                    Quoted(account_name),
                ));
            }
            Ok(role)
        }
    }
}

/// Whether RAM could have a role of this name (RAM documentation, "CreateRole", parameter `RoleName`): 1 to 64 letters,
/// digits, periods and hyphens. A name is passed on in the case in which it is written.
pub(super) fn is_role_name(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
}

fn role_arn(account: &str, name: &str) -> String {
    format!("acs:ram::{account}:role/{name}")
}

/// The ARN of a role, made anew from what was understood of it; `None` where it is no role's.
fn remade(text: &str) -> Option<String> {
    let arn: Arn = text.parse().ok()?;
    match arn.resource() {
        Resource::Role { name } if is_role_name(name) => Some(role_arn(arn.account_id(), name)),
        _ => None,
    }
}

fn is_role_arn(text: &str) -> bool {
    remade(text).is_some()
}

/// What is wrong with a value. Blanks around it cannot be seen in most places where it is shown, so they are said.
fn problem(text: &str, wanted: &str, is_valid: fn(&str) -> bool) -> String {
    match text.trim() {
        "" => format!("blank: write {wanted}"),
        trimmed if trimmed != text && is_valid(trimmed) => "invalid: it has blanks around it".to_owned(),
        _ => format!("not {wanted}"),
    }
}
