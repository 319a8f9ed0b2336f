//! How an object becomes a rule.

use std::sync::Arc;

use identity::pattern::AnyAccount;
use identity::{Rule, Source};
use resource::MappingError;

use super::object::MappingObject;
use super::verdict::{Checked, Problem};

/// The backend that rules of objects name as their source.
const BACKEND: &str = "CRD";

/// How an object becomes a rule.
#[derive(Clone, Copy, Debug)]
pub struct RuleReader {
    any_account: AnyAccount,
}

impl RuleReader {
    /// `any_account`: whether a pattern may have wildcards in its account id.
    pub fn new(any_account: AnyAccount) -> RuleReader {
        RuleReader { any_account }
    }

    /// The object's rule.
    ///
    /// # Errors
    /// [`MappingError`] says what is wrong with it.
    pub fn read(&self, object: &MappingObject) -> Result<Rule, MappingError> {
        let source = Source::new(BACKEND, name(object));
        let created = object.metadata.creation_timestamp.as_ref().map(|time| time.0);
        resource::rule_from_object(source, created, &object.data, self.any_account)
    }
}

/// The rule of an object, or what is wrong with it.
pub(crate) fn check(reader: &RuleReader, object: &MappingObject) -> Checked {
    match reader.read(object) {
        Ok(rule) => Ok(Arc::new(rule)),
        Err(error) => Err(Arc::new(Problem::from(&error))),
    }
}

/// The object's name.
pub(crate) fn name(object: &MappingObject) -> &str {
    object.metadata.name.as_deref().unwrap_or_default()
}
