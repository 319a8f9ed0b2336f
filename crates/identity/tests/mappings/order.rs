//! Which of several rules wins.

use std::sync::Arc;

use crate::common::{A, B, account, aged, index, root, rule, session, user, winner};
use identity::pattern::AnyAccount;
use identity::{Found, Index, Layer, Rule, RuleArn, Source, Why};

#[test]
fn an_exact_arn_comes_before_a_pattern() {
    let index = index([vec![
        aged("pattern", &format!("acs:ram::{A}:role/dev*"), Some(1)),
        aged("exact", &format!("acs:ram::{A}:role/Dev"), Some(2)),
    ]]);
    assert_eq!(winner(&index, &session(A, "dEV", "s")).unwrap(), "exact");
    assert_eq!(winner(&index, &session(A, "develop", "s")).unwrap(), "pattern");
}

#[test]
fn a_longer_literal_comes_before_a_shorter_one() {
    let index = index([vec![
        aged("a", &format!("acs:ram::{A}:role/*"), Some(1)),
        aged("b", &format!("acs:ram::{A}:role/d*"), Some(2)),
        aged("c", &format!("acs:ram::{A}:role/d*-admin"), Some(3)),
    ]]);
    assert_eq!(winner(&index, &session(A, "dev-admin", "s")).unwrap(), "c");
    assert_eq!(winner(&index, &session(A, "dev", "s")).unwrap(), "b");
    assert_eq!(winner(&index, &session(A, "ops", "s")).unwrap(), "a");
}

#[test]
fn an_older_rule_comes_before_a_newer_one_and_then_the_name_decides() {
    for arn in [format!("acs:ram::{A}:role/dev"), format!("acs:ram::{A}:role/de?")] {
        let dev = session(A, "dev", "s");
        let by_age = index([vec![aged("a", &arn, Some(2)), aged("b", &arn, Some(1)), aged("0", &arn, None)]]);
        assert_eq!(winner(&by_age, &dev).unwrap(), "b");
        let by_name = index([vec![aged("b", &arn, Some(1)), aged("a", &arn, Some(1))]]);
        assert_eq!(winner(&by_name, &dev).unwrap(), "a");
    }
}

#[test]
fn backends_are_asked_in_order_and_whole_accounts_last() {
    let index = index([
        vec![account("account-1", A), rule("pattern-1", &format!("acs:ram::{A}:role/dev*"))],
        vec![
            rule("exact-2", &format!("acs:ram::{A}:role/dev")),
            rule("user-2", &format!("acs:ram::{A}:user/alice")),
            account("account-2", A),
            account("account-b", B),
        ],
    ]);
    assert_eq!(winner(&index, &session(A, "dev", "s")).unwrap(), "pattern-1");
    assert_eq!(winner(&index, &user(A, "alice")).unwrap(), "user-2");
    assert_eq!(winner(&index, &user(A, "bob")).unwrap(), "account-1");
    assert_eq!(winner(&index, &root(A)).unwrap(), "account-1");
    assert_eq!(winner(&index, &user(B, "alice")).unwrap(), "account-b");
    assert_eq!(winner(&index, &root("1")), None);
}

#[test]
fn a_pending_backend_hides_all_that_come_after_it() {
    let index = Index::build([
        Layer::Ready(vec![rule("first", &format!("acs:ram::{A}:user/alice")), account("account", A)]),
        Layer::Pending,
        Layer::Ready(vec![rule("last", &format!("acs:ram::{A}:user/bob"))]),
    ]);
    assert_eq!(winner(&index, &user(A, "alice")).unwrap(), "first");
    for who in [user(A, "bob"), user(A, "carol"), user(B, "bob")] {
        assert!(matches!(index.lookup(&who), Found::Pending(1)), "{}", who.arn());
    }
}

#[test]
fn root_is_matched_by_its_own_arn() {
    let index = index([vec![rule("root", &format!("acs:ram::{A}:root"))]]);
    assert_eq!(winner(&index, &root(A)).unwrap(), "root");
    assert_eq!(winner(&index, &root(B)), None);
    assert_eq!(winner(&index, &user(A, "root")), None);
}

#[test]
fn a_role_with_a_path_needs_a_mapping_with_that_path() {
    let index = index([vec![
        rule("path", &format!("acs:ram::{A}:role/t/a/p")),
        rule("short", &format!("acs:ram::{A}:role/p")),
    ]]);
    assert_eq!(winner(&index, &session(A, "t/a/p", "s")).unwrap(), "path");
    assert_eq!(winner(&index, &session(A, "p", "s")).unwrap(), "short");
    assert_eq!(winner(&index, &session(A, "a/p", "s")), None);
}

#[test]
fn one_session_comes_before_its_role() {
    let index = index([vec![
        aged("role", &format!("acs:ram::{A}:role/dev"), Some(1)),
        aged("alice", &format!("acs:ram::{A}:assumed-role/Dev/Alice"), Some(2)),
        aged("pattern", &format!("acs:ram::{A}:role/*"), Some(0)),
    ]]);
    assert_eq!(winner(&index, &session(A, "dev", "alice")).unwrap(), "alice");
    assert_eq!(winner(&index, &session(A, "dev", "bob")).unwrap(), "role");
    assert_eq!(winner(&index, &session(A, "ops", "alice")).unwrap(), "pattern");
}

#[test]
fn an_explanation_says_why_each_rule_comes_where_it_comes() {
    let in_backend = |backend: &str, name: &str, arn: &str, second: i64| {
        let arn = RuleArn::parse_with_patterns(arn, AnyAccount::Refuse).unwrap();
        let created = Some(jiff::Timestamp::from_second(second).unwrap());
        Rule::new::<&str>(Source::new(backend, name), arn, name, &[], created).unwrap().into()
    };
    let crd = |name: &str, resource: &str, second| {
        in_backend("CRD", name, &format!("acs:ram::{A}:{resource}"), second)
    };
    let index = index([
        vec![
            crd("short", "role/*", 1),
            crd("long", "role/d*", 5),
            crd("newer", "role/dev", 3),
            crd("older", "role/dev", 2),
            crd("z", "role/dev", 3),
            crd("session", "assumed-role/dev/s", 9),
            crd("somebody-else", "assumed-role/dev/t", 0),
            account("account", A),
        ],
        vec![
            in_backend("ACKConfigMap", "later", &format!("acs:ram::{A}:role/dev"), 0),
            account("account-2", A),
        ],
    ]);
    let principal = session(A, "dev", "s");
    let steps = index.explain(&principal);
    let steps: Vec<(&str, Why)> = steps.iter().map(|step| (&*step.rule.source().object, step.why)).collect();
    assert_eq!(
        steps,
        [
            ("session", Why::First),
            ("older", Why::RoleAfterSession),
            ("newer", Why::Newer),
            ("z", Why::Name),
            ("long", Why::PatternAfterExact),
            ("short", Why::FewerLiterals),
            ("later", Why::LaterBackend),
            ("account", Why::WholeAccount),
            ("account-2", Why::LaterBackend),
        ]
    );
}

#[test]
fn a_shadowed_rule_names_the_one_that_wins() {
    let rules: Vec<Arc<Rule>> = [
        ("exact", "role/dev", 1),
        ("same", "role/DEV", 2),
        ("wide", "role/d*", 1),
        ("narrow", "role/dev-*", 3),
        ("session", "assumed-role/dev/s", 3),
        ("same-session", "assumed-role/dev/S", 4),
        ("other", "user/dev", 1),
        ("wide-again", "role/d**", 4),
    ]
    .map(|(name, resource, second)| aged(name, &format!("acs:ram::{A}:{resource}"), Some(second)))
    .into();
    let index = index([rules.clone()]);
    let shadow = |name: &str| {
        let rule = rules.iter().find(|rule| &*rule.source().object == name).unwrap();
        index.shadowed_by(rule).map(|winner| winner.source().object.to_string())
    };
    assert_eq!(shadow("same").as_deref(), Some("exact"));
    assert_eq!(shadow("same-session").as_deref(), Some("session"));
    assert_eq!(shadow("wide-again").as_deref(), Some("wide"));
    for name in ["exact", "wide", "narrow", "session", "other"] {
        assert_eq!(shadow(name), None, "{name}");
    }

    // A pattern of an earlier backend takes all that it matches; a later one takes nothing.
    let early = |resource: &str| {
        let arn =
            RuleArn::parse_with_patterns(&format!("acs:ram::{A}:{resource}"), AnyAccount::Refuse).unwrap();
        Rule::new::<&str>(Source::new("First", "early"), arn, "u", &[], None).unwrap().into()
    };
    for (resource, shadowed) in [
        ("role/de*", true),
        ("role/d*v", true),
        ("role/*x", false),
        ("user/*", false),
        ("assumed-role/dev/s", false),
    ] {
        let rule = rules.first().unwrap();
        let before = Index::build([Layer::Ready(vec![early(resource)]), Layer::Ready(rules.clone())]);
        assert_eq!(before.shadowed_by(rule).is_some(), shadowed, "{resource}");
        let after = Index::build([Layer::Ready(rules.clone()), Layer::Ready(vec![early(resource)])]);
        assert!(after.shadowed_by(rule).is_none(), "{resource}");
    }
}
