//! Mode `RsaKeyPair` of the aliyun CLI's file, and where requests go that are proof to whoever receives them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[path = "support/login.rs"]
#[allow(dead_code, unreachable_pub)]
mod login;
mod support;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use login::{Machine, Network, Tunnel, one_line};
use openapi::Credentials;
use openapi::network::Trust;
use openapi::sts::{Endpoint, RsaPrivateKey, RsaPrivateKeyError};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::json;
use signature::{Secret, encoding, rpc};
use support::{Received, Server, json as answer};

const HOST: &str = "sts.ap-northeast-1.aliyuncs.com";
const KEYS: &str = r#"{"RequestId":"R-1","SessionAccessKey":{"SessionAccessKeyId":"TMPSK.x",
    "SessionAccessKeySecret":"canary-secret","Expiration":"2026-11-22T11:00:00Z"}}"#;
const STS_KEYS: &str = r#"{"RequestId":"R-1","Credentials":{"AccessKeyId":"STS.x","AccessKeySecret":"s",
    "SecurityToken":"t","Expiration":"2026-11-22T16:30:20Z"}}"#;

/// Made once: it takes a moment.
fn pair() -> &'static KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap())
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

fn pkcs8() -> String {
    pem("PRIVATE KEY", &pair().serialize_der())
}

/// PKCS#8 wraps PKCS#1 (RFC 5208, section 5): version, algorithm, then the key in an OCTET STRING, whose content begins
/// at byte 26 for RSA.
fn pkcs1() -> String {
    pem("RSA PRIVATE KEY", &pair().serialize_der()[26..])
}

fn config(private_key: &str, more: serde_json::Value) -> String {
    let mut profile = json!({"name": "rsa", "mode": "RsaKeyPair", "region_id": "cn-hangzhou",
        "key_pair_name": "TMPRSA.pair", "private_key": private_key});
    profile.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"current": "rsa", "profiles": [profile]}).to_string()
}

/// A machine with the key in a file.
fn machine(key: &str, more: serde_json::Value) -> Machine {
    let mut machine = Machine::new("");
    let home = machine.path("").to_str().unwrap().to_owned();
    machine.variables.push(("HOME", home));
    std::fs::write(machine.path("rsa.pem"), key).unwrap();
    std::fs::write(machine.file(), config("~/rsa.pem", more)).unwrap();
    machine
}

fn assert_session(credentials: &Credentials) {
    assert_eq!(credentials.access_key_id, "TMPSK.x");
    assert_eq!(credentials.access_key_secret.expose(), "canary-secret");
    assert_eq!(credentials.security_token, None);
    assert_eq!(credentials.expiration.unwrap().to_string(), "2026-11-22T11:00:00Z");
}

/// The parameters of a request, whose signature is checked with the public key.
fn signed(request: &Received) -> BTreeMap<String, String> {
    let target = request.line.strip_prefix("POST /?").unwrap().split(' ').next().unwrap();
    let parameters = encoding::parse_query(target).unwrap();
    let text = rpc::string_to_sign("POST", &parameters);
    let parameters: BTreeMap<_, _> = parameters.into_iter().collect();
    let signature = STANDARD.decode(&parameters["Signature"]).unwrap();
    let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
    let sha256 = rustls::SignatureScheme::RSA_PKCS1_SHA256;
    let (_, rsa) = algorithms.mapping.iter().find(|(scheme, _)| *scheme == sha256).unwrap();
    rsa[0]
        .verify_signature(pair().public_key_raw(), text.as_bytes(), &signature)
        .expect("the signature does not hold");
    parameters
}

#[test]
fn a_session_key_is_asked_for_as_the_published_sdks_do() {
    let server = Server::tls(HOST, |_| answer(200, KEYS));
    let tunnel = Tunnel::to(server.address);
    let network = Network { sts: HOST.to_owned(), ..Network::to(&server, &tunnel) };
    for (key, more, seconds) in [
        (pkcs8(), json!({}), "3600"),
        (pkcs1(), json!({"expired_seconds": 900}), "900"),
        (format!("text before\n{}text behind", pkcs1()), json!({"expired_seconds": 0}), "3600"),
        (pkcs8().replace('\n', "\r\n"), json!({"expired_seconds": 3600}), "3600"),
    ] {
        let machine = machine(&key, more);
        assert!(machine.find(None).unwrap().immediate().is_none());
        assert_session(&machine.fetch(&network).unwrap());
        let parameters = signed(server.received().last().unwrap());
        for (name, value) in [
            ("Action", "GenerateSessionAccessKey"),
            ("Version", "2015-04-01"),
            ("Format", "JSON"),
            ("AccessKeyId", "TMPRSA.pair"),
            ("PublicKeyId", "TMPRSA.pair"),
            ("DurationSeconds", seconds),
            ("SignatureMethod", "SHA256withRSA"),
            ("SignatureType", "PRIVATEKEY"),
            ("SignatureVersion", "1.0"),
            ("Timestamp", "2026-11-22T10:00:00Z"),
        ] {
            assert_eq!(parameters[name], value, "{name}");
        }
        assert_eq!(parameters.len(), 12);
    }
    let nonces: std::collections::BTreeSet<String> =
        server.received().iter().map(|request| signed(request)["SignatureNonce"].clone()).collect();
    assert_eq!(nonces.len(), 4, "a nonce was used twice");
    assert!(tunnel.asked().iter().all(|asked| asked == &format!("{HOST}:443")));
}

#[test]
fn the_key_may_stand_in_the_profile_as_aliyun_configure_writes_it() {
    let server = Server::tls("127.0.0.1", |_| answer(200, KEYS));
    let machine = Machine::new(&config(&pkcs1(), json!({})));
    let network = Network {
        sts: server.address.to_string(),
        ..Network::through(server.address, Trust::File(server.ca_file()))
    };
    assert_session(&machine.fetch(&network).unwrap());
    signed(&server.received()[0]);
    let source = machine.find(None).unwrap();
    let shown = format!("{source:?} {}", source.identity_key());
    let line = pkcs1().lines().nth(3).unwrap().to_owned();
    assert!(!shown.contains(&line), "the key is shown: {shown}");
}

#[test]
fn the_region_of_the_profile_chooses_sts_unless_a_flag_or_variable_did() {
    let server = Server::tls(HOST, |_| answer(200, KEYS));
    let tunnel = Tunnel::to(server.address);
    let machine = machine(&pkcs8(), json!({"sts_region": "ap-northeast-1"}));
    let network =
        Network { sts: "sts.aliyuncs.com".to_owned(), sts_is_chosen: false, ..Network::to(&server, &tunnel) };
    assert_session(&machine.fetch(&network).unwrap());
    let chosen = Network { sts_is_chosen: true, ..network };
    machine.fetch(&chosen).unwrap_err();
    assert_eq!(tunnel.asked(), [format!("{HOST}:443"), "sts.aliyuncs.com:443".to_owned()]);
}

/// Endpoints that a stranger can have, though some look like STS.
const STRANGERS: [&str; 13] = [
    "sts.example",
    "sts.aliyuncs.com.example",
    "sts.cn-hangzhou.aliyuncs.com.example",
    "bucket.oss-cn-hangzhou.aliyuncs.com",
    "sts.bucket.oss-cn-hangzhou.aliyuncs.com",
    "aliyuncs.com",
    "xsts.aliyuncs.com",
    "sts.aliyuncs.com:8443",
    "10.0.0.1",
    // Buckets can be called so.
    "sts.oss-cn-hangzhou.aliyuncs.com",
    "sts-vpc.oss-cn-hangzhou-internal.aliyuncs.com",
    "sts.vpc100-oss-cn-hangzhou.aliyuncs.com",
    "sts.img-cn-hangzhou.aliyuncs.com",
];

#[test]
fn a_signature_without_a_host_goes_to_sts_itself_and_nowhere_else() {
    for own in [
        "sts.aliyuncs.com",
        "sts.cn-hangzhou.aliyuncs.com",
        "sts-vpc.cn-hangzhou.aliyuncs.com",
        "STS.cn-hangzhou.aliyuncs.com",
        "127.0.0.1:8443",
        "127.8.8.8",
        "[::1]:1",
        "localhost:8443",
    ] {
        assert!(own.parse::<Endpoint>().unwrap().is_sts_itself_or_loopback(), "{own}");
    }
    let server = Server::tls("sts.example", |_| answer(200, KEYS));
    let tunnel = Tunnel::to(server.address);
    let machine = machine(&pkcs8(), json!({}));
    for stranger in STRANGERS {
        assert!(!stranger.parse::<Endpoint>().unwrap().is_sts_itself_or_loopback(), "{stranger}");
        let network = Network { sts: stranger.to_owned(), ..Network::to(&server, &tunnel) };
        let error = one_line(&machine.fetch(&network).unwrap_err());
        assert!(error.contains("does not cover the host") && error.contains(stranger), "{error}");
    }
    assert!(tunnel.asked().is_empty(), "{:?}", tunnel.asked());
}

#[test]
fn an_oidc_token_goes_to_sts_itself_only_where_kubectl_started_the_program() {
    let server = Server::tls("sts.example", |_| answer(200, STS_KEYS));
    let tunnel = Tunnel::to(server.address);
    let mut machine = Machine::new("");
    let token = machine.path("token").to_str().unwrap().to_owned();
    std::fs::write(&token, "canary.canary.canary").unwrap();
    let config = json!({"current": "o", "profiles": [{"name": "o", "mode": "OIDC", "region_id": "cn-hangzhou",
        "oidc_provider_arn": "acs:ram::1234567890123456:oidc-provider/ack", "oidc_token_file": token,
        "ram_role_arn": "acs:ram::1234567890123456:role/dev", "ram_session_name": "alice"}]});
    std::fs::write(machine.file(), config.to_string()).unwrap();
    let network = |sts: &str| Network { sts: sts.to_owned(), ..Network::to(&server, &tunnel) };
    // The person typed it.
    assert_eq!(machine.fetch(&network("sts.example")).unwrap().access_key_id, "STS.x");
    assert_eq!(tunnel.asked().len(), 1);
    // A kubeconfig did.
    machine.variables.push(("KUBERNETES_EXEC_INFO", "{}".to_owned()));
    for stranger in STRANGERS {
        let error = one_line(&machine.fetch(&network(stranger)).unwrap_err());
        assert!(
            error.contains("is not sent to") && error.contains(stranger) && error.contains(&token),
            "{error}"
        );
    }
    assert_eq!(tunnel.asked().len(), 1, "the token went to a stranger");
    let loopback = Server::tls("127.0.0.1", |_| answer(200, STS_KEYS));
    let near = Network {
        sts: loopback.address.to_string(),
        ..Network::through(tunnel.address, Trust::File(loopback.ca_file()))
    };
    assert_eq!(machine.fetch(&near).unwrap().access_key_id, "STS.x");
}

#[test]
fn a_key_that_cannot_be_used_is_named_without_its_text() {
    let server = Server::tls("127.0.0.1", |_| panic!("asked without a key"));
    let network = Network {
        sts: server.address.to_string(),
        ..Network::through(server.address, Trust::File(server.ca_file()))
    };
    let elliptic = KeyPair::generate().unwrap().serialize_pem();
    let damaged = pem("RSA PRIVATE KEY", &pair().serialize_der()[40..]);
    let public = pem("PUBLIC KEY", pair().public_key_raw());
    for (key, wanted) in [
        ("", "holds no private key in PEM"),
        ("canary", "holds no private key in PEM"),
        ("-----BEGIN RSA PRIVATE KEY-----\ncanary", "holds no private key in PEM"),
        ("-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n", "holds no private key in PEM"),
        (public.as_str(), "holds no private key in PEM"),
        (elliptic.as_str(), "no RSA key of 2048 to 8192 bits"),
        (damaged.as_str(), "damaged"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "pass phrase"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
            "pass phrase",
        ),
    ] {
        let machine = machine(key, json!({}));
        let error = one_line(&machine.fetch(&network).unwrap_err());
        assert!(error.contains(wanted) && error.contains("rsa.pem of private_key"), "{wanted}: {error}");
        assert!(error.contains("profile \"rsa\" of "), "{error}");
    }
    let missing = machine("", json!({"private_key": "/nowhere/rsa.pem"}));
    let error = one_line(&missing.fetch(&network).unwrap_err());
    assert!(error.contains("/nowhere/rsa.pem of private_key cannot be read"), "{error}");
    let key = RsaPrivateKey::from_pem(&Secret::new(pkcs8())).unwrap();
    assert_eq!(format!("{key:?}"), "RsaPrivateKey(redacted)");
    assert_eq!(RsaPrivateKey::from_pem(&Secret::new("")).unwrap_err(), RsaPrivateKeyError::Missing);
}

#[test]
fn what_the_profile_lacks_or_has_wrong_is_named() {
    for (more, wanted) in [
        (json!({"region_id": ""}), "region_id in profile \"rsa\""),
        (json!({"key_pair_name": ""}), "key_pair_name in profile \"rsa\""),
        (json!({"key_pair_name": "canary pair"}), "key_pair_name in profile \"rsa\""),
        (json!({"private_key": ""}), "private_key in profile \"rsa\""),
        (json!({"expired_seconds": 899}), "expired_seconds is not 900 to 3600"),
        (json!({"expired_seconds": 3601}), "expired_seconds is not 900 to 3600"),
        (json!({"expired_seconds": -1}), "expired_seconds is not 900 to 3600"),
        (json!({"sts_region": "../canary"}), "sts_region in profile \"rsa\""),
    ] {
        let error = one_line(&machine("", more).find(None).unwrap_err());
        assert!(error.contains(wanted) && error.contains("config.json"), "{wanted}: {error}");
    }
}

#[test]
fn what_sts_answers_instead_has_its_own_line() {
    for (status, body, wanted) in [
        (
            404,
            r#"{"Code":"InvalidAccessKeyId.NotFound","Message":"canary","RequestId":"R-1"}"#,
            "InvalidAccessKeyId.NotFound",
        ),
        (503, r#"{"Code":"ServiceUnavailable","Message":"canary"}"#, "ServiceUnavailable"),
        (200, "{}", "SessionAccessKey is missing"),
        (200, r#"{"SessionAccessKey":{"SessionAccessKeyId":"can ary"}}"#, "Expiration is missing"),
        (200, &KEYS.replace("TMPSK.x", "can ary"), "SessionAccessKeyId in its answer is malformed"),
        (200, &KEYS.replace("T11:", "T09:"), "ended at 2026-11-22T09:00:00Z"),
    ] {
        let body = body.to_owned();
        let server = Server::tls("127.0.0.1", move |_| answer(status, &body));
        let network = Network {
            sts: server.address.to_string(),
            ..Network::through(server.address, Trust::File(server.ca_file()))
        };
        let error = one_line(&machine(&pkcs8(), json!({})).fetch(&network).unwrap_err());
        assert!(error.contains(wanted), "{error}");
    }
}
