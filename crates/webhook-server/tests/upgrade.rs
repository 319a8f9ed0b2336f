//! Two processes on one port, the end of the older one, and who may ask: over real sockets and real TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;
use webhook_server::certs::{self, Subject};
use webhook_server::metrics::ConnectionMetrics;
use webhook_server::respond::{self, Answer};
use webhook_server::serve::{Limits, Listen, Peer, Server, is_taken};
use webhook_server::tls::{Client, ClientAuthorities, Tls};

const GRACE: Duration = Duration::from_secs(10);

fn pair() -> certs::Pair {
    let folder = tempfile::tempdir().unwrap();
    let subject = Subject { common_name: "test", address: Ipv4Addr::LOCALHOST.into(), hostname: "localhost" };
    certs::load_or_make(folder.path(), &subject, "2026-01-01T00:00:00Z".parse().unwrap()).unwrap().0
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn address_of(server: &Server) -> SocketAddr {
    let Peer::Tcp(address) = server.address() else { panic!("bound to an address") };
    address
}

fn client(anchor: &str) -> reqwest::ClientBuilder {
    let anchor = reqwest::Certificate::from_pem(anchor.as_bytes()).unwrap();
    // A connection for each request, as after a restart of the API server.
    reqwest::Client::builder().tls_certs_only([anchor]).no_proxy().pool_max_idle_per_host(0)
}

async fn ok(_: Request<Incoming>) -> Answer {
    respond::text(StatusCode::OK, "ok")
}

#[tokio::test]
async fn who_had_connected_when_the_end_came_is_answered() {
    // Plain: connected and asked. TLS: connected, the handshake not begun. Nobody has accepted either.
    let plain = Server::bind(any_port(), None, Limits::default()).unwrap();
    let mut asking = TcpStream::connect(address_of(&plain)).await.unwrap();
    asking.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();

    let pair = pair();
    let tls = Tls::new(pair.certified_key().unwrap(), None).unwrap();
    let secure = Server::bind(any_port(), Some(tls), Limits::default()).unwrap();
    let url = format!("https://localhost:{}/", address_of(&secure).port());
    let requests: Vec<_> = [client(&pair.trust_anchor_pem()), client(&pair.trust_anchor_pem()).http1_only()]
        .map(|client| tokio::spawn(client.build().unwrap().get(&url).send()))
        .into();
    tokio::time::sleep(Duration::from_millis(300)).await;

    let ended = CancellationToken::new();
    ended.cancel();
    tokio::join!(plain.serve(ok, ended.clone(), GRACE), secure.serve(ok, ended.clone(), GRACE));

    let mut answer = String::new();
    asking.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn who_connects_and_asks_a_moment_later_is_answered_at_the_end_too() {
    // The Go client of an API server dials first and sends its request some time after.
    let server = Server::bind(any_port(), None, Limits::default()).unwrap();
    let address = address_of(&server);
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server.serve(ok, stop.clone(), GRACE));
    let mut late = TcpStream::connect(address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.cancel();
    tokio::time::sleep(Duration::from_millis(100)).await;
    late.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    late.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    serving.await.unwrap();
}

/// An API server keeps its HTTP/1.1 connections to an admission webhook, and does not ask again what one has lost.
#[tokio::test]
async fn who_asks_again_on_a_kept_connection_at_the_end_is_answered_and_told_to_go() {
    let server = Server::bind(any_port(), None, Limits::default()).unwrap();
    let address = address_of(&server);
    let stop = CancellationToken::new();
    let serving = tokio::spawn(server.serve(ok, stop.clone(), GRACE));
    let mut kept = TcpStream::connect(address).await.unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    for connection in [&mut kept, &mut silent] {
        connection.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 1024];
        let length = connection.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).to_lowercase();
        assert!(answer.starts_with("http/1.1 200 "), "{answer:?}");
        assert!(!answer.contains("connection: close"), "{answer:?}");
    }

    stop.cancel();
    tokio::time::sleep(Duration::from_millis(200)).await;
    kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();

    let mut answer = String::new();
    kept.read_to_string(&mut answer).await.unwrap();
    let answer = answer.to_lowercase();
    assert!(answer.starts_with("http/1.1 200 ") && answer.contains("connection: close"), "{answer:?}");
    // Whoever asks nothing does not hold up the end.
    tokio::time::timeout(GRACE / 2, serving).await.expect("the server does not end").unwrap();
    assert_eq!(silent.read_to_end(&mut Vec::new()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_server_takes_over_the_port_and_no_connection_is_refused() {
    let pair = pair();
    let bind = |address| {
        let tls = Tls::new(pair.certified_key().unwrap(), None).unwrap();
        Server::bind(Listen { address, reuse_port: true }, Some(tls), Limits::default()).unwrap()
    };
    let older = bind(any_port());
    let address = address_of(&older);
    let url = format!("https://localhost:{}/", address.port());
    let stop = [CancellationToken::new(), CancellationToken::new()];
    let enough = CancellationToken::new();
    let older = tokio::spawn(older.serve(ok, stop[0].clone(), GRACE));
    let done = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (client, url) = (client(&pair.trust_anchor_pem()).build().unwrap(), url.clone());
            let (done, enough) = (Arc::clone(&done), enough.clone());
            tokio::spawn(async move {
                while !enough.is_cancelled() {
                    match client.get(&url).send().await {
                        Ok(answer) => assert_eq!(answer.status(), StatusCode::OK),
                        // Between the last look into the queue and its end; an API server tries again after it.
                        Err(error) if format!("{error:?}").contains("ConnectionReset") => {}
                        Err(error) => panic!("{error:?}"),
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let reached = async |count| {
        while done.load(Ordering::Relaxed) < count && !callers.iter().any(|caller| caller.is_finished()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    reached(50).await;
    let newer = tokio::spawn(bind(address).serve(ok, stop[1].clone(), GRACE));
    reached(150).await;
    stop[0].cancel();
    older.await.unwrap();
    reached(400).await;
    enough.cancel();
    for caller in callers {
        caller.await.unwrap();
    }
    stop[1].cancel();
    newer.await.unwrap();
}

#[tokio::test]
async fn a_port_is_shared_only_where_both_say_so() {
    let alone = Server::bind(any_port(), None, Limits::default()).unwrap();
    let shared = |server: &Server| Listen { address: address_of(server), reuse_port: true };
    let error = Server::bind(shared(&alone), None, Limits::default()).unwrap_err().to_string();
    assert!(error.contains("--reuse-port") && !error.contains('\n'), "{error}");
    let first =
        Server::bind(Listen { address: any_port(), reuse_port: true }, None, Limits::default()).unwrap();
    assert!(Server::bind(address_of(&first), None, Limits::default()).is_err());
    let address = address_of(&first);
    let second = Server::bind(shared(&first), None, Limits::default()).unwrap();
    assert!(is_taken(address));
    drop(first);
    assert!(is_taken(address));
    drop(second);
    assert!(!is_taken(address));
    // Having looked keeps nobody away.
    Server::bind(address, None, Limits::default()).unwrap();
}

#[tokio::test]
async fn one_connection_too_many_is_reset_and_counted() {
    let registry = prometheus::Registry::new();
    let limits = Limits { connections: 1, ..Limits::default() };
    let pair = pair();
    let tls = Tls::new(pair.certified_key().unwrap(), None).unwrap();
    let server = Server::bind(any_port(), Some(tls), limits).unwrap();
    let server = server.measured_by(ConnectionMetrics::register(&registry).unwrap());
    let address = address_of(&server);
    tokio::spawn(server.serve(ok, CancellationToken::new(), GRACE));
    // In the middle of its handshake it makes room; perhaps it is an API server, so it is reset too.
    let mut silent = TcpStream::connect(address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let first = client(&pair.trust_anchor_pem()).pool_max_idle_per_host(1).build().unwrap();
    first.get(format!("https://localhost:{}/", address.port())).send().await.unwrap();
    let error = silent.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let mut second = TcpStream::connect(address).await.unwrap();
    // An orderly end would be a 401 for the user: an API server tries again after a reset only.
    let error = second.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let page = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    assert!(
        page.contains("connections_open 1\n") && page.contains("connections_refused_total 2\n"),
        "{page}"
    );
    drop(first);
}

#[tokio::test]
async fn a_socket_answers_for_its_own_process_and_replaces_an_old_one_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("health.sock");
    drop(Server::bind_socket(&path, Limits::default()).unwrap());
    assert!(path.exists(), "as a process that was killed leaves it behind");
    let server = Server::bind_socket(&path, Limits::default()).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    tokio::spawn(server.serve(ok, CancellationToken::new(), GRACE));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok\n"), "{answer}");

    let file = folder.path().join("file");
    std::fs::write(&file, "kept").unwrap();
    assert!(Server::bind_socket(&file, Limits::default()).is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
}

/// The handler of a server that lets in whom it trusts.
async fn who(request: Request<Incoming>) -> Answer {
    respond::text(StatusCode::OK, &format!("{:?}", request.extensions().get::<Client>()))
}

struct Authority {
    pem: Vec<u8>,
    identity: reqwest::Identity,
}

/// A client's three files.
fn authority(folder: &Path) -> Authority {
    certs::load_or_make_client(folder, "test", "2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let identity = [read("client.pem"), read("client-key.pem")].concat();
    Authority { pem: read("client-ca.pem"), identity: reqwest::Identity::from_pem(&identity).unwrap() }
}

#[tokio::test]
async fn the_handler_learns_who_has_shown_a_trusted_certificate() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (trusted, stranger) = (authority(folder.path()), authority(other.path()));
    let pair = pair();
    let clients = ClientAuthorities::from_pem(&trusted.pem).unwrap();
    let registry = prometheus::Registry::new();
    let tls = Tls::new(pair.certified_key().unwrap(), Some(clients)).unwrap();
    let server = Server::bind(any_port(), Some(Arc::clone(&tls)), Limits::default()).unwrap();
    let server = server.measured_by(ConnectionMetrics::register(&registry).unwrap());
    let url = format!("https://localhost:{}/", address_of(&server).port());
    tokio::spawn(server.serve(who, CancellationToken::new(), GRACE));
    let anchor = pair.trust_anchor_pem();
    let ask = async |client: &reqwest::Client| client.get(&url).send().await?.text().await;
    let kept_open = |builder: reqwest::ClientBuilder| builder.pool_max_idle_per_host(1).build().unwrap();

    let nobody = kept_open(client(&anchor));
    assert_eq!(ask(&nobody).await.unwrap(), "Some(Unknown)\n");
    assert_eq!(tls.client_not_after(), None);
    let api_server = kept_open(client(&anchor).identity(trusted.identity.clone()));
    assert_eq!(ask(&api_server).await.unwrap(), "Some(Verified)\n");
    assert!(tls.client_not_after().is_some(), "a certificate was shown");
    let impostor = kept_open(client(&anchor).identity(stranger.identity.clone()));
    assert!(ask(&impostor).await.is_err());
    let page = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    assert!(page.contains("tls_handshakes_failed_total{reason=\"client_certificate\"} 1\n"), "{page}");

    // The authorities change: on the connections that are open, too.
    tls.replace_client_authorities(ClientAuthorities::from_pem(&stranger.pem).unwrap()).unwrap();
    assert_eq!(ask(&api_server).await.unwrap(), "Some(NoLongerTrusted)\n");
    assert_eq!(ask(&nobody).await.unwrap(), "Some(Unknown)\n");
    assert_eq!(ask(&impostor).await.unwrap(), "Some(Verified)\n");
    let both = [trusted.pem, stranger.pem].concat();
    tls.replace_client_authorities(ClientAuthorities::from_pem(&both).unwrap()).unwrap();
    assert_eq!(ask(&api_server).await.unwrap(), "Some(Verified)\n");
}

#[test]
fn authorities_that_are_none_are_refused() {
    for text in ["", "junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(ClientAuthorities::from_pem(text.as_bytes()).is_err(), "{text}");
    }
}

/// `openssl s_client` with one protocol version; whether the handshake succeeded.
fn handshake(address: SocketAddr, version: &str) -> bool {
    let output = std::process::Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string(), version, "-cipher", "ALL:@SECLEVEL=0"])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("install openssl");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("CONNECTED("), "{said}{}", String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_tls_versions_are_refused_before_and_after_every_reload() {
    let folder = tempfile::tempdir().unwrap();
    let clients = ClientAuthorities::from_pem(&authority(folder.path()).pem).unwrap();
    for asks in [None, Some(clients.clone())] {
        let tls = Tls::new(pair().certified_key().unwrap(), asks).unwrap();
        let server = Server::bind(any_port(), Some(Arc::clone(&tls)), Limits::default()).unwrap();
        let address = address_of(&server);
        tokio::spawn(server.serve(ok, CancellationToken::new(), GRACE));
        let check = |when: &str| {
            for (version, expected) in
                [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)]
            {
                assert_eq!(handshake(address, version), expected, "{version} {when}");
            }
        };
        tokio::task::block_in_place(|| check("before a reload"));
        tls.replace_certificate(pair().certified_key().unwrap());
        tokio::task::block_in_place(|| check("after a reload of the certificate"));
        tls.replace_client_authorities(clients.clone()).unwrap();
        tokio::task::block_in_place(|| check("after a reload of the client authorities"));
    }
}

#[test]
fn a_client_key_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    authority(folder.path());
    let path = folder.path().join("client-key.pem");
    let mut text = String::new();
    std::fs::File::open(&path).unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains("PRIVATE KEY"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // The authority signs this one certificate: its key is nowhere.
    let names = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 3);
}
