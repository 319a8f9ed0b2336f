//! Whether STS would take a token, as far as the token itself and the issuer's keys decide it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};
use strict::Strict;

use super::keys::ALGORITHM;
use super::{Finding, KeySet};
use crate::visible::{pasteable, visible};

/// STS takes tokens of 4 to 20,000 bytes (AssumeRoleWithOIDC).
const MAX_BYTES: usize = 20_000;
/// Characters of a claim that are shown. None of them is a secret; the signature is.
const MAX_SHOWN: usize = 300;

/// What a token says. Nobody has looked at its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenFacts {
    /// `alg`: `RS256`, `ES256`, …
    pub(crate) algorithm: String,
    /// `kid`: the key that signed it.
    pub(crate) key_id: Option<String>,
    /// `iss`.
    pub(crate) issuer: String,
    /// `sub`: `system:serviceaccount:NAMESPACE:NAME`.
    pub(crate) subject: String,
    /// `aud`.
    pub(crate) audiences: Vec<String>,
    /// `iat`.
    pub(crate) issued_at: Timestamp,
    /// `exp`.
    pub(crate) expires_at: Timestamp,
    signed: String,
    signature: Vec<u8>,
}

/// What it should say.
#[derive(Clone, Debug)]
pub(crate) struct Expected<'a> {
    /// The provider's issuer.
    pub(crate) issuer: &'a str,
    /// One of the provider's client ids.
    pub(crate) audience: &'a str,
    /// The keys that are published.
    pub(crate) keys: &'a KeySet,
    /// The time.
    pub(crate) now: Timestamp,
}

impl TokenFacts {
    /// Reads a token.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence; nothing of it.
    pub(crate) fn read(token: &str) -> Result<Self, &'static str> {
        const NO_JWT: &str = "is no JSON Web Token of three parts";
        if token.len() > MAX_BYTES {
            return Err("is longer than the 20000 bytes that STS takes");
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(NO_JWT)?;
        let (header, payload) = signed.split_once('.').ok_or(NO_JWT)?;
        let (header, payload) = (object(header).ok_or(NO_JWT)?, object(payload).ok_or(NO_JWT)?);
        let text = |from: &Map<String, Value>, name: &str| Some(from.get(name)?.as_str()?.to_owned());
        let time = |name: &str| Timestamp::from_second(payload.get(name)?.as_i64()?).ok();
        let audiences = match payload.get("aud") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => {
                many.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
            }
            _ => Vec::new(),
        };
        Ok(Self {
            algorithm: text(&header, "alg").ok_or("names no algorithm")?,
            key_id: text(&header, "kid"),
            issuer: text(&payload, "iss").ok_or("names no issuer")?,
            subject: text(&payload, "sub").ok_or("names no subject")?,
            audiences,
            issued_at: time("iat").ok_or("does not say when it was issued")?,
            expires_at: time("exp").ok_or("does not say when it ends")?,
            signed: signed.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| NO_JWT)?,
        })
    }

    /// Seconds from its making to its end.
    pub(crate) fn lifetime(&self) -> i64 {
        self.expires_at.as_second().saturating_sub(self.issued_at.as_second())
    }

    /// Whether one of these keys has signed it.
    pub(crate) fn is_signed_by(&self, keys: &KeySet) -> bool {
        self.algorithm == ALGORITHM
            && keys.verify(self.key_id.as_deref(), self.signed.as_bytes(), &self.signature)
    }
}

/// Why STS would refuse a token: nothing where it would take it.
pub(crate) fn check_token(token: &TokenFacts, expected: &Expected<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Expected { issuer, audience, keys, now } = expected;
    if token.issuer != *issuer {
        findings.push(wrong_issuer(&token.issuer, issuer));
    }
    if !token.audiences.iter().any(|own| own == audience) {
        findings.push(Finding::broken(
            format!(
                "the token is for the audience {}, not for {audience}",
                shown(&token.audiences.join(", "))
            ),
            format!("mount a token with the audience {audience}, as ack-pod-identity-webhook does"),
        ));
    }
    if token.algorithm != ALGORITHM {
        findings.push(Finding::broken(
            format!("the API server signs with {}, and STS takes {ALGORITHM} alone", shown(&token.algorithm)),
            "give kube-apiserver an RSA key as --service-account-signing-key-file, keep the old one as a second --service-account-key-file, and publish the keys again",
        ));
    } else if !token.is_signed_by(keys) {
        findings.push(not_signed(token, keys));
    }
    if token.expires_at <= *now {
        findings.push(Finding::broken(
            "the token is over",
            "check the clocks of this machine and of kube-apiserver",
        ));
    }
    findings
}

fn wrong_issuer(own: &str, wanted: &str) -> Finding {
    let why = match own.trim_end_matches('/') == wanted.trim_end_matches('/') {
        true => " (only a slash at the end differs, and issuers are compared to the letter)",
        false => "",
    };
    Finding::broken(
        format!("tokens come from the issuer {}, not from {wanted}{why}", shown(own)),
        format!(
            "put --service-account-issuer={} first on each kube-apiserver, keep the old one behind it, and restart it",
            pasteable(wanted)
        ),
    )
}

fn not_signed(token: &TokenFacts, keys: &KeySet) -> Finding {
    match &token.key_id {
        Some(id) if !keys.names(id) => Finding::broken(
            format!("the key {} that signs tokens is not among the published ones", shown(id)),
            "publish the API server's keys again, with rrsa enable --self-managed",
        ),
        _ => Finding::broken(
            "the token's signature is not that of the published key",
            "publish the API server's own keys, with rrsa enable --self-managed, and check that it is the right cluster's folder",
        ),
    }
}

fn shown(text: &str) -> String {
    visible(text).chars().take(MAX_SHOWN).collect()
}

fn object(part: &str) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?) {
        Ok(Strict(Value::Object(object))) => Some(object),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    use serde_json::json;

    const ISSUER: &str = "https://issuer.example/c1";
    const AUDIENCE: &str = "sts.aliyuncs.com";

    /// A token whose signature is nobody's.
    fn token(header: &Value, payload: &Value) -> String {
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        format!("{header}.{payload}.AAAA")
    }

    fn payload() -> Value {
        json!({"iss": ISSUER, "aud": [AUDIENCE], "sub": "system:serviceaccount:a:b", "iat": 1000, "exp": 4600})
    }

    fn header() -> Value {
        json!({"alg": "RS256", "kid": "1"})
    }

    fn findings(header: &Value, payload: &Value) -> Vec<String> {
        let keys = json!({"keys": [{"kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB"}]});
        let keys = KeySet::parse(&keys.to_string()).unwrap();
        let now = Timestamp::from_second(2000).unwrap();
        let expected = Expected { issuer: ISSUER, audience: AUDIENCE, keys: &keys, now };
        let facts = TokenFacts::read(&token(header, payload)).unwrap();
        check_token(&facts, &expected).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn each_claim_is_compared() {
        let with = |name: &str, value: Value| {
            let mut changed = payload();
            changed[name] = value;
            findings(&header(), &changed)
        };
        let alone = findings(&header(), &payload());
        assert!(matches!(&alone[..], [one] if one.contains("signature is not that")), "{alone:?}");
        for (name, value, words) in [
            ("iss", json!("https://issuer.example/c1/"), "only a slash at the end differs"),
            ("iss", json!("https://other.example"), "come from the issuer https://other.example"),
            ("iss", json!("x\u{1b}[2J"), "issuer x?[2J,"),
            ("aud", json!("other"), "for the audience other"),
            ("aud", json!([]), "for the audience"),
            ("exp", json!(2000), "is over"),
        ] {
            let found = with(name, value);
            assert!(found.iter().any(|what| what.contains(words)) && found.len() == 2, "{words}: {found:?}");
        }
        assert_eq!(with("aud", json!(AUDIENCE)).len(), 1);
        let elliptic = findings(&json!({"alg": "ES256", "kid": "1"}), &payload());
        assert!(matches!(&elliptic[..], [one] if one.contains("signs with ES256")), "{elliptic:?}");
        let unknown = findings(&json!({"alg": "RS256", "kid": "2"}), &payload());
        assert!(matches!(&unknown[..], [one] if one.contains("key 2 that signs")), "{unknown:?}");
    }

    #[test]
    fn what_is_no_token() {
        let without = |name: &str| {
            let mut changed = payload();
            changed.as_object_mut().unwrap().remove(name);
            token(&header(), &changed)
        };
        for bad in [
            String::new(),
            "a.b".to_owned(),
            "!.!.!".to_owned(),
            format!("{}.x", token(&header(), &payload())),
            token(&json!([]), &payload()),
            token(&json!({"kid": "1"}), &payload()),
            without("iss"),
            without("sub"),
            without("iat"),
            without("exp"),
            "x".repeat(20_001),
        ] {
            assert!(TokenFacts::read(&bad).is_err(), "{bad}");
        }
        assert_eq!(TokenFacts::read(&token(&header(), &payload())).unwrap().lifetime(), 3600);
        let long = json!({"alg": "RS256", "x": "x".repeat(15_000)});
        assert!(TokenFacts::read(&token(&long, &payload())).unwrap_err().contains("20000"));
        // Which of the two STS reads, nobody knows.
        let twice = payload().to_string().replacen('{', r#"{"iss":"https://other.example","#, 1);
        let [header, twice] = [header().to_string(), twice].map(|part| URL_SAFE_NO_PAD.encode(part));
        assert!(TokenFacts::read(&format!("{header}.{twice}.AAAA")).is_err());
    }
}
