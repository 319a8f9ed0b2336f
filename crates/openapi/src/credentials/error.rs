//! Why there are no credentials.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use signature::format_timestamp;

use crate::sts::{ClientError, Endpoint, StsError};

/// Why there are no credentials: one line each, naming the variable, file or service, never a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// No place applies.
    #[error(
        "no credentials found; looked at, in this order: {}; set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET (and ALIBABA_CLOUD_SECURITY_TOKEN for temporary keys), or run aliyun configure",
        list(.lacking)
    )]
    Nothing {
        /// Each place that was looked at, in order, with what it lacks.
        lacking: Vec<Lacking>,
    },
    /// The file of `--profile-file` does not exist.
    #[error("the file {} of {origin} does not exist", path.display())]
    NoProfileFile {
        /// The flag or variable that names it.
        origin: String,
        /// The file.
        path: PathBuf,
    },
    /// The credentials are over.
    #[error("the credentials ended at {} ({place}): get new ones, and check this machine's clock", format_timestamp(*end))]
    Ended {
        /// Where they came from.
        place: String,
        /// When they ended.
        end: Timestamp,
    },
    /// A variable, or a key of the credentials file, holds what it cannot hold.
    #[error("{origin} {problem}")]
    Value {
        /// The variable's name; for a file, the key and the file.
        origin: String,
        /// What is wrong with it.
        problem: ValueProblem,
    },
    /// A role ARN that is none. Its text is not shown: whoever mixes keys up puts a secret there.
    #[error("{origin} does not hold a role ARN: write acs:ram::ACCOUNT-ID:role/NAME")]
    RoleArn {
        /// The variable, flag or key.
        origin: String,
    },
    /// An ARN of something else than a role.
    #[error("{origin} holds the ARN of something that is no role: write acs:ram::ACCOUNT-ID:role/NAME")]
    NotARole {
        /// The variable, flag or key.
        origin: String,
    },
    /// The OIDC token file cannot be read.
    #[error("cannot read the OIDC token file {}: {problem}", path.display())]
    ReadTokenFile {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        problem: String,
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
    /// kubectl started this program, with a kubeconfig that may be a stranger's.
    #[error(
        "the token of the OIDC token file {} is not sent to {endpoint}: whoever receives it can use it, and a kubeconfig may name any endpoint; started by kubectl, it goes to sts.aliyuncs.com and sts[-vpc].REGION.aliyuncs.com only: leave --sts-endpoint and its variables out",
        path.display()
    )]
    OidcEndpoint {
        /// The file.
        path: PathBuf,
        /// Where its token would go.
        endpoint: Endpoint,
    },
    /// A file with credentials cannot be read, or not be understood.
    #[error("the {kind} {}: {detail}", path.display())]
    File {
        /// Which kind of file it is.
        kind: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        detail: String,
    },
    /// A profile that cannot be used.
    #[error("{place}: {detail}")]
    Profile {
        /// The profile and its file.
        place: String,
        /// What is wrong, and what to do.
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
    /// A text was wanted.
    #[error("is not a text: write it in quotes")]
    NotText,
    /// A whole number was wanted.
    #[error("is not a whole number: write it without quotes")]
    NotInteger,
    /// Not an external id.
    #[error("is not an external id: 2 to 1224 characters of A-Z a-z 0-9 _ + = , . @ : / - are allowed")]
    ExternalId,
    /// Not the length of a session.
    #[error("is not the length of a session: 900 to 43200 seconds are allowed")]
    Duration,
    /// Not a region.
    #[error("is not a region id, such as cn-hangzhou")]
    Region,
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

/// Whether a failed read means that there is no such file.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Why a file cannot be read, and what to do.
pub(super) fn read_problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("{error}: check its owner and mode, and those of its folders")
        }
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        io::ErrorKind::FileTooLarge => "it is larger than 1 MiB".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}
