//! The ini credentials file that Alibaba Cloud's SDKs share: `~/.alibabacloud/credentials`, and what
//! `ALIBABA_CLOUD_CREDENTIALS_FILE` or `--profile-file` name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::aliyun_cli::{Chain, File};
use super::error::{CredentialError, ValueProblem, is_missing, read_problem};
use super::search::Search;
use super::values::{assume_role, keys, session_name};
use super::variables::Found;
use super::{CredentialsUri, External, MetadataRole, Source};

/// Below the person's folder.
pub(super) const DEFAULT_FILE: &str = ".alibabacloud/credentials";
const DEFAULT_SECTION: &str = "default";
const KIND: &str = "credentials file";

type Section = BTreeMap<String, String>;

/// A credentials file and the section of it that counts.
struct CredentialsFile<'a> {
    path: PathBuf,
    section: String,
    search: &'a Search<'a>,
}

/// What a credentials file gives.
pub(super) enum Reading {
    /// What its section describes.
    Source(Box<Source>),
    /// There is no such file.
    NoFile,
    /// It has no section of the name that a flag or variable asks for: the error of a file that must have it.
    NoSuchProfile(CredentialError),
}

/// Reads the file, and in it the section that is asked for, or `default`.
pub(super) fn read(path: PathBuf, search: &Search<'_>) -> Result<Reading, CredentialError> {
    let text = match (search.environment.read_file)(&path) {
        Ok(text) => text,
        Err(error) if is_missing(&error) => return Ok(Reading::NoFile),
        Err(error) => return Err(CredentialError::File { kind: KIND, path, detail: read_problem(&error) }),
    };
    let wanted = search.wanted_profile();
    let section = wanted.as_ref().map_or(DEFAULT_SECTION, |found| &found.value).to_owned();
    let file = CredentialsFile { path, section, search };
    match (parse_section(&text, &file.section).map_err(|detail| file.error(detail))?, wanted) {
        (Some(section), _) => {
            let source = Box::new(file.source(&section)?);
            Ok(Reading::Source(Box::new(Source::Profile { place: file.place(), source })))
        }
        (None, None) => Err(file.error(format!("there is no section [{}]", file.section))),
        (None, Some(by)) => {
            let detail = format!("there is no section [{}] (named by {})", file.section, by.origin);
            Ok(Reading::NoSuchProfile(file.error(detail)))
        }
    }
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
        let environment = &self.search.environment;
        let kind = required(&["type"])?;
        match kind.value.as_str() {
            "access_key" => Ok(Source::Keys(keys(&id()?, &secret()?, None)?)),
            "sts" => Ok(Source::Keys(keys(&id()?, &secret()?, Some(&token()?))?)),
            "ram_role_arn" => {
                let session = session_name(optional(&["role_session_name"]), environment.argument_zero)?;
                Ok(Source::AssumeRole {
                    from: Box::new(Source::Keys(keys(&id()?, &secret()?, None)?)),
                    request: assume_role(&required(&["role_arn"])?, session)?,
                    endpoint: None,
                })
            }
            "ecs_ram_role" => {
                let role = optional(&["role_name"]);
                Ok(Source::Metadata(MetadataRole::new(role.as_ref(), environment.variable)?))
            }
            "credentials_uri" => Ok(Source::Uri(CredentialsUri::from_text(&required(&["credentials_uri"])?)?)),
            "external" => {
                // An ini file's lines can stand inside the strings of a kubeconfig: the usual place is no such file's.
                let is_usual = environment.at_home(DEFAULT_FILE).as_ref() == Some(&self.path);
                let file = File::without_profiles(&self.path, is_usual);
                let command = required(&["process_command"])?;
                Ok(Source::External(External::new(&command, &self.place(), None, &file, &Chain::default())?))
            }
            _ => Err(self.error(format!(
                "section [{}] has a type that is not supported: access_key, sts, ram_role_arn, ecs_ram_role, credentials_uri and external are",
                self.section
            ))),
        }
    }

    fn place(&self) -> String {
        format!("section [{}] of {}", self.section, self.path.display())
    }

    fn origin(&self, key: &str) -> String {
        format!("{key} in section [{}] of the credentials file {}", self.section, self.path.display())
    }

    fn error(&self, detail: String) -> CredentialError {
        CredentialError::File { kind: KIND, path: self.path.clone(), detail }
    }
}

/// Reads one section. A `#` or `;` begins a comment at the start of a line or after a blank, so that a secret can hold
/// them; values lose one pair of quotes; later keys win, as in the public tools.
fn parse_section(text: &str, wanted: &str) -> Result<Option<Section>, String> {
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
    Ok(found)
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
    use super::super::CredentialError;
    use super::super::testing::search_with;
    use super::*;

    const ROLE: &str = "acs:ram::1234567890123456:role/dev";
    const KEYS: &str = "access_key_id=LTAIx\naccess_key_secret=s\n";

    fn file(section: &str, content: &str) -> Result<Source, CredentialError> {
        let pairs = [
            ("ALIBABA_CLOUD_CREDENTIALS_FILE", "~/keys.ini"),
            ("HOME", "/home/x"),
            ("ALIBABA_CLOUD_PROFILE", section),
        ];
        let read = |path: &std::path::Path| {
            assert_eq!(path, std::path::Path::new("/home/x/keys.ini"));
            Ok(content.to_owned())
        };
        search_with(&pairs, &read, |_| ())
    }

    #[test]
    fn every_supported_type_gives_its_source() {
        for (content, name) in [
            (format!("[default]\ntype=access_key\n{KEYS}"), "access key"),
            (format!("[default]\nenable=false\ntype=sts\n{KEYS}sts_token=t"), "temporary access key"),
            (format!("[default]\ntype=sts\n{KEYS}security_token=t"), "temporary access key"),
            (
                format!("[default]\ntype=ram_role_arn\n{KEYS}role_arn={ROLE}\nrole_session_name=me"),
                "access key that assumes a role",
            ),
            ("[default]\ntype=ecs_ram_role\nrole_name=worker".to_owned(), "ECS metadata service"),
            ("[default]\ntype=ecs_ram_role".to_owned(), "ECS metadata service"),
            ("[default]\ntype=credentials_uri\ncredentials_uri=http://x/".to_owned(), "credentials URI"),
            ("[default]\ntype=external\nprocess_command=acs-sso login".to_owned(), "external program"),
        ] {
            let wanted = format!("{name} (section [default] of /home/x/keys.ini)");
            assert_eq!(file("", &content).unwrap().name(), wanted);
        }
        let other = format!("[default]\ntype=ecs_ram_role\n[ci]\ntype=access_key\n{KEYS}");
        assert!(file("ci", &other).unwrap().immediate().is_some());
    }

    #[test]
    fn what_cannot_be_used_is_named_by_key_section_and_file() {
        for (content, wanted) in [
            ("[default]\naccess_key_id=canary", "type in section [default]"),
            ("[default]\ntype=access_key\naccess_key_id=canary", "access_key_secret in section [default]"),
            ("[default]\ntype=external", "process_command in section [default]"),
            ("[default]\ntype=canary", "a type that is not supported"),
            ("[default]\ntype=ecs_ram_role\nrole_name=../canary", "role_name in section [default]"),
            ("[x]\ntype=sts", "no section [default]"),
        ] {
            let text = file("", content).unwrap_err().to_string();
            assert!(text.contains(wanted) && text.contains("keys.ini") && !text.contains("canary"), "{text}");
        }
        for content in ["", "[other]\na=b"] {
            assert!(file("", content).unwrap_err().to_string().contains("no section [default]"));
        }
    }

    const FILE: &str = "\u{feff}# a comment\n[default]\nenable = true\ntype = access_key ; the kind\n\
        access_key_id = \"LTAIx\"\naccess_key_secret = s#e;c\n\n[ other ]\r\ntype=sts\r\naccess_key_id='STS.x'\r\n\
        access_key_secret=s\r\nsecurity_token=t\r\n";

    fn section(name: &str) -> Section {
        parse_section(FILE, name).unwrap().unwrap()
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
        for (text, wanted) in [("[default]\ncanary", "line 2"), ("[default\n", "line 1")] {
            let detail = parse_section(text, "default").unwrap_err();
            assert!(detail.contains(wanted) && !detail.contains("canary"), "{detail}");
        }
    }
}
