//! The listener over real sockets and real TLS, called by reqwest and by bare TCP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::unreachable)]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use webhook_server::body::{BodyError, read_body};
use webhook_server::certs::{self, Subject};
use webhook_server::respond::{self, Answer};
use webhook_server::serve::{Limits, Peer, Server};
use webhook_server::tls::{ClientAuthorities, Tls};

const GRACE: Duration = Duration::from_secs(10);

struct Running {
    address: SocketAddr,
    anchor: String,
    tls: Arc<Tls>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn pair() -> certs::Pair {
    let folder = tempfile::tempdir().unwrap();
    let subject = Subject { common_name: "test", address: Ipv4Addr::LOCALHOST.into(), hostname: "localhost" };
    certs::load_or_make(folder.path(), &subject, "2026-01-01T00:00:00Z".parse().unwrap()).unwrap().0
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn address_of(server: &Server) -> SocketAddr {
    match server.address() {
        Peer::Tcp(address) => address,
        Peer::Local => unreachable!("bound to an address"),
    }
}

async fn answer(request: Request<Incoming>) -> Answer {
    let peer = *request.extensions().get::<Peer>().unwrap();
    match request.uri().path() {
        "/port" => respond::text(StatusCode::OK, &peer.port().to_string()),
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(600)).await;
            respond::text(StatusCode::OK, "slow")
        }
        "/stuck" => std::future::pending().await,
        "/version" => respond::text(StatusCode::OK, &format!("{:?}", request.version())),
        _ => match read_body(request, 1000, Duration::from_millis(300)).await {
            Ok(body) => respond::json(StatusCode::OK, body),
            Err(error @ BodyError::TooLarge { .. }) => {
                respond::text(StatusCode::PAYLOAD_TOO_LARGE, &error.to_string())
            }
            Err(error @ BodyError::TooSlow { .. }) => {
                respond::text(StatusCode::REQUEST_TIMEOUT, &error.to_string())
            }
            Err(error) => respond::text(StatusCode::BAD_REQUEST, &error.to_string()),
        },
    }
}

fn start(limits: Limits, grace: Duration) -> Running {
    let pair = pair();
    let tls = Tls::new(pair.certified_key().unwrap(), None).unwrap();
    let server = Server::bind(any_port(), Some(Arc::clone(&tls)), limits).unwrap();
    let address = address_of(&server);
    let stop = CancellationToken::new();
    let task = tokio::spawn(server.serve(answer, stop.clone(), grace));
    Running { address, anchor: pair.trust_anchor_pem(), tls, stop, task }
}

fn start_plain(limits: Limits) -> Running {
    let pair = pair();
    let tls = Tls::new(pair.certified_key().unwrap(), None).unwrap();
    let server = Server::bind(any_port(), None, limits).unwrap();
    let address = address_of(&server);
    let stop = CancellationToken::new();
    let task = tokio::spawn(server.serve(answer, stop.clone(), GRACE));
    Running { address, anchor: String::new(), tls, stop, task }
}

impl Running {
    fn client(&self) -> reqwest::ClientBuilder {
        let anchor = reqwest::Certificate::from_pem(self.anchor.as_bytes()).unwrap();
        reqwest::Client::builder().tls_certs_only([anchor]).no_proxy()
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

async fn everything_from(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn speaks_http_2_and_http_1_to_a_client_that_verifies_the_self_made_certificate() {
    let server = start(Limits::default(), GRACE);
    let two = server.client().build().unwrap().get(server.url("/version")).send().await.unwrap();
    assert_eq!(two.version(), Version::HTTP_2);
    assert_eq!(two.text().await.unwrap(), "HTTP/2.0\n");
    let one = server.client().http1_only().build().unwrap().get(server.url("/version")).send().await.unwrap();
    assert_eq!(one.text().await.unwrap(), "HTTP/1.1\n");
    let by_address = format!("https://127.0.0.1:{}/version", server.address.port());
    assert!(server.client().build().unwrap().get(by_address).send().await.is_ok());
}

#[tokio::test]
async fn a_client_that_pins_another_certificate_does_not_connect() {
    let server = start(Limits::default(), GRACE);
    let other = reqwest::Certificate::from_pem(pair().trust_anchor_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([other]).no_proxy().build().unwrap();
    assert!(client.get(server.url("/version")).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn a_replaced_certificate_is_served_from_the_next_handshake_on() {
    let server = start(Limits::default(), GRACE);
    let old = server.client().build().unwrap();
    old.get(server.url("/version")).send().await.unwrap();
    let new = pair();
    server.tls.replace_certificate(new.certified_key().unwrap());
    old.get(server.url("/version")).send().await.unwrap();
    assert!(server.client().build().unwrap().get(server.url("/version")).send().await.is_err());
    let anchor = reqwest::Certificate::from_pem(new.trust_anchor_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([anchor]).no_proxy().build().unwrap();
    client.get(server.url("/version")).send().await.unwrap();
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_whether_announced_or_not() {
    let server = start(Limits::default(), GRACE);
    for client in [server.client(), server.client().http1_only()] {
        let client = client.build().unwrap();
        let fits = client.post(server.url("/")).body(vec![b'x'; 1000]).send().await.unwrap();
        assert_eq!(
            (fits.status(), fits.bytes().await.unwrap()),
            (StatusCode::OK, Bytes::from(vec![b'x'; 1000]))
        );
        let announced = client.post(server.url("/")).body(vec![b'x'; 1001]).send().await.unwrap();
        assert_eq!(announced.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    let server = start_plain(Limits::default());
    let mut stream = server.connect().await;
    let head = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001)).as_bytes()).await.unwrap();
    assert!(everything_from(stream).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_head_beyond_the_limit_is_refused() {
    let server = start(Limits { head_bytes: 16 * 1024, ..Limits::default() }, GRACE);
    for client in [server.client(), server.client().http1_only()] {
        let answer = client
            .build()
            .unwrap()
            .get(server.url("/"))
            .header("x-long", "x".repeat(20_000))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
}

#[tokio::test]
async fn slow_clients_are_cut_off_at_each_stage() {
    let short = Limits {
        head: Duration::from_millis(300),
        handshake: Duration::from_millis(300),
        idle: Duration::from_millis(300),
        ..Limits::default()
    };
    let begun = Instant::now();
    // Nothing instead of a handshake.
    let tls = start(short, GRACE);
    let cut_off = timeout(Duration::from_secs(30), everything_from(tls.connect().await)).await;
    assert_eq!(cut_off.expect("the handshake has no end"), "");
    // Nothing, or half a head, instead of a request.
    let plain = start_plain(short);
    assert_eq!(everything_from(plain.connect().await).await, "");
    let mut half = plain.connect().await;
    half.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let _ = everything_from(half).await;
    // A head without its body.
    let mut bodiless = plain.connect().await;
    bodiless
        .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\n")
        .await
        .unwrap();
    assert!(everything_from(bodiless).await.starts_with("HTTP/1.1 408 "));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_stuck_handler_becomes_503_with_retry_after() {
    let server = start(Limits { request: Duration::from_millis(200), ..Limits::default() }, GRACE);
    let begun = Instant::now();
    let asked = server.client().build().unwrap().get(server.url("/stuck")).send();
    let answer = timeout(Duration::from_secs(30), asked).await.expect("the request has no end").unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "1");
}

#[tokio::test]
async fn requests_beyond_the_limit_are_put_off() {
    let server = start(Limits { requests: 2, ..Limits::default() }, GRACE);
    let client = server.client().build().unwrap();
    let slow = [(); 2].map(|()| tokio::spawn(client.get(server.url("/slow")).send()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let answer = server.client().build().unwrap().get(server.url("/version")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "1");
    for slow in slow {
        assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(client.get(server.url("/version")).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_free_slots_are_used_again() {
    let server = start(Limits { connections: 2, ..Limits::default() }, GRACE);
    let client = || server.client().build().unwrap();
    let port = async |client: &reqwest::Client| {
        client.get(server.url("/port")).send().await.unwrap().text().await.unwrap()
    };
    let (first, second) = (client(), client());
    let ports = [port(&first).await, port(&second).await];
    let begun = Instant::now();
    assert!(client().get(server.url("/port")).send().await.is_err());
    assert!(
        begun.elapsed() < Limits::default().head / 2,
        "closed late: for its silence, not for being one too many"
    );
    assert_eq!(ports, [port(&first).await, port(&second).await], "on the same connections");
    drop(first);
    tokio::time::sleep(Duration::from_millis(200)).await;
    port(&client()).await;
}

#[tokio::test]
async fn plain_connections_that_are_only_held_make_room() {
    let server = start_plain(Limits { connections: 2, ..Limits::default() });
    let held = (server.connect().await, server.connect().await);
    for _ in 0..3 {
        let mut one = server.connect().await;
        one.write_all(b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        assert!(everything_from(one).await.starts_with("HTTP/1.1 200 "));
    }
    drop(held);
}

struct Guarded {
    server: Running,
    identity: reqwest::Identity,
}

/// Asks for a client certificate, and counts how many requests are under way at most.
fn start_guarded(limits: Limits, most: Arc<AtomicUsize>) -> Guarded {
    let folder = tempfile::tempdir().unwrap();
    certs::load_or_make_client(folder.path(), "test", "2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let authorities = ClientAuthorities::from_pem(&read(certs::CLIENT_AUTHORITY_FILE)).unwrap();
    let identity = [read(certs::CLIENT_CERTIFICATE_FILE), read(certs::CLIENT_KEY_FILE)].concat();
    let identity = reqwest::Identity::from_pem(&identity).unwrap();
    let pair = pair();
    let tls = Tls::new(pair.certified_key().unwrap(), Some(authorities)).unwrap();
    let server = Server::bind(any_port(), Some(Arc::clone(&tls)), limits).unwrap();
    let address = address_of(&server);
    let stop = CancellationToken::new();
    let now = Arc::new(AtomicUsize::new(0));
    let counted = move |request| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst).saturating_add(1), Ordering::SeqCst);
            let answer = answer(request).await;
            now.fetch_sub(1, Ordering::SeqCst);
            answer
        }
    };
    let task = tokio::spawn(server.serve(counted, stop.clone(), GRACE));
    Guarded { server: Running { address, anchor: pair.trust_anchor_pem(), tls, stop, task }, identity }
}

#[tokio::test]
async fn who_shows_no_certificate_makes_room_for_who_does() {
    let Guarded { server, identity } =
        start_guarded(Limits { connections: 2, ..Limits::default() }, Arc::default());
    let port = async |client: &reqwest::Client| {
        client.get(server.url("/port")).send().await.map(|answer| answer.status())
    };
    let with_certificate = || server.client().identity(identity.clone()).build().unwrap();
    // One in the middle of its handshake, one at the end of it, and both hold their connection.
    let silent = server.connect().await;
    let stranger = server.client().build().unwrap();
    assert_eq!(port(&stranger).await.unwrap(), StatusCode::OK);
    let (first, second) = (with_certificate(), with_certificate());
    assert_eq!(port(&first).await.unwrap(), StatusCode::OK);
    assert_eq!(port(&second).await.unwrap(), StatusCode::OK);
    assert_eq!(everything_from(silent).await, "");
    // Who has shown one makes room for nobody.
    assert!(port(&server.client().build().unwrap()).await.is_err());
    assert!(port(&with_certificate()).await.is_err());
    assert_eq!(port(&first).await.unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn who_shows_no_certificate_has_few_requests_under_way_on_a_connection() {
    for has_certificate in [false, true] {
        let most = Arc::new(AtomicUsize::new(0));
        let Guarded { server, identity } = start_guarded(Limits::default(), Arc::clone(&most));
        let client = server.client();
        let client = if has_certificate { client.identity(identity) } else { client }.build().unwrap();
        // The connection and its settings.
        client.get(server.url("/version")).send().await.unwrap();
        let slow: Vec<_> = (0..12).map(|_| tokio::spawn(client.get(server.url("/slow")).send())).collect();
        for slow in slow {
            assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
        }
        let most = most.load(Ordering::SeqCst);
        assert_eq!(most, if has_certificate { 12 } else { 4 });
    }
}

#[tokio::test]
async fn who_shows_no_certificate_may_be_idle_no_longer_than_before_a_first_request() {
    let short = Limits { head: Duration::from_millis(300), ..Limits::default() };
    let Guarded { server, identity } = start_guarded(short, Arc::default());
    for has_certificate in [false, true] {
        let client = server.client();
        let client =
            if has_certificate { client.identity(identity.clone()) } else { client }.build().unwrap();
        let port = async || client.get(server.url("/port")).send().await.unwrap().text().await.unwrap();
        let first = port().await;
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert_eq!(port().await == first, has_certificate);
    }
}

#[tokio::test]
async fn an_idle_http_2_connection_is_ended_and_a_used_one_is_not() {
    let server = start(Limits { idle: Duration::from_millis(400), ..Limits::default() }, GRACE);
    let client = server.client().build().unwrap();
    let port = async || client.get(server.url("/port")).send().await.unwrap().text().await.unwrap();
    let first = port().await;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(port().await, first);
    }
    // Longer than the idle time; being under way, it is not idle.
    assert_eq!(client.get(server.url("/slow")).send().await.unwrap().text().await.unwrap(), "slow\n");
    assert_eq!(port().await, first);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_ne!(port().await, first);
}

#[tokio::test]
async fn on_shutdown_requests_in_flight_are_answered_and_new_connections_refused() {
    for one in [false, true] {
        let server = start(Limits::default(), GRACE);
        let client = if one { server.client().http1_only() } else { server.client() }.build().unwrap();
        client.get(server.url("/version")).send().await.unwrap();
        let in_flight = tokio::spawn(client.get(server.url("/slow")).send());
        tokio::time::sleep(Duration::from_millis(200)).await;
        let begun = Instant::now();
        server.stop.cancel();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(TcpStream::connect(server.address).await.is_err());
        assert_eq!(in_flight.await.unwrap().unwrap().text().await.unwrap(), "slow\n");
        server.task.await.unwrap();
        assert!(begun.elapsed() < GRACE / 2, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_client_that_does_not_leave_does_not_use_up_the_grace_period() {
    let server = start(Limits::default(), GRACE);
    let (client, url) = (server.client(), server.url("/version"));
    let (answered, done) = tokio::sync::oneshot::channel();
    let (_keep_open, until) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = client.build().unwrap();
        let version = runtime.block_on(async { client.get(url).send().await.unwrap().version() });
        answered.send(version).unwrap();
        // The connection stays open, and nobody reads from it.
        let _ = until.recv();
    });
    assert_eq!(done.await.unwrap(), Version::HTTP_2);
    let begun = Instant::now();
    server.stop.cancel();
    server.task.await.unwrap();
    assert!(begun.elapsed() < GRACE / 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_grace_period_bounds_the_end() {
    let server = start(Limits::default(), Duration::from_millis(300));
    let client = server.client().build().unwrap();
    let stuck = tokio::spawn(client.get(server.url("/stuck")).send());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    server.stop.cancel();
    server.task.await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(stuck.await.unwrap().is_err());
}

#[tokio::test]
async fn a_port_in_use_is_one_clear_line() {
    let server = start_plain(Limits::default());
    let error = Server::bind(server.address, None, Limits::default()).unwrap_err().to_string();
    assert!(error.contains(&server.address.to_string()) && error.contains("in use"), "{error}");
    assert!(!error.contains('\n'));
}

/// A ClientHello without supported_versions, so that its version field counts (RFC 5246, section 7.4.1.2): one suite
/// (ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), group X25519, signature ecdsa_secp256r1_sha256.
fn client_hello(version: [u8; 2]) -> Vec<u8> {
    let extensions = [
        [0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x1d].as_slice(),
        &[0x00, 0x0b, 0x00, 0x02, 0x01, 0x00],
        &[0x00, 0x0d, 0x00, 0x04, 0x00, 0x02, 0x04, 0x03],
        &[0x00, 0x17, 0x00, 0x00],
    ]
    .concat();
    let mut hello = version.to_vec();
    hello.extend([7; 32]);
    hello.extend([0x00, 0x00, 0x02, 0xc0, 0x2b, 0x01, 0x00, 0x00, u8::try_from(extensions.len()).unwrap()]);
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 0x03, 0x01, 0x00, length.checked_add(4).unwrap(), 0x01, 0x00, 0x00, length];
    record.extend(hello);
    record
}

#[tokio::test]
async fn old_tls_versions_are_refused() {
    let server = start(Limits::default(), GRACE);
    // Alert records (0x15), fatal (2), protocol_version (70); a handshake record (0x16) for TLS 1.2.
    for (version, expected) in [([3, 1], 0x15), ([3, 2], 0x15), ([3, 3], 0x16)] {
        let mut stream = server.connect().await;
        stream.write_all(&client_hello(version)).await.unwrap();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer[0], expected, "{version:?}: {answer:?}");
        if expected == 0x15 {
            assert_eq!(answer[5..], [2, 70], "{version:?}");
        }
    }
}
