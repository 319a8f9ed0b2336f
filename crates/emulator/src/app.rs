//! From a request to an answer.

mod container_service;
mod site;

use std::sync::Arc;

use jiff::Timestamp;
use tracing::info;

use crate::authenticate::{authenticate, authenticate_key_pair};
use crate::config::Config;
use crate::cs::{self, ContainerService};
use crate::directory::Directory;
use crate::error::ApiError;
use crate::fault::{Fault, Faults};
use crate::nonces::Nonces;
use crate::oidc::Issuers;
use crate::operation::{Call, Fields, Handler};
use crate::policy::Origin;
use crate::ram;
use crate::random;
use crate::record::{RecordedRequest, Records};
use crate::reply::{Context, Reply};
use crate::request::{Overview, Parsed, RawRequest};
use crate::service;
use crate::sites::{Door, SiteReply, Sites};
use crate::throttle::Throttle;

/// Tells the time.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything that outlives a connection.
pub(crate) struct App {
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) records: Records,
    pub(crate) directory: Arc<Directory>,
    pub(crate) container_service: ContainerService,
    pub(crate) issuers: Issuers,
    nonces: Nonces,
    throttle: Throttle,
    sites: Sites,
}

/// What is done with a request.
pub(crate) enum Outcome {
    Answer(Reply),
    /// An answer of a site.
    Site(SiteReply),
    /// Nothing is to be answered, and the connection stays.
    Silence,
    /// The connection is to end without an answer.
    Break,
}

impl App {
    pub(crate) fn new(config: Config, region: &str, clock: Clock) -> Self {
        let sites = Sites::new(&config, region, clock());
        let throttle = Throttle::new(&config.accounts);
        let directory = Arc::new(Directory::new(config.accounts, clock()));
        let container_service = ContainerService::new(config.clusters, Arc::clone(&directory), clock());
        Self {
            clock,
            faults: Faults::default(),
            records: Records::default(),
            directory,
            container_service,
            issuers: Issuers::new(config.oidc_trust),
            nonces: Nonces::default(),
            throttle,
            sites,
        }
    }

    /// Records the request, lets planned faults happen, and answers.
    pub(crate) async fn answer(&self, door: Door, raw: RawRequest, refused: Option<ApiError>) -> Outcome {
        if let Some(route) = self.sites.route(door, &raw) {
            return self.answer_site(route, raw, refused).await;
        }
        let now = (self.clock)();
        let mut overview = Overview::of(&raw);
        let for_container_service = cs::is_addressed(&raw);
        if for_container_service && overview.action.is_empty() {
            cs::operation_name(&raw).clone_into(&mut overview.action);
        }
        let request_id = random::request_id();
        let host = raw.host().to_owned();
        self.records.begin(RecordedRequest::new(raw.clone(), &overview, &request_id, now));
        let context = Context {
            request_id: &request_id,
            host: &host,
            action: &overview.action,
            product: service::product(&overview.version),
            xml: overview.wants_xml,
            lower_case: for_container_service,
        };
        let plan = self.faults.take(&overview.action);
        if !plan.delay.is_zero() {
            tokio::time::sleep(plan.delay).await;
        }
        let ended_credentials = plan.fault == Some(Fault::ExpiredCredentials);
        let reply = match plan.fault {
            Some(Fault::BreakConnection) => {
                log(&overview, &context, "broken connection");
                return Outcome::Break;
            }
            Some(Fault::Silence) => {
                log(&overview, &context, "no answer");
                return Outcome::Silence;
            }
            Some(Fault::Garbage { content_type, body }) => Reply::garbage(&content_type, body, &context),
            Some(Fault::Error { status, code, message }) => {
                Reply::error(&ApiError::new(status, code, message), &context)
            }
            Some(Fault::Delay(_) | Fault::ExpiredCredentials) | None => {
                let result = match refused {
                    Some(error) => Err(error),
                    None if for_container_service => self
                        .handle_container_service(&raw, &request_id, now)
                        .await
                        .map(|body| Reply::json(&body, &context)),
                    None => self
                        .handle(&raw, now, ended_credentials)
                        .await
                        .map(|fields| Reply::success(fields, &context)),
                };
                result.unwrap_or_else(|error| Reply::error(&error, &context))
            }
        };
        self.records.answered(&request_id, reply.status, reply.code.as_deref());
        log(&overview, &context, reply.code.as_deref().unwrap_or("OK"));
        Outcome::Answer(reply)
    }

    async fn handle(
        &self,
        raw: &RawRequest,
        now: Timestamp,
        ended_credentials: bool,
    ) -> Result<Fields, ApiError> {
        // A task of Container Service that has ended may have made an OIDC provider.
        self.container_service.settle(now);
        let request = Parsed::new(raw)?;
        let operation = service::route(&request)?;
        let origin = Origin { now, source_ip: raw.peer };
        let call = Call {
            directory: &self.directory,
            params: &request.params,
            now,
            origin,
            throttle: &self.throttle,
            issuers: &self.issuers,
            ended_credentials,
        };
        match operation.handler {
            Handler::Signed(carry_out) => {
                let caller = authenticate(&request, &*self.directory, &self.nonces, now)?;
                self.may_call(caller.account_id(), now)?;
                let product = service::product(request.version().unwrap_or_default());
                ram::authorize(product, operation.name, &call, &caller)?;
                carry_out(&call, &caller)
            }
            Handler::SignedByKeyPair(carry_out) => {
                let find = |id: &str| self.directory.key_pair(id);
                let owner = authenticate_key_pair(&request, &find, &self.nonces, now)?;
                self.may_call(&owner.user.account_id, now)?;
                carry_out(&call, &owner)
            }
            Handler::Anonymous(carry_out) => carry_out(&call).await,
        }
    }
}

impl App {
    /// Only calls that were rightly signed count: nobody can use up an account's share but its own keys.
    fn may_call(&self, account_id: &str, now: Timestamp) -> Result<(), ApiError> {
        self.throttle.count(account_id, now)
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
