//! RSA key pairs of users: `GenerateSessionAccessKey`, signed as the published SDKs sign it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::*;
use emulator::{Config, Emulator};
use jiff::Timestamp;
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize, SigningKey};
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use signature::{encoding, format_timestamp, rpc};

const PAIR: &str = "KEYPAIR1";
const ALICE: &str = "acs:ram::1234567890123456:user/alice";

fn key() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

/// The example, in which alice has a key pair with this public key.
fn with_pair(public_key: &str) -> Result<Config, String> {
    let public_key = public_key.replace('\n', "\n                ");
    let pair = format!(
        "        id: \"222222222222222222\"\n        keyPairs:\n          - id: {PAIR}\n            \
         publicKey: |\n                {public_key}\n"
    );
    let text = CONFIG.replacen("        id: \"222222222222222222\"\n", &pair, 1);
    assert!(text.contains(PAIR));
    Config::from_yaml(&text, "pairs.yaml").map_err(|error| error.to_string())
}

/// The emulator of one key pair, whose clock is `seconds` after [`NOON`].
struct Sts {
    emulator: Emulator,
    client: Client,
    seconds: Arc<AtomicI64>,
}

impl Sts {
    async fn start(key: &KeyPair) -> Self {
        let seconds = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&seconds);
        let emulator = Emulator::builder(with_pair(&key.public_key_pem()).unwrap())
            .clock(move || Timestamp::from_second(NOON + clock.load(Ordering::Relaxed)).unwrap())
            .start()
            .await
            .unwrap();
        let client = client(&emulator);
        Self { emulator, client, seconds }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOON + self.seconds.load(Ordering::Relaxed)).unwrap()
    }

    fn at(&self, seconds: i64) {
        self.seconds.store(seconds, Ordering::Relaxed);
    }

    /// A request that this key signs, with these parameters beside or instead of the usual ones.
    fn request(&self, key: &KeyPair, params: &[(&str, &str)]) -> RequestBuilder {
        let time = format_timestamp(self.now());
        let nonce = format!("{}{params:?}", self.emulator.requests().len());
        let mut all = pairs(&[
            ("Action", "GenerateSessionAccessKey"),
            ("AccessKeyId", PAIR),
            ("Format", "JSON"),
            ("SignatureMethod", "SHA256withRSA"),
            ("SignatureNonce", &nonce),
            ("SignatureType", "PRIVATEKEY"),
            ("SignatureVersion", "1.0"),
            ("Timestamp", &time),
            ("Version", "2015-04-01"),
        ]);
        all.retain(|(name, _)| params.iter().all(|(other, _)| other != name));
        all.extend(pairs(params).into_iter().filter(|(_, value)| !value.is_empty()));
        let text = rpc::string_to_sign("POST", &all);
        all.push(("Signature".to_owned(), STANDARD.encode(key.sign(text.as_bytes()).unwrap())));
        self.client.post(format!("{}/?{}", self.emulator.endpoint(), encoding::build_query(&all)))
    }

    async fn who(&self, keys: &Keys) -> String {
        let params = [("Action", "GetCallerIdentity")];
        let (_, body) = answer(rpc_get_at(&self.client, &self.emulator, keys, &params, self.now())).await;
        body["Arn"].as_str().or(body["Code"].as_str()).unwrap().to_owned()
    }

    /// A session access key for this many seconds; an hour when it is `None`.
    async fn session_key(&self, key: &KeyPair, seconds: Option<&str>) -> (Keys, String) {
        let duration = seconds.map(|seconds| ("DurationSeconds", seconds));
        let (status, body) = answer(self.request(key, duration.as_slice())).await;
        assert_eq!(status, 200, "{body}");
        let session = &body["SessionAccessKey"];
        let text = |name: &str| session[name].as_str().unwrap();
        assert_eq!(session.as_object().unwrap().len(), 3, "no security token comes with it: {session}");
        (keys(text("SessionAccessKeyId"), text("SessionAccessKeySecret")), text("Expiration").to_owned())
    }
}

#[tokio::test]
async fn a_key_pair_gets_a_session_access_key_of_its_user_for_a_while() {
    let key = key();
    let sts = Sts::start(&key).await;
    let (short, expiration) = sts.session_key(&key, Some("900")).await;
    assert_eq!(expiration, "2026-11-22T15:45:20Z");
    let (long, expiration) = sts.session_key(&key, None).await;
    assert_eq!(expiration, "2026-11-22T16:30:20Z");
    assert!(long.id.starts_with("TMPSK."), "{}", long.id);
    assert_ne!(short.id, long.id);
    for keys in [&short, &long] {
        assert_eq!(sts.who(keys).await, ALICE);
    }
    sts.at(899);
    assert_eq!(sts.who(&short).await, ALICE);
    sts.at(900);
    assert_eq!(sts.who(&short).await, "InvalidAccessKeyId.NotFound", "its time is over");
    assert_eq!(sts.who(&long).await, ALICE);
    sts.emulator.delete_user("1234567890123456", "alice").unwrap();
    assert_eq!(sts.who(&long).await, "InvalidAccessKeyId.NotFound", "its user is gone");
    let (status, body) = answer(sts.request(&key, &[])).await;
    assert_eq!((status, &body["Code"]), (404, &json!("InvalidAccessKeyId.NotFound")));
}

#[tokio::test]
async fn what_another_key_signed_or_signed_otherwise_is_refused() {
    let (right, wrong) = (key(), key());
    let sts = Sts::start(&right).await;
    let refusals: Vec<(RequestBuilder, &str)> = vec![
        (sts.request(&wrong, &[]), "400 SignatureDoesNotMatch"),
        (sts.request(&right, &[("AccessKeyId", "KEYPAIR2")]), "404 InvalidAccessKeyId.NotFound"),
        // An access key's id is no key pair's, and the other way about.
        (sts.request(&right, &[("AccessKeyId", "LTAIalice")]), "404 InvalidAccessKeyId.NotFound"),
        (sts.request(&right, &[("Action", "GetCallerIdentity")]), "400 InvalidSignatureMethod"),
        (sts.request(&right, &[("SignatureMethod", "HMAC-SHA1")]), "400 InvalidSignatureMethod"),
        (sts.request(&right, &[("SignatureType", "")]), "400 MissingSignatureType"),
        (sts.request(&right, &[("SignatureType", "BEARERTOKEN")]), "400 InvalidParameter.SignatureType"),
        (sts.request(&right, &[("Timestamp", "2026-11-22T15:15:19Z")]), "400 InvalidTimeStamp.Expired"),
        (sts.request(&right, &[("DurationSeconds", "899")]), "400 InvalidParameter.DurationSeconds"),
        (sts.request(&right, &[("DurationSeconds", "3601")]), "400 InvalidParameter.DurationSeconds"),
        (sts.request(&right, &[("PublicKeyId", "KEYPAIR2")]), "400 InvalidParameter.PublicKeyId"),
        (
            rpc_get_at(
                &sts.client,
                &sts.emulator,
                &alice(),
                &[("Action", "GenerateSessionAccessKey")],
                sts.now(),
            ),
            "400 InvalidSignatureMethod",
        ),
        (
            acs3_post(&sts.client, &sts.emulator, &alice(), "GenerateSessionAccessKey", &[]),
            "400 MissingAccessKeyId",
        ),
    ];
    for (request, expected) in refusals {
        let shown = format!("{request:?}");
        let (status, code) = error(request).await;
        assert_eq!(format!("{status} {code}"), expected, "{shown}");
    }
    // A parameter that was changed on the way, and a request that is sent twice.
    let changed = sts.request(&right, &[("DurationSeconds", "1000")]).build().unwrap();
    let mut url = changed.url().clone();
    url.set_query(Some(&url.query().unwrap().replace("1000", "3600")));
    assert_eq!(error(sts.client.post(url)).await.1, "SignatureDoesNotMatch");
    let twice = sts.request(&right, &[("PublicKeyId", PAIR)]);
    assert_eq!(answer(twice.try_clone().unwrap()).await.0, 200);
    assert_eq!(error(twice).await.1, "SignatureNonceUsed");
}

#[test]
fn a_public_key_that_is_none_is_refused_at_the_start() {
    let elliptic = KeyPair::generate().unwrap().public_key_pem();
    let rsa = key().public_key_pem();
    let broken = rsa.replacen("MII", "AAA", 1);
    for (pem, words) in [
        ("hello", "is not a public key in PEM"),
        (elliptic.as_str(), "is not an RSA key"),
        (broken.as_str(), "is not"),
    ] {
        let error = with_pair(pem).expect_err(pem);
        assert!(error.contains(words) && error.contains("KEYPAIR1"), "{error}");
        assert!(error.starts_with("pairs.yaml, line ") && error.lines().count() == 1, "{error}");
    }
    let text = CONFIG.replacen(
        "        id: \"222222222222222222\"\n",
        "        id: \"222222222222222222\"\n        keyPairs: [{id: LTAIbob, publicKey: x}]\n",
        1,
    );
    let error = Config::from_yaml(&text, "x").unwrap_err().to_string();
    assert!(error.contains("LTAIbob"), "{error}");
}
