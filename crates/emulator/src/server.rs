//! The listener: TCP, TLS, HTTP/1.1 and HTTP/2.
//!
//! Has an accept loop of its own, so that a connection can be broken and the listener can go away and come back.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::app::{App, Outcome};
use crate::error::ApiError;
use crate::pki::ServerCertificate;
use crate::request::RawRequest;
use crate::sites::Door;

/// Largest body that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// As long as `keep-alive: timeout=25` promises, and a little more.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// TLS 1.2 and 1.3 with the offer of HTTP/2.
pub(crate) fn tls_config(certificate: ServerCertificate) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificate.chain, certificate.key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A listener with its connections.
pub(crate) struct Listener {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Listener {
    /// Serves HTTPS, or without `tls` plain HTTP, until `parent` is cancelled or [`Listener::stop`] is called.
    pub(crate) fn start(
        tcp: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        app: Arc<App>,
        parent: &CancellationToken,
    ) -> Self {
        let stop = parent.child_token();
        let tasks = TaskTracker::new();
        let server =
            Server { acceptor: tls.map(TlsAcceptor::from), app, stop: stop.clone(), tasks: tasks.clone() };
        tasks.spawn(server.accept(tcp));
        Self { stop, tasks }
    }

    /// Closes the port and breaks every connection; returns when all of it has ended.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

struct Server {
    /// None: plain HTTP.
    acceptor: Option<TlsAcceptor>,
    app: Arc<App>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    async fn accept(self, tcp: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = tcp.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let broken = self.stop.child_token();
                    let from = From { door: Door::Plain, peer: peer.ip() };
                    let connection =
                        serve(stream, self.acceptor.clone(), from, Arc::clone(&self.app), broken.clone());
                    self.tasks.spawn(async move {
                        tokio::select! {
                            () = broken.cancelled() => {}
                            () = connection => {}
                        }
                    });
                }
                Err(error) => {
                    // No descriptors left, for instance: others will be closed.
                    debug!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}

/// Where a request comes from.
#[derive(Clone, Copy)]
struct From {
    door: Door,
    peer: IpAddr,
}

/// One connection, from the handshake to its end.
async fn serve(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    from: From,
    app: Arc<App>,
    broken: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = acceptor else {
        return speak(stream, false, from, app, broken).await;
    };
    let stream = match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            debug!(%error, "TLS handshake failed");
            return;
        }
        Err(_) => return,
    };
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    speak(stream, is_h2, From { door: Door::Tls, ..from }, app, broken).await;
}

/// HTTP until one side ends it.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    is_h2: bool,
    from: From,
    app: Arc<App>,
    broken: CancellationToken,
) {
    let service = service_fn(move |request| respond(request, from, Arc::clone(&app), broken.clone()));
    let io = TokioIo::new(stream);
    let result = if is_h2 {
        http2::Builder::new(TokioExecutor::new()).timer(TokioTimer::new()).serve_connection(io, service).await
    } else {
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(io, service)
            .await
    };
    if let Err(error) = result {
        debug!(%error, "connection ended");
    }
}

async fn respond(
    request: Request<Incoming>,
    from: From,
    app: Arc<App>,
    broken: CancellationToken,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let version = request.version();
    let (mut raw, refused) = receive(request).await;
    raw.peer = Some(from.peer);
    match app.answer(from.door, raw, refused).await {
        Outcome::Answer(reply) => Ok(reply.into_response(version, (app.clock)())),
        Outcome::Site(reply) => Ok(reply.into_response((app.clock)())),
        Outcome::Silence => std::future::pending().await,
        Outcome::Break => {
            broken.cancel();
            // The connection's task ends before this does.
            std::future::pending().await
        }
    }
}

/// The request as it arrived; with an error when its body is too large, or breaks off.
async fn receive(request: Request<Incoming>) -> (RawRequest, Option<ApiError>) {
    let (parts, body) = request.into_parts();
    let is_origin_form = parts.version >= Version::HTTP_2 || parts.uri.authority().is_none();
    let target = match parts.uri.path_and_query() {
        Some(target) if is_origin_form => target.to_string(),
        _ => parts.uri.to_string(),
    };
    let mut headers: Vec<(String, String)> = Vec::with_capacity(parts.headers.len().saturating_add(1));
    if let (Some(authority), true) = (parts.uri.authority(), parts.version >= Version::HTTP_2) {
        headers.push(("host".to_owned(), authority.to_string()));
    }
    for (name, value) in &parts.headers {
        if name == http::header::HOST && parts.version >= Version::HTTP_2 && !headers.is_empty() {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers.push((name.as_str().to_owned(), value));
    }
    let (body, refused) = match timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => (body.to_bytes(), None),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            (Bytes::new(), Some(ApiError::body_too_large(MAX_BODY)))
        }
        Ok(Err(_)) | Err(_) => (Bytes::new(), Some(ApiError::malformed_request("the body did not arrive"))),
    };
    let raw = RawRequest::new(parts.method.as_str(), &target, &headers, body);
    (raw, refused)
}
