//! The ECS metadata service: the credentials of the role that an instance has ("Instance metadata" and "Instance RAM
//! roles" of the public ECS documentation).

use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, RequestBuilder, Url};

use super::error::{CredentialError, ValueProblem};
use super::keys::{self, Kind};
use super::uri::{describe, origin};
use super::variables::{self as names, Found, find, is_on};
use super::{Context, Credentials};
use crate::http::{self, Body};
use crate::network::Lookup;
use crate::sts::Endpoint;

const DEFAULT_ENDPOINT: &str = "http://100.100.100.200";
const REGION: &str = "/latest/meta-data/region-id";
const ROLES: &str = "/latest/meta-data/ram/security-credentials/";
const TOKEN_HEADER: &str = "x-aliyun-ecs-metadata-token";
const TOKEN_TTL_HEADER: &str = "x-aliyun-ecs-metadata-token-ttl-seconds";
const TOKEN_TTL_SECONDS: &str = "3600";
const MAX_ROLE_NAME_BYTES: usize = 64;
const MAX_TOKEN_BYTES: usize = 4096;
/// Where there is no such service, packets to its address get no answer: the first request finds that out in less than a
/// second.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
const FIRST_TIMEOUT: Duration = Duration::from_millis(800);
/// A service that has answered once may take its time.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An ECS instance role, and how to reach the metadata service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataRole {
    /// Asked from the service where nobody says it.
    role: Option<String>,
    endpoint: Url,
    /// `ALIBABA_CLOUD_IMDSV2_DISABLED`: do not ask for a session token.
    without_token: bool,
    /// `ALIBABA_CLOUD_IMDSV1_DISABLED`: do not go on without one.
    only_with_token: bool,
}

impl MetadataRole {
    pub(super) fn new(name: Option<&Found>, environment: Lookup<'_>) -> Result<Self, CredentialError> {
        if let Some(name) = name.filter(|name| !is_role_name(&name.value)) {
            return Err(name.problem(ValueProblem::RoleName));
        }
        let endpoint = find(environment, names::IMDS_ENDPOINT)
            .unwrap_or_else(|| Found::new("the metadata service's address", DEFAULT_ENDPOINT));
        let url = Url::parse(endpoint.value.trim().trim_end_matches('/'))
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            // Behind either, the service's own paths would be no part of the path that is asked for.
            .filter(|url| url.query().is_none() && url.fragment().is_none())
            .ok_or_else(|| endpoint.problem(ValueProblem::Url))?;
        Ok(Self {
            role: name.map(|name| name.value.clone()),
            endpoint: url,
            without_token: is_on(environment, names::IMDSV2_DISABLED),
            only_with_token: is_on(environment, names::IMDSV1_DISABLED),
        })
    }

    /// Tells roles and services apart.
    pub(super) fn identity(&self) -> [String; 2] {
        [self.endpoint.to_string(), self.role.clone().unwrap_or_default()]
    }

    /// Asks, never through a proxy.
    pub(super) async fn fetch(&self, context: &Context<'_>) -> Result<Credentials, CredentialError> {
        let client = context.direct_http_client(&self.endpoint, CONNECT_TIMEOUT, TIMEOUT)?;
        let mut service = Service { role: self, client, token: None, has_answered: false };
        if !self.without_token {
            service.token = service.new_token().await?;
        }
        let role = match &self.role {
            Some(role) => role.clone(),
            None => service.role_name().await?,
        };
        match service.get(&format!("{ROLES}{role}")).await? {
            (200, body) => {
                check_code(&body).map_err(|detail| self.failed(detail))?;
                keys::parse(&body, Kind::Temporary).map_err(|detail| self.failed(detail))
            }
            (404, _) => Err(self.failed(format!(
                "the instance has no role {role} (HTTP 404): check the role's name where it was set, and the role of the instance"
            ))),
            (status, _) => Err(self.failed(format!("it answered HTTP {status}"))),
        }
    }

    /// The region that the instance runs in, never through a proxy.
    async fn region(&self, context: &Context<'_>) -> Result<String, CredentialError> {
        let client = context.direct_http_client(&self.endpoint, CONNECT_TIMEOUT, TIMEOUT)?;
        let mut service = Service { role: self, client, token: None, has_answered: false };
        if !self.without_token {
            service.token = service.new_token().await?;
        }
        match service.get(REGION).await? {
            (200, body) => {
                let text = String::from_utf8(body).unwrap_or_default();
                let region = text.trim();
                match Endpoint::from_region(Some(region), false) {
                    Ok(_) if !region.is_empty() => Ok(region.to_owned()),
                    _ => Err(self.failed("it does not give the name of a region".to_owned())),
                }
            }
            (status, _) => Err(self.failed(format!("it answered HTTP {status} when asked for the region"))),
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

/// The region that this machine runs in, as the ECS metadata service says it.
///
/// # Errors
/// There is no such service here, or what it answered instead.
pub async fn metadata_region(context: &Context<'_>) -> Result<String, CredentialError> {
    MetadataRole::new(None, context.environment.variable)?.region(context).await
}

/// The exchanges of one fetch.
struct Service<'a> {
    role: &'a MetadataRole,
    client: Client,
    token: Option<HeaderValue>,
    has_answered: bool,
}

impl Service<'_> {
    /// The session token of IMDSv2; none where the service does not give one, as the SDKs have it.
    async fn new_token(&mut self) -> Result<Option<HeaderValue>, CredentialError> {
        let url = self.role.at("/latest/api/token")?;
        let request =
            self.client.put(url).header(TOKEN_TTL_HEADER, TOKEN_TTL_SECONDS).header("content-length", "0");
        let (status, body) = self.send(request).await?;
        let token = if status == 200 { token_of(&body) } else { None };
        if token.is_none() && self.role.only_with_token {
            return Err(self.role.failed(format!(
                "it gives no session token (HTTP {status}), and ALIBABA_CLOUD_IMDSV1_DISABLED forbids to go on without"
            )));
        }
        Ok(token)
    }

    /// The role of the instance.
    async fn role_name(&mut self) -> Result<String, CredentialError> {
        match self.get(ROLES).await? {
            (200, body) => {
                let text = String::from_utf8(body).unwrap_or_default();
                let name = text.lines().next().unwrap_or_default().trim();
                match is_role_name(name) {
                    true => Ok(name.to_owned()),
                    false => Err(self.role.failed("it does not give the name of a role".to_owned())),
                }
            }
            (404, _) => Err(self.role.failed("the instance has no role (HTTP 404): give it one".to_owned())),
            (status, _) => {
                Err(self.role.failed(format!("it answered HTTP {status} when asked for the role")))
            }
        }
    }

    /// A GET with the session token; one that fails is repeated without, unless that is forbidden.
    async fn get(&mut self, path: &str) -> Result<(u16, Vec<u8>), CredentialError> {
        let url = self.role.at(path)?;
        let Some(token) = self.token.clone() else { return self.send(self.client.get(url)).await };
        let answer = self.send(self.client.get(url.clone()).header(TOKEN_HEADER, token)).await?;
        if answer.0 == 200 || self.role.only_with_token {
            return Ok(answer);
        }
        match self.send(self.client.get(url)).await {
            Ok((200, body)) => Ok((200, body)),
            // What the service said first says more.
            _ => Ok(answer),
        }
    }

    async fn send(&mut self, request: RequestBuilder) -> Result<(u16, Vec<u8>), CredentialError> {
        let limit = if self.has_answered { TIMEOUT } else { FIRST_TIMEOUT };
        let network = |error: reqwest::Error| self.role.failed(describe(&error, limit));
        let response = request.timeout(limit).send().await.map_err(network)?;
        let status = response.status().as_u16();
        let body = http::read_body(response).await.map_err(network)?;
        self.has_answered = true;
        match body {
            Body::Whole(body) => Ok((status, body)),
            Body::TooLarge => Err(self.role.failed("its answer is too large".to_owned())),
        }
    }
}

fn is_role_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let dots_only = name.bytes().all(|b| b == b'.');
    !dots_only && name.len() <= MAX_ROLE_NAME_BYTES && name.bytes().all(allowed)
}

fn token_of(body: &[u8]) -> Option<HeaderValue> {
    let token = std::str::from_utf8(body).ok()?.trim();
    let good =
        !token.is_empty() && token.len() <= MAX_TOKEN_BYTES && token.bytes().all(|b| b.is_ascii_graphic());
    let mut value = HeaderValue::from_str(token).ok().filter(|_| good)?;
    value.set_sensitive(true);
    Some(value)
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
