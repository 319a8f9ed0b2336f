//! From the bearer token's text to checked values.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use signature::acs3::sha256_hex;
use zeroize::Zeroizing;

use crate::error::DecodeError;
use crate::rules::Rules;
use crate::token::{Token, Version};
use crate::{v1, v2};

/// Hexadecimal digits of a [`fingerprint`].
const FINGERPRINT: usize = 16;

/// Reads a bearer token and checks everything that can be checked without STS.
///
/// `now` is this machine's time: tokens that are too old or too far ahead are refused.
///
/// # Errors
/// See [`DecodeError`]: each variant is one reason to refuse. A token that is refused here would be refused by
/// STS too, or is one that could mean two things to two readers, or belongs elsewhere.
pub fn decode(text: &str, rules: &Rules, now: Timestamp) -> Result<Token, DecodeError> {
    if text.len() > rules.max_bytes {
        return Err(DecodeError::TooLarge { bytes: text.len(), limit: rules.max_bytes });
    }
    let (version, payload) = split_prefix(text)?;
    if !rules.versions.contains(&version) {
        return Err(DecodeError::VersionNotAccepted { version });
    }
    if payload.is_empty() {
        return Err(DecodeError::Empty);
    }
    let bytes = Zeroizing::new(engine_for(payload).decode(payload).map_err(|_| DecodeError::BadBase64)?);
    let payload = str::from_utf8(&bytes).map_err(|_| DecodeError::NotUtf8)?;
    match version {
        Version::V1 => v1::decode(payload, rules, now),
        Version::V2 => v2::decode(payload, rules, now),
    }
}

/// What logs show of a token: the first 16 hexadecimal digits of the SHA-256 of its whole text, prefix
/// included. Two tokens are told apart by it; nothing of them can be got back from it.
pub fn fingerprint(text: &str) -> String {
    sha256_hex(text.as_bytes()).chars().take(FINGERPRINT).collect()
}

fn split_prefix(text: &str) -> Result<(Version, &str), DecodeError> {
    [Version::V2, Version::V1]
        .into_iter()
        .find_map(|version| Some((version, text.strip_prefix(version.prefix())?)))
        .ok_or(DecodeError::NoPrefix)
}

/// Clients write either alphabet, with padding or without; one text is in one of the four forms. All of them
/// refuse blanks, padding that is not complete, and bits behind the last byte.
fn engine_for(payload: &str) -> &'static GeneralPurpose {
    match (payload.contains(['-', '_']), payload.ends_with('=')) {
        (false, true) => &STANDARD,
        (false, false) => &STANDARD_NO_PAD,
        (true, true) => &URL_SAFE,
        (true, false) => &URL_SAFE_NO_PAD,
    }
}
