//! The TLS side of the listener: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, a certificate that can be
//! exchanged while connections are open.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Why a certificate and key cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The key is not the one in the certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// Of a kind that the TLS library does not know, or not well-formed.
    #[error("the certificate or its key cannot be used for TLS: {0}")]
    Unusable(rustls::Error),
}

/// Joins a chain (leaf first) with its key.
///
/// # Errors
/// [`TlsError`]: the key is of an unknown kind, or does not belong to the leaf.
pub fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, TlsError> {
    let key = aws_lc_rs::sign::any_supported_type(&key).map_err(TlsError::Unusable)?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::KeyMismatch),
        Err(error) => Err(TlsError::Unusable(error)),
    }
}

/// Holds the certificate that new handshakes get. Replacing it touches neither open connections nor any other
/// TLS setting.
#[derive(Debug)]
pub struct CertificateResolver(ArcSwap<CertifiedKey>);

impl CertificateResolver {
    /// Starts with `certificate`.
    pub fn new(certificate: CertifiedKey) -> Arc<CertificateResolver> {
        Arc::new(CertificateResolver(ArcSwap::from_pointee(certificate)))
    }

    /// From the next handshake on, serves `certificate`.
    pub fn replace(&self, certificate: CertifiedKey) {
        self.0.store(Arc::new(certificate));
    }
}

impl ResolvesServerCert for CertificateResolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Settings for the listener: no client certificates, protocols and cipher suites as rustls has them.
///
/// # Errors
/// [`TlsError::Unusable`] where the crypto provider lacks a protocol version (it does not).
pub fn server_config(resolver: Arc<CertificateResolver>) -> Result<Arc<ServerConfig>, TlsError> {
    // Named, not the process's default: a second provider anywhere in the build must not change what is served.
    let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
