//! How the keys of OIDC issuers are fetched.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::clusters::read;
use crate::oidc::Trust;
use crate::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct OidcEntry {
    ca_file: Spanned<PathBuf>,
}

/// The file counts from `folder`.
pub(super) fn check(entry: &OidcEntry, folder: &Path) -> Result<Trust, Problem> {
    let path = folder.join(&entry.ca_file.value);
    let wrong =
        |problem: String| Problem::at(&entry.ca_file, format!("oidc.caFile {} {problem}", path.display()));
    let pem = read(&path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    Trust::from_pem(&pem).map_err(wrong)
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
    use rcgen::{CertificateParams, KeyPair};

    use super::super::{Config, ConfigError};

    fn with(oidc: &str, name: &str) -> Result<Config, ConfigError> {
        Config::from_yaml(&format!("accounts:\n  - id: \"1234567890123456\"\noidc: {oidc}"), name)
    }

    #[test]
    fn the_authorities_of_issuers_stand_in_a_file_beside_the_config() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("config.yaml");
        let name = name.to_str().unwrap();
        let ca = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        std::fs::write(folder.path().join("empty.pem"), "nothing").unwrap();
        assert!(with("{caFile: ca.pem}", name).unwrap().oidc_trust.is_some());
        assert!(with("", name).unwrap().oidc_trust.is_none());
        for (oidc, words) in [
            ("{caFile: empty.pem}", "holds no certificate"),
            ("{caFile: nowhere.pem}", "cannot be read"),
            ("{}", "caFile"),
            ("{caFile: ca.pem, colour: red}", "colour"),
        ] {
            let text = with(oidc, name).expect_err(oidc).to_string();
            assert!(text.starts_with(&format!("{name}, line 3:")) && text.contains(words), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
    }
}
