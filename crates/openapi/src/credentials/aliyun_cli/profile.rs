//! One profile: a mode, and the keys that the mode needs.

use std::fmt;
use std::path::Path;

use serde_json::Value;

use super::super::error::{CredentialError, ValueProblem};
use super::super::variables::Found;
use super::file::{Keys, fold, shown};

/// How a profile gets credentials: the aliyun CLI's `mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::credentials) enum Mode {
    /// `AK`: an access key.
    Ak,
    /// `StsToken`: a temporary access key.
    StsToken,
    /// `RamRoleArn`: an access key that assumes a role.
    RamRoleArn,
    /// `EcsRamRole`: the ECS metadata service.
    EcsRamRole,
    /// `RamRoleArnWithRoleName`: an instance role that assumes a role.
    RamRoleArnWithRoleName,
    /// `ChainableRamRoleArn`: another profile that assumes a role.
    ChainableRamRoleArn,
    /// `External`: a program that prints a profile.
    External,
    /// `CredentialsURI`: a service that hands out credentials.
    CredentialsUri,
    /// `OIDC`: a token file, exchanged at STS.
    Oidc,
    /// `CloudSSO`: a login at CloudSSO.
    CloudSso,
    /// `OAuth`: a login in the browser.
    OAuth,
    /// `RsaKeyPair`: a session key for a key pair.
    RsaKeyPair,
}

const MODES: [(&str, Mode); 12] = [
    ("AK", Mode::Ak),
    ("StsToken", Mode::StsToken),
    ("RamRoleArn", Mode::RamRoleArn),
    ("EcsRamRole", Mode::EcsRamRole),
    ("RamRoleArnWithRoleName", Mode::RamRoleArnWithRoleName),
    ("ChainableRamRoleArn", Mode::ChainableRamRoleArn),
    ("External", Mode::External),
    ("CredentialsURI", Mode::CredentialsUri),
    ("OIDC", Mode::Oidc),
    ("CloudSSO", Mode::CloudSso),
    ("OAuth", Mode::OAuth),
    ("RsaKeyPair", Mode::RsaKeyPair),
];

/// One profile. Its values may be secrets: they are not printed.
#[derive(Clone)]
pub(in crate::credentials) struct Profile {
    name: String,
    place: String,
    values: Keys,
}

impl Profile {
    /// An entry of the file at `path`.
    pub(super) fn of_file(values: Keys, path: &Path) -> Self {
        let name = values.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let place = format!("profile {} of {}", shown(&name), path.display());
        Self { name, place, values }
    }

    /// An object that a program printed; `place` says which program.
    pub(in crate::credentials) fn of_map(values: serde_json::Map<String, Value>, place: &str) -> Self {
        let values = fold(values);
        let name = values.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { name, place: place.to_owned(), values }
    }

    /// `name`.
    pub(in crate::credentials) fn name(&self) -> &str {
        &self.name
    }

    /// `profile "NAME" of FILE`: for messages.
    pub(in crate::credentials) fn place(&self) -> &str {
        &self.place
    }

    /// `mode`.
    pub(in crate::credentials) fn mode(&self) -> Result<Mode, CredentialError> {
        let known = || MODES.map(|(name, _)| name).join(", ");
        let Some(found) = self.text("mode")? else {
            return Err(self.error(format!("mode is missing: it is one of {}", known())));
        };
        MODES
            .iter()
            .find_map(|(name, mode)| (*name == found.value).then_some(*mode))
            .ok_or_else(|| self.error(format!("mode is none of {}", known())))
    }

    /// The value of a key; none where it is missing or empty.
    pub(in crate::credentials) fn text(&self, key: &str) -> Result<Option<Found>, CredentialError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::String(value)) if value.is_empty() => Ok(None),
            Some(Value::String(value)) => Ok(Some(Found::new(self.origin(key), value.clone()))),
            Some(_) => Err(self.problem(key, ValueProblem::NotText)),
        }
    }

    /// The value of a key that the mode cannot do without.
    pub(in crate::credentials) fn required(&self, key: &str) -> Result<Found, CredentialError> {
        self.text(key)?.ok_or_else(|| self.problem(key, ValueProblem::Missing))
    }

    /// The value of a key that holds a whole number; none where it is missing.
    pub(in crate::credentials) fn integer(&self, key: &str) -> Result<Option<i64>, CredentialError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(value) => {
                value.as_i64().map(Some).ok_or_else(|| self.problem(key, ValueProblem::NotInteger))
            }
        }
    }

    /// Some modes want a region, as the public programs do.
    pub(in crate::credentials) fn require_region(&self) -> Result<(), CredentialError> {
        self.required("region_id").map(drop)
    }

    /// `KEY in profile "NAME" of FILE`.
    pub(in crate::credentials) fn origin(&self, key: &str) -> String {
        format!("{key} in {}", self.place)
    }

    /// What is wrong with this profile, and what to do.
    pub(in crate::credentials) fn error(&self, detail: impl Into<String>) -> CredentialError {
        CredentialError::Profile { place: self.place.clone(), detail: detail.into() }
    }

    fn problem(&self, key: &str, problem: ValueProblem) -> CredentialError {
        CredentialError::Value { origin: self.origin(key), problem }
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Profile").field("place", &self.place).finish_non_exhaustive()
    }
}
