//! What an API server says of its issuer.

use serde_json::Value;
use strict::Strict;

use super::KeySet;
use crate::commands::rrsa::self_managed::kubectl::{Kubectl, KubectlError};

/// Where an issuer tells about itself, below its URL and at the API server (OpenID Connect Discovery 1.0, section 4).
pub(crate) const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
/// Where the API server has its keys; this program has them published at the same path below the issuer's URL.
pub(crate) const KEYS_PATH: &str = "/openid/v1/jwks";

/// What an API server says of its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiServerIssuer {
    /// The first `--service-account-issuer`, which signs.
    pub(crate) issuer: String,
    /// `--service-account-jwks-uri`, or an address of the API server's own.
    pub(crate) jwks_uri: String,
    /// Every key that it takes tokens of: the one that signs now, and those from before.
    pub(crate) keys: KeySet,
}

/// Why it is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiServerIssuerError {
    /// kubectl did not get it.
    #[error(transparent)]
    Kubectl(#[from] KubectlError),
    /// The API server does not answer at these paths.
    #[error(
        "the API server publishes no discovery document of its issuer, as it does where --service-account-issuer is no https URL: set --service-account-issuer={wanted} on each kube-apiserver, and behind it the old one again with a second --service-account-issuer; then run this again"
    )]
    NoDiscovery {
        /// The issuer that is wanted, or `https://…`.
        wanted: String,
    },
    /// What it answers cannot be used.
    #[error("what the API server answers at {path} {detail}")]
    Answer {
        /// The path.
        path: &'static str,
        /// What is wrong with it.
        detail: String,
    },
}

impl ApiServerIssuer {
    /// Asks the API server. `wanted` is for an error's advice.
    pub(crate) fn read(kubectl: &Kubectl<'_>, wanted: &str) -> Result<Self, ApiServerIssuerError> {
        let document = kubectl.get_raw(DISCOVERY_PATH).map_err(|error| match error.is_not_found() {
            true => ApiServerIssuerError::NoDiscovery { wanted: wanted.to_owned() },
            false => error.into(),
        })?;
        Self::parse(&document, &kubectl.get_raw(KEYS_PATH)?)
    }

    /// Reads the two answers.
    pub(crate) fn parse(document: &str, keys: &str) -> Result<Self, ApiServerIssuerError> {
        let (issuer, jwks_uri) = discovery_document(document)
            .map_err(|detail| ApiServerIssuerError::Answer { path: DISCOVERY_PATH, detail })?;
        let keys =
            KeySet::parse(keys).map_err(|detail| ApiServerIssuerError::Answer { path: KEYS_PATH, detail })?;
        Ok(Self { issuer, jwks_uri, keys })
    }
}

/// `issuer` and `jwks_uri` of a discovery document.
pub(crate) fn discovery_document(text: &str) -> Result<(String, String), String> {
    let Strict(document) =
        serde_json::from_str(text).map_err(|_| "is not JSON in which each key stands once".to_owned())?;
    let text = |name: &str| {
        let value = document.get(name).and_then(Value::as_str).filter(|value| !value.is_empty());
        value.map(str::to_owned).ok_or_else(|| format!("names no {name}"))
    };
    Ok((text("issuer")?, text("jwks_uri")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_names_an_issuer_and_its_keys_once() {
        let good = r#"{"issuer":"https://a","jwks_uri":"https://a/keys","x":[]}"#;
        assert_eq!(discovery_document(good), Ok(("https://a".to_owned(), "https://a/keys".to_owned())));
        for (bad, words) in [
            ("", "is not JSON"),
            (r#"{"issuer":"https://a","issuer":"https://b","jwks_uri":"x"}"#, "each key stands once"),
            (r#"{"issuer":"https://a","jwks_uri":"x","jwks\u005furi":"y"}"#, "each key stands once"),
            (r#"{"issuer":"","jwks_uri":"x"}"#, "names no issuer"),
            (r#"{"issuer":["https://a"],"jwks_uri":"x"}"#, "names no issuer"),
            (r#"{"issuer":"https://a","jwks_uri":""}"#, "names no jwks_uri"),
            (r#"{"issuer":"https://a"}"#, "names no jwks_uri"),
            (r#"["https://a"]"#, "names no issuer"),
        ] {
            let problem = discovery_document(bad).expect_err(bad);
            assert!(problem.contains(words), "{bad}: {problem}");
        }
    }
}
