//! The certificate authority itself.

use std::net::Ipv6Addr;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::time::ASN1Time;

use super::{PkiError, SIGN_IN_DOMAIN, distinguished_name};

/// How long a CA is good for.
const CA_DAYS: i64 = 3650;

/// What a new CA can vouch for, beside loopback addresses: nothing that the emulator does not play.
const DOMAINS: [&str; 5] =
    ["localhost", "aliyuncs.com", "oauth.aliyun.com", "oauth.alibabacloud.com", SIGN_IN_DOMAIN];

/// A CA certificate with its key.
pub(crate) struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
    /// The DNS names that it can vouch for, with all names below them.
    domains: Vec<String>,
}

impl Authority {
    /// Makes a CA that is good from yesterday on.
    pub(crate) fn generate(now: Timestamp) -> Result<Self, PkiError> {
        let failed = |source| PkiError::Generate { what: "CA", source };
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        // The time makes two CAs distinguishable in a trust store.
        params.distinguished_name =
            distinguished_name(&format!("ram-emulator CA {}", signature::format_timestamp(now)));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.name_constraints = Some(name_constraints());
        set_validity(&mut params, now, CA_DAYS)?;
        let certificate_pem = params.self_signed(&key).map_err(failed)?.pem();
        Ok(Self {
            certificate_pem,
            issuer: Issuer::new(params, key),
            domains: DOMAINS.map(str::to_owned).to_vec(),
        })
    }

    /// Takes a CA from the text of its two files.
    ///
    /// # Errors
    /// When they do not parse, do not belong together, or are not a CA such as [`Authority::generate`] makes. The text
    /// says what is wrong.
    pub(crate) fn from_pem(certificate_pem: &str, key_pem: &str, now: Timestamp) -> Result<Self, String> {
        let key = KeyPair::from_pem(key_pem).map_err(|_| "ca-key.pem holds no private key".to_owned())?;
        let (_, pem) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes())
            .map_err(|_| "ca.pem holds no certificate".to_owned())?;
        let (_, certificate) =
            X509Certificate::from_der(&pem.contents).map_err(|_| "ca.pem holds no certificate".to_owned())?;
        check(&certificate, &key, now)?;
        let domains = permitted_domains(&certificate);
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, key)
            .map_err(|error| format!("ca.pem cannot sign: {error}"))?;
        Ok(Self { certificate_pem: certificate_pem.to_owned(), issuer, domains })
    }

    /// Whether its name constraints let it vouch for this DNS name, which may begin with `*.`. One name that they do
    /// not allow spoils a whole certificate.
    pub(crate) fn vouches_for(&self, name: &str) -> bool {
        let name = name.strip_prefix("*.").unwrap_or(name);
        self.domains.iter().any(|domain| {
            name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    pub(crate) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    pub(crate) fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    pub(super) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }
}

fn name_constraints() -> NameConstraints {
    let mut permitted_subtrees = vec![
        GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
        GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(Ipv6Addr::LOCALHOST.octets(), 128)),
    ];
    permitted_subtrees.extend(DOMAINS.map(|domain| GeneralSubtree::DnsName(domain.to_owned())));
    NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() }
}

/// The DNS names in a certificate's name constraints.
fn permitted_domains(certificate: &X509Certificate<'_>) -> Vec<String> {
    let constraints = certificate.name_constraints().ok().flatten();
    let subtrees = constraints.and_then(|found| found.value.permitted_subtrees.as_deref());
    subtrees
        .unwrap_or_default()
        .iter()
        .filter_map(|subtree| match &subtree.base {
            GeneralName::DNSName(name) => Some(name.trim_start_matches('.').to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

fn check(certificate: &X509Certificate<'_>, key: &KeyPair, now: Timestamp) -> Result<(), String> {
    if certificate.public_key().raw != key.subject_public_key_info() {
        return Err("ca-key.pem is not the key of ca.pem".to_owned());
    }
    if !certificate.is_ca() {
        return Err("ca.pem is not the certificate of a CA".to_owned());
    }
    let constrained = certificate
        .name_constraints()
        .ok()
        .flatten()
        .is_some_and(|found| found.critical && found.value.permitted_subtrees.is_some());
    if !constrained {
        return Err("ca.pem has no name constraints, so trusting it would endanger other sites".to_owned());
    }
    let now = ASN1Time::from_timestamp(now.as_second())
        .map_err(|_| "the system clock is out of range".to_owned())?;
    if !certificate.validity().is_valid_at(now) {
        return Err(format!(
            "ca.pem is good from {} to {} only",
            certificate.validity().not_before,
            certificate.validity().not_after
        ));
    }
    Ok(())
}

/// Makes a certificate good from the day before `now`, so that a clock that is a little behind accepts it, to `days`
/// after it.
pub(super) fn set_validity(
    params: &mut CertificateParams,
    now: Timestamp,
    days: i64,
) -> Result<(), PkiError> {
    let day = |offset: i64| {
        let date =
            now.to_zoned(TimeZone::UTC).date().checked_add(offset.days()).map_err(|_| PkiError::Time(now))?;
        let [month, day] = [date.month(), date.day()].map(|n| u8::try_from(n).unwrap_or(1));
        Ok(rcgen::date_time_ymd(i32::from(date.year()), month, day))
    };
    params.not_before = day(-1)?;
    params.not_after = day(days)?;
    Ok(())
}
