//! The ini credentials file that Alibaba Cloud's SDKs share (`ALIBABA_CLOUD_CREDENTIALS_FILE`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::environment::{Environment, keys, session_name, with_role};
use super::error::{CredentialError, ValueProblem};
use super::variables::{self as names, Found, find};
use super::{CredentialsUri, MetadataRole, Source};

const DEFAULT_SECTION: &str = "default";

type Section = BTreeMap<String, String>;

/// A credentials file and the section of it that counts.
struct CredentialsFile<'a> {
    path: PathBuf,
    section: String,
    surroundings: &'a Environment<'a>,
}

/// Reads the file that `ALIBABA_CLOUD_CREDENTIALS_FILE` names, and in it the section that `ALIBABA_CLOUD_PROFILE` names.
pub(super) fn read(path: &Found, surroundings: &Environment<'_>) -> Result<Source, CredentialError> {
    let home = find(surroundings.variable, names::HOME);
    let path = match (path.value.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => PathBuf::from(home.value).join(rest),
        _ => PathBuf::from(&path.value),
    };
    let section = find(surroundings.variable, names::PROFILE)
        .map_or_else(|| DEFAULT_SECTION.to_owned(), |found| found.value);
    let file = CredentialsFile { path, section, surroundings };
    let text = (surroundings.read_file)(&file.path)
        .map_err(|source| CredentialError::ReadFile { path: file.path.clone(), source })?;
    let section = parse_section(&text, &file.section).map_err(|detail| file.error(detail))?;
    file.source(&section)
}

impl CredentialsFile<'_> {
    fn source(&self, section: &Section) -> Result<Source, CredentialError> {
        let optional = |names: &[&str]| {
            names.iter().find_map(|name| {
                let value = section.get(*name).filter(|value| !value.is_empty())?;
                Some(Found::new(self.origin(name), value.clone()))
            })
        };
        let required = |names: &[&str]| {
            let origin = || self.origin(names.first().copied().unwrap_or_default());
            optional(names)
                .ok_or_else(|| CredentialError::Value { origin: origin(), problem: ValueProblem::Missing })
        };
        let id = || required(&["access_key_id"]);
        let secret = || required(&["access_key_secret"]);
        // The public tool's own export writes `security_token`, its reader wants `sts_token`: both are taken.
        let token = || required(&["sts_token", "security_token"]);
        let kind = required(&["type"])?;
        match kind.value.as_str() {
            "access_key" => Ok(Source::Keys(keys(&id()?, &secret()?, None)?)),
            "sts" => Ok(Source::Keys(keys(&id()?, &secret()?, Some(&token()?))?)),
            "ram_role_arn" => {
                let session = || session_name(optional(&["role_session_name"]), self.surroundings.argument_zero);
                with_role(keys(&id()?, &secret()?, None)?, Some(required(&["role_arn"])?), session)
            }
            "ecs_ram_role" => {
                let role = required(&["role_name"])?;
                Ok(Source::Metadata(MetadataRole::new(&role, self.surroundings.variable)?))
            }
            "credentials_uri" => Ok(Source::Uri(CredentialsUri::from_text(&required(&["credentials_uri"])?)?)),
            _ => Err(self.error(format!(
                "section [{}] has a type that is not supported: access_key, sts, ram_role_arn, ecs_ram_role and credentials_uri are",
                self.section
            ))),
        }
    }

    fn origin(&self, key: &str) -> String {
        format!("{key} in section [{}] of the credentials file {}", self.section, self.path.display())
    }

    fn error(&self, detail: String) -> CredentialError {
        CredentialError::File { path: self.path.clone(), detail }
    }
}

/// Reads one section. A `#` or `;` begins a comment at the start of a line or after a blank, so that a secret can hold
/// them; values lose one pair of quotes; later keys win, as in the public tools.
fn parse_section(text: &str, wanted: &str) -> Result<Section, String> {
    let mut current = None;
    let mut found = None;
    for (number, line) in (1_usize..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let name = without_comment(rest).strip_suffix(']');
            let name =
                name.ok_or_else(|| format!("line {number}: the section name has no closing bracket"))?;
            current = Some(name.trim().to_owned());
            if name.trim() == wanted {
                found.get_or_insert_with(Section::new);
            }
            continue;
        }
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| format!("line {number} is neither a section nor key = value"))?;
        if current.as_deref() == Some(wanted) {
            let value = unquoted(without_comment(value.trim()));
            found.get_or_insert_with(Section::new).insert(key.trim().to_owned(), value.to_owned());
        }
    }
    found.ok_or_else(|| format!("there is no section [{wanted}]"))
}

fn without_comment(value: &str) -> &str {
    let start = value
        .char_indices()
        .zip(value.chars().skip(1))
        .find_map(|((at, c), next)| (c.is_whitespace() && matches!(next, '#' | ';')).then_some(at));
    start.and_then(|at| value.get(..at)).unwrap_or(value).trim()
}

fn unquoted(value: &str) -> &str {
    let within = |mark: char| value.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    within('"').or_else(|| within('\'')).unwrap_or(value)
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

    const FILE: &str = "\u{feff}# a comment\n[default]\nenable = true\ntype = access_key ; the kind\n\
        access_key_id = \"LTAIx\"\naccess_key_secret = s#e;c\n\n[ other ]\r\ntype=sts\r\naccess_key_id='STS.x'\r\n\
        access_key_secret=s\r\nsecurity_token=t\r\n";

    fn section(name: &str) -> Section {
        parse_section(FILE, name).unwrap()
    }

    #[test]
    fn reads_sections_quotes_comments_and_both_line_endings() {
        let default = section("default");
        assert_eq!(default["type"], "access_key");
        assert_eq!(default["access_key_id"], "LTAIx");
        assert_eq!(default["access_key_secret"], "s#e;c", "a mark inside a secret is no comment");
        let other = section("other");
        assert_eq!((other["access_key_id"].as_str(), other["security_token"].as_str()), ("STS.x", "t"));
    }

    #[test]
    fn names_the_line_that_is_wrong_without_its_text() {
        for (text, wanted) in [
            ("[default]\ncanary", "line 2"),
            ("[default\n", "line 1"),
            ("[other]\na=b", "no section [default]"),
            ("", "no section [default]"),
        ] {
            let detail = parse_section(text, "default").unwrap_err();
            assert!(detail.contains(wanted) && !detail.contains("canary"), "{detail}");
        }
    }
}
