//! Liveness and readiness answers, in the form that kubelet probes and people with curl expect.

use http::{Method, StatusCode};

use crate::respond::{self, Answer};

/// `ok`, whatever the state: the process runs and answers.
pub fn live() -> Answer {
    respond::text(StatusCode::OK, "ok")
}

/// 200 `ok` when nothing is missing, else 503 with one line that names what is.
pub fn ready(missing: &[String]) -> Answer {
    if missing.is_empty() {
        return live();
    }
    respond::unavailable(1, &format!("not ready: {}", missing.join("; ")))
}

/// Answers `/healthz`, `/livez` and `/readyz`; `None` for any other path. `missing` is asked only for `/readyz`.
pub fn route(method: &Method, path: &str, missing: impl FnOnce() -> Vec<String>) -> Option<Answer> {
    let answer: fn() -> Answer = match path {
        "/healthz" | "/livez" => live,
        "/readyz" => return Some(if is_read(method) { ready(&missing()) } else { refused() }),
        _ => return None,
    };
    Some(if is_read(method) { answer() } else { refused() })
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn refused() -> Answer {
    respond::method_not_allowed("GET, HEAD")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn readiness_follows_what_is_missing_and_liveness_does_not() {
        let missing = || vec!["mappings of CRD are not synced".to_owned()];
        assert_eq!(route(&Method::GET, "/healthz", missing).unwrap().status(), StatusCode::OK);
        assert_eq!(route(&Method::GET, "/livez", missing).unwrap().status(), StatusCode::OK);
        assert_eq!(
            route(&Method::GET, "/readyz", missing).unwrap().status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(route(&Method::GET, "/readyz", Vec::new).unwrap().status(), StatusCode::OK);
        assert!(route(&Method::GET, "/other", Vec::new).is_none());
    }

    #[test]
    fn probes_only_read() {
        for path in ["/healthz", "/livez", "/readyz"] {
            assert_eq!(
                route(&Method::POST, path, Vec::new).unwrap().status(),
                StatusCode::METHOD_NOT_ALLOWED
            );
        }
    }
}
