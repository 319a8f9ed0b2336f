//! Why a signature was not accepted.

use crate::acs3::CanonicalError;

/// Why a signature does not hold for a request. No text of the request is in the message but the name of a
/// header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The text that was signed cannot be rebuilt from the request.
    #[error("the signed text cannot be rebuilt: {0}")]
    Canonical(#[from] CanonicalError),
    /// An RPC request without a `Signature` parameter.
    #[error("the request has no Signature parameter: it is not signed")]
    MissingSignature,
    /// An RPC request with more than one `Signature` parameter.
    #[error("the request has more than one Signature parameter: send exactly one")]
    RepeatedSignature,
    /// The signature is that of another request, or of another secret.
    #[error(
        "the signature does not match: the request was changed after signing, or signed with another secret"
    )]
    Mismatch,
}
