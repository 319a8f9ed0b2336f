//! RSA key pairs of users: the public half, and the check of what was signed with the private one.

use std::fmt;

use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo};
use x509_parser::public_key::PublicKey;

use crate::principal::UserIdentity;

/// The public half of a user's RSA key pair.
#[derive(Clone)]
pub(crate) struct KeyPair {
    pub(crate) id: String,
    /// `RSAPublicKey` in DER (RFC 8017, A.1.1).
    public_key: Vec<u8>,
}

/// A key pair, and the user whose it is.
#[derive(Clone, Debug)]
pub(crate) struct KeyPairOwner {
    pub(crate) key_pair: KeyPair,
    pub(crate) user: UserIdentity,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("id", &self.id).finish_non_exhaustive()
    }
}

impl KeyPair {
    /// A key pair out of its public key in PEM (`BEGIN PUBLIC KEY`).
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn from_pem(id: &str, pem: &str) -> Result<Self, &'static str> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| "is not a public key in PEM (-----BEGIN PUBLIC KEY-----)")?;
        let (_, info) =
            SubjectPublicKeyInfo::from_der(&der).map_err(|_| "is not a public key of X.509's form")?;
        match info.parsed() {
            Ok(PublicKey::RSA(key)) if (2048..=8192).contains(&key.key_size()) => {}
            Ok(PublicKey::RSA(_)) => return Err("has less than 2048 or more than 8192 bits"),
            _ => return Err("is not an RSA key"),
        }
        Ok(Self { id: id.to_owned(), public_key: info.subject_public_key.data.to_vec() })
    }

    /// Whether `signature` (RSASSA-PKCS1-v1_5 with SHA-256) is this pair's over `message`.
    pub(crate) fn verify(&self, message: &str, signature: &[u8]) -> bool {
        let provider = default_provider();
        let algorithms = provider
            .signature_verification_algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256)
            .map_or(&[][..], |(_, algorithms)| algorithms);
        algorithms.iter().any(|algorithm| {
            algorithm.verify_signature(&self.public_key, message.as_bytes(), signature).is_ok()
        })
    }
}
