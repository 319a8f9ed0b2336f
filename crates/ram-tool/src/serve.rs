//! A small HTTP server: a bounded number of connections, one request each, within time limits.

use std::convert::Infallible;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

const MAX_CONNECTIONS: usize = 32;
/// The least that the HTTP library allows.
const MAX_HEADER_BYTES: usize = 8 * 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte of a connection to its end; what the answer takes is part of it.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);

/// Takes connections, a bounded number at a time, for ever.
pub(crate) async fn accept<A, F>(listener: &TcpListener, answer: A)
where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<String>>,
{
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => connections.push(serve(stream, &answer)),
                // Too many open files: it passes when a connection ends.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(()) = connections.next(), if !connections.is_empty() => {}
        }
    }
}

/// One connection, one request.
async fn serve<A, F>(stream: TcpStream, answer: &A)
where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<String>>,
{
    let service = hyper::service::service_fn(|request| {
        let answer = answer(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Who breaks the connection, or holds it for too long, gets nothing, and there is nobody to tell.
    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
}
