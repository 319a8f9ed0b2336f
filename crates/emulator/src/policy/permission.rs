//! Permission policies: what a user, a role or a session may do.

use std::sync::Arc;

use super::document::PolicyDocument;
use super::statement::{self, Kind, Statement};
use crate::problem::Problem;

/// A checked permission policy. Two are the same when their texts are.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// The document as it was given; JSON.
    text: Arc<str>,
    statements: Arc<[Statement]>,
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Policy {}

impl Policy {
    /// Checks a policy of the configuration; `what` names it in errors.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(crate) fn check(document: PolicyDocument, what: &str) -> Result<Self, Problem> {
        let text = serde_json::to_string_pretty(&document)
            .map_err(|error| Problem::at(&document.version, format!("{what}: {error}")))?;
        let statements = statement::check(document, Kind::Permission, what)?;
        Ok(Self::of_statements(text, statements))
    }

    /// Checks a policy as RAM and STS are sent it, in JSON.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn from_json(text: &str, what: &str) -> Result<Self, String> {
        let document = PolicyDocument::from_json(text, what)?;
        let statements =
            statement::check(document, Kind::Permission, what).map_err(|problem| problem.text)?;
        Ok(Self::of_statements(text.to_owned(), statements))
    }

    pub(super) fn of_statements(text: String, statements: Vec<Statement>) -> Self {
        Self { text: text.into(), statements: statements.into() }
    }

    /// The document in JSON, as it was sent; as the configuration has it otherwise.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn statements(&self) -> &[Statement] {
        &self.statements
    }
}
