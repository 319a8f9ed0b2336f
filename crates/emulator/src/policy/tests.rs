#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::context::{Context, OidcCaller};
use super::network::Network;
use super::pattern::glob_matches;
use super::statement::{self, Question};
use super::*;
use crate::oidc::ProviderArn;
use crate::principal::{Identity, UserIdentity};

const ROLE: &str = "acs:ram::1234567890123456:role/dev";

fn alice() -> Identity {
    Identity::User(UserIdentity {
        account_id: "1234567890123456".to_owned(),
        name: "alice".to_owned(),
        user_id: "2".to_owned(),
    })
}

/// 2026-11-22T15:30:20Z, from 192.0.2.17.
fn origin() -> Origin {
    Origin {
        now: "2026-11-22T15:30:20Z".parse().unwrap(),
        source_ip: Some("192.0.2.17".parse::<IpAddr>().unwrap()),
    }
}

fn statement(mut element: Value) -> Value {
    let fields = element.as_object_mut().unwrap();
    for (name, other, value) in [("Action", "NotAction", "*"), ("Resource", "NotResource", "*")] {
        if !fields.contains_key(other) {
            fields.entry(name).or_insert_with(|| value.into());
        }
    }
    fields.entry("Effect").or_insert_with(|| "Allow".into());
    element
}

fn policy(statements: &[Value]) -> Policy {
    let statements: Vec<Value> = statements.iter().cloned().map(statement).collect();
    Policy::from_json(&json!({"Version": "1", "Statement": statements}).to_string(), "p").unwrap()
}

fn ask_of(policies: &[&Policy], action: &str, resource: &str) -> Decision {
    let caller = alice();
    let context = Context { origin: origin(), caller: Some(&caller), token: None, external_id: Some("abc") };
    let named = policies.iter().map(|policy| ("p", policy.statements()));
    statement::decide(named, &Question { action, resource, context })
}

fn allows(statement: Value, action: &str, resource: &str) -> bool {
    ask_of(&[&policy(&[statement])], action, resource).is_allowed()
}

#[test]
fn actions_have_wildcards_and_no_case() {
    for (pattern, action, fits) in [
        ("cs:DescribeClusters", "cs:DescribeClusters", true),
        ("CS:describeclusters", "cs:DescribeClusters", true),
        ("cs:Describe*", "cs:DescribeClusters", true),
        ("cs:*Cluster?", "cs:DescribeClusters", true),
        ("*", "cs:DescribeClusters", true),
        ("*:Describe*", "cs:DescribeClusters", true),
        ("cs:Describe", "cs:DescribeClusters", false),
        ("ecs:*", "cs:DescribeClusters", false),
        ("cs", "cs:DescribeClusters", false),
    ] {
        assert_eq!(allows(json!({"Action": pattern}), action, ROLE), fits, "{pattern}");
        assert_eq!(allows(json!({"Action": ["x:y", pattern]}), action, ROLE), fits, "{pattern} in a list");
        assert_eq!(allows(json!({"NotAction": pattern}), action, ROLE), !fits, "not {pattern}");
    }
    assert!(!allows(json!({"NotAction": ["x:y", "cs:*"]}), "cs:DescribeClusters", ROLE));
}

#[test]
fn resources_have_wildcards_and_no_case() {
    for (pattern, fits) in [
        (ROLE, true),
        ("acs:ram:*:1234567890123456:role/dev", true),
        ("acs:ram:*:*:role/*", true),
        ("acs:ram::1234567890123456:role/DEV", true),
        ("*", true),
        ("acs:ram::1234567890123456:role/de", false),
        ("acs:ram::6543210987654321:role/dev", false),
        ("acs:ram:*:*:user/*", false),
    ] {
        assert_eq!(allows(json!({"Resource": pattern}), "sts:AssumeRole", ROLE), fits, "{pattern}");
        assert_eq!(allows(json!({"NotResource": [pattern]}), "sts:AssumeRole", ROLE), !fits, "not {pattern}");
    }
}

#[test]
fn deny_wins_in_whatever_policy_it_stands_and_nothing_is_allowed_unsaid() {
    let allow = policy(&[json!({"Action": "x:y"}), json!({"Action": "cs:*"})]);
    let deny = policy(&[json!({"Effect": "Deny", "Action": "cs:Delete*"})]);
    let ask = |policies: &[&Policy], action: &str| ask_of(policies, action, "*").to_string();
    for both in [[&allow, &deny], [&deny, &allow]] {
        assert_eq!(ask(&both, "cs:DeleteCluster"), "denied by statement 1 of p");
        assert_eq!(ask(&both, "cs:DescribeClusters"), "allowed by statement 2 of p");
        assert_eq!(ask(&both, "ecs:RunInstances"), "no statement of any policy allows it");
    }
    assert_eq!(ask(&[], "cs:DescribeClusters"), "no statement of any policy allows it");
}

#[test]
fn each_operator_compares_as_ram_documents_it() {
    let ip = "acs:SourceIp";
    let time = "acs:CurrentTime";
    let id = "sts:ExternalId";
    for (operator, key, value, holds) in [
        ("StringEquals", id, json!("abc"), true),
        ("StringEquals", id, json!(["x", "abc"]), true),
        ("StringEquals", id, json!("ABC"), false),
        ("StringEquals", id, json!("a*"), false),
        ("StringEquals", id, json!([]), false),
        ("StringNotEquals", id, json!("ABC"), true),
        ("StringNotEquals", id, json!(["x", "abc"]), false),
        ("StringEqualsIgnoreCase", id, json!("ABC"), true),
        ("StringEqualsIgnoreCase", id, json!("ABD"), false),
        ("StringNotEqualsIgnoreCase", id, json!("ABC"), false),
        ("StringLike", id, json!("a*"), true),
        ("StringLike", id, json!("A*"), false),
        ("StringLike", id, json!("??"), false),
        ("StringNotLike", id, json!("a*"), false),
        ("StringNotLike", id, json!(["b*", "c*"]), true),
        ("Bool", "acs:SecureTransport", json!("true"), true),
        ("Bool", "acs:SecureTransport", json!(true), true),
        ("Bool", "acs:SecureTransport", json!("False"), false),
        ("Bool", "acs:MFAPresent", json!(["true"]), false),
        ("Bool", id, json!("true"), false),
        ("IpAddress", ip, json!("192.0.2.17"), true),
        ("IpAddress", ip, json!(["10.0.0.0/8", "192.0.2.16/28"]), true),
        ("IpAddress", ip, json!("192.0.2.0/28"), false),
        ("IpAddress", ip, json!("::/0"), false),
        ("IpAddress", id, json!("0.0.0.0/0"), false),
        ("NotIpAddress", ip, json!("192.0.2.0/24"), false),
        ("NotIpAddress", ip, json!(["10.0.0.0/8", "2001:db8::/32"]), true),
        ("NumericEquals", id, json!(1), false),
        ("NumericNotEquals", id, json!(1), true),
        ("DateEquals", time, json!("2026-11-22T23:30:20+08:00"), true),
        ("DateNotEquals", time, json!("2026-11-22T15:30:20Z"), false),
        ("DateLessThan", time, json!("2026-11-22T15:30:21Z"), true),
        ("DateLessThan", time, json!("2026-11-22T15:30:20Z"), false),
        ("DateLessThanEquals", time, json!("2026-11-22T15:30:20Z"), true),
        ("DateGreaterThan", time, json!("2026-11-22T15:30:20Z"), false),
        ("DateGreaterThan", time, json!("2026-11-22T23:30:19+08:00"), true),
        ("DateGreaterThanEquals", time, json!("2026-11-22T15:30:20Z"), true),
        ("StringEquals", "ACS:principalarn", json!("acs:ram::1234567890123456:user/alice"), true),
        // What a request does not have equals nothing.
        ("StringLike", "oidc:sub", json!("*"), false),
        ("StringNotLike", "oidc:sub", json!("*"), true),
    ] {
        let condition = json!({"Condition": {operator: {key: value}}});
        assert_eq!(allows(condition.clone(), "cs:X", "*"), holds, "{condition}");
    }
}

#[test]
fn numbers_are_compared_as_numbers() {
    let caller = alice();
    for (operator, value, holds) in [
        ("NumericEquals", json!("10.0"), true),
        ("NumericEquals", json!([9, 10]), true),
        ("NumericNotEquals", json!(10), false),
        ("NumericLessThan", json!(9), false),
        ("NumericLessThan", json!(100), true),
        ("NumericLessThanEquals", json!(10), true),
        ("NumericGreaterThan", json!(10), false),
        ("NumericGreaterThan", json!(9.5), true),
        ("NumericGreaterThanEquals", json!(10), true),
    ] {
        let policy = policy(&[json!({"Condition": {operator: {"sts:ExternalId": value}}})]);
        let context =
            Context { origin: origin(), caller: Some(&caller), token: None, external_id: Some("10") };
        let question = Question { action: "cs:X", resource: "*", context };
        let decision = statement::decide([("p", policy.statements())], &question);
        assert_eq!(decision.is_allowed(), holds, "{operator} {value}");
    }
}

#[test]
fn all_conditions_of_a_statement_have_to_hold() {
    let both = |id: &str| {
        json!({"Condition": {"StringEquals": {"sts:ExternalId": id, "acs:SourceIp": "192.0.2.17"},
                             "IpAddress": {"acs:SourceIp": "192.0.2.0/24"}}})
    };
    assert!(allows(both("abc"), "cs:X", "*"));
    assert!(!allows(both("abd"), "cs:X", "*"));
}

#[test]
fn of_several_audiences_none_may_be_one_that_is_excluded() {
    let provider = ProviderArn::parse("acs:ram::1234567890123456:oidc-provider/x").unwrap();
    let audiences = ["a".to_owned(), "b".to_owned()];
    let token = OidcCaller { provider: &provider, issuer: "i", subject: "s", audiences: &audiences };
    for (operator, value, holds) in
        [("StringEquals", "b", true), ("StringNotEquals", "b", false), ("StringNotEquals", "c", true)]
    {
        let policy = policy(&[json!({"Condition": {operator: {"oidc:aud": value}}})]);
        let context = Context { origin: origin(), caller: None, token: Some(&token), external_id: None };
        let question = Question { action: "cs:X", resource: "*", context };
        let decision = statement::decide([("p", policy.statements())], &question);
        assert_eq!(decision.is_allowed(), holds, "{operator} {value}");
    }
}

#[test]
fn an_ipv4_address_on_an_ipv6_socket_is_one_of_ipv4() {
    let policy = policy(&[json!({"Condition": {"IpAddress": {"acs:SourceIp": "192.0.2.0/24"}}})]);
    let ask = |address: Option<&str>| {
        let origin = Origin { now: Timestamp::UNIX_EPOCH, source_ip: address.map(|a| a.parse().unwrap()) };
        let attached = [("p".to_owned(), policy.clone())];
        let ask = Ask { action: "cs:X", resource: "*", origin };
        permissions::decide(Some(&attached), None, &alice(), ask).is_ok()
    };
    assert!(ask(Some("::ffff:192.0.2.1")));
    assert!(!ask(Some("2001:db8::1")) && !ask(None));
}

#[test]
fn a_sessions_policy_restricts_and_gives_nothing() {
    let wide = policy(&[json!({"Action": "cs:*"})]);
    let narrow = policy(&[json!({"Action": ["cs:DescribeClusters", "ecs:*"]})]);
    let attached = [("wide".to_owned(), wide)];
    let ask = |attached: Option<&[(String, Policy)]>, session: Option<&Policy>, action: &str| {
        permissions::decide(attached, session, &alice(), Ask { action, resource: "*", origin: origin() })
            .map_err(|refusal| refusal.policy_type)
    };
    assert_eq!(ask(Some(&attached), Some(&narrow), "cs:DescribeClusters"), Ok(()));
    assert_eq!(ask(Some(&attached), Some(&narrow), "cs:DeleteCluster"), Err(PolicyType::Session));
    assert_eq!(ask(Some(&attached), Some(&narrow), "ecs:RunInstances"), Err(PolicyType::Identity));
    assert_eq!(ask(Some(&attached), None, "cs:DeleteCluster"), Ok(()));
    assert_eq!(ask(Some(&[]), None, "cs:DescribeClusters"), Err(PolicyType::Identity));
    // Who is not held to policies is held to the session's all the same.
    assert_eq!(ask(None, Some(&narrow), "cs:DeleteCluster"), Err(PolicyType::Session));
    assert_eq!(ask(None, None, "cs:DeleteCluster"), Ok(()));
}

#[test]
fn a_permission_policy_that_is_wrong_is_refused_in_one_line() {
    let with = |statement: &str| format!(r#"{{"Version": "1", "Statement": [{statement}]}}"#);
    let condition = |condition: &str| {
        with(&format!(r#"{{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {condition}}}"#))
    };
    for (document, words) in [
        ("{".to_owned(), "not JSON"),
        (r#"{"Version": "0", "Version": "1", "Statement": []}"#.to_owned(), "Version"),
        ("[]".to_owned(), "RAM's form"),
        ("1".to_owned(), "RAM's form"),
        (r#"{"Statement": []}"#.to_owned(), "Version"),
        (r#"{"Version": "2012-10-17", "Statement": [{}]}"#.to_owned(), "Effect"),
        (with("").replace("\"1\"", "\"2\""), "only \"1\""),
        (with(""), "no statement"),
        (r#"{"Version": "1", "Statement": [], "Id": ""}"#.to_owned(), "Id"),
        (with("1"), "RAM's form"),
        (with(r#"{"Effect": "allow", "Action": "*", "Resource": "*"}"#), "Effect"),
        (with(r#"{"Action": "*", "Resource": "*"}"#), "Effect"),
        (with(r#"{"Effect": "Allow", "Resource": "*"}"#), "Action or NotAction"),
        (with(r#"{"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}"#), "Action or"),
        (with(r#"{"Effect": "Allow", "Action": [], "Resource": "*"}"#), "no Action"),
        (with(r#"{"Effect": "Allow", "Action": "", "Resource": "*"}"#), "no Action"),
        (with(r#"{"Effect": "Allow", "Action": "*"}"#), "Resource or NotResource"),
        (with(r#"{"Effect": "Allow", "Action": "*", "Resource": []}"#), "no Resource"),
        (with(r#"{"Effect": "Allow", "Action": "*", "Resource": 1}"#), "RAM's form"),
        (
            with(r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": {"RAM": "*"}}"#),
            "no Principal",
        ),
        (condition(r#"{"x": 1}"#), "RAM's form"),
        (condition(r#"{"IpAdress": {"acs:SourceIp": "192.0.2.1"}}"#), "IpAdress"),
        (condition(r#"{"stringequals": {"acs:SourceIp": "192.0.2.1"}}"#), "stringequals"),
        (condition(r#"{"IpAddress": {"acs:SourceIp": "192.0.2.1/33"}}"#), "192.0.2.1/33"),
        (condition(r#"{"IpAddress": {"acs:SourceIp": ["192.0.2.0/24", "x"]}}"#), "\"x\""),
        (condition(r#"{"Bool": {"acs:SecureTransport": "yes"}}"#), "yes"),
        (condition(r#"{"NumericEquals": {"sts:ExternalId": "1h"}}"#), "1h"),
        (condition(r#"{"NumericEquals": {"sts:ExternalId": "NaN"}}"#), "NaN"),
        (condition(r#"{"DateLessThan": {"acs:CurrentTime": "tomorrow"}}"#), "tomorrow"),
        (condition(r#"{"StringEquals": {"acs:UserAgent": "x"}}"#), "acs:UserAgent"),
    ] {
        let problem = Policy::from_json(&document, "policy \"p\"").expect_err(&document);
        assert!(problem.contains(words) && problem.starts_with("policy \"p\": "), "{document}\n{problem}");
        assert_eq!(problem.lines().count(), 1, "{problem}");
    }
}

#[test]
fn conditions_of_other_services_need_not_be_decided_and_have_to_be_well_formed() {
    let of = |action: &str, operator: &str| {
        let statement = json!({"Effect": "Allow", "Action": action, "Resource": "*",
                               "Condition": {operator: {"oss:Prefix": "a/*"}}});
        Policy::from_json(&json!({"Version": "1", "Statement": statement}).to_string(), "p")
    };
    assert!(of("oss:ListObjects", "StringLike").is_ok());
    for (action, operator) in [
        ("oss:ListObjects", "StringIs"),
        ("oss:ListObjects", "IpAddress"),
        ("cs:*", "StringLike"),
        ("?s:*", "StringLike"),
        ("*", "StringLike"),
        ("RAM:GetRole", "StringLike"),
        ("o*:x", "StringLike"),
    ] {
        assert!(of(action, operator).is_err(), "{action} {operator}");
    }
}

#[test]
fn a_policy_is_kept_as_it_was_sent() {
    let text = "{\"Version\": \"1\",\n\t\"Statement\": {\"Effect\": \"Deny\", \"NotAction\": [\"cs:*\"], \
                \"NotResource\": \"a\"}}";
    assert_eq!(Policy::from_json(text, "p").unwrap().text(), text);
}

#[test]
fn globs_are_anchored_at_both_ends() {
    for (pattern, text, fits) in [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("**a", "bca", true),
        ("a*b*c", "aXbYbZc", true),
        ("a*b*c", "aXbYbZcd", false),
        ("?", "é", true),
        ("?", "", false),
        ("*?*", "a", true),
    ] {
        assert_eq!(glob_matches(pattern, text), fits, "{pattern:?} {text:?}");
    }
}

#[test]
fn networks_hold_what_shares_their_leading_bits() {
    for (network, address, holds) in [
        ("0.0.0.0/0", "203.0.113.9", true),
        ("::/0", "2001:db8::1", true),
        ("192.0.2.1/32", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        // Bits behind the length do not count.
        ("192.0.2.77/25", "192.0.2.1", true),
        ("192.0.2.77/25", "192.0.2.128", false),
        ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false),
        ("2001:db8::1/128", "2001:db8::1", true),
        ("0.0.0.0/0", "::1", false),
    ] {
        let network = Network::parse(network).unwrap();
        assert_eq!(network.contains(address.parse().unwrap()), holds, "{network:?} {address}");
    }
    for text in ["", "x", "192.0.2", "192.0.2.1/", "192.0.2.1/33", "::/129", "192.0.2.1/+8", "192.0.2.1/8/8"]
    {
        assert_eq!(Network::parse(text), None, "{text}");
    }
}
