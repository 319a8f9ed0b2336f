//! Rules that one and the same lookup finds.

use std::sync::Arc;

use super::{Rule, order};

/// Rules that say the same of whom they match, in their order.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) first: Arc<Rule>,
    pub(super) others: Vec<Arc<Rule>>,
}

impl Group {
    pub(super) fn members(&self) -> impl Iterator<Item = &Arc<Rule>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.members().map(|rule| &**rule)
    }

    pub(super) fn add(&mut self, rule: Arc<Rule>) {
        if order::compare(&rule, &self.first).is_lt() {
            self.others.push(std::mem::replace(&mut self.first, rule));
        } else {
            self.others.push(rule);
        }
    }
}
