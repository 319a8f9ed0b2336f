//! The environment variables that credentials are read from. Of each family the first one that is not empty counts, and
//! families mix.

use super::error::{CredentialError, ValueProblem};
use crate::network::Lookup;

pub(super) const ACCESS_KEY_ID: &[&str] = &[
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALICLOUD_ACCESS_KEY",
    "ALIBABACLOUD_ACCESS_KEY_ID",
    "ALICLOUD_ACCESS_KEY_ID",
    "ACCESS_KEY_ID",
];
pub(super) const ACCESS_KEY_SECRET: &[&str] = &[
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALICLOUD_SECRET_KEY",
    "ALIBABACLOUD_ACCESS_KEY_SECRET",
    "ALICLOUD_ACCESS_KEY_SECRET",
    "ACCESS_KEY_SECRET",
];
pub(super) const SECURITY_TOKEN: &[&str] = &[
    "ALIBABA_CLOUD_SECURITY_TOKEN",
    "ALICLOUD_ACCESS_KEY_STS_TOKEN",
    "ALIBABACLOUD_SECURITY_TOKEN",
    "ALICLOUD_SECURITY_TOKEN",
    "SECURITY_TOKEN",
];
pub(super) const ROLE_ARN: &[&str] = &["ALIBABA_CLOUD_ROLE_ARN"];
pub(super) const OIDC_PROVIDER_ARN: &[&str] = &["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"];
pub(super) const OIDC_TOKEN_FILE: &[&str] = &["ALIBABA_CLOUD_OIDC_TOKEN_FILE"];
pub(super) const ROLE_SESSION_NAME: &[&str] =
    &["ALIBABA_CLOUD_ROLE_SESSION_NAME", "ALICLOUD_ROLE_SESSION_NAME"];
pub(super) const CREDENTIALS_URI: &[&str] = &["ALIBABA_CLOUD_CREDENTIALS_URI"];
pub(super) const ECS_METADATA: &[&str] = &["ALIBABA_CLOUD_ECS_METADATA"];
pub(super) const IMDS_ENDPOINT: &[&str] = &["ALIBABA_CLOUD_IMDS_ENDPOINT"];
pub(super) const IMDSV2_DISABLED: &[&str] = &["ALIBABA_CLOUD_IMDSV2_DISABLED"];
pub(super) const IMDSV1_DISABLED: &[&str] = &["ALIBABA_CLOUD_IMDSV1_DISABLED"];
pub(super) const CREDENTIALS_FILE: &[&str] = &["ALIBABA_CLOUD_CREDENTIALS_FILE"];
pub(super) const PROFILE: &[&str] = &["ALIBABA_CLOUD_PROFILE"];
/// The folder of the person: Windows has another name for it.
/// kubectl sets it for the programs that kubeconfigs name.
pub(super) const KUBERNETES_EXEC_INFO: &[&str] = &["KUBERNETES_EXEC_INFO"];
pub(super) const HOME: &[&str] = if cfg!(windows) { &["USERPROFILE", "HOME"] } else { &["HOME"] };

/// A value with the name of what it came from, for messages. The value may be a secret: it cannot be printed.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) origin: String,
    pub(super) value: String,
}

impl Found {
    /// What was found in `origin`: a variable, or a key of a file.
    pub(super) fn new(origin: impl Into<String>, value: impl Into<String>) -> Self {
        Self { origin: origin.into(), value: value.into() }
    }

    pub(super) fn problem(&self, problem: ValueProblem) -> CredentialError {
        CredentialError::Value { origin: self.origin.clone(), problem }
    }

    /// Checks that the value is one word of visible ASCII characters, as every key, secret and token is.
    pub(super) fn word(&self) -> Result<&str, CredentialError> {
        if self.value.trim() != self.value {
            return Err(self.problem(ValueProblem::SurroundingBlanks));
        }
        match self.value.bytes().all(|b| b.is_ascii_graphic()) {
            true => Ok(&self.value),
            false => Err(self.problem(ValueProblem::Characters)),
        }
    }
}

/// The first variable of the family that is not empty.
pub(super) fn find(environment: Lookup<'_>, family: &[&str]) -> Option<Found> {
    family.iter().find_map(|name| {
        let value = environment(name).filter(|value| !value.is_empty())?;
        Some(Found::new(*name, value))
    })
}

/// A switch, by the spellings of Go's `strconv.ParseBool`; what is none of them is off.
pub(super) fn is_on(environment: Lookup<'_>, family: &[&str]) -> bool {
    find(environment, family)
        .is_some_and(|found| matches!(found.value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True"))
}
