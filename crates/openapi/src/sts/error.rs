//! What can go wrong between this program and STS.

use std::fmt;
use std::time::Duration;

use super::explanation::{explain, reason_of};

/// A failed call of STS. Its text is one line, without the URL (a pre-signed one is a credential) and without the
/// `Message` of STS (that of `SignatureDoesNotMatch` quotes the signed text).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StsError {
    /// STS answered with a definite refusal: asking again gives the same answer.
    #[error("STS refused {action}: {refusal}")]
    Refused {
        /// The operation, for example `GetCallerIdentity`.
        action: &'static str,
        /// What STS said.
        refusal: Refusal,
    },
    /// STS answered that it cannot answer now: throttled, or a fault of its own.
    #[error("STS cannot answer {action} now: {refusal}")]
    Unavailable {
        /// The operation.
        action: &'static str,
        /// What STS said.
        refusal: Refusal,
    },
    /// There was no connection, or it broke.
    #[error("no answer from STS at {endpoint} for {action}: {fault}")]
    Network {
        /// The operation.
        action: &'static str,
        /// `HOST[:PORT]`.
        endpoint: String,
        /// How far it came.
        fault: Fault,
        /// Whether any byte of the request may have left: STS may have dealt with it then.
        may_be_sent: bool,
    },
    /// The answer is not one that STS gives: a captive portal, a proxy's page, another service.
    #[error(
        "what answered at {endpoint} to {action} does not look like STS: {detail}; check --sts-endpoint and any proxy on the way"
    )]
    InvalidAnswer {
        /// The operation.
        action: &'static str,
        /// `HOST[:PORT]`.
        endpoint: String,
        /// What is wrong with it, in fixed words and numbers only.
        detail: String,
    },
    /// STS said who the caller is, in fields that contradict each other or that no principal has.
    #[error("STS named a caller that cannot be trusted: {source}")]
    Principal {
        /// What contradicts what.
        source: identity::PrincipalError,
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

/// An answer of STS that is no success: status, code and request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// STS's error code, for example `InvalidAccessKeyId.NotFound`; empty where the answer held none. At most 128
    /// characters of `[A-Za-z0-9._-]`.
    pub code: String,
    /// HTTP status.
    pub status: u16,
    /// STS's request id, to give to Alibaba Cloud's support; empty where the answer held none.
    pub request_id: String,
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
        match explain(&self.code) {
            Some(text) => write!(formatter, ": {text}"),
            None => Ok(()),
        }
    }
}

/// How a call failed before there was an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The name could not be resolved, or nobody listens there.
    #[error("cannot connect{}: {reason}", through(.proxy))]
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
    #[error("no answer within {} s{}", .after.as_secs_f32(), through(.proxy))]
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

impl StsError {
    /// Whether the same call can succeed later without anybody changing anything: throttling, `ServiceUnavailable`,
    /// `InternalError`, each status from 500 on, every network fault, and answers that do not come from STS.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Network { .. } | Self::InvalidAnswer { .. } => true,
            Self::Refused { .. } | Self::Principal { .. } | Self::Request { .. } => false,
        }
    }

    /// Whether STS may have dealt with the request, so that one that it takes once only must not be sent again.
    pub fn may_have_reached_sts(&self) -> bool {
        match self {
            Self::Network { may_be_sent, .. } => *may_be_sent,
            Self::Request { .. } => false,
            Self::Refused { .. }
            | Self::Unavailable { .. }
            | Self::InvalidAnswer { .. }
            | Self::Principal { .. } => true,
        }
    }

    /// STS's error code, where it gave one.
    pub fn code(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.code.as_str()).filter(|code| !code.is_empty())
    }

    /// STS's request id, where it gave one.
    pub fn request_id(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.request_id.as_str()).filter(|id| !id.is_empty())
    }

    /// A metric label of a closed set, in snake case.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refused { refusal, .. } => reason_of(&refusal.code),
            Self::Unavailable { refusal, .. } if is_throttling(&refusal.code) => "sts_throttled",
            Self::Unavailable { .. } => "sts_unavailable",
            Self::Network { fault: Fault::Connect { .. }, .. } => "sts_connect",
            Self::Network { fault: Fault::Tls { .. }, .. } => "sts_tls",
            Self::Network { fault: Fault::Timeout { .. }, .. } => "sts_timeout",
            Self::Network { fault: Fault::Broken { .. }, .. } => "sts_connection_broken",
            Self::InvalidAnswer { .. } => "sts_invalid_answer",
            Self::Principal { .. } => "sts_invalid_principal",
            Self::Request { .. } => "sts_invalid_request",
        }
    }

    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } | Self::Unavailable { refusal, .. } => Some(refusal),
            _ => None,
        }
    }
}

/// Whether an answer that is no success means "not now" rather than "no".
pub(super) fn is_passing_refusal(status: u16, code: &str) -> bool {
    status >= 500
        || status == 429
        || is_throttling(code)
        || ["ServiceUnavailable", "InternalError"].iter().any(|name| is_family(code, name))
}

fn is_throttling(code: &str) -> bool {
    is_family(code, "Throttling")
}

fn is_family(code: &str, name: &str) -> bool {
    code.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
