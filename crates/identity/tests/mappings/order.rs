//! Which of several rules wins.

use crate::common::{A, B, account, aged, index, root, rule, session, user, winner};
use identity::{Found, Index, Layer};

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
