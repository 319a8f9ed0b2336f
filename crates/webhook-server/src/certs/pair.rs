//! A certificate chain and its key, as read from disk.

use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{CertificateError, Files};
use crate::tls;

/// A chain and key that fit each other.
pub struct Pair {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    anchor: CertificateDer<'static>,
    anchor_facts: Facts,
    facts: Facts,
    key_mode: u32,
    files: Files,
}

/// What an administrator should hear about a pair that is nevertheless served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Past its end.
    #[error("the certificate in {} ended at {at}: clients that check it refuse this server", .file.display())]
    Expired {
        /// The certificate's file.
        file: PathBuf,
        /// notAfter.
        at: Timestamp,
    },
    /// Before its beginning.
    #[error("the certificate in {} is not valid before {at}: clients that check it refuse this server", .file.display())]
    NotYetValid {
        /// The certificate's file.
        file: PathBuf,
        /// notBefore.
        at: Timestamp,
    },
    /// The name that kubeconfigs use is not in it.
    #[error("the certificate in {} is not for {hostname:?}: an API server that connects by this name refuses this server", .file.display())]
    OtherName {
        /// The certificate's file.
        file: PathBuf,
        /// The name.
        hostname: String,
    },
    /// Near its end, and nobody here renews it.
    #[error("the certificate in {} ends at {at}, and this program has not made it: replace it, and its key, before", .file.display())]
    EndsSoon {
        /// The certificate's file.
        file: PathBuf,
        /// notAfter.
        at: Timestamp,
    },
    /// What clients pin is near its end.
    #[error("the authority in {} ends at {at}, and every certificate under it: run init in another folder, give each API server the new kubeconfig and restart it", .file.display())]
    AuthorityEndsSoon {
        /// The certificate's file.
        file: PathBuf,
        /// notAfter.
        at: Timestamp,
    },
    /// The API server's certificate is near its end.
    #[error(
        "the client certificate that the API server shows ends at {at}, and is refused from then on: give it another one, with its key, before"
    )]
    ClientEndsSoon {
        /// notAfter.
        at: Timestamp,
    },
    /// The key can be read by everybody.
    #[error("{} can be read by every user of this machine (mode {mode:04o}): chmod 600", .file.display())]
    OpenKey {
        /// The key's file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// What a certificate says of itself.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) common_name: Option<String>,
    /// An authority (RFC 5280, section 4.2.1.9) whose key usage, where it has one, includes keyCertSign.
    pub(super) may_sign: bool,
    /// SubjectPublicKeyInfo.
    pub(super) public_key: Vec<u8>,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    pub(super) dns_names: Vec<String>,
    pub(super) addresses: Vec<IpAddr>,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("certificate", &self.files.certificate).finish_non_exhaustive()
    }
}

impl Pair {
    /// Reads both files.
    ///
    /// # Errors
    /// [`CertificateError`]: unreadable, not PEM, or not fitting each other.
    pub fn load(files: &Files) -> Result<Pair, CertificateError> {
        Pair::parse(files, &read(&files.certificate)?, &read(&files.key)?)
    }

    /// The same from what was read.
    pub(super) fn parse(files: &Files, chain: &[u8], key: &[u8]) -> Result<Pair, CertificateError> {
        let chain = parse_chain(&files.certificate, chain)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| CertificateError::NotAKey { path: files.key.clone() })?;
        let unusable = |source| CertificateError::Unusable {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            source,
        };
        tls::certified_key(chain.clone(), key.clone_key()).map_err(unusable)?;
        let broken = |reason| CertificateError::NotACertificate { path: files.certificate.clone(), reason };
        let facts = chain
            .first()
            .ok_or_else(|| "no certificate in it".to_owned())
            .and_then(|leaf| facts(leaf))
            .map_err(broken)?;
        let (anchor, anchor_facts) = anchor(&chain).map_err(broken)?;
        let key_mode = fs::metadata(&files.key).map_or(0, |metadata| metadata.permissions().mode() & 0o777);
        Ok(Pair { chain, key, anchor, anchor_facts, facts, key_mode, files: files.clone() })
    }

    /// For the listener.
    ///
    /// # Errors
    /// None that [`Pair::load`] has not met already.
    pub fn certified_key(&self) -> Result<CertifiedKey, CertificateError> {
        self.certified_key_with(self.chain.clone())
    }

    /// The same key with another chain.
    pub(super) fn certified_key_with(
        &self,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<CertifiedKey, CertificateError> {
        tls::certified_key(chain, self.key.clone_key()).map_err(|source| CertificateError::Unusable {
            certificate: self.files.certificate.clone(),
            key: self.files.key.clone(),
            source,
        })
    }

    /// What clients are to trust, as PEM: the self-signed certificate of the chain, else its last one.
    pub fn trust_anchor_pem(&self) -> String {
        pem(&self.anchor)
    }

    /// When the leaf ends.
    pub fn not_after(&self) -> Timestamp {
        self.facts.not_after
    }

    /// When what clients pin ends.
    pub fn anchor_not_after(&self) -> Timestamp {
        self.anchor_facts.not_after
    }

    /// Whether its key may sign another leaf that clients trust: it is the key of the authority too, which is called
    /// `common_name`, as this program and the public one make it. What somebody else has issued is never touched.
    pub fn is_self_made(&self, common_name: &str) -> bool {
        let anchor = &self.anchor_facts;
        anchor.subject == anchor.issuer
            && anchor.common_name.as_deref() == Some(common_name)
            && anchor.may_sign
            && anchor.public_key == self.facts.public_key
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    pub(super) fn key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }

    pub(super) fn anchor(&self) -> &CertificateDer<'static> {
        &self.anchor
    }

    /// DNS names and addresses of the leaf.
    pub(super) fn names(&self) -> (&[String], &[IpAddr]) {
        (&self.facts.dns_names, &self.facts.addresses)
    }

    /// What is wrong with a pair that is served all the same. `hostname` is the name by which clients connect.
    pub fn problems(&self, hostname: &str, now: Timestamp) -> Vec<Problem> {
        let file = || self.files.certificate.clone();
        let mut problems = Vec::new();
        if now > self.facts.not_after {
            problems.push(Problem::Expired { file: file(), at: self.facts.not_after });
        }
        if now < self.facts.not_before {
            problems.push(Problem::NotYetValid { file: file(), at: self.facts.not_before });
        }
        if !self.facts.covers(hostname) {
            problems.push(Problem::OtherName { file: file(), hostname: hostname.to_owned() });
        }
        if self.key_mode & 0o004 != 0 {
            problems.push(Problem::OpenKey { file: self.files.key.clone(), mode: self.key_mode });
        }
        problems
    }
}

impl Facts {
    /// Whether one of its names is, or stands for, this DNS name or address.
    pub(super) fn covers(&self, hostname: &str) -> bool {
        match hostname.parse::<IpAddr>() {
            Ok(address) => self.addresses.contains(&address),
            Err(_) => self.dns_names.iter().any(|name| dns_name_matches(name, hostname)),
        }
    }
}

/// RFC 6125, section 6.4.3, the common part: a wildcard is the whole leftmost label.
fn dns_name_matches(name: &str, hostname: &str) -> bool {
    if name.eq_ignore_ascii_case(hostname) {
        return true;
    }
    match (name.strip_prefix("*."), hostname.split_once('.')) {
        (Some(parent), Some((_, rest))) => parent.eq_ignore_ascii_case(rest),
        _ => false,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::Read { path: path.to_owned(), source })
}

fn parse_chain(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    CertificateDer::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())
        .and_then(|chain| if chain.is_empty() { Err("no certificate in it".to_owned()) } else { Ok(chain) })
        .map_err(|reason| CertificateError::NotACertificate { path: path.to_owned(), reason })
}

pub(super) fn facts(certificate: &CertificateDer<'_>) -> Result<Facts, String> {
    let failed = |error: x509_parser::error::X509Error| error.to_string();
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let time = |seconds: i64| Timestamp::from_second(seconds).map_err(|error| error.to_string());
    let validity = parsed.validity();
    let common_name =
        parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).map(str::to_owned);
    let key_usage = parsed.key_usage().map_err(failed)?;
    let mut facts = Facts {
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        common_name,
        may_sign: parsed.is_ca() && key_usage.is_none_or(|usage| usage.value.key_cert_sign()),
        public_key: parsed.public_key().raw.to_vec(),
        not_before: time(validity.not_before.timestamp())?,
        not_after: time(validity.not_after.timestamp())?,
        dns_names: Vec::new(),
        addresses: Vec::new(),
    };
    if let Some(names) = parsed.subject_alternative_name().map_err(failed)? {
        for name in &names.value.general_names {
            match name {
                GeneralName::DNSName(name) => facts.dns_names.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => facts.addresses.extend(address(bytes)),
                _ => {}
            }
        }
    }
    Ok(facts)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

fn anchor(chain: &[CertificateDer<'static>]) -> Result<(CertificateDer<'static>, Facts), String> {
    let mut last = None;
    for certificate in chain {
        let facts = facts(certificate)?;
        if facts.subject == facts.issuer {
            return Ok((certificate.clone(), facts));
        }
        last = Some((certificate.clone(), facts));
    }
    last.ok_or_else(|| "no certificate in it".to_owned())
}

/// RFC 7468, section 3: lines of 64 letters.
pub(super) fn pem(certificate: &CertificateDer<'_>) -> String {
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (position, letter) in BASE64_STANDARD.encode(certificate).chars().enumerate() {
        if position > 0 && position % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}
