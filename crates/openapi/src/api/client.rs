//! The HTTP client of a service.

use std::fmt;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::answer::Asked;
use super::call::Call;
use super::error::ApiError;
use super::options::{ClientError, ServiceOptions};
use super::service::Service;
use crate::http::{self, Body};
use crate::network::{Proxy, ProxyRules, Trust, process_environment};
use crate::{Credentials, Endpoint};

/// Services close idle connections after 25 s (their `keep-alive` header): stop using them before that.
const POOL_IDLE: Duration = Duration::from_secs(20);
/// Before a call that reads is made a second time.
const PAUSE: Duration = Duration::from_millis(300);

/// What is asked for has begun (RFC 9110, section 15.3.3).
const ACCEPTED: u16 = 202;

/// A client of one service at one endpoint. Cheap to clone; clones share the connections.
///
/// It follows no redirect, obeys `SSL_CERT_FILE`, `SSL_CERT_DIR`, `HTTPS_PROXY` and `NO_PROXY`, and speaks HTTP/1.1
/// only: on one shared HTTP/2 connection, a call that times out leaves the dead connection to the next.
#[derive(Clone)]
pub struct Client {
    pub(super) service: &'static Service,
    pub(super) http: reqwest::Client,
    endpoint: Endpoint,
    pub(super) authority: String,
    /// `https://` and the authority.
    pub(super) base: reqwest::Url,
    pub(super) proxy: Option<String>,
    pub(super) trust_problems: Vec<String>,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    pub(super) ca_setting: &'static str,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("service", &self.service.name)
            .field("endpoint", &self.authority)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Reads the CA certificates and the proxy settings of the process environment. Connects to nothing yet.
    ///
    /// # Errors
    /// A CA file or a proxy setting that cannot be used.
    pub fn new(service: &'static Service, options: &ServiceOptions) -> Result<Self, ClientError> {
        let trust = match &options.ca_file {
            Some(path) => Trust::File(path.clone()),
            None => Trust::from_environment(&process_environment),
        };
        Self::with_network(service, options, &trust, &ProxyRules::from_environment(&process_environment)?)
    }

    /// [`Client::new`] without a look at the process environment; `options.ca_file` is not read.
    ///
    /// # Errors
    /// CA certificates that cannot be used.
    pub fn with_network(
        service: &'static Service,
        options: &ServiceOptions,
        trust: &Trust,
        proxies: &ProxyRules,
    ) -> Result<Self, ClientError> {
        let prepared = trust.prepare()?;
        let proxy = proxies.for_https(options.endpoint.host(), options.endpoint.port());
        let mut builder = reqwest::Client::builder()
            .https_only(true)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .pool_idle_timeout(POOL_IDLE)
            .user_agent(&options.user_agent)
            .no_proxy();
        if let Some(config) = prepared.config {
            builder = builder.tls_backend_preconfigured(config);
        }
        let build_error = |error: reqwest::Error| ClientError::Build { detail: http::reason(&error) };
        if let Some(proxy) = proxy {
            builder = builder.proxy(reqwest::Proxy::https(proxy.url()).map_err(build_error)?);
        }
        let authority = options.endpoint.authority();
        let base = reqwest::Url::parse(&format!("https://{authority}"));
        Ok(Self {
            service,
            http: builder.build().map_err(build_error)?,
            endpoint: options.endpoint.clone(),
            base: base.map_err(|error| ClientError::Build { detail: format!("{authority}: {error}") })?,
            authority,
            proxy: proxy.map(Proxy::address),
            trust_problems: prepared.problems,
            connect_timeout: options.connect_timeout,
            timeout: options.timeout,
            ca_setting: options.ca_setting,
        })
    }

    /// The endpoint that this client asks.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The proxy that requests go through, `HOST:PORT`, or none.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// Makes a call and gives the JSON of its success. `now` is the time of the signature.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn call(
        &self,
        call: &Call,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let started = Instant::now();
        match self.call_once(call, credentials, now).await {
            Err(first) if call.reads_only && first.is_worth_a_second_try() => {
                tracing::debug!(action = call.action, "{first}; asking once more");
                tokio::time::sleep(PAUSE).await;
                let passed = SignedDuration::try_from(started.elapsed()).unwrap_or(SignedDuration::ZERO);
                let then = now.checked_add(passed).unwrap_or(now);
                self.call_once(call, credentials, then).await
            }
            answer => answer,
        }
    }

    async fn call_once(
        &self,
        call: &Call,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let request = call.sign(self.service, &self.authority, credentials, now);
        let mut answer = self.exchange(request, call.max_answer_bytes).await?;
        if call.begins && answer.status == ACCEPTED {
            answer.status = 200;
        }
        self.asked(call.action).interpret(answer)
    }

    /// [`Client::call`] of an operation whose success says nothing that counts. It is never made twice.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn call_without_answer(
        &self,
        call: &Call,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let request = call.sign(self.service, &self.authority, credentials, now);
        let answer = self.exchange(request, call.max_answer_bytes).await?;
        match answer.status {
            200 | 202 | 204 => Ok(()),
            _ => self.asked(call.action).interpret(answer).map(|_| ()),
        }
    }

    /// [`Client::call`] of an operation whose success may have no body: `None` then. It is never made twice.
    ///
    /// # Errors
    /// [`ApiError`].
    pub(crate) async fn call_with_optional_answer(
        &self,
        call: &Call,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Option<Value>, ApiError> {
        let request = call.sign(self.service, &self.authority, credentials, now);
        let mut answer = self.exchange(request, call.max_answer_bytes).await?;
        if matches!(answer.status, 200 | ACCEPTED | 204) {
            if matches!(&answer.body, Body::Whole(bytes) if bytes.is_empty()) {
                return Ok(None);
            }
            answer.status = 200;
        }
        self.asked(call.action).interpret(answer).map(Some)
    }

    pub(crate) fn asked(&self, action: &'static str) -> Asked<'_> {
        Asked { service: self.service, action, endpoint: &self.authority }
    }
}
