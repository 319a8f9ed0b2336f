//! A call of a service's operation, and its signature.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reqwest::Method;
use signature::{acs3, encoding, format_timestamp};

use super::exchange::Outgoing;
use super::service::Service;
use crate::Credentials;

/// The answer's size, where a call does not say otherwise.
const MAX_ANSWER_BYTES: usize = crate::http::MAX_BODY_BYTES;

/// A call of an operation. RPC services (STS, RAM) take POST at `/` with everything in the query; ROA services (Container
/// Service) take methods, paths and JSON bodies.
#[derive(Debug)]
pub struct Call {
    pub(crate) action: &'static str,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    pub(crate) max_answer_bytes: usize,
    pub(crate) reads_only: bool,
    pub(crate) begins: bool,
}

impl Call {
    /// A call in RPC style.
    pub fn rpc<'a>(action: &'static str, query: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self {
            action,
            method: Method::POST,
            path: "/".to_owned(),
            query: owned(query),
            body: None,
            max_answer_bytes: MAX_ANSWER_BYTES,
            reads_only: false,
            begins: false,
        }
    }

    /// A call in ROA style; the segments of the path are escaped here.
    pub fn roa(action: &'static str, method: Method, segments: &[&str]) -> Self {
        let path = segments.iter().map(|segment| format!("/{}", encoding::percent_encode(segment)));
        Self { method, path: path.collect(), ..Self::rpc(action, []) }
    }

    /// A parameter of the query.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn with_json(mut self, body: &serde_json::Value) -> Self {
        self.body = Some(body.to_string().into_bytes());
        self
    }

    /// How large the answer may be, in bytes; 64 KiB where this is not said.
    #[must_use]
    pub fn answer_of_at_most(mut self, bytes: usize) -> Self {
        self.max_answer_bytes = bytes;
        self
    }

    /// The call changes nothing: after a passing fault it is made once more, with a new nonce.
    #[must_use]
    pub fn reading(mut self) -> Self {
        self.reads_only = true;
        self
    }

    /// The call begins something that takes a while: HTTP 202 is a success too, with the same body as 200.
    #[must_use]
    pub fn beginning(mut self) -> Self {
        self.begins = true;
        self
    }

    /// The request, with `host`, a nonce, and all else that counts under the signature.
    pub(crate) fn sign(
        &self,
        service: &Service,
        authority: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Outgoing {
        let body = self.body.clone().unwrap_or_default();
        let content_sha256 = acs3::sha256_hex(&body);
        let mut headers: BTreeMap<String, String> = pairs([
            ("host", authority),
            ("x-acs-action", self.action),
            ("x-acs-version", service.version),
            ("x-acs-date", &format_timestamp(now)),
            ("x-acs-signature-nonce", &nonce()),
            ("x-acs-content-sha256", &content_sha256),
        ])
        .into_iter()
        .collect();
        if self.body.is_some() {
            headers.insert("content-type".to_owned(), "application/json; charset=utf-8".to_owned());
        }
        if let Some(token) = &credentials.security_token {
            headers.insert("x-acs-security-token".to_owned(), token.expose().to_owned());
        }
        let request = acs3::Request {
            method: self.method.as_str(),
            path: &self.path,
            query: &self.query,
            headers: &[],
            content_sha256: &content_sha256,
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
            action: self.action,
            method: self.method.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            headers: headers.into_iter().collect(),
            body,
        }
    }
}

pub(crate) fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    owned(pairs)
}

fn owned<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

pub(crate) fn nonce() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
