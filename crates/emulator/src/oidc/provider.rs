//! What an OIDC provider is, as the configuration or a test describes it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::arn::ProviderArn;
use super::keys::KeySet;
use super::refusal;
use super::token::{Claims, UncheckedToken};
use crate::error::ApiError;
use crate::names;

/// Hours for which a token is taken after it was issued, where nobody says otherwise.
const DEFAULT_ISSUANCE_LIMIT: u32 = 12;
/// Hours.
pub(crate) const ISSUANCE_LIMIT: std::ops::RangeInclusive<u32> = 1..=168;
pub(crate) const MAX_CLIENT_IDS: usize = 50;
pub(crate) const MAX_FINGERPRINTS: usize = 5;
/// Characters.
pub(crate) const MAX_DESCRIPTION: usize = 256;
/// Characters.
pub(crate) const MAX_TEXT: usize = 255;
/// A token that lives longer counts as one that lives so long (RAM documentation, "RRSA").
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// How far the issuer's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// An OIDC provider of an account, for [`crate::Emulator::add_oidc_provider`].
///
/// Without [`OidcProvider::jwks`] the keys are fetched from the issuer, over TLS.
///
/// ```
/// use emulator::OidcProvider;
///
/// let provider = OidcProvider::new("1234567890123456", "ack-rrsa-c0123", "https://issuer.example/c0123")
///     .client_id("sts.aliyuncs.com")
///     .issuance_limit_hours(24);
/// assert_eq!(provider.arn(), "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123");
/// ```
#[derive(Clone, Debug)]
pub struct OidcProvider {
    account: String,
    name: String,
    issuer_url: String,
    client_ids: Vec<String>,
    issuance_limit: u32,
    fingerprints: Vec<String>,
    description: String,
    jwks: Option<String>,
}

impl OidcProvider {
    /// A provider of this account (16 digits): its name has 1 to 128 letters, digits, `.`, `-` and `_`, no mark first or
    /// last; its issuer is an https URL of at most 255 characters without `?`, `#` and `@`, the same that stands in
    /// tokens.
    #[must_use]
    pub fn new(account: &str, name: &str, issuer_url: &str) -> Self {
        Self {
            account: account.to_owned(),
            name: name.to_owned(),
            issuer_url: issuer_url.to_owned(),
            client_ids: Vec::new(),
            issuance_limit: DEFAULT_ISSUANCE_LIMIT,
            fingerprints: Vec::new(),
            description: String::new(),
            jwks: None,
        }
    }

    /// One more client id: an audience of tokens. 1 to 50 are needed.
    #[must_use]
    pub fn client_id(mut self, id: &str) -> Self {
        self.client_ids.push(id.to_owned());
        self
    }

    /// For how many hours after its `iat` a token is taken, 1 to 168; 12 where this is not called.
    #[must_use]
    pub fn issuance_limit_hours(mut self, hours: u32) -> Self {
        self.issuance_limit = hours;
        self
    }

    /// One more fingerprint, at most five: the SHA-1 of a CA certificate, 40 hexadecimal digits. Where there are some,
    /// keys are taken only from servers whose certificate was issued under one of these CAs.
    #[must_use]
    pub fn fingerprint(mut self, sha1: &str) -> Self {
        self.fingerprints.push(sha1.to_owned());
        self
    }

    /// What it is for, at most 256 characters.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        text.clone_into(&mut self.description);
        self
    }

    /// The issuer's public keys: a JSON Web Key Set (RFC 7517), as it stands at the issuer's `jwks_uri`. Nothing is
    /// fetched then, and fingerprints are not looked at.
    #[must_use]
    pub fn jwks(mut self, json: &str) -> Self {
        self.jwks = Some(json.to_owned());
        self
    }

    /// `acs:ram::ACCOUNT-ID:oidc-provider/NAME`.
    pub fn arn(&self) -> String {
        ProviderArn { account: self.account.clone(), name: self.name.clone() }.to_string()
    }

    /// # Errors
    /// A value that cannot be right, in words.
    pub(crate) fn check(self) -> Result<CheckedProvider, String> {
        if self.client_ids.is_empty() && names::is_oidc_provider_name(&self.name) {
            return Err(format!("OIDC provider {:?}: it needs 1 to {MAX_CLIENT_IDS} client ids", self.name));
        }
        self.check_values()
    }

    /// As [`OidcProvider::check`], but without client ids it is right too: RAM makes such providers.
    ///
    /// # Errors
    /// A value that cannot be right, in words.
    pub(crate) fn check_values(self) -> Result<CheckedProvider, String> {
        let name = &self.name;
        if !names::is_oidc_provider_name(name) {
            return Err(format!(
                "OIDC provider name {name:?} is not made of 1 to 128 letters, digits, '.', '-' and '_', none of these marks first or last"
            ));
        }
        let wrong = |problem: String| Err(format!("OIDC provider {name:?}: {problem}"));
        if !is_issuer_url(&self.issuer_url) {
            return wrong(format!(
                "issuerUrl {:?} is not https://HOST… of at most {MAX_TEXT} characters without '?', '#' and '@'",
                self.issuer_url
            ));
        }
        if self.client_ids.len() > MAX_CLIENT_IDS {
            return wrong(format!("it needs 1 to {MAX_CLIENT_IDS} client ids"));
        }
        if let Some(id) = self.client_ids.iter().find(|id| !is_client_id(id)) {
            return wrong(format!("client id {id:?} is not made of 1 to {MAX_TEXT} visible characters"));
        }
        if self.fingerprints.len() > MAX_FINGERPRINTS {
            return wrong(format!("it has more than {MAX_FINGERPRINTS} fingerprints"));
        }
        if let Some(text) = self.fingerprints.iter().find(|text| !is_fingerprint(text)) {
            return wrong(format!("fingerprint {text:?} is not made of 40 hexadecimal digits"));
        }
        if self.description.chars().count() > MAX_DESCRIPTION {
            return wrong(format!("its description has more than {MAX_DESCRIPTION} characters"));
        }
        if !ISSUANCE_LIMIT.contains(&self.issuance_limit) {
            return wrong(format!(
                "issuanceLimitTime {} is not between {} and {} hours",
                self.issuance_limit,
                ISSUANCE_LIMIT.start(),
                ISSUANCE_LIMIT.end()
            ));
        }
        let keys = match self.jwks.as_deref().map(KeySet::parse).transpose() {
            Ok(keys) => keys.map(Arc::new),
            Err(problem) => return wrong(format!("the key set {problem}")),
        };
        Ok(CheckedProvider {
            arn: ProviderArn { account: self.account, name: self.name },
            issuer_url: self.issuer_url,
            client_ids: self.client_ids,
            fingerprints: self.fingerprints,
            description: self.description,
            issuance_limit: self.issuance_limit,
            keys,
        })
    }
}

/// A provider whose values can be right.
#[derive(Clone, Debug)]
pub(crate) struct CheckedProvider {
    pub(crate) arn: ProviderArn,
    pub(crate) issuer_url: String,
    pub(crate) client_ids: Vec<String>,
    /// As they were given, in either case.
    pub(crate) fingerprints: Vec<String>,
    pub(crate) description: String,
    /// Hours.
    pub(crate) issuance_limit: u32,
    /// `None`: they are fetched from the issuer.
    pub(crate) keys: Option<Arc<KeySet>>,
}

impl CheckedProvider {
    /// Reads a token that says that this provider's issuer made it. Nothing else of what it says is looked at before its
    /// signature is.
    ///
    /// # Errors
    /// STS's answer to such a token.
    pub(crate) fn read<'a>(&self, token: &'a str) -> Result<UncheckedToken<'a>, ApiError> {
        let token = UncheckedToken::parse(token)?;
        if token.claims.issuer == self.issuer_url { Ok(token) } else { Err(refusal::issuer_not_match()) }
    }

    /// What a token says, if one of the issuer's keys has signed it and it is good now.
    ///
    /// # Errors
    /// STS's answer to such a token.
    pub(crate) fn verify(
        &self,
        token: UncheckedToken<'_>,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<Claims, ApiError> {
        if !keys.verify(token.key_id.as_deref(), token.signed.as_bytes(), &token.signature) {
            return Err(refusal::invalid_signature());
        }
        let mut claims = token.claims;
        if !claims.audiences.iter().any(|audience| self.client_ids.contains(audience)) {
            return Err(refusal::audience_not_match());
        }
        if let Ok(latest) = claims.issued_at.checked_add(LONGEST_LIFE) {
            claims.expires_at = claims.expires_at.min(latest);
        }
        if now >= claims.expires_at {
            return Err(refusal::expired());
        }
        let age = now.duration_since(claims.issued_at);
        if age > SignedDuration::from_hours(self.issuance_limit.into()) {
            return Err(refusal::issued_too_early());
        }
        let waits = |begin: Timestamp| begin.duration_since(now) > AHEAD;
        if waits(claims.issued_at) || claims.not_before.is_some_and(waits) {
            return Err(refusal::from_the_future());
        }
        Ok(claims)
    }
}

/// `https://HOST…` as a provider's issuer may be: at most 255 characters without `?`, `#` and `@`.
pub(crate) fn is_issuer_url(text: &str) -> bool {
    let host = text.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    text.len() <= MAX_TEXT
        && host.is_some_and(|host| !host.is_empty())
        && is_visible(text)
        && !text.contains(['?', '#', '@'])
}

fn is_client_id(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && is_visible(text)
}

/// The SHA-1 of a certificate, in hex.
pub(crate) fn is_fingerprint(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a text has no blanks, no control characters, and ASCII only.
pub(crate) fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}
