//! The listeners beside the API's: plain HTTP for metadata and the credentials URI, and the proxy.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{BACKLOG, Builder, Emulator, StartError, bind};
use crate::app::App;
use crate::proxy::{Proxy, ProxyRequest};
use crate::server::Listener;

/// Where the metadata service is in reality. It exists inside a network namespace that was given it.
const METADATA_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200));

/// What there is beside the API's listener.
#[derive(Default)]
pub(super) struct Side {
    plain: Option<Plain>,
    proxy: Option<RunningProxy>,
}

struct Plain {
    address: SocketAddr,
    listener: Listener,
    has_metadata: bool,
    credentials_path: Option<String>,
}

struct RunningProxy {
    address: SocketAddr,
    proxy: Arc<Proxy>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What the side listeners are started with, checked before anything listens.
pub(super) struct SidePlan {
    metadata_listen: Option<SocketAddr>,
    proxy_listen: Option<SocketAddr>,
    has_metadata: bool,
    credentials_path: Option<String>,
}

impl SidePlan {
    pub(super) fn of(builder: &Builder) -> Result<Self, StartError> {
        let plan = Self {
            metadata_listen: builder.metadata_listen,
            proxy_listen: builder.proxy_listen,
            has_metadata: builder.config.metadata.is_some(),
            credentials_path: builder.config.credentials_uri.as_ref().map(|uri| uri.path.clone()),
        };
        if let Some(address) = plan.metadata_listen {
            if !(address.ip().is_loopback() || address.ip() == METADATA_ADDRESS) {
                return Err(StartError::MetadataAddress(address));
            }
            if !plan.has_metadata && plan.credentials_path.is_none() {
                return Err(StartError::NothingForMetadata);
            }
        }
        match plan.proxy_listen {
            Some(address) if !address.ip().is_loopback() => Err(StartError::NotLoopback(address)),
            _ => Ok(plan),
        }
    }

    /// Opens both ports.
    pub(super) fn start(
        self,
        app: &Arc<App>,
        proxy: Proxy,
        stop: &CancellationToken,
    ) -> Result<Side, StartError> {
        let mut side = Side::default();
        if let Some(wanted) = self.metadata_listen {
            let (tcp, address) = listen(wanted).map_err(|source| not_listening(wanted, source))?;
            side.plain = Some(Plain {
                address,
                listener: Listener::start(tcp, None, Arc::clone(app), stop),
                has_metadata: self.has_metadata,
                credentials_path: self.credentials_path,
            });
        }
        if let Some(wanted) = self.proxy_listen {
            let (tcp, address) = listen(wanted).map_err(|source| not_listening(wanted, source))?;
            let (proxy, stop, tasks) = (Arc::new(proxy), stop.child_token(), TaskTracker::new());
            proxy.start(tcp, &stop, &tasks);
            side.proxy = Some(RunningProxy { address, proxy, stop, tasks });
        }
        Ok(side)
    }
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let tcp = bind(address)?.listen(BACKLOG)?;
    let address = tcp.local_addr()?;
    Ok((tcp, address))
}

fn not_listening(address: SocketAddr, source: io::Error) -> StartError {
    if address.ip() == METADATA_ADDRESS && source.kind() == io::ErrorKind::AddrNotAvailable {
        StartError::NoMetadataAddress(address)
    } else {
        StartError::Listen { address, source }
    }
}

impl Side {
    /// Closes both ports and breaks every connection; returns when all of it has ended.
    pub(super) async fn shutdown(self) {
        if let Some(plain) = self.plain {
            plain.listener.stop().await;
        }
        if let Some(proxy) = self.proxy {
            proxy.stop.cancel();
            proxy.tasks.close();
            proxy.tasks.wait().await;
        }
    }
}

impl Builder {
    /// Serves the metadata service and the credentials URI, as far as the configuration has them, over plain HTTP at
    /// this address: a loopback one, or 100.100.100.200 inside a network namespace. Port 0 takes a free one.
    #[must_use]
    pub fn metadata_listen(mut self, address: SocketAddr) -> Self {
        self.metadata_listen = Some(address);
        self
    }

    /// Serves a CONNECT proxy at this loopback address, which connects to the emulator's own host names on port 443 and
    /// to nothing else. Port 0 takes a free one.
    #[must_use]
    pub fn proxy_listen(mut self, address: SocketAddr) -> Self {
        self.proxy_listen = Some(address);
        self
    }
}

impl Emulator {
    /// `http://127.0.0.1:PORT`, for `ALIBABA_CLOUD_IMDS_ENDPOINT`; `None` without [`Builder::metadata_listen`] or
    /// without `metadata` in the configuration.
    pub fn metadata_endpoint(&self) -> Option<String> {
        self.side
            .plain
            .as_ref()
            .filter(|plain| plain.has_metadata)
            .map(|plain| format!("http://{}", plain.address))
    }

    /// `http://127.0.0.1:PORT/PATH`, for `ALIBABA_CLOUD_CREDENTIALS_URI`; `None` without [`Builder::metadata_listen`] or
    /// without `credentialsUri` in the configuration.
    pub fn credentials_uri(&self) -> Option<String> {
        let plain = self.side.plain.as_ref()?;
        plain.credentials_path.as_ref().map(|path| format!("http://{}{path}", plain.address))
    }

    /// `http://127.0.0.1:PORT`, for `HTTPS_PROXY`; `None` without [`Builder::proxy_listen`].
    pub fn proxy_url(&self) -> Option<String> {
        self.side.proxy.as_ref().map(|proxy| format!("http://{}", proxy.address))
    }

    /// The requests that arrived at the proxy, oldest first; at most the newest [`crate::MAX_RECORDED`]. What went
    /// through the tunnels is in [`Emulator::requests`].
    pub fn proxy_requests(&self) -> Vec<ProxyRequest> {
        self.side.proxy.as_ref().map(|proxy| proxy.proxy.requests()).unwrap_or_default()
    }

    /// Forgets the requests that arrived at the proxy.
    pub fn clear_proxy_requests(&self) {
        if let Some(proxy) = &self.side.proxy {
            proxy.proxy.clear();
        }
    }
}
