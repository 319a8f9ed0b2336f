//! Whether STS is there, and what time it is there: for a diagnosis, without credentials.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap};

/// What an endpoint answered to a request that nobody signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// HTTP status. STS refuses an unsigned request with a 4xx.
    pub status: u16,
    /// Whether the answer is the JSON object, with `RequestId` and `Code`, that STS answers with.
    pub looks_like_sts: bool,
    /// The answer's `Date` header (RFC 9110, section 6.6.1), in whole seconds.
    pub date: Option<Timestamp>,
    /// From the request to the end of the answer, the handshakes included.
    pub took: Duration,
}

impl Probe {
    pub(super) fn new(status: u16, headers: &HeaderMap, body: &[u8], started: Instant) -> Self {
        let text = |object: &serde_json::Value, key: &str| object.get(key).is_some_and(|v| v.is_string());
        let looks_like_sts = serde_json::from_slice::<serde_json::Value>(body)
            .is_ok_and(|object| text(&object, "RequestId") && text(&object, "Code"));
        Self { status, looks_like_sts, date: date(headers), took: started.elapsed() }
    }
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_date_and_tells_sts_from_a_portal() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Mon, 23 Nov 2026 11:43:40 GMT".parse().unwrap());
        let body = br#"{"RequestId":"1","Code":"MissingParameter"}"#;
        let probe = Probe::new(400, &headers, body, Instant::now());
        assert!(probe.looks_like_sts);
        assert_eq!(probe.date, Some("2026-11-23T11:43:40Z".parse().unwrap()));
        for (value, body) in [("yesterday", &b"<html>"[..]), ("", b"{}"), ("0", b"[]")] {
            headers.insert(DATE, value.parse().unwrap());
            let probe = Probe::new(200, &headers, body, Instant::now());
            assert!(!probe.looks_like_sts && probe.date.is_none(), "{value}");
        }
    }
}
