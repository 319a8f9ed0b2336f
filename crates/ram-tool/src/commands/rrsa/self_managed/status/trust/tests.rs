//! The judge and its near misses over tables of policies.

use serde_json::{Value, json};

use super::*;

pub(super) const PROVIDER: &str = "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1";
pub(super) const ISSUER: &str = "https://issuer.example/c1";
pub(super) const SUBJECT: &str = "system:serviceaccount:shop:cart";

/// 2026-11-22T15:30:20Z.
pub(super) const NOW: i64 = 1_795_361_420;

pub(super) fn answer(policy: &Value) -> Answer {
    let audiences = ["sts.aliyuncs.com".to_owned()];
    let claims = Claims {
        provider: PROVIDER,
        issuer: ISSUER,
        audiences: &audiences,
        subject: SUBJECT,
        now: Timestamp::from_second(NOW).unwrap(),
    };
    TrustPolicy::read(&policy.to_string()).unwrap().decide(&claims)
}

/// A statement with these conditions.
pub(super) fn statement(effect: &str, conditions: &Value) -> Value {
    json!({
        "Effect": effect, "Action": "sts:AssumeRole", "Principal": {"Federated": [PROVIDER]},
        "Condition": conditions,
    })
}

pub(super) fn policy(statements: &[Value]) -> Value {
    json!({"Version": "1", "Statement": statements})
}

fn right() -> Value {
    statement(
        "Allow",
        &json!({"StringEquals": {"oidc:iss": ISSUER, "oidc:aud": "sts.aliyuncs.com", "oidc:sub": SUBJECT}}),
    )
}

/// What keeps the one statement from allowing it.
fn misses(statement: Value) -> Vec<String> {
    match answer(&policy(&[statement])) {
        Answer::NotAllowed { nearest: Some((1, misses)) } => misses,
        other => panic!("{other:?}"),
    }
}

#[test]
fn deny_wins_and_the_first_allow_is_named() {
    let deny = statement("Deny", &json!({"StringLike": {"oidc:sub": "system:serviceaccount:shop:*"}}));
    let other = statement("Allow", &json!({"StringEquals": {"oidc:sub": "system:serviceaccount:a:b"}}));
    assert_eq!(answer(&policy(&[other.clone(), right(), right()])), Answer::Allowed { statement: 2 });
    assert_eq!(answer(&policy(&[right(), other.clone(), deny.clone()])), Answer::Denied { statement: 3 });
    assert_eq!(answer(&policy(&[])), Answer::NotAllowed { nearest: None });
    // A single statement needs no list.
    assert_eq!(answer(&json!({"Version": "1", "Statement": right()})), Answer::Allowed { statement: 1 });
}

#[test]
fn what_only_sts_knows_is_not_guessed() {
    let from = |effect| statement(effect, &json!({"IpAddress": {"acs:SourceIp": "192.0.2.0/24"}}));
    let on = vec!["IpAddress of acs:SourceIp".to_owned()];
    let depends = |statement| Answer::Depends { statement, on: on.clone() };
    assert_eq!(answer(&policy(&[from("Allow")])), depends(1));
    // One that allows without it is enough, but not beside a Deny that may hold.
    assert_eq!(answer(&policy(&[from("Allow"), right()])), Answer::Allowed { statement: 2 });
    assert_eq!(answer(&policy(&[right(), from("Deny")])), depends(2));
    // A statement that is not about this token depends on nothing.
    let both = json!({"IpAddress": {"acs:SourceIp": "192.0.2.0/24"}, "StringEquals": {"oidc:sub": "x"}});
    assert!(matches!(answer(&policy(&[statement("Allow", &both)])), Answer::NotAllowed { .. }));
    // Elements and operators that are not known here.
    let mut odd = right();
    odd["NotAction"] = json!("sts:TagSession");
    odd.as_object_mut().unwrap().remove("Action");
    assert_eq!(answer(&policy(&[odd])), Answer::Depends { statement: 1, on: vec!["NotAction".to_owned()] });
    let odd = statement("Allow", &json!({"StringSometimes": {"oidc:sub": SUBJECT}}));
    let on = vec!["StringSometimes of oidc:sub".to_owned()];
    assert_eq!(answer(&policy(&[odd])), Answer::Depends { statement: 1, on });
    let mut odd = right();
    odd["Effect"] = json!("allow");
    assert_eq!(
        answer(&policy(&[right(), odd])),
        Answer::Depends { statement: 2, on: vec!["Effect".to_owned()] }
    );
}

#[test]
fn what_is_in_no_form_that_is_known_is_not_guessed() {
    let of = |name: &str, value: Value| {
        let mut statement = right();
        statement[name] = value;
        statement
    };
    for (odd, on) in [
        (of("Action", json!({"a": 1})), "Action"),
        (of("Action", json!(["sts:TagSession", null])), "Action"),
        (of("Principal", json!("*")), "Principal"),
        (of("Principal", json!([PROVIDER])), "Principal"),
        (of("Principal", json!({"Federated": {"a": PROVIDER}})), "Principal"),
        (of("Condition", json!([])), "Condition"),
        (of("Condition", json!("x")), "Condition"),
        (of("Condition", json!({"StringEquals": [SUBJECT]})), "Condition"),
        (of("Condition", json!({"StringEquals": {"oidc:sub": null}})), "StringEquals of oidc:sub"),
        (of("Condition", json!({"StringNotEquals": {"oidc:sub": [["x"]]}})), "StringNotEquals of oidc:sub"),
        (of("Condition", json!({"NumericNotEquals": {"oidc:sub": "five"}})), "NumericNotEquals of oidc:sub"),
        (of("Condition", json!({"NumericNotEquals": {"oidc:sub": "NaN"}})), "NumericNotEquals of oidc:sub"),
        (
            of("Condition", json!({"DateNotEquals": {"acs:CurrentTime": "tomorrow"}})),
            "DateNotEquals of acs:CurrentTime",
        ),
        (of("Condition", json!({"Bool": {"acs:MFAPresent": "no"}})), "Bool of acs:MFAPresent"),
        (of("Resource", json!("*")), "Resource"),
    ] {
        let depends = |statement| Answer::Depends { statement, on: vec![on.to_owned()] };
        assert_eq!(answer(&policy(std::slice::from_ref(&odd))), depends(1), "{odd}");
        // What may deny takes the certainty from what allows.
        let mut deny = odd;
        deny["Effect"] = json!("Deny");
        assert_eq!(answer(&policy(&[right(), deny])), depends(2), "{on}");
    }
}

#[test]
fn near_misses_are_named_exactly() {
    let equals = |key: &str, value: Value| {
        let mut statement = right();
        statement["Condition"]["StringEquals"][key] = value;
        misses(statement)
    };
    for (key, value, wanted) in [
        (
            "oidc:iss",
            "https://issuer.example/c1/",
            "oidc:iss must be StringEquals https://issuer.example/c1/, and the token has https://issuer.example/c1 (they differ in a slash at the end, and are compared to the letter)",
        ),
        (
            "oidc:iss",
            "https://other.example/c1",
            "oidc:iss must be StringEquals https://other.example/c1, and the token has https://issuer.example/c1",
        ),
        (
            "oidc:aud",
            " sts.aliyuncs.com",
            "oidc:aud must be StringEquals  sts.aliyuncs.com, and the token has sts.aliyuncs.com (there are blanks around it)",
        ),
        (
            "oidc:sub",
            "system:serviceaccount:*:cart",
            "oidc:sub must be StringEquals system:serviceaccount:*:cart, and the token has system:serviceaccount:shop:cart (StringEquals takes * and ? as they stand; StringLike is the operator for them)",
        ),
        (
            "oidc:sub",
            "system:serviceaccount:Shop:cart",
            "oidc:sub must be StringEquals system:serviceaccount:Shop:cart, and the token has system:serviceaccount:shop:cart (they differ in upper and lower case)",
        ),
        (
            "oidc:sub",
            "system:serviceaccount:store:cart",
            "oidc:sub must be StringEquals system:serviceaccount:store:cart, and the token has system:serviceaccount:shop:cart (the namespace differs)",
        ),
        (
            "oidc:sub",
            "system:serviceaccount:shop:card",
            "oidc:sub must be StringEquals system:serviceaccount:shop:card, and the token has system:serviceaccount:shop:cart (the service account differs)",
        ),
        (
            "oidc:sub",
            "shop:cart",
            "oidc:sub must be StringEquals shop:cart, and the token has system:serviceaccount:shop:cart (a subject is system:serviceaccount:NAMESPACE:NAME)",
        ),
    ] {
        assert_eq!(equals(key, json!(value)), [wanted], "{key} {value}");
    }
    let many = equals("oidc:sub", json!(["a", "b", "c", "d", "e"]));
    assert!(many[0].contains("StringEquals one of a, b, c and 2 more,"), "{many:?}");
    let mut other = right();
    other["Principal"]["Federated"] = json!("acs:ram::1234567890123456:oidc-provider/ack-rrsa-c2");
    other["Action"] = json!(["sts:AssumeRoleWithOIDC"]);
    assert_eq!(
        misses(other),
        [
            "its Principal is another provider, acs:ram::1234567890123456:oidc-provider/ack-rrsa-c2, not acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1",
            "its Action is sts:AssumeRoleWithOIDC, not sts:AssumeRole",
        ]
    );
    let mut nobody = right();
    nobody["Principal"] = json!({"RAM": ["acs:ram::1234567890123456:root"]});
    assert_eq!(misses(nobody), ["its Principal names no OIDC provider"]);
    let pattern = |sub: &str| misses(statement("Allow", &json!({"StringLike": {"oidc:sub": sub}})));
    assert!(pattern("system:serviceaccount:SHOP:*")[0].contains("upper and lower case"));
    assert!(pattern("shop:*")[0].contains("a subject is system:serviceaccount:NAMESPACE:NAME"));
}

#[test]
fn the_nearest_statement_is_told() {
    let far = statement("Allow", &json!({"StringEquals": {"oidc:iss": "a", "oidc:sub": "b"}}));
    let near = statement("Allow", &json!({"StringEquals": {"oidc:iss": ISSUER, "oidc:sub": "b"}}));
    let root = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": "acs:ram::1234567890123456:root"}});
    let Answer::NotAllowed { nearest: Some((number, misses)) } = answer(&policy(&[root.clone(), far, near]))
    else {
        panic!("allowed")
    };
    assert_eq!((number, misses.len()), (3, 1));
    // Denials are no way in, and neither are statements for others.
    let deny = statement("Deny", &json!({"StringEquals": {"oidc:sub": "b"}}));
    assert_eq!(answer(&policy(&[root, deny])), Answer::NotAllowed { nearest: None });
}

#[test]
fn who_else_is_let_in_is_told() {
    let audiences = ["sts.aliyuncs.com".to_owned()];
    let claims = Claims {
        provider: PROVIDER,
        issuer: ISSUER,
        audiences: &audiences,
        subject: SUBJECT,
        now: Timestamp::from_second(NOW).unwrap(),
    };
    let breadth = |statement: Value| {
        let policy = TrustPolicy::read(&policy(&[statement]).to_string()).unwrap();
        assert_eq!(policy.decide(&claims), Answer::Allowed { statement: 1 });
        policy.breadth(&claims, "shop", "cart")
    };
    let like = |sub: &str| breadth(statement("Allow", &json!({"StringLike": {"oidc:sub": sub}})));
    assert_eq!(breadth(right()), None);
    assert_eq!(breadth(statement("Allow", &json!({}))), Some(Breadth::Cluster));
    assert_eq!(like("*"), Some(Breadth::Cluster));
    assert_eq!(like("system:serviceaccount:shop:*"), Some(Breadth::Namespace));
    assert_eq!(like("system:serviceaccount:*:cart"), Some(Breadth::Name));
    assert_eq!(like("system:serviceaccount:shop:ca?t"), None);
}
