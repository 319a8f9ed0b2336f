//! Answers, in JSON and in XML, with the headers that the services send.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode, Version};
use http_body_util::Full;
use jiff::Timestamp;
use serde_json::{Value, json};
use signature::acs3;

use crate::error::ApiError;
use crate::operation::Fields;
use crate::random;

const JSON: &str = "application/json;charset=utf-8";
const XML: &str = "text/xml;charset=utf-8";

/// An answer before it becomes HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The error code, for records and logs.
    pub(crate) code: Option<String>,
    content_type: String,
    body: Bytes,
    request_id: String,
    throttled: bool,
}

/// What an answer repeats of its request.
pub(crate) struct Context<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) host: &'a str,
    pub(crate) action: &'a str,
    /// As `Recommend` links name it: `Sts`.
    pub(crate) product: &'a str,
    pub(crate) xml: bool,
    /// Errors in Container Service's form.
    pub(crate) lower_case: bool,
}

impl Reply {
    pub(crate) fn success(mut fields: Fields, context: &Context<'_>) -> Self {
        fields.insert("RequestId".to_owned(), Value::from(context.request_id));
        let root = format!("{}Response", context.action);
        Self::document(200, None, &root, Value::Object(fields), context)
    }

    /// A 200 of a service of the ROA kind: any JSON, as it is.
    pub(crate) fn json(body: &Value, context: &Context<'_>) -> Self {
        Self {
            status: 200,
            code: None,
            content_type: JSON.to_owned(),
            body: Bytes::from(body.to_string()),
            request_id: context.request_id.to_owned(),
            throttled: false,
        }
    }

    /// An error as Container Service writes it: names in lower case, the status among them.
    fn lower_case_error(error: &ApiError, context: &Context<'_>) -> Self {
        let mut document = json!({
            "code": error.code,
            "message": error.message,
            "requestId": context.request_id,
            "status": error.status,
            "statusCode": error.status,
        });
        if let (Some(fields), Some(detail)) = (document.as_object_mut(), &error.access_denied) {
            fields.insert("accessDeniedDetail".to_owned(), detail.clone());
        }
        Self {
            status: error.status,
            throttled: error.code.starts_with("Throttling"),
            code: Some(error.code.clone()),
            ..Self::json(&document, context)
        }
    }

    pub(crate) fn error(error: &ApiError, context: &Context<'_>) -> Self {
        if context.lower_case {
            return Self::lower_case_error(error, context);
        }
        let mut document = json!({
            "RequestId": context.request_id,
            "HostId": context.host,
            "Code": error.code,
            "Message": error.message,
        });
        if let (Some(fields), false) = (document.as_object_mut(), context.xml) {
            let recommend = format!(
                "https://api.aliyun.com/troubleshoot?q={}&product={}&requestId={}",
                error.code, context.product, context.request_id
            );
            fields.insert("Recommend".to_owned(), Value::from(recommend));
            if let Some(detail) = &error.access_denied {
                fields.insert("AccessDeniedDetail".to_owned(), detail.clone());
            }
        }
        Self::document(error.status, Some(error.code.clone()), "Error", document, context)
    }

    /// A body that is no answer at all.
    pub(crate) fn garbage(content_type: &str, body: Vec<u8>, context: &Context<'_>) -> Self {
        Self {
            status: 200,
            code: None,
            content_type: content_type.to_owned(),
            body: Bytes::from(body),
            request_id: context.request_id.to_owned(),
            throttled: false,
        }
    }

    fn document(
        status: u16,
        code: Option<String>,
        root: &str,
        document: Value,
        context: &Context<'_>,
    ) -> Self {
        let (content_type, body) =
            if context.xml { (XML, xml_document(root, &document)) } else { (JSON, document.to_string()) };
        Self {
            status,
            throttled: code.as_deref().is_some_and(|code| code.starts_with("Throttling")),
            code,
            content_type: content_type.to_owned(),
            body: Bytes::from(body),
            request_id: context.request_id.to_owned(),
        }
    }

    /// The HTTP response; `now` is what its `date` says, so that a client can compare clocks with the emulator's.
    pub(crate) fn into_response(self, version: Version, now: Timestamp) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body.clone()));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.fill(response.headers_mut(), version, now);
        response
    }

    fn fill(&self, headers: &mut HeaderMap, version: Version, now: Timestamp) {
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set(header::DATE, &now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        set(header::CONTENT_TYPE, &self.content_type);
        if version < Version::HTTP_2 {
            set(header::CONNECTION, "keep-alive");
            set(HeaderName::from_static("keep-alive"), "timeout=25");
        }
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        set(header::ACCESS_CONTROL_EXPOSE_HEADERS, "*");
        set(HeaderName::from_static("x-acs-request-id"), &self.request_id);
        set(HeaderName::from_static("x-acs-trace-id"), &random::trace_id());
        if self.status == 200 {
            let digest = acs3::sha256_hex(&self.body);
            set(header::ETAG, digest.get(..32).unwrap_or_default());
        }
        if self.throttled {
            for name in ["x-ratelimit-user", "x-ratelimit-user-api"] {
                set(HeaderName::from_static(name), "Remain:0,TimeLeft:1");
            }
        }
    }
}

fn xml_document(root: &str, document: &Value) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    xml_element(&mut text, root, document);
    text
}

fn xml_element(text: &mut String, name: &str, value: &Value) {
    if let Value::Array(items) = value {
        for item in items {
            xml_element(text, name, item);
        }
        return;
    }
    let _ = write!(text, "<{name}>");
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| xml_element(text, name, value)),
        Value::String(content) => xml_text(text, content),
        other => xml_text(text, &other.to_string()),
    }
    let _ = write!(text, "</{name}>");
}

/// Escapes text; characters that XML 1.0 has no form for become U+FFFD.
fn xml_text(text: &mut String, content: &str) {
    for character in content.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\t' | '\n' => text.push(character),
            '\r' => text.push_str("&#13;"),
            '\u{fffe}' | '\u{ffff}' => text.push('\u{fffd}'),
            other if other.is_control() => text.push('\u{fffd}'),
            other => text.push(other),
        }
    }
}
