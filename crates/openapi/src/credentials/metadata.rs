//! The ECS metadata service: the credentials of the role that an instance has.

use std::time::Duration;

use reqwest::{RequestBuilder, Url};

use super::error::{CredentialError, ValueProblem};
use super::keys::{self, Kind};
use super::uri::{describe, origin};
use super::variables::{self as names, Found, find, is_on};
use super::{Context, Credentials};
use crate::http::{self, Body};
use crate::network::Lookup;

const DEFAULT_ENDPOINT: &str = "http://100.100.100.200";
const TOKEN_HEADER: &str = "x-aliyun-ecs-metadata-token";
const TOKEN_TTL_HEADER: &str = "x-aliyun-ecs-metadata-token-ttl-seconds";
const TOKEN_TTL_SECONDS: &str = "3600";
const MAX_ROLE_NAME_BYTES: usize = 64;
const MAX_TOKEN_BYTES: usize = 4096;
/// Where there is no such service, packets to its address get no answer: find out in less than a second.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
const TIMEOUT: Duration = Duration::from_secs(1);

/// An ECS instance role, and how to reach the metadata service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataRole {
    role: String,
    endpoint: Url,
    /// `ALIBABA_CLOUD_IMDSV2_DISABLED`: do not ask for a session token.
    without_token: bool,
    /// `ALIBABA_CLOUD_IMDSV1_DISABLED`: do not go on without one.
    only_with_token: bool,
}

impl MetadataRole {
    pub(super) fn new(name: &Found, environment: Lookup<'_>) -> Result<Self, CredentialError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let dots_only = name.value.bytes().all(|b| b == b'.');
        if name.value.is_empty()
            || name.value.len() > MAX_ROLE_NAME_BYTES
            || !name.value.bytes().all(allowed)
            || dots_only
        {
            return Err(name.problem(ValueProblem::RoleName));
        }
        let endpoint = find(environment, names::IMDS_ENDPOINT)
            .unwrap_or_else(|| Found::new("the metadata service's address", DEFAULT_ENDPOINT));
        let url = Url::parse(endpoint.value.trim().trim_end_matches('/'))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none())
            .ok_or_else(|| endpoint.problem(ValueProblem::Url))?;
        Ok(Self {
            role: name.value.clone(),
            endpoint: url,
            without_token: is_on(environment, names::IMDSV2_DISABLED),
            only_with_token: is_on(environment, names::IMDSV1_DISABLED),
        })
    }

    /// Asks, never through a proxy.
    pub(super) async fn fetch(&self, context: &Context) -> Result<Credentials, CredentialError> {
        let client = context.direct_http_client(&self.endpoint, CONNECT_TIMEOUT, TIMEOUT)?;
        let path = format!("/latest/meta-data/ram/security-credentials/{}", self.role);
        let mut request = client.get(self.at(&path)?);
        if !self.without_token
            && let Some(token) = self.token(&client).await?
        {
            let mut value = reqwest::header::HeaderValue::from_str(&token)
                .map_err(|_| self.failed("its session token is malformed".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(TOKEN_HEADER, value);
        }
        match self.send(request).await? {
            (200, body) => {
                check_code(&body).map_err(|detail| self.failed(detail))?;
                keys::parse(&body, Kind::Temporary).map_err(|detail| self.failed(detail))
            }
            (404, _) => Err(self.failed(format!(
                "the instance has no role {} (HTTP 404): check ALIBABA_CLOUD_ECS_METADATA",
                self.role
            ))),
            (status, _) => Err(self.failed(format!("it answered HTTP {status}"))),
        }
    }

    /// The session token of IMDSv2; none where the service does not know them.
    async fn token(&self, client: &reqwest::Client) -> Result<Option<String>, CredentialError> {
        let url = self.at("/latest/api/token")?;
        let request =
            client.put(url).header(TOKEN_TTL_HEADER, TOKEN_TTL_SECONDS).header("content-length", "0");
        match self.send(request).await? {
            (200, body) => {
                let token = String::from_utf8(body).unwrap_or_default().trim().to_owned();
                let good = !token.is_empty()
                    && token.len() <= MAX_TOKEN_BYTES
                    && token.bytes().all(|b| b.is_ascii_graphic());
                if good { Ok(Some(token)) } else { Err(self.failed("its session token is malformed".to_owned())) }
            }
            (status, _) if self.only_with_token => Err(self.failed(format!(
                "it gives no session token (HTTP {status}), and ALIBABA_CLOUD_IMDSV1_DISABLED forbids to go on without"
            ))),
            _ => Ok(None),
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<(u16, Vec<u8>), CredentialError> {
        let network = |error: reqwest::Error| self.failed(describe(&error, TIMEOUT));
        let response = request.send().await.map_err(network)?;
        let status = response.status().as_u16();
        match http::read_body(response).await.map_err(network)? {
            Body::Whole(body) => Ok((status, body)),
            Body::TooLarge => Err(self.failed("its answer is too large".to_owned())),
        }
    }

    fn at(&self, path: &str) -> Result<Url, CredentialError> {
        let base = self.endpoint.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}{path}"))
            .map_err(|_| self.failed("ALIBABA_CLOUD_IMDS_ENDPOINT is malformed".to_owned()))
    }

    fn failed(&self, detail: String) -> CredentialError {
        let service = format!("the ECS metadata service at {}", origin(&self.endpoint));
        CredentialError::Service { service, detail }
    }
}

/// The service says `Code: Success` beside credentials that are valid.
fn check_code(body: &[u8]) -> Result<(), String> {
    let object: serde_json::Value =
        serde_json::from_slice(body).map_err(|_| "its answer is no JSON object".to_owned())?;
    match object.get("Code").and_then(serde_json::Value::as_str) {
        Some("Success") => Ok(()),
        _ => Err("its answer does not say Code Success".to_owned()),
    }
}
