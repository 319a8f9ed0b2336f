//! Making the authority and the leaf.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};

use super::Subject;

/// How long a self-made certificate lives: as the public server's. Clients pin it, and they are not restarted for it.
const VALID_YEARS: i32 = 100;

pub(super) struct Made {
    pub(super) chain_pem: String,
    pub(super) key_pem: String,
}

pub(super) fn make(subject: &Subject<'_>, now: Timestamp) -> Result<Made, rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut authority = params(subject.common_name, now)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_pem = authority.self_signed(&key)?.pem();

    // Another name than the authority's: verifiers take a certificate whose subject is its issuer for a root.
    let mut leaf = params(&format!("{} server", subject.common_name), now)?;
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    leaf.subject_alt_names = names(subject)?;
    let leaf_pem = leaf.signed_by(&key, &Issuer::from_params(&authority, &key))?.pem();

    Ok(Made { chain_pem: format!("{leaf_pem}{authority_pem}"), key_pem: key.serialize_pem() })
}

pub(super) struct MadeClient {
    pub(super) authority_pem: String,
    pub(super) certificate_pem: String,
    pub(super) key_pem: String,
}

/// A client's certificate, and an authority whose key nobody keeps: it signs this one certificate, and never another.
pub(super) fn make_client(common_name: &str, now: Timestamp) -> Result<MadeClient, rcgen::Error> {
    let authority_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut authority = params(&format!("{common_name} client authority"), now)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_pem = authority.self_signed(&authority_key)?.pem();

    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut client = params(&format!("{common_name} client"), now)?;
    client.is_ca = IsCa::ExplicitNoCa;
    client.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    client.use_authority_key_identifier_extension = true;
    let certificate_pem = client.signed_by(&key, &Issuer::from_params(&authority, &authority_key))?.pem();
    Ok(MadeClient { authority_pem, certificate_pem, key_pem: key.serialize_pem() })
}

fn params(common_name: &str, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    // From the day before: clocks of API servers differ. The 28th exists in every month a hundred years on.
    let start = now.to_zoned(TimeZone::UTC).date();
    let start = start.yesterday().unwrap_or(start);
    let (year, month, day) =
        (i32::from(start.year()), start.month().unsigned_abs(), start.day().unsigned_abs());
    params.not_before = rcgen::date_time_ymd(year, month, day);
    params.serial_number = Some(serial_number()?);
    params.not_after = rcgen::date_time_ymd(year.saturating_add(VALID_YEARS).min(9999), month, day.min(28));
    Ok(params)
}

/// Valid from `from` until `to`, by the second.
pub(super) fn set_validity(
    params: &mut CertificateParams,
    from: Timestamp,
    to: Timestamp,
) -> Result<(), rcgen::Error> {
    let time = |time: Timestamp| {
        let since_1970 = Duration::try_from(time.as_duration()).unwrap_or_default();
        let since_1970 = since_1970.try_into().map_err(|_| rcgen::Error::Time)?;
        rcgen::date_time_ymd(1970, 1, 1).checked_add(since_1970).ok_or(rcgen::Error::Time)
    };
    params.not_before = time(from)?;
    params.not_after = time(to)?;
    Ok(())
}

/// 127 random bits: RFC 5280, section 4.1.2.2. Left to itself, the library takes a hash of the key, and leaf and
/// authority, having one key, would have one number.
pub(super) fn serial_number() -> Result<SerialNumber, rcgen::Error> {
    let mut bytes = [0; 16];
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| rcgen::Error::RingUnspecified)?;
    if let Some(first) = bytes.first_mut() {
        *first &= 0x7f;
    }
    Ok(SerialNumber::from_slice(&bytes))
}

pub(super) fn names(subject: &Subject<'_>) -> Result<Vec<SanType>, rcgen::Error> {
    let mut names = Vec::new();
    if !subject.address.is_unspecified() {
        names.push(SanType::IpAddress(subject.address));
    }
    let hostname = match subject.hostname.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(subject.hostname.try_into()?),
    };
    if !names.contains(&hostname) {
        names.push(hostname);
    }
    Ok(names)
}
