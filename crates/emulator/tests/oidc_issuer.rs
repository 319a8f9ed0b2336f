//! The keys of OIDC issuers, fetched from real TLS servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;
#[path = "common/issuer_site.rs"]
mod issuer_site;
#[path = "common/oidc.rs"]
mod oidc;

use std::sync::{Arc, Mutex};

use common::*;
use emulator::{Emulator, OidcProvider};
use issuer_site::{Authority, IssuerSite, Page};
use jiff::{SignedDuration, Timestamp};
use oidc::{Issuer, jwks_of};
use reqwest::Client;
use serde_json::{Value, json};
use signature::encoding;

const ACCOUNT: &str = "1234567890123456";
const SUBJECT: &str = "system:serviceaccount:default:app";
const GOOD: (u16, &str) = (200, "");
const BROKEN: (u16, &str) = (401, "AuthenticationFail.OIDCToken.IssuerConfigurationBroken");
const NOT_TRUSTED: (u16, &str) = (401, "AuthenticationFail.OIDCToken.HttpsUrlInvalid");
const OTHER_CA: (u16, &str) = (401, "AuthenticationFail.OIDCToken.PublicKeyFingerprintMismatch");
const NOT_SIGNED: (u16, &str) = (401, "AuthenticationFail.OIDCToken.InvalidSignature");
const DOCUMENT: &str = "/c1/.well-known/openid-configuration";
const KEYS: &str = "/c1/keys";

/// An emulator by a clock that the test moves, and a role for whoever has a token of the provider `ack`.
struct Stand {
    emulator: Emulator,
    client: Client,
    clock: Arc<Mutex<Timestamp>>,
    root: Authority,
    issuer: Issuer,
}

impl Stand {
    async fn start() -> Self {
        let clock = Arc::new(Mutex::new(Timestamp::from_second(NOON).unwrap()));
        let told = Arc::clone(&clock);
        let emulator =
            Emulator::builder(config()).clock(move || *told.lock().unwrap()).start().await.unwrap();
        let root = Authority::root("root");
        emulator.trust_oidc_issuers(&root.pem()).unwrap();
        let policy = json!({"Version": "1", "Statement": [{
            "Action": "sts:AssumeRole", "Effect": "Allow",
            "Principal": {"Federated": [format!("acs:ram::{ACCOUNT}:oidc-provider/ack")]},
            "Condition": {"StringEquals": {"oidc:sub": SUBJECT}},
        }]});
        emulator.create_role(ACCOUNT, "app", &policy.to_string()).unwrap();
        Self { client: client(&emulator), emulator, clock, root, issuer: Issuer::new() }
    }

    /// A site with a certificate of the root's, which publishes the issuer's keys.
    async fn site(&self) -> IssuerSite {
        let site = IssuerSite::start(self.root.server(&["127.0.0.1"], &[])).await;
        site.publish(&site.issuer(), &self.issuer.jwks());
        site
    }

    fn provider(&self, issuer_url: &str, fingerprints: &[&str]) {
        let _ = self.emulator.remove_oidc_provider(ACCOUNT, "ack");
        let mut provider = OidcProvider::new(ACCOUNT, "ack", issuer_url).client_id("sts.aliyuncs.com");
        for fingerprint in fingerprints {
            provider = provider.fingerprint(fingerprint);
        }
        self.emulator.add_oidc_provider(provider).unwrap();
    }

    fn wait(&self, seconds: i64) {
        *self.clock.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    /// Status and code of the answer to a token of this issuer.
    async fn assume_with(&self, issuer: &Issuer, issuer_url: &str) -> (u16, String) {
        let claims: Value = json!({"iss": issuer_url, "sub": SUBJECT, "aud": "sts.aliyuncs.com",
            "iat": NOON, "exp": NOON + 7200});
        let query = encoding::build_query(&pairs(&[
            ("Action", "AssumeRoleWithOIDC"),
            ("Format", "JSON"),
            ("Version", "2015-04-01"),
            ("OIDCProviderArn", &format!("acs:ram::{ACCOUNT}:oidc-provider/ack")),
            ("OIDCToken", &issuer.token(&claims)),
            ("RoleArn", &format!("acs:ram::{ACCOUNT}:role/app")),
            ("RoleSessionName", "pod-1"),
        ]));
        let request = self.client.get(format!("{}/?{query}", self.emulator.endpoint()));
        let (status, body) = answer(request).await;
        (status, body["Code"].as_str().unwrap_or_default().to_owned())
    }

    async fn assume(&self, issuer_url: &str) -> (u16, String) {
        self.assume_with(&self.issuer, issuer_url).await
    }

    /// The same for a provider with this issuer whose keys nobody has asked for.
    async fn assume_first(&self, issuer_url: &str, fingerprints: &[&str]) -> (u16, String) {
        self.emulator.forget_oidc_keys();
        self.provider(issuer_url, fingerprints);
        self.assume(issuer_url).await
    }
}

fn is((status, code): (u16, &str)) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn keys_come_from_where_the_discovery_document_says_and_are_kept_for_a_while() {
    let stand = Stand::start().await;
    let site = stand.site().await;
    stand.provider(&site.issuer(), &[]);
    assert_eq!(stand.assume(&site.issuer()).await, is(GOOD));
    assert_eq!(site.asked(), [DOCUMENT, KEYS]);
    stand.wait(599);
    assert_eq!(stand.assume(&site.issuer()).await, is(GOOD));
    assert!(site.asked().is_empty(), "the keys are kept");
    stand.wait(1);
    assert_eq!(stand.assume(&site.issuer()).await, is(GOOD));
    assert_eq!(site.asked().len(), 2, "and had anew after ten minutes");
    stand.emulator.forget_oidc_keys();
    assert_eq!(stand.assume(&site.issuer()).await, is(GOOD));
    assert_eq!(site.asked().len(), 2, "or where the test says so");
    // A slash at the end of the issuer stands in tokens and in the document, and not before the path.
    let slash = format!("{}/", site.issuer());
    site.publish(&slash, &stand.issuer.jwks());
    assert_eq!(stand.assume_first(&slash, &[]).await, is(GOOD));
    assert_eq!(site.asked(), [DOCUMENT, KEYS]);
}

#[tokio::test]
async fn a_key_that_is_not_known_is_looked_for_again_but_not_at_every_call() {
    let stand = Stand::start().await;
    let site = stand.site().await;
    let url = site.issuer();
    let next = Issuer::with_id("2");
    stand.provider(&url, &[]);
    assert_eq!(stand.assume(&url).await, is(GOOD));
    site.asked();
    stand.wait(4);
    for _ in 0..3 {
        assert_eq!(stand.assume_with(&next, &url).await, is(NOT_SIGNED));
    }
    assert!(site.asked().is_empty(), "the keys were had a moment ago");
    // Old and new key, both published: the way to change keys.
    site.publish(&url, &jwks_of(&[&stand.issuer, &next]));
    stand.wait(1);
    assert_eq!(stand.assume_with(&next, &url).await, is(GOOD));
    assert_eq!(site.asked().len(), 2);
    assert_eq!(stand.assume(&url).await, is(GOOD));
    assert!(site.asked().is_empty());
    // The issuer is away: what it has signed stays good, for as long as its keys are kept.
    let stranger = Issuer::with_id("3");
    site.page(DOCUMENT, Page(500, Vec::new(), String::new()));
    stand.wait(5);
    assert_eq!(stand.assume_with(&stranger, &url).await, is(NOT_SIGNED));
    assert_eq!(stand.assume_with(&stranger, &url).await, is(NOT_SIGNED));
    assert_eq!(site.asked().len(), 1, "one try in five seconds");
    assert_eq!(stand.assume(&url).await, is(GOOD));
    stand.wait(600);
    assert_eq!(stand.assume(&url).await, is(BROKEN));
}

#[tokio::test]
async fn a_server_that_is_not_trusted_gives_no_keys() {
    let stand = Stand::start().await;
    let site = stand.site().await;
    assert_eq!(stand.assume_first(&site.issuer(), &[]).await, is(GOOD));
    // Another name than that of the certificate.
    let named = site.issuer_at("localhost");
    site.publish(&named, &stand.issuer.jwks());
    assert_eq!(stand.assume_first(&named, &[]).await, is(NOT_TRUSTED));
    // Another authority.
    let other = IssuerSite::start(Authority::root("other").server(&["127.0.0.1"], &[])).await;
    other.publish(&other.issuer(), &stand.issuer.jwks());
    assert_eq!(stand.assume_first(&other.issuer(), &[]).await, is(NOT_TRUSTED));
    assert!(other.asked().is_empty(), "nothing is sent to it");
    // The document is the issuer's, but the keys are at a server that is not trusted.
    let document = json!({"issuer": site.issuer(), "jwks_uri": format!("{}/keys", other.issuer())});
    site.page(DOCUMENT, Page(200, Vec::new(), document.to_string()));
    assert_eq!(stand.assume_first(&site.issuer(), &[]).await, is(NOT_TRUSTED));
    // Trust that is given later counts from then on.
    stand
        .emulator
        .trust_oidc_issuers(&format!("{}{}", stand.root.pem(), Authority::root("x").pem()))
        .unwrap();
    site.publish(&site.issuer(), &stand.issuer.jwks());
    assert_eq!(stand.assume(&site.issuer()).await, is(GOOD));
    stand.emulator.trust_oidc_issuers(&Authority::root("x").pem()).unwrap();
    assert_eq!(stand.assume(&site.issuer()).await, is(NOT_TRUSTED), "keys of before are forgotten");
    let refused = stand.emulator.trust_oidc_issuers("no PEM").unwrap_err().to_string();
    assert!(refused.contains("no certificate"), "{refused}");
}

#[tokio::test]
async fn a_fingerprint_is_that_of_an_authority_above_the_certificate() {
    let stand = Stand::start().await;
    let below = stand.root.intermediate("below");
    let unrelated = Authority::root("unrelated");
    // The server also shows a certificate that has nothing to do with its own.
    let site = IssuerSite::start(below.server(&["127.0.0.1"], &[&below, &unrelated])).await;
    site.publish(&site.issuer(), &stand.issuer.jwks());
    let [root, below, unrelated] = [&stand.root, &below, &unrelated].map(Authority::fingerprint);
    let nobody = "0".repeat(40);
    for (fingerprints, expected) in [
        (vec![], GOOD),
        (vec![root.as_str()], GOOD),
        (vec![&below], GOOD),
        (vec![&nobody, &below], GOOD),
        (vec![&nobody], OTHER_CA),
        (vec![&unrelated], OTHER_CA),
        (vec![&unrelated, &nobody], OTHER_CA),
    ] {
        assert_eq!(stand.assume_first(&site.issuer(), &fingerprints).await, is(expected), "{fingerprints:?}");
    }
    let lower = below.to_lowercase();
    assert_eq!(stand.assume_first(&site.issuer(), &[&lower]).await, is(GOOD));
    // Keys that were had without a fingerprint are not those of a provider with one.
    stand.provider(&site.issuer(), &[]);
    assert_eq!(stand.assume(&site.issuer()).await, is(GOOD));
    stand.provider(&site.issuer(), &[&nobody]);
    site.asked();
    assert_eq!(stand.assume(&site.issuer()).await, is(OTHER_CA));
    assert!(site.asked().is_empty(), "nothing is sent to it");
}

#[tokio::test]
async fn what_an_issuer_publishes_has_to_be_right() {
    let stand = Stand::start().await;
    let site = stand.site().await;
    let url = site.issuer();
    let document = |issuer: &str, jwks_uri: &str| json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string();
    let keys_at = format!("{url}/keys");
    let good = document(&url, &keys_at);
    let padded = |length: usize| format!("{good}{}", " ".repeat(length - good.len()));
    let with = async |status: u16, headers: Vec<(&'static str, String)>, text: &str| {
        site.page(DOCUMENT, Page(status, headers, text.to_owned()));
        stand.assume_first(&url, &[]).await
    };
    assert_eq!(with(200, Vec::new(), &good).await, is(GOOD));
    assert_eq!(with(200, Vec::new(), &padded(256 * 1024)).await, is(GOOD));
    for wrong in [
        padded(256 * 1024 + 1),
        document(&format!("{url}/"), &keys_at),
        document("https://issuer.example", &keys_at),
        document(&url, &keys_at.replace("https", "http")),
        document(&url, &keys_at.replace("https://", "https://user@")),
        document(&url, "keys"),
        document(&url, "https://127.0.0.1:1/keys"),
        document(&url, &format!("{url}/nowhere")),
        String::new(),
    ] {
        assert_eq!(with(200, Vec::new(), &wrong).await, is(BROKEN), "{}", wrong.trim_end());
    }
    assert_eq!(with(404, Vec::new(), &good).await, is(BROKEN));
    // Redirects are not followed.
    site.page("/moved", Page(200, Vec::new(), good.clone()));
    let moved = vec![("location", "/moved".to_owned())];
    assert_eq!(with(302, moved, "").await, is(BROKEN));
    assert!(!site.asked().contains(&"/moved".to_owned()));

    site.page(DOCUMENT, Page(200, Vec::new(), good.clone()));
    for wrong in ["[]", r#"{"keys":[]}"#, "", r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#] {
        site.page(KEYS, Page(200, Vec::new(), wrong.to_owned()));
        assert_eq!(stand.assume_first(&url, &[]).await, is(BROKEN), "{wrong}");
    }
    site.page(KEYS, Page(200, Vec::new(), Issuer::new().jwks()));
    assert_eq!(stand.assume_first(&url, &[]).await, is(NOT_SIGNED));
    drop(site);
    assert_eq!(stand.assume_first(&url, &[]).await, is(BROKEN), "nobody is there");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_waited_for_no_longer_than_clients_wait() {
    let stand = Stand::start().await;
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/c1", tcp.local_addr().unwrap());
    stand.provider(&url, &[]);
    // Whoever waits while the keys are asked for gets the same answer, and asks nobody.
    let call = || stand.assume(&url);
    let all = tokio::time::timeout(std::time::Duration::from_secs(60), async {
        tokio::join!(call(), call(), call())
    });
    assert_eq!(all.await.expect("an end"), (is(BROKEN), is(BROKEN), is(BROKEN)));
    let mut connections = 0;
    while tokio::time::timeout(std::time::Duration::from_millis(50), tcp.accept()).await.is_ok() {
        connections += 1;
    }
    assert_eq!(connections, 1);
}
