//! An issuer of tokens: what its API server says of it, what is published of it, and what a token of it says. Reading and
//! comparing are functions of texts and values.

mod api_server;
mod compare;
mod keys;
mod published;
mod token_check;
mod url;

pub(crate) use api_server::{
    ApiServerIssuer, ApiServerIssuerError, DISCOVERY_PATH, KEYS_PATH, discovery_document,
};
pub(crate) use compare::{is_in_cluster, issuer_differs, keys_missing};
pub(crate) use keys::{KeySet, MAX_KEYS, PublicKey};
pub(crate) use published::{Authority, PublishedIssuer, Site, Unpublished};
pub(crate) use token_check::{Expected, TokenFacts, check_token};
pub(crate) use url::IssuerUrl;

/// Something about an issuer that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// What is wrong, as a sentence without its full stop.
    pub(crate) what: String,
    /// What to do about it, as the same.
    pub(crate) mend: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Tokens get their roles in spite of it, as far as can be seen from here.
    Warning,
    /// Tokens get no role.
    Broken,
}

impl Finding {
    pub(crate) fn broken(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { severity: Severity::Broken, what: what.into(), mend: mend.into() }
    }

    pub(crate) fn warning(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, what: what.into(), mend: mend.into() }
    }

    /// On one line.
    pub(crate) fn line(&self) -> String {
        format!("{}: {}", self.what, self.mend)
    }
}
