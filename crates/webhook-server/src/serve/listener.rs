//! Sockets that listen: TCP, alone on its port or beside another process, and unix sockets.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

const BACKLOG: u32 = 1024;

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address; port 0 takes any free one.
    pub address: SocketAddr,
    /// Beside other processes of the same user that ask for the same (`SO_REUSEPORT`, socket(7)); the kernel shares new
    /// connections out among them.
    pub reuse_port: bool,
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Listen {
        Listen { address, reuse_port: false }
    }
}

/// Who is at the other end; an extension of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A process of this machine, over a unix socket.
    Local,
}

impl Peer {
    /// The port; 0 for a unix socket.
    pub fn port(self) -> u16 {
        match self {
            Peer::Tcp(address) => address.port(),
            Peer::Local => 0,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Tcp(address) => address.fmt(f),
            Peer::Local => f.write_str("unix socket"),
        }
    }
}

/// Whether some process listens at `address`. Nothing is connected to, and nobody else is kept from the port.
pub fn is_taken(address: SocketAddr) -> bool {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A socket that does not share its port cannot be bound beside one that listens (socket(7)).
        socket.set_reuseaddr(true)?;
        socket.bind(address)
    };
    bound().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{}", hint(.source, *.reuse_port))]
pub struct BindError {
    /// The address asked for.
    pub address: SocketAddr,
    /// Whether others on the port would have been welcome.
    pub reuse_port: bool,
    /// What the system said.
    pub source: io::Error,
}

fn hint(error: &io::Error, reuse_port: bool) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse if reuse_port => {
            "; the process that uses it has to run with --reuse-port too, and as the same user"
        }
        io::ErrorKind::AddrInUse => "; end the process that uses it, or choose another port",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege",
        _ => "",
    }
}

/// Why there is no unix socket.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on socket {}: {source}; its folder must be there and writable, and nothing else may have the name", .path.display())]
pub struct BindSocketError {
    /// The path asked for.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener),
}

impl Listener {
    pub(super) fn tcp(listen: Listen) -> Result<Listener, BindError> {
        let Listen { address, reuse_port } = listen;
        let bound = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_reuseaddr(true)?;
            socket.set_reuseport(reuse_port)?;
            socket.bind(address)?;
            let listener = socket.listen(BACKLOG)?;
            let address = listener.local_addr()?;
            Ok(Listener::Tcp(listener, address))
        };
        bound().map_err(|source| BindError { address, reuse_port, source })
    }

    pub(super) fn unix(path: &Path) -> Result<Listener, BindSocketError> {
        let bound = || {
            match fs::symlink_metadata(path) {
                Ok(present) if present.file_type().is_socket() => fs::remove_file(path)?,
                _ => {}
            }
            let listener = UnixListener::bind(path)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
            Ok(Listener::Unix(listener))
        };
        bound().map_err(|source| BindSocketError { path: path.to_owned(), source })
    }

    pub(super) fn address(&self) -> Peer {
        match self {
            Listener::Tcp(_, address) => Peer::Tcp(*address),
            Listener::Unix(_) => Peer::Local,
        }
    }

    pub(super) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Listener::Tcp(listener, _) => {
                listener.accept().await.map(|(stream, peer)| (Stream::Tcp(stream), Peer::Tcp(peer)))
            }
            Listener::Unix(listener) => {
                listener.accept().await.map(|(stream, _)| (Stream::Unix(stream), Peer::Local))
            }
        }
    }

    /// Everybody who has connected already, then the end of the listener, with as little as can be between the two.
    pub(super) fn close(self) -> Vec<(Stream, Peer)> {
        let Listener::Tcp(listener, _) = self else { return Vec::new() };
        let Ok(listener) = listener.into_std() else { return Vec::new() };
        let mut waiting = Vec::new();
        // It does not block: an empty queue is an error and the end of the loop.
        while let Ok((stream, peer)) = listener.accept() {
            waiting.push((stream, peer));
        }
        drop(listener);
        let streams = waiting.into_iter().filter_map(|(stream, peer)| {
            stream.set_nonblocking(true).ok()?;
            Some((Stream::Tcp(TcpStream::from_std(stream).ok()?), Peer::Tcp(peer)))
        });
        streams.collect()
    }
}

/// An accepted connection.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a unix socket.
    Unix(UnixStream),
}

impl Stream {
    pub(super) fn prepare(&self) {
        if let Stream::Tcp(stream) = self {
            // Answers are one small write each: waiting for more to send would only delay them.
            let _ = stream.set_nodelay(true);
        }
    }

    /// Ends it with RST instead of FIN (tcp(7), SO_LINGER).
    pub(super) fn reset(self) {
        self.will_reset();
    }

    /// The same, once it is dropped.
    pub(super) fn will_reset(&self) {
        if let Stream::Tcp(stream) = self {
            let _ = stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
