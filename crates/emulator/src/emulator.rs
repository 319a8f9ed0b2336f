//! The library's handle on a running emulator.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::ServerConfig;
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::warn;

use crate::app::{App, Clock};
use crate::config::Config;
use crate::fault::PlannedFault;
use crate::pki::{self, PkiError, StateDir};
use crate::proxy::Proxy;
use crate::record::RecordedRequest;
use crate::server::{self, Listener};

mod container_service;
mod directory;
mod side;

use side::{Side, SidePlan};

const DEFAULT_REGION: &str = "cn-hangzhou";
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Why the emulator could not start. Each message is one line.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address could be reached from elsewhere.
    #[error(
        "cannot listen on {0}: the emulator's keys are no secret, so it listens on loopback only; take 127.0.0.1 or [::1]"
    )]
    NotLoopback(SocketAddr),
    /// Metadata may be had at loopback addresses, and at the address that it has in reality.
    #[error(
        "cannot serve metadata on {0}: the emulator's keys are no secret, so take a loopback address, or 100.100.100.200 inside a network namespace"
    )]
    MetadataAddress(SocketAddr),
    /// 100.100.100.200 does not exist here.
    #[error(
        "cannot serve metadata on {0}: there is no such address here; inside a network namespace (unshare -rn) it is made by: ip link set lo up; ip addr add 100.100.100.200/32 dev lo"
    )]
    NoMetadataAddress(SocketAddr),
    /// An address for metadata was given, and nothing to answer there.
    #[error(
        "there is nothing to serve at the metadata address: the config has neither metadata nor credentialsUri"
    )]
    NothingForMetadata,
    /// Not such as can stand in a host name.
    #[error("{0:?} is not a region id: it is made of lower-case letters, digits and '-', like cn-hangzhou")]
    Region(String),
    /// The CA or the server certificate.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The certificate was not accepted by the TLS library.
    #[error("cannot set TLS up: {0}")]
    Tls(#[from] rustls::Error),
    /// The port is taken, for instance.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// What an emulator is started with; made by [`Emulator::builder`].
pub struct Builder {
    config: Config,
    listen: SocketAddr,
    state_dir: Option<PathBuf>,
    region: String,
    clock: Clock,
    metadata_listen: Option<SocketAddr>,
    proxy_listen: Option<SocketAddr>,
}

impl Builder {
    /// The address, a loopback one; port 0, the default, takes a free one.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Where the CA is kept; without it, in a temporary folder that is removed at the end.
    #[must_use]
    pub fn state_dir(mut self, path: PathBuf) -> Self {
        self.state_dir = Some(path);
        self
    }

    /// The region whose host names the certificate is good for, besides those without a region. Default: `cn-hangzhou`.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// What time it is for signatures, temporary keys and the `date` of answers. Certificates go by the system's time.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Starts the emulator on the current tokio runtime. When this returns, connections are accepted.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(self) -> Result<Emulator, StartError> {
        if !self.listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(self.listen));
        }
        if !is_region(&self.region) {
            return Err(StartError::Region(self.region));
        }
        let side = SidePlan::of(&self)?;
        let now = system_time();
        let state_dir = self.state_dir.map_or_else(StateDir::temporary, StateDir::at)?;
        let authority = state_dir.authority(now)?;
        let sign_in_host = self.config.cloud_sso.as_ref().map(|sso| sso.host.as_str());
        let (names, without) = pki::sort_names(&authority, pki::server_names(&self.region, sign_in_host));
        if !without.is_empty() {
            warn!(
                ca = %state_dir.ca_file().display(),
                hosts = without.join(","),
                "this CA is older than these hosts and cannot vouch for them; delete ca.pem and ca-key.pem to get one that can"
            );
        }
        let certificate = pki::server_certificate(&authority, &names, now)?;
        let tls = server::tls_config(certificate)?;
        let tcp = bind(self.listen)
            .and_then(|socket| socket.listen(BACKLOG))
            .map_err(|source| StartError::Listen { address: self.listen, source })?;
        let address =
            tcp.local_addr().map_err(|source| StartError::Listen { address: self.listen, source })?;
        let stop = CancellationToken::new();
        let app = Arc::new(App::new(self.config, &self.region, self.clock));
        let side = side.start(&app, Proxy::new(names, address), &stop)?;
        let emulator = Emulator {
            address,
            ca_file: state_dir.ca_file(),
            ca_pem: authority.certificate_pem().to_owned(),
            tls,
            app,
            side,
            listening: Mutex::new(Listening::Not(None)),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
            _state_dir: state_dir,
        };
        emulator.serve(tcp).await;
        Ok(emulator)
    }
}

/// The emulator is a border: its clock is the system's unless the builder was given another.
#[allow(clippy::disallowed_methods)]
fn system_time() -> Timestamp {
    Timestamp::now()
}

/// A region id such as can stand in a host name.
fn is_region(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether there is a listener.
enum Listening {
    Yes(Listener),
    /// The socket, bound but not listening, keeps the system from handing the port out as a free one meanwhile.
    Not(Option<TcpSocket>),
}

/// A running emulator. Dropping it ends it: the listener, every connection, and a temporary state folder.
pub struct Emulator {
    address: SocketAddr,
    ca_file: PathBuf,
    ca_pem: String,
    tls: Arc<ServerConfig>,
    app: Arc<App>,
    side: Side,
    listening: Mutex<Listening>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    _state_dir: StateDir,
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("address", &self.address)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

impl Emulator {
    /// An emulator of these accounts, on 127.0.0.1 and a free port, in region `cn-hangzhou`, with the system's clock.
    pub fn builder(config: Config) -> Builder {
        Builder {
            config,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            state_dir: None,
            region: DEFAULT_REGION.to_owned(),
            clock: Arc::new(system_time),
            metadata_listen: None,
            proxy_listen: None,
        }
    }

    /// `https://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The file with the CA's certificate, in PEM.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The CA's certificate, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The requests that arrived, oldest first; at most the newest [`crate::MAX_RECORDED`].
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.app.records.all()
    }

    /// Forgets the requests that arrived.
    pub fn clear_requests(&self) {
        self.app.records.clear();
    }

    /// Plans a fault for requests of this action, `GetCallerIdentity` for instance, or of any: `*`.
    ///
    /// ```
    /// # fn example(emulator: &emulator::Emulator) {
    /// use emulator::Fault;
    /// emulator.fail("AssumeRole", Fault::BreakConnection.times(2));
    /// # }
    /// ```
    pub fn fail(&self, action: &str, fault: impl Into<PlannedFault>) {
        self.app.faults.add(action, fault.into());
    }

    /// Forgets what [`Emulator::fail`] planned.
    pub fn clear_faults(&self) {
        self.app.faults.clear();
    }

    /// Closes the API's port, so that connections are refused, and breaks those there are. Does nothing when it is
    /// closed. Metadata and proxy stay; the proxy answers 502 meanwhile.
    pub async fn stop_listening(&self) {
        let mut listening = self.listening.lock().await;
        if let Listening::Yes(listener) = std::mem::replace(&mut *listening, Listening::Not(None)) {
            listener.stop().await;
            *listening = Listening::Not(bind(self.address).ok());
        }
    }

    /// Opens the same port again. Does nothing when it is open.
    ///
    /// # Errors
    /// When another process has taken the port.
    pub async fn listen_again(&self) -> Result<(), StartError> {
        let mut listening = self.listening.lock().await;
        if let Listening::Not(socket) = &mut *listening {
            let tcp = socket
                .take()
                .map_or_else(|| bind(self.address), Ok)
                .and_then(|socket| socket.listen(BACKLOG))
                .map_err(|source| StartError::Listen { address: self.address, source })?;
            *listening = Listening::Yes(self.listener(tcp));
        }
        Ok(())
    }

    /// Ends the emulator, and returns when the port is closed and all connections are.
    pub async fn shutdown(self) {
        if let Listening::Yes(listener) =
            std::mem::replace(&mut *self.listening.lock().await, Listening::Not(None))
        {
            listener.stop().await;
        }
        self.side.shutdown().await;
    }

    async fn serve(&self, tcp: TcpListener) {
        *self.listening.lock().await = Listening::Yes(self.listener(tcp));
    }

    fn listener(&self, tcp: TcpListener) -> Listener {
        Listener::start(tcp, Some(Arc::clone(&self.tls)), Arc::clone(&self.app), &self.stop)
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of a listener that went away do not keep the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
