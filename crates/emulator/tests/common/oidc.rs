//! An issuer of OIDC tokens.

// Each test program uses a part of this.
#![allow(dead_code)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData, RsaKeySize, SigningKey};
use serde_json::{Value, json};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// An issuer with one RSA key.
pub(crate) struct Issuer {
    key: KeyPair,
    id: String,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        Self::with_id("1")
    }

    /// One whose key has this id.
    pub(crate) fn with_id(id: &str) -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        Self { key, id: id.to_owned() }
    }

    fn jwk(&self) -> Value {
        let der = self.key.subject_public_key_info();
        let (_, info) = SubjectPublicKeyInfo::from_der(&der).unwrap();
        let Ok(PublicKey::RSA(key)) = info.parsed() else { panic!("no RSA key") };
        let [n, e] = [key.modulus, key.exponent].map(|number| URL_SAFE_NO_PAD.encode(number));
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "n": n, "e": e})
    }

    /// Its key set, as it would publish it.
    pub(crate) fn jwks(&self) -> String {
        jwks_of(&[self])
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        let [header, payload] = [json!({"alg": "RS256", "kid": self.id}), claims.clone()]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signature = self.key.sign(format!("{header}.{payload}").as_bytes()).unwrap();
        format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The key set of several issuers, as while keys are changed.
pub(crate) fn jwks_of(issuers: &[&Issuer]) -> String {
    json!({"keys": issuers.iter().map(|issuer| issuer.jwk()).collect::<Vec<_>>()}).to_string()
}
