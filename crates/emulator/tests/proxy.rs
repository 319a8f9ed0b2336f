//! The CONNECT proxy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use common::*;
use emulator::{Builder, Emulator, StartError};
use reqwest::{Certificate, Client, Proxy};
use serde_json::Value;
use signature::encoding;

const SIGN_IN: &str = "signin-cn-shanghai.alibabacloudsso.com";

fn builder() -> Builder {
    Emulator::builder(config()).proxy_listen("127.0.0.1:0".parse().unwrap())
}

/// What `HTTPS_PROXY` and `SSL_CERT_FILE` make of a program.
fn proxied_client(emulator: &Emulator) -> Client {
    let ca = Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
    let proxy = Proxy::all(emulator.proxy_url().unwrap()).unwrap();
    Client::builder().tls_certs_only([ca]).proxy(proxy).timeout(Duration::from_secs(20)).build().unwrap()
}

fn proxy_address(emulator: &Emulator) -> SocketAddr {
    emulator.proxy_url().unwrap().strip_prefix("http://").unwrap().parse().unwrap()
}

fn connect(emulator: &Emulator) -> TcpStream {
    let stream = TcpStream::connect(proxy_address(emulator)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Sends text and reads to the end of the connection, which a refusal brings.
fn refused(emulator: &Emulator, request: &str) -> String {
    let mut stream = connect(emulator);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn real_host_names_reach_the_emulator() {
    let emulator = builder().start().await.unwrap();
    let client = proxied_client(&emulator);
    for host in ["sts.aliyuncs.com", "sts.cn-hangzhou.aliyuncs.com", "STS-VPC.cn-hangzhou.aliyuncs.com"] {
        let query =
            encoding::build_query(&rpc_params("GET", &alice(), &[("Action", "GetCallerIdentity")], now()));
        let (status, body) = answer(client.get(format!("https://{host}/?{query}"))).await;
        assert_eq!((status, &body["Arn"]), (200, &"acs:ram::1234567890123456:user/alice".into()), "{host}");
    }
    for (url, token) in [
        ("https://oauth.aliyun.com/v1/exchange", "access-token-of-alice"),
        (&format!("https://{SIGN_IN}/cloud-credentials"), "cloudsso-token-of-alice"),
    ] {
        let body = r#"{"AccountId": "1234567890123456", "AccessConfigurationId": "ac-00example"}"#;
        let response = client.post(url).bearer_auth(token).body(body).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{url}");
        assert!(response.json::<Value>().await.unwrap().is_object());
    }
    let asked: Vec<_> = emulator
        .proxy_requests()
        .into_iter()
        .map(|request| (request.method, request.target.to_lowercase(), request.status))
        .collect();
    let expected = [
        "sts.aliyuncs.com:443",
        "sts.cn-hangzhou.aliyuncs.com:443",
        "sts-vpc.cn-hangzhou.aliyuncs.com:443",
        "oauth.aliyun.com:443",
        "signin-cn-shanghai.alibabacloudsso.com:443",
    ];
    assert_eq!(asked, expected.map(|target| ("CONNECT".to_owned(), target.to_owned(), 200)));
    assert_eq!(emulator.requests().len(), 5);
    emulator.clear_proxy_requests();
    assert_eq!(emulator.proxy_requests(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_emulator_can_be_reached() {
    let emulator = builder().start().await.unwrap();
    let own = emulator.address().port();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let other_port = other.local_addr().unwrap().port();
    for target in [
        "example.com:443",
        "sts.aliyuncs.com:80",
        &format!("sts.aliyuncs.com:{own}"),
        "sts.cn-beijing.aliyuncs.com:443",
        "aliyuncs.com:443",
        "sts.aliyuncs.com.example.com:443",
        "localhost:443",
        "127.0.0.1:443",
        &format!("127.0.0.1:{other_port}"),
        &format!("[::1]:{other_port}"),
        &format!("sts.aliyuncs.com:443@127.0.0.1:{other_port}"),
        "100.100.100.200:443",
        "192.0.2.1:443",
    ] {
        let answer = refused(&emulator, &format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 403 Not a Host of ram-emulator\r\n"), "{target}: {answer}");
        let named = target.rsplit('@').next().unwrap();
        assert!(answer.contains(&format!("and not to {named}")), "{target}: {answer}");
    }
    // What the client says in Host counts for nothing.
    let lie = "CONNECT example.com:443 HTTP/1.1\r\nHost: sts.aliyuncs.com:443\r\n\r\n";
    assert!(refused(&emulator, lie).starts_with("HTTP/1.1 403 "));
    assert!(emulator.proxy_requests().iter().all(|request| request.status == 403));
    assert!(other.accept().is_err(), "somebody was connected to");
    assert_eq!(emulator.requests().len(), 0);
    // Its very address is the emulator's too.
    let (status, _) =
        answer(rpc_get(&proxied_client(&emulator), &emulator, &alice(), &[("Action", "GetCallerIdentity")]))
            .await;
    assert_eq!(status, 200);
}

/// Metadata over `HTTP_PROXY` is what a client must not do: here it is seen.
#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_refused_and_recorded_without_its_path() {
    let emulator = builder().start().await.unwrap();
    let url = "http://100.100.100.200/latest/meta-data/ram/security-credentials/";
    let response = proxied_client(&emulator).get(url).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 403);
    assert!(response.text().await.unwrap().contains("takes CONNECT only"));
    let direct = refused(&emulator, "GET /x?secret=hunter2 HTTP/1.1\r\nHost: me\r\n\r\n");
    assert!(direct.starts_with("HTTP/1.1 403 "), "{direct}");
    let seen = emulator.proxy_requests();
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("GET", "100.100.100.200"));
    assert_eq!(seen[1].target, "me");
    assert!(!format!("{seen:?}{direct}").contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_the_request_at_once_is_not_lost() {
    let emulator = builder().start().await.unwrap();
    let mut stream = connect(&emulator);
    // A byte that begins no TLS record comes in the same packet: the emulator answers with an alert.
    stream.write_all(b"CONNECT sts.aliyuncs.com:443 HTTP/1.1\r\nHost: sts.aliyuncs.com:443\r\n\r\nGET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
    assert_eq!(answer[end], 21, "a TLS alert: {:?}", &answer[end..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_without_end_is_not_read_for_ever() {
    let emulator = builder().start().await.unwrap();
    let mut stream = connect(&emulator);
    stream.write_all(b"CONNECT sts.aliyuncs.com:443 HTTP/1.1\r\n").unwrap();
    let line = format!("X-Padding: {}\r\n", "x".repeat(1000));
    // 64 KiB and more; the proxy stops listening before that.
    let written = (0..10_000).take_while(|_| stream.write_all(line.as_bytes()).is_ok()).count();
    assert!(written < 10_000);
    assert_eq!(emulator.proxy_requests(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_and_its_tunnels_end_with_the_emulator() {
    let emulator = builder().start().await.unwrap();
    let address = proxy_address(&emulator);
    let mut tunnel = connect(&emulator);
    tunnel.write_all(b"CONNECT sts.aliyuncs.com:443 HTTP/1.1\r\nHost: sts.aliyuncs.com:443\r\n\r\n").unwrap();
    let mut head = [0; 12];
    tunnel.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");

    emulator.stop_listening().await;
    let answer =
        refused(&emulator, "CONNECT sts.aliyuncs.com:443 HTTP/1.1\r\nHost: sts.aliyuncs.com\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("does not listen"), "{answer}");
    emulator.listen_again().await.unwrap();
    let mut second = connect(&emulator);
    second.write_all(b"CONNECT sts.aliyuncs.com:443 HTTP/1.1\r\nHost: sts.aliyuncs.com:443\r\n\r\n").unwrap();
    second.read_exact(&mut head).unwrap();
    let idle = connect(&emulator);
    emulator.shutdown().await;
    for mut stream in [tunnel, second, idle] {
        let mut rest = Vec::new();
        // An end or a reset, but no waiting for the read's time limit.
        if let Err(error) = stream.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        }
    }
    assert!(TcpStream::connect(address).is_err(), "the port is open after the end");
}

#[tokio::test]
async fn the_proxy_listens_on_loopback_only() {
    let error =
        Emulator::builder(config()).proxy_listen("0.0.0.0:0".parse().unwrap()).start().await.unwrap_err();
    assert!(matches!(error, StartError::NotLoopback(_)), "{error}");
    let without = start().await;
    assert_eq!((without.proxy_url(), without.proxy_requests()), (None, Vec::new()));
}
