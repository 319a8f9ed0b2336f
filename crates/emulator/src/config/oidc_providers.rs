//! The OIDC providers of an account.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::clusters::read;
use crate::oidc::{CheckedProvider, OidcProvider};
use crate::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct OidcProviderEntry {
    name: Spanned<String>,
    issuer_url: Spanned<String>,
    client_ids: Vec<String>,
    issuance_limit_time: Option<u32>,
    #[serde(default)]
    fingerprints: Vec<String>,
    description: Option<String>,
    jwks: Option<String>,
    jwks_file: Option<Spanned<PathBuf>>,
}

/// Relative file names count from `folder`.
pub(super) fn check(
    entries: Vec<OidcProviderEntry>,
    account: &str,
    folder: &Path,
) -> Result<Vec<CheckedProvider>, Problem> {
    let mut lines: HashMap<String, u64> = HashMap::new();
    let mut providers = Vec::with_capacity(entries.len());
    for entry in entries {
        // Names compare without regard to case; a URL is never a name.
        let name = (&entry.name, entry.name.value.to_ascii_lowercase(), "OIDC provider name");
        let issuer = (&entry.issuer_url, entry.issuer_url.value.clone(), "issuerUrl");
        for (value, key, what) in [name, issuer] {
            if let Some(line) = lines.insert(key, value.referenced.line()) {
                let text = format!("{what} {:?} is taken already, on line {line}", value.value);
                return Err(Problem::at(value, text));
            }
        }
        providers.push(provider(entry, account, folder)?);
    }
    Ok(providers)
}

fn provider(entry: OidcProviderEntry, account: &str, folder: &Path) -> Result<CheckedProvider, Problem> {
    let name = &entry.name;
    let mut provider = OidcProvider::new(account, &name.value, &entry.issuer_url.value);
    for id in &entry.client_ids {
        provider = provider.client_id(id);
    }
    for fingerprint in &entry.fingerprints {
        provider = provider.fingerprint(fingerprint);
    }
    if let Some(description) = &entry.description {
        provider = provider.description(description);
    }
    if let Some(hours) = entry.issuance_limit_time {
        provider = provider.issuance_limit_hours(hours);
    }
    let jwks = match (entry.jwks, &entry.jwks_file) {
        (Some(_), Some(file)) => {
            let text = format!("OIDC provider {:?}: jwks and jwksFile are both given: keep one", name.value);
            return Err(Problem::at(file, text));
        }
        (None, Some(file)) => {
            let path = folder.join(&file.value);
            Some(read(&path).map_err(|error| {
                let what = format!("OIDC provider {:?}", name.value);
                Problem::at(file, format!("{what}: cannot read jwksFile {}: {error}", path.display()))
            })?)
        }
        (inline, None) => inline,
    };
    if let Some(jwks) = jwks {
        provider = provider.jwks(&jwks);
    }
    provider.check().map_err(|problem| Problem::at(name, problem))
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
    use super::super::{Config, ConfigError};

    const KEY: &str = include_str!("../oidc/testdata/jwks.json");

    /// A configuration with one account and these OIDC providers.
    fn with(providers: &str, name: &str) -> Result<Config, ConfigError> {
        let text = format!("accounts:\n  - id: \"1234567890123456\"\n    oidcProviders:\n{providers}");
        Config::from_yaml(&text, name)
    }

    fn inline() -> String {
        format!("jwks: |\n          {}", KEY.trim_end().replace('\n', "\n          "))
    }

    #[test]
    fn every_key_is_read_and_files_count_from_the_folder_of_the_config() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("jwks.json"), KEY).unwrap();
        let name = folder.path().join("config.yaml");
        let yaml = format!(
            "      - name: inline
        issuerUrl: https://issuer.example/1
        clientIds: [sts.aliyuncs.com, other]
        issuanceLimitTime: 168
        fingerprints: [902EF2deeb3c5b13ea4c3d5193629309e2310000]
        description: of a test
        {}
      - {{name: file, issuerUrl: \"https://issuer.example/2\", clientIds: [x], jwksFile: jwks.json}}
      - {{name: none, issuerUrl: \"https://issuer.example/3\", clientIds: [x]}}",
            inline()
        );
        let config = with(&yaml, name.to_str().unwrap()).unwrap();
        let shown: Vec<String> =
            config.accounts[0].oidc_providers.iter().map(|one| format!("{one:?}")).collect();
        for (provider, words) in [
            (0, "name: \"inline\""),
            (0, "issuer_url: \"https://issuer.example/1\""),
            (0, "[\"sts.aliyuncs.com\", \"other\"]"),
            (0, "issuance_limit: 168"),
            (0, "[\"902EF2deeb3c5b13ea4c3d5193629309e2310000\"]"),
            (0, "description: \"of a test\""),
            (0, "keys: Some"),
            (1, "keys: Some"),
            (1, "issuance_limit: 12"),
            (2, "keys: None"),
        ] {
            assert!(shown[provider].contains(words), "{words}: {}", shown[provider]);
        }
    }

    #[test]
    fn each_mistake_is_named_with_its_line() {
        let one = |name: &str, issuer: &str, rest: &str| {
            format!("      - {{name: {name}, issuerUrl: \"{issuer}\", clientIds: [x]{rest}}}")
        };
        let good = "https://issuer.example";
        let long = "x".repeat(129);
        let long_url = format!("https://{}", "x".repeat(248));
        let many = format!("      - {{name: a, issuerUrl: \"{good}\", clientIds: [{}]}}", "x, ".repeat(51));
        for (providers, line, words) in [
            (one("a", good, ", colour: red"), 4, "colour"),
            ("      - {name: a, clientIds: [x]}".to_owned(), 4, "issuerUrl"),
            (format!("      - {{name: a, issuerUrl: \"{good}\"}}"), 4, "clientIds"),
            (format!("      - {{name: a, issuerUrl: \"{good}\", clientIds: []}}"), 4, "1 to 50"),
            (many, 4, "1 to 50"),
            (format!("      - {{name: a, issuerUrl: \"{good}\", clientIds: [\"a b\"]}}"), 4, "a b"),
            (one(".a", good, ""), 4, "\".a\""),
            (one("a_", good, ""), 4, "\"a_\""),
            (one("\"\"", good, ""), 4, "1 to 128"),
            (one(&long, good, ""), 4, "1 to 128"),
            (one("a", "http://issuer.example", ""), 4, "https://HOST"),
            (one("a", "https:///x", ""), 4, "https://HOST"),
            (one("a", "https://a@b", ""), 4, "https://HOST"),
            (one("a", "https://a?b", ""), 4, "https://HOST"),
            (one("a", "https://a#b", ""), 4, "https://HOST"),
            (one("a", &long_url, ""), 4, "at most 255"),
            (one("a", good, ", issuanceLimitTime: 0"), 4, "between 1 and 168"),
            (one("a", good, ", issuanceLimitTime: 169"), 4, "between 1 and 168"),
            (one("a", good, ", fingerprints: [abc]"), 4, "40 hexadecimal digits"),
            (
                one("a", good, &format!(", fingerprints: [{}]", format!("{}, ", "a".repeat(40)).repeat(6))),
                4,
                "more than 5",
            ),
            (one("a", good, &format!(", description: {}", "x".repeat(257))), 4, "more than 256"),
            (one("a", good, ", jwksFile: /nowhere/jwks.json"), 4, "/nowhere/jwks.json"),
            (one("a", good, ", jwks: x, jwksFile: z"), 4, "keep one"),
            (one("a", good, ", jwks: x"), 4, "not JSON"),
            (format!("{}\n{}", one("a", good, ""), one("A", "https://other.example", "")), 5, "on line 4"),
            (format!("{}\n{}", one("a", good, ""), one("b", good, "")), 5, "issuerUrl \"https://issuer"),
        ] {
            let text = with(&providers, "test.yaml").expect_err(words).to_string();
            assert!(text.starts_with(&format!("test.yaml, line {line}:")), "{providers}\n{text}");
            assert!(text.contains(words), "{providers}\n{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
    }
}
