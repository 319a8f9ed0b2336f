//! `ALIBABA_CLOUD_CREDENTIALS_URI`: a service that hands out credentials, often a helper on the same machine.

use std::fmt;
use std::time::Duration;

use reqwest::Url;

use super::error::{CredentialError, ValueProblem};
use super::keys::{self, Kind};
use super::variables::Found;
use super::{Context, Credentials};
use crate::http::{self, Body};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(10);

/// The URL of a service that hands out credentials. Its text can be a secret of its own: it is shown as
/// `SCHEME://HOST:PORT` only.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialsUri {
    url: Url,
}

impl CredentialsUri {
    pub(super) fn from_text(found: &Found) -> Result<Self, CredentialError> {
        let url = Url::parse(found.value.trim()).map_err(|_| found.problem(ValueProblem::Url))?;
        let good =
            matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty());
        if good { Ok(Self { url }) } else { Err(found.problem(ValueProblem::Url)) }
    }

    /// Tells URIs apart without showing them.
    pub(super) fn fingerprint(&self) -> String {
        signature::acs3::sha256_hex(self.url.as_str().as_bytes())
    }

    /// Asks. A plain `http` URL is never asked through a proxy: the keys would pass it readable.
    pub(super) async fn fetch(&self, context: &Context<'_>) -> Result<Credentials, CredentialError> {
        let failed = |detail: String| CredentialError::Service { service: self.to_string(), detail };
        let client = context.http_client(&self.url, CONNECT_TIMEOUT, TIMEOUT)?;
        let network = |error: reqwest::Error| failed(describe(&error, TIMEOUT));
        let response = client.get(self.url.clone()).send().await.map_err(network)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(failed(format!("it answered HTTP {status}")));
        }
        match http::read_body(response).await.map_err(network)? {
            Body::Whole(body) => keys::parse(&body, Kind::Any).map_err(failed),
            Body::TooLarge => Err(failed("its answer is too large".to_owned())),
        }
    }
}

impl fmt::Display for CredentialsUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the credentials URI at {}", origin(&self.url))
    }
}

impl fmt::Debug for CredentialsUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("CredentialsUri").field(&origin(&self.url)).finish()
    }
}

/// `SCHEME://HOST[:PORT]`.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// What a failed exchange was, without the URL.
pub(super) fn describe(error: &reqwest::Error, timeout: Duration) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", timeout.as_secs_f32());
    }
    match error.is_connect() {
        true => format!("cannot connect: {}", http::reason(error)),
        false => format!("the connection broke: {}", http::reason(error)),
    }
}
