//! The listener: accepts, speaks TLS where asked to, HTTP/2 or HTTP/1.1, within limits, and ends gracefully.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::respond::{self, Answer};

mod activity;
use activity::Activity;

/// What a client may use up. [`Limits::default`] suits a webhook that only API servers and probes call.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections; one more is closed at once (an API server tries again after a reset).
    pub connections: usize,
    /// Requests at a time, over all connections; one more is 503 with `Retry-After: 1`. Times the body limit of the
    /// handler, this bounds the memory that clients can fill.
    pub requests: usize,
    /// Time for the TLS handshake.
    pub handshake: Duration,
    /// Time from a connection's (or, with HTTP/1.1, the last request's) end until the next head is complete.
    pub head: Duration,
    /// Bytes of a request's head, request line and all header fields: beyond it, 431.
    pub head_bytes: u32,
    /// Time from the head to the answer; then 503 with `Retry-After: 1`.
    pub request: Duration,
    /// Time that an HTTP/2 connection may be without a request.
    pub idle: Duration,
    /// Requests at a time on one HTTP/2 connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 1024,
            requests: 1024,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            head_bytes: 64 * 1024,
            request: Duration::from_secs(20),
            idle: Duration::from_secs(300),
            streams: 250,
        }
    }
}

/// While draining, how long a client may take to leave after its last answer. One that is dead, or hears no GOAWAY, does
/// not hold up the end of the program.
const DRAIN_IDLE: Duration = Duration::from_secs(1);

/// Who is at the other end; an extension of each request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", hint(.source))]
pub struct BindError {
    /// The address asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; end the process that uses it, or choose another port",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege",
        _ => "",
    }
}

/// A bound socket. Connections queue from now on, and are answered once [`Server::serve`] runs.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    limits: Limits,
}

impl Server {
    /// Binds `address`; port 0 takes any free one, see [`Server::address`]. Without `tls`, plain HTTP.
    ///
    /// # Errors
    /// [`BindError`], as when the port is in use.
    pub fn bind(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        limits: Limits,
    ) -> Result<Server, BindError> {
        const BACKLOG: u32 = 1024;
        let bound = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let listener = socket.listen(BACKLOG)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = bound().map_err(|source| BindError { address, source })?;
        Ok(Server { listener, address, tls, limits })
    }

    /// The address really bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`, then stops accepting, tells clients to go (HTTP/2 GOAWAY, HTTP/1.1 `Connection:
    /// close`), answers what is in flight, and returns: after `grace` at the latest.
    ///
    /// A panic in `handler` ends its connection only.
    pub async fn serve<H, F>(self, handler: H, shutdown: CancellationToken, grace: Duration)
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let Server { listener, address, tls, limits } = self;
        let connections = TaskTracker::new();
        let given_up = CancellationToken::new();
        let slots = Arc::new(Semaphore::new(limits.connections));
        let requests = Arc::new(Semaphore::new(limits.requests));
        let tls = tls.map(TlsAcceptor::from);
        while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
            let Some((stream, peer)) = accepted_or_pause(accepted).await else { continue };
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                tracing::warn!(%peer, limit = limits.connections, "connection closed: too many are open");
                continue;
            };
            let connection = Connection {
                peer,
                limits,
                handler: handler.clone(),
                shutdown: shutdown.clone(),
                requests: Arc::clone(&requests),
                _slot: slot,
            };
            let served = connection.serve(stream, tls.clone());
            let given_up = given_up.clone();
            connections.spawn(async move { given_up.run_until_cancelled(served).await });
        }
        drop(listener);
        connections.close();
        tracing::debug!(%address, open = connections.len(), "no longer accepting connections");
        if timeout(grace, connections.wait()).await.is_err() {
            tracing::warn!(%address, open = connections.len(), "connections cut off at the end of the grace period");
            given_up.cancel();
            connections.wait().await;
        }
    }
}

/// Most errors of accept(2) concern one connection. Those of the process (no file descriptors left) pass: a short pause
/// instead of a busy loop, and the listener stays.
async fn accepted_or_pause(accepted: io::Result<(TcpStream, SocketAddr)>) -> Option<(TcpStream, SocketAddr)> {
    match accepted {
        Ok(connection) => Some(connection),
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => None,
        Err(error) => {
            tracing::error!(%error, "cannot accept a connection");
            sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

struct Connection<H> {
    peer: SocketAddr,
    limits: Limits,
    handler: H,
    shutdown: CancellationToken,
    requests: Arc<Semaphore>,
    _slot: OwnedSemaphorePermit,
}

impl<H, F> Connection<H>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        // Answers are one small write each: waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else {
            let builder = self.builder().http1_only();
            return self.speak(stream, builder).await;
        };
        let handshake = timeout(self.limits.handshake, tls.accept(stream));
        match self.shutdown.run_until_cancelled(handshake).await {
            // In the middle of a handshake there is no request yet to answer.
            None => {}
            Some(Err(_)) => tracing::debug!(peer = %self.peer, "TLS handshake took too long"),
            Some(Ok(Err(error))) => tracing::debug!(peer = %self.peer, %error, "TLS handshake failed"),
            Some(Ok(Ok(stream))) => {
                let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let builder = if two { self.builder().http2_only() } else { self.builder().http1_only() };
                self.speak(stream, builder).await;
            }
        }
    }

    fn builder(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_buf_size(usize::try_from(self.limits.head_bytes).unwrap_or(usize::MAX));
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.limits.streams)
            .max_header_list_size(self.limits.head_bytes)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10));
        builder
    }

    async fn speak<I>(&self, io: I, builder: auto::Builder<TokioExecutor>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::new(Activity::default());
        let service = service_fn(|request| {
            let request_in_flight = Activity::begin(&activity);
            let answer = self.answer(request);
            async move {
                let _request_in_flight = request_in_flight;
                Ok::<_, Infallible>(answer.await)
            }
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
        let mut ending = false;
        loop {
            let (before_first, between) = match self.shutdown.is_cancelled() {
                true => (DRAIN_IDLE, DRAIN_IDLE),
                false => (self.limits.head, self.limits.idle),
            };
            let look_again = activity.look_again_at(before_first, between);
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(peer = %self.peer, %error, "connection ended");
                    }
                    return;
                }
                () = self.shutdown.cancelled(), if !ending => {
                    ending = true;
                    activity.touch();
                    connection.as_mut().graceful_shutdown();
                }
                () = sleep_until(look_again) => {
                    if !activity.is_idle(before_first, between) {
                        continue;
                    }
                    // A client that was asked to leave and has not within such a period is cut off.
                    if std::mem::replace(&mut ending, true) {
                        return;
                    }
                    activity.touch();
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    /// The handler's answer, within the limits of number and time.
    fn answer(&self, mut request: Request<Incoming>) -> impl Future<Output = Answer> + Send + 'static {
        request.extensions_mut().insert(Peer(self.peer));
        let slot = Arc::clone(&self.requests).try_acquire_owned();
        let answer = slot.map(|slot| (slot, timeout(self.limits.request, (self.handler)(request))));
        async move {
            match answer {
                Err(_) => respond::unavailable(1, "too many requests are under way; try again"),
                Ok((_slot, answer)) => answer
                    .await
                    .unwrap_or_else(|_| respond::unavailable(1, "the request took too long; try again")),
            }
        }
    }
}
