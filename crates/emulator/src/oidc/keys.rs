//! The public keys of an issuer: a JSON Web Key Set (RFC 7517).

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use strict::Strict;

/// The one signature algorithm of tokens (RFC 7518, section 3.3): RSASSA-PKCS1-v1_5 with SHA-256.
pub(super) const ALGORITHM: &str = "RS256";
/// Most keys of a set: above what issuers publish.
const MAX_KEYS: usize = 100;
/// Bits of a modulus.
const KEY_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Keys that RS256 signatures are checked with.
#[derive(Clone, Debug)]
pub(crate) struct KeySet(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    /// Modulus and exponent, big-endian, without zeros in front.
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl KeySet {
    /// Reads a set. Keys that sign no RS256 token (other types, other uses, other algorithms) are left aside; one of the
    /// rest at least must be there.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Strict(value) = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
        let list = value.get("keys").and_then(Value::as_array).ok_or("has no list \"keys\"")?;
        if list.len() > MAX_KEYS {
            return Err(format!("has more than {MAX_KEYS} keys"));
        }
        let mut keys = Vec::new();
        for (index, key) in list.iter().enumerate() {
            let key = key.as_object().ok_or_else(|| format!("has no key at keys[{index}]"))?;
            // Whoever has this file could sign tokens.
            if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|part| key.contains_key(*part)) {
                return Err(format!("has a private key at keys[{index}]: give the public half alone"));
            }
            if signs_rs256(key) {
                keys.push(Key::parse(key).map_err(|problem| format!("has at keys[{index}] {problem}"))?);
            }
        }
        if keys.is_empty() {
            return Err(format!("has no RSA key for {ALGORITHM} signatures"));
        }
        Ok(Self(keys))
    }

    /// Whether there is a key that a token which names this one could have been signed with.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref().is_none_or(|own| own == id))
    }

    /// Whether one of the keys has signed the message. Where the token names a key, those of other ids are not tried.
    pub(super) fn verify(&self, id: Option<&str>, message: &[u8], signature: &[u8]) -> bool {
        let fits = |key: &&Key| match (id, key.id.as_deref()) {
            (Some(wanted), Some(own)) => wanted == own,
            (Some(_) | None, None) | (None, Some(_)) => true,
        };
        self.0.iter().filter(fits).any(|key| key.verify(message, signature))
    }
}

fn signs_rs256(key: &Map<String, Value>) -> bool {
    let is = |name: &str, wanted: &str| key.get(name).is_none_or(|value| value == wanted);
    key.get("kty").is_some_and(|kind| kind == "RSA") && is("use", "sig") && is("alg", ALGORITHM)
}

impl Key {
    fn parse(key: &Map<String, Value>) -> Result<Self, String> {
        let number = |name: &str| {
            let text = key.get(name).and_then(Value::as_str).ok_or_else(|| format!("no {name:?}"))?;
            let bytes = URL_SAFE_NO_PAD
                .decode(text)
                .map_err(|_| format!("{name:?} that is not base64 of URLs without padding"))?;
            Ok::<_, String>(bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>())
        };
        let (modulus, exponent) = (number("n")?, number("e")?);
        let zeros = modulus.first().map_or(0, |byte| byte.leading_zeros());
        let bits = modulus.len().saturating_mul(8).saturating_sub(usize::try_from(zeros).unwrap_or_default());
        if !KEY_BITS.contains(&bits) {
            return Err(format!("an RSA key of {bits} bits, and not of 2048 to 8192"));
        }
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
        if !is_odd(&modulus) || !is_odd(&exponent) || exponent == [1] {
            return Err("numbers that make no RSA key".to_owned());
        }
        let id = match key.get("kid") {
            None => None,
            Some(id) => Some(id.as_str().ok_or("a \"kid\" that is no text")?.to_owned()),
        };
        Ok(Self { id, modulus, exponent })
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }
}
