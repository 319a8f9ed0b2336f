//! An authority of one's own, held in memory, and the server certificates that it issues. Keys are ECDSA P-256.
//!
//! Unlike the pair in a folder, whose one key is the authority's and the server's, here each has its own: an authority
//! that can be succeeded by another one needs a name and a key for each generation.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::CertifiedKey;

use super::pair::{self, Facts, facts};
use super::{PrivateKey, make};
use crate::tls;

/// Clocks differ: certificates count from this long before they are made, or from their lifetime if that is shorter.
const BACKDATED: SignedDuration = SignedDuration::from_hours(24);
/// More certificates than any chain has.
const CHAIN_LIMIT: usize = 16;

/// Why a certificate and its key are of no use. Nothing of a key is said.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// No certificate, or a broken one.
    #[error("the certificate cannot be read: {0}")]
    NotACertificate(String),
    /// No key, or one of an unknown kind.
    #[error("the key is no PEM text of a private key (PKCS #8, PKCS #1 or SEC1)")]
    NotAKey,
    /// They do not fit each other.
    #[error(transparent)]
    Unusable(#[from] tls::TlsError),
    /// A certificate that must not sign others.
    #[error("the certificate is not one of an authority (RFC 5280, section 4.2.1.9)")]
    NotAnAuthority,
    /// The authority's time is over, or has not come.
    #[error("the authority counts from {from} to {to}, and not now")]
    OutOfTime {
        /// Its notBefore.
        from: Timestamp,
        /// Its notAfter.
        to: Timestamp,
    },
    /// A name that cannot stand in a certificate, or a fault of the library.
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// An authority's certificate and key, which fit each other.
#[derive(Clone, Debug)]
pub struct Authority {
    certificate: CertificateDer<'static>,
    key: PrivateKey,
    facts: Facts,
}

impl Authority {
    /// A new key, and a self-signed certificate that counts from up to a day before `now` until `lifetime` after it.
    ///
    /// # Errors
    /// [`AuthorityError::Make`].
    pub fn make(common_name: &str, lifetime: Duration, now: Timestamp) -> Result<Authority, AuthorityError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let (not_before, not_after) = times(lifetime, now, None);
        let mut params = params(common_name, not_before, not_after)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&pair)?.der().clone();
        let facts = facts(&certificate).map_err(AuthorityError::NotACertificate)?;
        Ok(Authority { certificate, key: PrivateKey::of(&pair), facts })
    }

    /// Reads what [`Authority::certificate_pem`] and [`Authority::key`] gave.
    ///
    /// # Errors
    /// [`AuthorityError`]; being out of its time is none.
    pub fn parse(certificate_pem: &[u8], key: &PrivateKey) -> Result<Authority, AuthorityError> {
        let certificate = chain(certificate_pem)?.swap_remove(0);
        let facts = facts(&certificate).map_err(AuthorityError::NotACertificate)?;
        tls::certified_key(vec![certificate.clone()], key.der().ok_or(AuthorityError::NotAKey)?)?;
        if !facts.may_sign || facts.subject != facts.issuer {
            return Err(AuthorityError::NotAnAuthority);
        }
        Ok(Authority { certificate, key: key.clone(), facts })
    }

    /// A certificate for a server with a new key, for these DNS names and IP addresses. It ends `lifetime` after `now`, or
    /// with the authority.
    ///
    /// # Errors
    /// [`AuthorityError::OutOfTime`], [`AuthorityError::Make`].
    pub fn issue(
        &self,
        common_name: &str,
        names: &[String],
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<ServerCertificate, AuthorityError> {
        if !self.is_current(now) {
            return Err(AuthorityError::OutOfTime { from: self.not_before(), to: self.not_after() });
        }
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let (not_before, not_after) = times(lifetime, now, Some(self.not_after()));
        let mut leaf = params(common_name, not_before, not_after)?;
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        leaf.subject_alt_names = names.iter().map(|name| san(name)).collect::<Result<_, _>>()?;
        let text = std::str::from_utf8(self.key.expose()).map_err(|_| AuthorityError::NotAKey)?;
        let signer = KeyPair::from_pem(text)?;
        let issuer = Issuer::from_ca_cert_der(&self.certificate, &signer)?;
        let leaf = leaf.signed_by(&pair, &issuer)?.der().clone();
        ServerCertificate::new(vec![leaf], PrivateKey::of(&pair))
    }

    /// The certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The certificate as PEM.
    pub fn certificate_pem(&self) -> String {
        pair::pem(&self.certificate)
    }

    /// The key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// When it begins to count.
    pub fn not_before(&self) -> Timestamp {
        self.facts.not_before
    }

    /// When it ends.
    pub fn not_after(&self) -> Timestamp {
        self.facts.not_after
    }

    /// Whether it counts at `now`.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.not_before() <= now && now < self.not_after()
    }

    /// The moment at which `part` (of `of` parts) of its time is over, counted from when it was made.
    pub fn elapsed(&self, part: i64, of: i64) -> Timestamp {
        elapsed(self.not_before(), self.not_after(), part, of)
    }
}

/// A server's chain (leaf first) and key, which fit each other.
#[derive(Clone, Debug)]
pub struct ServerCertificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKey,
    facts: Facts,
}

impl ServerCertificate {
    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKey,
    ) -> Result<ServerCertificate, AuthorityError> {
        let leaf =
            chain.first().ok_or_else(|| AuthorityError::NotACertificate("there is none".to_owned()))?;
        let facts = facts(leaf).map_err(AuthorityError::NotACertificate)?;
        let made = ServerCertificate { chain, key, facts };
        made.certified_key()?;
        Ok(made)
    }

    /// Reads what [`ServerCertificate::chain_pem`] and [`ServerCertificate::key`] gave.
    ///
    /// # Errors
    /// [`AuthorityError`]; being out of its time is none.
    pub fn parse(chain_pem: &[u8], key: PrivateKey) -> Result<ServerCertificate, AuthorityError> {
        ServerCertificate::new(chain(chain_pem)?, key)
    }

    /// For the listener.
    ///
    /// # Errors
    /// None that reading or making it has not met already.
    pub fn certified_key(&self) -> Result<CertifiedKey, AuthorityError> {
        Ok(tls::certified_key(self.chain.clone(), self.key.der().ok_or(AuthorityError::NotAKey)?)?)
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The chain as PEM.
    pub fn chain_pem(&self) -> String {
        self.chain.iter().map(|certificate| pair::pem(certificate)).collect()
    }

    /// The key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// When the leaf ends.
    pub fn not_after(&self) -> Timestamp {
        self.facts.not_after
    }

    /// Whether the leaf is for this DNS name or IP address.
    pub fn covers(&self, name: &str) -> bool {
        self.facts.covers(name)
    }

    /// Whether the leaf should have a successor: two thirds of its time are over, or it was made when the clock was ahead.
    pub fn is_due(&self, now: Timestamp) -> bool {
        now < self.facts.not_before || now >= elapsed(self.facts.not_before, self.facts.not_after, 2, 3)
    }
}

impl PartialEq for ServerCertificate {
    /// The same chain: the key follows from it.
    fn eq(&self, other: &ServerCertificate) -> bool {
        self.chain == other.chain
    }
}

fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
    let failed = |reason: &str| AuthorityError::NotACertificate(reason.to_owned());
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .take(CHAIN_LIMIT)
        .collect::<Result<_, _>>()
        .map_err(|error| failed(&error.to_string()))?;
    if chain.is_empty() { Err(failed("there is no certificate in it")) } else { Ok(chain) }
}

fn san(name: &str) -> Result<SanType, rcgen::Error> {
    Ok(match name.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(name.try_into()?),
    })
}

fn params(common_name: &str, from: Timestamp, to: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(make::serial_number()?);
    make::set_validity(&mut params, from, to)?;
    Ok(params)
}

/// From when until when.
fn times(lifetime: Duration, now: Timestamp, end: Option<Timestamp>) -> (Timestamp, Timestamp) {
    let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
    let wished = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
    let not_after = wished.min(end.unwrap_or(Timestamp::MAX));
    let back = BACKDATED.min(not_after.duration_since(now));
    (now.checked_sub(back).unwrap_or(now), not_after)
}

/// Undoes [`times`]: where more than twice the backdating lies between both, it was made that long after its beginning,
/// else in the middle.
fn elapsed(not_before: Timestamp, not_after: Timestamp, part: i64, of: i64) -> Timestamp {
    let whole = not_after.duration_since(not_before).as_secs();
    let back = BACKDATED.as_secs().min(whole.checked_div(2).unwrap_or_default());
    let left = whole.saturating_sub(back);
    let after = left.saturating_mul(part).checked_div(of).unwrap_or(left).saturating_add(back);
    not_before.checked_add(SignedDuration::from_secs(after)).unwrap_or(not_after)
}
