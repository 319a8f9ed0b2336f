//! Requests that somebody else has signed.

use std::fmt;

/// A request that somebody else has signed.
#[derive(Clone)]
pub struct PresignedRequest {
    /// `POST` or `GET`.
    pub method: String,
    /// The parameters, decoded.
    pub query: Vec<(String, String)>,
    /// `authorization`, `user-agent`, `accept`, `content-type` and `x-acs-*` only. `host` is the endpoint's own.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for PresignedRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PresignedRequest").field("method", &self.method).finish_non_exhaustive()
    }
}
