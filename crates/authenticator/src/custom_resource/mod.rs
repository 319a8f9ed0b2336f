//! What is known of each `RAMIdentityMapping`, and what is to be said of it: read by backend `CRD`, written into the
//! status by [`crate::operator`]. Nothing here reaches the cluster.

mod object;
mod objects;
mod reader;
mod verdict;

pub use object::MappingObject;
pub use objects::Objects;
pub(crate) use objects::{Entries, Entry};
pub use reader::RuleReader;
pub(crate) use reader::{check, name};
pub use verdict::Reason;
#[cfg(test)]
pub(crate) use verdict::canonical_arn;
pub(crate) use verdict::{Checked, Stated, Verdict, names_one_principal, patch};
