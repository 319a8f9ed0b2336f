//! Every recorded token: read, verified, and made again byte for byte.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use common::*;
use signature::acs3::EMPTY_BODY_SHA256;
use token::{SigningInput, StsHost, Version, decode, sign_v1_for, sign_v2};

#[test]
fn all_fifteen_tokens_are_here() {
    let tokens = recorded();
    let count = |kind: &str| tokens.iter().filter(|token| token.name.ends_with(kind)).count();
    assert_eq!((tokens.len(), count("-v2"), count("-v1-std"), count("-v1-rawurl")), (15, 5, 5, 5));
}

#[test]
fn reads_every_token_of_the_official_client() {
    for recorded in recorded() {
        let name = &recorded.name;
        let token = recorded.decode().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(token.version().to_string(), recorded.version, "{name}");
        assert_eq!(token.access_key_id(), recorded.access_key_id, "{name}");
        assert_eq!(token.cluster_id(), recorded.cluster_id, "{name}");
        assert_eq!(token.signed_at(), recorded.signed_at(), "{name}");
        assert_eq!(token.expires_at().to_string(), "2026-11-22T01:58:34Z", "{name}");
        assert_eq!(token.is_single_use(), recorded.version == "v1", "{name}");
        let agent = if recorded.version == "v2" { "ack-ram-tool/0.20.0 (linux/amd64)" } else { "" };
        assert_eq!(token.user_agent(), agent, "{name}");
    }
}

#[test]
fn the_rebuilt_request_holds_under_the_secret_and_under_no_other() {
    for recorded in recorded() {
        let request = recorded.decode().unwrap().request();
        assert!(verifies(&request, &recorded.secret()), "{}", recorded.name);
        assert!(!verifies(&request, &signature::Secret::new("another")), "{}", recorded.name);
    }
}

#[test]
fn the_request_of_a_v2_token_is_what_the_public_server_sends() {
    let recorded = recorded_named("assumed-role-v2");
    let request = recorded.decode().unwrap().request();
    assert_eq!(request.method, "POST");
    assert_eq!(request.query, [pair("ACKClusterId", &recorded.cluster_id)]);
    let expected = [
        pair("accept", "application/json"),
        pair("authorization", recorded.authorization.as_ref().unwrap()),
        pair("x-acs-action", "GetCallerIdentity"),
        pair("x-acs-content-sha256", EMPTY_BODY_SHA256),
        pair("x-acs-date", "2026-11-22T01:43:34Z"),
        pair("x-acs-version", "2015-04-01"),
        pair("x-acs-security-token", &recorded.security_token),
    ];
    assert_eq!(request.headers, expected);
}

#[test]
fn the_request_of_a_v1_token_is_its_url_at_the_callers_endpoint() {
    let recorded = recorded_named("assumed-role-v1-std");
    let request = recorded.decode().unwrap().request();
    assert_eq!((request.method, request.headers), ("GET", vec![pair("accept", "application/json")]));
    let mut query = request.query;
    query.sort();
    let (_, url_query) = recorded.url.as_ref().unwrap().split_once('?').unwrap();
    assert_eq!(query, signature::encoding::parse_query(url_query).unwrap());
}

#[test]
fn makes_every_token_again_byte_for_byte() {
    let mut made = 0;
    for recorded in recorded() {
        let (secret, security_token) = (recorded.secret(), recorded.security_token());
        let input = SigningInput {
            cluster_id: &recorded.cluster_id,
            access_key_id: &recorded.access_key_id,
            secret: &secret,
            security_token: security_token.as_ref(),
            user_agent: "ack-ram-tool/0.20.0 (linux/amd64)",
            extra_query: &[],
            signed_at: recorded.signed_at(),
        };
        if recorded.version == "v2" {
            assert_eq!(sign_v2(&input).expose(), recorded.token, "{}", recorded.name);
            made += 1;
            continue;
        }
        let url = recorded.url.as_ref().unwrap();
        let host: StsHost = url.split('/').nth(2).unwrap().parse().unwrap();
        let token = sign_v1_for(&input, recorded.nonce.as_ref().unwrap(), &host);
        let (_, payload) = token.expose().split_once(".").unwrap();
        assert_eq!(
            String::from_utf8(STANDARD.decode(payload).unwrap()).as_ref(),
            Ok(url),
            "{}",
            recorded.name
        );
        let expected = if recorded.name.ends_with("-std") {
            recorded.token.clone()
        } else {
            // The same URL in the other base64.
            let (prefix, payload) = recorded.token.split_once('.').unwrap();
            format!("{prefix}.{}", STANDARD.encode(URL_SAFE_NO_PAD.decode(payload).unwrap()))
        };
        assert_eq!(token.expose(), expected, "{}", recorded.name);
        made += 1;
    }
    assert_eq!(made, 15);
}

#[test]
fn reads_either_alphabet_with_and_without_padding() {
    for recorded in recorded() {
        let (prefix, payload) = recorded.token.split_once('.').unwrap();
        let bytes = match STANDARD.decode(payload) {
            Ok(bytes) => bytes,
            Err(_) => URL_SAFE_NO_PAD.decode(payload).unwrap(),
        };
        let expected = recorded.decode().unwrap().request();
        for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            let text = format!("{prefix}.{}", engine.encode(&bytes));
            let token = decode(&text, &recorded.rules(), recorded.now()).unwrap();
            assert_eq!(token.request(), expected, "{}", recorded.name);
        }
    }
}

#[test]
fn extra_parameters_are_signed_and_accepted_where_the_rules_name_them() {
    let recorded = recorded_named("ram-user-v2");
    let secret = recorded.secret();
    let extra = [pair("zone", "a b"), pair("Team", "")];
    let input = SigningInput {
        cluster_id: &recorded.cluster_id,
        access_key_id: &recorded.access_key_id,
        secret: &secret,
        security_token: None,
        user_agent: "test",
        extra_query: &extra,
        signed_at: recorded.signed_at(),
    };
    let mut rules = recorded.rules();
    for token in [sign_v2(&input), token::sign_v1(&input, "0123")] {
        let text = token.expose();
        rules.extra_query_keys.clear();
        let refusal = decode(text, &rules, recorded.now()).unwrap_err();
        assert_eq!(refusal.reason(), "not_allowed");
        rules.extra_query_keys = vec!["zone".into(), "Team".into()];
        let token = decode(text, &rules, recorded.now()).unwrap();
        let request = token.request();
        assert!(extra.iter().all(|pair| request.query.contains(pair)), "{request:?}");
        assert!(verifies(&request, &secret));
        rules.extra_query_keys = vec!["Zone".into(), "Team".into()];
        assert_eq!(decode(text, &rules, recorded.now()).unwrap_err().reason(), "not_allowed");
    }
}

#[test]
fn the_cluster_of_the_input_wins_over_an_extra_parameter_of_that_name() {
    let secret = secret();
    let input = SigningInput {
        cluster_id: CLUSTER,
        access_key_id: "LTAI1",
        secret: &secret,
        security_token: None,
        user_agent: "test",
        extra_query: &[pair("ACKClusterId", "other"), pair("Action", "Other")],
        signed_at: now(),
    };
    let v1 = SigningInput { extra_query: &[pair("ClusterId", "other"), pair("Action", "Other")], ..input };
    assert_eq!(accepts(token::sign_v1(&v1, "0123").expose()).cluster_id(), CLUSTER);
    let v2 = SigningInput { extra_query: &[pair("ACKClusterId", "other")], ..input };
    assert_eq!(accepts(sign_v2(&v2).expose()).cluster_id(), CLUSTER);
}

#[test]
fn a_version_that_is_switched_off_is_refused() {
    for (name, version, other) in
        [("ram-user-v1-std", Version::V1, Version::V2), ("ram-user-v2", Version::V2, Version::V1)]
    {
        let recorded = recorded_named(name);
        let mut rules = recorded.rules();
        rules.versions = vec![version];
        assert!(decode(&recorded.token, &rules, recorded.now()).is_ok());
        rules.versions = vec![other];
        let refusal = decode(&recorded.token, &rules, recorded.now()).unwrap_err();
        assert_eq!(refusal.reason(), "version_not_accepted");
        assert!(refusal.to_string().contains(&format!("version {version}")), "{refusal}");
    }
}

#[test]
fn several_cluster_ids_can_be_accepted_at_once() {
    let recorded = recorded_named("ram-user-v2");
    let mut rules = token::Rules::for_cluster("c-new");
    assert_eq!(decode(&recorded.token, &rules, recorded.now()).unwrap_err().reason(), "wrong_cluster");
    rules.cluster_ids.push(recorded.cluster_id.clone());
    assert_eq!(decode(&recorded.token, &rules, recorded.now()).unwrap().cluster_id(), recorded.cluster_id);
}

/// The public authenticator's own `token` command of 2019 to 2024: JSON in capitals, a UUID for a nonce,
/// parameters in no order.
#[test]
fn reads_the_url_of_the_public_authenticators_token_command() {
    let mut params = v1_with("Format", "JSON");
    params.iter_mut().find(|(key, _)| key == "SignatureNonce").unwrap().1 =
        "0aa7a1a4-5d6e-4a55-8b0b-9c9c1e0d0c0b".into();
    params.reverse();
    let token = accepts(&v1_of(&params));
    assert!(token.request().query.contains(&pair("Format", "JSON")));
}

#[test]
fn a_v2_token_with_a_nonce_is_single_use() {
    let with_nonce = V2::new().with_signed_header("x-acs-signature-nonce", "0123abcd");
    let token = accepts(&with_nonce.token());
    assert!(token.is_single_use());
    assert!(token.request().headers.contains(&pair("x-acs-signature-nonce", "0123abcd")));
    assert!(!accepts(&V2::new().token()).is_single_use());
}

#[test]
fn a_signed_user_agent_is_part_of_the_request_and_an_unsigned_one_is_not() {
    let signed = accepts(&V2::new().with_signed_header("User-Agent", "tool/1").token());
    assert!(signed.request().headers.contains(&pair("user-agent", "tool/1")));
    let unsigned = accepts(&V2::new().with_header("User-Agent", "tool/1").token());
    assert!(unsigned.request().headers.iter().all(|(name, _)| name != "user-agent"));
    assert_eq!((signed.user_agent(), unsigned.user_agent()), ("tool/1", "tool/1"));
}

#[test]
fn the_audit_fields_of_the_json_may_be_missing() {
    let mut token = V2::new();
    token.fields.clear();
    accepts(&token.token());
}

#[test]
fn debug_shows_neither_signature_nor_security_token() {
    for recorded in recorded() {
        let token = recorded.decode().unwrap();
        let shown = format!("{token:?} {token:#?} {:?} {:#?}", token.request(), token.request());
        let signature = recorded.signature.clone().unwrap_or_else(|| {
            recorded.authorization.as_ref().unwrap().split("Signature=").nth(1).unwrap().to_owned()
        });
        assert!(!shown.contains(&signature), "{shown}");
        assert!(recorded.security_token.is_empty() || !shown.contains(&recorded.security_token), "{shown}");
        assert!(shown.contains(&recorded.access_key_id), "{shown}");
    }
}

#[test]
fn the_fingerprint_is_sixteen_digits_of_the_whole_text() {
    // printf %s k8s-ack-v2.abc | sha256sum
    assert_eq!(token::fingerprint("k8s-ack-v2.abc"), "68170ab456ed3dcc");
    assert_ne!(token::fingerprint("k8s-ack-v1.abc"), "68170ab456ed3dcc");
}
