//! The patterns of one account and kind: which of them match a name is found in one pass over the name, for
//! ten patterns as for a hundred thousand.
//!
//! For each pattern one run of its literal characters is chosen, the one that the fewest other patterns have.
//! An automaton finds all such runs that a name holds; only the patterns behind them are compared as globs.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::glob::is_wildcard;
use crate::pattern::Pattern;

use super::group::Group;
use super::{Rule, RuleArn, order};

/// So few patterns are compared one after the other.
const FEW: usize = 8;

/// So many patterns can differ from those that the automaton was built of, before it is built anew.
const MAX_RECENT: usize = 64;

/// Stand for the two ends of a name, so that `dev*` and `*dev` have different runs. No name has them.
const ENDS: [char; 2] = ['\u{1}', '\u{2}'];

/// Patterns in their order. Building an automaton of a hundred thousand takes a fifth of a second, so a few changes
/// are kept beside it.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    base: Arc<Base>,
    /// Places in the base that count no longer.
    gone: HashSet<u32>,
    /// What the base does not have, in order.
    recent: Vec<Group>,
}

/// Patterns as they were when the automaton was built.
#[derive(Default)]
struct Base {
    groups: Vec<Group>,
    /// Addresses of all rules in `groups`, which keeps them.
    members: HashSet<usize>,
    automaton: Option<AhoCorasick>,
    /// Places in `groups` of the patterns behind each run, in ascending order; those of run `n` are between
    /// the bounds `n` and `n + 1`.
    behind: Vec<u32>,
    bounds: Vec<u32>,
    /// Places of the patterns that are always compared.
    always: Vec<u32>,
}

fn address(rule: &Arc<Rule>) -> usize {
    Arc::as_ptr(rule).addr()
}

impl Patterns {
    pub(super) fn build(rules: Vec<Arc<Rule>>) -> Self {
        Self { base: Arc::new(Base::build(rules)), gone: HashSet::new(), recent: Vec::new() }
    }

    /// The same as [`Patterns::build`] of these rules; cheaper where most of them are in `self`, the same objects.
    pub(super) fn changed_to(&self, rules: Vec<Arc<Rule>>) -> Self {
        let now: HashSet<usize> = rules.iter().map(address).collect();
        let mut recent: Vec<Arc<Rule>> =
            rules.iter().filter(|rule| !self.base.members.contains(&address(rule))).cloned().collect();
        let texts: HashSet<_> = recent.iter().map(|rule| text(rule)).collect();
        // A group that has lost or won a rule moves as a whole.
        let is_touched = |group: &Group| {
            group.members().any(|rule| !now.contains(&address(rule))) || texts.contains(&text(&group.first))
        };
        let touched: Vec<(u32, &Group)> =
            (0u32..).zip(&self.base.groups).filter(|(_, group)| is_touched(group)).collect();
        if touched.len().max(recent.len()) > MAX_RECENT {
            return Self::build(rules);
        }
        let kept = touched.iter().flat_map(|(_, group)| group.members());
        let kept: Vec<_> = kept.filter(|rule| now.contains(&address(rule))).cloned().collect();
        let gone = touched.iter().map(|(place, _)| *place).collect();
        recent.extend(kept);
        Self { base: Arc::clone(&self.base), gone, recent: grouped(recent) }
    }

    /// The first pattern for which `accepts` says yes, among all that can match a name. `name` is a name in
    /// lower case, or the glob of one: the result are then those that can match all its names.
    pub(super) fn first(&self, name: &str, accepts: impl Fn(&Pattern, &Rule) -> bool) -> Option<&Group> {
        let mut best: Option<(u32, &Group)> = None;
        self.base.visit(name, |places| {
            for &place in places {
                if best.is_some_and(|(found, _)| found <= place) {
                    return;
                }
                if let Some(group) = self.accepted(place, &accepts) {
                    best = Some((place, group));
                    return;
                }
            }
        });
        let recent = self.recent.iter().find(|group| is_accepted(group, &accepts));
        best.map(|(_, group)| group)
            .into_iter()
            .chain(recent)
            .min_by(|a, b| order::compare(&a.first, &b.first))
    }

    /// All patterns for which `accepts` says yes, in no order.
    pub(super) fn all(&self, name: &str, accepts: impl Fn(&Pattern, &Rule) -> bool) -> Vec<&Group> {
        let mut found = Vec::new();
        self.base.visit(name, |places| {
            found.extend(places.iter().filter(|place| self.accepted(**place, &accepts).is_some()));
        });
        // A run that a name holds twice is found twice.
        found.sort_unstable();
        found.dedup();
        let recent = self.recent.iter().filter(|group| is_accepted(group, &accepts));
        found.into_iter().filter_map(|place| self.base.group(place)).chain(recent).collect()
    }

    fn accepted(&self, place: u32, accepts: impl Fn(&Pattern, &Rule) -> bool) -> Option<&Group> {
        if self.gone.contains(&place) {
            return None;
        }
        self.base.group(place).filter(|group| is_accepted(group, accepts))
    }
}

fn is_accepted(group: &Group, accepts: impl Fn(&Pattern, &Rule) -> bool) -> bool {
    pattern(&group.first).is_some_and(|pattern| accepts(pattern, &group.first))
}

impl Base {
    fn build(rules: Vec<Arc<Rule>>) -> Self {
        let members = rules.iter().map(address).collect();
        let mut base = Self { groups: grouped(rules), members, ..Self::default() };
        base.choose_runs();
        base
    }

    fn choose_runs(&mut self) {
        let all = || (0..u32::try_from(self.groups.len()).unwrap_or(u32::MAX)).collect();
        if self.groups.len() <= FEW {
            self.always = all();
            return;
        }
        let texts: Vec<String> =
            self.groups.iter().map(|group| pattern(&group.first).map(anchored).unwrap_or_default()).collect();
        let mut shared_by: HashMap<&str, u32> = HashMap::new();
        for run in texts.iter().flat_map(|text| runs(text)) {
            let count = shared_by.entry(run).or_default();
            *count = count.saturating_add(1);
        }
        let (mut always, mut chosen) = (Vec::new(), HashMap::<&str, Vec<u32>>::new());
        for (place, text) in (0u32..).zip(&texts) {
            let rarest = runs(text).min_by_key(|run| (shared_by.get(run).copied(), Reverse(run.len())));
            match rarest {
                Some(run) => chosen.entry(run).or_default().push(place),
                None => always.push(place),
            }
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(chosen.keys());
        let Ok(automaton) = automaton else {
            // More than it can number: slow is better than wrong.
            self.always = all();
            return;
        };
        let mut bounds = vec![0];
        let mut behind = Vec::with_capacity(texts.len());
        for places in chosen.values() {
            behind.extend_from_slice(places);
            bounds.push(u32::try_from(behind.len()).unwrap_or(u32::MAX));
        }
        (self.automaton, self.always, self.behind, self.bounds) = (Some(automaton), always, behind, bounds);
    }

    fn group(&self, place: u32) -> Option<&Group> {
        self.groups.get(usize::try_from(place).ok()?)
    }

    fn visit(&self, name: &str, mut places: impl FnMut(&[u32])) {
        places(&self.always);
        let Some(automaton) = &self.automaton else { return };
        let text = between_ends(name);
        // Overlapping runs are refused for other match kinds only.
        let Ok(found) = automaton.try_find_overlapping_iter(&text) else { return };
        for run in found {
            let number = run.pattern().as_usize();
            let bound = |number: usize| usize::try_from(*self.bounds.get(number)?).ok();
            if let (Some(from), Some(to)) = (bound(number), bound(number.saturating_add(1))) {
                places(self.behind.get(from..to).unwrap_or_default());
            }
        }
    }
}

/// Rules of the same pattern together, in the order of their first ones.
fn grouped(mut rules: Vec<Arc<Rule>>) -> Vec<Group> {
    rules.sort_unstable_by(|a, b| text(a).cmp(&text(b)).then_with(|| order::compare(a, b)));
    let mut groups: Vec<(usize, Group)> = Vec::with_capacity(rules.len());
    for rule in rules {
        let length = pattern(&rule).map_or(0, Pattern::literal_length);
        match groups.last_mut() {
            Some((_, group)) if text(&group.first) == text(&rule) => group.others.push(rule),
            _ => groups.push((length, Group { first: rule, others: Vec::new() })),
        }
    }
    groups.sort_unstable_by(|(a_length, a), (b_length, b)| {
        b_length.cmp(a_length).then_with(|| order::compare(&a.first, &b.first))
    });
    groups.into_iter().map(|(_, group)| group).collect()
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.groups).finish()
    }
}

fn text(rule: &Rule) -> Option<(&str, &str)> {
    pattern(rule).map(Pattern::text)
}

fn pattern(rule: &Rule) -> Option<&Pattern> {
    match rule.arn() {
        Some(RuleArn::Pattern(pattern)) => Some(pattern),
        _ => None,
    }
}

fn anchored(pattern: &Pattern) -> String {
    between_ends(pattern.name())
}

fn between_ends(name: &str) -> String {
    let [begin, end] = ENDS;
    let mut text = String::with_capacity(name.len().saturating_add(2));
    text.push(begin);
    text.push_str(name);
    text.push(end);
    text
}

/// The runs of literal characters that say something.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_wildcard).filter(|run| run.chars().any(|c| !ENDS.contains(&c)))
}
