//! Documents that anybody may read: what a web site answers over TLS, and with which certificates.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::ACCEPT;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::api::{Fault, Way};
use crate::http::{self, Body};
use crate::network::{Proxy, ProxyRules, Trust, TrustError};

/// How long a site is waited for, and how much is read of it.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    /// What is said about the program that asks.
    pub user_agent: String,
    /// For the connection.
    pub connect_timeout: Duration,
    /// For the whole exchange.
    pub timeout: Duration,
    /// The longest document, in bytes.
    pub max_bytes: usize,
}

/// What a site answered.
#[derive(Clone, Debug)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// The document.
    pub body: Vec<u8>,
    /// The certificates that the server showed (DER), its own first. Empty where the platform checks certificates and does
    /// not tell.
    pub chain: Vec<Vec<u8>>,
}

/// Why there is no answer. One line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// It is no `https://HOST…`.
    #[error("it is no https URL")]
    Url,
    /// There is nothing to trust.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// No client could be made.
    #[error("no client can be made: {detail}")]
    Client {
        /// The library's words.
        detail: String,
    },
    /// There was no exchange.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The document is longer than the limit.
    #[error("it is longer than {max_bytes} bytes")]
    TooLong {
        /// The limit.
        max_bytes: usize,
    },
}

/// Reads documents of sites, each over a connection of its own, with no redirect followed.
pub struct SiteReader {
    trust: Trust,
    proxies: ProxyRules,
    options: SiteOptions,
}

impl fmt::Debug for SiteReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SiteReader").field("options", &self.options).finish_non_exhaustive()
    }
}

impl SiteReader {
    /// Connects to nothing yet.
    pub fn new(trust: Trust, proxies: ProxyRules, options: SiteOptions) -> Self {
        Self { trust, proxies, options }
    }

    /// Reads what stands at a URL.
    ///
    /// # Errors
    /// [`SiteError`].
    pub async fn get(&self, url: &str) -> Result<Page, SiteError> {
        let url = Url::parse(url).map_err(|_| SiteError::Url)?;
        let (host, port) = authority_of(&url).ok_or(SiteError::Url)?;
        let prepared = self.trust.prepare()?;
        let proxy = self.proxies.for_https(host, port);
        let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let unusable = |detail: String| SiteError::Client { detail };
        let of_library = |error: reqwest::Error| unusable(http::reason(&error));
        let mut builder = reqwest::Client::builder()
            .https_only(true)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(self.options.connect_timeout)
            .timeout(self.options.timeout)
            .user_agent(&self.options.user_agent)
            .no_proxy();
        if let Some(config) = prepared.config {
            let config = Witness::put_into(config, &prepared.authorities, &seen).map_err(unusable)?;
            builder = builder.tls_backend_preconfigured(config);
        }
        if let Some(proxy) = proxy {
            builder = builder.proxy(reqwest::Proxy::https(proxy.url()).map_err(of_library)?);
        }
        let client = builder.build().map_err(of_library)?;
        let proxy = proxy.map(Proxy::address);
        let way = Way {
            proxy: proxy.as_deref(),
            connect_timeout: self.options.connect_timeout,
            timeout: self.options.timeout,
            ca_setting: "SSL_CERT_FILE",
            trust_problems: &prepared.problems,
        };
        let failed = |error: reqwest::Error| SiteError::Fault(way.fault(&error));
        let response = client.get(url).header(ACCEPT, "application/json").send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let max_bytes = self.options.max_bytes;
        match http::read_body_of_at_most(response, max_bytes).await.map_err(failed)? {
            Body::Whole(body) => {
                let chain = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
                Ok(Page { status, body, chain })
            }
            Body::TooLarge => Err(SiteError::TooLong { max_bytes }),
        }
    }

    /// The trusted authority (DER) that the certificates of a site lead to, for servers that do not show it themselves.
    pub fn authority_of(&self, url: &str, chain: &[Vec<u8>], now: Timestamp) -> Option<Vec<u8>> {
        let url = Url::parse(url).ok()?;
        let (host, _) = authority_of(&url)?;
        let name =
            ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']').to_owned()).ok()?;
        let (leaf, others) = chain.split_first()?;
        let others: Vec<CertificateDer<'_>> =
            others.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let leaf = CertificateDer::from(leaf.as_slice());
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.as_second()).ok()?));
        let authorities = self.trust.prepare().ok()?.authorities;
        let leads_to = |authority: &&CertificateDer<'static>| {
            verifier(std::slice::from_ref(*authority))
                .is_ok_and(|verifier| verifier.verify_server_cert(&leaf, &others, &name, &[], now).is_ok())
        };
        authorities.iter().find(leads_to).map(|authority| authority.to_vec())
    }
}

fn authority_of(url: &Url) -> Option<(&str, u16)> {
    let host = url.host_str().filter(|host| !host.is_empty())?;
    (url.scheme() == "https").then_some((host, url.port_or_known_default()?))
}

fn verifier(authorities: &[CertificateDer<'static>]) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    let provider = Arc::new(aws_lc_rs::default_provider());
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| error.to_string())
}

/// Checks certificates as ever, and notes which were shown.
#[derive(Debug)]
struct Witness {
    inner: Arc<WebPkiServerVerifier>,
    algorithms: WebPkiSupportedAlgorithms,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Witness {
    fn put_into(
        mut config: ClientConfig,
        authorities: &[CertificateDer<'static>],
        seen: &Arc<Mutex<Vec<Vec<u8>>>>,
    ) -> Result<ClientConfig, String> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        let witness = Self { inner: verifier(authorities)?, algorithms, seen: Arc::clone(seen) };
        config.dangerous().set_certificate_verifier(Arc::new(witness));
        Ok(config)
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        let shown = std::iter::once(end_entity).chain(intermediates).map(|der| der.to_vec()).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
