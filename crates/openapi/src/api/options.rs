//! How to reach a service.

use std::path::PathBuf;
use std::time::Duration;

use crate::Endpoint;
use crate::network::{ProxyError, TrustError};

/// How to reach a service.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    /// Where it is.
    pub endpoint: Endpoint,
    /// A PEM bundle to trust instead of the system's CA store.
    pub ca_file: Option<PathBuf>,
    /// Limit for the TCP and TLS handshakes.
    pub connect_timeout: Duration,
    /// Limit for a whole call, the handshakes included.
    pub timeout: Duration,
    /// The `User-Agent` of requests that do not bring their own.
    pub user_agent: String,
    /// Where the user of this program names a CA file: for the advice in errors.
    pub ca_setting: &'static str,
}

impl ServiceOptions {
    /// 2 s to connect, 5 s for a call, and the system's CA store.
    pub fn new(endpoint: Endpoint, user_agent: impl Into<String>) -> Self {
        Self {
            endpoint,
            ca_file: None,
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(5),
            user_agent: user_agent.into(),
            ca_setting: "SSL_CERT_FILE",
        }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nothing to trust.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A proxy that cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The HTTP library refuses the settings.
    #[error("cannot set up the HTTP client: {detail}")]
    Build {
        /// The library's words.
        detail: String,
    },
}
