//! Where requests go, and how the server there is recognised.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use http::Uri;
use http::uri::Authority;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::{Error, Result};

/// The version of HTTP, which TLS has to agree to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http {
    /// HTTP/1.1: one request at a time on a connection.
    One,
    /// HTTP/2, as the API server speaks it.
    Two,
}

impl Http {
    /// The name in ALPN.
    pub(super) fn protocol(self) -> &'static [u8] {
        match self {
            Http::One => b"http/1.1",
            Http::Two => b"h2",
        }
    }
}

/// Whom to believe to be the server.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Who has a certificate of these authorities (PEM) for the host of the URL.
    Authorities(String),
    /// Anybody. For somebody else's server on this machine alone.
    Anybody,
}

/// A client certificate with its key, both PEM.
#[derive(Clone)]
pub struct Credentials {
    /// The chain, leaf first.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// A server.
#[derive(Clone)]
pub struct Target {
    pub(super) address: SocketAddr,
    pub(super) name: ServerName<'static>,
    pub(super) authority: Authority,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) http: Http,
}

impl Target {
    /// The server at `url` (`https://HOST[:PORT]`; what comes after is each request's own).
    ///
    /// # Errors
    /// It is no such URL, the host has no address, or a certificate or key cannot be used.
    pub fn new(url: &str, http: Http, trust: &Trust, client: Option<&Credentials>) -> Result<Target> {
        let what = || format!("the address {url:?}");
        let uri: Uri = url.parse().map_err(Error::failed(what()))?;
        let authority = match (uri.scheme_str(), uri.authority()) {
            (Some("https"), Some(authority)) => authority.clone(),
            _ => return Err(Error::because(what(), "it has to begin with https:// and a host")),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(443);
        let mut addresses = (host.as_str(), port).to_socket_addrs().map_err(Error::failed(what()))?;
        let address = addresses.next().ok_or_else(|| Error::because(what(), "the host has no address"))?;
        let name = ServerName::try_from(host).map_err(Error::failed(what()))?;
        let tls = Arc::new(config(http, trust, client)?);
        Ok(Target { address, name, authority, tls, http })
    }
}

fn config(http: Http, trust: &Trust, client: Option<&Credentials>) -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(Error::failed("setting up TLS"))?;
    let builder = match trust {
        Trust::Authorities(pem) => builder.with_root_certificates(roots(pem)?),
        Trust::Anybody => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer(provider))),
    };
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let what = "the client certificate";
            let chain = certificates(&client.certificate, what)?;
            let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes()).map_err(Error::failed(what))?;
            builder.with_client_auth_cert(chain, key).map_err(Error::failed(what))?
        }
    };
    config.alpn_protocols = vec![http.protocol().to_vec()];
    Ok(config)
}

fn certificates(pem: &str, what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let all: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(Error::failed(what))?;
    if all.is_empty() { Err(Error::because(what, "there is no certificate in it")) } else { Ok(all) }
}

fn roots(pem: &str) -> Result<RootCertStore> {
    let what = "the authorities of the server";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, what)? {
        roots.add(certificate).map_err(Error::failed(what))?;
    }
    Ok(roots)
}

/// Believes everybody who has the key of the certificate that he shows.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_https_url_with_an_address_and_somebody_to_trust() {
        let target = |url: &str| Target::new(url, Http::Two, &Trust::Anybody, None);
        let good = target("https://127.0.0.1:8443/authenticate").unwrap();
        assert_eq!(
            (good.address.to_string(), good.authority.as_str()),
            ("127.0.0.1:8443".into(), "127.0.0.1:8443")
        );
        assert_eq!(target("https://[::1]").unwrap().address.to_string(), "[::1]:443");
        assert!(target("http://127.0.0.1").is_err());
        assert!(target("/authenticate").is_err());
        let none = Trust::Authorities("no certificate".to_owned());
        assert!(Target::new("https://127.0.0.1", Http::Two, &none, None).is_err());
    }
}
