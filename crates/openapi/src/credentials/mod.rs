//! Access keys and the places where they come from.
//!
//! [`Source::find`] finds out which place applies; [`Source::fetch`] asks whoever has to be asked. What needs no asking
//! ([`Source::immediate`]) needs no async runtime either.
//!
//! A search goes through `find` (the order of the places), `from_variables`, `aliyun_cli` and `ini` (one place each), and
//! ends at a [`Source`]; `fetch` asks it, with `metadata`, `uri`, `oidc` and the login modes of `aliyun_cli`. The machine
//! is reached through [`Environment`] alone.

pub mod system;

mod aliyun_cli;
mod environment;
mod error;
mod fetch;
mod find;
mod from_variables;
mod ini;
mod keys;
mod metadata;
mod oidc;
mod search;
mod source;
mod uri;
mod values;
mod variables;

use jiff::Timestamp;
use signature::Secret;

pub use aliyun_cli::{CloudSso, External, OAuth, RsaKeyPair};
pub use environment::{Environment, Program, ProgramOutput};
pub use error::{CredentialError, Lacking, ValueProblem};
pub use fetch::Context;
pub use metadata::{MetadataRole, metadata_region};
pub use oidc::Oidc;
pub use search::{CredentialType, Search, Setting};
pub use source::Source;
pub use uri::CredentialsUri;

/// An access key: a permanent one, or a temporary one with its security token and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// `LTAI…`, or `STS.…` for temporary ones.
    pub access_key_id: String,
    /// The secret that belongs to it.
    pub access_key_secret: Secret,
    /// Temporary ones have one.
    pub security_token: Option<Secret>,
    /// When they end, where that is known: those from the environment do not say.
    pub expiration: Option<Timestamp>,
}

#[cfg(test)]
mod testing;
