//! Between reviews and STS: one answer a token, and no more calls than are allowed.
//!
//! An identity is kept under a hash of the whole token, so that no answer can serve another token, and never longer than
//! the token itself is good for. Beside it is kept what the token said that is no secret, so that a token that is known
//! is not decoded again. Reviews of one token at one time share one call, which goes on although the first of them
//! hangs up. A definite refusal is kept for some seconds, a passing fault never.
//!
//! A token that STS takes once only ([`Token::is_single_use`]) is never sent again once it may have arrived: what came of
//! it is kept until the token ends.
//!
//! All state is in one lock, held for a few hash lookups and never while anything is waited for; every table is bounded.

mod args;
mod call;
mod error;
mod hash;
mod limits;
mod metrics;
mod table;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use identity::Principal;
use jiff::{SignedDuration, Timestamp};
use openapi::sts::Client;
use token::{Rules, Token};

pub use args::GateArguments;
pub use error::GateError;
pub use hash::TokenHash;
pub use limits::{Limit, Limits, Shed};
pub use metrics::{GateMetrics, Origin};

use limits::{Admitted, Limiter};
use table::Table;

/// Identities of tokens that can be checked again.
const IDENTITIES: usize = 16_384;
/// What came of tokens that STS takes once.
const SINGLE_USE: usize = 16_384;
/// Definite refusals.
const REFUSALS: usize = 16_384;
/// How long a definite refusal is kept.
const REFUSAL_TTL: SignedDuration = SignedDuration::from_secs(10);

/// How the gate works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long an identity is kept; zero: not at all.
    pub identity_ttl: Duration,
    /// Limit for all tries of one call together.
    pub deadline: Duration,
    /// How many calls.
    pub limits: Limits,
}

impl Default for Options {
    /// 60 s for identities, 5 s for a call.
    fn default() -> Self {
        Options {
            identity_ttl: Duration::from_secs(60),
            deadline: Duration::from_secs(5),
            limits: Limits::default(),
        }
    }
}

/// Who signed a token.
#[derive(Clone, Debug)]
pub struct Identified {
    /// As STS said.
    pub principal: Arc<Principal>,
    /// STS's request id; empty where it gave none.
    pub request_id: Arc<str>,
    /// Whether it was remembered, rather than asked for this review.
    pub cached: bool,
}

type Answer = Result<Identified, GateError>;

/// What a token said of itself that is no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The access key that signed it, or should have.
    pub access_key_id: Arc<str>,
    /// When, as it says.
    pub signed_at: Timestamp,
}

impl Claims {
    /// Those of a token that was decoded.
    pub fn of(token: &Token) -> Claims {
        Claims { access_key_id: token.access_key_id().into(), signed_at: token.signed_at() }
    }
}

/// What came of a token.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// What it said.
    pub claims: Claims,
    /// What came of it.
    pub answer: Answer,
}
type Waiting = Shared<BoxFuture<'static, Answer>>;

/// Asks STS. Clones share everything.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    sts: Client,
    options: Options,
    metrics: GateMetrics,
    state: Mutex<State>,
}

struct State {
    identities: Table<TokenHash, Remembered>,
    single_use: Table<TokenHash, Remembered>,
    refusals: Table<TokenHash, Remembered>,
    /// As many as there are calls under way.
    pending: HashMap<TokenHash, Waiting>,
    limiter: Limiter,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("sts", &self.inner.sts).finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate before `sts`. `now` fills the budgets of the limits.
    pub fn new(sts: Client, options: Options, metrics: GateMetrics, now: Timestamp) -> Gate {
        let state = Mutex::new(State {
            identities: Table::new(IDENTITIES),
            single_use: Table::new(SINGLE_USE),
            refusals: Table::new(REFUSALS),
            pending: HashMap::new(),
            limiter: Limiter::new(options.limits, now),
        });
        Gate { inner: Arc::new(Inner { sts, options, metrics, state }) }
    }

    /// What came of the token with this `hash`, if it is remembered and `rules` still take its date: it may have ended, or
    /// the clock may have been set back. They have to be those that it was decoded with.
    pub fn remembered(&self, hash: &TokenHash, rules: &Rules, now: Timestamp) -> Option<Remembered> {
        let found = self.inner.lock().remembered(hash, now)?;
        rules.check_date(found.claims.signed_at, now).ok()?;
        self.inner.metrics.answered(origin_of(&found.answer));
        Some(found)
    }

    /// Who signed `token`: from memory, from a call under way, or from a call.
    ///
    /// `hash` is that of the token's whole text. The caller has decoded it at this `now`, its dates included: what is
    /// remembered does not stand for these checks.
    ///
    /// # Errors
    /// [`GateError`].
    pub async fn identify(&self, token: &Token, hash: TokenHash, now: Timestamp) -> Answer {
        let (found, origin) = self.find(token, hash, now);
        let metrics = &self.inner.metrics;
        metrics.answered(origin);
        match found {
            Found::Answer(answer) => {
                if let Err(GateError::Shed(shed)) = &answer {
                    metrics.shed(*shed);
                }
                answer
            }
            Found::Waiting(waiting) => waiting.await,
        }
    }

    fn find(&self, token: &Token, hash: TokenHash, now: Timestamp) -> (Found, Origin) {
        let mut guard = self.inner.lock();
        let state = &mut *guard;
        if let Some(Remembered { answer, .. }) = state.remembered(&hash, now) {
            let origin = origin_of(&answer);
            return (Found::Answer(answer), origin);
        }
        if let Some(waiting) = state.pending.get(&hash) {
            return (Found::Waiting(waiting.clone()), Origin::Joined);
        }
        let admitted = match state.limiter.admit(token.access_key_id(), now) {
            Ok(admitted) => admitted,
            Err(shed) => return (Found::Answer(Err(GateError::Shed(shed))), Origin::Shed),
        };
        let flight = Flight { inner: Arc::clone(&self.inner), hash, admitted, refund: false, now };
        // A task of its own: whoever asked first may hang up.
        let task = tokio::spawn(call::run(flight, token.clone()));
        let waiting = task.map(|ended| ended.unwrap_or(Err(GateError::Ended))).boxed().shared();
        state.pending.insert(hash, waiting.clone());
        (Found::Waiting(waiting), Origin::Call)
    }

    /// A mapping matched: the access key is known from now on.
    pub fn mapped(&self, access_key_id: &str, now: Timestamp) {
        self.inner.lock().limiter.mapped(access_key_id, now);
    }

    /// STS named the owner of the access key just now (`cached` is false), and no mapping does.
    pub fn not_mapped(&self, access_key_id: &str, now: Timestamp) {
        self.inner.lock().limiter.not_mapped(access_key_id, now);
    }

    /// Puts the sizes of the tables into the metrics.
    pub fn measure(&self) {
        let metrics = &self.inner.metrics;
        let state = self.inner.lock();
        metrics.in_flight(state.limiter.in_flight());
        metrics.entries("identities", state.identities.len());
        metrics.entries("single_use", state.single_use.len());
        metrics.entries("refusals", state.refusals.len());
        metrics.entries("pending", state.pending.len());
        metrics.entries("known_keys", state.limiter.known_keys());
    }
}

impl State {
    /// A hash stands in one table at most: what the token is decides which.
    fn remembered(&self, hash: &TokenHash, now: Timestamp) -> Option<Remembered> {
        let tables = [&self.identities, &self.single_use, &self.refusals];
        let Remembered { claims, answer } =
            tables.into_iter().find_map(|table| table.get(hash, now))?.clone();
        let answer = answer.map(|identified| Identified { cached: true, ..identified });
        Some(Remembered { claims, answer })
    }
}

fn origin_of(remembered: &Answer) -> Origin {
    if remembered.is_ok() { Origin::Cache } else { Origin::Refusal }
}

enum Found {
    Answer(Answer),
    Waiting(Waiting),
}

impl Inner {
    /// A panic elsewhere leaves nothing half done here: each change of the state is one insertion.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call under way. However it ends, its place and its name in the tables end with it.
struct Flight {
    inner: Arc<Inner>,
    hash: TokenHash,
    admitted: Admitted,
    /// Whether the access key is not to pay for the call.
    refund: bool,
    /// When it began.
    now: Timestamp,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut guard = self.inner.lock();
        let waiting = guard.pending.remove(&self.hash);
        guard.limiter.end(&self.admitted, self.refund, self.now);
        // Not under the lock: this may be the last handle of the task.
        drop(guard);
        drop(waiting);
    }
}

#[cfg(test)]
mod tests;
