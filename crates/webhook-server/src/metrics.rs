//! The Prometheus page, in the text exposition format 0.0.4.

use http::StatusCode;
use prometheus::{Registry, TextEncoder};

use crate::respond::{self, Answer};

/// 200 with all families of `registry`; 500 with one line where a collector contradicts itself.
pub fn page(registry: &Registry) -> Answer {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => respond::with_type(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text),
        Err(error) => {
            tracing::error!(error = %error, "metrics cannot be encoded");
            respond::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "metrics cannot be encoded; the log has the reason",
            )
        }
    }
}
