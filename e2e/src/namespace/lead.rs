//! From a unix socket to a TCP address: the way out of a network namespace.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// Hands each connection of a socket on to an address, until this value is dropped.
#[derive(Debug)]
pub(super) struct Lead {
    socket: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lead {
    pub(super) fn start(socket: PathBuf, address: SocketAddr) -> Result<Self> {
        let listener =
            std::os::unix::net::UnixListener::bind(&socket).map_err(Error::file("listen on", &socket))?;
        listener.set_nonblocking(true).map_err(Error::file("listen on", &socket))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::answer("starting the way out of a network namespace"))?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = serve(listener, address) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { socket, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: std::os::unix::net::UnixListener, address: SocketAddr) {
    let Ok(listener) = UnixListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _from)) = listener.accept().await else { continue };
        tokio::spawn(hand_on(stream, address));
    }
}

/// Where nobody listens at the address the program sees a connection that ends.
async fn hand_on(mut client: UnixStream, address: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(address).await {
        let _ = server.set_nodelay(true);
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}
