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
    /// How long the session lasts, 900 s to the role's maximum; where none is given, STS's default of 3600 s.
    pub duration_seconds: Option<u32>,
}

const MIN_TOKEN_BYTES: usize = 4;
const MAX_TOKEN_BYTES: usize = 20_000;

impl AssumeRoleWithOidc {
    /// The token that a file holds, without the line break that editors and shells put at its end. None where it cannot be
    /// one: 4 to 20,000 visible ASCII characters ("AssumeRoleWithOIDC", parameter `OIDCToken`).
    pub fn token_of_file(text: &Secret) -> Option<Secret> {
        let token = text.expose().trim_end();
        let good = (MIN_TOKEN_BYTES..=MAX_TOKEN_BYTES).contains(&token.len())
            && token.bytes().all(|b| b.is_ascii_graphic());
        good.then(|| Secret::new(token))
    }
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
    fn a_token_is_what_a_file_holds_without_its_end() {
        let read = |text: &str| {
            AssumeRoleWithOidc::token_of_file(&Secret::new(text)).map(|token| token.expose().to_owned())
        };
        for text in ["a.b.c", "a.b.c\n", "a.b.c\r\n", "a.b.c \n\n"] {
            assert_eq!(read(text).as_deref(), Some("a.b.c"), "{text:?}");
        }
        let (shortest, longest) = ("x".repeat(4), "x".repeat(20_000));
        assert!(read(&shortest).is_some() && read(&longest).is_some());
        let too_long = "x".repeat(20_001);
        for text in ["", "\n", "a.b", &too_long, "a.b.c d", "a.b\n.c", "\na.b.c", "a.b.ä"] {
            assert_eq!(read(text), None, "{text:?}");
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
