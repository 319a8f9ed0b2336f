//! Backend `MountedFile`: `mapRoles`, `mapUsers` and `mapAccounts` of the config file; and the entries that
//! the ConfigMap and the dynamic file have in the same form.
//!
//! ARNs are exact: `*` and `?` are letters. A user's ARN under `mapRoles` and a role's under `mapUsers`
//! work. Where an ARN is mapped twice, the last entry of a section counts, and `mapRoles` before `mapUsers`.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use identity::arn::{Arn, Resource};
use identity::mapping::RuleError;
use identity::pattern::has_wildcard;
use identity::{Rule, RuleArn, Source};
use serde::de::{Deserialize, Deserializer, Visitor};
use thiserror::Error;

use super::Warning;
use super::snapshot::RuleSet;

/// The mappings of the config file's `server` section. Keys are lower case: the loader of the config file
/// makes them so, because the public program takes them in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct MapSection {
    /// `mapRoles`.
    #[serde(rename = "maproles", default, deserialize_with = "null_as_default")]
    pub map_roles: Vec<MapRole>,
    /// `mapUsers`.
    #[serde(rename = "mapusers", default, deserialize_with = "null_as_default")]
    pub map_users: Vec<MapUser>,
    /// `mapAccounts`.
    #[serde(rename = "mapaccounts", default, deserialize_with = "null_as_default")]
    pub map_accounts: Vec<MapAccount>,
}

/// An entry of `mapRoles`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct MapRole {
    /// ARN; required.
    #[serde(default, deserialize_with = "null_as_default")]
    pub rolearn: String,
    /// User name or template; required.
    #[serde(default, deserialize_with = "null_as_default")]
    pub username: String,
    /// Group names or templates.
    #[serde(default, deserialize_with = "null_as_default")]
    pub groups: Vec<String>,
}

/// An entry of `mapUsers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct MapUser {
    /// ARN; required.
    #[serde(default, deserialize_with = "null_as_default")]
    pub userarn: String,
    /// User name or template; required.
    #[serde(default, deserialize_with = "null_as_default")]
    pub username: String,
    /// Group names or templates.
    #[serde(default, deserialize_with = "null_as_default")]
    pub groups: Vec<String>,
}

/// An entry of `mapAccounts`: an account id, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapAccount(pub String);

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
    let parsed = Parsed::of(backend, "server.", section, AssumedRole::NeverMatches);
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

/// What a backend takes the ARN of a session for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AssumedRole {
    /// It matches nobody, as callers are compared by the ARN of their role.
    NeverMatches,
    /// All sessions of its role.
    MeansItsRole,
}

/// What became of one section (`mapRoles`, `mapUsers` or `mapAccounts`).
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    /// By the key under which two entries are the same mapping.
    pub(super) rules: Vec<(String, Rule)>,
    pub(super) warnings: Vec<Warning>,
    pub(super) errors: Vec<EntryError>,
}

/// The three sections of a backend.
#[derive(Clone, Debug, Default)]
pub(super) struct Parsed {
    pub(super) roles: Section,
    pub(super) users: Section,
    pub(super) accounts: Section,
}

impl Parsed {
    pub(super) fn of(backend: &str, prefix: &str, section: &MapSection, assumed: AssumedRole) -> Self {
        Self {
            roles: parse_roles(backend, prefix, section.map_roles.iter().enumerate(), assumed),
            users: parse_users(backend, prefix, section.map_users.iter().enumerate(), assumed),
            accounts: parse_accounts(backend, prefix, section.map_accounts.iter().enumerate()),
        }
    }

    pub(super) fn errors(&self) -> impl Iterator<Item = &EntryError> {
        [&self.roles, &self.users, &self.accounts].into_iter().flat_map(|section| &section.errors)
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
    assumed: AssumedRole,
) -> Section {
    parse_named(entries.into_iter().map(|(index, e)| Entry {
        source: Source::new(backend, format!("{prefix}mapRoles[{index}]")),
        key: "rolearn",
        arn: &e.rolearn,
        username: &e.username,
        groups: &e.groups,
        assumed,
    }))
}

pub(super) fn parse_users<'a>(
    backend: &str,
    prefix: &str,
    entries: impl IntoIterator<Item = (usize, &'a MapUser)>,
    assumed: AssumedRole,
) -> Section {
    parse_named(entries.into_iter().map(|(index, e)| Entry {
        source: Source::new(backend, format!("{prefix}mapUsers[{index}]")),
        key: "userarn",
        arn: &e.userarn,
        username: &e.username,
        groups: &e.groups,
        assumed,
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
    assumed: AssumedRole,
}

fn parse_named<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Section {
    let mut section = Section::default();
    for entry in entries {
        match parse_entry(&entry, &mut section.warnings) {
            Ok(Some(rule)) => section.rules.push(rule),
            Ok(None) => {}
            Err(error) => section.errors.push(error),
        }
    }
    section
}

/// `None` where the entry is well formed and can match nobody.
fn parse_entry(entry: &Entry<'_>, warnings: &mut Vec<Warning>) -> Result<Option<(String, Rule)>, EntryError> {
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
    if entry.assumed == AssumedRole::NeverMatches && is_assumed_role(entry.arn) {
        warnings.push(Warning(format!(
            "{}: the ARN is that of a session and never matches here: write {key}",
            entry.source
        )));
        return Ok(None);
    }
    Ok(Some((key, rule)))
}

fn is_assumed_role(arn: &str) -> bool {
    arn.parse::<Arn>().is_ok_and(|arn| matches!(arn.resource(), Resource::AssumedRole { .. }))
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl<'de> Deserialize<'de> for MapAccount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AccountVisitor)
    }
}

/// Takes text alone: an unquoted number loses its leading zeros, or is read as octal.
struct AccountVisitor;

impl AccountVisitor {
    fn quote_it<E: serde::de::Error>(number: impl fmt::Display) -> E {
        E::custom(format!(
            "mapAccounts: the account id {number} must be quoted (\"{number}\"): YAML reads it as a number"
        ))
    }
}

impl Visitor<'_> for AccountVisitor {
    type Value = MapAccount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account id in quotes")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<MapAccount, E> {
        Ok(MapAccount(text.to_owned()))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<MapAccount, E> {
        Err(Self::quote_it(number))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<MapAccount, E> {
        Err(Self::quote_it(number))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<MapAccount, E> {
        Err(Self::quote_it(number))
    }
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
    fn an_assumed_role_never_matches_and_is_warned_of() {
        let (rules, warnings) = accepts(
            serde_json::json!({"maproles": [{"rolearn": "acs:ram::1:assumed-role/dev/s", "username": "x"}]}),
        );
        assert!(rules.is_empty());
        assert_eq!(
            warnings,
            [
                "MountedFile/server.mapRoles[0]: the ARN is that of a session and never matches here: write acs:ram::1:role/dev"
            ]
        );
    }

    #[test]
    fn an_unquoted_account_must_be_quoted() {
        for yaml in ["mapaccounts: [1234567890123456]", "mapaccounts: [0012]", "mapaccounts: [12.5]"] {
            let error = serde_saphyr::from_str::<MapSection>(yaml).unwrap_err().to_string();
            assert!(error.contains("must be quoted"), "{yaml}: {error}");
        }
        let error = serde_json::from_str::<MapSection>(r#"{"mapaccounts":[12]}"#).unwrap_err().to_string();
        assert!(error.contains("the account id 12 must be quoted"), "{error}");
        let quoted: MapSection = serde_saphyr::from_str("mapaccounts: ['0012']").unwrap();
        assert_eq!(quoted.map_accounts, [MapAccount("0012".into())]);
    }
}
