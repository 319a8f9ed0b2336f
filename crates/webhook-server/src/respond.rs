//! Small HTTP answers.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

/// The body type of every answer: complete, in memory.
pub type Answer = Response<Full<Bytes>>;

/// `text/plain; charset=utf-8`, with a final line feed.
pub fn text(status: StatusCode, line: &str) -> Answer {
    with_type(status, "text/plain; charset=utf-8", format!("{line}\n"))
}

/// `application/json`, the body as given.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    with_type(status, "application/json", body)
}

/// An answer with the given Content-Type.
pub fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// 405 with the `Allow` header that RFC 9110, section 15.5.6 asks for.
pub fn method_not_allowed(allowed: &'static str) -> Answer {
    let mut answer =
        text(StatusCode::METHOD_NOT_ALLOWED, &format!("method not allowed: this path answers {allowed}"));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

/// 404.
pub fn not_found() -> Answer {
    text(StatusCode::NOT_FOUND, "no such path")
}

/// 503 with `Retry-After` in whole seconds. The Kubernetes API server asks again after that time, and refuses its
/// user at once where the header is missing; 0 would make it ask without any pause, so at least 1 is sent.
pub fn unavailable(retry_after_seconds: u32, line: &str) -> Answer {
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, line);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds.max(1)));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_tells_the_api_server_to_retry_without_a_pause() {
        let answer = unavailable(0, "later");
        assert_eq!(answer.headers().get(RETRY_AFTER), Some(&HeaderValue::from_static("1")));
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn names_the_allowed_method() {
        let answer = method_not_allowed("POST");
        assert_eq!(answer.headers().get(ALLOW), Some(&HeaderValue::from_static("POST")));
    }
}
