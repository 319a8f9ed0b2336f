//! What the TLS port and the health port answer, path by path.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use hyper::body::Body;
use webhook_server::body::{BodyError, read_body};
use webhook_server::respond::{self, Answer as HttpAnswer};
use webhook_server::serve::Peer;
use webhook_server::tls::Client;
use webhook_server::{health, metrics as metrics_page};

use super::endings;
use super::memory::{BODY_LIMIT, Memory};
use super::mutate::{Mutator, Verdict};
use super::readiness::Readiness;
use super::review::{self, Answer, PodCreate, Question};
use crate::lookup::{Lookup, Object};
use crate::metrics::{Metrics, ResultLabel};
use crate::text::excerpt;

/// Where reviews are answered.
pub const MUTATE_PATH: &str = "/mutate";
/// An API server sends a review in one go.
const BODY_TIME: Duration = Duration::from_secs(5);
/// What the API server is told to wait before it asks again.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Answers both ports.
#[derive(Debug)]
pub struct Routes {
    mutator: Mutator,
    metrics: Metrics,
    readiness: Readiness,
    memory: Memory,
}

/// Why a request is not answered with a review.
struct Refused {
    status: StatusCode,
    reason: &'static str,
    text: String,
}

impl Routes {
    /// Puts the parts together. Every ending is counted from 0 on, so that a rate shows the first of its kind.
    pub fn new(mutator: Mutator, metrics: Metrics, readiness: Readiness) -> Routes {
        for (result, reason) in endings::all() {
            metrics.known(result, reason);
        }
        Routes { mutator, metrics, readiness, memory: Memory::default() }
    }

    /// The TLS port.
    pub async fn main<B>(self: Arc<Self>, request: Request<B>) -> HttpAnswer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        match request.uri().path() {
            MUTATE_PATH if request.method() == Method::POST => self.mutate(request).await,
            MUTATE_PATH => respond::method_not_allowed("POST"),
            "/metrics" if is_read(request.method()) => self.metrics_page(),
            "/metrics" => respond::method_not_allowed("GET, HEAD"),
            _ => self.health(&request),
        }
    }

    /// The plain-HTTP port.
    pub async fn health_only<B>(self: Arc<Self>, request: Request<B>) -> HttpAnswer {
        self.health(&request)
    }

    fn health<B>(&self, request: &Request<B>) -> HttpAnswer {
        health::route(request.method(), request.uri().path(), || self.readiness.missing())
            .unwrap_or_else(respond::not_found)
    }

    fn metrics_page(&self) -> HttpAnswer {
        measure(&self.mutator.lookup, &self.metrics);
        metrics_page::page(self.metrics.registry())
    }

    async fn mutate<B>(&self, request: Request<B>) -> HttpAnswer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let begun = Instant::now();
        let peer = request.extensions().get::<Peer>().copied();
        match self.review(request, begun).await {
            Ok(answer) => answer,
            Err(Refused { status, reason, text }) => {
                self.metrics.review(ResultLabel::Error, reason, begun.elapsed().as_secs_f64());
                let result = ResultLabel::Error.as_str();
                let peer = peer.map(|peer| peer.to_string());
                tracing::warn!(result, reason, peer, error = text, "review");
                match status {
                    StatusCode::SERVICE_UNAVAILABLE => respond::unavailable(RETRY_AFTER_SECONDS, &text),
                    status => respond::text(status, &text),
                }
            }
        }
    }

    async fn review<B>(&self, request: Request<B>, begun: Instant) -> Result<HttpAnswer, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        check_client(&request)?;
        check_type(&request)?;
        let _reading = self.memory.to_read(request.body()).await.ok_or_else(busy)?;
        let body = read_body(request, BODY_LIMIT, BODY_TIME).await.map_err(|error| unread(&error))?;
        let _looking = self.memory.to_look_at(&body).await.ok_or_else(busy)?;
        let malformed = |reason, text| Refused { status: StatusCode::BAD_REQUEST, reason, text };
        let review =
            review::parse(&body).map_err(|error| malformed(endings::REVIEW_MALFORMED, error.to_string()))?;
        let answer = match &review.question {
            Question::Other(what) => {
                let (result, reason) = (ResultLabel::NotInjected, endings::NOT_A_POD_CREATE);
                self.metrics.review(result, reason, begun.elapsed().as_secs_f64());
                tracing::info!(
                    result = result.as_str(),
                    reason,
                    request = what.as_str(),
                    uid = &*review.uid,
                    "review"
                );
                Answer::Allowed { patch: Vec::new(), warnings: Vec::new() }
            }
            Question::Pod(create) => {
                let verdict = self
                    .mutator
                    .decide(create)
                    .await
                    .map_err(|error| malformed(endings::POD_MALFORMED, error.to_string()))?;
                let elapsed = begun.elapsed();
                self.metrics.review(verdict.result, verdict.reason, elapsed.as_secs_f64());
                log(&review.uid, create, &verdict, elapsed);
                verdict.answer
            }
        };
        review::write(&review.uid, &answer).map(|body| respond::json(StatusCode::OK, body)).map_err(|error| {
            Refused {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                reason: endings::ANSWER_UNWRITABLE,
                text: format!("the answer cannot be written as JSON: {error}"),
            }
        })
    }
}

/// Puts what is known of the cluster into the metrics.
fn measure(lookup: &Lookup, metrics: &Metrics) {
    let unsynced = lookup.unsynced();
    for (object, said) in [(Object::Namespace, "namespaces"), (Object::ServiceAccount, "service accounts")] {
        metrics.synced(object, !unsynced.contains(&said));
    }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Whoever has to show a certificate and has not is told so, before anything of the request is read.
fn check_client<B>(request: &Request<B>) -> Result<(), Refused> {
    let text = match request.extensions().get::<Client>() {
        Some(Client::Verified | Client::NotAsked) | None => return Ok(()),
        Some(Client::NoLongerTrusted) => {
            "the client certificate is no longer trusted here; see --client-ca-file"
        }
        Some(Client::Unknown) => {
            "this path is for API servers alone: their admission configuration has to name a client certificate for this \
             webhook"
        }
    };
    Err(Refused { status: StatusCode::FORBIDDEN, reason: endings::CLIENT_CERTIFICATE, text: text.to_owned() })
}

/// An API server sends `application/json`.
fn check_type<B>(request: &Request<B>) -> Result<(), Refused> {
    let given = request.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let essence = given.and_then(|given| given.split(';').next()).unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let given = given.map_or_else(|| "missing".to_owned(), |given| format!("{:?}", excerpt(given)));
    Err(Refused {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        reason: endings::CONTENT_TYPE,
        text: format!("Content-Type is {given}: write application/json"),
    })
}

fn busy() -> Refused {
    Refused {
        status: StatusCode::SERVICE_UNAVAILABLE,
        reason: endings::BUSY,
        text: "too many reviews are under way; try again".to_owned(),
    }
}

fn unread(error: &BodyError) -> Refused {
    let (status, reason) = match error {
        BodyError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, endings::BODY_TOO_LARGE),
        BodyError::TooSlow { .. } => (StatusCode::REQUEST_TIMEOUT, endings::BODY_TOO_SLOW),
        BodyError::Broken => (StatusCode::BAD_REQUEST, endings::BODY_BROKEN),
    };
    Refused { status, reason, text: error.to_string() }
}

/// One line a review. Texts are logged as strings, which the log quotes and escapes: none can forge a line.
fn log(uid: &str, create: &PodCreate<'_>, verdict: &Verdict, elapsed: Duration) {
    let result = verdict.result.as_str();
    let reason = verdict.reason;
    let namespace = excerpt(&create.namespace);
    let namespace = namespace.as_str();
    let pod = verdict.pod.as_str();
    let service_account = verdict.service_account.as_str();
    let role = verdict.role.as_deref();
    let containers = Some(verdict.containers.join(",")).filter(|names| !names.is_empty());
    let containers = containers.as_deref().map(excerpt);
    let user = excerpt(&create.user);
    let user = user.as_str();
    let dry_run = create.dry_run;
    let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let message = match &verdict.answer {
        Answer::Allowed { warnings, .. } => Some(warnings.join("; ")).filter(|text| !text.is_empty()),
        Answer::Denied { message, .. } => Some(message.clone()),
    };
    let message = message.map(|text| cluster::one_line(&text));
    macro_rules! review {
        ($level:ident) => {
            tracing::$level!(
                result,
                reason,
                namespace,
                pod,
                serviceAccount = service_account,
                role,
                containers,
                user,
                dryRun = dry_run,
                uid,
                duration_ms,
                warning = message,
                "review"
            )
        };
    }
    // What needs looking after stands out.
    if verdict.is_fault { review!(warn) } else { review!(info) }
}
