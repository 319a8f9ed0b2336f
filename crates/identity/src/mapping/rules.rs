//! All rules of one backend, arranged for lookups.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::arn::Kind;
use crate::pattern::{Pattern, Subject};

use super::group::Group;
use super::patterns::Patterns;
use super::{Rule, RuleArn, Target, order};

/// The rules of one backend, arranged once and never changed. Give it to [`super::Layer::Built`] to use it in
/// more than one index.
#[derive(Debug, Default)]
pub struct Rules {
    /// Name of the backend; `None` where it has no rules.
    backend: Option<Arc<str>>,
    count: usize,
    /// Exact ARNs and sessions.
    exact: HashSet<ByKey>,
    /// By account and kind, so that a lookup meets only the patterns of its own account.
    by_account: HashMap<Box<str>, HashMap<Kind, Patterns>>,
    any_account: HashMap<Kind, Patterns>,
    accounts: HashSet<ByKey>,
}

/// A group under the exact ARN or account that its rules have, which is kept in the rules alone.
#[derive(Debug)]
struct ByKey(Group);

impl ByKey {
    fn key(&self) -> &str {
        key(&self.0.first)
    }
}

/// An exact ARN or an account id; empty for a pattern.
fn key(rule: &Rule) -> &str {
    match &rule.target {
        Target::Named { arn: RuleArn::Exact(key) | RuleArn::Session(key), .. } => key,
        Target::Named { arn: RuleArn::Pattern(_), .. } => "",
        Target::Account { account_id } => account_id,
    }
}

impl Borrow<str> for ByKey {
    fn borrow(&self) -> &str {
        self.key()
    }
}

impl Hash for ByKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for ByKey {}

fn insert(set: &mut HashSet<ByKey>, rule: Arc<Rule>) {
    match set.take(key(&rule)) {
        Some(ByKey(mut group)) => {
            group.add(rule);
            set.insert(ByKey(group));
        }
        None => {
            set.insert(ByKey(Group { first: rule, others: Vec::new() }));
        }
    }
}

impl Rules {
    /// Arranges the rules, whose order is of no importance.
    pub fn build(rules: impl IntoIterator<Item = Arc<Rule>>) -> Self {
        Self::default().changed_to(rules)
    }

    /// The same as [`Rules::build`] of these rules, which replace all of this; cheaper where most of them are in
    /// both, as the same objects.
    #[must_use]
    pub fn changed_to(&self, rules: impl IntoIterator<Item = Arc<Rule>>) -> Self {
        let rules = rules.into_iter();
        let mut built = Self { exact: HashSet::with_capacity(rules.size_hint().0), ..Self::default() };
        let mut by_account: HashMap<Box<str>, HashMap<Kind, Vec<Arc<Rule>>>> = HashMap::new();
        let mut any_account: HashMap<Kind, Vec<Arc<Rule>>> = HashMap::new();
        for rule in rules {
            built.count = built.count.saturating_add(1);
            built.backend.get_or_insert_with(|| Arc::clone(&rule.source.backend));
            match &rule.target {
                Target::Account { .. } => insert(&mut built.accounts, rule),
                Target::Named { arn: RuleArn::Exact(_) | RuleArn::Session(_), .. } => {
                    insert(&mut built.exact, rule);
                }
                Target::Named { arn: RuleArn::Pattern(pattern), .. } => {
                    let kind = pattern.kind();
                    let kinds = match pattern.literal_account() {
                        Some(account) => by_account.entry(account.into()).or_default(),
                        None => &mut any_account,
                    };
                    kinds.entry(kind).or_default().push(rule);
                }
            }
        }
        built.by_account = by_account
            .into_iter()
            .map(|(account, kinds)| {
                let before = self.by_account.get(&account);
                (account, arrange(before, kinds))
            })
            .collect();
        built.any_account = arrange(Some(&self.any_account), any_account);
        built.exact.shrink_to_fit();
        built
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn is_backend(&self, name: &str) -> bool {
        self.backend.as_deref() == Some(name)
    }

    /// The rule that wins, whole accounts aside.
    pub(super) fn winner(&self, subject: &Subject<'_>) -> Option<&Rule> {
        let group = subject
            .session_key
            .as_deref()
            .and_then(|key| self.exact.get(key))
            .or_else(|| self.exact.get(&*subject.key));
        if let Some(ByKey(group)) = group {
            return Some(&group.first);
        }
        self.first_pattern(subject.account_id.into(), subject.kind, &subject.name, |pattern, _| {
            pattern.matches_subject(subject)
        })
    }

    /// The rule that wins for the account as a whole.
    pub(super) fn account(&self, account_id: &str) -> Option<&Rule> {
        self.accounts.get(account_id).map(|ByKey(group)| &*group.first)
    }

    /// All rules that match, whole accounts aside, in order.
    pub(super) fn all(&self, subject: &Subject<'_>) -> Vec<&Rule> {
        let exact = subject.session_key.as_deref().into_iter().chain([&*subject.key]);
        let exact = exact.filter_map(|key| self.exact.get(key)).map(|ByKey(group)| group);
        let patterns = self
            .patterns(subject.account_id.into(), subject.kind)
            .flat_map(|patterns| patterns.all(&subject.name, |pattern, _| pattern.matches_subject(subject)));
        sorted(exact.chain(patterns).flat_map(Group::iter))
    }

    /// All rules for the account as a whole, in order.
    pub(super) fn all_accounts(&self, account_id: &str) -> Vec<&Rule> {
        sorted(self.accounts.get(account_id).into_iter().flat_map(|ByKey(group)| group.iter()))
    }

    /// The first rule that matches whomever `rule` matches; in `rule`'s own backend, one that comes before it.
    pub(super) fn cover(&self, rule: &Rule) -> Option<&Rule> {
        let comes_first =
            |other: &Rule| !self.is_backend(&rule.source.backend) || order::compare(other, rule).is_lt();
        match &rule.target {
            Target::Account { account_id } => self.account(account_id).filter(|other| comes_first(other)),
            Target::Named { arn: RuleArn::Exact(key) | RuleArn::Session(key), .. } => {
                let subject = Subject::of_arn(key)?;
                self.winner(&subject).filter(|other| comes_first(other))
            }
            Target::Named { arn: RuleArn::Pattern(pattern), .. } => {
                let account = pattern.literal_account();
                self.first_pattern(account, pattern.kind(), pattern.name(), |other, its_rule| {
                    comes_first(its_rule) && other.covers(pattern)
                })
            }
        }
    }

    fn first_pattern(
        &self,
        account: Option<&str>,
        kind: Kind,
        name: &str,
        accepts: impl Fn(&Pattern, &Rule) -> bool,
    ) -> Option<&Rule> {
        self.patterns(account, kind)
            .filter_map(|patterns| patterns.first(name, &accepts))
            .map(|group| &*group.first)
            .min_by(|a, b| order::compare(a, b))
    }

    /// The patterns that can match a name of this kind in this account; without one, in every account.
    fn patterns(&self, account: Option<&str>, kind: Kind) -> impl Iterator<Item = &Patterns> {
        let own = account.and_then(|account| self.by_account.get(account)).and_then(|kinds| kinds.get(&kind));
        own.into_iter().chain(self.any_account.get(&kind))
    }
}

fn arrange(
    before: Option<&HashMap<Kind, Patterns>>,
    kinds: HashMap<Kind, Vec<Arc<Rule>>>,
) -> HashMap<Kind, Patterns> {
    kinds
        .into_iter()
        .map(|(kind, rules)| match before.and_then(|before| before.get(&kind)) {
            Some(before) => (kind, before.changed_to(rules)),
            None => (kind, Patterns::build(rules)),
        })
        .collect()
}

fn sorted<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<&'a Rule> {
    let mut rules: Vec<&Rule> = rules.collect();
    rules.sort_by(|a, b| order::compare(a, b));
    rules
}
