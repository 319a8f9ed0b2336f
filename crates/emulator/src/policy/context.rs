//! What conditions can be on.

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;
use signature::format_timestamp;

use crate::oidc::ProviderArn;
use crate::principal::Identity;

/// When and from where a request came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) now: Timestamp,
    /// The other end of the connection; `None` where a test made the request.
    pub(crate) source_ip: Option<IpAddr>,
}

/// What a token says, and which provider vouches for it.
pub(crate) struct OidcCaller<'a> {
    pub(crate) provider: &'a ProviderArn,
    pub(crate) issuer: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) audiences: &'a [String],
}

/// Where conditions find the values of a request.
pub(super) struct Context<'a> {
    pub(super) origin: Origin,
    /// Whoever has signed the request.
    pub(super) caller: Option<&'a Identity>,
    pub(super) token: Option<&'a OidcCaller<'a>>,
    pub(super) external_id: Option<&'a str>,
}

/// Keys of conditions (RAM documentation, "Policy elements" and "Create a RAM role for a trusted IdP").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    CurrentTime,
    MfaPresent,
    PrincipalArn,
    SecureTransport,
    SourceIp,
    ExternalId,
    OidcIssuer,
    OidcSubject,
    OidcAudience,
}

const KEYS: [(&str, Key); 9] = [
    ("acs:CurrentTime", Key::CurrentTime),
    ("acs:MFAPresent", Key::MfaPresent),
    ("acs:PrincipalARN", Key::PrincipalArn),
    ("acs:SecureTransport", Key::SecureTransport),
    ("acs:SourceIp", Key::SourceIp),
    ("sts:ExternalId", Key::ExternalId),
    ("oidc:iss", Key::OidcIssuer),
    ("oidc:sub", Key::OidcSubject),
    ("oidc:aud", Key::OidcAudience),
];

impl Key {
    /// The key of this name, written in any case.
    pub(super) fn find(name: &str) -> Option<Self> {
        KEYS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, key)| *key)
    }

    /// All there are, for errors.
    pub(super) fn names() -> String {
        KEYS.map(|(name, _)| name).join(", ")
    }
}

impl<'a> Context<'a> {
    /// What the request has under this key: nothing, one value, or several.
    pub(super) fn values(&self, key: Key) -> Vec<Cow<'a, str>> {
        let one = |value: Option<Cow<'a, str>>| value.into_iter().collect();
        match key {
            Key::CurrentTime => vec![format_timestamp(self.origin.now).into()],
            // Access keys sign without a second factor, and all of the API is behind TLS.
            Key::MfaPresent => vec!["false".into()],
            Key::SecureTransport => vec!["true".into()],
            Key::SourceIp => one(self.origin.source_ip.map(|ip| ip.to_canonical().to_string().into())),
            Key::PrincipalArn => one(self.caller.map(|caller| principal_arn(caller).into())),
            Key::ExternalId => one(self.external_id.map(Cow::Borrowed)),
            Key::OidcIssuer => one(self.token.map(|token| token.issuer.into())),
            Key::OidcSubject => one(self.token.map(|token| token.subject.into())),
            Key::OidcAudience => match self.token {
                Some(token) => token.audiences.iter().map(|text| text.as_str().into()).collect(),
                None => Vec::new(),
            },
        }
    }
}

/// A session's is that of its role.
fn principal_arn(caller: &Identity) -> String {
    let account = caller.account_id();
    match caller {
        Identity::Account(_) => format!("acs:ram::{account}:root"),
        Identity::User(user) => format!("acs:ram::{account}:user/{}", user.name),
        Identity::AssumedRole(session) => format!("acs:ram::{account}:role/{}", session.role),
    }
}
