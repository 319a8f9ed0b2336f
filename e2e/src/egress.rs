//! How an API server reaches a Service where there is neither kube-proxy nor a pod network: through an HTTP CONNECT
//! proxy of the rig, which knows the Services that scenarios have registered and refuses everything else.
//!
//! The API server is told of it by `--egress-selector-config-file`, for traffic of type `cluster` alone: that of
//! webhooks which are named by a Service. Tokens, etcd and webhooks with a URL go their usual way (Kubernetes'
//! documentation, "Konnectivity service" and "apiserver.k8s.io/v1beta1 EgressSelectorConfiguration").

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot, watch};

use crate::error::{Error, Result};
use crate::run_dir::RunDir;

/// Tunnels at once: API servers keep a few connections a webhook.
const TUNNELS: usize = 512;
/// A CONNECT request of an API server has two short lines.
const LONGEST_HEAD: usize = 4096;
/// For the head of a request, and for a connection on loopback.
const PATIENCE: Duration = Duration::from_secs(5);

type Table = Arc<Mutex<HashMap<String, Backends>>>;

/// Where a Service leads, and whose turn it is.
#[derive(Debug, Default)]
struct Backends {
    addresses: Vec<SocketAddr>,
    next: usize,
    /// Tells every tunnel to end.
    cut: watch::Sender<()>,
}

/// The proxy; it ends when this value is dropped, and all tunnels with it.
#[derive(Debug)]
pub struct Egress {
    table: Table,
    config: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A Service is reachable while this value lives.
#[derive(Debug)]
pub struct Route {
    table: Table,
    name: String,
}

impl Egress {
    /// Listens on a socket in the scratch folder.
    ///
    /// # Errors
    /// The socket or the configuration file cannot be made.
    pub(crate) fn start(run: &RunDir) -> Result<Self> {
        let socket = run.scratch().join("egress.sock");
        let listener =
            std::os::unix::net::UnixListener::bind(&socket).map_err(Error::file("listen on", &socket))?;
        listener.set_nonblocking(true).map_err(Error::file("listen on", &socket))?;
        let config = run.file("egress.json", &configuration(&socket).to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::answer("starting the proxy to Services"))?;
        let table = Table::default();
        let (stop, stopped) = oneshot::channel();
        let known = Arc::clone(&table);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = serve(listener, known) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { table, config, stop: Some(stop), thread: Some(thread) })
    }

    /// For `--egress-selector-config-file`.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// Leads `CLUSTER-IP:PORT` of `service` (as the API server answered it) to these addresses, each in its turn.
    /// The Service's first port is meant.
    ///
    /// # Errors
    /// It has no cluster IP or no port.
    pub fn route(&self, service: &Value, addresses: &[SocketAddr]) -> Result<Route> {
        let ip = service.pointer("/spec/clusterIP").and_then(Value::as_str);
        let port = service.pointer("/spec/ports/0/port").and_then(Value::as_u64);
        let (Some(ip), Some(port)) = (ip, port) else {
            return Err(Error::Answer {
                what: "leading API servers to a Service".to_owned(),
                reason: format!("it has no cluster IP or no port: {service}"),
            });
        };
        let route = Route { table: Arc::clone(&self.table), name: format!("{ip}:{port}") };
        route.lead_to(addresses);
        Ok(route)
    }
}

impl Route {
    /// New connections go to these addresses from now on, as when the endpoints of a Service change: those that there
    /// are already stay as they are. Without addresses they are refused.
    pub fn lead_to(&self, addresses: &[SocketAddr]) {
        locked(&self.table).entry(self.name.clone()).or_default().addresses = addresses.to_vec();
    }

    /// Ends all tunnels of the Service, as when its pods are gone all at once.
    pub fn cut(&self) {
        if let Some(backends) = locked(&self.table).get(&self.name) {
            backends.cut.send_replace(());
        }
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        locked(&self.table).remove(&self.name);
    }
}

impl Drop for Egress {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn locked(table: &Table) -> MutexGuard<'_, HashMap<String, Backends>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

fn configuration(socket: &Path) -> Value {
    json!({
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [{
            "name": "cluster",
            "connection": {
                "proxyProtocol": "HTTPConnect",
                "transport": {"uds": {"udsName": socket}},
            },
        }],
    })
}

async fn serve(listener: std::os::unix::net::UnixListener, table: Table) {
    let Ok(listener) = UnixListener::from_std(listener) else { return };
    let tunnels = Arc::new(Semaphore::new(TUNNELS));
    loop {
        let Ok(permit) = Arc::clone(&tunnels).acquire_owned().await else { return };
        let Ok((stream, _from)) = listener.accept().await else { continue };
        let table = Arc::clone(&table);
        tokio::spawn(async move {
            // A tunnel that breaks off is what the API server sees of it.
            let _ = tunnel(stream, &table).await;
            drop(permit);
        });
    }
}

async fn tunnel(mut client: UnixStream, table: &Table) -> std::io::Result<()> {
    let Ok(head) = tokio::time::timeout(PATIENCE, head(&mut client)).await else { return Ok(()) };
    let head = head?;
    let Some(name) = asked(&head) else {
        return client.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    };
    let Some((address, mut cut)) = next(table, name) else {
        return client.write_all(b"HTTP/1.1 502 No Such Service\r\ncontent-length: 0\r\n\r\n").await;
    };
    let Ok(Ok(mut server)) = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await else {
        return client.write_all(b"HTTP/1.1 503 Nobody Listens\r\ncontent-length: 0\r\n\r\n").await;
    };
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
    tokio::select! {
        ended = tokio::io::copy_bidirectional(&mut client, &mut server) => ended.map(|_bytes| ()),
        // An error means that the Service is gone.
        _ = cut.changed() => Ok(()),
    }
}

/// Everything up to the empty line; an API server sends nothing behind it before it is answered.
async fn head(client: &mut UnixStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST_HEAD {
        head.push(client.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// `HOST:PORT` of `CONNECT HOST:PORT HTTP/1.1`.
fn asked(head: &str) -> Option<&str> {
    let mut words = head.lines().next()?.split(' ');
    let is_connect = words.next() == Some("CONNECT");
    words.next().filter(|name| is_connect && !name.is_empty())
}

fn next(table: &Table, name: &str) -> Option<(SocketAddr, watch::Receiver<()>)> {
    let mut table = locked(table);
    let backends = table.get_mut(name)?;
    let turn = backends.next.checked_rem(backends.addresses.len())?;
    backends.next = backends.next.wrapping_add(1);
    Some((*backends.addresses.get(turn)?, backends.cut.subscribe()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn table(name: &str, addresses: &[&str]) -> Table {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Mutex::new(HashMap::from([(
            name.to_owned(),
            Backends { addresses, ..Backends::default() },
        )])))
    }

    #[test]
    fn a_service_leads_to_each_of_its_addresses_in_turn() {
        let table = table("10.0.0.7:443", &["127.0.0.1:1", "127.0.0.1:2"]);
        let ports: Vec<u16> = (0..3).map(|_| next(&table, "10.0.0.7:443").unwrap().0.port()).collect();
        assert_eq!(ports, [1, 2, 1]);
    }

    #[test]
    fn what_nobody_registered_leads_nowhere() {
        let table = table("10.0.0.7:443", &[]);
        assert!(next(&table, "10.0.0.7:443").is_none());
        assert!(next(&table, "10.0.0.8:443").is_none());
    }

    #[test]
    fn only_connect_is_understood() {
        assert_eq!(asked("CONNECT 10.0.0.7:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), Some("10.0.0.7:443"));
        assert_eq!(asked("GET / HTTP/1.1\r\n\r\n"), None);
        assert_eq!(asked(""), None);
    }
}
