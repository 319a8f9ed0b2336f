//! Limits that another limit would hide: each is met alone here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use webhook_server::body::{BodyError, read_body};
use webhook_server::certs::{self, Subject};
use webhook_server::respond::{self, Answer};
use webhook_server::serve::{Limits, Peer, Server};
use webhook_server::tls::{ClientAuthorities, Tls};

/// Longer than any test may take.
const LONG: Duration = Duration::from_secs(600);
/// Longer than an answer takes that waits for nothing.
const SOON: Duration = Duration::from_secs(20);

fn start<H, F>(tls: Option<Arc<Tls>>, limits: Limits, handler: H) -> (SocketAddr, DropGuard)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let server = Server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), tls, limits).unwrap();
    let Peer::Tcp(address) = server.address() else { panic!("bound to an address") };
    let stop = CancellationToken::new();
    tokio::spawn(server.serve(handler, stop.clone(), Duration::from_secs(1)));
    (address, stop.drop_guard())
}

fn pair() -> certs::Pair {
    let folder = tempfile::tempdir().unwrap();
    let subject = Subject { common_name: "test", address: Ipv4Addr::LOCALHOST.into(), hostname: "localhost" };
    certs::load_or_make(folder.path(), &subject, "2026-01-01T00:00:00Z".parse().unwrap()).unwrap().0
}

#[tokio::test]
async fn a_second_head_on_one_connection_has_its_time_too() {
    let limits = Limits { head: Duration::from_millis(300), idle: LONG, ..Limits::default() };
    let (address, _stop) = start(None, limits, async |_| respond::text(StatusCode::OK, "fine"));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: ").await.unwrap();
    let mut answers = Vec::new();
    let ended = tokio::time::timeout(SOON, stream.read_to_end(&mut answers)).await;
    assert!(ended.is_ok(), "half a head keeps a connection open");
    assert!(answers.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answers));
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_not_waited_for() {
    let handler = async |request| match read_body(request, 1000, LONG).await {
        Err(BodyError::TooLarge { .. }) => respond::text(StatusCode::PAYLOAD_TOO_LARGE, "too large"),
        _ => respond::text(StatusCode::OK, "read"),
    };
    let (address, _stop) = start(None, Limits { request: LONG, ..Limits::default() }, handler);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n").await.unwrap();
    let mut begin = [0; 12];
    tokio::time::timeout(SOON, stream.read_exact(&mut begin)).await.expect("it is waited for").unwrap();
    assert_eq!(&begin, b"HTTP/1.1 413");
}

#[tokio::test]
async fn one_http_2_connection_has_no_more_requests_at_a_time_than_its_streams() {
    let pair = pair();
    let tls = Tls::new(pair.certified_key().unwrap(), None).unwrap();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = {
        let most = Arc::clone(&most);
        move |_| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(50)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                respond::text(StatusCode::OK, "fine")
            }
        }
    };
    let (address, _stop) = start(Some(tls), Limits { streams: 2, ..Limits::default() }, counted);
    let anchor = reqwest::Certificate::from_pem(pair.trust_anchor_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([anchor]).no_proxy().build().unwrap();
    let url = format!("https://localhost:{}/", address.port());
    let get = || {
        let request = client.get(&url).send();
        async { request.await.map(|answer| (answer.status(), answer.version())).unwrap() }
    };
    let fine = (StatusCode::OK, http::Version::HTTP_2);
    // The first tells the client of the limit.
    assert_eq!(get().await, fine);
    let answers = (0..10).map(|_| get()).collect::<tokio::task::JoinSet<_>>().join_all().await;
    assert_eq!(answers, [fine; 10]);
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

/// How the handshakes of two connections of one client went.
fn two_handshakes(
    address: SocketAddr,
    pair: &certs::Pair,
    version: &'static rustls::SupportedProtocolVersion,
) -> [rustls::HandshakeKind; 2] {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    let anchor = pair.trust_anchor_pem();
    roots.add(CertificateDer::from_pem_slice(anchor.as_bytes()).unwrap()).unwrap();
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
    [(); 2].map(|()| {
        let name = "localhost".try_into().unwrap();
        let mut connection = rustls::ClientConnection::new(Arc::clone(&config), name).unwrap();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut tls = rustls::Stream::new(&mut connection, &mut stream);
        tls.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        // To the end: tickets come after the handshake.
        let mut answer = Vec::new();
        let _ = tls.read_to_end(&mut answer);
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
        connection.handshake_kind().unwrap()
    })
}

/// A resumed session would be a client's whose certificate was not shown, and not checked, again.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_for_a_certificate_resumes_no_session() {
    let (pair, folder) = (pair(), tempfile::tempdir().unwrap());
    certs::load_or_make_client(folder.path(), "test", "2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
    let authority = std::fs::read(folder.path().join(certs::CLIENT_AUTHORITY_FILE)).unwrap();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        for is_asked in [true, false] {
            let clients = is_asked.then(|| ClientAuthorities::from_pem(&authority).unwrap());
            let tls = Tls::new(pair.certified_key().unwrap(), clients).unwrap();
            let fine = async |_| respond::text(StatusCode::OK, "fine");
            let (address, _stop) = start(Some(tls), Limits::default(), fine);
            let [first, second] = two_handshakes(address, &pair, version);
            assert_eq!(first, rustls::HandshakeKind::Full);
            let expected =
                if is_asked { rustls::HandshakeKind::Full } else { rustls::HandshakeKind::Resumed };
            assert_eq!(second, expected, "{version:?}, asked: {is_asked}");
        }
    }
}

#[tokio::test]
async fn a_panic_ends_its_request_and_neither_the_connection_nor_the_server() {
    let pair = pair();
    let tls = Tls::new(pair.certified_key().unwrap(), None).unwrap();
    let handler = async |request: Request<Incoming>| {
        assert!(request.uri().path() != "/panic", "this is a test");
        respond::text(StatusCode::OK, &request.extensions().get::<Peer>().unwrap().port().to_string())
    };
    let (address, _stop) = start(Some(tls), Limits::default(), handler);
    let anchor = reqwest::Certificate::from_pem(pair.trust_anchor_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([anchor]).no_proxy().build().unwrap();
    let get = async |path: &str| {
        client.get(format!("https://localhost:{}{path}", address.port())).send().await?.text().await
    };
    let before = get("/").await.unwrap();
    assert!(get("/panic").await.is_err());
    assert_eq!(get("/").await.unwrap(), before, "on the same connection");
}
