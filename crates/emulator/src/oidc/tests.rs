#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::sync::OnceLock;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rcgen::{KeyPair, PKCS_RSA_SHA256, PKCS_RSA_SHA512, PublicKeyData, RsaKeySize, SigningKey};
use serde_json::{Value, json};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::*;
use crate::error::ApiError;

const ISSUER: &str = "https://issuer.example/c1";
/// 2026-11-22T15:30:20Z.
const NOON: i64 = 1_795_361_420;
const HOUR: i64 = 3600;
const INVALID: &str = "AuthenticationFail.OIDCToken.Invalid";

fn issuer_key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap())
}

fn other_key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap())
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn jwk(key: &KeyPair, id: Option<&str>) -> Value {
    let der = key.subject_public_key_info();
    let (_, info) = SubjectPublicKeyInfo::from_der(&der).unwrap();
    let Ok(PublicKey::RSA(rsa)) = info.parsed() else { panic!("no RSA key") };
    // A zero stands in front of a modulus in DER, and in some published key sets.
    let mut jwk = json!({"kty": "RSA", "use": "sig", "alg": "RS256", "n": base64(rsa.modulus), "e": base64(rsa.exponent)});
    if let Some(id) = id {
        jwk["kid"] = id.into();
    }
    jwk
}

fn provider_with(keys: &[Value]) -> CheckedProvider {
    OidcProvider::new("1234567890123456", "ack", ISSUER)
        .client_id("sts.aliyuncs.com")
        .client_id("second")
        .jwks(&json!({"keys": keys}).to_string())
        .check()
        .unwrap()
}

fn provider() -> CheckedProvider {
    provider_with(&[jwk(issuer_key(), Some("1"))])
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "system:serviceaccount:default:app", "aud": ["sts.aliyuncs.com"],
        "iat": NOON, "nbf": NOON, "exp": NOON + HOUR, "jti": "x", "kubernetes.io": {"namespace": "default"},
    })
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name).unwrap();
    claims
}

/// A token of this key, whatever its header and payload say.
fn signed(key: &KeyPair, header: &str, payload: &str) -> String {
    let text = format!("{}.{}", base64(header.as_bytes()), base64(payload.as_bytes()));
    let signature = base64(&key.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}

const HEADER: &str = r#"{"alg":"RS256","kid":"1"}"#;

fn token(claims: &Value) -> String {
    signed(issuer_key(), HEADER, &claims.to_string())
}

fn verify_with(provider: &CheckedProvider, token: &str, seconds: i64) -> Result<Claims, ApiError> {
    let token = provider.read(token)?;
    let keys = provider.keys.as_ref().expect("the provider has keys of its own");
    provider.verify(token, keys, Timestamp::from_second(NOON + seconds).unwrap())
}

fn verify(token: &str, seconds: i64) -> Result<Claims, ApiError> {
    verify_with(&provider(), token, seconds)
}

/// The code of the refusal at [`NOON`], which comes with 401.
fn code(provider: &CheckedProvider, token: &str) -> String {
    let error = verify_with(provider, token, 0).expect_err(token);
    assert_eq!(error.status, 401, "{error:?}");
    error.code
}

#[test]
fn a_token_of_the_issuer_is_read() {
    let read = verify(&token(&claims()), 0).unwrap();
    assert_eq!((read.issuer.as_str(), read.subject.as_str()), (ISSUER, "system:serviceaccount:default:app"));
    assert_eq!(read.audiences, ["sts.aliyuncs.com"]);
    assert_eq!((read.issued_at.as_second(), read.expires_at.as_second()), (NOON, NOON + HOUR));
    assert!(verify(&token(&with("aud", "second")), 0).is_ok(), "an audience need not be in a list");
    assert!(verify(&token(&with("aud", json!(["x", "second"]))), 0).is_ok());
    assert!(verify(&token(&without("nbf")), 0).is_ok());
}

#[test]
fn another_issuer_or_audience_is_refused() {
    for issuer in ["https://issuer.example/c2", "https://issuer.example/c1/", "https://Issuer.example/c1"] {
        let refused = code(&provider(), &token(&with("iss", issuer)));
        assert_eq!(refused, "AuthenticationFail.OIDCToken.IssuerNotMatch", "{issuer}");
    }
    for audience in [json!("other"), json!(["other"]), json!([]), json!("STS.aliyuncs.com")] {
        let refused = code(&provider(), &token(&with("aud", audience.clone())));
        assert_eq!(refused, "AuthenticationFail.OIDCToken.AudienceNotMatch", "{audience}");
    }
}

#[test]
fn a_token_is_good_until_its_end_and_until_its_issue_is_too_long_ago() {
    let hour = token(&claims());
    assert!(verify(&hour, HOUR - 1).is_ok());
    let refused = verify(&hour, HOUR).unwrap_err();
    assert_eq!(refused.code, "AuthenticationFail.OIDCToken.Expired");
    assert_eq!(refused.message, "This JsonWebToken is expired.");
    // A token that lives longer than twelve hours counts as one of twelve.
    let day = token(&with("exp", NOON + 24 * HOUR));
    assert_eq!(verify(&day, 12 * HOUR - 1).unwrap().expires_at.as_second(), NOON + 12 * HOUR);
    let refused = verify(&day, 12 * HOUR).unwrap_err();
    assert_eq!(refused.message, "This JsonWebToken is expired.");
    let mut provider = provider();
    provider.issuance_limit = 168;
    assert!(verify_with(&provider, &day, 12 * HOUR).is_err(), "whatever the provider allows");
    provider.issuance_limit = 1;
    assert!(verify_with(&provider, &day, HOUR).is_ok());
    let refused = verify_with(&provider, &day, HOUR + 1).unwrap_err();
    assert_eq!(refused.code, "AuthenticationFail.OIDCToken.Expired");
    assert!(refused.message.contains("issued earlier"), "{refused:?}");
}

#[test]
fn a_token_of_the_future_is_refused() {
    for claim in ["iat", "nbf"] {
        assert!(verify(&token(&with(claim, NOON + 60)), 0).is_ok(), "{claim}: clocks differ a little");
        assert_eq!(code(&provider(), &token(&with(claim, NOON + 61))), INVALID, "{claim}");
    }
}

#[test]
fn whatever_is_changed_after_signing_breaks_the_signature() {
    let good = token(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let payload = base64(with("sub", "system:serviceaccount:kube-system:admin").to_string().as_bytes());
    let header = base64(br#"{"alg":"RS256","kid":"1","typ":"JWT"}"#);
    let mut signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    signature[0] ^= 1;
    for tampered in [
        format!("{}.{payload}.{}", parts[0], parts[2]),
        format!("{header}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], base64(&signature)),
        format!("{}.{}.{}", parts[0], parts[1], base64(&signature[..255])),
        format!("{}.{}.", parts[0], parts[1]),
        signed(other_key(), HEADER, &claims().to_string()),
    ] {
        assert_eq!(
            code(&provider(), &tampered),
            "AuthenticationFail.OIDCToken.InvalidSignature",
            "{tampered}"
        );
    }
}

#[test]
fn the_header_chooses_no_algorithm() {
    let payload = base64(claims().to_string().as_bytes());
    // The published attacks: no signature at all, and the public key as the key of an HMAC.
    for algorithm in ["none", "None", "NONE", ""] {
        let header = base64(format!(r#"{{"alg":"{algorithm}"}}"#).as_bytes());
        assert_eq!(code(&provider(), &format!("{header}.{payload}.")), INVALID, "{algorithm}");
    }
    let public_key = issuer_key().public_key_pem();
    let header = base64(br#"{"alg":"HS256","kid":"1"}"#);
    let text = format!("{header}.{payload}");
    for key in [public_key.as_bytes(), &issuer_key().subject_public_key_info()] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
        let refused = verify(&format!("{text}.{}", base64(tag.as_ref())), 0).unwrap_err();
        assert_eq!(refused.code, INVALID);
        assert_eq!(refused.message, "The algorithm HS256 that be specified in Jwt header is unknown.");
    }
    // Right signatures under other names, and another algorithm under the right name.
    for header in [r#"{"alg":"rs256"}"#, r#"{"alg":"RS512"}"#, r#"{"alg":["RS256"]}"#, r#"{"kid":"1"}"#] {
        assert_eq!(
            code(&provider(), &signed(issuer_key(), header, &claims().to_string())),
            INVALID,
            "{header}"
        );
    }
    let sha512 = KeyPair::from_pem_and_sign_algo(&issuer_key().serialize_pem(), &PKCS_RSA_SHA512).unwrap();
    let other = signed(&sha512, HEADER, &claims().to_string());
    assert_eq!(code(&provider(), &other), "AuthenticationFail.OIDCToken.InvalidSignature");
}

#[test]
fn what_is_no_token_is_refused() {
    let payload = claims().to_string();
    let with_header = |header: &str| signed(issuer_key(), header, &payload);
    let with_payload = |payload: &str| signed(issuer_key(), HEADER, payload);
    let good = token(&claims());
    let padded = URL_SAFE.encode(HEADER);
    assert!(padded.ends_with('='));
    let mut tokens: Vec<(String, &str)> = vec![
        (String::new(), "empty"),
        ("a.b".to_owned(), "3 parts"),
        (format!("{good}.x"), "3 parts"),
        (format!("{good}\n"), "base64"),
        (format!(" {good}"), "base64"),
        (good.replacen(&base64(HEADER.as_bytes()), &padded, 1), "base64"),
        ("!.!.!".to_owned(), "base64"),
        ("..".to_owned(), "recognized"),
        (with_header("[]"), "recognized"),
        (with_header(r#"{"alg":"RS256","alg":"RS256"}"#), "recognized"),
        (with_header(r#"{"alg":"RS256","crit":["exp"]}"#), "recognized"),
        (with_header(r#"{"alg":"RS256","kid":1}"#), "recognized"),
        (with_payload("[]"), "recognized"),
        (with_payload("no JSON"), "recognized"),
        (with_payload(&payload.replacen('{', r#"{"sub":"x","#, 1)), "recognized"),
    ];
    for claim in ["iss", "sub", "aud", "iat", "exp"] {
        tokens.push((token(&without(claim)), "recognized"));
        tokens.push((token(&with(claim, Value::Null)), "recognized"));
    }
    for (claim, value) in [
        ("sub", json!("")),
        ("sub", json!(["x"])),
        ("aud", json!([1])),
        ("exp", json!("tomorrow")),
        ("exp", json!(i64::MAX)),
        ("nbf", json!("now")),
    ] {
        tokens.push((token(&with(claim, value)), "recognized"));
    }
    for (token, words) in tokens {
        let refused = verify(&token, 0).expect_err(&token);
        assert_eq!((refused.status, refused.code.as_str()), (401, INVALID), "{token}");
        assert!(refused.message.contains(words), "{token}\n{}", refused.message);
    }
}

#[test]
fn a_key_is_found_by_its_id_and_by_trying_where_there_is_none() {
    let both = [jwk(other_key(), Some("2")), jwk(issuer_key(), Some("1"))];
    let payload = claims().to_string();
    let by = |key: &KeyPair, header: &str| signed(key, header, &payload);
    let check = |keys: &[Value], token: &str| verify_with(&provider_with(keys), token, 0).is_ok();
    // Old and new key, both published: as it is while keys are changed.
    assert!(check(&both, &by(issuer_key(), HEADER)));
    assert!(check(&both, &by(other_key(), r#"{"alg":"RS256","kid":"2"}"#)));
    assert!(check(&both, &by(other_key(), r#"{"alg":"RS256"}"#)));
    assert!(!check(&both, &by(other_key(), HEADER)), "the key that is named has not signed it");
    assert!(!check(&both, &by(issuer_key(), r#"{"alg":"RS256","kid":"3"}"#)), "there is no such key");
    assert!(check(&[jwk(issuer_key(), None)], &by(issuer_key(), HEADER)), "a key without an id");
}

#[test]
fn key_sets_are_read_and_their_mistakes_told() {
    let check = |jwks: &str| {
        OidcProvider::new("1234567890123456", "ack", ISSUER).client_id("x").jwks(jwks).check().map(|_| ())
    };
    let good = jwk(issuer_key(), None);
    let elliptic = json!({"kty": "EC", "crv": "P-256", "x": "x", "y": "y"});
    let with = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        json!({"keys": [key]}).to_string()
    };
    assert_eq!(check(&json!({"keys": [elliptic, good]}).to_string()), Ok(()), "others are left aside");
    let small = base64(&[0xff; 255]);
    let many = vec![good.clone(); 101];
    for (jwks, words) in [
        ("[]".to_owned(), "no list"),
        ("{".to_owned(), "not JSON"),
        (r#"{"keys":[],"keys":[]}"#.to_owned(), "not JSON"),
        (json!({"keys": []}).to_string(), "no RSA key"),
        (json!({"keys": [elliptic]}).to_string(), "no RSA key"),
        (json!({"keys": [1]}).to_string(), "no key at keys[0]"),
        (json!({"keys": many}).to_string(), "more than 100"),
        (with("use", json!("enc")), "no RSA key"),
        (with("alg", json!("RS512")), "no RSA key"),
        (with("n", json!(small)), "2040 bits"),
        (with("n", json!("a+b/")), "base64"),
        (with("n", json!(1)), "no \"n\""),
        (with("e", json!("AQ")), "no RSA key"),
        (with("e", json!("Ag")), "no RSA key"),
        (with("kid", json!(1)), "kid"),
        (with("d", json!("AQAB")), "private key at keys[0]"),
        (json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}).to_string(), "private key at keys[0]"),
    ] {
        let error = check(&jwks).expect_err(&jwks);
        assert!(error.contains(words) && error.starts_with("OIDC provider \"ack\""), "{jwks}\n{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(!error.contains("c2VjcmV0"), "{error}");
    }
}

#[test]
fn arns_are_read_in_any_case_and_compared_so() {
    let arn = ProviderArn::parse("acs:ram::1234567890123456:oidc-provider/Ack-1").unwrap();
    assert_eq!(arn.to_string(), "acs:ram::1234567890123456:oidc-provider/Ack-1");
    assert_eq!(Some(arn), ProviderArn::parse("ACS:RAM::1234567890123456:OIDC-PROVIDER/ack-1"));
    for text in [
        "",
        "acs:ram::1234567890123456:role/ack",
        "acs:ram::123:oidc-provider/ack",
        "acs:ram::1234567890123456:oidc-provider/",
        "acs:ram::1234567890123456:oidc-provider/-x",
        "acs:ram:cn-hangzhou:1234567890123456:oidc-provider/ack",
        "acs:sts::1234567890123456:oidc-provider/ack",
    ] {
        assert_eq!(ProviderArn::parse(text), None, "{text}");
    }
}
