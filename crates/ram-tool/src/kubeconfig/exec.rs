//! The user of a kubeconfig that this program writes: how kubectl calls it.

use openapi::sts::Endpoint;

use super::Expiration;
use super::yaml::Yaml;
use crate::cluster_id::ClusterId;
use crate::flags::{ApiVersion, CredentialType, TokenVersion};
use crate::paths;
use crate::settings::Settings;

const COMMAND: &str = "ack-ram-tool";

/// How kubectl logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// With a token for `ack-ram-authenticator`.
    Token(TokenVersion),
    /// With a client certificate that ACK issues.
    Certificate {
        expiration: Expiration,
        /// As it was written.
        cache_dir: String,
    },
}

/// The user's body: `exec` and nothing else.
pub(crate) fn exec_user(login: &Login, id: &ClusterId, version: ApiVersion, settings: &Settings) -> Yaml {
    let arguments = arguments(login, id, version, settings);
    let exec = vec![
        ("command".to_owned(), Yaml::text(COMMAND)),
        ("args".to_owned(), Yaml::List(arguments.into_iter().map(Yaml::Text).collect())),
        ("apiVersion".to_owned(), Yaml::text(version.group_version())),
        ("provideClusterInfo".to_owned(), Yaml::Bare("false".to_owned())),
        // A login may have to ask for a code; where there is no terminal, nothing is asked.
        ("interactiveMode".to_owned(), Yaml::text("IfAvailable")),
    ];
    Yaml::Map(vec![("exec".to_owned(), Yaml::Map(exec))])
}

/// What kubectl calls this program with: what was said here, by flag or by variable, holds there too.
fn arguments(login: &Login, id: &ClusterId, version: ApiVersion, settings: &Settings) -> Vec<String> {
    let command = match login {
        Login::Token(_) => "get-token",
        Login::Certificate { .. } => "get-credential",
    };
    let mut arguments = vec!["credential-plugin".to_owned(), command.to_owned()];
    let mut add = |flag: &str, value: &str| arguments.extend([flag.to_owned(), value.to_owned()]);
    add("--cluster-id", id.as_str());
    add("--api-version", version.as_str());
    match login {
        Login::Token(TokenVersion::V1) => add("--token-version", "v1"),
        Login::Token(TokenVersion::V2) => {}
        Login::Certificate { expiration, cache_dir } => {
            add("--expiration", &expiration.to_string());
            add("--credential-cache-dir", &paths::from_anywhere(cache_dir));
        }
    }
    if let Some(file) = &settings.profile_file {
        add("--profile-file", &paths::from_anywhere(&file.value));
    }
    if let Some(name) = &settings.profile_name {
        add("--profile-name", &name.value);
    }
    let mut switch = |flag: &str| arguments.push(flag.to_owned());
    if settings.ignore_aliyun_cli_credentials.is_some() {
        switch("--ignore-aliyun-cli-credentials");
    }
    if settings.ignore_env_credentials.is_some() {
        switch("--ignore-env-credentials");
    }
    let mut add = |flag: &str, value: &str| arguments.extend([flag.to_owned(), value.to_owned()]);
    if let Some(arn) = &settings.role_arn {
        add("--role-arn", arn);
    }
    if let Some(region) = &settings.region_id {
        add("--region-id", region);
    }
    add("--sts-endpoint", &Endpoint::authority(&settings.sts_endpoint));
    if let Some(endpoint) = &settings.given_cs_endpoint {
        add("--cs-endpoint", &endpoint.value);
    }
    if let CredentialType::Metadata(word) = settings.credential_type {
        add("--credential-type", word);
    }
    add("--log-level", "error");
    arguments
}
