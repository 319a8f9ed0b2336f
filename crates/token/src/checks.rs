//! Checks that both versions share.

use std::collections::BTreeSet;

use jiff::Timestamp;
use signature::parse_timestamp;

use crate::error::{Accepted, DecodeError, Place};
use crate::quoted::Quoted;
use crate::rules::Rules;

/// Longest security token, in bytes: a header line that HTTP servers still take.
pub(crate) const MAX_SECURITY_TOKEN: usize = 8192;
/// Longest nonce, in bytes. Official clients send 32 or 64 hexadecimal digits, or a UUID.
const MAX_NONCE: usize = 128;
/// Longest value of an extra query parameter, in bytes.
const MAX_EXTRA_VALUE: usize = 512;

/// A value by its place and name, for checks and their messages.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) place: Place,
    pub(crate) name: &'static str,
    pub(crate) text: &'a str,
}

impl Value<'_> {
    pub(crate) fn bad(&self, expected: &'static str) -> DecodeError {
        DecodeError::BadValue { place: self.place, name: Quoted::new(self.name), expected }
    }

    /// The one value that is accepted.
    pub(crate) fn exactly(&self, expected: &'static str) -> Result<(), DecodeError> {
        if self.text == expected { Ok(()) } else { Err(self.bad(expected)) }
    }

    /// 1 to `max` printable ASCII characters, none of them a blank at an end: what arrives in an HTTP header as
    /// it was sent.
    pub(crate) fn printable(&self, max: usize) -> Result<&str, DecodeError> {
        let text = self.text;
        let good = (1..=max).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
            && text.trim() == text;
        if good { Ok(text) } else { Err(self.bad("bounded printable ASCII text without blanks at its ends")) }
    }

    pub(crate) fn nonce(&self) -> Result<String, DecodeError> {
        let good = (1..=MAX_NONCE).contains(&self.text.len())
            && self
                .text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        if good { Ok(self.text.to_owned()) } else { Err(self.bad("1 to 128 of A-Z a-z 0-9 . _ -")) }
    }

    pub(crate) fn cluster(&self, rules: &Rules) -> Result<String, DecodeError> {
        if rules.cluster_ids.iter().any(|id| id == self.text) {
            return Ok(self.text.to_owned());
        }
        Err(DecodeError::WrongCluster {
            cluster: Quoted::new(self.text),
            accepted: Accepted::new(&rules.cluster_ids),
        })
    }

    pub(crate) fn date(&self, rules: &Rules, now: Timestamp) -> Result<Timestamp, DecodeError> {
        let parsed = parse_timestamp(self.text);
        let signed_at = parsed.map_err(|_| self.bad("a time of the form 2026-11-22T01:43:34Z"))?;
        rules.check_date(signed_at, now)?;
        Ok(signed_at)
    }
}

/// When a token that was signed then ends; the calendar's end where the rules reach beyond it.
pub(crate) fn expires_at(signed_at: Timestamp, rules: &Rules) -> Timestamp {
    signed_at.checked_add(rules.max_age).unwrap_or(Timestamp::MAX)
}

/// No name twice, whatever its case.
pub(crate) fn refuse_duplicates<'a>(
    place: Place,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), DecodeError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.to_lowercase()) {
            return Err(DecodeError::Duplicate { place, name: Quoted::new(name) });
        }
    }
    Ok(())
}

/// A query parameter beyond the known ones, if the rules allow it.
pub(crate) fn extra_parameter(
    key: &str,
    value: &str,
    rules: &Rules,
) -> Result<(String, String), DecodeError> {
    let place = Place::Query;
    if !rules.allows_extra(key) {
        return Err(DecodeError::NotAllowed { place, name: Quoted::new(key) });
    }
    if value.len() > MAX_EXTRA_VALUE || value.chars().any(char::is_control) {
        let expected = "up to 512 bytes without control characters";
        return Err(DecodeError::BadValue { place, name: Quoted::new(key), expected });
    }
    Ok((key.to_owned(), value.to_owned()))
}
