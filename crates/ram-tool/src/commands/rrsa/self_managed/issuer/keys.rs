//! The public keys of an issuer: a JSON Web Key Set (RFC 7517).

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use strict::Strict;

use crate::visible::visible;

/// The one signature algorithm of tokens that STS takes (RFC 7518, section 3.3).
pub(crate) const ALGORITHM: &str = "RS256";
/// Above what issuers publish.
pub(crate) const MAX_KEYS: usize = 100;
/// What only the holder of a private key, or of a shared one, has (RFC 7518, section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// A number of 16384 bits in base64, twice what STS could use; exponents are shorter.
const MAX_NUMBER: usize = 2731;
/// Bytes of a key's id; the API server's have 43.
const MAX_ID: usize = 512;
/// Characters of a key's id that are shown.
const MAX_SHOWN: usize = 64;

/// Public keys, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeySet {
    keys: Vec<PublicKey>,
}

/// One public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey {
    /// `kid`, which tokens name.
    pub(crate) id: Option<String>,
    /// `RS256`, `ES256`, …: `alg`, else what its kind is used for.
    pub(crate) algorithm: String,
    /// Modulus and exponent of an RSA key for RS256, as they stand in the set.
    numbers: Option<(String, String)>,
}

impl KeySet {
    /// Reads a set. It is never one with a private key in it: whoever reads that could sign tokens.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence; nothing of a key.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Strict(value) =
            serde_json::from_str(text).map_err(|_| "is not JSON in which each key stands once")?;
        let list = value.get("keys").and_then(Value::as_array).ok_or("has no list \"keys\"")?;
        if list.len() > MAX_KEYS {
            return Err(format!("has more than {MAX_KEYS} keys"));
        }
        let keys = list.iter().enumerate().map(|(index, key)| {
            let key = key.as_object().ok_or_else(|| format!("has no key at keys[{index}]"))?;
            PublicKey::parse(key).map_err(|problem| format!("has at keys[{index}] {problem}"))
        });
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }

    /// All keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter()
    }

    /// The keys that RAM can use.
    pub(crate) fn for_ram(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter().filter(|key| key.is_for_ram())
    }

    /// Whether this very key is among them.
    pub(crate) fn contains(&self, key: &PublicKey) -> bool {
        self.keys.iter().any(|own| own.id == key.id && own.numbers == key.numbers)
    }

    /// Whether there is a key of this id.
    pub(crate) fn names(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// Keys for RAM that are in `other` and not here; those whose id means another key here are left out, since a token
    /// could not say which it means.
    pub(crate) fn missing_from(&self, other: &Self) -> Vec<PublicKey> {
        let is_new =
            |key: &&PublicKey| !self.contains(key) && key.id.as_deref().is_none_or(|id| !self.names(id));
        other.for_ram().filter(is_new).cloned().collect()
    }

    /// These keys, and behind them others.
    pub(crate) fn with(&self, others: &[PublicKey]) -> Self {
        Self { keys: self.keys.iter().chain(others).cloned().collect() }
    }

    /// The set to publish: the keys that RAM can use, and of them nothing but their public half.
    pub(crate) fn to_json(&self) -> Value {
        let key = |key: &PublicKey| {
            let (n, e) = key.numbers.clone()?;
            let mut value = json!({"kty": "RSA", "use": "sig", "alg": ALGORITHM, "n": n, "e": e});
            if let (Some(id), Some(members)) = (&key.id, value.as_object_mut()) {
                members.insert("kid".to_owned(), Value::from(id.as_str()));
            }
            Some(value)
        };
        json!({"keys": self.keys.iter().filter_map(key).collect::<Vec<_>>()})
    }

    /// Whether one of the keys, that of this id where the token names one, has signed the message (RS256).
    pub(crate) fn verify(&self, id: Option<&str>, message: &[u8], signature: &[u8]) -> bool {
        let fits = |key: &&PublicKey| id.is_none() || key.id.is_none() || key.id.as_deref() == id;
        self.keys.iter().filter(fits).any(|key| key.verify(message, signature))
    }
}

impl PublicKey {
    fn parse(key: &Map<String, Value>) -> Result<Self, String> {
        if PRIVATE.iter().any(|member| key.contains_key(*member)) {
            return Err(
                "a private key: whoever reads it can make tokens; publish the public half alone, and make a new key for the API server if this set was ever published"
                    .to_owned(),
            );
        }
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let id = match key.get("kid") {
            None => None,
            Some(Value::String(id)) if (1..=MAX_ID).contains(&id.len()) => Some(id.clone()),
            Some(_) => return Err(format!("a \"kid\" that is no text of 1 to {MAX_ID} bytes")),
        };
        let kind = text("kty").ok_or("a key without \"kty\"")?;
        let algorithm = match (text("alg"), kind) {
            (Some(algorithm), _) => algorithm.to_owned(),
            (None, "RSA") => ALGORITHM.to_owned(),
            (None, other) => other.to_owned(),
        };
        let signs = key.get("use").is_none_or(|usage| usage == "sig");
        let numbers = match kind == "RSA" && algorithm == ALGORITHM && signs {
            true => Some(numbers(key)?),
            false => None,
        };
        Ok(Self { id, algorithm, numbers })
    }

    /// Whether RAM can use it: an RSA key for RS256 signatures.
    pub(crate) fn is_for_ram(&self) -> bool {
        self.numbers.is_some()
    }

    /// Its id as it can be shown.
    pub(crate) fn label(&self) -> String {
        match &self.id {
            Some(id) => visible(id).chars().take(MAX_SHOWN).collect(),
            None => "(without an id)".to_owned(),
        }
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let Some((n, e)) = &self.numbers else { return false };
        let (Ok(n), Ok(e)) = (decode(n), decode(e)) else { return false };
        RsaPublicKeyComponents { n: &n, e: &e }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok()
    }
}

fn numbers(key: &Map<String, Value>) -> Result<(String, String), String> {
    let number = |name: &str| {
        let text =
            key.get(name).and_then(Value::as_str).ok_or_else(|| format!("an RSA key without {name:?}"))?;
        if text.len() > MAX_NUMBER {
            return Err(format!("{name:?} of more than 16384 bits"));
        }
        match decode(text) {
            Ok(bytes) if !bytes.is_empty() => Ok(text.to_owned()),
            _ => Err(format!("{name:?} that is not base64 of URLs without padding")),
        }
    };
    Ok((number("n")?, number("e")?))
}

/// Big-endian, without zeros in front.
fn decode(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    Ok(URL_SAFE_NO_PAD.decode(text)?.into_iter().skip_while(|byte| *byte == 0).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rsa(id: &str, n: &str) -> Value {
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": n, "e": "AQAB"})
    }

    fn set(keys: &[Value]) -> KeySet {
        KeySet::parse(&json!({"keys": keys}).to_string()).unwrap()
    }

    fn ids(set: &KeySet) -> Vec<String> {
        set.iter().map(PublicKey::label).collect()
    }

    #[test]
    fn sets_that_are_none() {
        let with = |name: &str, value: Value| {
            let mut key = rsa("1", "AQAB");
            key[name] = value;
            json!({"keys": [key]}).to_string()
        };
        let many = vec![rsa("1", "AQAB"); 101];
        for (text, words) in [
            ("{".to_owned(), "not JSON"),
            (r#"{"keys":[],"keys":[]}"#.to_owned(), "stands once"),
            ("[]".to_owned(), "no list"),
            (json!({"keys": [1]}).to_string(), "no key at keys[0]"),
            (json!({"keys": many}).to_string(), "more than 100"),
            (json!({"keys": [{"kid": "1"}]}).to_string(), "without \"kty\""),
            (with("kid", json!(1)), "kid"),
            (with("kid", json!("x".repeat(513))), "1 to 512 bytes"),
            (with("n", json!("A".repeat(2732))), "16384 bits"),
            (with("e", json!("A".repeat(2732))), "16384 bits"),
            (with("n", json!(1)), "without \"n\""),
            (with("n", json!("a+b/")), "base64"),
            (with("e", json!("")), "base64"),
        ] {
            let problem = KeySet::parse(&text).expect_err(&text);
            assert!(problem.contains(words) && problem.lines().count() == 1, "{text}: {problem}");
        }
    }

    #[test]
    fn nothing_private_is_read_whatever_the_kind_of_key() {
        for member in PRIVATE {
            for kind in ["RSA", "EC", "oct", "OKP"] {
                let mut key = rsa("1", "AQAB");
                key["kty"] = json!(kind);
                key[member] = json!("c2VjcmV0");
                let problem = KeySet::parse(&json!({"keys": [key]}).to_string()).expect_err(member);
                assert!(problem.contains("a private key") && !problem.contains("c2VjcmV0"), "{problem}");
            }
        }
    }

    #[test]
    fn what_is_published_is_the_public_half_and_no_more() {
        let mut key = rsa("1", "AQAB");
        key["x5c"] = json!(["AAAA"]);
        key["unknown"] = json!("x");
        let elliptic = json!({"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "kid": "2"});
        let other_use = json!({"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"});
        let without_id = json!({"kty": "RSA", "n": "AQAC", "e": "AQAB"});
        let mut published = without_id.clone();
        (published["use"], published["alg"]) = (json!("sig"), json!("RS256"));
        let set = set(&[key, elliptic, other_use, without_id]);
        assert_eq!(set.to_json(), json!({"keys": [rsa("1", "AQAB"), published]}));
        let algorithms: Vec<&str> = set.iter().map(|key| key.algorithm.as_str()).collect();
        assert_eq!(algorithms, ["RS256", "EC", "RS256", "RS256"]);
    }

    #[test]
    fn a_key_for_another_algorithm_is_none_that_ram_can_use() {
        for algorithm in ["RS512", "PS256", "RSA-OAEP", ""] {
            let mut key = rsa("1", "AQAB");
            key["alg"] = json!(algorithm);
            let set = set(&[key]);
            assert_eq!((set.for_ram().count(), set.to_json()), (0, json!({"keys": []})), "{algorithm}");
        }
    }

    #[test]
    fn a_label_is_short_and_cannot_steer_a_terminal() {
        let label = ids(&set(&[rsa(&format!("\u{1b}[2J\u{202e}{}", "x".repeat(400)), "AQAB")]));
        assert_eq!(label, [format!("?[2J?{}", "x".repeat(59))]);
    }

    #[test]
    fn old_keys_are_those_whose_id_means_nothing_else_now() {
        let now = set(&[rsa("2", "AQAC"), rsa("3", "AQAD")]);
        let elliptic = json!({"kty": "EC", "kid": "4", "alg": "ES256"});
        let before = set(&[rsa("1", "AQAB"), rsa("2", "AQAC"), rsa("3", "AQAE"), elliptic]);
        let old = now.missing_from(&before);
        assert_eq!(old.iter().map(PublicKey::label).collect::<Vec<_>>(), ["1"]);
        assert_eq!(ids(&now.with(&old)), ["2", "3", "1"]);
        assert_eq!(now.missing_from(&now), []);
        let without_id = set(&[json!({"kty": "RSA", "n": "AQAC", "e": "AQAB"})]);
        assert_eq!(without_id.missing_from(&without_id), []);
        assert_eq!(now.missing_from(&without_id).len(), 1);
    }
}
