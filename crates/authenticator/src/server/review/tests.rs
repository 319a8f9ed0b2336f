#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

fn accepts(body: &str) -> Question {
    parse(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"))
}

fn refuses(body: &str) -> ReviewError {
    parse(body.as_bytes()).expect_err(body)
}

#[test]
fn reads_both_versions() {
    let review =
        |version| format!(r#"{{"apiVersion":"{version}","kind":"TokenReview","spec":{{"token":"t"}}}}"#);
    let question = accepts(&review("authentication.k8s.io/v1"));
    assert_eq!((question.version, question.token.expose()), (ApiVersion::V1, "t"));
    assert_eq!(accepts(&review("authentication.k8s.io/v1beta1")).version, ApiVersion::V1Beta1);
}

#[test]
fn ignores_what_it_does_not_know() {
    let question = accepts(
        r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","metadata":{"creationTimestamp":null},
            "new":1,"spec":{"token":"t","audiences":["a"],"other":{}},"status":{"authenticated":true}}"#,
    );
    assert_eq!(question.token.expose(), "t");
}

#[test]
fn a_missing_token_is_a_question_with_an_empty_one() {
    for spec in
        ["", r#","spec":null"#, r#","spec":{}"#, r#","spec":{"token":null}"#, r#","spec":{"token":""}"#]
    {
        let body = format!(r#"{{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview"{spec}}}"#);
        assert!(accepts(&body).token.is_empty(), "{body}");
    }
}

#[test]
fn refuses_other_versions_and_kinds() {
    assert_eq!(refuses("{}"), ReviewError::ApiVersion("missing".into()));
    assert_eq!(
        refuses(r#"{"apiVersion":"authentication.k8s.io/v9","kind":"TokenReview"}"#),
        ReviewError::ApiVersion("\"authentication.k8s.io/v9\"".into())
    );
    assert_eq!(refuses(r#"{"apiVersion":7}"#), ReviewError::ApiVersion("a number".into()));
    assert_eq!(
        refuses(r#"{"apiVersion":"authentication.k8s.io/v1","kind":"Pod"}"#),
        ReviewError::Kind("\"Pod\"".into())
    );
}

#[test]
fn refuses_what_is_not_one_json_object() {
    assert_eq!(refuses("null"), ReviewError::NotAnObject("null"));
    assert_eq!(refuses("[]"), ReviewError::NotAnObject("an array"));
    assert_eq!(refuses("\"x\""), ReviewError::NotAnObject("a text"));
    let good = r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview"}"#;
    for body in ["", "junk", "{", &format!("\u{feff}{good}"), &format!("{good}{good}"), &format!("{good}x")] {
        assert!(matches!(refuses(body), ReviewError::Json(_)), "{body}");
    }
}

#[test]
fn refuses_a_key_that_stands_twice() {
    for body in [
        r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"a","token":"b"}}"#,
        r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"a"},"spec":{"token":"b"}}"#,
    ] {
        assert!(matches!(refuses(body), ReviewError::Json(_)));
    }
}

#[test]
fn refuses_wrong_types_and_deep_nesting() {
    let review =
        |rest: &str| format!(r#"{{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview",{rest}}}"#);
    assert!(matches!(refuses(&review(r#""spec":[]"#)), ReviewError::Type { field: "spec", .. }));
    assert!(matches!(
        refuses(&review(r#""spec":{"token":7}"#)),
        ReviewError::Type { field: "spec.token", .. }
    ));
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    assert!(matches!(refuses(&review(&format!(r#""x":{deep}"#))), ReviewError::Json(_)));
}

#[test]
fn errors_are_one_line_and_quote_no_token() {
    let body = r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"k8s-ack-v2.canary""#;
    let text = refuses(body).to_string();
    assert!(!text.contains("canary") && !text.contains('\n'), "{text}");
}

#[test]
fn answers_in_the_version_asked_without_audiences_or_token() {
    let user = KubernetesUser {
        username: "alice".into(),
        uid: "ack-ram-authenticator:1:2".into(),
        groups: vec!["g".into()],
        extra: BTreeMap::from([("arn".into(), vec!["acs:ram::1:user/alice".into()])]),
    };
    let answer: Value = serde_json::from_slice(&authenticated(ApiVersion::V1Beta1, &user)).unwrap();
    let expected = json!({
        "apiVersion": "authentication.k8s.io/v1beta1", "kind": "TokenReview",
        "status": {"authenticated": true, "user": {"username": "alice", "uid": "ack-ram-authenticator:1:2",
            "groups": ["g"], "extra": {"arn": ["acs:ram::1:user/alice"]}}},
    });
    assert_eq!(answer, expected);
    let answer: Value = serde_json::from_slice(&denied(ApiVersion::V1, "no such user")).unwrap();
    let expected = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "status": {"authenticated": false, "error": "[ack-ram-authenticator] no such user"},
    });
    assert_eq!(answer, expected);
}

#[test]
fn groups_are_left_out_when_there_are_none() {
    let user =
        KubernetesUser { username: "a".into(), uid: "u".into(), groups: Vec::new(), extra: BTreeMap::new() };
    let answer: Value = serde_json::from_slice(&authenticated(ApiVersion::V1, &user)).unwrap();
    assert_eq!(answer.pointer("/status/user/groups"), None);
}
