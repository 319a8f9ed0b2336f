//! What is looked for, and where.

use std::path::PathBuf;

use jiff::Timestamp;

use super::Environment;
use super::error::CredentialError;
use super::variables::{self as names, Found, find};

/// Where credentials are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CredentialType {
    /// Everywhere, in the documented order.
    #[default]
    Auto,
    /// The ECS metadata service alone.
    Metadata,
}

impl CredentialType {
    /// The values of `--credential-type`: `auto`; `imds` and `ecs-role` for the metadata service.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "imds" | "ecs-role" => Some(Self::Metadata),
            _ => None,
        }
    }
}

/// The value of a flag or of its variable, with the name of which of the two gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `--profile-name`, or a variable's name.
    pub origin: String,
    /// Its value, not empty.
    pub value: String,
}

/// What is looked for, and where.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    /// The machine.
    pub environment: Environment<'a>,
    /// The time: stored credentials that are over are not used.
    pub now: Timestamp,
    /// `--credential-type`.
    pub kind: CredentialType,
    /// The name of the flag or variable that switches the environment off.
    pub ignore_environment: Option<&'a str>,
    /// The name of the flag or variable that switches the aliyun CLI's file off.
    pub ignore_aliyun_cli: Option<&'a str>,
    /// `--profile-file`: one that ends in `.json` is a file of the aliyun CLI, any other is an ini file; `~/` is the
    /// person's folder. Either switches the environment off, an ini file the aliyun CLI's too.
    pub profile_file: Option<Setting>,
    /// `--profile-name`; else `ALIBABA_CLOUD_PROFILE`, else what the file says.
    pub profile_name: Option<Setting>,
}

impl<'a> Search<'a> {
    /// A search with no flag given.
    pub fn new(environment: Environment<'a>, now: Timestamp) -> Self {
        Self {
            environment,
            now,
            kind: CredentialType::Auto,
            ignore_environment: None,
            ignore_aliyun_cli: None,
            profile_file: None,
            profile_name: None,
        }
    }

    /// The profile that is asked for: by the flag or its variables, or by `ALIBABA_CLOUD_PROFILE`.
    pub(super) fn wanted_profile(&self) -> Option<Found> {
        let given = self.profile_name.as_ref().filter(|setting| !setting.value.is_empty());
        given
            .map(|setting| Found::new(setting.origin.clone(), setting.value.clone()))
            .or_else(|| find(self.environment.variable, names::PROFILE))
    }

    /// The file of `--profile-file`.
    pub(super) fn named_file(&self) -> Option<NamedFile<'_>> {
        let setting = self.profile_file.as_ref().filter(|setting| !setting.value.is_empty())?;
        Some(NamedFile {
            origin: &setting.origin,
            path: from_root(self.environment.expand(&setting.value)),
            is_json: setting.value.ends_with(".json"),
        })
    }
}

/// The file of `--profile-file`.
pub(super) struct NamedFile<'a> {
    /// The flag or the variable that names it.
    pub(super) origin: &'a str,
    pub(super) path: PathBuf,
    /// The aliyun CLI's; else ini.
    pub(super) is_json: bool,
}

impl NamedFile<'_> {
    pub(super) fn missing(&self) -> CredentialError {
        CredentialError::NoProfileFile { origin: self.origin.to_owned(), path: self.path.clone() }
    }
}

/// Two files of one name in two folders are two files: for messages, and for what is kept of either.
fn from_root(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
