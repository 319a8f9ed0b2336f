//! One mapping as it is written, and where.

use std::sync::Arc;

use identity::Rule;

use super::finding::{Code, Finding, Place};
use crate::mappings::BackendMode;

/// A text and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Where in the order of the backends a mapping stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Layer {
    /// `server.breakGlass` of the configuration file: before all backends.
    BreakGlass,
    /// One of the backends.
    Backend(BackendMode),
}

impl Layer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BreakGlass => "breakGlass",
            Self::Backend(mode) => mode.as_str(),
        }
    }
}

/// In which part of a backend a mapping is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// An object of its own.
    Object,
    Roles,
    Users,
    Accounts,
}

/// One mapping as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    /// Such as `RAMIdentityMapping alice` or `server.mapRoles[0]`.
    pub(crate) label: String,
    pub(crate) layer: Layer,
    pub(crate) section: Section,
    pub(crate) arn: Option<Text>,
    pub(crate) username: Option<Text>,
    pub(crate) groups: Vec<Text>,
    /// What the server makes of it; none, where a finding says why not.
    pub(crate) rule: Option<Arc<Rule>>,
}

impl Entry {
    pub(crate) fn finding(&self, line: usize, code: Code, message: String) -> Finding {
        let line = if line == 0 { self.place.line } else { line };
        let place = Place { file: Arc::clone(&self.place.file), line };
        Finding { place, code, object: self.label.clone(), message }
    }

    pub(crate) fn arn_line(&self) -> usize {
        self.arn.as_ref().map_or(self.place.line, |arn| arn.line)
    }
}
