//! The constant server: hyper and rustls, reads the body and answers the same whatever was asked. It does nothing that
//! a webhook could leave out, so it is what webhooks are measured against.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::error::{Error, Result};

/// TLS 1.2 and 1.3 with both versions of HTTP, under a certificate of its own for 127.0.0.1 and localhost.
#[derive(Clone)]
pub struct Tls {
    /// For the server.
    pub config: Arc<ServerConfig>,
    /// The certificate, PEM: clients trust it as it is.
    pub certificate: String,
    /// Its key, PEM: for a server in a process of its own.
    pub key: String,
}

impl Tls {
    /// With a new key.
    ///
    /// # Errors
    /// Key or certificate cannot be made.
    pub fn new() -> Result<Tls> {
        let what = "making a certificate";
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).map_err(Error::failed(what))?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::failed(what))?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .map_err(Error::failed(what))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls {
            config: Arc::new(config),
            certificate: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        })
    }
}

/// What is answered, with status 200, as JSON.
pub type Constant = Bytes;

/// A TokenReview that lets `user` in.
pub fn token_review(version: &str, user: &str) -> Constant {
    let review = serde_json::json!({
        "kind": "TokenReview",
        "apiVersion": version,
        "metadata": {},
        "spec": {},
        "status": {"authenticated": true, "user": {"username": user, "uid": user, "groups": ["developers"]}},
    });
    review.to_string().into()
}

/// Answers everybody until the future is dropped.
pub async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, answer: Constant) {
    serve_with(listener, tls, move |_body| {
        let answer = answer.clone();
        async move { (StatusCode::OK, answer) }
    })
    .await;
}

/// The same with an answer that depends on the body: for tests of the load generator.
pub async fn serve_with<F, A>(listener: TcpListener, tls: Arc<ServerConfig>, answer: F)
where
    F: Fn(Bytes) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = (StatusCode, Bytes)> + Send + 'static,
{
    let acceptor = TlsAcceptor::from(tls);
    loop {
        // Out of descriptors, for instance: others will be closed.
        let Ok((stream, _peer)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        tokio::spawn(connection(stream, acceptor.clone(), answer.clone()));
    }
}

async fn connection<F, A>(stream: TcpStream, acceptor: TlsAcceptor, answer: F)
where
    F: Fn(Bytes) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = (StatusCode, Bytes)> + Send + 'static,
{
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let is_two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |request| respond(request, answer.clone()));
    let io = TokioIo::new(stream);
    // How a connection ends is the client's to tell.
    if is_two {
        let two = http2::Builder::new(TokioExecutor::new());
        let _ = two.serve_connection(io, service).await;
    } else {
        let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(io, service).await;
    }
}

async fn respond<F, A>(
    request: Request<Incoming>,
    answer: F,
) -> std::result::Result<Response<Full<Bytes>>, Infallible>
where
    F: Fn(Bytes) -> A,
    A: Future<Output = (StatusCode, Bytes)>,
{
    let (status, body) = match request.into_body().collect().await {
        Ok(body) => answer(body.to_bytes()).await,
        Err(_) => (StatusCode::BAD_REQUEST, Bytes::new()),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
