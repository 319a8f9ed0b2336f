//! The trust policy of a role: a statement added to its text, everything else left as it is.
//!
//! Pure: texts and values in, texts and values out.

mod diff;
mod edit;
mod layout;
mod reading;
mod statement;
mod subject;

pub(super) use diff::diff;
pub(super) use edit::{Plan, plan};
pub(super) use layout::pretty;
pub(super) use reading::{PolicyProblem, parse};
pub(super) use statement::new_document;
pub(super) use subject::Subject;
