//! From a request to an answer.

use std::sync::Arc;

use jiff::Timestamp;
use tracing::info;

use crate::authenticate::authenticate;
use crate::config::Config;
use crate::directory::Directory;
use crate::error::ApiError;
use crate::fault::{Fault, Faults};
use crate::nonces::Nonces;
use crate::random;
use crate::record::{RecordedRequest, Records};
use crate::reply::{Context, Reply};
use crate::request::{Overview, Parsed, RawRequest};
use crate::service::{self, Call, Fields, Handler};

/// Tells the time.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything that outlives a connection.
pub(crate) struct App {
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) records: Records,
    directory: Directory,
    nonces: Nonces,
}

/// What is done with a request.
pub(crate) enum Outcome {
    Answer(Reply),
    /// The connection is to end without an answer.
    Break,
}

impl App {
    pub(crate) fn new(config: Config, clock: Clock) -> Self {
        Self {
            clock,
            faults: Faults::default(),
            records: Records::default(),
            directory: Directory::new(config),
            nonces: Nonces::default(),
        }
    }

    /// Records the request, lets planned faults happen, and answers.
    pub(crate) async fn answer(&self, raw: RawRequest, refused: Option<ApiError>) -> Outcome {
        let now = (self.clock)();
        let overview = Overview::of(&raw);
        let request_id = random::request_id();
        let host = raw.host().to_owned();
        self.records.begin(RecordedRequest::new(raw.clone(), &overview, &request_id, now));
        let context = Context {
            request_id: &request_id,
            host: &host,
            action: &overview.action,
            product: service::product(&overview.version),
            xml: overview.wants_xml,
        };
        let plan = self.faults.take(&overview.action);
        if !plan.delay.is_zero() {
            tokio::time::sleep(plan.delay).await;
        }
        let reply = match plan.fault {
            Some(Fault::BreakConnection) => {
                log(&overview, &context, "broken connection");
                return Outcome::Break;
            }
            Some(Fault::Garbage { content_type, body }) => Reply::garbage(&content_type, body, &context),
            Some(Fault::Error { status, code, message }) => {
                Reply::error(&ApiError::new(status, code, message), &context)
            }
            Some(Fault::Delay(_)) | None => {
                let result = refused.map_or_else(|| self.handle(&raw, now), Err);
                match result {
                    Ok(fields) => Reply::success(fields, &context),
                    Err(error) => Reply::error(&error, &context),
                }
            }
        };
        self.records.answered(&request_id, reply.status, reply.code.as_deref());
        log(&overview, &context, reply.code.as_deref().unwrap_or("OK"));
        Outcome::Answer(reply)
    }

    fn handle(&self, raw: &RawRequest, now: Timestamp) -> Result<Fields, ApiError> {
        let request = Parsed::new(raw)?;
        let operation = service::route(&request)?;
        let call = Call { directory: &self.directory, params: &request.params, now };
        match operation.handler {
            Handler::Signed(carry_out) => {
                let caller = authenticate(&request, &self.directory, &self.nonces, now)?;
                carry_out(&call, &caller)
            }
        }
    }
}

/// One line a request, without anything secret.
fn log(overview: &Overview, context: &Context<'_>, outcome: &str) {
    info!(
        action = overview.action,
        access_key_id = overview.access_key_id,
        host = context.host,
        request_id = context.request_id,
        outcome,
        "request"
    );
}
