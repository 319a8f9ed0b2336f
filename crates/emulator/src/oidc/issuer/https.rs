//! One GET over TLS.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, HOST};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::trust::Trust;

/// Largest document, in bytes.
pub(super) const MAX_DOCUMENT: usize = 256 * 1024;
/// Of `https`.
const PORT: u16 = 443;

/// Why a document was not had.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// The server's certificate is no good.
    #[error("its certificate is not trusted: {0}")]
    NotTrusted(String),
    /// It is good, and issued under another authority than those that the provider names.
    #[error("no certificate authority above its certificate has a fingerprint of the provider's")]
    Fingerprint,
    /// Anything else.
    #[error("{0}")]
    Broken(String),
}

/// Fetches a document with HTTP/1.1 over TLS. Redirects are not followed, and no proxy is asked. Where there are
/// fingerprints, nothing is sent before the server has shown a certificate that was issued under one of them.
pub(super) async fn get(url: &str, trust: &Trust, fingerprints: &[String]) -> Result<Bytes, Failure> {
    let broken = |problem: &str| Failure::Broken(format!("{url}: {problem}"));
    let uri: Uri = url.parse().map_err(|_| broken("is no URL"))?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    let Some(authority) = authority.filter(|_| uri.scheme_str() == Some("https")) else {
        return Err(broken("is not of the form https://HOST…"));
    };
    let host = authority.host();
    // An IPv6 address stands in brackets in a URL, and nowhere else.
    let name = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let server = ServerName::try_from(name.to_owned()).map_err(|_| broken("has no host name"))?;
    let port = authority.port_u16().unwrap_or(PORT);
    let tcp = TcpStream::connect((name, port)).await.map_err(|error| broken(&error.to_string()))?;
    let tls = TlsConnector::from(Arc::clone(&trust.config)).connect(server.clone(), tcp).await;
    let stream = tls.map_err(|error| match certificate_problem(&error) {
        Some(problem) => Failure::NotTrusted(format!("{url}: {problem}")),
        None => broken(&error.to_string()),
    })?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    if !fingerprints.is_empty() && !trust.leads_to(fingerprints, chain, &server) {
        return Err(Failure::Fingerprint);
    }
    let fault = |error: hyper::Error| Failure::Broken(format!("{url}: {error}"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(fault)?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(HOST, authority.as_str())
        .header(ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())
        .map_err(|_| broken("makes no request"))?;
    let response = sender.send_request(request).await.map_err(fault)?;
    if response.status() != StatusCode::OK {
        return Err(broken(&format!("HTTP status {}", response.status().as_u16())));
    }
    let body = Limited::new(response.into_body(), MAX_DOCUMENT).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|error| broken(&error.to_string()))
}

/// What is wrong with the server's certificate, where that is why the handshake failed.
fn certificate_problem(error: &std::io::Error) -> Option<String> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        problem @ (rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Some(problem.to_string())
        }
        _ => None,
    }
}
