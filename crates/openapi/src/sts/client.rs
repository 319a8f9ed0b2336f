//! The HTTP client of STS.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use identity::Principal;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use signature::{acs3, encoding, format_timestamp};

use super::answer::{self, Answer, Asked};
use super::error::{Fault, StsError};
use super::{AssumeRole, AssumeRoleWithOidc, Endpoint};
use crate::Credentials;
use crate::http;
use crate::network::{Proxy, ProxyError, ProxyRules, Trust, TrustError, process_environment};

const VERSION: &str = "2015-04-01";
const GET_CALLER_IDENTITY: &str = "GetCallerIdentity";
/// STS closes idle connections after 25 s (its `keep-alive` header): stop using them before that.
const POOL_IDLE: Duration = Duration::from_secs(20);

/// How to reach STS.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where STS is.
    pub endpoint: Endpoint,
    /// A PEM bundle to trust instead of the system's CA store.
    pub ca_file: Option<PathBuf>,
    /// Limit for the TCP and TLS handshakes.
    pub connect_timeout: Duration,
    /// Limit for a whole call, the handshakes included.
    pub timeout: Duration,
    /// The `User-Agent` of requests that do not bring their own.
    pub user_agent: String,
}

impl ClientOptions {
    /// 2 s to connect, 5 s for a call, and the system's CA store.
    pub fn new(endpoint: Endpoint, user_agent: impl Into<String>) -> Self {
        Self {
            endpoint,
            ca_file: None,
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(5),
            user_agent: user_agent.into(),
        }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nothing to trust.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A proxy that cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The HTTP library refuses the settings.
    #[error("cannot set up the HTTP client: {detail}")]
    Build {
        /// The library's words.
        detail: String,
    },
}

/// A request that somebody else has signed.
#[derive(Clone)]
pub struct PresignedRequest {
    /// `POST` or `GET`.
    pub method: String,
    /// The parameters, decoded.
    pub query: Vec<(String, String)>,
    /// `authorization`, `user-agent`, `accept`, `content-type` and `x-acs-*` only. `host` is the endpoint's own.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for PresignedRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PresignedRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

/// A client of one STS endpoint. Cheap to clone; clones share the connections.
///
/// It follows no redirect, obeys `SSL_CERT_FILE`, `SSL_CERT_DIR`, `HTTPS_PROXY` and `NO_PROXY`, and speaks HTTP/1.1
/// only: on one shared HTTP/2 connection, a call that times out leaves the dead connection to the next.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    authority: String,
    proxy: Option<String>,
    trust_problems: Vec<String>,
    connect_timeout: Duration,
    timeout: Duration,
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

struct Outgoing {
    action: &'static str,
    method: Method,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
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
        })
    }

    /// The endpoint that this client asks.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
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

    async fn exchange(&self, request: Outgoing) -> Result<Answer, StsError> {
        let action = request.action;
        let started = Instant::now();
        let prepared = self.prepare(request)?;
        let failed = |error| self.network_error(action, &error);
        let response = self.http.execute(prepared).await.map_err(failed)?;
        let status = response.status().as_u16();
        let json = http::is_json(&response);
        let body = http::read_body(response).await.map_err(failed)?;
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(action, endpoint = %self.authority, status, milliseconds, "STS answered");
        Ok(Answer { status, json, body })
    }

    fn prepare(&self, request: Outgoing) -> Result<reqwest::Request, StsError> {
        let Outgoing { action, method, query, headers, body } = request;
        let mut text = format!("https://{}/", self.authority);
        if !query.is_empty() {
            text.push('?');
            text.push_str(&encoding::build_query(&query));
        }
        let url = reqwest::Url::parse(&text).map_err(|_| unsendable(action, "its URL is malformed"))?;
        let mut prepared = reqwest::Request::new(method, url);
        for (name, value) in headers {
            let bad = |_| unsendable(action, "a header of it holds characters that HTTP does not allow");
            let parsed: HeaderName = name.parse().map_err(|_| bad(()))?;
            let mut value: HeaderValue = value.parse().map_err(|_| bad(()))?;
            value.set_sensitive(matches!(parsed.as_str(), "authorization" | "x-acs-security-token"));
            // One value a name: what was signed is defined for one only.
            if prepared.headers_mut().insert(parsed, value).is_some() {
                return Err(unsendable(action, "a header of it occurs more than once"));
            }
        }
        // The HTTP library leaves it out for an empty body, and servers may then answer 411.
        if prepared.method() == Method::POST && body.is_empty() {
            prepared.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        *prepared.body_mut() = Some(body.into());
        Ok(prepared)
    }

    fn network_error(&self, action: &'static str, error: &reqwest::Error) -> StsError {
        let proxy = self.proxy.clone();
        let reason = http::reason(error);
        let fault = if error.is_timeout() {
            let after = if error.is_connect() { self.connect_timeout } else { self.timeout };
            Fault::Timeout { after, proxy }
        } else if let Some(tls) = http::tls_error(error) {
            Fault::Tls { reason: self.tls_reason(tls), proxy }
        } else if error.is_connect() {
            Fault::Connect { reason, proxy }
        } else {
            Fault::Broken { reason }
        };
        StsError::Network { action, endpoint: self.authority.clone(), fault }
    }

    fn tls_reason(&self, error: &rustls::Error) -> String {
        use rustls::{CertificateError, Error};
        match error {
            // A bad signature is what another CA of the same name gives.
            Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
                let mut text =
                    "its certificate is not signed by a CA that this program trusts; if that CA is \
                                right, name its PEM file in SSL_CERT_FILE"
                        .to_owned();
                if !self.trust_problems.is_empty() {
                    text.push_str(" (could not be read: ");
                    text.push_str(&self.trust_problems.join("; "));
                    text.push(')');
                }
                text
            }
            other => http::one_line(&other.to_string()),
        }
    }
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn nonce() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn unsendable(action: &'static str, detail: &str) -> StsError {
    StsError::Request { action, detail: detail.to_owned() }
}
