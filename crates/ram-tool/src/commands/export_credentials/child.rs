//! `export-credentials -- COMMAND`.

use std::ffi::{OsStr, OsString};

use openapi::Credentials;
use signature::Secret;

use crate::Done;
use crate::error::Error;
use crate::platform;

/// The variables of the access key's id, secret and security token that programs read.
pub(super) const NAMES: [&[&str]; 3] = [
    &[
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALICLOUD_ACCESS_KEY",
        "ALIBABACLOUD_ACCESS_KEY_ID",
        "ALIYUN_LOG_CLI_ACCESSID",
    ],
    &[
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALICLOUD_SECRET_KEY",
        "ALIBABACLOUD_ACCESS_KEY_SECRET",
        "ALIYUN_LOG_CLI_ACCESSKEY",
    ],
    &[
        "ALIBABA_CLOUD_SECURITY_TOKEN",
        "ALICLOUD_SECURITY_TOKEN",
        "ALIBABACLOUD_SECURITY_TOKEN",
        "ALICLOUD_ACCESS_KEY_STS_TOKEN",
        "ALIYUN_LOG_CLI_STS_TOKEN",
    ],
];

/// Keeps aliyun CLI from its own profile.
pub(super) const IGNORE_PROFILE: (&str, &str) = ("ALIBABACLOUD_IGNORE_PROFILE", "TRUE");

/// Other variables by which programs, this one among them, find credentials: any of them could win over ours, or assume
/// a role once more.
const OTHERS: [&str; 24] = [
    "ALICLOUD_ACCESS_KEY_ID",
    "ALICLOUD_ACCESS_KEY_SECRET",
    "ACCESS_KEY_ID",
    "ACCESS_KEY_SECRET",
    "SECURITY_TOKEN",
    "ALIBABA_CLOUD_ROLE_ARN",
    "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
    "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
    "ALIBABA_CLOUD_OIDC_TOKEN",
    "ALIBABA_CLOUD_CREDENTIALS_URI",
    "ALIBABA_CLOUD_ECS_METADATA",
    "ALIBABA_CLOUD_CREDENTIALS_FILE",
    "ALIBABA_CLOUD_PROFILE",
    "ALIBABACLOUD_PROFILE",
    "ALICLOUD_PROFILE",
    "ALICLOUD_SHARED_CREDENTIALS_FILE",
    "ALICLOUD_ASSUME_ROLE_ARN",
    "ALIBABA_CLOUD_ASSUME_ROLE_ARN",
    "ALICLOUD_ECS_ROLE_NAME",
    "ACK_RAM_TOOL_PROFILE_FILE",
    "ACK_RAM_TOOL_PROFILE_NAME",
    "ACK_RAM_TOOL_PROFIL_ENAME",
    "ACK_RAM_TOOL_CREDENTIAL_TYPE",
    "ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS",
];

/// Each name with its value; none for the security token that permanent keys do not have.
pub(super) fn assignments<'a>(
    credentials: &'a Credentials,
    names: [&'a [&'a str]; 3],
) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
    let values = [
        Some(credentials.access_key_id.as_str()),
        Some(credentials.access_key_secret.expose()),
        credentials.security_token.as_ref().map(Secret::expose),
    ];
    names.into_iter().zip(values).flat_map(|(names, value)| names.iter().map(move |name| (*name, value)))
}

/// The environment of the command: this program's, with these credentials and without any other.
pub(super) fn environment(
    credentials: &Credentials,
    own: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let is_stale =
        |name: &OsStr| NAMES.iter().flat_map(|names| names.iter()).chain(&OTHERS).any(|stale| name == *stale);
    let mut variables: Vec<(OsString, OsString)> = own.filter(|(name, _)| !is_stale(name)).collect();
    for (name, value) in assignments(credentials, NAMES) {
        if let Some(value) = value {
            variables.push((name.into(), value.into()));
        }
    }
    variables.push((IGNORE_PROFILE.0.into(), IGNORE_PROFILE.1.into()));
    variables
}

pub(super) fn run(
    program: &OsString,
    arguments: &[OsString],
    credentials: &Credentials,
) -> Result<Done, Error> {
    let variables = environment(credentials, platform::variables());
    platform::become_program(program, arguments, &variables)
        .map(Done::code)
        .map_err(|source| Error::Start { program: program.to_string_lossy().into_owned(), source })
}
