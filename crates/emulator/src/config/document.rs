//! The YAML as it is written, with the line of each value. Nothing is checked here but the shape.

use serde::Deserialize;
use serde_saphyr::Spanned;
use signature::Secret;

use super::ConfigError;
use super::cloud_sso::CloudSsoEntry;
use super::clusters::ClusterEntry;
use super::credentials_uri::CredentialsUriEntry;
use super::metadata::MetadataEntry;
use super::oauth::OAuthEntry;
use super::oidc::OidcEntry;
use super::oidc_providers::OidcProviderEntry;
use crate::policy::PolicyDocument;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Document {
    pub(super) accounts: Spanned<Vec<AccountEntry>>,
    #[serde(default)]
    pub(super) clusters: Vec<ClusterEntry>,
    pub(super) oidc: Option<OidcEntry>,
    pub(super) metadata: Option<MetadataEntry>,
    pub(super) credentials_uri: Option<CredentialsUriEntry>,
    pub(super) cloud_sso: Option<CloudSsoEntry>,
    pub(super) oauth: Option<OAuthEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct AccountEntry {
    pub(super) id: Spanned<String>,
    pub(super) throttle: Option<Spanned<ThrottleEntry>>,
    #[serde(default)]
    pub(super) access_keys: Vec<AccessKeyEntry>,
    #[serde(default)]
    pub(super) users: Vec<UserEntry>,
    #[serde(default)]
    pub(super) roles: Vec<RoleEntry>,
    #[serde(default)]
    pub(super) oidc_providers: Vec<OidcProviderEntry>,
    #[serde(default)]
    pub(super) policies: Vec<PolicyEntry>,
}

/// A custom policy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PolicyEntry {
    pub(super) name: Spanned<String>,
    pub(super) document: PolicyDocument,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ThrottleEntry {
    pub(super) calls_per_second: Option<Spanned<u32>>,
    pub(super) assume_role_calls_per_second: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct AccessKeyEntry {
    pub(super) id: Spanned<String>,
    pub(super) secret: Secret,
    #[serde(default)]
    pub(super) status: Status,
}

/// What RAM calls the status of an access key.
#[derive(Deserialize, Default, PartialEq)]
pub(super) enum Status {
    #[default]
    Active,
    Inactive,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct UserEntry {
    pub(super) name: Spanned<String>,
    pub(super) id: Spanned<String>,
    #[serde(default)]
    pub(super) access_keys: Vec<AccessKeyEntry>,
    #[serde(default)]
    pub(super) key_pairs: Vec<KeyPairEntry>,
    pub(super) policies: Option<Vec<Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct KeyPairEntry {
    pub(super) id: Spanned<String>,
    pub(super) public_key: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RoleEntry {
    pub(super) name: Spanned<String>,
    pub(super) id: Spanned<String>,
    pub(super) max_session_duration: Option<Spanned<u32>>,
    pub(super) trust_policy: PolicyDocument,
    pub(super) policies: Option<Vec<Spanned<String>>>,
}

/// Parses the text. A value that YAML would take for a number or a boolean must be quoted where a text is meant:
/// an account id is sixteen digits, and an unquoted one would otherwise pass unnoticed until some tool rewrites it.
pub(super) fn parse(text: &str, file: &str) -> Result<Document, ConfigError> {
    let options = serde_saphyr::options! { no_schema: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| ConfigError::Shape {
        file: file.to_owned(),
        line: error.location().map_or(0, |location| location.line()),
        problem: describe(&error),
    })
}

/// One line, without the value: it may be a secret.
fn describe(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error as Yaml;
    match error.without_snippet() {
        Yaml::QuotingRequired { .. } => {
            "a text is needed here, but YAML reads this value as a number, a boolean or nothing: put it in quotes"
                .to_owned()
        }
        other => {
            let text = other.to_string();
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            // The place is told before the problem.
            line.rsplit_once(" at line ").map_or(line.clone(), |(problem, _)| problem.to_owned())
        }
    }
}
