//! From an issuer's URL to its keys.

use serde_json::Value;
use strict::Strict;

use super::https::{self, Failure};
use super::trust::Trust;
use crate::oidc::keys::KeySet;

/// Where an issuer tells about itself (OpenID Connect Discovery 1.0, section 4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Fetches the discovery document of an issuer, and the key set that it names. Both come over TLS; the document has to say
/// that it is this issuer's.
pub(super) async fn fetch_keys(
    issuer: &str,
    trust: &Trust,
    fingerprints: &[String],
) -> Result<KeySet, Failure> {
    // Section 4.1: a slash at the end is left out before the path is added.
    let url = format!("{}{WELL_KNOWN}", issuer.strip_suffix('/').unwrap_or(issuer));
    let document = https::get(&url, trust, fingerprints).await?;
    let jwks_uri =
        jwks_uri(&document, issuer).map_err(|problem| Failure::Broken(format!("{url} {problem}")))?;
    let keys = https::get(&jwks_uri, trust, fingerprints).await?;
    let wrong = |problem: String| Failure::Broken(format!("{jwks_uri} {problem}"));
    let text = std::str::from_utf8(&keys).map_err(|_| wrong("is no text".to_owned()))?;
    KeySet::parse(text).map_err(wrong)
}

/// `jwks_uri` of a discovery document of this issuer.
fn jwks_uri(document: &[u8], issuer: &str) -> Result<String, String> {
    let Strict(document) =
        serde_json::from_slice(document).map_err(|error| format!("is not JSON: {error}"))?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    match text("issuer") {
        Some(own) if own == issuer => {}
        Some(own) => return Err(format!("is that of another issuer: {own:?}")),
        None => return Err("names no issuer".to_owned()),
    }
    text("jwks_uri").map(str::to_owned).ok_or_else(|| "names no jwks_uri".to_owned())
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_to_be_the_issuers_own() {
        let read = |text: &str| jwks_uri(text.as_bytes(), "https://issuer.example/c1");
        let good = r#"{"issuer":"https://issuer.example/c1","jwks_uri":"https://keys.example/jwks","x":1}"#;
        assert_eq!(read(good), Ok("https://keys.example/jwks".to_owned()));
        for (text, words) in [
            (good.replace("/c1", "/c1/"), "another issuer"),
            (good.replace("/c1", "/c2"), "another issuer"),
            (good.replace("jwks_uri", "jwks"), "no jwks_uri"),
            (good.replace("\"issuer\"", "\"iss\""), "no issuer"),
            (good.replace('{', r#"{"jwks_uri":"https://other.example","#), "not JSON"),
            ("<html>".to_owned(), "not JSON"),
            ("[]".to_owned(), "no issuer"),
        ] {
            let problem = read(&text).expect_err(&text);
            assert!(problem.contains(words), "{text}: {problem}");
        }
    }
}
