//! A CONNECT proxy (RFC 9110, section 9.3.6) to the emulator alone, so that programs which know nothing but real host
//! names can be pointed at it with `HTTPS_PROXY`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info};

use crate::host::is_loopback;
use crate::pki;
use crate::record::MAX_RECORDED;
use crate::sync::Guarded;

/// What is read of a request before it is refused, in bytes; hyper takes no less.
const MAX_HEAD: usize = 8192;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Host names are cut to this where they are recorded: no real one is longer.
const MAX_TARGET: usize = 300;

/// A request that arrived at the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyRequest {
    /// `CONNECT`; another where a program sends plain HTTP through the proxy.
    pub method: String,
    /// Host and port that were asked for: `sts.aliyuncs.com:443`. Of a plain request the host alone, if it has no port.
    pub target: String,
    /// HTTP status of the proxy's answer: 200, 403 for a host that is not the emulator's, 502 while the emulator does
    /// not listen.
    pub status: u16,
}

/// Everything that outlives a connection.
pub(crate) struct Proxy {
    /// DNS names of the emulator's certificate.
    names: Vec<String>,
    /// Where the emulator listens.
    emulator: SocketAddr,
    requests: Guarded<VecDeque<ProxyRequest>>,
}

impl Proxy {
    pub(crate) fn new(names: Vec<String>, emulator: SocketAddr) -> Self {
        Self { names, emulator, requests: Guarded::default() }
    }

    pub(crate) fn requests(&self) -> Vec<ProxyRequest> {
        self.requests.lock().iter().cloned().collect()
    }

    pub(crate) fn clear(&self) {
        self.requests.lock().clear();
    }

    /// Serves until `stop`; every connection is a task among `tasks`.
    pub(crate) fn start(self: &Arc<Self>, tcp: TcpListener, stop: &CancellationToken, tasks: &TaskTracker) {
        let (proxy, stop, connections) = (Arc::clone(self), stop.clone(), tasks.clone());
        tasks.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = stop.cancelled() => return,
                    accepted = tcp.accept() => accepted,
                };
                match accepted {
                    Ok((stream, _)) => {
                        let connection = Arc::clone(&proxy).serve(stream, stop.clone(), connections.clone());
                        spawn_until(&connections, stop.clone(), connection);
                    }
                    Err(error) => {
                        debug!(%error, "the proxy cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        });
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, stop: CancellationToken, tasks: TaskTracker) {
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| {
            let (proxy, stop, tasks) = (Arc::clone(&self), stop.clone(), tasks.clone());
            async move { Ok::<_, Infallible>(proxy.respond(request, stop, &tasks).await) }
        });
        let result = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
        if let Err(error) = result {
            debug!(%error, "a connection to the proxy ended");
        }
    }

    async fn respond(
        &self,
        mut request: Request<Incoming>,
        stop: CancellationToken,
        tasks: &TaskTracker,
    ) -> Response<Full<Bytes>> {
        let target = target(&request);
        let result = self.connect(&request, &target).await;
        let status = result.as_ref().map_or_else(|(status, _)| *status, |_| StatusCode::OK);
        info!(method = %request.method(), target, status = status.as_u16(), "proxy request");
        self.record(ProxyRequest { method: request.method().to_string(), target, status: status.as_u16() });
        match result {
            Ok(emulator) => {
                let upgrade = hyper::upgrade::on(&mut request);
                spawn_until(tasks, stop, tunnel(upgrade, emulator));
                Response::new(Full::default())
            }
            Err((status, problem)) => refusal(status, problem),
        }
    }

    /// A connection to the emulator, where that is what the request asks for.
    async fn connect(
        &self,
        request: &Request<Incoming>,
        target: &str,
    ) -> Result<TcpStream, (StatusCode, String)> {
        if request.method() != Method::CONNECT {
            let problem = format!("ram-emulator's proxy takes CONNECT only, and not plain HTTP to {target}");
            return Err((StatusCode::FORBIDDEN, problem));
        }
        if !request.uri().authority().is_some_and(|authority| self.is_ours(authority)) {
            let problem = format!(
                "ram-emulator's proxy connects to the emulator's own host names, port 443, and not to {target}"
            );
            return Err((StatusCode::FORBIDDEN, problem));
        }
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(self.emulator)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(_)) | Err(_) => {
                Err((StatusCode::BAD_GATEWAY, format!("the emulator does not listen on {}", self.emulator)))
            }
        }
    }

    /// A name of the emulator's certificate with port 443, or the emulator's very address.
    fn is_ours(&self, authority: &Authority) -> bool {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        match authority.port_u16() {
            Some(443) if !is_loopback(host) => self.names.iter().any(|name| pki::covers(name, host)),
            Some(port) => is_loopback(host) && port == self.emulator.port(),
            None => false,
        }
    }

    fn record(&self, request: ProxyRequest) {
        let mut requests = self.requests.lock();
        if requests.len() >= MAX_RECORDED {
            requests.pop_front();
        }
        requests.push_back(request);
    }
}

/// Host and port, without path, query and user.
fn target(request: &Request<Incoming>) -> String {
    let host = || request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let text = match request.uri().authority() {
        Some(authority) => authority.as_str().rsplit('@').next().unwrap_or_default(),
        None => host().unwrap_or_default(),
    };
    text.chars().take(MAX_TARGET).collect()
}

fn refusal(status: StatusCode, problem: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(problem + "\n"));
    *response.status_mut() = status;
    // Some clients show this line of the answer and nothing else.
    if status == StatusCode::FORBIDDEN {
        let reason = ReasonPhrase::from_static(b"Not a Host of ram-emulator");
        response.extensions_mut().insert(reason);
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=utf-8"));
    // Clients close after a refusal anyway, and some wait for the end of the body.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Carries bytes both ways until the emulator's side ends, which has time limits of its own.
async fn tunnel(upgrade: OnUpgrade, emulator: TcpStream) {
    let Ok(client) = upgrade.await else { return };
    let _ = emulator.set_nodelay(true);
    let (mut client_reads, mut client_writes) = split(TokioIo::new(client));
    let (mut emulator_reads, mut emulator_writes) = emulator.into_split();
    let up = async {
        let _ = copy(&mut client_reads, &mut emulator_writes).await;
        let _ = emulator_writes.shutdown().await;
        // What the emulator still has to say may follow.
        std::future::pending::<()>().await;
    };
    let down = async {
        let _ = copy(&mut emulator_reads, &mut client_writes).await;
        let _ = client_writes.shutdown().await;
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

fn spawn_until(
    tasks: &TaskTracker,
    stop: CancellationToken,
    task: impl Future<Output = ()> + Send + 'static,
) {
    tasks.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = task => {}
        }
    });
}
