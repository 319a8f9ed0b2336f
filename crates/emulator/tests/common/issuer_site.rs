//! The web site of an OIDC issuer: discovery document and keys, over TLS with certificates of its own authority.

// Each test program uses a part of this.
#![allow(dead_code)]

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        Self(CertifiedIssuer::self_signed(authority_params(name), KeyPair::generate().unwrap()).unwrap())
    }

    /// An authority under this one.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let params = authority_params(name);
        Self(CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &self.0).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// The SHA-1 of its certificate, in hex.
    pub(crate) fn fingerprint(&self) -> String {
        let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, self.0.der());
        sha1.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// A server's certificate for these names with these others behind it, and its key.
    pub(crate) fn server(&self, names: &[&str], others: &[&Self]) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let mut chain = vec![params.unwrap().signed_by(&key, &self.0).unwrap().der().clone()];
        chain.extend(others.iter().map(|other| other.der()));
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap()
    }
}

/// What the site answers at a path: status, headers, body.
#[derive(Clone)]
pub(crate) struct Page(pub(crate) u16, pub(crate) Vec<(&'static str, String)>, pub(crate) String);

#[derive(Default)]
struct Content {
    pages: HashMap<String, Page>,
    asked: Vec<String>,
}

/// A site at 127.0.0.1 that answers while it is there.
pub(crate) struct IssuerSite {
    address: SocketAddr,
    content: Arc<Mutex<Content>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for IssuerSite {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl IssuerSite {
    pub(crate) async fn start(tls: ServerConfig) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let content: Arc<Mutex<Content>> = Arc::default();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let shared = Arc::clone(&content);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = tcp.accept().await {
                let (acceptor, content) = (acceptor.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(move |request: Request<Incoming>| {
                        let page = answer(&content, request.uri().path());
                        async move { Ok::<_, Infallible>(page) }
                    });
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, content, task }
    }

    /// `https://127.0.0.1:PORT/c1`, or with another host.
    pub(crate) fn issuer_at(&self, host: &str) -> String {
        format!("https://{host}:{}/c1", self.address.port())
    }

    pub(crate) fn issuer(&self) -> String {
        self.issuer_at("127.0.0.1")
    }

    pub(crate) fn page(&self, path: &str, page: Page) {
        self.content.lock().unwrap().pages.insert(path.to_owned(), page);
    }

    /// Publishes the discovery document of the issuer and these keys.
    pub(crate) fn publish(&self, issuer: &str, jwks: &str) {
        let jwks_uri = format!("{}/keys", self.issuer());
        self.page("/c1/keys", Page(200, Vec::new(), jwks.to_owned()));
        let document = json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string();
        self.page("/c1/.well-known/openid-configuration", Page(200, Vec::new(), document));
    }

    /// The paths that were asked for since this was last called.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.content.lock().unwrap().asked)
    }
}

fn answer(content: &Mutex<Content>, path: &str) -> Response<Full<Bytes>> {
    let mut content = content.lock().unwrap();
    content.asked.push(path.to_owned());
    let Page(status, headers, body) =
        content.pages.get(path).cloned().unwrap_or_else(|| Page(404, Vec::new(), String::new()));
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Full::new(Bytes::from(body))).unwrap()
}
