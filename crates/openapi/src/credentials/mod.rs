//! Access keys and the places where they come from.
//!
//! [`Source::from_environment`] finds out which place applies; [`Source::fetch`] asks whoever has to be asked. What needs
//! no asking ([`Source::immediate`]) needs no async runtime either.

mod environment;
mod error;
mod fetch;
mod ini;
mod keys;
mod metadata;
mod uri;
mod variables;

use jiff::Timestamp;
use signature::Secret;

pub use environment::{Environment, Oidc, Source};
pub use error::{CredentialError, Lacking, ValueProblem};
pub use fetch::Context;
pub use metadata::MetadataRole;
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
