//! RAM ARNs: `acs:ram::<account id>:root | user/<name> | role/<name> | assumed-role/<role>/<session>`.

use std::fmt;

use thiserror::Error;

use crate::quote::Quoted;

/// Longest ARN that is looked at, in bytes. RAM's own names have 64 characters at most.
pub const MAX_ARN_BYTES: usize = 2048;

/// Most digits in an account id. Alibaba Cloud hands out 16.
pub const MAX_ACCOUNT_DIGITS: usize = 32;

/// An ARN of RAM that is well formed, in the spelling it came in.
///
/// ARNs are equal without regard to the case of ASCII letters, as RAM compares them.
///
/// ```
/// let arn: identity::Arn = "acs:ram::1234567890123456:assumed-role/dev/alice@example.com".parse()?;
/// assert_eq!(arn.account_id(), "1234567890123456");
/// assert_eq!(arn.canonical(), "acs:ram::1234567890123456:role/dev");
/// # Ok::<(), identity::ArnError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Arn {
    text: String,
    account_id: String,
    resource: Resource,
}

/// What an [`Arn`] names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `root`: the account itself.
    Root,
    /// `user/<name>`.
    User {
        /// Name of the RAM user, without a path.
        name: String,
    },
    /// `role/<name>`, where the name can have a path (`team/a/dev`).
    Role {
        /// Name of the RAM role, with its path.
        name: String,
    },
    /// `assumed-role/<role>/<session>`: the last `/` parts role and session.
    AssumedRole {
        /// Name of the RAM role, with its path.
        role: String,
        /// Session name that the caller of `AssumeRole` chose.
        session: String,
    },
}

impl Resource {
    /// The kind as ARNs spell it: `root`, `user`, `role` or `assumed-role`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::User { .. } => "user",
            Self::Role { .. } => "role",
            Self::AssumedRole { .. } => "assumed-role",
        }
    }
}

/// Why a text is not a RAM ARN. Each message is one line that quotes the text, cut at 128 characters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArnError {
    /// The text has nothing in it.
    #[error("the ARN is empty: write acs:ram::<account id>:user/<name> or acs:ram::<account id>:role/<name>")]
    Empty,
    /// Longer than [`MAX_ARN_BYTES`].
    #[error("the ARN has {0} bytes, more than {MAX_ARN_BYTES}: no RAM identity has one that long")]
    TooLong(usize),
    /// Not five fields between colons, or the first is not `acs`.
    #[error("ARN {} is malformed: it must have the form acs:ram::<account id>:<kind>/<name>", Quoted(.0))]
    Form(String),
    /// The service is not `ram`.
    #[error("ARN {} names another service than ram: only RAM users, roles and accounts can log in", Quoted(.0))]
    Service(String),
    /// The region field is not empty.
    #[error("ARN {} has a region: RAM's ARNs leave it empty (acs:ram::<account id>:...)", Quoted(.0))]
    Region(String),
    /// The account field is not made of digits.
    #[error("ARN {} has no valid account id: it must be digits only", Quoted(.0))]
    Account(String),
    /// The kind is none of the four.
    #[error("ARN {} has an unknown kind: only root, user/<name>, role/<name> and assumed-role/<role>/<session> can log in", Quoted(.0))]
    Kind(String),
    /// Empty name, or a character that RAM has in no name.
    #[error("ARN {} has a malformed name: it must not be empty nor hold blanks, control characters, colons or a misplaced slash", Quoted(.0))]
    Name(String),
    /// Empty session name, or a control character in it.
    #[error("ARN {} has a malformed session name: it must not be empty nor hold control characters", Quoted(.0))]
    Session(String),
}

impl Arn {
    /// The ARN in the spelling it was parsed from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account id: digits only.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// What the ARN names.
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// The canonical ARN, in this ARN's spelling: an assumed role's is that of its role
    /// (`acs:ram::<account>:role/<role>`); every other ARN is its own.
    pub fn canonical(&self) -> String {
        match &self.resource {
            Resource::AssumedRole { role, .. } => format!("acs:ram::{}:role/{role}", self.account_id),
            _ => self.text.clone(),
        }
    }

    /// The key under which ARNs that are equal meet: [`Arn::canonical`] in lower case.
    pub fn canonical_key(&self) -> String {
        self.canonical().to_ascii_lowercase()
    }
}

impl PartialEq for Arn {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl Eq for Arn {}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let fields = Fields::split(text)?;
        if !is_account_id(fields.account) {
            return Err(ArnError::Account(text.to_owned()));
        }
        let resource = parse_resource(text, &fields)?;
        Ok(Self { text: text.to_owned(), account_id: fields.account.to_owned(), resource })
    }
}

fn parse_resource(text: &str, fields: &Fields<'_>) -> Result<Resource, ArnError> {
    let name_error = || ArnError::Name(text.to_owned());
    match (fields.kind, fields.name) {
        (Kind::Root, _) => Ok(Resource::Root),
        (Kind::User, name) if is_name(name) && !name.contains('/') => {
            Ok(Resource::User { name: name.to_owned() })
        }
        (Kind::Role, name) if is_name_with_path(name) => Ok(Resource::Role { name: name.to_owned() }),
        (Kind::AssumedRole, name) => {
            let (role, session) = name.rsplit_once('/').ok_or_else(name_error)?;
            if !is_name_with_path(role) {
                return Err(name_error());
            }
            if session.is_empty() || session.chars().any(char::is_control) {
                return Err(ArnError::Session(text.to_owned()));
            }
            Ok(Resource::AssumedRole { role: role.to_owned(), session: session.to_owned() })
        }
        _ => Err(name_error()),
    }
}

/// The kind of an ARN that has been split but whose names were not looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Root,
    User,
    Role,
    AssumedRole,
}

/// An ARN's account and resource, not checked yet: a pattern has wildcards in them.
pub(crate) struct Fields<'a> {
    pub(crate) account: &'a str,
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
}

impl<'a> Fields<'a> {
    pub(crate) fn split(text: &'a str) -> Result<Self, ArnError> {
        if text.is_empty() {
            return Err(ArnError::Empty);
        }
        if text.len() > MAX_ARN_BYTES {
            return Err(ArnError::TooLong(text.len()));
        }
        let mut parts = text.split(':');
        let (Some(scheme), Some(service), Some(region), Some(account), Some(resource), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ArnError::Form(text.to_owned()));
        };
        if !scheme.eq_ignore_ascii_case("acs") {
            return Err(ArnError::Form(text.to_owned()));
        }
        if !service.eq_ignore_ascii_case("ram") {
            return Err(ArnError::Service(text.to_owned()));
        }
        if !region.is_empty() {
            return Err(ArnError::Region(text.to_owned()));
        }
        let (kind, name) = split_resource(resource).ok_or_else(|| ArnError::Kind(text.to_owned()))?;
        Ok(Self { account, kind, name })
    }
}

fn split_resource(resource: &str) -> Option<(Kind, &str)> {
    if resource.eq_ignore_ascii_case("root") {
        return Some((Kind::Root, ""));
    }
    let (kind, name) = resource.split_once('/')?;
    let kind = match kind.to_ascii_lowercase().as_str() {
        "user" => Kind::User,
        "role" => Kind::Role,
        "assumed-role" => Kind::AssumedRole,
        _ => return None,
    };
    Some((kind, name))
}

/// Whether the text can be the id of an account: digits, at least one, not more than
/// [`MAX_ACCOUNT_DIGITS`].
pub fn is_account_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ACCOUNT_DIGITS && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

fn is_name_with_path(text: &str) -> bool {
    text.split('/').all(is_name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<Arn, ArnError> {
        text.parse()
    }

    #[test]
    fn reads_the_four_kinds() {
        let root = parse("acs:ram::1234567890123456:root").unwrap();
        assert_eq!(root.resource(), &Resource::Root);
        assert_eq!(root.account_id(), "1234567890123456");
        let user = parse("acs:ram::1:user/alice@corp").unwrap();
        assert_eq!(user.resource(), &Resource::User { name: "alice@corp".into() });
        let role = parse("acs:ram::1:role/team/a/dev").unwrap();
        assert_eq!(role.resource(), &Resource::Role { name: "team/a/dev".into() });
        let session = parse("acs:ram::1:assumed-role/dev/bob@x.com").unwrap();
        assert_eq!(
            session.resource(),
            &Resource::AssumedRole { role: "dev".into(), session: "bob@x.com".into() }
        );
    }

    #[test]
    fn takes_the_last_part_of_an_assumed_role_as_the_session() {
        let arn = parse("acs:ram::1:assumed-role/t/a/p/s1").unwrap();
        assert_eq!(arn.canonical(), "acs:ram::1:role/t/a/p");
    }

    #[test]
    fn compares_without_regard_to_case() {
        let one = parse("acs:ram::1:role/Dev").unwrap();
        let other = parse("ACS:Ram::1:ROLE/dEV").unwrap();
        assert_eq!(one, other);
        assert_eq!(one.canonical_key(), other.canonical_key());
        assert_ne!(one, parse("acs:ram::2:role/Dev").unwrap());
        assert_eq!(one.as_str(), "acs:ram::1:role/Dev");
    }

    #[test]
    fn a_kelvin_sign_is_no_letter_k() {
        let sign = parse("acs:ram::1:role/\u{212a}").unwrap();
        assert_ne!(sign.canonical_key(), parse("acs:ram::1:role/k").unwrap().canonical_key());
    }

    #[test]
    fn refuses_what_is_no_ram_arn() {
        let rejects = |text: &str, expected: fn(String) -> ArnError| {
            assert_eq!(parse(text), Err(expected(text.to_owned())), "{text}");
        };
        for text in ["junk", "acs:ram::1", "arn:ram::1:root", " acs:ram::1:root", "acs:ram::1:user/a:b"] {
            rejects(text, ArnError::Form);
        }
        rejects("acs:sts::1:assumed-role/dev/s", ArnError::Service);
        rejects("acs:ram:cn-hangzhou:1:role/dev", ArnError::Region);
        for text in [
            "acs:ram:::root",
            "acs:ram::1a:root",
            "acs:ram::*:root",
            "acs:ram::\u{661}:root",
            "acs:ram::12****:root",
        ] {
            rejects(text, ArnError::Account);
        }
        for text in [
            "acs:ram::1:federated-user/x",
            "acs:ram::1:group/x",
            "acs:ram::1:",
            "acs:ram::1:role",
            "acs:ram::1:root/x",
            "acs:ram::1:*",
            "acs:ram::1:root ",
        ] {
            rejects(text, ArnError::Kind);
        }
        for text in [
            "acs:ram::1:user/",
            "acs:ram::1:user/a/b",
            "acs:ram::1:user/a b",
            "acs:ram::1:role/",
            "acs:ram::1:role//x",
            "acs:ram::1:role/x/",
            "acs:ram::1:role/x\n",
            "acs:ram::1:assumed-role/x",
            "acs:ram::1:assumed-role//s",
        ] {
            rejects(text, ArnError::Name);
        }
        for text in ["acs:ram::1:assumed-role/x/", "acs:ram::1:assumed-role/x/a\nb"] {
            rejects(text, ArnError::Session);
        }
        assert_eq!(parse(""), Err(ArnError::Empty));
        let long = format!("acs:ram::1:role/{}", "x".repeat(MAX_ARN_BYTES));
        assert_eq!(parse(&long), Err(ArnError::TooLong(long.len())));
    }

    #[test]
    fn every_message_is_one_line() {
        for text in ["a\nb", "acs:ram::1:user/\r\n", "acs:ram::x\ny:root"] {
            let message = parse(text).unwrap_err().to_string();
            assert!(!message.contains(['\n', '\r']), "{message}");
        }
    }
}
