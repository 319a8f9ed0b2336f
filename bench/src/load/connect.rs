//! Opening a connection: TCP, TLS, HTTP.

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::target::{Http, Target};
use super::wire::{Fault, Wire};

/// Room for answers that are not read yet, of a stream and of a connection: as Go's client offers it, so that no
/// request waits for it.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024 * 1024;

/// A connection that is open. Must be called on a `LocalSet`, where the connection's own task runs.
pub(super) async fn connect(target: &Target) -> Result<Wire, Fault> {
    let cannot = |error: std::io::Error| format!("cannot connect: {error}");
    let stream = TcpStream::connect(target.address).await.map_err(cannot)?;
    stream.set_nodelay(true).map_err(cannot)?;
    let tls = TlsConnector::from(std::sync::Arc::clone(&target.tls));
    let stream = tls.connect(target.name.clone(), stream).await.map_err(cannot)?;
    if stream.get_ref().1.alpn_protocol() != Some(target.http.protocol()) {
        return Err(format!(
            "the server does not speak {:?}",
            String::from_utf8_lossy(target.http.protocol())
        ));
    }
    match target.http {
        Http::One => {
            let (send, connection) = http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream))
                .await
                .map_err(|error| format!("cannot connect: {error}"))?;
            tokio::task::spawn_local(connection);
            Ok(Wire::One(send))
        }
        Http::Two => {
            let (send, connection) = h2::client::Builder::new()
                .initial_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .enable_push(false)
                .handshake(stream)
                .await
                .map_err(|error| format!("cannot connect: {error}"))?;
            tokio::task::spawn_local(connection);
            Ok(Wire::Two(send))
        }
    }
}
