//! OIDC tokens: JSON Web Tokens (RFC 7519) under a JSON Web Signature in compact form (RFC 7515).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};
use strict::Strict;

use super::{keys, refusal};
use crate::error::ApiError;

/// What a token says, as far as STS asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(super) not_before: Option<Timestamp>,
}

/// A token that was read; nobody has looked at its signature.
pub(crate) struct UncheckedToken<'a> {
    pub(crate) claims: Claims,
    pub(crate) key_id: Option<String>,
    /// Header and payload as they were sent: what is signed.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
}

impl<'a> UncheckedToken<'a> {
    /// Reads a token. Its algorithm is the one that is checked: the header chooses nothing.
    pub(super) fn parse(text: &'a str) -> Result<Self, ApiError> {
        if text.is_empty() {
            return Err(refusal::empty());
        }
        let parts: Vec<&str> = text.splitn(4, '.').collect();
        let &[header, payload, signature] = parts.as_slice() else {
            return Err(refusal::not_three_parts());
        };
        let header = object(header)?;
        match header.get("alg") {
            Some(Value::String(algorithm)) if algorithm == keys::ALGORITHM => {}
            Some(Value::String(algorithm)) => return Err(refusal::unknown_algorithm(algorithm)),
            _ => return Err(refusal::unknown_algorithm("")),
        }
        // RFC 7515, section 4.1.11: whoever does not understand all of it must refuse.
        if header.contains_key("crit") {
            return Err(refusal::not_recognized());
        }
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(refusal::not_recognized()),
        };
        let signature_length = signature.len();
        let signature = decode(signature)?;
        let end = text.len().saturating_sub(signature_length).saturating_sub(1);
        let signed = text.get(..end).ok_or_else(refusal::not_three_parts)?;
        let claims = claims(&object(payload)?).ok_or_else(refusal::not_recognized)?;
        Ok(Self { claims, key_id, signed, signature })
    }
}

fn decode(part: &str) -> Result<Vec<u8>, ApiError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| refusal::not_base64())
}

/// A JSON object in which each key stands once.
fn object(part: &str) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(&decode(part)?) {
        Ok(Strict(Value::Object(object))) => Ok(object),
        _ => Err(refusal::not_recognized()),
    }
}

/// `iss`, `sub`, `aud`, `iat` and `exp` must be there; `nbf` may.
fn claims(payload: &Map<String, Value>) -> Option<Claims> {
    let text = |name: &str| payload.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let audiences = match payload.get("aud")? {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => {
            many.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<_>>()?
        }
        _ => return None,
    };
    Some(Claims {
        issuer: text("iss")?,
        subject: text("sub")?,
        audiences,
        issued_at: time(payload.get("iat")?)?,
        expires_at: time(payload.get("exp")?)?,
        not_before: payload.get("nbf").map_or(Some(None), |value| time(value).map(Some))?,
    })
}

/// Seconds since 1970, whole ones.
fn time(value: &Value) -> Option<Timestamp> {
    Timestamp::from_second(value.as_i64()?).ok()
}
