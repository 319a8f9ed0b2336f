//! Which certificate authorities a TLS client trusts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::{Lookup, strangers};

/// kubectl sets it for the programs that kubeconfigs name.
const KUBERNETES_EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";

/// Where trusted certificates come from.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The system's store. `SSL_CERT_FILE` takes the place of its bundle, `SSL_CERT_DIR` (paths joined by `:`) that of
    /// its folders, each alone, as in Go and OpenSSL. On macOS and Windows the platform's own verifier is asked.
    System {
        /// `SSL_CERT_FILE`, where it is set and not empty.
        file: Option<PathBuf>,
        /// `SSL_CERT_DIR`, where it is set and not empty.
        folders: Option<Vec<PathBuf>>,
        /// Whether the two may be a stranger's, because kubectl started this program (`KUBERNETES_EXEC_INFO`): files that
        /// could be the kubeconfig itself do not count then.
        by_kubectl: bool,
    },
    /// One PEM bundle, instead of the system's store.
    File(PathBuf),
}

/// Why there is nothing to trust.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The CA file cannot be read.
    #[error("cannot read the CA file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The CA file has no certificate in it.
    #[error("the CA file {} holds no certificate: give a PEM file with -----BEGIN CERTIFICATE----- in it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A certificate in the CA file cannot be parsed.
    #[error("certificate {number} in the CA file {} is damaged: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which one, counted from 1.
        number: usize,
        /// What the parser says.
        detail: String,
    },
    /// The system has no CA certificates.
    #[error(
        "no CA certificate found on this system{}: install the package ca-certificates, or point SSL_CERT_FILE to a PEM bundle",
        note(.problems)
    )]
    NoSystemStore {
        /// What could not be read.
        problems: Vec<String>,
    },
    /// rustls refuses its own configuration.
    #[error("cannot set up TLS: {source}")]
    Tls {
        /// The library's error.
        source: rustls::Error,
    },
}

/// A TLS client configuration, with what was wrong with the places that it was read from.
pub(crate) struct Prepared {
    /// None where the platform's verifier is to be used.
    pub(crate) config: Option<ClientConfig>,
    /// The authorities that the configuration trusts.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    /// One line each; shown when a certificate is not trusted.
    pub(crate) problems: Vec<String>,
}

fn note(problems: &[String]) -> String {
    if problems.is_empty() { String::new() } else { format!(" ({})", problems.join("; ")) }
}

impl Trust {
    /// The system's store as `SSL_CERT_FILE` and `SSL_CERT_DIR` direct.
    pub fn from_environment(environment: Lookup<'_>) -> Self {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        Self::System {
            file: set("SSL_CERT_FILE").map(PathBuf::from),
            folders: set("SSL_CERT_DIR").map(|value| {
                std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect()
            }),
            by_kubectl: environment(KUBERNETES_EXEC_INFO).is_some(),
        }
    }

    /// A configuration that trusts nobody: for clients that speak plain http only.
    pub(crate) fn nothing() -> Result<ClientConfig, TrustError> {
        configure(RootCertStore::empty())
    }

    pub(crate) fn prepare(&self) -> Result<Prepared, TrustError> {
        match self {
            Self::File(path) => of_bundle(path),
            Self::System { file, folders, by_kubectl } => {
                system(file.as_deref(), folders.as_deref(), *by_kubectl)
            }
        }
    }
}

fn of_bundle(path: &Path) -> Result<Prepared, TrustError> {
    let (roots, authorities) = bundle(path)?;
    Ok(Prepared { config: Some(configure(roots)?), authorities, problems: Vec::new() })
}

fn bundle(path: &Path) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TrustError> {
    let bytes = std::fs::read(path).map_err(|source| TrustError::Read { path: path.to_owned(), source })?;
    let mut roots = RootCertStore::empty();
    let mut authorities = Vec::new();
    for (number, certificate) in (1_usize..).zip(CertificateDer::pem_slice_iter(&bytes)) {
        let damaged = |detail| TrustError::Damaged { path: path.to_owned(), number, detail };
        let certificate = certificate.map_err(|error| damaged(error.to_string()))?;
        roots.add(certificate.clone()).map_err(|error| damaged(error.to_string()))?;
        authorities.push(certificate);
    }
    if roots.is_empty() { Err(TrustError::Empty { path: path.to_owned() }) } else { Ok((roots, authorities)) }
}

fn configure(roots: RootCertStore) -> Result<ClientConfig, TrustError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|source| TrustError::Tls { source })?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Reads the bundle and the folders. A part that cannot be read is remembered rather than refused: the other part may
/// hold what is needed, and a stale `SSL_CERT_FILE` must lock nobody out.
#[cfg(all(unix, not(target_os = "macos")))]
fn system(
    file: Option<&Path>,
    folders: Option<&[PathBuf]>,
    by_kubectl: bool,
) -> Result<Prepared, TrustError> {
    use rustls_native_certs::load_certs_from_paths;

    // What no variable names is the system's own.
    let read = |file: Option<&Path>, folder: Option<&Path>, named: bool| match by_kubectl && named {
        true => strangers::read(file, folder),
        false => {
            let part = load_certs_from_paths(file, folder);
            (part.certs, part.errors.iter().map(ToString::to_string).collect())
        }
    };
    let default_file = || openssl_probe::probe().cert_file;
    let bundle = file.map(Path::to_owned).or_else(default_file);
    let in_folders: Vec<PathBuf> = match folders {
        Some(folders) => folders.to_vec(),
        None => openssl_probe::candidate_cert_dirs().map(Path::to_owned).collect(),
    };
    let mut roots = RootCertStore::empty();
    let mut authorities = Vec::new();
    let mut problems: Vec<String> = Vec::new();
    let loaded = std::iter::once(read(bundle.as_deref(), None, file.is_some()))
        .chain(in_folders.iter().map(|folder| read(None, Some(folder), folders.is_some())));
    for (certificates, more) in loaded {
        roots.add_parsable_certificates(certificates.iter().cloned());
        authorities.extend(certificates);
        problems.extend(more);
    }
    if roots.is_empty() {
        return Err(TrustError::NoSystemStore { problems });
    }
    Ok(Prepared { config: Some(configure(roots)?), authorities, problems })
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn system(file: Option<&Path>, _: Option<&[PathBuf]>, by_kubectl: bool) -> Result<Prepared, TrustError> {
    let Some(file) = file else {
        return Ok(Prepared { config: None, authorities: Vec::new(), problems: Vec::new() });
    };
    if by_kubectl
        && let (_, problems) = strangers::read(Some(file), None)
        && !problems.is_empty()
    {
        return Ok(Prepared { config: None, authorities: Vec::new(), problems });
    }
    of_bundle(file)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Trust {
        Trust::from_environment(&|name| pairs.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned()))
    }

    fn certificate(folder: &Path, name: &str, number: u8) -> PathBuf {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![format!("host{number}.example")]).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, params.self_signed(&key).unwrap().pem()).unwrap();
        path
    }

    #[test]
    fn empty_variables_count_as_unset() {
        let Trust::System { file, folders, .. } = environment(&[("SSL_CERT_FILE", ""), ("SSL_CERT_DIR", "")])
        else {
            panic!("not the system's store")
        };
        assert_eq!((file, folders), (None, None));
        let Trust::System { file, folders, .. } =
            environment(&[("SSL_CERT_FILE", "/a"), ("SSL_CERT_DIR", "/b::/c")])
        else {
            panic!("not the system's store")
        };
        assert_eq!(file, Some(PathBuf::from("/a")));
        assert_eq!(folders, Some(vec![PathBuf::from("/b"), PathBuf::from("/c")]));
    }

    #[test]
    fn a_store_with_nothing_in_it_is_an_error_that_names_the_way_out() {
        let empty = tempfile::tempdir().unwrap();
        let folder = empty.path().to_str().unwrap();
        let missing = empty.path().join("missing.pem");
        let trust = environment(&[("SSL_CERT_FILE", missing.to_str().unwrap()), ("SSL_CERT_DIR", folder)]);
        let error = trust.prepare().err().unwrap().to_string();
        assert!(error.contains("missing.pem") && error.contains("ca-certificates"), "{error}");
    }

    #[test]
    fn an_unreadable_bundle_is_remembered_while_the_folder_serves() {
        let folder = tempfile::tempdir().unwrap();
        certificate(folder.path(), "a.pem", 1);
        let trust = Trust::System {
            file: Some(folder.path().join("missing.pem")),
            folders: Some(vec![folder.path().to_owned()]),
            by_kubectl: false,
        };
        let prepared = trust.prepare().unwrap();
        assert!(prepared.config.is_some());
        assert!(
            prepared.problems.iter().any(|problem| problem.contains("missing.pem")),
            "{:?}",
            prepared.problems
        );
    }

    #[test]
    fn a_ca_file_that_cannot_be_used_gives_one_line_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let refused = |content: Option<&str>| {
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let text = Trust::File(path.clone()).prepare().err().unwrap().to_string();
            assert!(text.contains("ca.pem") && !text.contains('\n'), "{text}");
            text
        };
        assert!(refused(None).contains("cannot read"));
        assert!(refused(Some("")).contains("no certificate"));
        assert!(refused(Some("not PEM at all")).contains("no certificate"));
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(refused(Some(damaged)).contains("certificate 1"));
        let not_base64 = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        assert!(refused(Some(not_base64)).contains("certificate 1"));
        certificate(folder.path(), "ca.pem", 1);
        assert!(Trust::File(path).prepare().is_ok());
    }
}
