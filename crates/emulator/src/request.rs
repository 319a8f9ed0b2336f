//! A request as it arrived, and what can be read from it before anything is checked.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use signature::{acs3, encoding, roa, rpc};

use crate::error::ApiError;

/// A request as it arrived.
///
/// [`fmt::Debug`] shows the method, the host and the path only: the rest may hold keys' tokens.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawRequest {
    /// `GET`.
    pub method: String,
    /// Path and query exactly as sent, still escaped: `/?Action=GetCallerIdentity`.
    pub target: String,
    /// Header names in lower case with their values, in the order of arrival (values of one name together). With
    /// HTTP/2 `:authority` stands here as `host`.
    pub headers: Vec<(String, String)>,
    /// The body, de-chunked.
    pub body: Bytes,
    /// The address of the connection's other end; `None` where there is none.
    pub peer: Option<IpAddr>,
}

impl RawRequest {
    /// A request out of its parts; header names are lower-cased.
    pub fn new(method: &str, target: &str, headers: &[(String, String)], body: Bytes) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect(),
            body,
            peer: None,
        }
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.split_target().0
    }

    /// The query as sent, without the `?`; empty when there is none.
    pub fn query(&self) -> &str {
        self.split_target().1
    }

    /// The first header of that name, which is written in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The `Host` header, with the port if it has one.
    pub fn host(&self) -> &str {
        self.header("host").unwrap_or_default()
    }

    fn split_target(&self) -> (&str, &str) {
        self.target.split_once('?').unwrap_or((&self.target, ""))
    }

    /// The form in the body, decoded; `None` when the body is not a form.
    fn form(&self) -> Option<Result<Vec<(String, String)>, encoding::QueryError>> {
        let content_type = self.header("content-type")?;
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return None;
        }
        // Bytes that are not UTF-8 must be escaped in a form, so nothing true is lost here.
        Some(encoding::parse_query(&String::from_utf8_lossy(&self.body)))
    }
}

impl fmt::Debug for RawRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRequest")
            .field("method", &self.method)
            .field("host", &self.host())
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

/// How a request says who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Style {
    /// `Authorization: ACS3-HMAC-SHA256 …`.
    Acs3,
    /// `AccessKeyId` and `Signature` among the parameters.
    Rpc,
    /// `Authorization: acs …`.
    Roa,
    /// An `Authorization` header that nobody knows.
    OtherAuthorization,
    /// Not signed.
    Anonymous,
}

/// Parameters of the query and of a form body, decoded and merged; no name occurs twice.
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter without which the operation makes no sense; an empty one counts as missing.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| ApiError::missing(name))
    }

    pub(crate) fn as_slice(&self) -> &[(String, String)] {
        &self.0
    }
}

/// A request, decoded.
pub(crate) struct Parsed<'a> {
    pub(crate) raw: &'a RawRequest,
    pub(crate) style: Style,
    /// The query alone, decoded: what ACS3 signs.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) params: Params,
}

impl<'a> Parsed<'a> {
    /// # Errors
    /// When the query or the form cannot be decoded, or has a parameter twice: what is signed has to be what is read.
    pub(crate) fn new(raw: &'a RawRequest) -> Result<Self, ApiError> {
        let undecodable = |error: encoding::QueryError| ApiError::malformed_request(&error.to_string());
        let query = encoding::parse_query(raw.query()).map_err(undecodable)?;
        let form = raw.form().transpose().map_err(undecodable)?.unwrap_or_default();
        no_duplicates(&query)?;
        no_duplicates(&form)?;
        let params = rpc::merge(&query, &form);
        Ok(Self { raw, style: style(raw, &params), query, params: Params(params) })
    }

    /// The operation that is asked for, from where the signature covers it.
    pub(crate) fn action(&self) -> Option<&str> {
        named(self.raw, self.style, self.params.as_slice(), "Action")
    }

    /// The version of the API that is asked for, from where the signature covers it.
    pub(crate) fn version(&self) -> Option<&str> {
        named(self.raw, self.style, self.params.as_slice(), "Version")
    }
}

fn no_duplicates(params: &[(String, String)]) -> Result<(), ApiError> {
    let mut names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => Err(ApiError::malformed_request(&format!(
            "the parameter {} is given more than once",
            pair.first().copied().unwrap_or_default()
        ))),
        None => Ok(()),
    }
}

fn style(raw: &RawRequest, params: &[(String, String)]) -> Style {
    match raw.header("authorization") {
        Some(value) if value.split(' ').next() == Some(acs3::ALGORITHM) => Style::Acs3,
        Some(value) if value.split(' ').next() == Some(roa::SCHEME) => Style::Roa,
        Some(_) => Style::OtherAuthorization,
        None if params.iter().any(|(name, _)| matches!(name.as_str(), "AccessKeyId" | "Signature")) => {
            Style::Rpc
        }
        None => Style::Anonymous,
    }
}

/// `Action` and `Version`. An RPC signature does not cover headers, so there the parameter alone counts.
fn named<'a>(
    raw: &'a RawRequest,
    style: Style,
    params: &'a [(String, String)],
    name: &str,
) -> Option<&'a str> {
    let from_params = || params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let from_headers = || raw.header(&format!("x-acs-{}", name.to_ascii_lowercase()));
    let found = match style {
        Style::Acs3 => from_headers(),
        Style::Roa => from_headers().or_else(from_params),
        Style::Rpc => from_params(),
        Style::Anonymous | Style::OtherAuthorization => from_params().or_else(from_headers),
    };
    found.filter(|value| !value.is_empty())
}

/// What a record of a request says, whether or not the request can be answered.
#[derive(Clone, Debug)]
pub(crate) struct Overview {
    pub(crate) style: Style,
    pub(crate) action: String,
    pub(crate) version: String,
    pub(crate) access_key_id: String,
    pub(crate) wants_xml: bool,
}

impl Overview {
    pub(crate) fn of(raw: &RawRequest) -> Self {
        let query = encoding::parse_query(raw.query()).unwrap_or_default();
        let form = raw.form().and_then(Result::ok).unwrap_or_default();
        let params = rpc::merge(&query, &form);
        let style = style(raw, &params);
        let param = |name: &str| params.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let access_key_id = match style {
            Style::Acs3 => raw
                .header("authorization")
                .and_then(|text| text.parse::<acs3::Authorization>().ok())
                .map(|authorization| authorization.access_key_id),
            Style::Roa => raw
                .header("authorization")
                .and_then(|text| text.parse::<roa::Authorization>().ok())
                .map(|authorization| authorization.access_key_id),
            Style::Rpc => param("AccessKeyId"),
            Style::OtherAuthorization | Style::Anonymous => None,
        };
        let text = |name| named(raw, style, &params, name).unwrap_or_default().to_owned();
        Self {
            action: text("Action"),
            version: text("Version"),
            access_key_id: access_key_id.unwrap_or_default(),
            wants_xml: wants_xml(raw, param("Format")),
            style,
        }
    }
}

/// `Format` decides; without it RPC answers in XML, and whoever sends `x-acs-*` headers gets JSON unless `accept`
/// asks for XML alone.
fn wants_xml(raw: &RawRequest, format: Option<String>) -> bool {
    if let Some(format) = format {
        return !format.eq_ignore_ascii_case("json");
    }
    let accept = raw.header("accept").unwrap_or_default();
    let in_headers = raw.header("x-acs-action").is_some();
    if accept.contains("json") || (in_headers && !accept.contains("xml")) {
        return false;
    }
    true
}

#[cfg(test)]
mod tests;
