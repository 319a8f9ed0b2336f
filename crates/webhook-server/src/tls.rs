//! The TLS side of a listener: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, a certificate and authorities for client
//! certificates that can be exchanged while connections are open.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Why a certificate and key cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The key is not the one in the certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// Of a kind that the TLS library does not know, or not well-formed.
    #[error("the certificate or its key cannot be used for TLS: {0}")]
    Unusable(rustls::Error),
    /// Authorities for client certificates that are none.
    #[error("the authorities for client certificates cannot be used: {0}")]
    ClientAuthorities(String),
}

/// Joins a chain (leaf first) with its key.
///
/// # Errors
/// [`TlsError`]: the key is of an unknown kind, or does not belong to the leaf.
pub fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, TlsError> {
    let key = aws_lc_rs::sign::any_supported_type(&key).map_err(TlsError::Unusable)?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::KeyMismatch),
        Err(error) => Err(TlsError::Unusable(error)),
    }
}

/// Who may sign client certificates.
#[derive(Clone)]
pub struct ClientAuthorities(Arc<dyn ClientCertVerifier>);

impl ClientAuthorities {
    /// Reads PEM text with one certificate or more (RFC 7468). A client's certificate has to be signed by one of them, to
    /// be within its time, and to be for client authentication (RFC 5280, section 4.2.1.12).
    ///
    /// # Errors
    /// [`TlsError::ClientAuthorities`]: no certificate in it, or a broken one.
    pub fn from_pem(text: &[u8]) -> Result<ClientAuthorities, TlsError> {
        let failed = |reason: String| TlsError::ClientAuthorities(reason);
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text) {
            let certificate = certificate.map_err(|error| failed(error.to_string()))?;
            roots.add(certificate).map_err(|error| failed(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(failed("no certificate in it".to_owned()));
        }
        // Who brings no certificate gets in here: metrics and health are for everybody, and the handler tells the rest.
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .allow_unauthenticated()
            .build()
            .map(ClientAuthorities)
            .map_err(|error| failed(error.to_string()))
    }

    fn trusts(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> bool {
        chain
            .split_first()
            .is_some_and(|(leaf, between)| self.0.verify_client_cert(leaf, between, now).is_ok())
    }
}

impl fmt::Debug for ClientAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientAuthorities")
    }
}

/// What is known of who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Nobody is asked for a certificate.
    NotAsked,
    /// Asked, and none came.
    Unknown,
    /// The certificate that was good at the handshake is none of today's authorities.
    NoLongerTrusted,
    /// Has a certificate of one of the authorities.
    Verified,
}

/// What new connections get. Replacing a part touches neither open connections nor any other setting.
#[derive(Debug)]
pub struct Tls {
    resolver: Arc<CertificateResolver>,
    current: ArcSwap<Current>,
    client_end: ArcSwapOption<Timestamp>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    clients: Option<ClientAuthorities>,
}

impl Tls {
    /// Serves `certificate`; with `clients`, asks for client certificates.
    ///
    /// # Errors
    /// [`TlsError::Unusable`] where the crypto provider lacks a protocol version (it does not).
    pub fn new(certificate: CertifiedKey, clients: Option<ClientAuthorities>) -> Result<Arc<Tls>, TlsError> {
        let resolver = Arc::new(CertificateResolver(ArcSwap::from_pointee(certificate)));
        let config = server_config(Arc::clone(&resolver), clients.as_ref())?;
        let current = ArcSwap::from_pointee(Current { config, clients });
        Ok(Arc::new(Tls { resolver, current, client_end: ArcSwapOption::empty() }))
    }

    /// From the next handshake on, serves `certificate`.
    pub fn replace_certificate(&self, certificate: CertifiedKey) {
        self.resolver.0.store(Arc::new(certificate));
    }

    /// From now on trusts `clients` and nobody else: on connections that are open already, each request is held against
    /// the new authorities.
    ///
    /// # Errors
    /// As [`Tls::new`].
    pub fn replace_client_authorities(&self, clients: ClientAuthorities) -> Result<(), TlsError> {
        let config = server_config(Arc::clone(&self.resolver), Some(&clients))?;
        self.current.store(Arc::new(Current { config, clients: Some(clients) }));
        Ok(())
    }

    /// When the certificate ends that a trusted client has shown last; none before the first.
    pub fn client_not_after(&self) -> Option<Timestamp> {
        self.client_end.load().as_deref().copied()
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// Who is behind a connection. Asked at each request, since authorities and certificates end while connections stay
    /// open; a verdict holds for [`VERDICT`], or until the authorities are replaced.
    pub(crate) fn client(&self, shown: &Shown) -> Client {
        let current = self.current.load_full();
        let Some(clients) = &current.clients else { return Client::NotAsked };
        if shown.chain.is_empty() {
            return Client::Unknown;
        }
        let mut verdict = shown.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((by, since)) = verdict.as_ref()
            && Arc::ptr_eq(by, &current)
            && since.elapsed() < VERDICT
        {
            return Client::Verified;
        }
        *verdict = None;
        if !clients.trusts(&shown.chain, UnixTime::now()) {
            return Client::NoLongerTrusted;
        }
        *verdict = Some((current, Instant::now()));
        self.client_end.store(shown.end.map(Arc::new));
        Client::Verified
    }
}

/// How long a client certificate that was found good is not looked at again: checking a signature costs as much as
/// answering a request.
const VERDICT: Duration = Duration::from_secs(10);

/// The certificates that a connection's client has shown, possibly none.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    chain: Vec<CertificateDer<'static>>,
    /// When its first ends.
    end: Option<Timestamp>,
    verdict: Mutex<Option<(Arc<Current>, Instant)>>,
}

impl Shown {
    pub(crate) fn new(chain: Option<&[CertificateDer<'_>]>) -> Shown {
        let chain = chain.unwrap_or_default();
        let end = chain.first().and_then(|leaf| {
            let (_, leaf) = X509Certificate::from_der(leaf).ok()?;
            Timestamp::from_second(leaf.validity().not_after.timestamp()).ok()
        });
        let chain = chain.iter().map(|one| one.clone().into_owned()).collect();
        Shown { chain, end, verdict: Mutex::default() }
    }
}

#[derive(Debug)]
struct CertificateResolver(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for CertificateResolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn provider() -> Arc<CryptoProvider> {
    // Named, not the process's default: a second provider anywhere in the build must not change what is served.
    Arc::new(aws_lc_rs::default_provider())
}

/// The one place where settings are made, for the first connection and after every exchange alike.
fn server_config(
    resolver: Arc<CertificateResolver>,
    clients: Option<&ClientAuthorities>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(TlsError::Unusable)?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(Arc::clone(&clients.0)),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if clients.is_some() {
        // A resumed session would bring its client's certificate back without showing it again.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}
