//! Random changes: the decoder never panics, and what it still accepts means what was signed, or does not verify.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use common::*;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use token::{Rules, decode};

/// One change to a text: a character in place of another, one more, or one less.
#[derive(Debug, Clone)]
struct Change {
    at: Index,
    kind: u8,
    character: char,
}

fn change() -> impl Strategy<Value = Change> {
    let character =
        prop_oneof![any::<char>(), prop::char::range('!', '~'), select(vec!['=', '&', '%', '"', ',', ' '])];
    (any::<Index>(), 0..4_u8, character).prop_map(|(at, kind, character)| Change { at, kind, character })
}

fn apply(text: &str, change: &Change) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let at = change.at.index(characters.len());
    match change.kind {
        0 => characters[at] = change.character,
        1 => characters.insert(at, change.character),
        2 => drop(characters.remove(at)),
        _ => {
            // The case of a letter: the change that duplicates and allow-lists are about.
            let flipped = characters[at];
            characters[at] = if flipped.is_ascii_lowercase() {
                flipped.to_ascii_uppercase()
            } else {
                flipped.to_ascii_lowercase()
            };
        }
    }
    characters.into_iter().collect()
}

fn payload(token: &str) -> (String, String) {
    let (prefix, payload) = token.split_once('.').unwrap();
    let bytes = STANDARD.decode(payload).or_else(|_| URL_SAFE_NO_PAD.decode(payload)).unwrap();
    (format!("{prefix}."), String::from_utf8(bytes).unwrap())
}

/// Refused, or the very same request, or one that STS would refuse.
fn check(original: &Recorded, changed: &str) -> Result<bool, TestCaseError> {
    let now = original.now();
    match decode(changed, &original.rules(), now) {
        Err(error) => {
            let message = error.to_string();
            prop_assert!(message.len() < 1000 && !message.chars().any(char::is_control), "{:?}", message);
            Ok(false)
        }
        Ok(token) => {
            let request = token.request();
            let same = request == original.decode().unwrap().request();
            // The key id of a version 2 token is not under its signature: STS looks the secret up by it.
            let same_key = token.access_key_id() == original.access_key_id;
            prop_assert!(same || !same_key || !verifies(&request, &original.secret()), "{:?}", changed);
            prop_assert_eq!(token.cluster_id(), &original.cluster_id);
            Ok(true)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_changed_token_is_refused_or_means_the_same_or_does_not_verify(
        original in select(recorded()),
        change in change(),
    ) {
        check(&original, &apply(&original.token, &change))?;
    }

    #[test]
    fn a_changed_payload_is_refused_or_means_the_same_or_does_not_verify(
        original in select(recorded()),
        changes in proptest::collection::vec(change(), 1..4),
    ) {
        let (prefix, mut text) = payload(&original.token);
        for change in &changes {
            text = apply(&text, change);
        }
        check(&original, &format!("{prefix}{}", STANDARD.encode(text)))?;
    }

    #[test]
    fn never_panics_on_any_text(text in ".{0,200}", prefix in select(vec!["", "k8s-ack-v1.", "k8s-ack-v2."])) {
        let refused = decode(&format!("{prefix}{text}"), &rules(), now()).is_err();
        prop_assert!(refused);
    }

    #[test]
    fn never_panics_on_any_bytes_behind_the_prefix(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        prefix in select(vec!["k8s-ack-v1.", "k8s-ack-v2."]),
    ) {
        let refused = decode(&format!("{prefix}{}", STANDARD.encode(bytes)), &rules(), now()).is_err();
        prop_assert!(refused);
    }

    #[test]
    fn never_panics_on_any_time(second in jiff::Timestamp::MIN.as_second()..jiff::Timestamp::MAX.as_second()) {
        let now = jiff::Timestamp::from_second(second).unwrap();
        let token = decode(&V2::new().token(), &rules(), now);
        let age = second - now_signed();
        prop_assert_eq!(token.is_ok(), (-300..=900).contains(&age));
    }

    #[test]
    fn what_is_signed_is_accepted(
        cluster in "[a-z0-9]{1,40}|\\PC{1,40}",
        key in "[A-Za-z0-9._-]{1,40}",
        session in proptest::option::of("[!-~]{1,600}"),
        agent in "[!-~]{1,20}( [!-~]{1,20})?",
        nonce in "[0-9a-f]{32}",
    ) {
        let (secret, session) = (secret(), session.map(signature::Secret::new));
        let input = token::SigningInput {
            cluster_id: &cluster,
            access_key_id: &key,
            secret: &secret,
            security_token: session.as_ref(),
            user_agent: &agent,
            extra_query: &[],
            signed_at: now(),
        };
        for text in [token::sign_v2(&input), token::sign_v1(&input, &nonce)] {
            let token = decode(text.expose(), &Rules::for_cluster(cluster.clone()), now()).unwrap();
            prop_assert_eq!(token.access_key_id(), &key);
            prop_assert_eq!(token.cluster_id(), &cluster);
            prop_assert!(verifies(&token.request(), &secret));
        }
    }
}

fn now_signed() -> i64 {
    DATE.parse::<jiff::Timestamp>().unwrap().as_second()
}

/// Every position of every recorded token, not a sample: one character more, one less, or another.
#[test]
fn every_single_change_to_a_recorded_payload_is_refused_or_harmless() {
    let (mut accepted, mut refused) = (0_u32, 0_u32);
    // The URL-safe tokens hold the same URLs; the long ones differ from others in one value's length only.
    let distinct =
        |token: &Recorded| !token.name.ends_with("-rawurl") && !token.name.starts_with("long-session-token");
    for original in recorded().into_iter().filter(distinct) {
        let (prefix, text) = payload(&original.token);
        let characters: Vec<char> = text.chars().collect();
        for at in 0..characters.len() {
            for (cut, with) in
                [(1, ""), (1, "x"), (1, "X"), (1, "0"), (0, "a"), (1, "%"), (1, "&"), (0, "\"")]
            {
                let start: String = characters[..at].iter().collect();
                let end: String = characters[at + cut..].iter().collect();
                let changed = format!("{prefix}{}", STANDARD.encode(format!("{start}{with}{end}")));
                match check(&original, &changed) {
                    Ok(true) => accepted += 1,
                    Ok(false) => refused += 1,
                    Err(error) => panic!("{}: {error}", original.name),
                }
            }
        }
    }
    assert!(accepted > 1000 && refused > 10_000, "{accepted} accepted, {refused} refused");
}
