//! Requests that are for a site and not for the API.

use tracing::info;

use super::{App, Outcome};
use crate::error::ApiError;
use crate::fault::Fault;
use crate::random;
use crate::record::RecordedRequest;
use crate::request::{Overview, RawRequest};
use crate::sites::{Route, SiteReply, Visit};

impl App {
    /// Records the request, lets planned faults happen, and answers.
    pub(super) async fn answer_site(
        &self,
        route: Route,
        raw: RawRequest,
        refused: Option<ApiError>,
    ) -> Outcome {
        let now = (self.clock)();
        let request_id = random::request_id();
        let overview = Overview { action: route.action.to_owned(), ..Overview::of(&raw) };
        self.records.begin(RecordedRequest::new(raw.clone(), &overview, &request_id, now));
        let plan = self.faults.take_any(&[route.action, route.group]);
        if !plan.delay.is_zero() {
            tokio::time::sleep(plan.delay).await;
        }
        let log =
            |outcome: &str| info!(action = route.action, host = raw.host(), request_id, outcome, "request");
        let expired = plan.fault == Some(Fault::ExpiredCredentials);
        let reply = match plan.fault {
            Some(Fault::BreakConnection) => {
                log("broken connection");
                return Outcome::Break;
            }
            Some(Fault::Silence) => {
                log("no answer");
                return Outcome::Silence;
            }
            Some(Fault::Garbage { content_type, body }) => SiteReply::garbage(&content_type, body),
            Some(Fault::Error { status, code, message }) => {
                SiteReply::error(&ApiError::new(status, code, message), route.errors, &request_id)
            }
            Some(Fault::Delay(_) | Fault::ExpiredCredentials) | None => match refused {
                Some(error) => SiteReply::error(&error, route.errors, &request_id),
                None => {
                    let visit = Visit {
                        raw: &raw,
                        directory: &self.directory,
                        now,
                        request_id: &request_id,
                        expired,
                    };
                    self.sites.answer(route, &visit)
                }
            },
        };
        self.records.answered(&request_id, reply.status, reply.code.as_deref());
        log(reply.code.as_deref().unwrap_or("OK"));
        Outcome::Site(reply)
    }
}
