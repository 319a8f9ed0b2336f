//! Checks of what says where the API server is and what it is known by.

use std::path::Path;

use openapi::Endpoint;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{PemObject, SectionKind};

use crate::error::Error;
use crate::world::World;

/// Checks that kubectl would reach the API server with TLS and without a password in the address.
///
/// # Errors
/// What is wrong, as the rest of a sentence.
pub(crate) fn check_address(server: &str) -> Result<(), &'static str> {
    let Some(rest) = server.strip_prefix("https://") else {
        return Err("does not begin with https://");
    };
    if !rest.bytes().all(|b| b.is_ascii_graphic()) || rest.contains(['"', '\\', '<', '>', '`']) {
        return Err("holds characters that no address has");
    }
    if rest.contains(['?', '#']) {
        return Err("holds a query or a fragment");
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err("holds a user name");
    }
    match authority.parse::<Endpoint>() {
        Ok(_) => Ok(()),
        Err(_) => Err("holds no host that can be reached, or no valid port"),
    }
}

/// Reads a PEM bundle that holds certificates and nothing else: a private key in it would go into the kubeconfig.
pub(crate) fn read_ca(path: &Path, world: &World<'_>) -> Result<Vec<u8>, Error> {
    let text = (world.read_file)(path).map_err(|source| Error::ReadCa { path: path.to_owned(), source })?;
    let bad = |detail: String| Error::Ca { path: path.to_owned(), detail };
    let mut roots = rustls::RootCertStore::empty();
    for (number, section) in (1_usize..).zip(<(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes())) {
        let (kind, der) = section.map_err(|_| bad(format!("is damaged at its PEM section {number}")))?;
        if kind != SectionKind::Certificate {
            return Err(bad(format!(
                "holds something else than certificates (PEM section {number}): give the CA certificate alone"
            )));
        }
        roots
            .add(CertificateDer::from(der))
            .map_err(|_| bad(format!("holds a certificate that cannot be read (PEM section {number})")))?;
    }
    match roots.is_empty() {
        true => Err(bad("holds no PEM certificate".to_owned())),
        false => Ok(text.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_and_nothing_that_reads_as_another() {
        for good in
            ["https://10.0.0.1:6443", "https://[::1]:6443", "https://api.example", "https://h/clusters/c1"]
        {
            assert_eq!(check_address(good), Ok(()), "{good}");
        }
        for (bad, said) in [
            ("http://10.0.0.1:6443", "https://"),
            ("10.0.0.1:6443", "https://"),
            ("https://h/a b", "characters"),
            ("https://h/a\nb", "characters"),
            ("https://h/\u{1b}[2J", "characters"),
            ("https://h/\"x", "characters"),
            ("https://h\\@evil", "characters"),
            ("https://h/é", "characters"),
            ("https://h/?a=b", "query"),
            ("https://h#a", "fragment"),
            ("https://good@evil", "user name"),
            ("https://", "host"),
            ("https://h:0", "port"),
            ("https://a..b", "host"),
        ] {
            assert!(check_address(bad).is_err_and(|problem| problem.contains(said)), "{bad:?}");
        }
    }
}
