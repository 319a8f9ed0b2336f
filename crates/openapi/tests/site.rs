//! Documents of a web site, over real TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

#[path = "support/login.rs"]
#[allow(dead_code, unreachable_pub)]
mod login;
mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use emulator::{Config, Emulator};
use jiff::Timestamp;
use openapi::network::{ProxyRules, Trust};
use openapi::site::{SiteError, SiteOptions, SiteReader};
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use support::{Server, json, silent};

const CONFIG: &str = "accounts: [{id: \"1234567890123456\"}]";

fn reader(ca: Option<&str>, max_bytes: usize) -> SiteReader {
    let variable = |name: &str| ca.filter(|_| name == "SSL_CERT_FILE").map(str::to_owned);
    let options = SiteOptions {
        user_agent: "test".to_owned(),
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(15),
        max_bytes,
    };
    SiteReader::new(Trust::from_environment(&variable), ProxyRules::default(), options)
}

/// Shows a certificate, whether the key is its own or not.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A site with this certificate, and this key, on one version of TLS.
fn site(
    version: &'static SupportedProtocolVersion,
    certificate: &rcgen::Certificate,
    key: &rcgen::KeyPair,
) -> SocketAddr {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let shown = Shown(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)));
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // The thread ends with the test process.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            // A client that gives up is no failure of the server.
            if stream.read(&mut [0; 1024]).is_ok() {
                let _ = stream.write_all(&json(200, "{}")).and_then(|()| stream.flush());
            }
        }
    });
    address
}

#[tokio::test]
async fn a_certificate_without_its_key_is_nobody() {
    let own = rcgen::KeyPair::generate().unwrap();
    let others = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&own).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, certificate.pem()).unwrap();
    let reader = reader(ca.to_str(), 100_000);
    for version in [&TLS13, &TLS12] {
        let url = format!("https://{}/", site(version, &certificate, &own));
        assert_eq!(reader.get(&url).await.unwrap().body, b"{}", "{version:?}");
        let url = format!("https://{}/", site(version, &certificate, &others));
        let stolen = reader.get(&url).await.unwrap_err().to_string();
        assert!(stolen.contains("no trusted TLS connection"), "{version:?}: {stolen}");
    }
}

#[tokio::test]
async fn a_site_that_never_answers_is_given_up() {
    // One that says nothing at all, and one that says nothing any more.
    let (address, _kept) = silent();
    let quiet = Server::tls("127.0.0.1", |_| {
        loop {
            std::thread::park();
        }
    });
    let options = SiteOptions {
        user_agent: "test".to_owned(),
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        max_bytes: 100_000,
    };
    let reader = SiteReader::new(Trust::File(quiet.ca_file()), ProxyRules::default(), options);
    for address in [address, quiet.address] {
        let url = format!("https://{address}/");
        let answer = tokio::time::timeout(Duration::from_secs(60), reader.get(&url)).await;
        let error = answer.expect("it has a time limit of its own").unwrap_err();
        assert!(matches!(error, SiteError::Fault(_)), "{error}");
    }
    assert_eq!(quiet.received().len(), 1);
}

#[tokio::test]
async fn a_site_is_read_through_the_proxy_that_is_set() {
    let site = Server::tls("site.example", |_| json(200, "{}"));
    let tunnel = login::Tunnel::to(site.address);
    let proxy = format!("http://{}", tunnel.address);
    let variable = |name: &str| (name == "HTTPS_PROXY").then(|| proxy.clone());
    let options = SiteOptions {
        user_agent: "test".to_owned(),
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(15),
        max_bytes: 100_000,
    };
    let proxies = ProxyRules::from_environment(&variable).unwrap();
    let reader = SiteReader::new(Trust::File(site.ca_file()), proxies, options);
    let page = reader.get("https://site.example/keys").await.unwrap();
    assert_eq!((page.status, page.body.as_slice(), page.chain.len()), (200, &b"{}"[..], 1));
    assert_eq!(tunnel.asked(), ["site.example:443"]);
}

#[tokio::test]
async fn a_page_comes_with_the_certificates_of_its_server() {
    let emulator = Emulator::builder(Config::from_yaml(CONFIG, "test").unwrap()).start().await.unwrap();
    let ca = emulator.ca_file().to_str().unwrap().to_owned();
    let url = format!("https://{}/nothing", emulator.address());
    let page = reader(Some(&ca), 100_000).get(&url).await.unwrap();
    assert_ne!(page.status, 200);
    assert!(!page.body.is_empty() && !page.chain.is_empty());

    // The authority is known whether the server shows it or not; another site's name, or another time, leads nowhere.
    let reader_here = reader(Some(&ca), 100_000);
    let authority = reader_here.authority_of(&url, &page.chain, Timestamp::now()).unwrap();
    assert_eq!(reader_here.authority_of(&url, &page.chain[..1], Timestamp::now()), Some(authority));
    assert_eq!(reader_here.authority_of("https://other.example/", &page.chain, Timestamp::now()), None);
    assert_eq!(reader_here.authority_of(&url, &page.chain, Timestamp::UNIX_EPOCH), None);
    assert_eq!(reader_here.authority_of(&url, &[], Timestamp::now()), None);

    let long = reader(Some(&ca), page.body.len() - 1).get(&url).await;
    assert!(matches!(long, Err(SiteError::TooLong { .. })), "{long:?}");
    let plain = reader(Some(&ca), 100_000).get(&url.replace("https", "http")).await;
    assert!(matches!(plain, Err(SiteError::Url)), "{plain:?}");

    // An authority of another emulator.
    let other = Emulator::builder(Config::from_yaml(CONFIG, "test").unwrap()).start().await.unwrap();
    let untrusted = reader(other.ca_file().to_str(), 100_000).get(&url).await.unwrap_err().to_string();
    assert!(
        untrusted.contains("no trusted TLS connection") && untrusted.contains("SSL_CERT_FILE"),
        "{untrusted}"
    );
}
