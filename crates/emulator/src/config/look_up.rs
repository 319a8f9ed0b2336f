//! Accounts, users and roles that one part of the configuration names and another has.

use serde_saphyr::Spanned;

use crate::entities::Account;
use crate::problem::Problem;

/// The account with this id.
pub(super) fn account<'a>(
    accounts: &'a [Account],
    id: &Spanned<String>,
    section: &str,
) -> Result<&'a Account, Problem> {
    accounts.iter().find(|account| account.id == id.value).ok_or_else(|| {
        Problem::at(id, format!("{section}: there is no account {:?} among the accounts", id.value))
    })
}

/// The name of that role of the account, as it is spelt there.
pub(super) fn role(account: &Account, name: &Spanned<String>, section: &str) -> Result<String, Problem> {
    let found = account.roles.iter().find(|role| role.name.eq_ignore_ascii_case(&name.value));
    found.map(|role| role.name.clone()).ok_or_else(|| missing(account, name, section, "role"))
}

/// The name of that user of the account, as it is spelt there.
pub(super) fn user(account: &Account, name: &Spanned<String>, section: &str) -> Result<String, Problem> {
    let found = account.users.iter().find(|user| user.name.eq_ignore_ascii_case(&name.value));
    found.map(|user| user.name.clone()).ok_or_else(|| missing(account, name, section, "user"))
}

fn missing(account: &Account, name: &Spanned<String>, section: &str, kind: &str) -> Problem {
    Problem::at(name, format!("{section}: account {} has no {kind} {:?}", account.id, name.value))
}
