//! Why the gate names nobody.

use std::sync::Arc;

use openapi::sts::StsError;

use super::limits::Shed;

/// Why a token's owner is not known. One line, without secrets.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// What STS said, or that it said nothing.
    #[error("{0}")]
    Sts(Arc<StsError>),
    /// STS takes the token once only and may have taken it, and its answer is lost.
    #[error(
        "{0}; this token is good for one call to STS, which may have been made: run the command again, it makes a new token"
    )]
    Lost(Arc<StsError>),
    /// A limit was met; STS was not asked.
    #[error("{}", shed_text(.0))]
    Shed(Shed),
    /// The call ended without a result, which is a fault of this program.
    #[error(
        "the call to STS ended without a result; this is a fault of ack-ram-authenticator, its log says more"
    )]
    Ended,
}

fn shed_text(shed: &Shed) -> String {
    let flag = shed.limit.flag();
    match shed.known {
        true => format!("as many calls to STS as {flag} allows are made already; trying again"),
        false => format!(
            "the access key has not logged in here lately, and as many calls to STS as {flag} leaves for such keys are made \
             already: run the command again in a moment"
        ),
    }
}

impl GateError {
    /// Whether the API server is to ask again while the user waits. A stranger's call that was not made is refused: a
    /// flood that is sent into retries only grows.
    pub fn is_passing(&self) -> bool {
        match self {
            GateError::Sts(error) => error.is_passing(),
            GateError::Lost(_) => false,
            GateError::Shed(shed) => shed.known,
            GateError::Ended => true,
        }
    }

    /// A metric label of a closed set.
    pub fn reason(&self) -> &'static str {
        match self {
            GateError::Sts(error) => error.reason(),
            GateError::Lost(_) => "sts_answer_lost",
            GateError::Shed(Shed { known: true, .. }) => "sts_limited",
            GateError::Shed(Shed { known: false, .. }) => "sts_limited_unknown_key",
            GateError::Ended => "internal",
        }
    }

    /// STS's request id, where it gave one.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            GateError::Sts(error) | GateError::Lost(error) => error.request_id(),
            GateError::Shed(_) | GateError::Ended => None,
        }
    }
}
