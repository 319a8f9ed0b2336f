//! One call to STS, its second try, and what is kept of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use openapi::api::ApiError;
use openapi::sts::{PresignedRequest, StsError};
use token::Token;

use super::{Answer, Claims, Flight, GateError, Identified, REFUSAL_TTL, Remembered};

/// The pause before a second try: this, and up to [`SPREAD_MS`] more.
const PAUSE: Duration = Duration::from_millis(50);
const SPREAD_MS: u32 = 200;
/// STS has seen this nonce: perhaps another replica asked. Not this token's fault, so not kept.
const NONCE_USED: &str = "SignatureNonceUsed";

/// Calls, keeps what is to be kept, and ends the flight.
pub(super) async fn run(mut flight: Flight, token: Token) -> Answer {
    let started = Instant::now();
    let said = ask(&flight, &token, started).await;
    flight.refund = costs_nothing(&said);
    let ended = later(flight.now, started.elapsed());
    let answer = match said {
        Ok((principal, request_id)) => {
            Ok(Identified { principal: Arc::new(principal), request_id: request_id.into(), cached: false })
        }
        Err(error) if error.is_passing() && token.is_single_use() && error.may_have_reached_sts() => {
            Err(GateError::Lost(Arc::new(error)))
        }
        Err(error) => Err(GateError::Sts(Arc::new(error))),
    };
    keep(&flight, &token, &answer, ended);
    answer
}

/// A key pays for refusals and for throttling, which somebody may cause in its name; not for a success, and not for a
/// fault that says nothing about it.
fn costs_nothing<T>(said: &Result<T, StsError>) -> bool {
    match said {
        Ok(_) => true,
        Err(error) => error.is_passing() && error.reason() != "sts_throttled",
    }
}

async fn ask(
    flight: &Flight,
    token: &Token,
    started: Instant,
) -> Result<(identity::Principal, String), StsError> {
    let request = token.request();
    let request = PresignedRequest {
        method: request.method.to_owned(),
        query: request.query,
        headers: request.headers,
    };
    let first = match attempt(flight, &request).await {
        Err(error) if error.is_passing() && !token.is_single_use() => error,
        other => return other,
    };
    let pause = PAUSE.saturating_add(Duration::from_millis(flight.hash.spread(SPREAD_MS).into()));
    let left = flight.inner.options.deadline.saturating_sub(started.elapsed());
    if left <= pause {
        return Err(first);
    }
    tokio::time::sleep(pause).await;
    let now = later(flight.now, started.elapsed());
    if !flight.inner.lock().limiter.admit_retry(&flight.admitted, now) {
        return Err(first);
    }
    flight.inner.metrics.retry();
    let left = flight.inner.options.deadline.saturating_sub(started.elapsed());
    match tokio::time::timeout(left, attempt(flight, &request)).await {
        Ok(second) => second,
        Err(_) => Err(first),
    }
}

async fn attempt(
    flight: &Flight,
    request: &PresignedRequest,
) -> Result<(identity::Principal, String), StsError> {
    let metrics = &flight.inner.metrics;
    let started = Instant::now();
    let answer = flight.inner.sts.get_caller_identity_presigned(request).await;
    metrics.call(started.elapsed().as_secs_f64());
    match &answer {
        Ok(_) | Err(StsError::Principal { .. }) => metrics.response(200),
        Err(StsError::Api(ApiError::Refused { refusal, .. } | ApiError::Unavailable { refusal, .. })) => {
            metrics.response(refusal.status);
        }
        Err(StsError::Api(ApiError::Network { .. })) => metrics.connection_failure(),
        Err(_) => {}
    }
    answer
}

/// Before the flight ends, under the lock: whoever asks next finds either the flight or what came of it.
fn keep(flight: &Flight, token: &Token, answer: &Answer, ended: Timestamp) {
    let mut state = flight.inner.lock();
    let end = token.expires_at();
    let (table, until) = match answer {
        // Counted from the question: the answer may be as old as that.
        Ok(_) if !token.is_single_use() => {
            (&mut state.identities, later(flight.now, flight.inner.options.identity_ttl))
        }
        Ok(_) | Err(GateError::Lost(_)) => (&mut state.single_use, end),
        Err(GateError::Sts(error)) if error.is_passing() || error.code() == Some(NONCE_USED) => return,
        Err(GateError::Sts(_)) if token.is_single_use() => (&mut state.refusals, end),
        Err(GateError::Sts(_)) => {
            (&mut state.refusals, ended.checked_add(REFUSAL_TTL).unwrap_or(Timestamp::MAX))
        }
        Err(_) => return,
    };
    let until = until.min(end);
    if flight.now < until {
        let remembered = Remembered { claims: Claims::of(token), answer: answer.clone() };
        table.insert(flight.hash, remembered, until, flight.now);
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| now.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}
