//! Leaves that live in memory only, made under the key and the authority that are on disk.
//!
//! Clients pin the authority, and go on trusting it; the files stay as they are, so that they may be read-only, be
//! shared by two processes, and go back to a program that knows nothing of this.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::{Pair, Subject, make};

/// Clocks of API servers differ: a leaf counts from this long before it is made.
const BACKDATED: SignedDuration = SignedDuration::from_hours(24);

/// Why there is no new leaf.
#[derive(Debug, thiserror::Error)]
pub enum LeafError {
    /// Nothing that the authority signs is good any more.
    #[error(
        "the authority in {file} ended at {at}: remove it and its key, run init, and give every API server the new kubeconfig"
    )]
    AuthorityEnded {
        /// The certificate's file.
        file: String,
        /// Its notAfter.
        at: Timestamp,
    },
    /// The key is of a kind that cannot sign, or a name cannot stand in a certificate.
    #[error("a certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
    /// A client that trusts the authority would not trust it.
    #[error("the certificate made does not verify against the authority: {0}")]
    Unverified(String),
}

/// A chain to serve, and its times.
pub(super) struct Leaf {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// When to make the next one; none where that would not end any later.
    pub(super) renew_at: Option<Timestamp>,
}

impl Leaf {
    /// Too old, or made when the clock was ahead of today's.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        now < self.not_before || self.renew_at.is_some_and(|at| now >= at)
    }
}

/// Makes a leaf for the names of `subject` and for those of the certificate on disk.
pub(super) fn issue(
    pair: &Pair,
    subject: &Subject<'_>,
    lifetime: Duration,
    now: Timestamp,
) -> Result<Leaf, LeafError> {
    let anchor_end = pair.anchor_not_after();
    if now >= anchor_end {
        let file = pair.files().certificate.display().to_string();
        return Err(LeafError::AuthorityEnded { file, at: anchor_end });
    }
    let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
    let wished = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
    let not_after = wished.min(anchor_end);
    let not_before = now.checked_sub(BACKDATED).unwrap_or(now);
    let left = not_after.duration_since(now);
    let due = left.checked_mul(2).and_then(|twice| twice.checked_div(3)).unwrap_or(left);
    let renew_at = now.checked_add(due).ok().filter(|_| not_after < anchor_end);

    let key = KeyPair::try_from(pair.key())?;
    let issuer = Issuer::from_ca_cert_der(pair.anchor(), &key)?;
    let leaf = params(pair, subject, not_before, not_after)?.signed_by(&key, &issuer)?.der().clone();
    verify(&leaf, pair.anchor(), subject.hostname, now)?;
    Ok(Leaf { chain: vec![leaf, pair.anchor().clone()], not_before, not_after, renew_at })
}

fn params(
    pair: &Pair,
    subject: &Subject<'_>,
    not_before: Timestamp,
    not_after: Timestamp,
) -> Result<CertificateParams, rcgen::Error> {
    let mut leaf = CertificateParams::default();
    leaf.distinguished_name = DistinguishedName::new();
    leaf.distinguished_name.push(DnType::CommonName, format!("{} server", subject.common_name));
    leaf.serial_number = Some(make::serial_number()?);
    make::set_validity(&mut leaf, not_before, not_after)?;
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    leaf.subject_alt_names = make::names(subject)?;
    // What clients called this server until now goes on being its name.
    let (dns_names, addresses) = pair.names();
    let dns_names = dns_names.iter().map(|name| name.as_str().try_into().map(SanType::DnsName));
    for name in dns_names.chain(addresses.iter().map(|address| Ok(SanType::IpAddress(*address)))) {
        let name = name?;
        if !leaf.subject_alt_names.contains(&name) {
            leaf.subject_alt_names.push(name);
        }
    }
    Ok(leaf)
}

/// Held against the authority as a client does it, before any client sees it.
fn verify(
    leaf: &CertificateDer<'_>,
    anchor: &CertificateDer<'static>,
    hostname: &str,
    now: Timestamp,
) -> Result<(), LeafError> {
    let failed = |error: &dyn std::fmt::Display| LeafError::Unverified(error.to_string());
    let mut roots = RootCertStore::empty();
    roots.add(anchor.clone()).map_err(|error| failed(&error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| failed(&error))?;
    let name = ServerName::try_from(hostname).map_err(|error| failed(&error))?;
    let now = UnixTime::since_unix_epoch(Duration::try_from(now.as_duration()).unwrap_or_default());
    verifier.verify_server_cert(leaf, &[], &name, &[], now).map(|_| ()).map_err(|error| failed(&error))
}
