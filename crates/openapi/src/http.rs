//! What every HTTP exchange here has in common: a bounded body, and errors that show no URL.

use std::error::Error as StdError;

/// The largest answer that is read where nothing else is said, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;
const MAX_REASON_CHARS: usize = 200;

/// What became of the body.
pub(crate) enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// More than the limit.
    TooLarge,
}

/// Reads a body up to [`MAX_BODY_BYTES`].
pub(crate) async fn read_body(response: reqwest::Response) -> Result<Body, reqwest::Error> {
    read_body_of_at_most(response, MAX_BODY_BYTES).await
}

/// Reads a body up to `limit` bytes.
pub(crate) async fn read_body_of_at_most(
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Body, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len().saturating_add(chunk.len()) > limit {
            return Ok(Body::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Body::Whole(body))
}

/// Whether the content type is JSON, whatever its parameters.
pub(crate) fn is_json(response: &reqwest::Response) -> bool {
    let value = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// The innermost cause of a failed exchange, in one bounded line: the outer layers only repeat it, and the outermost
/// holds the URL.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let mut innermost: Option<&(dyn StdError + 'static)> = StdError::source(error);
    while let Some(next) = innermost.and_then(StdError::source) {
        innermost = Some(next);
    }
    let text = innermost.map_or_else(|| "the request failed".to_owned(), ToString::to_string);
    one_line(&text)
}

/// Control characters become spaces; what is too long is cut.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_REASON_CHARS).collect()
}

/// The rustls error behind a failed exchange, where there is one.
pub(crate) fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut current: Option<&(dyn StdError + 'static)> = StdError::source(error);
    while let Some(cause) = current {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        current = match wrapped {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    None
}
