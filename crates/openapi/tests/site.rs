//! Documents of a web site, over real TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

use std::time::Duration;

use emulator::{Config, Emulator};
use jiff::Timestamp;
use openapi::network::{ProxyRules, Trust};
use openapi::site::{SiteError, SiteOptions, SiteReader};

const CONFIG: &str = "accounts: [{id: \"1234567890123456\"}]";

fn reader(ca: Option<&str>, max_bytes: usize) -> SiteReader {
    let variable = |name: &str| ca.filter(|_| name == "SSL_CERT_FILE").map(str::to_owned);
    let options = SiteOptions {
        user_agent: "test".to_owned(),
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(15),
        max_bytes,
    };
    SiteReader::new(Trust::from_environment(&variable), ProxyRules::default(), options)
}

#[tokio::test]
async fn a_page_comes_with_the_certificates_of_its_server() {
    let emulator = Emulator::builder(Config::from_yaml(CONFIG, "test").unwrap()).start().await.unwrap();
    let ca = emulator.ca_file().to_str().unwrap().to_owned();
    let url = format!("https://{}/nothing", emulator.address());
    let page = reader(Some(&ca), 100_000).get(&url).await.unwrap();
    assert_ne!(page.status, 200);
    assert!(!page.body.is_empty() && !page.chain.is_empty());

    // The authority is known whether the server shows it or not; another site's name, or another time, leads nowhere.
    let reader_here = reader(Some(&ca), 100_000);
    let authority = reader_here.authority_of(&url, &page.chain, Timestamp::now()).unwrap();
    assert_eq!(reader_here.authority_of(&url, &page.chain[..1], Timestamp::now()), Some(authority));
    assert_eq!(reader_here.authority_of("https://other.example/", &page.chain, Timestamp::now()), None);
    assert_eq!(reader_here.authority_of(&url, &page.chain, Timestamp::UNIX_EPOCH), None);
    assert_eq!(reader_here.authority_of(&url, &[], Timestamp::now()), None);

    let long = reader(Some(&ca), page.body.len() - 1).get(&url).await;
    assert!(matches!(long, Err(SiteError::TooLong { .. })), "{long:?}");
    let plain = reader(Some(&ca), 100_000).get(&url.replace("https", "http")).await;
    assert!(matches!(plain, Err(SiteError::Url)), "{plain:?}");

    // An authority of another emulator.
    let other = Emulator::builder(Config::from_yaml(CONFIG, "test").unwrap()).start().await.unwrap();
    let untrusted = reader(other.ca_file().to_str(), 100_000).get(&url).await.unwrap_err().to_string();
    assert!(
        untrusted.contains("no trusted TLS connection") && untrusted.contains("SSL_CERT_FILE"),
        "{untrusted}"
    );
}
