//! One request and its answer, over HTTP.

use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use rustls_pki_types::UnixTime;
use signature::encoding;

use super::Client;
use super::answer::Answer;
use super::error::{ApiError, Fault};
use crate::http;

/// A request that is ready to be written down.
pub(crate) struct Outgoing {
    pub(crate) action: &'static str,
    pub(crate) method: Method,
    /// Escaped, from its first slash on.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) async fn exchange(
        &self,
        request: Outgoing,
        max_answer_bytes: usize,
    ) -> Result<Answer, ApiError> {
        self.exchange_with_headers(request, max_answer_bytes).await.map(|(answer, _)| answer)
    }

    pub(crate) async fn exchange_with_headers(
        &self,
        request: Outgoing,
        max_answer_bytes: usize,
    ) -> Result<(Answer, HeaderMap), ApiError> {
        let action = request.action;
        let started = Instant::now();
        let prepared = self.prepare(request)?;
        let failed = |error| self.network_error(action, &error);
        let mut response = self.http.execute(prepared).await.map_err(failed)?;
        let status = response.status().as_u16();
        let json = http::is_json(&response);
        let headers = std::mem::take(response.headers_mut());
        let body = http::read_body_of_at_most(response, max_answer_bytes).await.map_err(failed)?;
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(action, endpoint = %self.authority, status, milliseconds, "{} answered", self.service.name);
        Ok((Answer { status, json, body, max_bytes: max_answer_bytes }, headers))
    }

    fn prepare(&self, request: Outgoing) -> Result<reqwest::Request, ApiError> {
        let Outgoing { action, method, path, query, headers, body } = request;
        let mut url = self.base.clone();
        url.set_path(&path);
        if !query.is_empty() {
            url.set_query(Some(&encoding::build_query(&query)));
        }
        // What was signed is what is sent: `/a/..` would become another path. Without a name it would be another thing's.
        if url.path() != path || path.contains("//") || (path.len() > 1 && path.ends_with('/')) {
            return Err(unsendable(action, "its path holds an empty name, or . or .. as one"));
        }
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
        if matches!(*prepared.method(), Method::POST | Method::PUT) && body.is_empty() {
            prepared.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        *prepared.body_mut() = Some(body.into());
        Ok(prepared)
    }

    fn network_error(&self, action: &'static str, error: &reqwest::Error) -> ApiError {
        let way = Way {
            proxy: self.proxy.as_deref(),
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
            ca_setting: self.ca_setting,
            trust_problems: &self.trust_problems,
        };
        // Only what failed while connecting has surely sent nothing: an alert of TLS may come after the request.
        let may_be_sent = !error.is_connect();
        let (service, fault) = (self.service.name, way.fault(error));
        ApiError::Network { service, action, endpoint: self.authority.clone(), fault, may_be_sent }
    }
}

/// How a server was reached for, as far as it explains a failure.
pub(crate) struct Way<'a> {
    /// `HOST:PORT`.
    pub(crate) proxy: Option<&'a str>,
    pub(crate) connect_timeout: Duration,
    /// For the whole exchange.
    pub(crate) timeout: Duration,
    /// Where a CA is named.
    pub(crate) ca_setting: &'a str,
    pub(crate) trust_problems: &'a [String],
}

impl Way<'_> {
    /// What a failed exchange was.
    pub(crate) fn fault(&self, error: &reqwest::Error) -> Fault {
        let proxy = self.proxy.map(str::to_owned);
        let reason = http::reason(error);
        if error.is_timeout() {
            let after = if error.is_connect() { self.connect_timeout } else { self.timeout };
            Fault::Timeout { after, proxy }
        } else if let Some(tls) = http::tls_error(error) {
            Fault::Tls { reason: self.tls_reason(tls), proxy }
        } else if error.is_connect() {
            Fault::Connect { reason, proxy }
        } else {
            Fault::Broken { reason }
        }
    }

    fn tls_reason(&self, error: &rustls::Error) -> String {
        use rustls::{CertificateError, Error};
        match error {
            // A bad signature is what another CA of the same name gives.
            Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
                let mut text = format!(
                    "its certificate is not signed by a CA that this program trusts; if that CA is right, name its \
                     PEM file in {}",
                    self.ca_setting
                );
                if !self.trust_problems.is_empty() {
                    text.push_str(" (could not be read: ");
                    text.push_str(&self.trust_problems.join("; "));
                    text.push(')');
                }
                text
            }
            Error::InvalidCertificate(CertificateError::ExpiredContext { time, not_after }) => {
                times("ended at", *not_after, *time)
            }
            Error::InvalidCertificate(CertificateError::NotValidYetContext { time, not_before }) => {
                times("is not valid before", *not_before, *time)
            }
            other => http::one_line(&other.to_string()),
        }
    }
}

/// A certificate out of its time: mostly it is the clock that is wrong.
fn times(what: &str, limit: UnixTime, now: UnixTime) -> String {
    let text = |time: UnixTime| {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        jiff::Timestamp::from_second(seconds).map_or_else(|_| "?".to_owned(), signature::format_timestamp)
    };
    format!(
        "its certificate {what} {}, and this machine's clock says {}: set the clock, if that is wrong",
        text(limit),
        text(now)
    )
}

pub(crate) fn unsendable(action: &'static str, detail: &str) -> ApiError {
    ApiError::Request { action, detail: detail.to_owned() }
}
