//! The `Authorization` header of ACS3 requests.

use std::fmt;
use std::str::FromStr;

use super::ALGORITHM;

/// Longest access key id that is read, in bytes. The longest in use have about 30.
const MAX_ACCESS_KEY_ID: usize = 128;
/// Most headers that may be signed.
const MAX_SIGNED_HEADERS: usize = 32;
/// Longest header name that is read, in bytes.
const MAX_HEADER_NAME: usize = 64;
/// Hexadecimal digits of an HMAC-SHA256.
const SIGNATURE_DIGITS: usize = 64;

/// `ACS3-HMAC-SHA256 Credential=LTAI…,SignedHeaders=host;x-acs-action,Signature=24e3…`
///
/// [`FromStr`] accepts exactly this form, and [`fmt::Display`] writes it: parsing and printing again changes
/// no byte. [`fmt::Debug`] does not show the signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Letters, digits, `.`, `_` and `-`, up to 128: `LTAI5t…`, for temporary keys `STS.N…`.
    pub access_key_id: String,
    /// Lower-case names in ascending order, none of them twice.
    pub signed_headers: Vec<String>,
    /// 64 lower-case hexadecimal digits.
    pub signature: String,
}

/// What is wrong with an `Authorization` header. Nothing of its text is in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// Another algorithm, or none.
    #[error("Authorization does not begin with ACS3-HMAC-SHA256 and one space")]
    Algorithm,
    /// Not exactly the three fields in their order, separated by commas alone.
    #[error(
        "Authorization is not Credential=...,SignedHeaders=...,Signature=... with each field once and in this order"
    )]
    Fields,
    /// Empty, too long, or with characters that no access key id has.
    #[error("Authorization's Credential is not an access key id (1 to 128 of A-Z a-z 0-9 . _ -)")]
    AccessKeyId,
    /// A name that is empty, too long or not lower case; too many of them.
    #[error("Authorization's SignedHeaders are not 1 to 32 lower-case header names separated by semicolons")]
    SignedHeaders,
    /// A header is named twice.
    #[error("Authorization's SignedHeaders name a header twice")]
    RepeatedHeader,
    /// The names are not sorted, as the signature method demands.
    #[error("Authorization's SignedHeaders are not in ascending order")]
    UnsortedHeaders,
    /// Not 64 lower-case hexadecimal digits.
    #[error("Authorization's Signature is not 64 lower-case hexadecimal digits")]
    Signature,
}

impl FromStr for Authorization {
    type Err = AuthorizationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fields = text
            .strip_prefix(ALGORITHM)
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or(AuthorizationError::Algorithm)?;
        let mut fields = fields.split(',');
        let mut field = |name: &str| {
            let value = fields.next()?.strip_prefix(name)?.strip_prefix('=')?;
            Some(value)
        };
        let access_key_id = field("Credential").ok_or(AuthorizationError::Fields)?;
        let signed_headers = field("SignedHeaders").ok_or(AuthorizationError::Fields)?;
        let signature = field("Signature").ok_or(AuthorizationError::Fields)?;
        if fields.next().is_some() {
            return Err(AuthorizationError::Fields);
        }
        if !is_access_key_id(access_key_id) {
            return Err(AuthorizationError::AccessKeyId);
        }
        if !is_signature(signature) {
            return Err(AuthorizationError::Signature);
        }
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            signed_headers: parse_signed_headers(signed_headers)?,
            signature: signature.to_owned(),
        })
    }
}

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { access_key_id, signed_headers, signature } = self;
        let signed_headers = signed_headers.join(";");
        write!(
            f,
            "{ALGORITHM} Credential={access_key_id},SignedHeaders={signed_headers},Signature={signature}"
        )
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("access_key_id", &self.access_key_id)
            .field("signed_headers", &self.signed_headers)
            .finish_non_exhaustive()
    }
}

/// Whether `text` can be an access key id: 1 to 128 of `A-Z a-z 0-9 . _ -`.
pub fn is_access_key_id(text: &str) -> bool {
    (1..=MAX_ACCESS_KEY_ID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn is_signature(text: &str) -> bool {
    text.len() == SIGNATURE_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_header_name(text: &str) -> bool {
    (1..=MAX_HEADER_NAME).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn parse_signed_headers(text: &str) -> Result<Vec<String>, AuthorizationError> {
    let mut names: Vec<String> = Vec::new();
    for name in text.split(';') {
        if !is_header_name(name) || names.len() >= MAX_SIGNED_HEADERS {
            return Err(AuthorizationError::SignedHeaders);
        }
        if names.iter().any(|earlier| earlier == name) {
            return Err(AuthorizationError::RepeatedHeader);
        }
        if names.last().is_some_and(|last| last.as_str() > name) {
            return Err(AuthorizationError::UnsortedHeaders);
        }
        names.push(name.to_owned());
    }
    Ok(names)
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

    const SIGNATURE: &str = "24e3765c71bb748045086014f1e5749e698761328d88030193775ef7d57039ae";

    fn header(credential: &str, signed: &str, signature: &str) -> String {
        format!("ACS3-HMAC-SHA256 Credential={credential},SignedHeaders={signed},Signature={signature}")
    }

    fn refusal(text: &str) -> AuthorizationError {
        text.parse::<Authorization>().expect_err(text)
    }

    #[test]
    fn reads_the_documented_form() {
        let text = header("STS.NU_a-1", "host;x-acs-action;x-acs-date", SIGNATURE);
        let parsed: Authorization = text.parse().unwrap();
        assert_eq!(parsed.access_key_id, "STS.NU_a-1");
        assert_eq!(parsed.signed_headers, ["host", "x-acs-action", "x-acs-date"]);
        assert_eq!(parsed.signature, SIGNATURE);
        assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn refuses_another_algorithm() {
        let good = header("LTAI1", "host", SIGNATURE);
        for text in [
            String::new(),
            "ACS3-HMAC-SHA256".to_owned(),
            good.replace("SHA256", "SM3"),
            good.replace("ACS3", "acs3"),
            format!(" {good}"),
            good.replacen(' ', "  ", 2),
            good.replace(' ', "\t"),
        ] {
            assert!(
                matches!(refusal(&text), AuthorizationError::Algorithm | AuthorizationError::Fields),
                "{text:?}"
            );
        }
    }

    #[test]
    fn refuses_fields_that_are_missing_twice_unknown_or_in_another_order() {
        let s = SIGNATURE;
        for fields in [
            "Credential=LTAI1".to_owned(),
            "Credential=LTAI1,SignedHeaders=host".to_owned(),
            format!("SignedHeaders=host,Signature={s}"),
            format!("SignedHeaders=host,Credential=LTAI1,Signature={s}"),
            format!("Credential=LTAI1,Credential=LTAI2,SignedHeaders=host,Signature={s}"),
            format!("Credential=LTAI1,SignedHeaders=host,Signature={s},Signature={s}"),
            format!("Credential=LTAI1,SignedHeaders=host,Signature={s},"),
            format!("Credential=LTAI1,SignedHeaders=host,Signature={s},x=1"),
            format!("Credential=LTAI1, SignedHeaders=host, Signature={s}"),
            format!("credential=LTAI1,signedheaders=host,signature={s}"),
            format!("Credential LTAI1,SignedHeaders=host,Signature={s}"),
        ] {
            assert_eq!(
                refusal(&format!("ACS3-HMAC-SHA256 {fields}")),
                AuthorizationError::Fields,
                "{fields}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_access_key_id() {
        for id in ["", "a b", "LTAI=1", "LTAI;", "LTAI\u{e9}", "LTAI\n", &"a".repeat(129)] {
            assert_eq!(refusal(&header(id, "host", SIGNATURE)), AuthorizationError::AccessKeyId, "{id:?}");
        }
        assert!(header(&"a".repeat(128), "host", SIGNATURE).parse::<Authorization>().is_ok());
    }

    #[test]
    fn refuses_header_names_that_are_not_lower_case_or_bounded() {
        let many = (0..33).map(|n| format!("x-acs-{n:02}")).collect::<Vec<_>>().join(";");
        let long = "a".repeat(65);
        for names in ["", ";", "host;", "Host", "ho st", "x-acs-action;;x-acs-date", "x_acs", &many, &long] {
            assert_eq!(
                refusal(&header("LTAI1", names, SIGNATURE)),
                AuthorizationError::SignedHeaders,
                "{names}"
            );
        }
    }

    #[test]
    fn refuses_a_header_named_twice_or_out_of_order() {
        assert_eq!(refusal(&header("LTAI1", "host;host", SIGNATURE)), AuthorizationError::RepeatedHeader);
        assert_eq!(refusal(&header("LTAI1", "a;b;a", SIGNATURE)), AuthorizationError::RepeatedHeader);
        assert_eq!(
            refusal(&header("LTAI1", "x-acs-date;host", SIGNATURE)),
            AuthorizationError::UnsortedHeaders
        );
    }

    #[test]
    fn refuses_a_signature_that_is_not_64_lower_case_digits() {
        let upper = SIGNATURE.to_uppercase();
        let long = format!("{SIGNATURE}0");
        let short = SIGNATURE.get(1..).unwrap();
        let wrong = SIGNATURE.replace('e', "g");
        for signature in ["", &upper, &long, short, &wrong] {
            assert_eq!(
                refusal(&header("LTAI1", "host", signature)),
                AuthorizationError::Signature,
                "{signature}"
            );
        }
    }

    #[test]
    fn debug_does_not_show_the_signature() {
        let parsed: Authorization = header("LTAI1", "host", SIGNATURE).parse().unwrap();
        assert!(!format!("{parsed:?}").contains(SIGNATURE));
    }

    proptest! {
        #[test]
        fn what_parses_prints_the_same(text in "ACS3-HMAC-SHA256 Credential=[a-zA-Z0-9.,=_-]{0,9},SignedHeaders=[a-c;]{0,5},Signature=[0-9a-f]{64}|.{0,80}") {
            if let Ok(parsed) = text.parse::<Authorization>() {
                prop_assert_eq!(parsed.to_string(), text);
            }
        }
    }
}
