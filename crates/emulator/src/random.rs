//! Random texts from the TLS library's generator, and request ids.

use rustls::crypto::aws_lc_rs::default_provider;
use uuid::Uuid;

use crate::error::ApiError;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ab";

/// `length` random letters and digits.
///
/// # Errors
/// `InternalError` when the system has no random numbers to give.
pub(crate) fn text(length: usize) -> Result<String, ApiError> {
    let letter = |byte: u8| LETTERS.get(usize::from(byte & 63)).copied().map_or('A', char::from);
    Ok(bytes(length)?.into_iter().map(letter).collect())
}

/// `length` random decimal digits.
///
/// # Errors
/// As [`text`].
pub(crate) fn digits(length: usize) -> Result<String, ApiError> {
    // Ids need not be evenly spread: they are no secret.
    Ok(bytes(length)?.into_iter().map(|byte| char::from(b'0'.saturating_add(byte % 10))).collect())
}

fn bytes(length: usize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = vec![0; length];
    default_provider().secure_random.fill(&mut bytes).map_err(|_| {
        ApiError::new(
            500,
            "InternalError",
            "The request has failed due to a temporary failure of the server.",
        )
    })?;
    Ok(bytes)
}

/// A request id as the services have them: a UUID of version 5, in capitals.
pub(crate) fn request_id() -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, Uuid::new_v4().as_bytes()).to_string().to_uppercase()
}

/// 32 hexadecimal digits.
pub(crate) fn trace_id() -> String {
    Uuid::new_v4().simple().to_string()
}
