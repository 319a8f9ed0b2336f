//! OAuth for the aliyun CLI: a refresh token gets an access token, and that one credentials.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use signature::{Secret, encoding};

use super::temporary_key::{fields, issue, role_session};
use super::{SiteReply, Visit, bearer, no_such_page, wrong_method};
use crate::config::{OAuth, OAuthHolder, OAuthUser};
use crate::error::ApiError;
use crate::market::Market;
use crate::principal::Identity;
use crate::random;
use crate::sync::Guarded;

const TOKEN: &str = "/v1/token";
const EXCHANGE: &str = "/v1/exchange";
/// Seconds that credentials are good for.
const LIFETIME: u32 = 3600;
/// Most access tokens that are good at a time; the oldest go first.
const MAX_ACCESS_TOKENS: usize = 1000;

/// What records and faults call a request to this path.
pub(super) fn action(path: &str) -> Option<&'static str> {
    match path {
        TOKEN => Some("OAuthToken"),
        EXCHANGE => Some("OAuthExchange"),
        _ => None,
    }
}

pub(super) struct Site {
    lifetime: SignedDuration,
    rotate_refresh_tokens: bool,
    state: Guarded<State>,
}

#[derive(Default)]
struct State {
    /// Each user once.
    grants: Vec<OAuthUser>,
    access_tokens: VecDeque<AccessToken>,
}

struct AccessToken {
    text: Secret,
    until: Timestamp,
    market: Market,
    holder: OAuthHolder,
}

impl Site {
    /// Access tokens of the configuration are good from `now` on.
    pub(super) fn new(config: OAuth, now: Timestamp) -> Self {
        let lifetime = SignedDuration::from_secs(config.access_token_lifetime.into());
        let until = now.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
        let access_tokens = config
            .users
            .iter()
            .filter_map(|user| {
                let text = user.access_token.clone()?;
                Some(AccessToken { text, until, market: user.market, holder: user.holder.clone() })
            })
            .collect();
        let site =
            Self { lifetime, rotate_refresh_tokens: config.rotate_refresh_tokens, state: Guarded::default() };
        *site.state.lock() = State { grants: config.users, access_tokens };
        site
    }

    pub(super) fn answer(&self, visit: &Visit<'_>) -> Result<SiteReply, ApiError> {
        let path = visit.raw.path();
        if action(path).is_none() {
            return Err(no_such_page());
        }
        if visit.raw.method != "POST" {
            return Err(wrong_method("POST"));
        }
        if path == TOKEN { self.token(visit) } else { self.exchange(visit) }
    }

    /// "Refreshing an Access Token" (RFC 6749, section 6).
    fn token(&self, visit: &Visit<'_>) -> Result<SiteReply, ApiError> {
        let invalid = |problem: &str| ApiError::new(400, "invalid_request", problem);
        let form = form(visit)?;
        let param = |name: &str| {
            form.iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
                .filter(|value| !value.is_empty())
                .ok_or_else(|| invalid(&format!("The parameter {name} is missing.")))
        };
        if param("grant_type")? != "refresh_token" {
            return Err(ApiError::new(
                400,
                "unsupported_grant_type",
                "This emulator knows the grant type refresh_token only.",
            ));
        }
        let client_id = param("client_id")?;
        let market = Market::ALL
            .into_iter()
            .find(|market| market.client_id() == client_id && market.is_at(visit.raw.host()))
            .ok_or_else(|| ApiError::new(401, "invalid_client", "There is no such client at this host."))?;
        let given = Secret::new(param("refresh_token")?);
        let text = random::text(64)?;
        let next_refresh_token = Secret::new(random::text(64)?);

        let mut state = self.state.lock();
        let grant = state
            .grants
            .iter_mut()
            .find(|grant| grant.market == market && grant.refresh_token == given)
            .ok_or_else(|| ApiError::new(400, "invalid_grant", "The refresh token is invalid or expired."))?;
        if self.rotate_refresh_tokens {
            grant.refresh_token = next_refresh_token;
        }
        let refresh_token = grant.refresh_token.clone();
        let token = AccessToken {
            text: Secret::new(text.clone()),
            until: visit.now.saturating_add(self.lifetime).unwrap_or(Timestamp::MAX),
            market,
            holder: grant.holder.clone(),
        };
        state.access_tokens.retain(|token| visit.now < token.until);
        if state.access_tokens.len() >= MAX_ACCESS_TOKENS {
            state.access_tokens.pop_front();
        }
        state.access_tokens.push_back(token);
        drop(state);
        Ok(SiteReply::json(&json!({
            "access_token": text,
            "refresh_token": refresh_token.expose(),
            "expires_in": self.lifetime.as_secs(),
            "token_type": "Bearer",
        })))
    }

    fn exchange(&self, visit: &Visit<'_>) -> Result<SiteReply, ApiError> {
        let refused =
            || ApiError::new(401, "invalid_token", "The access token is missing, invalid or expired.");
        let given = bearer(visit.raw).map(Secret::new).ok_or_else(refused)?;
        let holder = self
            .state
            .lock()
            .access_tokens
            .iter()
            .find(|token| {
                token.text == given && visit.now < token.until && token.market.is_at(visit.raw.host())
            })
            .map(|token| token.holder.clone())
            .ok_or_else(refused)?;
        let identity = identity(visit, &holder).ok_or_else(refused)?;
        let key = issue(visit, identity, LIFETIME)?;
        // With capitals, as the SDKs for Python and Node know the real answer.
        let mut document = fields(&key);
        document.insert("RequestId".to_owned(), Value::from(visit.request_id));
        Ok(SiteReply::json(&Value::Object(document)))
    }
}

/// Whom the credentials are for, as long as that user or role exists.
fn identity(visit: &Visit<'_>, holder: &OAuthHolder) -> Option<Identity> {
    match holder {
        OAuthHolder::User { account, user } => {
            visit.directory.user(account, user).map(|user| Identity::User(user.identity))
        }
        OAuthHolder::Role { account, role, session } => {
            role_session(visit.directory, account, role, session).map(Identity::AssumedRole)
        }
    }
}

/// The parameters of the body; each may be given once (RFC 6749, section 3.2).
fn form(visit: &Visit<'_>) -> Result<Vec<(String, String)>, ApiError> {
    let invalid = |problem: &str| ApiError::new(400, "invalid_request", problem);
    let text = std::str::from_utf8(&visit.raw.body).map_err(|_| invalid("The body is not a form."))?;
    let form = encoding::parse_query(text).map_err(|_| invalid("The body is not a form."))?;
    let mut names: Vec<&str> = form.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(invalid("A parameter is given more than once."));
    }
    Ok(form)
}
