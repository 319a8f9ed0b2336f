//! Errors of the API client on one line, without the debug text that it shows itself.

use kube::core::Status;

use crate::text::{one_line, with_sources};

/// What went wrong, on one line. For want of rights it says which right (the API server's own words), and holds no
/// credentials.
pub fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => describe_status(status),
        error => reached(&with_sources(error)),
    }
}

/// Without the names of the library's layers, which say nothing to anybody.
pub(crate) fn reached(text: &str) -> String {
    match text.split_once("ServiceError: ") {
        Some((before, after)) => {
            let after = after.strip_prefix("client error (Connect): ").unwrap_or(after);
            format!("{before}no answer from the API server: {after}")
        }
        None => text.to_owned(),
    }
}

/// What the API server said, on one line.
pub fn describe_status(status: &Status) -> String {
    let message = match status.code {
        401 => "the API server does not know these credentials, or they have expired".into(),
        _ => one_line(&status.message),
    };
    format!("HTTP {} {}: {message}", status.code, status.reason)
}

/// Whether the API server refused these credentials, or for want of rights.
pub fn is_denied(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 401 | 403))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_line_that_names_the_right() {
        let message =
            "leases.coordination.k8s.io \"a\" is forbidden: User \"u\" cannot get\nresource \"leases\"";
        let error = kube::Error::Api(Status::failure(message, "Forbidden").with_code(403).boxed());
        assert!(is_denied(&error));
        assert_eq!(
            describe(&error),
            "HTTP 403 Forbidden: leases.coordination.k8s.io \"a\" is forbidden: User \"u\" cannot get resource \"leases\""
        );
    }

    #[test]
    fn what_the_api_server_says_of_bad_credentials_is_not_repeated() {
        let error = kube::Error::Api(Status::failure("CANARY", "Unauthorized").with_code(401).boxed());
        assert!(is_denied(&error));
        assert!(!describe(&error).contains("CANARY"), "{}", describe(&error));
    }
}
