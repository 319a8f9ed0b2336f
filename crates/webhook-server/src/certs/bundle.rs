//! Certificates that a client trusts, as in a `caBundle`, and what such a client would say of a server.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;

use super::pair::{self, facts};

/// No bundle that anybody needs has more.
const LIMIT: usize = 256;

/// Trusted certificates, each once, in the order in which they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle(Vec<CertificateDer<'static>>);

impl Bundle {
    /// Reads PEM text (RFC 7468); text without any certificate is an empty bundle.
    ///
    /// # Errors
    /// Why it cannot be read, on one line: broken PEM or DER, or more than 256 certificates.
    pub fn parse(pem: &[u8]) -> Result<Bundle, String> {
        let mut bundle = Bundle::default();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            facts(&certificate)?;
            bundle.add(&certificate);
            if bundle.0.len() > LIMIT {
                return Err(format!("it has more than {LIMIT} certificates"));
            }
        }
        Ok(bundle)
    }

    /// As PEM, in its order.
    pub fn pem(&self) -> String {
        self.0.iter().map(|certificate| pair::pem(certificate)).collect()
    }

    /// Adds one at the end, where it is not there yet.
    pub fn add(&mut self, certificate: &CertificateDer<'static>) {
        if !self.contains(certificate) {
            self.0.push(certificate.clone());
        }
    }

    /// Whether it is there, to the byte.
    pub fn contains(&self, certificate: &CertificateDer<'_>) -> bool {
        self.0.iter().any(|one| one.as_ref() == certificate.as_ref())
    }

    /// The certificates.
    pub fn iter(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both hold the same certificates, in any order.
    pub fn is_same_set(&self, other: &Bundle) -> bool {
        self.0.len() == other.0.len() && self.0.iter().all(|certificate| other.contains(certificate))
    }

    /// The same without what is not accepted.
    #[must_use]
    pub fn filtered(&self, mut accept: impl FnMut(&CertificateDer<'static>) -> bool) -> Bundle {
        Bundle(self.0.iter().filter(|certificate| accept(certificate)).cloned().collect())
    }

    /// Whether a client that trusts this bundle, and nothing else, accepts `chain` (leaf first) from a server that it
    /// calls `name` (a DNS name or an IP address) at `now`. As Go's `crypto/x509` does, it refuses an authority that is
    /// out of its time, and accepts a server's own certificate that is itself in the bundle.
    ///
    /// # Errors
    /// What the client would say, on one line.
    pub fn verify(&self, chain: &[CertificateDer<'_>], name: &str, now: Timestamp) -> Result<(), String> {
        let Some((leaf, between)) = chain.split_first() else {
            return Err("there is no certificate".to_owned());
        };
        let server = ServerName::try_from(name).map_err(|_| format!("{name:?} is no host name"))?;
        if self.contains(leaf) {
            let is_current = is_current(leaf, now);
            let parsed = ParsedCertificate::try_from(leaf).map_err(|error| error.to_string())?;
            verify_server_name(&parsed, &server).map_err(|error| error.to_string())?;
            return if is_current { Ok(()) } else { Err("it is out of its time".to_owned()) };
        }
        let mut roots = RootCertStore::empty();
        for certificate in self.0.iter().filter(|certificate| is_current(certificate, now)) {
            // What cannot be an authority signs nothing; the others count.
            let _ = roots.add(certificate.clone());
        }
        if roots.is_empty() {
            return Err("no certificate of an authority that is within its time".to_owned());
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| error.to_string())?;
        let now = UnixTime::since_unix_epoch(Duration::try_from(now.as_duration()).unwrap_or_default());
        verifier
            .verify_server_cert(leaf, between, &server, &[], now)
            .map(|_| ())
            .map_err(|error| error.to_string())
    }
}

fn is_current(certificate: &CertificateDer<'_>, now: Timestamp) -> bool {
    facts(certificate).is_ok_and(|facts| facts.not_before <= now && now <= facts.not_after)
}
