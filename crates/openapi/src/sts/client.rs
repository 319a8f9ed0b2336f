//! The client of STS.

use std::time::Instant;

use identity::Principal;
use jiff::Timestamp;
use reqwest::Method;
use signature::{encoding, format_timestamp};

use super::answer;
use super::error::StsError;
use super::explanation::explain;
use super::presigned::PresignedRequest;
use super::probe::Probe;
use super::{AssumeRole, AssumeRoleWithOidc};
use crate::api::{
    self, Call, ClientError, Outgoing, Service, ServiceOptions, Style, nonce, pairs, unsendable,
};
use crate::http::{Body, MAX_BODY_BYTES};
use crate::network::{ProxyRules, Trust};
use crate::{Credentials, Endpoint};

pub(super) const VERSION: &str = "2015-04-01";
const GET_CALLER_IDENTITY: &str = "GetCallerIdentity";

/// STS: its version, its endpoints, its error codes.
pub static SERVICE: Service = Service {
    name: "STS",
    version: VERSION,
    endpoint_flag: "--sts-endpoint",
    of_region: |region| Endpoint::from_region(region, false),
    explain,
    style: Style::Rpc,
};

/// A client of one STS endpoint. Cheap to clone; clones share the connections. How it reaches the network:
/// [`api::Client`].
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) api: api::Client,
}

impl Client {
    /// Reads the CA certificates and the proxy settings of the process environment. Connects to nothing yet.
    ///
    /// # Errors
    /// A CA file or a proxy setting that cannot be used.
    pub fn new(options: &ServiceOptions) -> Result<Self, ClientError> {
        Ok(Self { api: api::Client::new(&SERVICE, options)? })
    }

    /// [`Client::new`] without a look at the process environment; `options.ca_file` is not read.
    ///
    /// # Errors
    /// CA certificates that cannot be used.
    pub fn with_network(
        options: &ServiceOptions,
        trust: &Trust,
        proxies: &ProxyRules,
    ) -> Result<Self, ClientError> {
        Ok(Self { api: api::Client::with_network(&SERVICE, options, trust, proxies)? })
    }

    /// The endpoint that this client asks.
    pub fn endpoint(&self) -> &Endpoint {
        self.api.endpoint()
    }

    /// The proxy that requests go through, `HOST:PORT`, or none.
    pub fn proxy(&self) -> Option<&str> {
        self.api.proxy()
    }

    /// Sends a `GetCallerIdentity` that nobody signed: the refusal shows that STS is there, and its clock.
    ///
    /// # Errors
    /// [`api::ApiError::Network`] where no answer came. Any answer, whatever it says, is no error.
    pub async fn probe(&self) -> Result<Probe, StsError> {
        let started = Instant::now();
        let request = Outgoing {
            action: GET_CALLER_IDENTITY,
            method: Method::GET,
            path: "/".to_owned(),
            query: pairs([("Action", GET_CALLER_IDENTITY), ("Format", "JSON"), ("Version", VERSION)]),
            headers: pairs([("accept", "application/json")]),
            body: Vec::new(),
        };
        let (answer, headers) = self.api.exchange_with_headers(request, MAX_BODY_BYTES).await?;
        let body = match answer.body {
            Body::Whole(body) => body,
            Body::TooLarge => Vec::new(),
        };
        Ok(Probe::new(answer.status, &headers, &body, started))
    }

    /// Sends a `GetCallerIdentity` that the caller has signed, to this client's endpoint, and gives the principal with
    /// STS's request id (empty where the answer has none).
    ///
    /// # Errors
    /// [`StsError`]; [`api::ApiError::Request`] for headers that a signed request does not have.
    pub async fn get_caller_identity_presigned(
        &self,
        request: &PresignedRequest,
    ) -> Result<(Principal, String), StsError> {
        let method = match request.method.as_str() {
            "POST" => Method::POST,
            "GET" => Method::GET,
            _ => return Err(unsendable(GET_CALLER_IDENTITY, "its method is neither GET nor POST").into()),
        };
        let is_allowed = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.starts_with("x-acs-")
                || matches!(name.as_str(), "authorization" | "user-agent" | "accept" | "content-type")
        };
        if !request.headers.iter().all(|(name, _)| is_allowed(name)) {
            let detail = "it has a header that signed requests do not have";
            return Err(unsendable(GET_CALLER_IDENTITY, detail).into());
        }
        let mut headers = request.headers.clone();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
            headers.push(("accept".to_owned(), "application/json".to_owned()));
        }
        self.caller(Outgoing {
            action: GET_CALLER_IDENTITY,
            method,
            path: "/".to_owned(),
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
        self.caller(self.signed(&Call::rpc(GET_CALLER_IDENTITY, []), credentials, now)).await
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
        let parameters =
            [("RoleArn", request.role_arn.as_str()), ("RoleSessionName", request.session_name.as_str())];
        let mut call = Call::rpc("AssumeRole", parameters);
        if let Some(seconds) = request.duration_seconds {
            call = call.with("DurationSeconds", seconds.to_string());
        }
        if let Some(id) = &request.external_id {
            call = call.with("ExternalId", id.as_str());
        }
        self.credentials(self.signed(&call, credentials, now)).await
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
        let mut form = pairs([
            ("OIDCProviderArn", request.oidc_provider_arn.as_str()),
            ("OIDCToken", request.oidc_token.expose()),
            ("RoleArn", request.role_arn.as_str()),
            ("RoleSessionName", request.session_name.as_str()),
        ]);
        if let Some(seconds) = request.duration_seconds {
            form.push(("DurationSeconds".to_owned(), seconds.to_string()));
        }
        let form = encoding::build_query(&form);
        let timestamp = format_timestamp(now);
        let nonce = nonce();
        self.credentials(Outgoing {
            action: ACTION,
            method: Method::POST,
            path: "/".to_owned(),
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
        let asked = self.api.asked(request.action);
        let answer = self.api.exchange(request, MAX_BODY_BYTES).await?;
        answer::caller(asked, &asked.object(asked.interpret(answer)?)?)
    }

    async fn credentials(&self, request: Outgoing) -> Result<Credentials, StsError> {
        let asked = self.api.asked(request.action);
        let answer = self.api.exchange(request, MAX_BODY_BYTES).await?;
        Ok(answer::credentials(asked, &asked.object(asked.interpret(answer)?)?)?)
    }

    fn signed(&self, call: &Call, credentials: &Credentials, now: Timestamp) -> Outgoing {
        call.sign(&SERVICE, &self.endpoint().authority(), credentials, now)
    }
}
