//! What an OIDC provider is, as the configuration or a test describes it.

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
const ISSUANCE_LIMIT: std::ops::RangeInclusive<u32> = 1..=168;
const MAX_CLIENT_IDS: usize = 50;
/// Characters.
const MAX_TEXT: usize = 255;
/// How far the issuer's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// An OIDC provider of an account, for [`crate::Emulator::add_oidc_provider`].
///
/// Without [`OidcProvider::jwks`] its tokens are refused as those of an issuer whose keys cannot be had.
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

    /// The issuer's public keys: a JSON Web Key Set (RFC 7517), as it stands at the issuer's `jwks_uri`.
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
        if self.client_ids.is_empty() || self.client_ids.len() > MAX_CLIENT_IDS {
            return wrong(format!("it needs 1 to {MAX_CLIENT_IDS} client ids"));
        }
        let is_client_id = |id: &&String| (1..=MAX_TEXT).contains(&id.len()) && is_visible(id);
        if let Some(id) = self.client_ids.iter().find(|id| !is_client_id(id)) {
            return wrong(format!("client id {id:?} is not made of 1 to {MAX_TEXT} visible characters"));
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
            Ok(keys) => keys,
            Err(problem) => return wrong(format!("the key set {problem}")),
        };
        Ok(CheckedProvider {
            arn: ProviderArn { account: self.account, name: self.name },
            issuer_url: self.issuer_url,
            client_ids: self.client_ids,
            issuance_limit: SignedDuration::from_hours(self.issuance_limit.into()),
            keys,
        })
    }
}

/// A provider whose values can be right.
#[derive(Clone, Debug)]
pub(crate) struct CheckedProvider {
    pub(crate) arn: ProviderArn,
    pub(crate) issuer_url: String,
    client_ids: Vec<String>,
    issuance_limit: SignedDuration,
    /// `None`: they cannot be had.
    keys: Option<KeySet>,
}

impl CheckedProvider {
    /// What a token says, if this provider's issuer has signed it and it is good now. Of what it says, the issuer alone is
    /// looked at before the signature is.
    ///
    /// # Errors
    /// STS's answer to such a token.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, ApiError> {
        let token = UncheckedToken::parse(token)?;
        let claims = token.claims;
        if claims.issuer != self.issuer_url {
            return Err(refusal::issuer_not_match());
        }
        let keys = self.keys.as_ref().ok_or_else(|| refusal::no_keys(&self.issuer_url))?;
        if !keys.verify(token.key_id.as_deref(), token.signed.as_bytes(), &token.signature) {
            return Err(refusal::invalid_signature());
        }
        if !claims.audiences.iter().any(|audience| self.client_ids.contains(audience)) {
            return Err(refusal::audience_not_match());
        }
        if now >= claims.expires_at {
            return Err(refusal::expired());
        }
        let age = now.duration_since(claims.issued_at);
        if age > self.issuance_limit {
            return Err(refusal::issued_too_early());
        }
        let waits = |begin: Timestamp| begin.duration_since(now) > AHEAD;
        if waits(claims.issued_at) || claims.not_before.is_some_and(waits) {
            return Err(refusal::from_the_future());
        }
        Ok(claims)
    }
}

fn is_issuer_url(text: &str) -> bool {
    let host = text.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    text.len() <= MAX_TEXT
        && host.is_some_and(|host| !host.is_empty())
        && is_visible(text)
        && !text.contains(['?', '#', '@'])
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}
