//! The index over all rules: built once, never changed, asked without locks.

use std::sync::Arc;

use crate::pattern::Subject;
use crate::principal::Principal;

use super::identity_check::{self, IdentityCheck};
use super::order::{self, Step, Why};
use super::user::{self, KubernetesUser, NameError};
use super::{Rule, Rules};

/// The rules of one backend.
#[derive(Clone, Debug)]
pub enum Layer {
    /// The backend has told its rules.
    Ready(Vec<Arc<Rule>>),
    /// The same, arranged already.
    Built(Arc<Rules>),
    /// The backend has not told its rules yet: nobody knows whom it maps.
    Pending,
}

/// All rules of all backends, ordered as [`crate::mapping`] says.
#[derive(Debug, Default)]
pub struct Index {
    /// `None` where a backend has not told its rules.
    layers: Vec<Option<Arc<Rules>>>,
    reserved: Arc<[String]>,
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
    reserved: &'a [String],
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
        user::expand(self.rule, self.principal, self.reserved)
    }

    /// Whether RAM's own id of the caller is the one that the rule knows. A caller with
    /// [`IdentityCheck::PinMismatch`] must be refused: a later rule is no substitute.
    pub fn identity_check(&self) -> IdentityCheck {
        identity_check::check(self.rule, self.principal)
    }
}

impl Index {
    /// Builds the index. The layers are in the order in which the backends are asked; the order of the
    /// rules within a layer is of no importance.
    pub fn build(layers: impl IntoIterator<Item = Layer>) -> Self {
        let layers = layers.into_iter().map(|layer| match layer {
            Layer::Ready(rules) => Some(Arc::new(Rules::build(rules))),
            Layer::Built(rules) => Some(rules),
            Layer::Pending => None,
        });
        Self { layers: layers.collect(), reserved: Arc::default() }
    }

    /// Reserves name prefixes beside `system:`: only a rule that writes one out makes names that begin so.
    #[must_use]
    pub fn reserving(mut self, prefixes: impl Into<Arc<[String]>>) -> Self {
        self.reserved = prefixes.into();
        self
    }

    /// The rule that wins for the principal.
    pub fn lookup<'a>(&'a self, principal: &'a Principal) -> Found<'a> {
        let found = |rule: &'a Rule| Found::Match(Match { rule, principal, reserved: &self.reserved });
        let subject = Subject::of(principal);
        for (place, layer) in self.layers.iter().enumerate() {
            let Some(rules) = layer else { return Found::Pending(place) };
            if let Some(rule) = rules.winner(&subject) {
                return found(rule);
            }
        }
        self.known()
            .find_map(|(_, rules)| rules.account(principal.account_id()))
            .map_or(Found::Nothing, found)
    }

    /// Every rule that matches the principal, in order: the first wins. Rules of backends that are
    /// [`Layer::Pending`] are not known, so the first wins only where [`Index::lookup`] says so.
    pub fn explain(&self, principal: &Principal) -> Vec<Step<'_>> {
        let subject = Subject::of(principal);
        let named = self
            .known()
            .flat_map(|(place, rules)| rules.all(&subject).into_iter().map(move |rule| (place, rule)));
        let accounts = self.known().flat_map(|(place, rules)| {
            rules.all_accounts(principal.account_id()).into_iter().map(move |rule| (place, rule))
        });
        let mut before = None;
        named
            .chain(accounts)
            .map(|(place, rule)| {
                let why = before.map_or(Why::First, |before| order::why(before, (place, rule)));
                before = Some((place, rule));
                Step { rule, why }
            })
            .collect()
    }

    /// The rule that wins instead of this one wherever this one matches. `None` where this one can win, as far
    /// as a single other rule decides: several together can leave it nobody as well. The backend of a rule is
    /// known by its name ([`super::Source::backend`]).
    pub fn shadowed_by(&self, rule: &Rule) -> Option<&Rule> {
        let own = self.known().find(|(_, rules)| rules.is_backend(&rule.source.backend));
        let last = own.map_or(usize::MAX, |(place, _)| place);
        self.known().take_while(|(place, _)| *place <= last).find_map(|(_, rules)| rules.cover(rule))
    }

    fn known(&self) -> impl Iterator<Item = (usize, &Rules)> {
        self.layers.iter().enumerate().filter_map(|(place, layer)| Some((place, &**layer.as_ref()?)))
    }
}
