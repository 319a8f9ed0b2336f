//! What can go wrong between this program and STS.

use super::explanation::reason_of;
use crate::api::{ApiError, Fault, is_throttling};

/// A failed call of STS. Its text is one line, without the URL and without the `Message` of STS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StsError {
    /// The call failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// STS said who the caller is, in fields that contradict each other or that no principal has.
    #[error("STS named a caller that cannot be trusted: {source}")]
    Principal {
        /// What contradicts what.
        source: identity::PrincipalError,
    },
}

impl StsError {
    /// Whether the same call can succeed later without anybody changing anything ([`ApiError::is_passing`]).
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Api(error) => error.is_passing(),
            Self::Principal { .. } => false,
        }
    }

    /// Whether STS may have dealt with the request, so that one that it takes once only must not be sent again.
    pub fn may_have_reached_sts(&self) -> bool {
        match self {
            Self::Api(error) => error.may_have_arrived(),
            Self::Principal { .. } => true,
        }
    }

    /// STS's error code, where it gave one.
    pub fn code(&self) -> Option<&str> {
        self.api().and_then(ApiError::code)
    }

    /// STS's request id, where it gave one.
    pub fn request_id(&self) -> Option<&str> {
        self.api().and_then(ApiError::request_id)
    }

    /// A metric label of a closed set, in snake case.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Principal { .. } => "sts_invalid_principal",
            Self::Api(error) => match error {
                ApiError::Refused { refusal, .. } => reason_of(&refusal.code),
                ApiError::Unavailable { refusal, .. } if is_throttling(&refusal.code) => "sts_throttled",
                ApiError::Unavailable { .. } => "sts_unavailable",
                ApiError::Network { fault: Fault::Connect { .. }, .. } => "sts_connect",
                ApiError::Network { fault: Fault::Tls { .. }, .. } => "sts_tls",
                ApiError::Network { fault: Fault::Timeout { .. }, .. } => "sts_timeout",
                ApiError::Network { fault: Fault::Broken { .. }, .. } => "sts_connection_broken",
                ApiError::InvalidAnswer { .. } => "sts_invalid_answer",
                ApiError::Request { .. } => "sts_invalid_request",
            },
        }
    }

    fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            Self::Principal { .. } => None,
        }
    }
}
