//! The emulator's own certificate authority and server certificate.
//!
//! The CA carries critical name constraints (RFC 5280, section 4.2.1.10): whoever trusts it trusts it for loopback, for
//! names under `aliyuncs.com`, and for the hosts of OAuth and CloudSSO only.

mod authority;
mod storage;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use jiff::Timestamp;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;

pub(crate) use authority::Authority;
pub(crate) use storage::StateDir;

/// CloudSSO's sign-in hosts are one level below this: `signin-cn-shanghai.alibabacloudsso.com`.
pub(crate) const SIGN_IN_DOMAIN: &str = "alibabacloudsso.com";

/// How long the server certificate is good for; a new one is made at each start.
const SERVER_DAYS: i64 = 90;

/// Why the certificates could not be made. Each message is one line.
#[derive(Debug, Error)]
pub enum PkiError {
    /// A file or folder could not be made, read or locked.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The state folder holds a CA that cannot be used.
    #[error("the CA in {} cannot be used: {problem}; delete ca.pem and ca-key.pem there to get a new one", dir.display())]
    Kept {
        /// The state folder.
        dir: PathBuf,
        /// What is wrong with the CA.
        problem: String,
    },
    /// A certificate could not be made.
    #[error("cannot make the {what}: {source}")]
    Generate {
        /// Which certificate or key.
        what: &'static str,
        /// What the library said.
        source: rcgen::Error,
    },
    /// The system clock shows a time for which no certificate can be made.
    #[error("cannot make a certificate for the time {0}: set the system clock")]
    Time(Timestamp),
}

/// A server certificate with its key.
pub(crate) struct ServerCertificate {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// The DNS names that the emulator answers for, as a region sees them (public endpoint lists of STS, RAM, IMS, CS), with
/// CloudSSO's sign-in host where there is one.
pub(crate) fn server_names(region: &str, sign_in_host: Option<&str>) -> Vec<String> {
    let mut names: Vec<String> = [
        "localhost",
        "sts.aliyuncs.com",
        "ram.aliyuncs.com",
        "ram.vpc-proxy.aliyuncs.com",
        "ims.aliyuncs.com",
        "cs.aliyuncs.com",
        "*.aliyuncs.com",
        "oauth.aliyun.com",
        "oauth.alibabacloud.com",
    ]
    .map(str::to_owned)
    .to_vec();
    for product in ["sts", "sts-vpc", "cs", "cs-anony-vpc"] {
        names.push(format!("{product}.{region}.aliyuncs.com"));
    }
    names.extend(sign_in_host.map(str::to_owned));
    names
}

/// Splits names into those that this CA can vouch for and those that it cannot, because it was made before they were
/// known.
pub(crate) fn sort_names(authority: &Authority, names: Vec<String>) -> (Vec<String>, Vec<String>) {
    names.into_iter().partition(|name| authority.vouches_for(name))
}

/// Whether a certificate for `pattern`, which may begin with `*.`, is good for `name` (RFC 6125, section 6.4.3: the star
/// stands for one label).
pub(crate) fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(domain) => name
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(domain)),
        None => pattern.eq_ignore_ascii_case(name),
    }
}

/// Signs a server certificate for loopback and `names`.
pub(crate) fn server_certificate(
    authority: &Authority,
    names: &[String],
    now: Timestamp,
) -> Result<ServerCertificate, PkiError> {
    let failed = |source| PkiError::Generate { what: "server certificate", source };
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new(names.to_vec()).map_err(failed)?;
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        params.subject_alt_names.push(SanType::IpAddress(address));
    }
    params.distinguished_name = distinguished_name("ram-emulator");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    authority::set_validity(&mut params, now, SERVER_DAYS)?;
    let certificate = params.signed_by(&key, authority.issuer()).map_err(failed)?;
    Ok(ServerCertificate {
        chain: vec![certificate.der().clone()],
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
    })
}

fn distinguished_name(common_name: &str) -> rcgen::DistinguishedName {
    let mut name = rcgen::DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

#[cfg(test)]
mod tests;
