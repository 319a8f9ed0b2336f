//! What an administrator reads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::*;
use jiff::SignedDuration;
use token::{Rules, decode};

#[test]
fn a_wrong_cluster_names_both_ids_and_the_way_out() {
    let mut token = V2::new();
    token.query[0].1 = "c-other".into();
    assert_eq!(
        rejects(&token.token(), "wrong_cluster").to_string(),
        "the token is for the cluster \"c-other\", this authenticator accepts \
         \"c5e1a2b3c4d5e6f708192a3b4c5d6e7f8\": generate the kubeconfig anew with --cluster-id set to this \
         cluster's id, or correct this authenticator's cluster id"
    );
    let cluster_ids = (1..=6).map(|n| format!("c{n}")).collect();
    let several =
        rejects_under(&Rules { cluster_ids, ..rules() }, &token.token(), "wrong_cluster").to_string();
    assert!(several.contains(r#"accepts "c1" or "c2" or "c3" or "c4" or 2 more:"#), "{several}");
    let none = Rules { cluster_ids: Vec::new(), ..rules() };
    let none = rejects_under(&none, &token.token(), "wrong_cluster").to_string();
    assert!(none.contains("accepts no cluster at all:"), "{none}");
}

#[test]
fn client_text_is_cut_and_escaped() {
    let mut token = V2::new();
    token.query[0].1 = format!("x\n\u{1b}[2J{}", "y".repeat(500));
    let message = rejects(&token.token(), "wrong_cluster").to_string();
    assert!(message.contains(r#""x\n\u{1b}[2Jyyy"#) && message.contains(r#"yyy...","#), "{message}");
    let name = "n".repeat(500);
    for refusal in [
        rejects(&V2::new().with_field(&name, "1").token(), "not_allowed"),
        rejects(&V2::new().with_query(&name, "1").token(), "not_allowed"),
        rejects(&V2::new().with_header(&name, "1").token(), "not_allowed"),
        rejects(&v1_of(&[v1_params(), vec![pair(&name, "1")]].concat()), "not_allowed"),
    ] {
        let message = refusal.to_string();
        assert!(message.contains(&format!("\"{}...\"", "n".repeat(64))), "{message}");
        assert!(!message.contains(&"n".repeat(65)), "{message}");
    }
}

#[test]
fn an_expired_token_says_when_it_was_signed_and_how_old_it_is() {
    let late = now() + SignedDuration::from_mins(20) + SignedDuration::from_millis(900);
    let message = decode(&V2::new().token(), &rules(), late).unwrap_err().to_string();
    assert!(
        message.starts_with(
            "the token was signed at 2026-11-22T01:43:34Z, 20m 7s before this machine's 2026-11-22T02:03:41"
        ),
        "{message}"
    );
    assert!(
        message.contains("good for 15m: let kubectl make a new one") && message.contains("clock"),
        "{message}"
    );
}

#[test]
fn a_token_from_the_future_says_how_far_ahead_it_is() {
    let early = now() - SignedDuration::from_hours(2);
    let message = decode(&v1_of(&v1_params()), &rules(), early).unwrap_err().to_string();
    assert!(
        message.starts_with("the token was signed at 2026-11-22T01:43:34Z, 1h 59m 53s after this machine's"),
        "{message}"
    );
    assert!(message.contains("5m is the most accepted: set the client's clock"), "{message}");
}

#[test]
fn each_reason_is_a_metric_label_and_none_is_there_twice() {
    let mut reasons = token::DecodeError::REASONS.to_vec();
    assert!(
        reasons
            .iter()
            .all(|reason| reason.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_')))
    );
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), token::DecodeError::REASONS.len());
}

/// Values that are refused are not quoted: a security token can sit where another value belongs.
#[test]
fn refused_values_are_not_in_the_message() {
    let canary = "canary-7d1f";
    for (token, reason) in [
        (V2::new().set_header("x-acs-security-token", &format!("{canary}\n")).token(), "bad_value"),
        (V2::new().set_header("x-acs-action", canary).token(), "bad_value"),
        (V2::new().set_header("x-acs-date", canary).token(), "bad_value"),
        (V2::new().with_header("authorization", canary).token(), "bad_authorization"),
        (v2_token(&format!("{canary}{{")), "bad_json"),
        (v2_token(&format!(r#"{{"query":{{"a":"{canary}","#)), "bad_json"),
        (v1_of(&v1_with("SecurityToken", &format!("{canary}\n"))), "bad_value"),
        (v1_of(&v1_with("AccessKeyId", &format!("{canary} "))), "bad_value"),
        (v1_of(&v1_with("SignatureNonce", &format!("{canary} "))), "bad_value"),
        (v1_token(&format!("https://sts.aliyuncs.com/{canary}?")), "bad_url"),
        (v1_token(&format!("https://{canary}@sts.aliyuncs.com/?")), "bad_url"),
        (format!("k8s-ack-v2.{canary}%"), "bad_base64"),
        (canary.to_owned(), "no_prefix"),
    ] {
        let refusal = rejects(&token, reason);
        let shown = format!("{refusal} {refusal:?}");
        assert!(!shown.contains(canary), "{shown}");
    }
}
