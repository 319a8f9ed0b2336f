//! Percent-encoding and query strings.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters (section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Why a query string cannot be read. Nothing of its text is in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A `%` that two hexadecimal digits do not follow.
    #[error("parameter {parameter} of the query has a % that two hexadecimal digits do not follow")]
    BadPercentEncoding {
        /// Position of the parameter, counted from 1.
        parameter: usize,
    },
    /// Decoded bytes that are not UTF-8.
    #[error("parameter {parameter} of the query is not UTF-8 once decoded")]
    NotUtf8 {
        /// Position of the parameter, counted from 1.
        parameter: usize,
    },
}

/// Encodes `text` as RFC 3986, section 2.1: `A-Z a-z 0-9 - _ . ~` stay, every other byte of the UTF-8 form
/// becomes `%XX` with upper-case digits. A space is `%20`, `*` is `%2A`.
pub fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Reads a query string or a form body (`application/x-www-form-urlencoded`): `+` and `%20` are both a space.
///
/// Order and duplicates are kept, a piece without `=` has an empty value, empty pieces (`a&&b`) are left out.
///
/// # Errors
/// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
pub fn parse_query(text: &str) -> Result<Vec<(String, String)>, QueryError> {
    let pieces = text.split('&').filter(|piece| !piece.is_empty());
    pieces
        .zip(1..)
        .map(|(piece, parameter)| {
            let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
            Ok((form_decode(key, parameter)?, form_decode(value, parameter)?))
        })
        .collect()
}

/// Joins `params` as `k=v&k=v`, keys and values encoded by [`percent_encode`], in the order given.
pub fn build_query(params: &[(String, String)]) -> String {
    let pieces: Vec<String> = params
        .iter()
        .map(|(key, value)| format!("{}={}", percent_encode(key), percent_encode(value)))
        .collect();
    pieces.join("&")
}

/// [`build_query`] of the parameters in the order of signing: by key, then by value, as bytes.
pub(crate) fn sorted_query<'a>(params: impl Iterator<Item = &'a (String, String)>) -> String {
    let mut sorted: Vec<(String, String)> = params.cloned().collect();
    sorted.sort();
    build_query(&sorted)
}

fn form_decode(text: &str, parameter: usize) -> Result<String, QueryError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                hex_pair(bytes.next(), bytes.next()).ok_or(QueryError::BadPercentEncoding { parameter })?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).map_err(|_| QueryError::NotUtf8 { parameter })
}

fn hex_pair(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from((digit(high)? << 4) | digit(low)?).ok()
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

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn keeps_unreserved_characters_and_encodes_all_others() {
        assert_eq!(percent_encode("AZaz09-_.~"), "AZaz09-_.~");
        assert_eq!(percent_encode(" +*/=&%'()!\u{e9}\n"), "%20%2B%2A%2F%3D%26%25%27%28%29%21%C3%A9%0A");
    }

    #[test]
    fn reads_both_spellings_of_a_space() {
        assert_eq!(parse_query("a=b+c&d=e%20f").unwrap(), [pair("a", "b c"), pair("d", "e f")]);
    }

    #[test]
    fn keeps_order_and_duplicates() {
        let parsed = parse_query("b=2&a=1&b=1&c&&d=").unwrap();
        assert_eq!(parsed, [pair("b", "2"), pair("a", "1"), pair("b", "1"), pair("c", ""), pair("d", "")]);
        assert_eq!(parse_query("").unwrap(), []);
    }

    #[test]
    fn splits_at_the_first_equals_sign_only() {
        assert_eq!(parse_query("a=b=c").unwrap(), [pair("a", "b=c")]);
    }

    #[test]
    fn refuses_what_cannot_be_decoded() {
        for text in ["a=1&b=%", "a=1&b=%4", "a=1&b=%4g", "a=1&%zz=1", "a=1&b=%+1", "a=1&b=%%41"] {
            assert_eq!(parse_query(text), Err(QueryError::BadPercentEncoding { parameter: 2 }), "{text}");
        }
        assert_eq!(parse_query("a=%ff"), Err(QueryError::NotUtf8 { parameter: 1 }));
        assert_eq!(parse_query("a=%C3"), Err(QueryError::NotUtf8 { parameter: 1 }));
    }

    proptest! {
        #[test]
        fn reads_back_what_it_built(params in proptest::collection::vec((".{1,12}", ".{0,12}"), 0..8)) {
            let text = build_query(&params);
            prop_assert!(text.bytes().all(|b| b.is_ascii_graphic()));
            prop_assert_eq!(parse_query(&text).unwrap(), params);
        }

        #[test]
        fn never_panics_on_any_text(text in "[%+&=0-9a-fA-Fé ]{0,40}|.{0,40}") {
            let _ = parse_query(&text);
        }
    }
}
