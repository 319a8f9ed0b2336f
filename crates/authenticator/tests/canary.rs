//! Secrets are in no answer, no log line and no metric, whatever goes wrong, at the highest verbosity.
//!
//! Looked for are the access key secret, the security token, the signatures and the tokens themselves: as they are,
//! percent-encoded, in hexadecimal, and in base64 wherever in a longer text they may begin.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use common::{ALICE, BOB, MAPPINGS, Rig, Signing, credentials, emulator, minutes, now, review};
use emulator::Fault;
use openapi::Credentials;
use serde_json::{Value, json};
use signature::encoding::percent_encode;

/// A text that must not be found, in all the forms in which it could be.
struct Canary {
    name: &'static str,
    forms: Vec<String>,
}

impl Canary {
    fn new(name: &'static str, text: &str) -> Canary {
        assert!(text.len() >= 16, "{name} is too short to tell it from chance");
        let mut forms = vec![text.to_owned(), percent_encode(text), percent_encode(&percent_encode(text))];
        forms.push(serde_json::to_string(text).unwrap().trim_matches('"').to_owned());
        forms.push(text.bytes().map(|byte| format!("{byte:02x}")).collect());
        for offset in 0..3 {
            // Base64 of a longer text that holds this one: what does not depend on its neighbours.
            let encoded = BASE64_STANDARD.encode(format!("{}{text}", &"x".repeat(offset)));
            let inner = encoded.get((offset * 8).div_ceil(6)..(offset + text.len()) * 8 / 6).unwrap();
            forms.push(inner.to_owned());
            forms.push(inner.replace('+', "-").replace('/', "_"));
            forms.push(percent_encode(inner));
        }
        Canary { name, forms }
    }

    fn is_in(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form.as_str()))
    }
}

/// The canaries of a token: it, and the signature in it.
fn canaries_of(token: &str) -> Vec<Canary> {
    let payload = token.split_once('.').map_or("", |(_, payload)| payload);
    let mut found = vec![Canary::new("a token", token)];
    if payload.len() > 60 {
        found.push(Canary::new("the middle of a token", payload.get(20..60).unwrap()));
    }
    let Ok(bytes) = BASE64_STANDARD.decode(payload) else { return found };
    let text = String::from_utf8(bytes).unwrap_or_default();
    for mark in ["Signature=", "Signature%3D"] {
        if let Some((_, rest)) = text.split_once(mark) {
            let end = rest.find(['"', '&', ',']).unwrap_or(rest.len());
            if end >= 16 {
                found.push(Canary::new("a signature", rest.get(..end).unwrap()));
            }
        }
    }
    found
}

#[test]
fn the_search_finds_a_secret_in_each_form() {
    let secret = "s3cr3t+/with~odd=chars";
    let canary = Canary::new("secret", secret);
    for carrier in [
        format!("x{secret}y"),
        format!("?SecurityToken={}&", percent_encode(secret)),
        json!({"a": secret}).to_string(),
        BASE64_STANDARD.encode(secret),
        BASE64_STANDARD.encode(format!("ab{secret}cd")),
        BASE64_STANDARD.encode(json!({"headers": {"x-acs-security-token": secret}}).to_string()),
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(format!("abcd{secret}")),
    ] {
        assert!(canary.is_in(&carrier), "{carrier}");
    }
    assert!(!canary.is_in("s3cr3t"));
    let signing = Signing::by(credentials(ALICE));
    for token in [signing.v2(), signing.v1("nonce")] {
        assert!(
            canaries_of(&token).len() == 3
                && canaries_of(&token).iter().all(|canary| {
                    let inside = BASE64_STANDARD.decode(token.split_once('.').unwrap().1).unwrap();
                    canary.is_in(&token) || canary.is_in(&String::from_utf8(inside).unwrap())
                })
        );
    }
}

/// A token and what it shows when it is refused here: one of each refusal.
fn refused_tokens(by: &Credentials) -> Vec<String> {
    let with = |change: &dyn Fn(&mut Signing)| {
        let mut signing = Signing::by(by.clone());
        change(&mut signing);
        signing
    };
    let document = || {
        let token = Signing::by(by.clone()).v2();
        let bytes = BASE64_STANDARD.decode(token.strip_prefix("k8s-ack-v2.").unwrap()).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    let v2 = |text: String| format!("k8s-ack-v2.{}", BASE64_STANDARD.encode(text));
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut document = document();
        change(&mut document);
        v2(document.to_string())
    };
    let url = |from: &str, to: &str| {
        let token = Signing::by(by.clone()).v1("nonce");
        let bytes = BASE64_STANDARD.decode(token.strip_prefix("k8s-ack-v1.").unwrap()).unwrap();
        let url = String::from_utf8(bytes).unwrap().replacen(from, to, 1);
        format!("k8s-ack-v1.{}", BASE64_STANDARD.encode(url))
    };
    let session = by.security_token.as_ref().map_or("", |token| token.expose()).to_owned();
    vec![
        with(&|signing| signing.cluster = "other".to_owned()).v2(),
        with(&|signing| signing.cluster = "other".to_owned()).v1("n"),
        with(&|signing| signing.at = now() - minutes(20)).v2(),
        with(&|signing| signing.at = now() + minutes(20)).v2(),
        with(&|signing| signing.at = now() - minutes(20)).v1("n"),
        Signing::by(by.clone()).v2().replacen("k8s-ack-v2.", "k8s-ack-v9.", 1),
        Signing::by(by.clone()).v2().replacen("k8s-ack-v2.", "k8s-ack-v1.", 1),
        format!("{}*", Signing::by(by.clone()).v2()),
        v2(document().to_string().replacen('{', "[", 1)),
        v2(format!("{0}{0}", document())),
        v2(document().to_string().replacen("{", &format!("{{\"headers\":{},", document()["headers"]), 1)),
        changed(&|token| token["headers"]["X-Acs-Security-Token"] = json!(session)),
        changed(&|token| token["headers"]["x-acs-security-token"] = json!(format!("{session}\n"))),
        changed(&|token| token["headers"]["x-acs-security-token"] = json!([session])),
        changed(&|token| token["headers"]["cookie"] = json!(session)),
        changed(&|token| token["headers"]["user-agent"] = json!(format!("\u{1}{session}"))),
        changed(&|token| token["headers"]["x-acs-date"] = json!(session)),
        changed(&|token| token["headers"]["x-acs-action"] = json!(session)),
        changed(&|token| token["headers"]["Authorization"] = json!(format!("Bearer {session}"))),
        changed(&|token| drop(token["headers"].as_object_mut().unwrap().remove("x-acs-date"))),
        changed(&|token| token["query"]["SecurityToken"] = json!(session)),
        changed(&|token| token["method"] = json!(session)),
        changed(&|token| token["clusterId"] = json!(format!("{session}\n"))),
        url("https://sts.aliyuncs.com/", "https://evil.example/"),
        url("https://sts.aliyuncs.com/", "https://sts.aliyuncs.com:1/"),
        url("&Signature=", "&Signature=!"),
        url("Action=", "action=AssumeRole&Action="),
    ]
}

/// What STS may answer; an STS that repeats the whole request in its texts is among them.
fn faults(leaks: &str) -> Vec<Fault> {
    let error =
        |status, code: &str| Fault::Error { status, code: code.to_owned(), message: leaks.to_owned() };
    let garbage = |content_type: &str, body: String| Fault::Garbage {
        content_type: content_type.to_owned(),
        body: body.into_bytes(),
    };
    vec![
        error(400, "SignatureDoesNotMatch"),
        error(400, "InvalidSecurityToken.Expired"),
        error(404, "InvalidAccessKeyId.NotFound"),
        error(403, leaks),
        error(400, "Throttling.User"),
        error(503, "ServiceUnavailable"),
        error(500, leaks),
        error(302, leaks),
        garbage("text/html", format!("<html>{leaks}</html>")),
        garbage("application/json", format!("{{\"Arn\":\"{leaks}\"")),
        garbage("application/json", json!({"Arn": leaks}).to_string()),
        garbage(
            "application/json",
            json!({"IdentityType": leaks, "AccountId": leaks, "PrincipalId": leaks, "Arn": "acs:ram::1:user/a", "RequestId": leaks}).to_string(),
        ),
        Fault::BreakConnection,
    ]
}

async fn nothing_leaks(format: &str) {
    let more = ["--log-format", format, "--sts-timeout", "1s"];
    let rig = Rig::start_with(emulator().await, MAPPINGS, &more, None).await;
    let session = rig.session("canary-session").await;
    let security_token = session.security_token.clone().unwrap();
    let mut canaries = vec![
        Canary::new("alice's secret", ALICE.1),
        Canary::new("the session's secret", session.access_key_secret.expose()),
        Canary::new("the security token", security_token.expose()),
    ];
    let mut answers = String::new();
    let mut reviews = 0;
    let mut ask = async |token: String| {
        canaries.extend(canaries_of(&token));
        for version in ["authentication.k8s.io/v1", "authentication.k8s.io/v1beta1"] {
            let answer = rig.post(review(version, &token)).await;
            answers.push_str(&answer.text);
            reviews += 1;
        }
        // Not a review at all, with the token in it.
        let broken = rig.post(review("authentication.k8s.io/v1", &token).replace("}}", "}")).await;
        answers.push_str(&broken.text);
        let misplaced = json!({"apiVersion": token, "kind": token, "spec": token}).to_string();
        answers
            .push_str(&rig.post(misplaced).await.text.replace(token.get(..64.min(token.len())).unwrap(), ""));
    };

    for by in [credentials(ALICE), credentials(BOB), session.clone()] {
        let signing = Signing::by(by.clone());
        ask(signing.v2()).await;
        ask(signing.v1(&format!("nonce-{}", by.access_key_id))).await;
        let wrong = Credentials { access_key_secret: credentials(BOB).access_key_secret, ..by.clone() };
        ask(Signing::by(wrong.clone()).v2()).await;
        ask(Signing::by(wrong).v1(&format!("wrong-{}", by.access_key_id))).await;
    }
    for by in [credentials(ALICE), session.clone()] {
        for token in refused_tokens(&by) {
            ask(token).await;
        }
    }
    let leaks = format!("server string to sign is: {}&{}", security_token.expose(), ALICE.1);
    for (second, fault) in (0..).zip(faults(&leaks)) {
        rig.emulator.fail("GetCallerIdentity", fault);
        // Each a token of its own: its date tells it apart.
        let at = now() - minutes(5) - jiff::SignedDuration::from_secs(second);
        let mut signing = Signing::by(session.clone());
        signing.at = at;
        ask(signing.v2()).await;
        ask(signing.v1(&format!("fault-{second}"))).await;
        rig.emulator.clear_faults();
    }
    rig.emulator.fail("GetCallerIdentity", Fault::Delay(Duration::from_secs(30)));
    ask(Signing { at: now() - minutes(6), ..Signing::by(session.clone()) }.v2()).await;
    rig.emulator.clear_faults();
    rig.emulator.stop_listening().await;
    ask(Signing { at: now() - minutes(7), ..Signing::by(session.clone()) }.v2()).await;
    rig.emulator.listen_again().await.unwrap();

    let log = rig.program.stderr();
    let metrics = rig.get("/metrics").await.text;
    let ready = rig.get("/readyz").await.text;
    // The canaries were there to be found: STS got them, and the log tells of each review.
    let sent = rig
        .emulator
        .requests()
        .iter()
        .any(|request| request.raw.headers.iter().any(|(_, value)| value == security_token.expose()));
    assert!(sent, "no request to STS carried the security token");
    assert!(
        log.matches("sts_signature_mismatch").count() >= 2 && log.matches("duration_ms").count() >= reviews
    );

    let places = [
        ("the log", &log),
        ("stdout", &rig.program.stdout()),
        ("an answer", &answers),
        ("/metrics", &metrics),
        ("/readyz", &ready),
    ];
    for canary in &canaries {
        for (place, text) in places {
            let line = text.lines().position(|line| canary.is_in(line));
            // The number of the line only: what it says has no place in another log.
            assert_eq!(line, None, "{} is in {place} ({format})", canary.name);
        }
    }
}

#[tokio::test]
async fn nothing_leaks_into_a_text_log_answers_or_metrics() {
    nothing_leaks("text").await;
}

#[tokio::test]
async fn nothing_leaks_into_a_json_log_answers_or_metrics() {
    nothing_leaks("json").await;
}
