//! Why a signature was not accepted.

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

/// Why the canonical request cannot be built. Header names come from whoever signed, and
/// [`crate::acs3::Authorization`]'s parser has bounded them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// A header that is signed is not in the request.
    #[error("the signed header {name} is not in the request")]
    MissingHeader {
        /// Lower-case name.
        name: String,
    },
    /// A header that is signed occurs more than once: which of them was signed is not defined.
    #[error("the signed header {name} is in the request more than once")]
    RepeatedHeader {
        /// Lower-case name.
        name: String,
    },
}
