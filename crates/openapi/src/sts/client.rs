//! The HTTP client of STS.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use identity::Principal;
use jiff::Timestamp;
use reqwest::Method;
use signature::{acs3, encoding, format_timestamp};

use super::answer::{self, Asked};
use super::error::StsError;
use super::exchange::{Outgoing, unsendable};
use super::options::{ClientError, ClientOptions, PresignedRequest};
use super::probe::Probe;
use super::{AssumeRole, AssumeRoleWithOidc, Endpoint};
use crate::Credentials;
use crate::http;
use crate::network::{Proxy, ProxyRules, Trust, process_environment};

const VERSION: &str = "2015-04-01";
const GET_CALLER_IDENTITY: &str = "GetCallerIdentity";
/// STS closes idle connections after 25 s (its `keep-alive` header): stop using them before that.
const POOL_IDLE: Duration = Duration::from_secs(20);

/// A client of one STS endpoint. Cheap to clone; clones share the connections.
///
/// It follows no redirect, obeys `SSL_CERT_FILE`, `SSL_CERT_DIR`, `HTTPS_PROXY` and `NO_PROXY`, and speaks HTTP/1.1
/// only: on one shared HTTP/2 connection, a call that times out leaves the dead connection to the next.
#[derive(Clone)]
pub struct Client {
    pub(super) http: reqwest::Client,
    pub(super) endpoint: Endpoint,
    pub(super) authority: String,
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
    pub fn new(options: &ClientOptions) -> Result<Self, ClientError> {
        let trust = match &options.ca_file {
            Some(path) => Trust::File(path.clone()),
            None => Trust::from_environment(&process_environment),
        };
        Self::with_network(options, &trust, &ProxyRules::from_environment(&process_environment)?)
    }

    /// [`Client::new`] without a look at the process environment; `options.ca_file` is not read.
    ///
    /// # Errors
    /// CA certificates that cannot be used.
    pub fn with_network(
        options: &ClientOptions,
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
        Ok(Self {
            http: builder.build().map_err(build_error)?,
            endpoint: options.endpoint.clone(),
            authority: options.endpoint.authority(),
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

    /// Sends a `GetCallerIdentity` that nobody signed: the refusal shows that STS is there, and its clock.
    ///
    /// # Errors
    /// [`StsError::Network`] where no answer came. Any answer, whatever it says, is no error.
    pub async fn probe(&self) -> Result<Probe, StsError> {
        let started = Instant::now();
        let prepared = self.prepare(Outgoing {
            action: GET_CALLER_IDENTITY,
            method: Method::GET,
            query: pairs([("Action", GET_CALLER_IDENTITY), ("Format", "JSON"), ("Version", VERSION)]),
            headers: pairs([("accept", "application/json")]),
            body: Vec::new(),
        })?;
        let failed = |error| self.network_error(GET_CALLER_IDENTITY, &error);
        let response = self.http.execute(prepared).await.map_err(failed)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = match http::read_body(response).await.map_err(failed)? {
            http::Body::Whole(body) => body,
            http::Body::TooLarge => Vec::new(),
        };
        Ok(Probe::new(status, &headers, &body, started))
    }

    /// Sends a `GetCallerIdentity` that the caller has signed, to this client's endpoint, and gives the principal with
    /// STS's request id (empty where the answer has none).
    ///
    /// # Errors
    /// [`StsError`]; [`StsError::Request`] for headers that a signed request does not have.
    pub async fn get_caller_identity_presigned(
        &self,
        request: &PresignedRequest,
    ) -> Result<(Principal, String), StsError> {
        let method = match request.method.as_str() {
            "POST" => Method::POST,
            "GET" => Method::GET,
            _ => return Err(unsendable(GET_CALLER_IDENTITY, "its method is neither GET nor POST")),
        };
        let is_allowed = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.starts_with("x-acs-")
                || matches!(name.as_str(), "authorization" | "user-agent" | "accept" | "content-type")
        };
        if !request.headers.iter().all(|(name, _)| is_allowed(name)) {
            return Err(unsendable(GET_CALLER_IDENTITY, "it has a header that signed requests do not have"));
        }
        let mut headers = request.headers.clone();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
            headers.push(("accept".to_owned(), "application/json".to_owned()));
        }
        self.caller(Outgoing {
            action: GET_CALLER_IDENTITY,
            method,
            query: request.query.clone(),
            headers,
            body: Vec::new(),
        })
        .await
    }

    /// Asks who `credentials` belong to. `now` is the time of the signature.
    ///
    /// # Errors
    /// [`StsError`].
    pub async fn get_caller_identity(
        &self,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<(Principal, String), StsError> {
        self.caller(self.signed(GET_CALLER_IDENTITY, Vec::new(), credentials, now)).await
    }

    /// Assumes a role. `now` is the time of the signature.
    ///
    /// # Errors
    /// [`StsError`].
    pub async fn assume_role(
        &self,
        credentials: &Credentials,
        request: &AssumeRole,
        now: Timestamp,
    ) -> Result<Credentials, StsError> {
        let query = pairs([
            ("RoleArn", request.role_arn.as_str()),
            ("RoleSessionName", request.session_name.as_str()),
        ]);
        self.credentials(self.signed("AssumeRole", query, credentials, now)).await
    }

    /// Assumes a role with an OIDC token instead of a signature; the token travels in the body, never in the URL.
    ///
    /// # Errors
    /// [`StsError`].
    pub async fn assume_role_with_oidc(
        &self,
        request: &AssumeRoleWithOidc,
        now: Timestamp,
    ) -> Result<Credentials, StsError> {
        const ACTION: &str = "AssumeRoleWithOIDC";
        let form = encoding::build_query(&pairs([
            ("OIDCProviderArn", request.oidc_provider_arn.as_str()),
            ("OIDCToken", request.oidc_token.expose()),
            ("RoleArn", request.role_arn.as_str()),
            ("RoleSessionName", request.session_name.as_str()),
        ]));
        let timestamp = format_timestamp(now);
        let nonce = nonce();
        self.credentials(Outgoing {
            action: ACTION,
            method: Method::POST,
            query: pairs([
                ("Action", ACTION),
                ("Format", "JSON"),
                ("SignatureNonce", &nonce),
                ("Timestamp", &timestamp),
                ("Version", VERSION),
            ]),
            headers: pairs([
                ("accept", "application/json"),
                ("content-type", "application/x-www-form-urlencoded"),
            ]),
            body: form.into_bytes(),
        })
        .await
    }

    async fn caller(&self, request: Outgoing) -> Result<(Principal, String), StsError> {
        let asked = Asked { action: request.action, endpoint: &self.authority };
        let answer = self.exchange(request).await?;
        answer::caller(asked, &answer::interpret(asked, answer)?)
    }

    async fn credentials(&self, request: Outgoing) -> Result<Credentials, StsError> {
        let asked = Asked { action: request.action, endpoint: &self.authority };
        let answer = self.exchange(request).await?;
        answer::credentials(asked, &answer::interpret(asked, answer)?)
    }

    /// A request of our own: ACS3, with `host` and a nonce under the signature.
    fn signed(
        &self,
        action: &'static str,
        query: Vec<(String, String)>,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Outgoing {
        let mut headers: BTreeMap<String, String> = pairs([
            ("host", self.authority.as_str()),
            ("x-acs-action", action),
            ("x-acs-version", VERSION),
            ("x-acs-date", &format_timestamp(now)),
            ("x-acs-signature-nonce", &nonce()),
            ("x-acs-content-sha256", acs3::EMPTY_BODY_SHA256),
        ])
        .into_iter()
        .collect();
        if let Some(token) = &credentials.security_token {
            headers.insert("x-acs-security-token".to_owned(), token.expose().to_owned());
        }
        let request = acs3::Request {
            method: "POST",
            path: "/",
            query: &query,
            headers: &[],
            content_sha256: acs3::EMPTY_BODY_SHA256,
        };
        let authorization = acs3::authorize_headers(
            &request,
            &headers,
            &credentials.access_key_id,
            &credentials.access_key_secret,
        );
        // The HTTP library writes `host` itself, from the same authority.
        headers.remove("host");
        headers.insert("authorization".to_owned(), authorization.to_string());
        headers.insert("accept".to_owned(), "application/json".to_owned());
        Outgoing {
            action,
            method: Method::POST,
            query,
            headers: headers.into_iter().collect(),
            body: Vec::new(),
        }
    }
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn nonce() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
