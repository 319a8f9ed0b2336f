//! What can go wrong between this program and a service.

use std::fmt;
use std::time::Duration;

/// A failed call. Its text is one line, without the URL (a pre-signed one is a credential) and without the service's own
/// message (that of `SignatureDoesNotMatch` quotes the signed text).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The service answered with a definite refusal: asking again gives the same answer.
    #[error("{service} refused {action}: {refusal}")]
    Refused {
        /// The service's name.
        service: &'static str,
        /// The operation, for example `GetCallerIdentity`.
        action: &'static str,
        /// What the service said.
        refusal: Refusal,
    },
    /// The service answered that it cannot answer now: throttled, or a fault of its own.
    #[error("{service} cannot answer {action} now: {refusal}")]
    Unavailable {
        /// The service's name.
        service: &'static str,
        /// The operation.
        action: &'static str,
        /// What the service said.
        refusal: Refusal,
    },
    /// There was no connection, or it broke.
    #[error("no answer from {service} at {endpoint} for {action}: {fault}")]
    Network {
        /// The service's name.
        service: &'static str,
        /// The operation.
        action: &'static str,
        /// `HOST[:PORT]`.
        endpoint: String,
        /// How far it came.
        fault: Fault,
        /// Whether any byte of the request may have left: the service may have dealt with it then.
        may_be_sent: bool,
    },
    /// The answer is not one that the service gives: a captive portal, a proxy's page, another service.
    #[error(
        "what answered at {endpoint} to {action} does not look like {service}: {detail}; check {setting} and any proxy on the way"
    )]
    InvalidAnswer {
        /// The service's name.
        service: &'static str,
        /// The operation.
        action: &'static str,
        /// `HOST[:PORT]`.
        endpoint: String,
        /// What is wrong with it, in fixed words and numbers only.
        detail: String,
        /// The flag that names the endpoint.
        setting: &'static str,
    },
    /// The request cannot be sent as it is.
    #[error("the request for {action} cannot be sent: {detail}")]
    Request {
        /// The operation.
        action: &'static str,
        /// Which part of it.
        detail: String,
    },
}

/// An answer that is no success: status, code and request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The service's error code, for example `InvalidAccessKeyId.NotFound`; empty where the answer held none. At most 128
    /// characters of `[A-Za-z0-9._-]`.
    pub code: String,
    /// HTTP status.
    pub status: u16,
    /// The request id, to give to Alibaba Cloud's support; empty where the answer held none.
    pub request_id: String,
    /// What the code means and what to do; empty for codes that are not known here.
    pub meaning: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code.as_str() {
            "" => write!(formatter, "HTTP {}", self.status)?,
            code => write!(formatter, "{code} (HTTP {}", self.status)?,
        }
        match (self.code.is_empty(), self.request_id.is_empty()) {
            (true, true) => {}
            (true, false) => write!(formatter, " (request {})", self.request_id)?,
            (false, true) => formatter.write_str(")")?,
            (false, false) => write!(formatter, ", request {})", self.request_id)?,
        }
        match self.meaning.as_str() {
            "" => Ok(()),
            text => write!(formatter, ": {text}"),
        }
    }
}

/// How a call failed before there was an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The name could not be resolved, or nobody listens there.
    #[error("cannot connect{}: {reason}; {}", through(.proxy), way(.proxy))]
    Connect {
        /// The operating system's words.
        reason: String,
        /// The proxy it went through, `HOST:PORT`.
        proxy: Option<String>,
    },
    /// There was a connection, and no TLS session that can be trusted.
    #[error("no trusted TLS connection{}: {reason}", through(.proxy))]
    Tls {
        /// What is wrong with the certificate or the handshake, and what to do.
        reason: String,
        /// The proxy it went through, `HOST:PORT`.
        proxy: Option<String>,
    },
    /// The time for the whole call, or for connecting, ran out.
    #[error("no answer within {} s{}; {}", .after.as_secs_f32(), through(.proxy), way(.proxy))]
    Timeout {
        /// The limit that was reached.
        after: Duration,
        /// The proxy it went through, `HOST:PORT`.
        proxy: Option<String>,
    },
    /// The connection ended before the answer did.
    #[error("the connection broke: {reason}")]
    Broken {
        /// The words of the HTTP library or the operating system.
        reason: String,
    },
}

fn through(proxy: &Option<String>) -> String {
    proxy.as_ref().map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default()
}

/// What to look at when nobody answers.
fn way(proxy: &Option<String>) -> &'static str {
    match proxy {
        Some(_) => "check that proxy (HTTPS_PROXY, NO_PROXY) and the endpoint",
        None => "check the network and the endpoint, and whether a proxy (HTTPS_PROXY) is needed here",
    }
}

impl ApiError {
    /// Whether the same call can succeed later without anybody changing anything: throttling, `ServiceUnavailable`,
    /// `InternalError`, each status from 500 on, every network fault, and answers that do not come from the service.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Network { .. } | Self::InvalidAnswer { .. } => true,
            Self::Refused { .. } | Self::Request { .. } => false,
        }
    }

    /// Whether the service may have dealt with the request, so that one that it takes once only must not be sent again.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Network { may_be_sent, .. } => *may_be_sent,
            Self::Request { .. } => false,
            Self::Refused { .. } | Self::Unavailable { .. } | Self::InvalidAnswer { .. } => true,
        }
    }

    /// The service's error code, where it gave one.
    pub fn code(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.code.as_str()).filter(|code| !code.is_empty())
    }

    /// Whether it is a definite refusal with just this code: a service that cannot answer now has not refused.
    pub fn is_code(&self, code: &str) -> bool {
        matches!(self, Self::Refused { refusal, .. } if refusal.code == code)
    }

    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// The service's request id, where it gave one.
    pub fn request_id(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.request_id.as_str()).filter(|id| !id.is_empty())
    }

    /// Whether asking once more, at once, is worth it: not after a time limit (a person has waited long enough), nor where
    /// TLS or something that is not the service stands in the way.
    pub(crate) fn is_worth_a_second_try(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Network { fault, .. } => matches!(fault, Fault::Connect { .. } | Fault::Broken { .. }),
            Self::Refused { .. } | Self::InvalidAnswer { .. } | Self::Request { .. } => false,
        }
    }

    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } | Self::Unavailable { refusal, .. } => Some(refusal),
            _ => None,
        }
    }
}

/// `None` where a service definitely refused with this code: that there is no such thing.
pub(crate) fn unless<T>(answer: Result<T, ApiError>, code: &str) -> Result<Option<T>, ApiError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_code(code) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether an answer that is no success means "not now" rather than "no".
pub(super) fn is_passing_refusal(status: u16, code: &str) -> bool {
    status >= 500
        || status == 429
        || is_throttling(code)
        || ["ServiceUnavailable", "InternalError"].iter().any(|name| is_family(code, name))
}

/// Whether the code says that too many calls were made.
pub(crate) fn is_throttling(code: &str) -> bool {
    is_family(code, "Throttling")
}

fn is_family(code: &str, name: &str) -> bool {
    code.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
