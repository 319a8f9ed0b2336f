//! The authority that signs the client certificates in kubeconfigs.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData,
};
use signature::Secret;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::errors;
use crate::error::ApiError;

/// The group that ACK puts into the certificates of its users.
const ORGANIZATION: &str = "system:users";
/// A certificate is good from this long before it was made, for clocks that are behind.
const BACKDATED: SignedDuration = SignedDuration::from_mins(5);

/// A CA certificate and its key.
pub(crate) struct ClientAuthority(Issuer<'static, KeyPair>);

/// A client certificate and its key, both in PEM.
pub(crate) struct ClientCertificate {
    pub(crate) certificate: String,
    pub(crate) key: Secret,
}

impl ClientAuthority {
    /// # Errors
    /// When the texts do not parse, do not belong together, or are not those of a CA. The text says what is wrong.
    pub(crate) fn from_pem(certificate: &str, key: &Secret) -> Result<Self, String> {
        let key = KeyPair::from_pem(key.expose())
            .map_err(|_| "the key is not a private key in PEM that can sign".to_owned())?;
        let (_, pem) = x509_parser::pem::parse_x509_pem(certificate.as_bytes())
            .map_err(|_| "the certificate is not in PEM".to_owned())?;
        let (_, parsed) = X509Certificate::from_der(&pem.contents)
            .map_err(|_| "the certificate cannot be read".to_owned())?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err("the key is not that of the certificate".to_owned());
        }
        if !parsed.is_ca() {
            return Err("the certificate is not that of a CA".to_owned());
        }
        Issuer::from_ca_cert_pem(certificate, key)
            .map(Self)
            .map_err(|error| format!("the certificate cannot sign: {error}"))
    }

    /// Makes a certificate for Kubernetes' user `common_name` with a new key, good until `expiration` to the second.
    ///
    /// # Errors
    /// `InternalError` when it cannot be made.
    pub(crate) fn issue(
        &self,
        common_name: &str,
        now: Timestamp,
        expiration: Timestamp,
    ) -> Result<ClientCertificate, ApiError> {
        self.try_issue(common_name, now, expiration).ok_or_else(errors::internal)
    }

    fn try_issue(
        &self,
        common_name: &str,
        now: Timestamp,
        expiration: Timestamp,
    ) -> Option<ClientCertificate> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, ORGANIZATION);
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let second = |time: Timestamp| {
            let since_1970 = Duration::from_secs(u64::try_from(time.as_second()).ok()?);
            rcgen::date_time_ymd(1970, 1, 1).checked_add(since_1970.try_into().ok()?)
        };
        params.not_before = second(now.checked_sub(BACKDATED).ok()?)?;
        params.not_after = second(expiration)?;
        let key = KeyPair::generate().ok()?;
        let certificate = params.signed_by(&key, &self.0).ok()?;
        Some(ClientCertificate { certificate: certificate.pem(), key: Secret::new(key.serialize_pem()) })
    }
}

impl fmt::Debug for ClientAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAuthority").finish_non_exhaustive()
    }
}

/// Whether the text begins with a certificate in PEM.
pub(crate) fn holds_a_certificate(pem: &str) -> bool {
    x509_parser::pem::parse_x509_pem(pem.as_bytes())
        .is_ok_and(|(_, pem)| X509Certificate::from_der(&pem.contents).is_ok())
}
