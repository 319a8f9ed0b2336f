//! The certificate and key that a webhook keeps in a folder: `cert.pem` and `key.pem`.
//!
//! Where either is missing, both are made: one ECDSA P-256 key; a certificate authority (self-signed, CA:TRUE) and a
//! leaf issued by it, **both over that same key**. `cert.pem` is the leaf followed by the authority. Clients pin the
//! authority, see [`Pair::trust_anchor_pem`]; a leaf renewed later under the same key verifies against it, and
//! so do verifiers that refuse an authority's certificate as a server's own (RFC 5280, section 4.2.1.9 read strictly).
//!
//! What is there already is used as it is, the single self-signed RSA certificate (PKCS #1 key) of the public
//! `ack-ram-authenticator` included: its anchor is the certificate itself, and its key can sign a later leaf.
//!
//! A [`Keeper`] serves such a pair: as a leaf of its own, made in memory under the same key and authority and renewed
//! before its end. Files that somebody else has issued it serves as they are, and reads again when they change.

mod authority;
#[cfg(test)]
mod authority_tests;
mod bundle;
mod keeper;
mod leaf;
mod make;
mod pair;
mod private_key;

use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

pub use authority::{Authority, AuthorityError, ServerCertificate};
pub use bundle::Bundle;
use jiff::Timestamp;
pub use keeper::{Event, Keeper, KeeperError, Kept, OwnFolder, Place};
pub use leaf::LeafError;
pub use pair::{Pair, Problem};
pub use private_key::PrivateKey;

use crate::file::{Staged, or_current};
use crate::tls::TlsError;

/// The file with the certificate chain, leaf first.
pub const CERTIFICATE_FILE: &str = "cert.pem";
/// The file with the private key.
pub const KEY_FILE: &str = "key.pem";

/// Why there is no usable certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The folder is missing and could not be made.
    #[error("cannot create folder {}: {source}; make it, or name another with --state-dir", .path.display())]
    CreateFolder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}; the folder must be writable for the user that runs this program", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `cert.pem` holds no certificate, or broken PEM or DER.
    #[error("{} is not a PEM file with a certificate: {reason}; mend it, or remove it and its key to have both made anew", .path.display())]
    NotACertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// `key.pem` holds no key. The reason is not repeated: it could quote the file.
    #[error("{} is not a PEM file with a private key (PKCS #8, PKCS #1 or SEC1); mend it, or remove it and its certificate to have both made anew", .path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not fit each other, or are of an unknown kind.
    #[error("{} and {} cannot be served: {source}; mend them, or remove both to have them made anew", .certificate.display(), .key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        source: TlsError,
    },
    /// Some of a client's three files are missing.
    #[error(
        "{} has some of client-ca.pem, client.pem and client-key.pem, and not all: bring back what is missing, or remove them to have all three made anew", .folder.display()
    )]
    IncompleteClient {
        /// The folder.
        folder: PathBuf,
    },
    /// The names cannot stand in a certificate.
    #[error("cannot make a certificate for host name {hostname:?}: {source}")]
    Make {
        /// The name asked for.
        hostname: String,
        /// What the certificate library said.
        source: rcgen::Error,
    },
}

/// The file with the authority of client certificates.
pub const CLIENT_AUTHORITY_FILE: &str = "client-ca.pem";
/// The file with the client's certificate.
pub const CLIENT_CERTIFICATE_FILE: &str = "client.pem";
/// The file with the client's private key.
pub const CLIENT_KEY_FILE: &str = "client-key.pem";

/// Makes the certificate that this server's client shows, in `folder`: [`CLIENT_AUTHORITY_FILE`] (0644),
/// [`CLIENT_CERTIFICATE_FILE`] (0644) and [`CLIENT_KEY_FILE`] (0600). They live as long as the server's own authority, and
/// the authority's key is not kept: to take the certificate back, make all three anew. Where all three are there, they
/// are kept ([`Origin::Kept`]).
///
/// # Errors
/// [`CertificateError`], also where some of the three are there and others not: nothing is replaced then.
pub fn load_or_make_client(
    folder: &Path,
    common_name: &str,
    now: Timestamp,
) -> Result<Origin, CertificateError> {
    let folder = or_current(folder);
    let paths =
        [CLIENT_AUTHORITY_FILE, CLIENT_CERTIFICATE_FILE, CLIENT_KEY_FILE].map(|name| folder.join(name));
    let there = paths.iter().map(|path| exists(path)).collect::<Result<Vec<_>, _>>()?;
    if there.iter().all(|there| *there) {
        let [_, certificate, key] = paths;
        Pair::load(&Files { certificate, key })?;
        return Ok(Origin::Kept);
    }
    if there.contains(&true) {
        return Err(CertificateError::IncompleteClient { folder: folder.to_owned() });
    }
    let made = make::make_client(common_name, now)
        .map_err(|source| CertificateError::Make { hostname: common_name.to_owned(), source })?;
    let texts = [(made.authority_pem, 0o644), (made.certificate_pem, 0o644), (made.key_pem, 0o600)];
    let staged = paths.iter().zip(texts).map(|(path, (text, mode))| {
        let failed = |source| CertificateError::Write { path: path.clone(), source };
        Staged::write(path, text.as_bytes(), mode).map(|staged| (path, staged)).map_err(failed)
    });
    for (path, staged) in staged.collect::<Result<Vec<_>, _>>()? {
        staged.publish().map_err(|source| CertificateError::Write { path: path.clone(), source })?;
    }
    Ok(Origin::Made)
}

/// What a self-made certificate says.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The authority's common name, as in `ack-ram-authenticator`.
    pub common_name: &'a str,
    /// An IP name of the server; 0.0.0.0 and :: mean every address, and are left out.
    pub address: IpAddr,
    /// A DNS name of the server, or an IP address.
    pub hostname: &'a str,
}

/// Where a pair came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Both files were there.
    Kept,
    /// Neither file was there: made.
    Made,
    /// This file alone was there; it was replaced together with the other.
    Replaced {
        /// `cert.pem` or `key.pem`.
        survivor: &'static str,
    },
}

/// The files of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Files {
    /// `cert.pem` and `key.pem` in `folder`.
    pub fn in_folder(folder: &Path) -> Files {
        Files { certificate: folder.join(CERTIFICATE_FILE), key: folder.join(KEY_FILE) }
    }
}

/// Reads the pair in `folder`, or makes it where either file is missing. The folder itself is made (0700) where only its
/// last component is missing. Two processes that start in one folder get the same pair.
///
/// # Errors
/// [`CertificateError`]; a pair that is there and cannot be served is never replaced.
pub fn load_or_make(
    folder: &Path,
    subject: &Subject<'_>,
    now: Timestamp,
) -> Result<(Pair, Origin), CertificateError> {
    let folder = or_current(folder);
    make_folder(folder)?;
    // Held until the pair is complete. Where a file system knows no locks, two first starts at one time can clash; the
    // loser finds a pair that does not match and says so.
    let lock = File::open(folder).ok();
    let _locked = lock.as_ref().map(File::lock);
    let files = Files::in_folder(folder);
    let origin = match (exists(&files.certificate)?, exists(&files.key)?) {
        (true, true) => Origin::Kept,
        (false, false) => Origin::Made,
        (true, false) => Origin::Replaced { survivor: CERTIFICATE_FILE },
        (false, true) => Origin::Replaced { survivor: KEY_FILE },
    };
    if origin != Origin::Kept {
        write_pair(&files, subject, now)?;
    }
    Ok((Pair::load(&files)?, origin))
}

fn make_folder(folder: &Path) -> Result<(), CertificateError> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => Ok(()),
        Err(_) if folder.is_dir() => Ok(()),
        Err(source) => Err(CertificateError::CreateFolder { path: folder.to_owned(), source }),
    }
}

fn exists(path: &Path) -> Result<bool, CertificateError> {
    path.try_exists().map_err(|source| CertificateError::Read { path: path.to_owned(), source })
}

fn write_pair(files: &Files, subject: &Subject<'_>, now: Timestamp) -> Result<(), CertificateError> {
    let made = make::make(subject, now)
        .map_err(|source| CertificateError::Make { hostname: subject.hostname.to_owned(), source })?;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CertificateError::Write { path, source }
    };
    let key = Staged::write(&files.key, made.key_pem.as_bytes(), 0o600).map_err(failed(&files.key))?;
    let certificate = Staged::write(&files.certificate, made.chain_pem.as_bytes(), 0o644)
        .map_err(failed(&files.certificate))?;
    // A lone survivor goes first: an interruption then leaves one file at most, which the next start replaces, and
    // never two that do not match, which it would refuse.
    for path in [&files.key, &files.certificate] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(path)(error)),
            _ => {}
        }
    }
    key.publish().map_err(failed(&files.key))?;
    certificate.publish().map_err(failed(&files.certificate))
}

#[cfg(test)]
mod tests;
