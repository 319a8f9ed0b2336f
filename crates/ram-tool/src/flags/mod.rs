//! Flags that every command takes, and the values of flags.

mod global;
mod values;

pub(crate) use global::GlobalFlags;
pub(crate) use values::{ApiVersion, CredentialType, TokenVersion, parse_bool};
