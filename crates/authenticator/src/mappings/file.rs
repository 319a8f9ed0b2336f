//! Backend `MountedFile`: `mapRoles`, `mapUsers` and `mapAccounts` of the config file; and the entries that
//! the ConfigMap and the dynamic file have in the same form.
//!
//! ARNs are exact: `*` and `?` are letters, and the ARN of a session is that session alone. A user's ARN under
//! `mapRoles` and a role's under `mapUsers` work. Where an ARN is mapped twice, the last entry of a section counts, and `mapRoles` before `mapUsers`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use identity::mapping::RuleError;
use identity::pattern::has_wildcard;
use identity::{Rule, RuleArn, Source};
use thiserror::Error;

use super::section::{MapAccount, MapRole, MapSection, MapUser};
use super::snapshot::RuleSet;
use super::{BREAK_GLASS, Warning};

/// Why an entry cannot be used. Each message is one line that names the entry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EntryError {
    /// The entry has no ARN.
    #[error("{entry} has no {key}: write the ARN of the RAM user or role, or remove the entry")]
    FindArn {
        /// Such as `server.mapRoles[0]`.
        entry: String,
        /// `rolearn` or `userarn`.
        key: &'static str,
    },
    /// The entry's ARN, user name, group or account is malformed.
    #[error("{entry}: {error}")]
    ParseEntry {
        /// Such as `server.mapRoles[0]`.
        entry: String,
        /// What is wrong.
        #[source]
        error: RuleError,
    },
}

/// Makes rules of the config file's entries.
///
/// # Errors
/// Every entry that has no ARN or is malformed: a static file that is wrong stops the start, because
/// nobody would notice later that an entry counts for nothing.
pub fn rules(backend: &str, section: &MapSection) -> Result<(Vec<Rule>, Vec<Warning>), Vec<EntryError>> {
    rules_under(backend, "server.", section)
}

/// Makes rules of `server.breakGlass`.
///
/// # Errors
/// As [`rules`].
pub fn break_glass_rules(section: &MapSection) -> Result<(Vec<Rule>, Vec<Warning>), Vec<EntryError>> {
    rules_under(BREAK_GLASS, "server.breakGlass.", section)
}

fn rules_under(
    backend: &str,
    prefix: &str,
    section: &MapSection,
) -> Result<(Vec<Rule>, Vec<Warning>), Vec<EntryError>> {
    let parsed = Parsed::of(backend, prefix, section);
    let errors: Vec<EntryError> = parsed.errors().cloned().collect();
    if errors.is_empty() { Ok(parsed.combine()) } else { Err(errors) }
}

/// All messages on one line.
pub(super) fn join(errors: &[EntryError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The rules by the name of their entry.
pub(super) fn rule_set(rules: Vec<Rule>) -> RuleSet {
    rules.into_iter().map(|rule| (rule.source().object.to_string(), Arc::new(rule))).collect()
}

/// What became of one section (`mapRoles`, `mapUsers` or `mapAccounts`).
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    /// By the key under which two entries are the same mapping.
    pub(super) rules: Vec<(String, Rule)>,
    pub(super) warnings: Vec<Warning>,
    pub(super) errors: Vec<EntryError>,
    /// How many entries are of another shape, so that not even an error names them.
    pub(super) unread: usize,
}

/// The three sections of a backend.
#[derive(Clone, Debug, Default)]
pub(super) struct Parsed {
    pub(super) roles: Section,
    pub(super) users: Section,
    pub(super) accounts: Section,
}

impl Parsed {
    pub(super) fn of(backend: &str, prefix: &str, section: &MapSection) -> Self {
        Self {
            roles: parse_roles(backend, prefix, section.map_roles.iter().enumerate()),
            users: parse_users(backend, prefix, section.map_users.iter().enumerate()),
            accounts: parse_accounts(backend, prefix, section.map_accounts.iter().enumerate()),
        }
    }

    pub(super) fn errors(&self) -> impl Iterator<Item = &EntryError> {
        [&self.roles, &self.users, &self.accounts].into_iter().flat_map(|section| &section.errors)
    }

    /// How many entries count for nothing because something is wrong with them.
    pub(super) fn skipped(&self) -> usize {
        [&self.roles, &self.users, &self.accounts].into_iter().fold(0usize, |sum, section| {
            sum.saturating_add(section.errors.len()).saturating_add(section.unread)
        })
    }

    /// Settles which entry counts where an ARN or account is mapped more than once.
    pub(super) fn combine(self) -> (Vec<Rule>, Vec<Warning>) {
        let Self { roles, users, accounts } = self;
        let mut warnings = Vec::new();
        let mut kept: Vec<Rule> = Vec::new();
        let mut of_roles = HashMap::new();
        for (key, rule) in last_of_each(roles, &mut warnings) {
            of_roles.insert(key, rule.source().object.clone());
            kept.push(rule);
        }
        for (key, rule) in last_of_each(users, &mut warnings) {
            match of_roles.get(&key) {
                Some(winner) => {
                    warnings.push(Warning(format!(
                        "{}: {key} is mapped by {winner} too, which counts",
                        rule.source()
                    )));
                }
                None => kept.push(rule),
            }
        }
        kept.extend(last_of_each(accounts, &mut warnings).into_iter().map(|(_, rule)| rule));
        (kept, warnings)
    }
}

fn last_of_each(section: Section, warnings: &mut Vec<Warning>) -> Vec<(String, Rule)> {
    warnings.extend(section.warnings);
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for (key, rule) in section.rules.into_iter().rev() {
        if seen.insert(key.clone()) {
            kept.push((key, rule));
        } else {
            let source = rule.source();
            warnings.push(Warning(format!("{source}: {key} is mapped again by a later entry, which counts")));
        }
    }
    kept
}

pub(super) fn parse_roles<'a>(
    backend: &str,
    prefix: &str,
    entries: impl IntoIterator<Item = (usize, &'a MapRole)>,
) -> Section {
    parse_named(entries.into_iter().map(|(index, e)| Entry {
        source: Source::new(backend, format!("{prefix}mapRoles[{index}]")),
        key: "rolearn",
        arn: &e.rolearn,
        username: &e.username,
        groups: &e.groups,
    }))
}

pub(super) fn parse_users<'a>(
    backend: &str,
    prefix: &str,
    entries: impl IntoIterator<Item = (usize, &'a MapUser)>,
) -> Section {
    parse_named(entries.into_iter().map(|(index, e)| Entry {
        source: Source::new(backend, format!("{prefix}mapUsers[{index}]")),
        key: "userarn",
        arn: &e.userarn,
        username: &e.username,
        groups: &e.groups,
    }))
}

pub(super) fn parse_accounts<'a>(
    backend: &str,
    prefix: &str,
    entries: impl IntoIterator<Item = (usize, &'a MapAccount)>,
) -> Section {
    let mut section = Section::default();
    for (index, MapAccount(id)) in entries {
        let source = Source::new(backend, format!("{prefix}mapAccounts[{index}]"));
        match Rule::for_account(source.clone(), id) {
            Ok(rule) => section.rules.push((format!("account {id}"), rule)),
            Err(error) => {
                section.errors.push(EntryError::ParseEntry { entry: source.object.to_string(), error });
            }
        }
    }
    section
}

struct Entry<'a> {
    source: Source,
    key: &'static str,
    arn: &'a str,
    username: &'a str,
    groups: &'a [String],
}

fn parse_named<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Section {
    let mut section = Section::default();
    for entry in entries {
        match parse_entry(&entry, &mut section.warnings) {
            Ok(rule) => section.rules.push(rule),
            Err(error) => section.errors.push(error),
        }
    }
    section
}

fn parse_entry(entry: &Entry<'_>, warnings: &mut Vec<Warning>) -> Result<(String, Rule), EntryError> {
    let place = || entry.source.object.to_string();
    let malformed = |error: RuleError| EntryError::ParseEntry { entry: place(), error };
    if entry.arn.is_empty() {
        return Err(EntryError::FindArn { entry: place(), key: entry.key });
    }
    let arn = RuleArn::parse_exact(entry.arn).map_err(|error| malformed(error.into()))?;
    let key = arn.to_string();
    let rule = Rule::new(entry.source.clone(), arn, entry.username, entry.groups, None).map_err(malformed)?;
    if has_wildcard(entry.arn) {
        warnings.push(Warning(format!(
            "{}: {key} looks like a pattern, but * and ? are letters here and nobody has such a name: \
             use a RAMIdentityMapping for patterns",
            entry.source
        )));
    }
    Ok((key, rule))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn section(json: serde_json::Value) -> MapSection {
        serde_json::from_value(json).unwrap()
    }

    fn accepts(json: serde_json::Value) -> (Vec<(String, String)>, Vec<String>) {
        let (rules, warnings) = rules("MountedFile", &section(json)).unwrap();
        let mut rules: Vec<_> = rules
            .iter()
            .map(|rule| {
                let target =
                    rule.arn().map_or_else(|| rule.account().unwrap().to_owned(), ToString::to_string);
                (rule.source().to_string(), target)
            })
            .collect();
        rules.sort();
        (rules, warnings.iter().map(ToString::to_string).collect())
    }

    fn rejects(json: serde_json::Value) -> Vec<String> {
        rules("MountedFile", &section(json)).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn takes_users_under_roles_and_roles_under_users() {
        let (rules, warnings) = accepts(serde_json::json!({
            "maproles": [{"rolearn": "acs:ram::1:user/Alice", "username": "a", "groups": null}],
            "mapusers": [{"userarn": "acs:ram::1:role/dev", "username": "dev-{{SessionName}}", "groups": ["g"]}],
            "mapaccounts": ["12"],
        }));
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!(
            rules,
            [
                ("MountedFile/server.mapAccounts[0]".into(), "12".into()),
                ("MountedFile/server.mapRoles[0]".into(), "acs:ram::1:user/alice".into()),
                ("MountedFile/server.mapUsers[0]".into(), "acs:ram::1:role/dev".into()),
            ]
        );
    }

    #[test]
    fn takes_missing_and_empty_sections() {
        for json in [serde_json::json!({}), serde_json::json!({"maproles": null, "mapusers": [], "other": 1})]
        {
            assert_eq!(accepts(json), (vec![], vec![]));
        }
    }

    #[test]
    fn names_every_entry_that_is_wrong() {
        let errors = rejects(serde_json::json!({
            "maproles": [
                {"rolearn": "acs:ram::1:role/ok", "username": "ok"},
                {"username": "nobody"},
                {"rolearn": "junk", "username": "j"},
                {"rolearn": "acs:ram::*:role/x", "username": "x"},
            ],
            "mapusers": [
                {"userarn": "acs:ram::1:user/a"},
                {"userarn": "acs:ram::1:user/b", "username": "{{Nobody}}"},
                {"userarn": "acs:ram::1:user/c", "username": "c", "groups": [""]},
            ],
            "mapaccounts": ["acs:ram::1:root"],
        }));
        for (error, start) in errors.iter().zip([
            "server.mapRoles[1] has no rolearn: ",
            "server.mapRoles[2]: ARN \"junk\" is malformed: ",
            "server.mapRoles[3]: ARN \"acs:ram::*:role/x\" has no valid account id: ",
            "server.mapUsers[0]: username: the text is empty: ",
            "server.mapUsers[1]: username: unknown template {{Nobody}} in ",
            "server.mapUsers[2]: groups[0]: the text is empty: ",
            "server.mapAccounts[0]: account \"acs:ram::1:root\" is malformed: ",
        ]) {
            assert!(error.starts_with(start), "{error}");
        }
        assert_eq!(errors.len(), 7);
    }

    #[test]
    fn the_last_of_two_entries_counts_and_roles_come_before_users() {
        let (rules, warnings) = accepts(serde_json::json!({
            "maproles": [
                {"rolearn": "acs:ram::1:role/dev", "username": "first"},
                {"rolearn": "acs:ram::1:role/DEV", "username": "second"},
            ],
            "mapusers": [
                {"userarn": "acs:ram::1:user/a", "username": "first"},
                {"userarn": "acs:ram::1:user/A", "username": "second"},
                {"userarn": "acs:ram::1:role/dev", "username": "third"},
            ],
            "mapaccounts": ["1", "1"],
        }));
        let places: Vec<&str> = rules.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(
            places,
            [
                "MountedFile/server.mapAccounts[1]",
                "MountedFile/server.mapRoles[1]",
                "MountedFile/server.mapUsers[1]"
            ]
        );
        assert_eq!(
            warnings,
            [
                "MountedFile/server.mapRoles[0]: acs:ram::1:role/dev is mapped again by a later entry, which counts",
                "MountedFile/server.mapUsers[0]: acs:ram::1:user/a is mapped again by a later entry, which counts",
                "MountedFile/server.mapUsers[2]: acs:ram::1:role/dev is mapped by server.mapRoles[1] too, which counts",
                "MountedFile/server.mapAccounts[0]: account 1 is mapped again by a later entry, which counts",
            ]
        );
    }

    #[test]
    fn warns_of_what_looks_like_a_pattern() {
        let (rules, warnings) =
            accepts(serde_json::json!({"maproles": [{"rolearn": "acs:ram::1:role/dev*", "username": "x"}]}));
        assert_eq!(rules.len(), 1);
        assert!(warnings[0].contains("looks like a pattern"), "{warnings:?}");
    }

    #[test]
    fn the_arn_of_a_session_is_that_session() {
        let (rules, warnings) = accepts(
            serde_json::json!({"maproles": [{"rolearn": "acs:ram::1:assumed-role/Dev/s", "username": "x"}]}),
        );
        assert_eq!(
            rules,
            [("MountedFile/server.mapRoles[0]".into(), "acs:ram::1:assumed-role/dev/s".into())]
        );
        assert!(warnings.is_empty(), "{warnings:?}");
    }

    #[test]
    fn names_entries_of_the_break_glass() {
        let good =
            section(serde_json::json!({"mapusers": [{"userarn": "acs:ram::1:user/a", "username": "a"}]}));
        let (rules, _) = break_glass_rules(&good).unwrap();
        assert_eq!(rules[0].source().to_string(), "breakGlass/server.breakGlass.mapUsers[0]");
        let bad = section(serde_json::json!({"maproles": [{"rolearn": "junk", "username": "a"}]}));
        let errors = break_glass_rules(&bad).unwrap_err();
        assert!(
            errors[0].to_string().starts_with("server.breakGlass.mapRoles[0]: ARN \"junk\""),
            "{errors:?}"
        );
    }
}
