//! HMAC-SHA1 over the headers and the resource of a ROA API: "Request syntax and signature method V2 for ROA APIs".
//!
//! ```text
//! StringToSign  = method \n accept \n content-md5 \n content-type \n date \n
//!                 each x-acs-* header as name:value \n, in ascending order, and the resource
//! Resource      = path as sent + ? + sorted k=v joined by &, decoded; k alone where the value is empty
//! Authorization = acs AccessKeyId:base64(HMAC-SHA1(AccessKeySecret, StringToSign))
//! ```
//!
//! Neither `host` nor the body is signed, and since the query goes in decoded, `a=1%26b%3D2` and `a=1&b=2` have one
//! signature. Whoever has the choice signs by [`crate::acs3`], which has none of these gaps; this module is there to
//! check what Container Service's SDKs send.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::Offset;
use subtle::ConstantTimeEq;

use crate::acs3::{CanonicalError, is_access_key_id};
pub use crate::error::VerifyError;
use crate::hmac_key::hmac_sha1;
use crate::secret::Secret;

/// The first word of the `Authorization` header.
pub const SCHEME: &str = "acs";
/// Value of the header `x-acs-signature-method`.
pub const SIGNATURE_METHOD: &str = "HMAC-SHA1";
/// Value of the header `x-acs-signature-version`.
pub const SIGNATURE_VERSION: &str = "1.0";

/// Headers that are signed beside the `x-acs-*` ones, in this order, and as an empty line where they are missing.
const NAMED_HEADERS: [&str; 4] = ["accept", "content-md5", "content-type", "date"];
/// Characters of a SHA-1 in base64.
const SIGNATURE_LENGTH: usize = 28;
/// RFC 1123, as HTTP writes it.
const DATE_FORMAT: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// The parts of an HTTP request that are under a ROA signature.
///
/// [`std::fmt::Debug`] is left out on purpose: headers hold security tokens.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, in upper case.
    pub method: &'a str,
    /// The path as sent, still escaped: `/clusters/c%200`.
    pub path: &'a str,
    /// The parameters of the query string, decoded, in any order.
    pub query: &'a [(String, String)],
    /// Names in any case, values as sent.
    pub headers: &'a [(String, String)],
}

/// The text under the signature.
///
/// # Errors
/// A header that is signed occurs more than once: which of them was signed is not defined.
pub fn string_to_sign(request: &Request<'_>) -> Result<String, CanonicalError> {
    let mut text = format!("{}\n", request.method);
    for name in NAMED_HEADERS {
        text.push_str(single_header(request, name)?.unwrap_or_default());
        text.push('\n');
    }
    let mut extended = BTreeMap::new();
    for (name, value) in request.headers {
        let name = name.to_ascii_lowercase();
        if name.starts_with("x-acs-") && extended.insert(name.clone(), value.trim()).is_some() {
            return Err(CanonicalError::RepeatedHeader { name });
        }
    }
    for (name, value) in &extended {
        text.push_str(&format!("{name}:{value}\n"));
    }
    text.push_str(&resource(request.path, request.query));
    Ok(text)
}

/// Base64 (standard, padded) of HMAC-SHA1 under the access key secret.
pub fn sign(secret: &Secret, string_to_sign: &str) -> String {
    STANDARD.encode(hmac_sha1(secret.expose().as_bytes(), string_to_sign.as_bytes()))
}

/// Signs a request that has all its other headers.
///
/// # Errors
/// A header that is signed occurs more than once.
pub fn authorize(
    request: &Request<'_>,
    access_key_id: &str,
    secret: &Secret,
) -> Result<Authorization, CanonicalError> {
    let signature = sign(secret, &string_to_sign(request)?);
    Ok(Authorization { access_key_id: access_key_id.to_owned(), signature })
}

/// Checks a signature, in constant time. Neither the date nor the nonce is looked at.
///
/// # Errors
/// The text that was signed cannot be rebuilt, or the signature is not that of this request and this secret.
pub fn verify(
    request: &Request<'_>,
    authorization: &Authorization,
    secret: &Secret,
) -> Result<(), VerifyError> {
    let expected = sign(secret, &string_to_sign(request)?);
    let same = expected.as_bytes().ct_eq(authorization.signature.as_bytes());
    if bool::from(same) { Ok(()) } else { Err(VerifyError::Mismatch) }
}

/// `acs LTAI…:nBysbMUMzMsDNHwWMLrqWf40Pjs=`
///
/// [`FromStr`] accepts exactly this form, and [`fmt::Display`] writes it. [`fmt::Debug`] does not show the signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Letters, digits, `.`, `_` and `-`, up to 128.
    pub access_key_id: String,
    /// 28 characters of base64.
    pub signature: String,
}

/// What is wrong with an `Authorization` header. Nothing of its text is in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// Another scheme, or none.
    #[error("Authorization does not begin with acs and one space")]
    Scheme,
    /// Empty, too long, or with characters that no access key id has.
    #[error("Authorization does not hold an access key id (1 to 128 of A-Z a-z 0-9 . _ -) and a colon")]
    AccessKeyId,
    /// Not a SHA-1 in base64.
    #[error("Authorization's signature is not 28 characters of base64")]
    Signature,
}

impl FromStr for Authorization {
    type Err = AuthorizationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text
            .strip_prefix(SCHEME)
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or(AuthorizationError::Scheme)?;
        let (access_key_id, signature) = rest.split_once(':').ok_or(AuthorizationError::AccessKeyId)?;
        if !is_access_key_id(access_key_id) {
            return Err(AuthorizationError::AccessKeyId);
        }
        if signature.len() != SIGNATURE_LENGTH || STANDARD.decode(signature).is_err() {
            return Err(AuthorizationError::Signature);
        }
        Ok(Self { access_key_id: access_key_id.to_owned(), signature: signature.to_owned() })
    }
}

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME} {}:{}", self.access_key_id, self.signature)
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// A text that is not exactly `Sun, 22 Nov 2026 15:30:20 GMT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date of the form Sun, 22 Nov 2026 15:30:20 GMT")]
pub struct DateError;

/// The `date` header: `Sun, 22 Nov 2026 15:30:20 GMT`. Fractions of a second are cut off.
pub fn format_date(time: Timestamp) -> String {
    time.strftime(DATE_FORMAT).to_string()
}

/// Reads exactly what [`format_date`] writes.
///
/// # Errors
/// Everything else: another zone, another weekday than the date's, a date that the calendar does not have.
pub fn parse_date(text: &str) -> Result<Timestamp, DateError> {
    let civil: DateTime =
        strtime::parse(DATE_FORMAT, text).and_then(|parts| parts.to_datetime()).map_err(|_| DateError)?;
    let time = Offset::UTC.to_timestamp(civil).map_err(|_| DateError)?;
    // Whatever leniency is left above, only the one spelling of this instant passes.
    if format_date(time) == text { Ok(time) } else { Err(DateError) }
}

fn resource(path: &str, query: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> = query.iter().collect();
    sorted.sort();
    let pieces: Vec<String> = sorted
        .into_iter()
        .map(|(key, value)| if value.is_empty() { key.clone() } else { format!("{key}={value}") })
        .collect();
    if pieces.is_empty() { path.to_owned() } else { format!("{path}?{}", pieces.join("&")) }
}

/// Trimmed value of the header of that (lower-case) name, if there is one.
fn single_header<'a>(request: &Request<'a>, name: &str) -> Result<Option<&'a str>, CanonicalError> {
    let mut values =
        request.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let value = values.next();
    if values.next().is_some() {
        return Err(CanonicalError::RepeatedHeader { name: name.to_owned() });
    }
    Ok(value.map(|value| value.trim()))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIGNATURE: &str = "nBysbMUMzMsDNHwWMLrqWf40Pjs=";

    fn refusal(text: &str) -> AuthorizationError {
        text.parse::<Authorization>().expect_err(text)
    }

    #[test]
    fn reads_the_documented_form() {
        let text = format!("acs STS.NU_a-1:{SIGNATURE}");
        let parsed: Authorization = text.parse().unwrap();
        assert_eq!((parsed.access_key_id.as_str(), parsed.signature.as_str()), ("STS.NU_a-1", SIGNATURE));
        assert_eq!(parsed.to_string(), text);
        assert!(!format!("{parsed:?}").contains(SIGNATURE));
    }

    #[test]
    fn refuses_every_other_form() {
        for text in ["", "acs", "ACS LTAI1:x", "acs\tLTAI1:x", "Bearer x"] {
            assert_eq!(refusal(text), AuthorizationError::Scheme, "{text:?}");
        }
        for text in ["acs ", "acs LTAI1", "acs :x", "acs LT AI:x", "acs  LTAI1:x"] {
            assert_eq!(refusal(text), AuthorizationError::AccessKeyId, "{text:?}");
        }
        let short = SIGNATURE.get(1..).unwrap();
        for signature in ["", "x", short, &SIGNATURE.replace('y', "-"), &format!("{SIGNATURE} ")] {
            let text = format!("acs LTAI1:{signature}");
            assert_eq!(refusal(&text), AuthorizationError::Signature, "{text:?}");
        }
    }

    #[test]
    fn a_date_is_written_and_read_in_one_form() {
        let time = parse_date("Sun, 22 Nov 2026 15:30:20 GMT").unwrap();
        assert_eq!(time.as_second(), 1_795_361_420);
        assert_eq!(format_date(time), "Sun, 22 Nov 2026 15:30:20 GMT");
        for text in [
            "",
            "Mon, 22 Nov 2026 15:30:20 GMT",
            "Sun, 22 Nov 2026 15:30:20 UTC",
            "Sun, 22 Nov 2026 15:30:20 +0000",
            "Sun, 31 Nov 2026 15:30:20 GMT",
            "22 Nov 2026 15:30:20 GMT",
            "sun, 22 nov 2026 15:30:20 GMT",
            "Sun,  22 Nov 2026 15:30:20 GMT",
            "2026-11-22T15:30:20Z",
        ] {
            assert_eq!(parse_date(text), Err(DateError), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn reads_back_the_date_that_it_wrote(second in 0..253_402_300_000_i64) {
            let time = Timestamp::from_second(second).unwrap();
            prop_assert_eq!(parse_date(&format_date(time)), Ok(time));
        }

        #[test]
        fn what_parses_prints_the_same(text in "acs [a-zA-Z0-9:._-]{0,9}:[A-Za-z0-9+/]{27}=|.{0,40}") {
            if let Ok(parsed) = text.parse::<Authorization>() {
                prop_assert_eq!(parsed.to_string(), text);
            }
        }
    }
}
