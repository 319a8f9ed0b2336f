//! Published attacks on this class of software, as far as mappings are concerned.

use crate::common::{A, B, account, index, root, rule, session, user, winner};
use identity::mapping::NameError;
use identity::pattern::AnyAccount;
use identity::{Found, IdentityCheck, Index, Layer, Rule, RuleArn, Source};

/// A malformed mapping must not fall back to a weaker match (aws-iam-authenticator, pull request 1046).
#[test]
fn a_mapping_that_cannot_be_parsed_matches_nothing() {
    for arn in [
        "",
        "*",
        "acs:ram::*",
        "acs:ram::*:*",
        "acs:ram:::role/dev",
        "acs:ram:::role/dev*",
        "acs:ram::abc:role/dev*",
        "acs:ram::123 :user/*",
        "acs:ram::.*:role/dev",
        "acs:ram::*:role/dev",
        "acs:ram:*:1234567890123456:role/dev",
        "acs:*::1234567890123456:role/dev",
        "acs:ram::1234567890123456:*",
        "acs:ram::1234567890123456:*/dev",
        "acs:ram::1234567890123456:role",
        "acs:ram::1234567890123456:role/",
        "acs:ram::1234567890123456:role*",
        "acs:ram::1234567890123456:r*e/dev",
        "acs:ram::1234567890123456:role/dev:x*",
        "acs:ram::1234567890123456:group/*",
        "acs:ram::1234567890123456:user/a/*",
        "acs:ram::12345678901234??:role/dev",
        "arn:aws:iam::1234567890123456:role/*",
        " acs:ram::1234567890123456:role/*",
        "acs:ram::1234567890123456:role/* ",
    ] {
        assert!(RuleArn::parse_with_patterns(arn, AnyAccount::Refuse).is_err(), "{arn}");
    }
}

/// What is a regular expression to the public server is a name here that nobody has.
#[test]
fn regular_expressions_are_letters() {
    let anybody = [session(A, "x", "s"), session(B, "x", "s"), user(A, "x"), root(A), session(A, "de", "s")];
    for arn in ["role/x|.*", "role/(dev|ops)*", "role/.*", "role/[*", "role/^.*$", "role/dev+*"] {
        let arn = format!("acs:ram::{A}:{arn}");
        let index = index([vec![rule("regex", &arn)]]);
        for who in &anybody {
            assert_eq!(winner(&index, who), None, "{arn} {}", who.arn());
        }
    }
}

/// A reserved name reached through a template (aws-iam-authenticator, pull request 1047): the caller is
/// refused, and no later rule takes over.
#[test]
fn no_template_makes_a_reserved_name() {
    let arn = RuleArn::parse_exact(&format!("acs:ram::{A}:role/dev")).unwrap();
    let strict = |username: &str, groups: &[&str]| {
        Rule::new(Source::new("CRD", "x"), arn.clone(), username, groups, None).unwrap()
    };
    for (username, groups) in [("{{SessionName}}:admin", &[][..]), ("a", &["{{SessionNameRaw}}:masters"][..])]
    {
        let index = Index::build([
            Layer::Ready(vec![strict(username, groups).into()]),
            Layer::Ready(vec![rule("later", &format!("acs:ram::{A}:role/dev"))]),
        ]);
        let who = session(A, "dev", "system");
        let Found::Match(found) = index.lookup(&who) else { panic!("{username} does not match") };
        let error = found.user().expect_err(username);
        assert!(matches!(error, NameError::Reserved { .. }), "{error}");
    }
}

/// A wildcard that matches more than it says.
#[test]
fn a_pattern_matches_whole_names_of_its_own_account_and_kind() {
    let matches = |resource: &str, who: &identity::Principal| {
        winner(&index([vec![rule("pattern", &format!("acs:ram::{A}:{resource}"))]]), who).is_some()
    };
    assert!(matches("role/dev*", &session(A, "dev", "s")));
    assert!(matches("role/dev*", &session(A, "DEVELOP", "s")));
    for other in ["de", "delta", "mydev", "x/dev"] {
        assert!(!matches("role/dev*", &session(A, other, "s")), "{other}");
    }
    assert!(matches("role/dev-*-admin", &session(A, "dev-x-admin", "s")));
    for other in ["dev-admin", "dev-x-admin-x"] {
        assert!(!matches("role/dev-*-admin", &session(A, other, "s")), "{other}");
    }
    for other in ["admi", "admin", "administrator"] {
        assert!(!matches("role/admin?", &session(A, other, "s")), "{other}");
    }
    assert!(matches("user/*@corp", &user(A, "a@corp")));
    for resource in ["role/*", "role/dev*", "role/de?", "user/*", "user/dev"] {
        for who in [session(B, "dev", "s"), user(B, "dev"), root(B), root(A)] {
            assert!(!matches(resource, &who), "{resource} {}", who.arn());
        }
    }
    assert!(!matches("role/*", &user(A, "dev")));
    assert!(!matches("user/*", &session(A, "dev", "s")));
    // The session is no part of what a role pattern sees.
    assert!(!matches("role/*dev", &session(A, "ops", "dev")));
}

/// Another principal's answer: the same role or user name in another account (CVE-2025-11621).
#[test]
fn the_same_name_in_another_account_is_somebody_else() {
    let index = index([vec![
        rule("role", &format!("acs:ram::{A}:role/dev")),
        rule("user", &format!("acs:ram::{A}:user/dev")),
        rule("pattern", &format!("acs:ram::{A}:role/ops*")),
    ]]);
    assert_eq!(winner(&index, &session(A, "dev", "s")).unwrap(), "role");
    assert_eq!(winner(&index, &user(A, "dev")).unwrap(), "user");
    assert_eq!(winner(&index, &session(A, "ops1", "s")).unwrap(), "pattern");
    for who in [session(B, "dev", "s"), user(B, "dev"), session(B, "ops1", "s"), root(A), user(A, "ops1")] {
        assert_eq!(winner(&index, &who), None, "{}", who.arn());
    }
}

/// A pattern over accounts has to be allowed, and then still keeps to the account field.
#[test]
fn a_wildcard_in_the_account_stays_in_the_account() {
    let parse = |text: &str| RuleArn::parse_with_patterns(text, AnyAccount::Allow).unwrap();
    let RuleArn::Pattern(pattern) = parse("acs:ram::12*:role/dev") else { panic!("no pattern") };
    assert!(pattern.matches(&session(A, "dev", "s")));
    for who in
        [session(B, "dev", "s"), session(A, "dev2", "s"), session(A, "x/dev", "s"), user(A, "dev"), root(A)]
    {
        assert!(!pattern.matches(&who), "{}", who.arn());
    }
    let RuleArn::Pattern(pattern) = parse("acs:ram::????????????????:root") else { panic!("no pattern") };
    assert!(pattern.matches(&root(A)));
    assert!(!pattern.matches(&root("12345")));
    assert!(!pattern.matches(&user(A, "root")));
}

/// A mapping of one session lets in that session alone: not the role's others, not the same session of another role,
/// account or path. (A session name is no proof: whoever may assume the role chooses it.)
#[test]
fn a_session_mapping_matches_that_session_only() {
    let index = index([vec![rule("alice", &format!("acs:ram::{A}:assumed-role/dev/alice"))]]);
    assert_eq!(winner(&index, &session(A, "dev", "alice")).unwrap(), "alice");
    assert_eq!(winner(&index, &session(A, "Dev", "ALICE")).unwrap(), "alice");
    for who in [
        session(A, "dev", "bob"),
        session(A, "dev", "alice2"),
        session(A, "dev/alice", "alice"),
        session(A, "ops", "alice"),
        session(B, "dev", "alice"),
        user(A, "alice"),
        root(A),
    ] {
        assert_eq!(winner(&index, &who), None, "{}", who.arn());
    }
}

/// Every value of a template is the caller's own, from STS's answer; where there is none, nobody is let in.
#[test]
fn templates_have_values_of_the_right_kind_of_caller_only() {
    let made = |username: &str, who: &identity::Principal| {
        let arn = RuleArn::parse_with_patterns(who.canonical_arn(), AnyAccount::Refuse).unwrap();
        let rule = Rule::new::<&str>(Source::new("CRD", "x"), arn, username, &[], None).unwrap();
        let index = Index::build([Layer::Ready(vec![rule.into()])]);
        let Found::Match(found) = index.lookup(who) else { panic!("no match") };
        found.user().map(|user| user.username)
    };
    assert_eq!(made("u:{{UserName}}", &user(A, "Alice@corp")).unwrap(), "u:Alice@corp");
    assert_eq!(made("r:{{RoleName}}", &session(A, "team/a/Dev", "s")).unwrap(), "r:Dev");
    for (template, who) in [
        ("u:{{UserName}}", session(A, "dev", "alice")),
        ("u:{{UserName}}", root(A)),
        ("r:{{RoleName}}", user(A, "dev")),
        ("r:{{RoleName}}", root(A)),
    ] {
        let error = made(template, &who).unwrap_err();
        assert!(matches!(error, NameError::NoValue { .. }), "{template} {}: {error}", who.arn());
    }
    assert_eq!(made("dev:{{SessionName}}", &user(A, "alice")).unwrap(), "dev:");
}

/// A reserved prefix of one's own is as safe as `system:`, and still `system:` is.
#[test]
fn no_template_makes_a_name_with_a_reserved_prefix_of_ones_own() {
    let arn = format!("acs:ram::{A}:role/dev");
    let find = |username: &str, group: &str, session_name: &str| {
        let rule_arn = RuleArn::parse_exact(&arn).unwrap();
        let rule = Rule::new(Source::new("CRD", "x"), rule_arn, username, &[group], None).unwrap();
        let index = Index::build([Layer::Ready(vec![rule.into()])]).reserving(["team:".to_owned()]);
        let who = session(A, "dev", session_name);
        let Found::Match(found) = index.lookup(&who) else { panic!("no match") };
        found.user().map(|user| user.username)
    };
    for (username, group, session_name, is_refused) in [
        ("team:{{SessionName}}", "team:ops", "x", false),
        ("{{SessionName}}", "{{SessionName}}", "team", false),
        ("{{SessionName}}:x", "g", "teams", false),
        ("{{SessionName}}:x", "g", "team", true),
        ("u", "{{SessionName}}:x", "team", true),
        ("te{{SessionNameRaw}}m:x", "g", "a", true),
        ("{{SessionName}}:x", "g", "system", true),
        ("u", "{{SessionName}}:x", "system", true),
    ] {
        let made = find(username, group, session_name);
        assert_eq!(
            matches!(made, Err(NameError::Reserved { .. })),
            is_refused,
            "{username} {group} {session_name}"
        );
    }
}

/// Somebody who is made again under an old name has another id.
#[test]
fn a_pinned_mapping_lets_in_the_pinned_one_only() {
    let check = |arn: &str, pin: Option<&str>, recorded: Option<&str>, who: &identity::Principal| {
        let arn = RuleArn::parse_with_patterns(&format!("acs:ram::{A}:{arn}"), AnyAccount::Refuse).unwrap();
        let rule = Rule::new::<&str>(Source::new("CRD", "x"), arn, "u", &[], None).unwrap();
        let rule = rule.with_principal_id(pin).with_recorded_id(recorded);
        let index = Index::build([Layer::Ready(vec![rule.into()])]);
        let Found::Match(found) = index.lookup(who) else { panic!("no match") };
        found.identity_check()
    };
    let (alice, dev) = (user(A, "alice"), session(A, "dev", "s"));
    let pinned = |expected: &str| IdentityCheck::PinMismatch { expected: expected.into() };
    let changed = |expected: &str| IdentityCheck::Changed { expected: expected.into() };
    let (user_id, role_id) = ("222222222222222222", "333333333333333333");
    for (arn, who, id) in
        [("user/alice", &alice, user_id), ("role/dev", &dev, role_id), ("assumed-role/dev/s", &dev, role_id)]
    {
        assert_eq!(check(arn, None, None, who), IdentityCheck::First);
        assert_eq!(check(arn, None, Some(id), who), IdentityCheck::Same);
        assert_eq!(check(arn, None, Some("9"), who), changed("9"));
        assert_eq!(check(arn, Some(id), Some(id), who), IdentityCheck::Same);
        // The pin was changed on purpose, and what was recorded is old.
        assert_eq!(check(arn, Some(id), Some("9"), who), IdentityCheck::First);
        for pin in ["9", "", &id[1..], &format!("{id}:s")] {
            assert_eq!(check(arn, Some(pin), Some(id), who), pinned(pin));
        }
    }
    assert_eq!(check("role/d*", None, Some("9"), &dev), IdentityCheck::NotApplicable);
    assert_eq!(check("role/d*", Some(role_id), None, &dev), IdentityCheck::NotApplicable);
    assert_eq!(check("role/d*", Some("9"), None, &dev), pinned("9"));
}

/// The name of whom a whole account's mapping lets in is his ARN, which the mapping does not write out.
#[test]
fn a_whole_account_makes_no_name_with_a_reserved_prefix_either() {
    let index = index([vec![account("whole", A)]]);
    let alice = user(A, "alice");
    let Found::Match(found) = index.lookup(&alice) else { panic!("not matched") };
    assert_eq!(found.user().unwrap().username, alice.canonical_arn());
    let index = index.reserving(["acs:".to_owned()]);
    let Found::Match(found) = index.lookup(&alice) else { panic!("not matched") };
    assert!(matches!(found.user(), Err(NameError::Reserved { .. })), "{:?}", found.user());
}
