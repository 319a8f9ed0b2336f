//! What services and files with credentials may do to this program: how long they may be silent, how much they may say, what
//! keys may look like, and whom a proxy may never listen to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects)]

mod support;

use openapi::credentials::{Context, system};
use openapi::network::{ProxyRules, Trust};
use support::machine::{KEYS, context, fetch, one_line, source};
use support::{Server, http, json, silent};

/// An address of the documentation (RFC 5737): nobody is there, and it is not on loopback, which has no proxy anyway.
const NOBODY: &str = "192.0.2.1";

/// With a proxy for `https` that answers whatever it is asked.
fn with_proxy(proxy: &Server) -> Context<'static> {
    let address = proxy.url("");
    let variable = |name: &str| (name == "HTTPS_PROXY").then(|| address.clone());
    Context {
        proxies: ProxyRules::from_environment(&variable).unwrap(),
        ..context("sts.invalid", Trust::File(proxy.ca_file()))
    }
}

#[tokio::test]
async fn keys_do_not_pass_a_proxy_readable_and_metadata_passes_none() {
    // A server with TLS has a certificate to trust; what a proxy is asked comes without.
    let trusted = Server::tls("127.0.0.1", |_| json(200, KEYS));
    let proxy = Server::plain(|_| json(200, KEYS));
    let uri = format!("http://{NOBODY}/keys");
    let with_tls = format!("https://{NOBODY}/");
    let role = ("ALIBABA_CLOUD_ECS_METADATA", "worker");
    let context = Context { trust: Trust::File(trusted.ca_file()), ..with_proxy(&proxy) };
    for pairs in [
        vec![("ALIBABA_CLOUD_CREDENTIALS_URI", uri.as_str())],
        vec![role, ("ALIBABA_CLOUD_IMDS_ENDPOINT", uri.as_str())],
        vec![role, ("ALIBABA_CLOUD_IMDS_ENDPOINT", with_tls.as_str())],
    ] {
        assert!(source(&pairs).fetch(&context, None).await.is_err(), "{pairs:?}");
        assert!(proxy.received().is_empty(), "{pairs:?}: {:?}", proxy.received());
    }
    // The same proxy is asked for a credentials URI with TLS, so that it would have been seen above.
    assert!(
        source(&[("ALIBABA_CLOUD_CREDENTIALS_URI", &with_tls)]).fetch(&context, None).await.is_err(),
        "the proxy opens no tunnel"
    );
    let asked = proxy.received();
    assert_eq!(
        asked.iter().map(|one| one.line.as_str()).collect::<Vec<_>>(),
        [format!("CONNECT {NOBODY}:443 HTTP/1.1")]
    );
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up() {
    let (address, _kept) = silent();
    let uri = format!("http://{address}/canary");
    let pairs = [("ALIBABA_CLOUD_CREDENTIALS_URI", uri.as_str())];
    let asked = fetch(&pairs);
    let answer = tokio::time::timeout(std::time::Duration::from_secs(60), asked).await;
    let text = one_line(&answer.expect("it has a time limit of its own").unwrap_err());
    assert!(text.contains("no answer within 10 s"), "{text}");
}

#[tokio::test]
async fn what_the_metadata_service_says_is_bounded() {
    let server = Server::plain(|request| match request.line.starts_with("PUT") {
        true => http(200, "text/plain", "session-token"),
        // Well-formed keys, and blanks behind them.
        false => json(200, &format!("{KEYS}{}", " ".repeat(70_000))),
    });
    let endpoint = server.url("");
    let pairs = [("ALIBABA_CLOUD_ECS_METADATA", "worker"), ("ALIBABA_CLOUD_IMDS_ENDPOINT", &endpoint)];
    let text = one_line(&fetch(&pairs).await.unwrap_err());
    assert!(text.contains("its answer is too large"), "{text}");
}

#[tokio::test]
async fn keys_of_other_characters_than_keys_have_are_none() {
    let long = "x".repeat(16 * 1024 + 1);
    for bad in ["canary ", "canary\\n", "canary\\u0000", "can\\u00e4ry", long.as_str()] {
        for (part, name) in [("\"secret\"", "AccessKeySecret"), ("\"token\"", "SecurityToken")] {
            let body = KEYS.replace(part, &format!("\"{bad}\""));
            let server = Server::plain(move |_| json(200, &body));
            let pairs = [("ALIBABA_CLOUD_CREDENTIALS_URI", server.url("/"))];
            let pairs: Vec<(&str, &str)> =
                pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let text = one_line(&fetch(&pairs).await.unwrap_err());
            assert!(text.contains(&format!("{name} in its answer is malformed")), "{text}");
        }
    }
}

#[test]
fn a_file_is_read_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let limit = usize::try_from(system::MAX_FILE_BYTES).unwrap();
    std::fs::write(&path, "x".repeat(limit)).unwrap();
    assert_eq!(system::read_file(&path).unwrap().len(), limit);
    std::fs::write(&path, "x".repeat(limit.saturating_add(1))).unwrap();
    assert_eq!(system::read_file(&path).unwrap_err().kind(), std::io::ErrorKind::FileTooLarge);
    std::fs::write(&path, b"\xff\xfe").unwrap();
    assert_eq!(system::read_file(&path).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(system::read_file(folder.path()).unwrap_err().kind(), std::io::ErrorKind::IsADirectory);
}
