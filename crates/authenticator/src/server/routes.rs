//! What the TLS port and the health port answer, path by path.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cluster::Clock;
use http::{Method, Request, StatusCode};
use hyper::body::Body;
use prometheus::{IntCounterVec, Opts};
use webhook_server::body::{BodyError, read_body};
use webhook_server::respond::{self, Answer};
use webhook_server::serve::Peer;
use webhook_server::tls::Client;
use webhook_server::{health, metrics as metrics_page};

use super::authenticate::{Authenticator, Decision, Outcome};
use super::readiness::Readiness;
use super::review::{self, ApiVersion};
use crate::kubeconfig::AUTHENTICATE_PATH;
use crate::metrics::{Metrics, ResultLabel};

/// A TokenReview is a token of 8 KiB at most and little else.
const BODY_LIMIT: usize = 64 * 1024;
/// An API server sends a review in one go.
const BODY_TIME: Duration = Duration::from_secs(5);
/// What the API server is told to wait before it asks again.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Answers both ports.
#[derive(Debug)]
pub struct Routes {
    /// Decides reviews.
    pub authenticator: Authenticator,
    /// Counts them.
    pub metrics: Metrics,
    /// What is missing before this server can do its work.
    pub readiness: Readiness,
    /// The time of reviews.
    pub clock: Clock,
    /// Where clients have to show a certificate: how many had none that is trusted, by reason.
    pub client_refusals: Option<IntCounterVec>,
}

/// `client_refusals_total{reason}`.
///
/// # Errors
/// A name that is taken.
pub fn client_refusals(metrics: &Metrics) -> Result<IntCounterVec, prometheus::Error> {
    let options = Opts::new(
        "client_refusals_total",
        "TokenReviews refused because the client showed no certificate that is trusted, by reason",
    );
    let refusals = IntCounterVec::new(options, &["reason"])?;
    for reason in ["no_certificate", "no_longer_trusted"] {
        refusals.with_label_values(&[reason]);
    }
    metrics.registry().register(Box::new(refusals.clone()))?;
    Ok(refusals)
}

impl Routes {
    /// The TLS port.
    pub async fn main<B>(self: Arc<Self>, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        match request.uri().path() {
            AUTHENTICATE_PATH if request.method() == Method::POST => match self.refuse_client(&request) {
                Some(refusal) => refusal,
                None => self.authenticate(request).await,
            },
            AUTHENTICATE_PATH => respond::method_not_allowed("POST"),
            "/metrics" if is_read(request.method()) => self.metrics_page(),
            "/metrics" => respond::method_not_allowed("GET, HEAD"),
            _ => self.health(&request),
        }
    }

    /// 403 for whoever has to show a certificate and has not. Nothing of the request is read before.
    fn refuse_client<B>(&self, request: &Request<B>) -> Option<Answer> {
        let refusals = self.client_refusals.as_ref()?;
        let (reason, text) = match request.extensions().get::<Client>() {
            Some(Client::Verified) => return None,
            Some(Client::NoLongerTrusted) => (
                "no_longer_trusted",
                "the client certificate is no longer trusted here; see --client-ca-file",
            ),
            Some(Client::Unknown | Client::NotAsked) | None => (
                "no_certificate",
                "this path is for the API server alone: its kubeconfig has to name the client certificate and key that init --client-certificate makes",
            ),
        };
        refusals.with_label_values(&[reason]).inc();
        let peer = request.extensions().get::<Peer>().map(ToString::to_string);
        tracing::warn!(peer, reason, "review refused: the client showed no certificate that is trusted");
        Some(respond::text(StatusCode::FORBIDDEN, text))
    }

    /// The plain-HTTP port.
    pub async fn health_only<B>(self: Arc<Self>, request: Request<B>) -> Answer {
        self.health(&request)
    }

    fn health<B>(&self, request: &Request<B>) -> Answer {
        health::route(request.method(), request.uri().path(), || self.readiness.missing())
            .unwrap_or_else(respond::not_found)
    }

    fn metrics_page(&self) -> Answer {
        self.readiness.measure(&self.metrics);
        self.authenticator.measure();
        metrics_page::page(self.metrics.registry())
    }

    async fn authenticate<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let begun = Instant::now();
        let question = match read_body(request, BODY_LIMIT, BODY_TIME).await {
            Ok(body) => review::parse(&body)
                .map_err(|error| (StatusCode::BAD_REQUEST, "review_malformed", error.to_string())),
            Err(error) => Err(unread(&error)),
        };
        let question = match question {
            Ok(question) => question,
            Err((status, reason, text)) => {
                self.metrics.review(ResultLabel::MalformedRequest, reason, begun.elapsed().as_secs_f64());
                tracing::warn!(
                    result = ResultLabel::MalformedRequest.as_str(),
                    reason,
                    error = text,
                    "review"
                );
                return respond::text(status, &text);
            }
        };
        let decision = self.authenticator.decide(&question.token, self.clock.now()).await;
        let elapsed = begun.elapsed();
        self.metrics.review(decision.result, decision.reason, elapsed.as_secs_f64());
        log(&decision, elapsed);
        answer(question.version, &decision.outcome)
    }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn unread(error: &BodyError) -> (StatusCode, &'static str, String) {
    let (status, reason) = match error {
        BodyError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
        BodyError::TooSlow { .. } => (StatusCode::REQUEST_TIMEOUT, "body_too_slow"),
        BodyError::Broken => (StatusCode::BAD_REQUEST, "body_broken"),
    };
    (status, reason, error.to_string())
}

fn answer(version: ApiVersion, outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Authenticated(user) => respond::json(StatusCode::OK, review::authenticated(version, user)),
        Outcome::Denied(reason) => respond::json(StatusCode::OK, review::denied(version, reason)),
        Outcome::Unavailable(reason) => respond::unavailable(RETRY_AFTER_SECONDS, reason),
    }
}

/// One line a review. Texts are logged as strings, which the log quotes and escapes: none can forge a line.
fn log(decision: &Decision, elapsed: Duration) {
    let principal = decision.principal.as_ref();
    let mapping = decision.mapping.as_ref().map(ToString::to_string);
    let (username, error) = match &decision.outcome {
        Outcome::Authenticated(user) => (Some(user.username.as_str()), None),
        Outcome::Denied(text) | Outcome::Unavailable(text) => (None, Some(text.as_str())),
    };
    let result = decision.result.as_str();
    let reason = decision.reason;
    let token = decision.fingerprint.as_str();
    let access_key_id = decision.access_key_id.as_deref();
    let arn = principal.map(|principal| principal.arn());
    let canonical_arn = principal.map(|principal| principal.canonical_arn());
    let session = principal.map(|principal| principal.session_name()).filter(|session| !session.is_empty());
    let mapping = mapping.as_deref();
    let sts_request_id = decision.request_id.as_deref();
    let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    macro_rules! review {
        ($level:ident) => {
            tracing::$level!(
                result,
                reason,
                username,
                arn,
                canonicalArn = canonical_arn,
                session,
                mapping,
                token,
                accessKeyId = access_key_id,
                stsRequestId = sts_request_id,
                stsCached = decision.cached,
                duration_ms,
                error,
                "review"
            )
        };
    }
    match decision.outcome {
        // Something that needs looking after, beside the caller's own credentials.
        Outcome::Unavailable(_) => review!(warn),
        Outcome::Authenticated(_) | Outcome::Denied(_) => review!(info),
    }
}
