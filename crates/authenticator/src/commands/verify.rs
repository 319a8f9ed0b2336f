//! `verify`: who signed a token, by the server's own checks and STS, without a server.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use identity::Principal;
use jiff::Timestamp;
use openapi::sts::{Client, ClientOptions, Endpoint, PresignedRequest, StsError};
use serde::Serialize;
use signature::Secret;
use token::{Rules, Token, Version};

use crate::config::file::FileConfig;
use crate::config::{self, ConfigError, Environment};
use crate::flags::{sts_endpoint, token_query_key};
use crate::version::VERSION;

/// No token is longer, whatever the limit is set to: what else is in a file or on stdin is not read into memory.
const READ_LIMIT: u64 = 64 * 1024;

/// Flags of `verify`.
#[derive(Args, Debug)]
pub struct VerifyArguments {
    /// Token to check; - reads it from stdin. Every user of this machine can read a command line while the command
    /// runs, and the token is good for 15 minutes: prefer - or --token-file [default: token of the configuration file]
    #[arg(short = 't', long, value_name = "TOKEN", value_parser = secret, allow_hyphen_values = true)]
    pub token: Option<Secret>,
    /// Read the token from this file
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub token_file: Option<PathBuf>,
    /// json, or text: a line for each field [default: output of the configuration file, else text]
    #[arg(short = 'o', long, value_name = "FORMAT")]
    pub output: Option<String>,
    /// Ask the STS of this region, through the VPC; none: sts.aliyuncs.com [default: server.region of the
    /// configuration file, else $STS_REGION]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Ask STS here instead of at the region's address
    #[arg(long, value_name = "HOST[:PORT]", value_parser = sts_endpoint)]
    pub sts_endpoint: Option<Endpoint>,
    /// PEM file with the authorities to trust for STS, instead of the system's
    #[arg(long, value_name = "FILE")]
    pub sts_ca_file: Option<PathBuf>,
    /// Longest token to read, in bytes, its prefix included; as the server's flag
    #[arg(long, value_name = "BYTES", default_value = "8192", value_parser = clap::value_parser!(u32).range(1024..=49152))]
    pub max_token_bytes: u32,
    /// Accept tokens that carry this query parameter; as the server's flag. May be repeated
    #[arg(long, value_name = "KEY", action = clap::ArgAction::Append, value_parser = token_query_key)]
    pub allow_token_query_key: Vec<String>,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// Why there is no identity. One line each, without the token.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Cluster ID or region.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No token anywhere.
    #[error(
        "no token: give --token (-t), --token -, which reads stdin, --token-file, or token in the configuration file"
    )]
    NoToken,
    /// A token file that cannot be read.
    #[error("cannot read the token from {place}: {source}")]
    Read {
        /// The file, or stdin.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// Another output format.
    #[error("unknown output format {0:?}: write json or text")]
    Output(String),
    /// The client for STS.
    #[error(transparent)]
    Client(#[from] openapi::sts::ClientError),
    /// The token breaks a rule; STS was not asked.
    #[error("the token is refused without asking STS ({reason}): {0}", reason = .0.reason())]
    Refused(token::DecodeError),
    /// STS says no.
    #[error("the token is refused ({reason}): {0}", reason = .0.reason())]
    RefusedBySts(StsError),
    /// STS says nothing.
    #[error("nobody can tell now whether the token is good ({reason}): {0}", reason = .0.reason())]
    NoAnswer(StsError),
}

/// Who signed the token, under the field names of the public program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// As STS spells it.
    #[serde(rename = "ARN")]
    pub arn: String,
    /// For an assumed role, that of its role.
    #[serde(rename = "CanonicalARN")]
    pub canonical_arn: String,
    /// Digits.
    #[serde(rename = "AccountID")]
    pub account_id: String,
    /// RAM's own id of the user or role, without the session; the account's for the account.
    #[serde(rename = "UserID")]
    pub user_id: String,
    /// Empty for what is no assumed role.
    #[serde(rename = "SessionName")]
    pub session_name: String,
    /// The key that signed.
    #[serde(rename = "AccessKeyID")]
    pub access_key_id: String,
}

impl Identity {
    fn new(principal: &Principal, token: &Token) -> Self {
        Self {
            arn: principal.arn().to_owned(),
            canonical_arn: principal.canonical_arn().to_owned(),
            account_id: principal.account_id().to_owned(),
            user_id: principal.user_id().to_owned(),
            session_name: principal.session_name().to_owned(),
            access_key_id: token.access_key_id().to_owned(),
        }
    }

    /// JSON as the public program indents it, or a line for each field.
    fn shown(&self, format: Format) -> String {
        match format {
            Format::Json => {
                let mut bytes = Vec::new();
                let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
                let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
                // Six texts cannot fail to become JSON.
                let _ = self.serialize(&mut serializer);
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Format::Text => {
                let fields = [
                    ("ARN", &self.arn),
                    ("CanonicalARN", &self.canonical_arn),
                    ("AccountID", &self.account_id),
                    ("UserID", &self.user_id),
                    ("SessionName", &self.session_name),
                    ("AccessKeyID", &self.access_key_id),
                ];
                // A session name is the client's own text: nothing in it may look like a further line.
                let lines = fields.map(|(name, value)| format!("{name:<14}{}", value.escape_debug()));
                lines.map(|line| line.trim_end().to_owned()).join("\n")
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Text,
}

fn format(arguments: &VerifyArguments, file: &FileConfig) -> Result<Format, VerifyError> {
    match arguments.output.as_deref().or(file.output.as_deref()) {
        Some("json") => Ok(Format::Json),
        None | Some("" | "text") => Ok(Format::Text),
        Some(other) => Err(VerifyError::Output(other.chars().take(64).collect())),
    }
}

/// Checks the token and gives the text for stdout.
///
/// # Errors
/// [`VerifyError`].
pub async fn run(
    cluster_ids: Vec<String>,
    arguments: &VerifyArguments,
    file: &FileConfig,
    environment: &Environment,
    now: Timestamp,
) -> Result<String, VerifyError> {
    let format = format(arguments, file)?;
    let endpoint = config::sts_of(
        arguments.sts_endpoint.as_ref(),
        arguments.region.as_ref(),
        file.server.region.as_ref(),
        environment,
    )?;
    let options = ClientOptions {
        ca_file: arguments.sts_ca_file.clone(),
        ..ClientOptions::new(endpoint, format!("ack-ram-authenticator/{VERSION}"))
    };
    let sts = Client::new(&options)?;
    let text = token_text(arguments, file)?;
    let rules = Rules {
        cluster_ids,
        max_bytes: usize::try_from(arguments.max_token_bytes).unwrap_or(usize::MAX),
        extra_query_keys: arguments.allow_token_query_key.clone(),
        ..Rules::default()
    };
    let token = token::decode(text.expose(), &rules, now).map_err(VerifyError::Refused)?;
    if token.version() == Version::V1 {
        tracing::warn!(
            "STS takes a version 1 token once: this check uses it up, and the server will refuse it from now on"
        );
    }
    ask(&sts, &token).await.map(|principal| Identity::new(&principal, &token).shown(format))
}

async fn ask(sts: &Client, token: &Token) -> Result<Principal, VerifyError> {
    let request = token.request();
    let presigned = PresignedRequest {
        method: request.method.to_owned(),
        query: request.query,
        headers: request.headers,
    };
    match sts.get_caller_identity_presigned(&presigned).await {
        Ok((principal, _request_id)) => Ok(principal),
        Err(error) if error.is_passing() => Err(VerifyError::NoAnswer(error)),
        Err(error) => Err(VerifyError::RefusedBySts(error)),
    }
}

fn token_text(arguments: &VerifyArguments, file: &FileConfig) -> Result<Secret, VerifyError> {
    let text = match (&arguments.token, &arguments.token_file) {
        (Some(token), _) if token.expose() == "-" => read(io::stdin().lock(), "stdin".to_owned())?,
        (Some(token), _) => token.clone(),
        (None, Some(path)) => read_file(path)?,
        (None, None) => file.token.clone().ok_or(VerifyError::NoToken)?,
    };
    if text.is_empty() { Err(VerifyError::NoToken) } else { Ok(text) }
}

fn read_file(path: &Path) -> Result<Secret, VerifyError> {
    let place = path.display().to_string();
    match File::open(path) {
        Ok(opened) => read(opened, place),
        Err(source) => Err(VerifyError::Read { place, source }),
    }
}

/// What stands there, without the line break that an editor or `echo` puts after it.
fn read(source: impl io::Read, place: String) -> Result<Secret, VerifyError> {
    let mut text = String::new();
    match source.take(READ_LIMIT).read_to_string(&mut text) {
        Ok(_) => Ok(Secret::new(text.trim_matches(['\r', '\n', ' ', '\t']))),
        Err(source) => Err(VerifyError::Read { place, source }),
    }
}
