//! What is wrong with a value of the configuration, and where.

use serde_saphyr::{Location, Spanned};

/// A finding: the line and what is wrong there.
pub(crate) struct Problem {
    pub(crate) location: Location,
    pub(crate) text: String,
}

impl Problem {
    pub(crate) fn at<T>(value: &Spanned<T>, text: impl Into<String>) -> Self {
        Self { location: value.referenced, text: text.into() }
    }
}
