//! The index over all rules: built once, never changed, asked without locks.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use crate::arn::Kind;
use crate::pattern::{Pattern, Subject};
use crate::principal::Principal;

use super::user::{self, KubernetesUser, NameError};
use super::{Rule, RuleArn, Target};

/// The rules of one backend.
#[derive(Clone, Debug)]
pub enum Layer {
    /// The backend has told its rules.
    Ready(Vec<Arc<Rule>>),
    /// The backend has not told its rules yet: nobody knows whom it maps.
    Pending,
}

/// All rules of all backends, ordered as [`crate::mapping`] says.
#[derive(Debug, Default)]
pub struct Index {
    layers: Vec<Option<Rules>>,
    accounts: HashMap<String, Arc<Rule>>,
}

/// What a lookup found.
#[derive(Debug)]
pub enum Found<'a> {
    /// The rule that wins.
    Match(Match<'a>),
    /// No rule matches, and every backend was asked.
    Nothing,
    /// No backend before this one maps the principal, and this one is [`Layer::Pending`]. Its place in the
    /// order, from 0. A rule that comes later must not be used, because this backend might have a better.
    Pending(usize),
}

/// The rule that wins for a principal.
#[derive(Clone, Copy, Debug)]
pub struct Match<'a> {
    rule: &'a Rule,
    principal: &'a Principal,
}

impl<'a> Match<'a> {
    /// The rule.
    pub fn rule(&self) -> &'a Rule {
        self.rule
    }

    /// Expands the rule's templates for the principal.
    ///
    /// # Errors
    /// [`NameError`] where a name is empty, too long, unprintable or reserved. The caller is refused then:
    /// a later rule is no substitute for the one that wins.
    pub fn user(&self) -> Result<KubernetesUser, NameError> {
        user::expand(self.rule, self.principal)
    }
}

impl Index {
    /// Builds the index. The layers are in the order in which the backends are asked; the order of the
    /// rules within a layer is of no importance.
    pub fn build(layers: impl IntoIterator<Item = Layer>) -> Self {
        let mut index = Self::default();
        for layer in layers {
            let Layer::Ready(mut rules) = layer else {
                index.layers.push(None);
                continue;
            };
            rules.sort_by(|a, b| order(a).cmp(&order(b)));
            let (accounts, named): (Vec<_>, Vec<_>) =
                rules.into_iter().partition(|rule| rule.arn().is_none());
            for rule in accounts {
                if let Target::Account { account_id } = &rule.target {
                    index.accounts.entry(account_id.clone()).or_insert(rule);
                }
            }
            index.layers.push(Some(Rules::build(named)));
        }
        index
    }

    /// The rule that wins for the principal.
    pub fn lookup<'a>(&'a self, principal: &'a Principal) -> Found<'a> {
        let found = |rule: &'a Rule| Found::Match(Match { rule, principal });
        let key = principal.canonical_key();
        let subject = Subject::of(principal);
        for (place, layer) in self.layers.iter().enumerate() {
            let Some(rules) = layer else { return Found::Pending(place) };
            if let Some(rule) = rules.lookup(&key, &subject) {
                return found(rule);
            }
        }
        self.accounts.get(principal.account_id()).map_or(Found::Nothing, |rule| found(rule))
    }
}

/// Sorts the rules of one backend: exact, longer literal, older, name. A rule whose age nobody knows counts
/// as the newest.
fn order(rule: &Rule) -> (bool, Reverse<usize>, bool, Option<jiff::Timestamp>, &str) {
    let (is_pattern, literal) = match rule.arn() {
        Some(RuleArn::Pattern(pattern)) => (true, pattern.literal_length()),
        Some(RuleArn::Exact(_)) | None => (false, 0),
    };
    (is_pattern, Reverse(literal), rule.created.is_none(), rule.created, &rule.source.object)
}

/// The exact ARNs and patterns of one backend.
#[derive(Debug, Default)]
struct Rules {
    exact: HashMap<String, Arc<Rule>>,
    /// By account and kind, so that a lookup meets only the patterns of its own account.
    by_account: HashMap<String, HashMap<Kind, Vec<Ranked>>>,
    any_account: Vec<Ranked>,
}

/// A pattern rule and its place in the backend's order.
#[derive(Debug)]
struct Ranked {
    rank: usize,
    pattern: Pattern,
    rule: Arc<Rule>,
}

impl Rules {
    fn build(ordered: Vec<Arc<Rule>>) -> Self {
        let mut rules = Self::default();
        for (rank, rule) in ordered.into_iter().enumerate() {
            match rule.arn() {
                Some(RuleArn::Exact(key)) => {
                    let key = key.clone();
                    rules.exact.entry(key).or_insert(rule);
                }
                Some(RuleArn::Pattern(pattern)) => {
                    let pattern = pattern.clone();
                    let place = match pattern.literal_account() {
                        Some(account) => {
                            rules.by_account.entry(account).or_default().entry(pattern.kind()).or_default()
                        }
                        None => &mut rules.any_account,
                    };
                    place.push(Ranked { rank, pattern, rule });
                }
                None => {}
            }
        }
        rules
    }

    fn lookup(&self, key: &str, subject: &Subject<'_>) -> Option<&Rule> {
        if let Some(rule) = self.exact.get(key) {
            return Some(rule);
        }
        let own =
            self.by_account.get(subject.account_id).and_then(|kinds| kinds.get(&subject.kind)).and_then(
                |patterns| patterns.iter().find(|ranked| ranked.pattern.matches_in_account(subject)),
            );
        let any = self.any_account.iter().find(|ranked| {
            ranked.pattern.matches_account(subject) && ranked.pattern.matches_in_account(subject)
        });
        [own, any].into_iter().flatten().min_by_key(|ranked| ranked.rank).map(|ranked| &*ranked.rule)
    }
}
