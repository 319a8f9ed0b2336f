//! The parameters of `AssumeRole` and `AssumeRoleWithOIDC` (STS API reference, 2015-04-01).

use std::fmt;
use std::str::FromStr;

use signature::Secret;

const MIN_BYTES: usize = 2;
const MAX_BYTES: usize = 64;

/// A role session name: 2 to 64 characters of `A-Z a-z 0-9 . @ - _`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionName(String);

/// Why a text is no role session name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a role session name: 2 to 64 characters of A-Z a-z 0-9 . @ - _ are allowed")]
pub struct SessionNameError;

impl SessionName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The session name that stands for a program: its base name, with what is not allowed turned into `-`, and
    /// `ack-ram-tool` where nothing usable is left.
    pub fn from_program(argument_zero: &str) -> Self {
        let base = argument_zero.rsplit(['/', '\\']).next().unwrap_or_default();
        let name: String =
            base.chars().map(|c| if is_allowed(c) { c } else { '-' }).take(MAX_BYTES).collect();
        name.parse().unwrap_or_else(|_| Self("ack-ram-tool".to_owned()))
    }
}

impl FromStr for SessionName {
    type Err = SessionNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = (MIN_BYTES..=MAX_BYTES).contains(&text.len()) && text.chars().all(is_allowed);
        if good { Ok(Self(text.to_owned())) } else { Err(SessionNameError) }
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '@' | '-' | '_')
}

/// A call of `AssumeRole`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumeRole {
    /// `acs:ram::ACCOUNT-ID:role/NAME`.
    pub role_arn: String,
    /// Who the session is for; it reaches the audit logs.
    pub session_name: SessionName,
    /// How long the session lasts, 900 to 43200 s; where none is given, STS's default of 3600 s.
    pub duration_seconds: Option<u32>,
    /// `ExternalId`: what the role's trust policy may ask for.
    pub external_id: Option<String>,
}

impl AssumeRole {
    /// A call with what is always needed.
    pub fn new(role_arn: impl Into<String>, session_name: SessionName) -> Self {
        Self { role_arn: role_arn.into(), session_name, duration_seconds: None, external_id: None }
    }
}

/// A call of `AssumeRoleWithOIDC`: anonymous, the OIDC token is the proof.
#[derive(Clone, Debug)]
pub struct AssumeRoleWithOidc {
    /// `acs:ram::ACCOUNT-ID:role/NAME`.
    pub role_arn: String,
    /// `acs:ram::ACCOUNT-ID:oidc-provider/NAME`.
    pub oidc_provider_arn: String,
    /// The JWT.
    pub oidc_token: Secret,
    /// Who the session is for.
    pub session_name: SessionName,
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

    #[test]
    fn session_names_are_2_to_64_of_the_documented_characters() {
        for name in ["ab", "alice@example.com", "a_b-c.d", &"x".repeat(64)] {
            assert!(name.parse::<SessionName>().is_ok(), "{name}");
        }
        for name in ["", "a", "a b", "a/b", "a:b", "ä1", "a+b", &"x".repeat(65)] {
            assert!(name.parse::<SessionName>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_program_gives_its_base_name() {
        for (argument, name) in [
            ("/usr/local/bin/ack-ram-tool", "ack-ram-tool"),
            ("C:\\tools\\ack-ram-tool.exe", "ack-ram-tool.exe"),
            ("my tool", "my-tool"),
            ("", "ack-ram-tool"),
            ("/x/", "ack-ram-tool"),
        ] {
            assert_eq!(SessionName::from_program(argument).as_str(), name, "{argument}");
        }
        assert_eq!(SessionName::from_program(&"x".repeat(100)).as_str().len(), 64);
    }
}
