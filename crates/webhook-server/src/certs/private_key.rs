//! A private key that nobody prints.

use std::fmt;

use rcgen::KeyPair;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

/// A private key as PEM text (RFC 7468). Its memory is overwritten on drop, and [`fmt::Debug`] prints a fixed text.
#[derive(Clone)]
pub struct PrivateKey(Zeroizing<Vec<u8>>);

impl PrivateKey {
    /// Takes the text over, whatever it is: what reads it says whether it is a key.
    pub fn new(pem: Vec<u8>) -> PrivateKey {
        PrivateKey(Zeroizing::new(pem))
    }

    pub(super) fn of(pair: &KeyPair) -> PrivateKey {
        PrivateKey::new(pair.serialize_pem().into_bytes())
    }

    /// The text itself.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// None where it is no key. Why is not said: it could quote the text.
    pub(super) fn der(&self) -> Option<PrivateKeyDer<'static>> {
        PrivateKeyDer::from_pem_slice(&self.0).ok()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(redacted)")
    }
}
