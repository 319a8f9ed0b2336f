//! Answers of the sites: a status, a type and a body, without the headers that the API's answers have.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::error::ApiError;

const JSON: &str = "application/json;charset=utf-8";
const TEXT: &str = "text/plain;charset=utf-8";
const PAGE: &str = "text/html;charset=utf-8";

/// How a site words errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorForm {
    /// A page for people, as the metadata service has them.
    Page,
    /// JSON with `Code` and `Message`.
    Code,
    /// JSON with `ErrorCode`, `ErrorMessage` and `RequestId` (CloudSSO).
    ErrorCode,
    /// JSON with `error` and `error_description` (RFC 6749, section 5.2).
    OAuth,
}

/// An answer before it becomes HTTP.
#[derive(Clone, Debug)]
pub(crate) struct SiteReply {
    pub(crate) status: u16,
    /// The error code, for records and logs.
    pub(crate) code: Option<String>,
    content_type: String,
    body: Bytes,
}

impl SiteReply {
    pub(crate) fn text(body: impl Into<String>) -> Self {
        Self { status: 200, code: None, content_type: TEXT.to_owned(), body: Bytes::from(body.into()) }
    }

    pub(crate) fn json(document: &Value) -> Self {
        Self {
            status: 200,
            code: None,
            content_type: JSON.to_owned(),
            body: Bytes::from(document.to_string()),
        }
    }

    pub(crate) fn error(error: &ApiError, form: ErrorForm, request_id: &str) -> Self {
        let ApiError { status, code, message, .. } = error;
        let (content_type, body) = match form {
            ErrorForm::Page => {
                let reason = StatusCode::from_u16(*status)
                    .ok()
                    .and_then(|status| status.canonical_reason())
                    .unwrap_or("Error");
                (PAGE, format!("<html><head><title>{status} {reason}</title></head></html>\n"))
            }
            ErrorForm::Code => (JSON, json!({"Code": code, "Message": message}).to_string()),
            ErrorForm::ErrorCode => (
                JSON,
                json!({"ErrorCode": code, "ErrorMessage": message, "RequestId": request_id}).to_string(),
            ),
            ErrorForm::OAuth => (JSON, json!({"error": code, "error_description": message}).to_string()),
        };
        Self {
            status: *status,
            code: Some(code.clone()),
            content_type: content_type.to_owned(),
            body: Bytes::from(body),
        }
    }

    /// A body that is no answer at all.
    pub(crate) fn garbage(content_type: &str, body: Vec<u8>) -> Self {
        Self { status: 200, code: None, content_type: content_type.to_owned(), body: Bytes::from(body) }
    }

    /// The HTTP response; `now` is what its `date` says.
    pub(crate) fn into_response(self, now: Timestamp) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        for (name, value) in [(header::DATE, &date), (header::CONTENT_TYPE, &self.content_type)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
