//! The metadata service of an ECS instance ("View instance metadata" of the ECS documentation), with the role of the
//! instance and, in security hardening mode, tokens.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use signature::{Secret, format_timestamp};

use super::instance::Instance;
use super::temporary_key::{fields, issue, role_session};
use super::{SiteReply, Visit, no_such_page, wrong_method};
use crate::config::{Metadata, MetadataTokens};
use crate::error::ApiError;
use crate::principal::{Identity, RoleSession};
use crate::random;
use crate::request::RawRequest;
use crate::sts::issue::TemporaryKey;
use crate::sync::Guarded;

const TOKEN: &str = "/latest/api/token";
const ROLES: &str = "/latest/meta-data/ram/security-credentials";
const TOKEN_HEADER: &str = "x-aliyun-ecs-metadata-token";
const TOKEN_TTL_HEADER: &str = "x-aliyun-ecs-metadata-token-ttl-seconds";
/// Seconds.
const TOKEN_TTL: std::ops::RangeInclusive<u32> = 1..=21_600;
/// Most tokens that are good at a time; the oldest go first.
const MAX_TOKENS: usize = 1000;
/// Seconds: credentials of an instance are good for six hours, and new ones are there well before their end.
const LIFETIME: u32 = 6 * 3600;
const RENEW_BEFORE_END: SignedDuration = SignedDuration::from_hours(1);
/// How the session of an instance's role is named: `assumed-role/elk/vm-ram-i-rj978rorvlg76urhqh7q`.
pub(super) const SESSION_PREFIX: &str = "vm-ram-";

/// The service, and what it remembers.
pub(super) struct Service {
    config: Metadata,
    instance: Instance,
    tokens: Guarded<VecDeque<Token>>,
    kept: Guarded<Option<Kept>>,
}

/// Credentials that are handed out until they are due for renewal.
struct Kept {
    holder: RoleSession,
    key: TemporaryKey,
    issued_at: Timestamp,
}

#[derive(Debug)]
struct Token {
    text: Secret,
    until: Timestamp,
}

/// Whether the service has something to say to this path.
pub(super) fn answers(path: &str) -> bool {
    path == "/latest" || path.starts_with("/latest/")
}

/// What records and faults call a request.
pub(super) fn action(raw: &RawRequest) -> &'static str {
    let path = raw.path();
    match role_in(path) {
        _ if path == TOKEN => "MetadataToken",
        Some("") => "MetadataRole",
        Some(_) => "MetadataCredentials",
        None => "MetadataItem",
    }
}

/// The role that a path asks about; an empty one when it asks which there is.
fn role_in(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(ROLES)?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

impl Service {
    pub(super) fn new(config: Metadata, region: &str) -> Self {
        let instance = Instance::new(&config, region);
        Self { config, instance, tokens: Guarded::default(), kept: Guarded::default() }
    }

    pub(super) fn answer(&self, visit: &Visit<'_>) -> Result<SiteReply, ApiError> {
        let raw = visit.raw;
        if raw.path() == TOKEN {
            return self.new_token(visit);
        }
        if raw.method != "GET" {
            return Err(wrong_method("GET"));
        }
        self.check_token(raw, visit.now)?;
        match role_in(raw.path()) {
            Some("") => self.config.role.as_deref().map(SiteReply::text).ok_or_else(no_such_page),
            Some(role) => self.credentials(visit, role),
            None => self.instance.page(raw.path()).map(SiteReply::text).ok_or_else(no_such_page),
        }
    }

    fn new_token(&self, visit: &Visit<'_>) -> Result<SiteReply, ApiError> {
        // A service from before the security hardening mode.
        if self.config.tokens == MetadataTokens::Unsupported {
            return Err(no_such_page());
        }
        let raw = visit.raw;
        if raw.method != "PUT" {
            return Err(wrong_method("PUT"));
        }
        // Such a request came through a proxy: it is not the instance itself that asks.
        if raw.header("x-forwarded-for").is_some() {
            return Err(forbidden("A request for a token must not have been forwarded."));
        }
        let seconds = raw
            .header(TOKEN_TTL_HEADER)
            .and_then(|text| text.trim().parse().ok())
            .filter(|seconds| TOKEN_TTL.contains(seconds))
            .ok_or_else(|| {
                ApiError::new(
                    400,
                    "BadRequest",
                    format!(
                        "{TOKEN_TTL_HEADER} must be {} to {} seconds.",
                        TOKEN_TTL.start(),
                        TOKEN_TTL.end()
                    ),
                )
            })?;
        let text = format!("{}==", random::text(54)?);
        let lifetime = SignedDuration::from_secs(seconds.into());
        let until = visit.now.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
        let mut tokens = self.tokens.lock();
        tokens.retain(|token| visit.now < token.until);
        if tokens.len() >= MAX_TOKENS {
            tokens.pop_front();
        }
        tokens.push_back(Token { text: Secret::new(text.clone()), until });
        Ok(SiteReply::text(text))
    }

    fn check_token(&self, raw: &RawRequest, now: Timestamp) -> Result<(), ApiError> {
        match (self.config.tokens, raw.header(TOKEN_HEADER)) {
            (MetadataTokens::Unsupported, _) | (MetadataTokens::Optional, None) => Ok(()),
            (MetadataTokens::Required, None) => Err(forbidden("A token is needed.")),
            (MetadataTokens::Optional | MetadataTokens::Required, Some(text)) => {
                let given = Secret::new(text.trim());
                let is_good = |token: &Token| token.text == given && now < token.until;
                if self.tokens.lock().iter().any(is_good) {
                    Ok(())
                } else {
                    Err(forbidden("The token is not known, or has ended."))
                }
            }
        }
    }

    /// The same credentials until they are due for renewal, as long as the role is the same.
    fn credentials(&self, visit: &Visit<'_>, role: &str) -> Result<SiteReply, ApiError> {
        let session = self
            .config
            .role
            .as_deref()
            .filter(|own| *own == role)
            .and_then(|own| {
                let name = format!("{SESSION_PREFIX}{}", self.instance.id());
                role_session(visit.directory, &self.config.account, own, &name)
            })
            .ok_or_else(no_such_page)?;
        let identity = Identity::AssumedRole(session.clone());
        if visit.expired {
            let ended = issue(visit, identity, LIFETIME)?;
            return Ok(credentials_document(&ended, visit.now));
        }
        let mut kept = self.kept.lock();
        if let Some(kept) = &*kept
            && kept.holder == session
            && kept.key.expiration.duration_since(visit.now) > RENEW_BEFORE_END
            // A clock that was set back would keep them too long.
            && kept.issued_at <= visit.now
        {
            return Ok(credentials_document(&kept.key, kept.issued_at));
        }
        let key = issue(visit, identity, LIFETIME)?;
        let reply = credentials_document(&key, visit.now);
        *kept = Some(Kept { holder: session, key, issued_at: visit.now });
        Ok(reply)
    }
}

fn credentials_document(key: &TemporaryKey, issued_at: Timestamp) -> SiteReply {
    let mut fields = fields(key);
    fields.insert("LastUpdated".to_owned(), Value::from(format_timestamp(issued_at)));
    fields.insert("Code".to_owned(), Value::from("Success"));
    SiteReply::json(&Value::Object(fields))
}

fn forbidden(message: &str) -> ApiError {
    ApiError::new(403, "Forbidden", message)
}
