//! The listener: accepts, speaks TLS where asked to, HTTP/2 or HTTP/1.1, within limits, and ends gracefully.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_rustls::{Accept, TlsAcceptor};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::{ConnectionMetrics, Open};
use crate::respond::{self, Answer};
use crate::tls::{Client, Shown, Tls};

mod activity;
mod listener;
mod strangers;
mod streams;
mod turn;
use activity::Activity;
use listener::Listener;
pub use listener::{BindError, BindSocketError, Listen, Peer, Stream, is_taken};
use strangers::{Stranger, Strangers};
use streams::{Running, Streams, Whole};
pub use turn::wait_for_turn;

/// What a client may use up. [`Limits::default`] suits a webhook that only API servers and probes call.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections. For one more, the oldest makes room whose client has not shown the certificate it was asked for
    /// (or not ended its handshake, or came in plain HTTP); where there is none, the new one is closed at once (an API
    /// server tries again after a reset).
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

/// While draining, how long a client may take to leave after its last answer, and to ask once more over HTTP/1.1. One that is dead, or hears no GOAWAY, does
/// not hold up the end of the program.
const DRAIN_IDLE: Duration = Duration::from_secs(1);

/// While draining, how long a handshake may still take: whoever has connected is answered, not refused.
const DRAIN_HANDSHAKE: Duration = Duration::from_secs(3);

/// Requests at a time on an HTTP/2 connection whose client was asked for a certificate and has none: enough for metrics and
/// health. An answer that its client does not read stays in memory for as long as its stream is open.
const STREAMS_OF_STRANGERS: u32 = 4;

/// A bound socket. Connections queue from now on, and are answered once [`Server::serve`] runs.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    tls: Option<Arc<Tls>>,
    limits: Limits,
    metrics: ConnectionMetrics,
}

impl Server {
    /// Binds an address; port 0 takes any free one, see [`Server::address`]. Without `tls`, plain HTTP.
    ///
    /// # Errors
    /// [`BindError`], as when the port is in use.
    pub fn bind(
        listen: impl Into<Listen>,
        tls: Option<Arc<Tls>>,
        limits: Limits,
    ) -> Result<Server, BindError> {
        let listener = Listener::tcp(listen.into())?;
        Ok(Server { listener, tls, limits, metrics: ConnectionMetrics::default() })
    }

    /// Binds a unix socket that this process's user alone may connect to, in plain HTTP. A socket that is there already
    /// is replaced: it is another process's that has ended, or is being replaced.
    ///
    /// # Errors
    /// [`BindSocketError`], as when the folder is missing or something else than a socket has the name.
    pub fn bind_socket(path: &Path, limits: Limits) -> Result<Server, BindSocketError> {
        let listener = Listener::unix(path)?;
        Ok(Server { listener, tls: None, limits, metrics: ConnectionMetrics::default() })
    }

    /// Counts its connections in `metrics`.
    #[must_use]
    pub fn measured_by(mut self, metrics: ConnectionMetrics) -> Server {
        self.metrics = metrics;
        self
    }

    /// The address really bound; [`Peer::Local`] for a unix socket.
    pub fn address(&self) -> Peer {
        self.listener.address()
    }

    /// Serves until `shutdown`, then takes what has connected already, stops listening, tells clients to go (HTTP/2
    /// GOAWAY, HTTP/1.1 `Connection: close`), answers what is in flight, and returns: after `grace` at the latest. A
    /// client that had connected and not yet asked is answered too.
    ///
    /// A panic in `handler` ends its request only, and with HTTP/1.1 its connection.
    pub async fn serve<H, F>(self, handler: H, shutdown: CancellationToken, grace: Duration)
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let Server { listener, tls, limits, metrics } = self;
        let address = listener.address();
        let connections = TaskTracker::new();
        let given_up = CancellationToken::new();
        let slots = Arc::new(Semaphore::new(limits.connections));
        let requests = Arc::new(Semaphore::new(limits.requests));
        let strangers = Strangers::default();
        let begin = |stream: Stream, peer: Peer| {
            let slot = Arc::clone(&slots).try_acquire_owned().ok().or_else(|| {
                metrics.refused();
                strangers.make_room()
            });
            let Some(slot) = slot else {
                tracing::warn!(%peer, limit = limits.connections, "connection closed: too many are open");
                // An API server tries again after a reset, and not after an orderly end.
                stream.reset();
                return;
            };
            let stranger = strangers.enter(slot);
            let connection = Connection {
                peer,
                limits,
                handler: handler.clone(),
                // A token of its own: looking at a shared one takes a lock that all connections would wait for.
                shutdown: shutdown.child_token(),
                requests: Arc::clone(&requests),
                tls: tls.clone(),
                metrics: metrics.clone(),
                stranger,
                _open: metrics.opened(),
            };
            let served = connection.serve(stream);
            let given_up = given_up.child_token();
            connections.spawn(async move { given_up.run_until_cancelled(served).await });
        };
        while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
            let Some((stream, peer)) = accepted_or_pause(accepted).await else { continue };
            begin(stream, peer);
        }
        // Closing a listener resets who waits in its queue, though another process listens beside it.
        listener.close().into_iter().for_each(|(stream, peer)| begin(stream, peer));
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
async fn accepted_or_pause(accepted: io::Result<(Stream, Peer)>) -> Option<(Stream, Peer)> {
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
    peer: Peer,
    limits: Limits,
    handler: H,
    shutdown: CancellationToken,
    requests: Arc<Semaphore>,
    tls: Option<Arc<Tls>>,
    metrics: ConnectionMetrics,
    stranger: Stranger,
    _open: Open,
}

impl<H, F> Connection<H>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    async fn serve(mut self, stream: Stream) {
        stream.prepare();
        let Some(tls) = self.tls.clone() else {
            return self.speak(stream, false, Shown::default()).await;
        };
        let Some(stream) = self.shake_hands(TlsAcceptor::from(tls.config()).accept(stream)).await else {
            return;
        };
        let session = stream.get_ref().1;
        let shown = Shown::new(session.peer_certificates());
        match tls.client(&shown) {
            Client::NotAsked | Client::Verified => self.stranger.is_known(),
            Client::Unknown | Client::NoLongerTrusted => {
                self.limits.streams = self.limits.streams.min(STREAMS_OF_STRANGERS);
                self.limits.idle = self.limits.idle.min(self.limits.head);
            }
        }
        let two = session.alpn_protocol() == Some(b"h2");
        self.speak(stream, two, shown).await;
    }

    async fn shake_hands(
        &self,
        mut handshake: Accept<Stream>,
    ) -> Option<tokio_rustls::server::TlsStream<Stream>> {
        let sent_away = self.stranger.sent_away();
        let late_in_the_drain = async {
            self.shutdown.cancelled().await;
            sleep(DRAIN_HANDSHAKE).await;
        };
        let outcome = tokio::select! {
            outcome = timeout(self.limits.handshake, &mut handshake) => outcome.ok(),
            () = late_in_the_drain => None,
            () = sent_away.cancelled() => {
                self.tell_sent_away();
                // Perhaps an API server, which tries again after a reset.
                handshake.get_ref().inspect(|stream| stream.will_reset());
                return None;
            }
        };
        let peer = self.peer;
        match outcome {
            Some(Ok(stream)) => return Some(stream),
            Some(Err(error)) if is_about_the_client(&error) => {
                self.metrics.handshake_failed("client_certificate");
                tracing::warn!(%peer, %error, "client certificate refused");
            }
            Some(Err(error)) => {
                self.metrics.handshake_failed("other");
                tracing::debug!(%peer, %error, "TLS handshake failed");
            }
            None => {
                self.metrics.handshake_failed("timeout");
                tracing::debug!(%peer, "TLS handshake took too long");
            }
        }
        None
    }

    fn tell_sent_away(&self) {
        let (peer, limit) = (self.peer, self.limits.connections);
        tracing::warn!(%peer, limit, "connection closed: too many are open, and its client has not shown who it is");
    }

    fn builder(&self, streams: Streams) -> auto::Builder<Streams> {
        let mut builder = auto::Builder::new(streams);
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

    /// HTTP/2 where `two` says so, else HTTP/1.1.
    ///
    /// With HTTP/2, GOAWAY says which requests were too late, and clients send those again. HTTP/1.1 cannot: a request
    /// that meets the end of its connection is lost, and an API server does not try that one again (it speaks HTTP/1.1 to
    /// admission webhooks). So a client of HTTP/1.1 that is to leave is told so in its next answer (RFC 9112, section
    /// 9.6), and only one that asks nothing for a while is cut off.
    async fn speak<I>(&self, io: I, two: bool, shown: Shown)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::new(Activity::default());
        let service = service_fn(|request| {
            let request_in_flight = Activity::begin(&activity);
            let answer = self.answer(request, &shown);
            let shutdown = (!two).then(|| self.shutdown.clone());
            async move {
                let _request_in_flight = request_in_flight;
                let mut answer = answer.await;
                if shutdown.is_some_and(|shutdown| shutdown.is_cancelled()) {
                    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let (streams, mut running) = (Streams::default(), Running::default());
        let builder = self.builder(streams.clone());
        let builder = if two { builder.http2_only() } else { builder.http1_only() };
        let mut connection = pin!(builder.serve_connection(TokioIo::new(Whole(io)), service));
        let (mut draining, mut asked_to_leave) = (false, false);
        let sent_away = self.stranger.sent_away();
        loop {
            let (before_first, between) = match draining {
                true => (DRAIN_IDLE, DRAIN_IDLE),
                false => (self.limits.head, self.limits.idle),
            };
            let look_again = activity.look_again_at(before_first, between);
            tokio::select! {
                ended = streams.run(connection.as_mut(), &mut running) => {
                    if let Err(error) = ended {
                        tracing::debug!(peer = %self.peer, %error, "connection ended");
                    }
                    return;
                }
                () = sent_away.cancelled() => return self.tell_sent_away(),
                () = self.shutdown.cancelled(), if !draining => {
                    draining = true;
                    activity.touch();
                    // One that has not asked anything yet is about to: sent away now, it would be refused.
                    if two && activity.had_a_request() && !std::mem::replace(&mut asked_to_leave, true) {
                        connection.as_mut().graceful_shutdown();
                    }
                }
                () = activity.first_request(), if two && draining && !asked_to_leave => {
                    asked_to_leave = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = sleep_until(look_again) => {
                    if !activity.is_idle(before_first, between) {
                        continue;
                    }
                    // A client that was asked to leave and has not within such a period is cut off.
                    if std::mem::replace(&mut asked_to_leave, true) {
                        return;
                    }
                    activity.touch();
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    /// The handler's answer, within the limits of number and time.
    fn answer(
        &self,
        mut request: Request<Incoming>,
        shown: &Shown,
    ) -> impl Future<Output = Answer> + Send + use<H, F> + 'static {
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(self.tls.as_ref().map_or(Client::NotAsked, |tls| tls.client(shown)));
        let slot = Arc::clone(&self.requests).try_acquire_owned();
        // In a box: a handler's state is some kilobytes, which would be moved at each step from here to its task.
        let answer = slot.map(|slot| (slot, timeout(self.limits.request, Box::pin((self.handler)(request)))));
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

/// Whether a handshake failed for the client's own certificate, and not for its version, its ciphers, or its silence.
fn is_about_the_client(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}
