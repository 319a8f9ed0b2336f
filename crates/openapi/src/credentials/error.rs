//! Why there are no credentials.

use std::path::PathBuf;

use identity::ArnError;

use crate::sts::{ClientError, StsError};

/// Why there are no credentials: one line each, naming the variable, file or service, never a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// No place applies.
    #[error(
        "no credentials found in the environment ({}); set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, and ALIBABA_CLOUD_SECURITY_TOKEN for temporary keys (only the environment is searched: profiles of the aliyun CLI are not read in this version)",
        list(.lacking)
    )]
    Nothing {
        /// Each place that was looked at, in order, with what it lacks.
        lacking: Vec<Lacking>,
    },
    /// The environment is the only place that is searched, and it is to be ignored.
    #[error(
        "no credentials: --ignore-env-credentials (or ACK_RAM_TOOL_IGNORE_ENV_CREDENTIALS) is given, and this version reads credentials from the environment only"
    )]
    Ignored,
    /// A variable, or a key of the credentials file, holds what it cannot hold.
    #[error("{origin} {problem}")]
    Value {
        /// The variable's name; for a file, the key and the file.
        origin: String,
        /// What is wrong with it.
        problem: ValueProblem,
    },
    /// A role ARN that is none.
    #[error("{origin} does not hold a role ARN: {source}")]
    RoleArn {
        /// The variable, flag or key.
        origin: String,
        /// What is wrong with it.
        source: ArnError,
    },
    /// An ARN of something else than a role.
    #[error("{origin} holds the ARN of something that is no role: write acs:ram::ACCOUNT-ID:role/NAME")]
    NotARole {
        /// The variable, flag or key.
        origin: String,
    },
    /// The OIDC token file cannot be read.
    #[error("cannot read the OIDC token file {}: {source}", path.display())]
    ReadTokenFile {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The OIDC token file holds no token.
    #[error(
        "the OIDC token file {} does not hold a token: it must be 4 to 20000 visible characters",
        path.display()
    )]
    TokenFile {
        /// The file.
        path: PathBuf,
    },
    /// The credentials file cannot be read.
    #[error("cannot read the credentials file {} (named by ALIBABA_CLOUD_CREDENTIALS_FILE): {source}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The credentials file is no ini file, or its section is not usable.
    #[error("the credentials file {}: {detail}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        detail: String,
    },
    /// A credentials URI or the metadata service gave no credentials.
    #[error("no credentials from {service}: {detail}")]
    Service {
        /// The service: what it is, and its `SCHEME://HOST:PORT`.
        service: String,
        /// What happened.
        detail: String,
    },
    /// No client could be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// STS did not give a session.
    #[error(transparent)]
    Sts(#[from] StsError),
}

/// What is wrong with a value, without the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueProblem {
    /// A blank or line break at its start or end.
    #[error("has a blank or a line break at its start or end: remove it")]
    SurroundingBlanks,
    /// Characters that no key has.
    #[error(
        "holds blanks, control characters or other characters that no access key has: check how it was copied"
    )]
    Characters,
    /// Not an access key id.
    #[error("is not an access key id: 1 to 128 characters of A-Z a-z 0-9 . _ - are allowed")]
    AccessKeyId,
    /// Not a session name.
    #[error("is not a role session name: 2 to 64 characters of A-Z a-z 0-9 . @ - _ are allowed")]
    SessionName,
    /// Not a URL that can be asked.
    #[error("is not a URL of the form http://HOST[:PORT]/PATH or https://…")]
    Url,
    /// Not a role name.
    #[error("is not a role name: 1 to 64 characters of A-Z a-z 0-9 . _ - are allowed")]
    RoleName,
    /// Missing from a file.
    #[error("is missing")]
    Missing,
}

/// One place that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// What it would have given.
    pub place: &'static str,
    /// What it lacks.
    pub lacks: String,
}

fn list(lacking: &[Lacking]) -> String {
    let places: Vec<String> = lacking.iter().map(|one| format!("{}: {}", one.place, one.lacks)).collect();
    places.join("; ")
}
