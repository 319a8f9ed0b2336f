//! Which of the mappings count, and in which order the backends are asked.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use identity::{Index, Rule, RuleArn};

use super::entry::{Entry, Layer, Section};
use super::finding::{Code, Finding};
use crate::mappings::BackendMode;

/// The order of the backends where nobody says another one.
pub(crate) const ALL: [BackendMode; 4] =
    [BackendMode::MountedFile, BackendMode::DynamicFile, BackendMode::AckConfigMap, BackendMode::Crd];

/// The entries that are left once those were taken out that another of the same place replaces, and who replaces
/// whom (both as places in `entries`).
pub(crate) struct InForce<'a> {
    pub(crate) entries: Vec<&'a Entry>,
    pub(crate) replaced: Vec<(&'a Entry, &'a Entry)>,
}

/// Settles duplicates as the server does: of two objects of one name the later, of two entries of a section for one
/// ARN the last, and `mapRoles` before `mapUsers`.
pub(crate) fn in_force(entries: &[Entry]) -> InForce<'_> {
    let mut out = InForce { entries: Vec::new(), replaced: Vec::new() };
    let mut winners: HashMap<(Layer, bool, String), &Entry> = HashMap::new();
    // From the end, so that the last is met first; roles before users.
    let usable = || entries.iter().rev().filter(|entry| entry.rule.is_some());
    let users = usable().filter(|entry| entry.section == Section::Users);
    for entry in usable().filter(|entry| entry.section != Section::Users).chain(users) {
        let Some(key) = key(entry) else { continue };
        match winners.get(&key) {
            Some(winner) => out.replaced.push((entry, winner)),
            None => {
                winners.insert(key, entry);
                out.entries.push(entry);
            }
        }
    }
    out
}

/// Entries with the same key are the same mapping.
fn key(entry: &Entry) -> Option<(Layer, bool, String)> {
    let rule = entry.rule.as_ref()?;
    Some(match entry.section {
        Section::Object => (entry.layer, false, rule.source().object.to_string()),
        Section::Roles | Section::Users => (entry.layer, false, rule.arn()?.to_string()),
        Section::Accounts => (entry.layer, true, rule.account()?.to_owned()),
    })
}

/// The index over these layers, in this order.
pub(crate) fn index(entries: &[&Entry], layers: &[Layer], reserved: &[String]) -> Index {
    let rules = |layer: &Layer| -> Vec<Arc<Rule>> {
        let of_layer = entries.iter().filter(|entry| entry.layer == *layer);
        of_layer.filter_map(|entry| entry.rule.clone()).collect()
    };
    Index::build(layers.iter().map(|layer| identity::Layer::Ready(rules(layer)))).reserving(reserved.to_vec())
}

/// Break-glass first, then the backends.
pub(crate) fn layers(modes: &[BackendMode]) -> Vec<Layer> {
    std::iter::once(Layer::BreakGlass).chain(modes.iter().map(|mode| Layer::Backend(*mode))).collect()
}

/// Mappings that never count, each with the one that wins instead.
pub(crate) fn findings(entries: &[Entry], modes: Option<&[BackendMode]>) -> Vec<Finding> {
    let in_force = in_force(entries);
    let mut findings: Vec<Finding> = Vec::new();
    for (loser, winner) in &in_force.replaced {
        findings.push(if loser.section == Section::Object {
            let message = format!(
                "{} has an object of the same name: the one that is applied last replaces the other",
                winner.place
            );
            loser.finding(0, Code::SameObject, message)
        } else {
            let why = if loser.section == winner.section {
                "the last entry for an ARN counts"
            } else {
                "mapRoles comes before mapUsers"
            };
            let message =
                format!("never counts: {} ({}) maps the same, and {why}", winner.label, winner.place);
            loser.finding(loser.arn_line(), Code::Shadowed, message)
        });
        findings.extend(chance_of_spelling(loser, winner));
    }
    let by_source: HashMap<_, &Entry> =
        in_force.entries.iter().filter_map(|entry| Some((entry.rule.as_ref()?.source(), *entry))).collect();
    // Where nobody says in which order the backends are asked, each is looked at alone.
    let orders: Vec<Vec<Layer>> = match modes {
        Some(modes) => vec![layers(modes)],
        None => layers(&ALL).into_iter().map(|layer| vec![layer]).collect(),
    };
    for order in orders {
        let index = index(&in_force.entries, &order, &[]);
        for loser in in_force.entries.iter().filter(|entry| order.contains(&entry.layer)) {
            let winner = loser.rule.as_ref().and_then(|rule| index.shadowed_by(rule));
            if let Some(winner) = winner.and_then(|winner| by_source.get(winner.source())) {
                findings.push(shadowed(loser, winner));
                findings.extend(chance(loser, winner));
            }
        }
    }
    findings
}

fn shadowed(loser: &Entry, winner: &Entry) -> Finding {
    let (rule, other) = (loser.rule.as_deref(), winner.rule.as_deref());
    let same = rule.and_then(Rule::arn) == other.and_then(Rule::arn);
    let age_counts = same && loser.layer == winner.layer && loser.section == Section::Object;
    let is_known = age_counts && other.and_then(Rule::created).is_some();
    let why = if loser.layer != winner.layer {
        format!("backend {} is asked before {}", winner.layer.name(), loser.layer.name())
    } else if is_known {
        "it is older".to_owned()
    } else if age_counts {
        "both are for the same ARN; its name sorts first, but in a cluster the older one wins".to_owned()
    } else {
        "it matches everybody whom this one matches, and has more characters written out".to_owned()
    };
    let message = format!("never counts: {} ({}) always wins: {why}", winner.label, winner.place);
    loser.finding(loser.arn_line(), Code::Shadowed, message)
}

/// Where the public server drew lots: among objects for one ARN. Patterns: see [`overlaps`].
fn chance(loser: &Entry, winner: &Entry) -> Option<Finding> {
    let arn = |entry: &Entry| entry.rule.as_ref().and_then(|rule| rule.arn().cloned());
    let both_objects = loser.section == Section::Object && winner.section == Section::Object;
    (both_objects && arn(loser) == arn(winner)).then(|| {
        let message = format!(
            "the public server let chance decide, at each login, between this and {} ({}), which wins here",
            winner.label, winner.place
        );
        loser.finding(loser.arn_line(), Code::WasChance, message)
    })
}

/// The public server keeps users whose ARNs differ in case apart, and takes one by chance.
fn chance_of_spelling(loser: &Entry, winner: &Entry) -> Option<Finding> {
    let spelling = |entry: &Entry| entry.arn.as_ref().map(|arn| arn.text.clone());
    let both_users = loser.section == Section::Users && winner.section == Section::Users;
    (both_users && spelling(loser) != spelling(winner)).then(|| {
        let message = format!(
            "the public server let chance decide between this and {} ({}), whose ARN differs in case only: here the \
             last entry counts",
            winner.label, winner.place
        );
        loser.finding(loser.arn_line(), Code::WasChance, message)
    })
}

/// Mappings that a whole account of an earlier backend hid under the public server.
pub(crate) fn account_order(entries: &[Entry], modes: &[BackendMode]) -> Vec<Finding> {
    let in_force = in_force(entries);
    let place = |layer: Layer| match layer {
        Layer::BreakGlass => None,
        Layer::Backend(mode) => modes.iter().position(|known| *known == mode),
    };
    let mut accounts: HashMap<&str, (usize, &Entry)> = HashMap::new();
    for entry in in_force.entries.iter().filter(|entry| entry.section == Section::Accounts) {
        let account = entry.rule.as_ref().and_then(|rule| rule.account());
        if let (Some(account), Some(place)) = (account, place(entry.layer)) {
            let first = accounts.entry(account).or_insert((place, entry));
            if place < first.0 {
                *first = (place, entry);
            }
        }
    }
    let hidden = |entry: &&&Entry| -> Option<Finding> {
        let arn = entry.rule.as_ref()?.arn()?.to_string();
        let account = arn.split(':').nth(3)?;
        let (first, whole) = accounts.get(account)?;
        (place(entry.layer)? > *first).then(|| {
            let message = format!(
                "under the public server {} ({}) came first, because its backend {} is asked earlier: whoever this \
                 mapping matches had the ARN as his name and no groups; here this mapping counts",
                whole.label,
                whole.place,
                whole.layer.name()
            );
            entry.finding(entry.arn_line(), Code::AccountWasFirst, message)
        })
    };
    in_force.entries.iter().filter_map(|entry| hidden(&entry)).collect()
}

/// Pairs of patterns that are compared at most.
const MAX_PAIRS: usize = 2_000_000;

/// Patterns that both match somebody, though neither all that the other does: the public server drew lots there. Each
/// is named at the one that loses, with the first that wins.
pub(crate) fn overlaps(entries: &[Entry]) -> Vec<Finding> {
    let mut by_kind: HashMap<String, Vec<(&Entry, String)>> = HashMap::new();
    for entry in entries {
        let Some(rule) = &entry.rule else { continue };
        if let Some(arn @ RuleArn::Pattern(_)) = rule.arn() {
            let text = arn.to_string();
            if let Some((kind, name)) = text.split_once('/') {
                by_kind.entry(kind.to_owned()).or_default().push((entry, name.to_owned()));
            }
        }
    }
    let mut findings = Vec::new();
    let mut budget = MAX_PAIRS;
    for patterns in by_kind.values_mut() {
        // The server's order: more characters written out, older, name.
        patterns.sort_by_key(|(entry, name)| {
            let literals = name.chars().filter(|c| !matches!(c, '*' | '?')).count();
            let rule = entry.rule.as_deref();
            let created = rule.and_then(Rule::created);
            (Reverse(literals), created.is_none(), created, rule.map(|rule| rule.source().object.to_string()))
        });
        for (place, (loser, name)) in patterns.iter().enumerate() {
            let Some(left) = budget.checked_sub(place) else { return findings };
            budget = left;
            let winner = patterns.iter().take(place).find(|(_, other)| other != name && meet(name, other));
            if let Some((winner, _)) = winner {
                let message = format!(
                    "{} ({}) wins where both match; the public server let chance decide, at each login, among patterns",
                    winner.label, winner.place
                );
                findings.push(loser.finding(loser.arn_line(), Code::WasChance, message));
            }
        }
    }
    findings
}

/// Whether there is a text that both globs match.
fn meet(one: &str, other: &str) -> bool {
    let other: Vec<char> = other.chars().collect();
    // What is left of `one` from some place on, against what is left of `other` from each: from the ends backwards.
    let mut row: Vec<bool> = vec![true];
    for &c in other.iter().rev() {
        let rest_may_be_empty = c == '*' && row.last() == Some(&true);
        row.push(rest_may_be_empty);
    }
    for a in one.chars().rev() {
        let mut next: Vec<bool> = Vec::with_capacity(row.len());
        next.push(a == '*' && row.first() == Some(&true));
        for (pair, &b) in row.windows(2).zip(other.iter().rev()) {
            let [before, without_a] = pair else { return false };
            let without_b = next.last() == Some(&true);
            next.push(match (a, b) {
                ('*', _) | (_, '*') => *without_a || without_b,
                ('?', _) | (_, '?') => *before,
                (a, b) => a == b && *before,
            });
        }
        row = next;
    }
    row.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::meet;

    #[test]
    fn knows_which_globs_meet() {
        for (one, other) in [
            ("dev-*", "*-admin"),
            ("a*", "a*"),
            ("a?c", "ab?"),
            ("*", "x"),
            ("*", "*"),
            ("a*b*c", "*x*"),
            ("", "*"),
            ("dev-*", "*"),
        ] {
            assert!(meet(one, other) && meet(other, one), "{one} {other}");
        }
        for (one, other) in
            [("dev-*", "ops-*"), ("a?", "a"), ("*a", "*b"), ("", "?"), ("a*b", "b*"), ("a??", "*b?")]
        {
            let expected = (one, other) == ("a??", "*b?");
            assert_eq!((meet(one, other), meet(other, one)), (expected, expected), "{one} {other}");
        }
    }
}
