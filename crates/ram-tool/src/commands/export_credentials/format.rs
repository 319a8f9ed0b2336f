//! The formats, each as the program that it is for reads it.

use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use openapi::Credentials;
use serde::Serialize;
use signature::{Secret, format_timestamp};

use super::child;
use crate::error::Error;

/// When credentials of an unknown end are to be asked for again: soon, for they may be temporary.
const UNKNOWN_END: SignedDuration = SignedDuration::from_mins(10);
/// Readers want an end of permanent keys too, and ask again before it.
const NO_END: SignedDuration = SignedDuration::from_hours(1);

/// Who is to read the credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// (or aliyuncli-json; the default) A profile of aliyun CLI's config.json, as its mode External reads it
    #[default]
    #[value(name = "aliyun-cli-config-json", alias = "aliyuncli-json")]
    AliyunCliConfig,
    /// (or aliyuncli-uri) What a credentials URI answers
    #[value(name = "aliyun-cli-uri-json", alias = "aliyuncli-uri")]
    CredentialsUri,
    /// (or ecs) What the ECS metadata service answers
    #[value(name = "ecs-metadata-json", alias = "ecs")]
    EcsMetadata,
    /// (or ini) The SDKs' ini file
    #[value(name = "credential-file-ini", alias = "ini")]
    Ini,
    /// (or env) Lines that a POSIX shell evaluates
    #[value(name = "environment-variables", alias = "env")]
    Environment,
}

#[derive(Serialize)]
struct Profile<'a> {
    mode: &'a str,
    access_key_id: &'a str,
    access_key_secret: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sts_token: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    code: &'a str,
    access_key_id: &'a str,
    access_key_secret: &'a str,
    security_token: &'a str,
    expiration: String,
}

impl ExportFormat {
    /// The credentials in this format, with a line break at the end.
    pub(super) fn write(self, credentials: &Credentials, now: Timestamp) -> Result<String, Error> {
        let token = credentials.security_token.as_ref().map(Secret::expose);
        match self {
            Self::AliyunCliConfig => json(&Profile {
                mode: if token.is_some() { "StsToken" } else { "AK" },
                access_key_id: &credentials.access_key_id,
                access_key_secret: credentials.access_key_secret.expose(),
                sts_token: token,
            }),
            Self::CredentialsUri | Self::EcsMetadata => json(&Answer {
                code: "Success",
                access_key_id: &credentials.access_key_id,
                access_key_secret: credentials.access_key_secret.expose(),
                security_token: token.unwrap_or_default(),
                expiration: format_timestamp(end(credentials, now)),
            }),
            Self::Ini => ini(credentials),
            Self::Environment => Ok(environment(credentials)),
        }
    }
}

fn end(credentials: &Credentials, now: Timestamp) -> Timestamp {
    let lifetime = if credentials.security_token.is_some() { UNKNOWN_END } else { NO_END };
    credentials.expiration.unwrap_or_else(|| now.saturating_add(lifetime).unwrap_or(now))
}

/// Two spaces of indentation and one before the last brace, as the public tool has it.
fn json<T: Serialize>(value: &T) -> Result<String, Error> {
    let failed = |error: serde_json::Error| Error::Format { what: "credentials", detail: error.to_string() };
    let text = serde_json::to_string_pretty(value).map_err(failed)?;
    let body = text.strip_suffix('}').unwrap_or(&text);
    Ok(format!("{body} }}\n"))
}

/// Readers differ about comments, quotes, `%` and blanks inside a value. No key holds such characters; one that does is
/// refused rather than cut.
fn ini(credentials: &Credentials) -> Result<String, Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=:,@!$&*()".contains(&b);
    let value = |name: &'static str, text: &str| match text.bytes().all(plain) {
        true => Ok(format!("{name} = {text}\n")),
        false => Err(Error::IniValue { name }),
    };
    let kind = if credentials.security_token.is_some() { "sts" } else { "access_key" };
    let mut text = format!("[default]\nenable = true\ntype = {kind}\n");
    text.push_str(&value("access_key_id", &credentials.access_key_id)?);
    text.push_str(&value("access_key_secret", credentials.access_key_secret.expose())?);
    if let Some(token) = &credentials.security_token {
        // The first is what readers look for; the second is what the public tool wrote.
        text.push_str(&value("sts_token", token.expose())?);
        text.push_str(&value("security_token", token.expose())?);
    }
    Ok(text)
}

/// `export` lines for a POSIX shell. Permanent keys also take tokens away that an earlier line has set.
fn environment(credentials: &Credentials) -> String {
    let block = |title: &str, names: [&[&str]; 3]| {
        let mut text = format!("\n# {title}\n");
        for (name, value) in child::assignments(credentials, names) {
            match value {
                Some(value) => text.push_str(&format!("export {name}={}\n", shell_word(value))),
                None => text.push_str(&format!("unset {name}\n")),
            }
        }
        text
    };
    let mut text = block(
        "for aliyun cli:",
        [
            &["ALIBABACLOUD_ACCESS_KEY_ID"],
            &["ALIBABACLOUD_ACCESS_KEY_SECRET"],
            &["ALIBABACLOUD_SECURITY_TOKEN"],
        ],
    );
    text.push_str(&block(
        "for terraform:",
        [&["ALICLOUD_ACCESS_KEY"], &["ALICLOUD_SECRET_KEY"], &["ALICLOUD_SECURITY_TOKEN"]],
    ));
    text.push_str(&block("for other tools:", child::NAMES));
    text.push_str(&format!("export {}={}\n", child::IGNORE_PROFILE.0, child::IGNORE_PROFILE.1));
    text
}

/// A word that a POSIX shell reads as this text, whatever it holds.
fn shell_word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._+/=:,@".contains(&b);
    match !text.is_empty() && text.bytes().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
