//! A client certificate and its key.

use jiff::Timestamp;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use signature::{Secret, format_timestamp};

/// A chain of certificates and the key of its first one, checked to belong together and to be good now.
#[derive(Clone, Debug)]
pub(crate) struct ClientCertificate {
    certificate: String,
    key: Secret,
    end: Timestamp,
}

impl ClientCertificate {
    /// Reads certificate and key, both in PEM.
    ///
    /// # Errors
    /// What is wrong with them, as the rest of a sentence, and nothing of the key.
    pub(crate) fn read(certificate: &[u8], key: &[u8], now: Timestamp) -> Result<Self, String> {
        let chain = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| "is no PEM certificate")?;
        let leaf = chain.first().ok_or("is no PEM certificate")?;
        let (start, end) = validity(leaf)?;
        let private = PrivateKeyDer::from_pem_slice(key).map_err(|_| "has no PEM private key")?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        rustls::sign::CertifiedKey::from_der(chain, private, &provider)
            .map_err(|_| "does not belong to the private key beside it")?;
        if now < start {
            return Err(format!(
                "is not valid before {}, and this machine's clock says {}: set the clock",
                format_timestamp(start),
                format_timestamp(now)
            ));
        }
        if end <= now {
            return Err(format!(
                "ended at {}, and this machine's clock says {}: check the clock",
                format_timestamp(end),
                format_timestamp(now)
            ));
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| "is no text");
        Ok(Self { certificate: text(certificate)?, key: Secret::new(text(key)?), end })
    }

    /// The same, to be used until `end` where that is sooner.
    pub(crate) fn ending(mut self, end: Timestamp) -> Self {
        self.end = self.end.min(end);
        self
    }

    pub(crate) fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    pub(crate) fn key_pem(&self) -> &Secret {
        &self.key
    }

    pub(crate) fn end(&self) -> Timestamp {
        self.end
    }
}

/// `notBefore` and `notAfter` (RFC 5280, section 4.1.2.5).
fn validity(certificate: &[u8]) -> Result<(Timestamp, Timestamp), &'static str> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| "cannot be read")?;
    let time = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp());
    let validity = parsed.validity();
    match (time(validity.not_before), time(validity.not_after)) {
        (Ok(start), Ok(end)) => Ok((start, end)),
        _ => Err("has no readable times"),
    }
}
