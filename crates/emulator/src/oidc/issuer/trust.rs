//! Which certificate authorities issuers' servers are believed by.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Certificate authorities, and TLS that trusts them.
#[derive(Clone)]
pub(crate) struct Trust {
    roots: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    pub(super) config: Arc<ClientConfig>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("roots", &self.roots.len()).finish_non_exhaustive()
    }
}

impl Trust {
    /// The certificates of a PEM text, and no others.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn from_pem(pem: &str) -> Result<Self, String> {
        let roots = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("holds a damaged certificate: {error}"))?;
        if roots.is_empty() {
            return Err("holds no certificate in PEM".to_owned());
        }
        let mut store = RootCertStore::empty();
        for root in &roots {
            store.add(root.clone()).map_err(|error| format!("holds a damaged certificate: {error}"))?;
        }
        Self::new(roots, store)
    }

    /// The system's authorities. `SSL_CERT_FILE` and `SSL_CERT_DIR` replace them.
    ///
    /// # Errors
    /// When there are none.
    pub(super) fn system() -> Result<Self, String> {
        let mut store = RootCertStore::empty();
        let roots = rustls_native_certs::load_native_certs().certs;
        let (taken, _) = store.add_parsable_certificates(roots.iter().cloned());
        if taken == 0 {
            return Err("this system has no certificate authorities that can be read".to_owned());
        }
        Self::new(roots, store)
    }

    fn new(roots: Vec<CertificateDer<'static>>, store: RootCertStore) -> Result<Self, String> {
        let provider = Arc::new(default_provider());
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(store)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Every connection shows its certificates.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self { roots, provider, config: Arc::new(config) })
    }

    /// Whether the server's certificate, the first of the chain, was issued under a CA with one of these fingerprints. That a
    /// server also shows such a CA's certificate proves nothing: the signatures have to lead there.
    pub(super) fn leads_to(
        &self,
        fingerprints: &[String],
        chain: &[CertificateDer<'_>],
        server: &ServerName<'_>,
    ) -> bool {
        let Some((leaf, intermediates)) = chain.split_first() else { return false };
        let own: Vec<CertificateDer<'_>> =
            self.roots.iter().map(|root| CertificateDer::from(root.as_ref())).collect();
        intermediates.iter().chain(&own).any(|authority| {
            has_fingerprint(authority, fingerprints)
                && is_authority(authority)
                && self.was_issued_under(authority, leaf, intermediates, server)
        })
    }

    fn was_issued_under(
        &self,
        authority: &CertificateDer<'_>,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server: &ServerName<'_>,
    ) -> bool {
        let mut store = RootCertStore::empty();
        if store.add(authority.clone().into_owned()).is_err() {
            return false;
        }
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&self.provider)).build();
        verifier.is_ok_and(|verifier| {
            verifier.verify_server_cert(leaf, intermediates, server, &[], UnixTime::now()).is_ok()
        })
    }
}

fn has_fingerprint(certificate: &CertificateDer<'_>, fingerprints: &[String]) -> bool {
    let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate.as_ref());
    let hex: String = sha1.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    fingerprints.iter().any(|fingerprint| fingerprint.eq_ignore_ascii_case(&hex))
}

fn is_authority(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, parsed)| parsed.is_ca())
}
