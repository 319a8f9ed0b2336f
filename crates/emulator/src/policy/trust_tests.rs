#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use jiff::Timestamp;

use super::*;
use crate::config::Config;
use crate::oidc::ProviderArn;
use crate::principal::{Identity, RoleSession, UserIdentity};

const ACCOUNT: &str = "1234567890123456";
const OTHER: &str = "6543210987654321";

/// The policy of a role, given as YAML in flow style.
fn policy(document: &str) -> Result<TrustPolicy, String> {
    let text = format!(
        "accounts:\n  - id: \"{ACCOUNT}\"\n    roles:\n      - name: dev\n        id: \"3\"\n        trustPolicy: {document}\n"
    );
    let config = Config::from_yaml(&text, "test.yaml").map_err(|error| error.to_string())?;
    Ok(config.accounts[0].roles[0].trust_policy.clone())
}

fn statements(statements: &str) -> TrustPolicy {
    policy(&format!("{{Version: \"1\", Statement: [{statements}]}}")).unwrap()
}

fn allow(principal: &str) -> String {
    format!("{{Effect: Allow, Action: sts:AssumeRole, Principal: {principal}}}")
}

fn deny(principal: &str) -> String {
    allow(principal).replace("Allow", "Deny")
}

fn user(account: &str, name: &str) -> Identity {
    Identity::User(UserIdentity {
        account_id: account.to_owned(),
        name: name.to_owned(),
        user_id: "2".to_owned(),
    })
}

fn session(account: &str, role: &str) -> Identity {
    Identity::AssumedRole(RoleSession {
        account_id: account.to_owned(),
        role: role.to_owned(),
        role_id: "3".to_owned(),
        session: "s".to_owned(),
        policy: None,
    })
}

fn origin() -> Origin {
    Origin { now: Timestamp::UNIX_EPOCH, source_ip: None }
}

/// What a policy answers, without what made it.
#[derive(Debug, PartialEq)]
enum Answer {
    Allowed,
    ExplicitDeny,
    ImplicitDeny,
}

fn answer(decision: Decision) -> Answer {
    match decision {
        Decision::Allowed(_) => Answer::Allowed,
        Decision::ExplicitDeny(_) => Answer::ExplicitDeny,
        Decision::ImplicitDeny => Answer::ImplicitDeny,
    }
}

fn decide(policy: &TrustPolicy, caller: &Identity) -> Answer {
    let request = AssumeRoleRequest { caller: Caller::Ram(caller), external_id: None, origin: origin() };
    answer(policy.decide(&request))
}

#[test]
fn root_stands_for_every_user_and_role_of_its_account() {
    let policy = statements(&allow("{RAM: [\"acs:ram::1234567890123456:root\"]}"));
    for caller in [user(ACCOUNT, "alice"), session(ACCOUNT, "dev")] {
        assert_eq!(decide(&policy, &caller), Answer::Allowed);
    }
    for caller in [user(OTHER, "alice"), session(OTHER, "dev")] {
        assert_eq!(decide(&policy, &caller), Answer::ImplicitDeny);
    }
}

#[test]
fn a_user_or_role_arn_names_that_one_alone_in_any_case() {
    let policy = statements(&allow(
        "{RAM: [acs:ram::1234567890123456:user/Alice, ACS:RAM::1234567890123456:ROLE/ops]}",
    ));
    for (caller, expected) in [
        (user(ACCOUNT, "alice"), Answer::Allowed),
        (session(ACCOUNT, "Ops"), Answer::Allowed),
        (user(ACCOUNT, "bob"), Answer::ImplicitDeny),
        (user(ACCOUNT, "ops"), Answer::ImplicitDeny),
        (session(ACCOUNT, "alice"), Answer::ImplicitDeny),
        (user(OTHER, "alice"), Answer::ImplicitDeny),
    ] {
        assert_eq!(decide(&policy, &caller), expected, "{caller:?}");
    }
}

#[test]
fn deny_wins_wherever_it_stands() {
    let root = "{RAM: acs:ram::1234567890123456:root}";
    let alice = "{RAM: acs:ram::1234567890123456:user/alice}";
    for text in [format!("{}, {}", allow(root), deny(alice)), format!("{}, {}", deny(alice), allow(root))] {
        let policy = statements(&text);
        assert_eq!(decide(&policy, &user(ACCOUNT, "alice")), Answer::ExplicitDeny);
        assert_eq!(decide(&policy, &user(ACCOUNT, "bob")), Answer::Allowed);
    }
}

#[test]
fn services_and_identity_providers_never_fit_a_caller_of_assume_role() {
    let policy = statements(&format!(
        "{}, {}",
        allow("{Service: ecs.aliyuncs.com}"),
        allow("{Federated: [\"acs:ram::1234567890123456:oidc-provider/x\"]}")
    ));
    assert_eq!(decide(&policy, &user(ACCOUNT, "alice")), Answer::ImplicitDeny);
}

#[test]
fn conditions_on_the_external_id_are_kept() {
    let with = |condition: &str| {
        statements(&format!(
            "{{Effect: Allow, Action: [sts:*], Principal: {{RAM: acs:ram::1234567890123456:root}}, Condition: {condition}}}"
        ))
    };
    let alice = user(ACCOUNT, "alice");
    let ask = |policy: &TrustPolicy, external_id| {
        let request = AssumeRoleRequest { caller: Caller::Ram(&alice), external_id, origin: origin() };
        policy.decide(&request).is_allowed()
    };
    let equals = with("{StringEquals: {sts:ExternalId: [one, two]}}");
    assert!(ask(&equals, Some("one")) && ask(&equals, Some("two")));
    assert!(!ask(&equals, Some("One")) && !ask(&equals, Some("three")) && !ask(&equals, None));
    let like = with("{StringLike: {sts:ExternalId: \"team-*-?\"}}");
    assert!(ask(&like, Some("team-a-1")) && ask(&like, Some("team--1")));
    assert!(!ask(&like, Some("team-a-12")) && !ask(&like, Some("xteam-a-1")) && !ask(&like, None));
    let both = with("{StringLike: {sts:ExternalId: \"a*\"}, StringEquals: {sts:ExternalId: ab}}");
    assert!(ask(&both, Some("ab")) && !ask(&both, Some("ac")));
}

#[test]
fn one_statement_need_not_be_in_a_list() {
    let text = format!("{{Version: \"1\", Statement: {}}}", allow("{RAM: acs:ram::1234567890123456:root}"));
    assert_eq!(decide(&policy(&text).unwrap(), &user(ACCOUNT, "a")), Answer::Allowed);
}

#[test]
fn a_policy_that_cannot_be_decided_is_refused() {
    let root = "Principal: {RAM: acs:ram::1234567890123456:root}";
    for (document, words) in [
        ("{Version: \"2\", Statement: []}".to_owned(), "only \"1\""),
        ("{Version: 1, Statement: []}".to_owned(), "quotes"),
        ("{Statement: []}".to_owned(), "Version"),
        ("{Version: \"1\", Statement: []}".to_owned(), "no statement"),
        ("{Version: \"1\", Statement: [], Id: x}".to_owned(), "Id"),
        (format!("{{Version: \"1\", Statement: {{Effect: allow, Action: \"*\", {root}}}}}"), "Effect"),
        (
            format!("{{Version: \"1\", Statement: {{Effect: Allow, Action: ecs:*, {root}}}}}"),
            "ecs:*",
        ),
        (format!("{{Version: \"1\", Statement: {{Effect: Allow, Action: [], {root}}}}}"), "no Action"),
        (format!("{{Version: \"1\", Statement: {{Effect: Allow, NotAction: x, {root}}}}}"), "NotAction"),
        (format!("{{Version: \"1\", Statement: {{Effect: Allow, {root}}}}}"), "Action"),
        (
            format!("{{Version: \"1\", Statement: {{Effect: Allow, Action: \"*\", Resource: \"*\", {root}}}}}"),
            "no Resource",
        ),
        ("{Version: \"1\", Statement: {Effect: Allow, Action: \"*\"}}".to_owned(), "Principal"),
        (
            "{Version: \"1\", Statement: {Effect: Allow, Action: \"*\", Principal: {}}}".to_owned(),
            "no principal",
        ),
        (
            "{Version: \"1\", Statement: {Effect: Allow, Action: \"*\", Principal: {RAM: \"*\"}}}".to_owned(),
            "principal \"*\"",
        ),
        (
            "{Version: \"1\", Statement: {Effect: Allow, Action: \"*\", Principal: {RAM: acs:ram::12:root}}}"
                .to_owned(),
            "acs:ram::12:root",
        ),
        (
            format!(
                "{{Version: \"1\", Statement: {{Effect: Deny, Action: \"*\", {root}, Condition: {{IpAddress: {{acs:SourceIp: x}}}}}}}}"
            ),
            "IpAddress",
        ),
        (
            format!(
                "{{Version: \"1\", Statement: {{Effect: Deny, Action: \"*\", {root}, Condition: {{StringEquals: {{acs:UserAgent: x}}}}}}}}"
            ),
            "acs:UserAgent",
        ),
        (
            "{Version: \"1\", Statement: {Effect: Allow, Action: \"*\", Principal: {Federated: acs:ram::1234567890123456:oidc-provider/x}, Condition: {StringDiffers: {oidc:sub: x}}}}"
                .to_owned(),
            "StringDiffers",
        ),
        (
            "{Version: \"1\", Statement: {Effect: Allow, Action: \"*\", Principal: {Federated: acs:ram::1234567890123456:oidc-provide/x}}}"
                .to_owned(),
            "oidc-provide/x",
        ),
    ] {
        let error = policy(&document).expect_err(&document);
        assert!(error.contains(words), "{document}\n{error}");
        assert!(error.starts_with("test.yaml, line 6:"), "{document}\n{error}");
    }
}

#[test]
fn a_policy_in_json_is_kept_as_it_was_sent_and_decides_as_one_in_yaml() {
    let text = "{\n\t\"Version\": \"1\",\r\n\t\"Statement\": [{\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\",\
                \"Principal\": {\"RAM\": [\"acs:ram::1234567890123456:user\\/alice\"]}}]}";
    let policy = TrustPolicy::from_json(text, "role \"x\"").unwrap();
    assert_eq!(policy.text(), text);
    assert_eq!(decide(&policy, &user(ACCOUNT, "alice")), Answer::Allowed);
    assert_eq!(decide(&policy, &user(ACCOUNT, "bob")), Answer::ImplicitDeny);
    // A policy of the configuration is shown in JSON, and means the same when it comes back.
    let shown = statements(&allow("{RAM: acs:ram::1234567890123456:user/bob}"));
    let again = TrustPolicy::from_json(shown.text(), "x").unwrap();
    assert_eq!(decide(&again, &user(ACCOUNT, "bob")), Answer::Allowed);
    assert_eq!(decide(&again, &user(ACCOUNT, "alice")), Answer::ImplicitDeny);
}

#[test]
fn a_policy_in_json_that_is_wrong_is_refused_in_one_line() {
    let with = |statement: &str| format!(r#"{{"Version": "1", "Statement": [{statement}]}}"#);
    let root = r#""Principal": {"RAM": "acs:ram::1234567890123456:root"}"#;
    for (text, words) in [
        (String::new(), "not JSON"),
        ("{".to_owned(), "not JSON"),
        ("Version: \"1\"".to_owned(), "not JSON"),
        ("[1]".to_owned(), "RAM's form"),
        (r#"{"Version": "1"}"#.to_owned(), "Statement"),
        (r#"{"Version": 1, "Statement": []}"#.to_owned(), "RAM's form"),
        (r#"{"Version": "2", "Statement": []}"#.to_owned(), "only \"1\""),
        // What a reader sees is what decides.
        (with(&format!(r#"{{"Effect": "Deny", "Effect": "Allow", "Action": "*", {root}}}"#)), "Effect"),
        (with(&format!(r#"{{"Effect": "Allow", "Action": "ecs:*", {root}}}"#)), "ecs:*"),
        (
            with(&format!(
                r#"{{"Effect": "Allow", "Action": "*", {root}, "Condition": {{"Bool": {{"a": "b"}}}}}}"#
            )),
            "\"a\"",
        ),
    ] {
        let error = TrustPolicy::from_json(&text, "role \"x\"").expect_err(&text);
        assert!(error.contains(words) && error.starts_with("role \"x\": "), "{text}\n{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

const PROVIDER: &str = "acs:ram::1234567890123456:oidc-provider/ack";

/// Whether a token for the service account `subject` may assume the role.
fn ask_with_token(policy: &TrustPolicy, provider: &str, subject: &str) -> Answer {
    let provider = ProviderArn::parse(provider).unwrap();
    let audiences = ["other".to_owned(), "sts.aliyuncs.com".to_owned()];
    let caller = OidcCaller {
        provider: &provider,
        issuer: "https://issuer.example/1",
        subject,
        audiences: &audiences,
    };
    answer(policy.decide(&AssumeRoleRequest {
        caller: Caller::Oidc(caller),
        external_id: None,
        origin: origin(),
    }))
}

fn federated(condition: &str) -> String {
    allow(&format!("{{Federated: [\"{PROVIDER}\"]}}, Condition: {condition}"))
}

#[test]
fn a_token_of_the_named_provider_fits_and_no_other() {
    let policy = statements(&allow(&format!("{{Federated: \"{PROVIDER}\"}}")));
    for (provider, expected) in [
        (PROVIDER, Answer::Allowed),
        ("ACS:RAM::1234567890123456:OIDC-Provider/ACK", Answer::Allowed),
        ("acs:ram::1234567890123456:oidc-provider/ack2", Answer::ImplicitDeny),
        ("acs:ram::6543210987654321:oidc-provider/ack", Answer::ImplicitDeny),
    ] {
        assert_eq!(ask_with_token(&policy, provider, "a"), expected, "{provider}");
    }
    assert_eq!(decide(&policy, &user(ACCOUNT, "alice")), Answer::ImplicitDeny);
    let root = statements(&allow("{RAM: acs:ram::1234567890123456:root}"));
    assert_eq!(ask_with_token(&root, PROVIDER, "a"), Answer::ImplicitDeny, "root is no provider");
}

#[test]
fn conditions_on_issuer_subject_and_audience_are_kept() {
    let app = "system:serviceaccount:default:app";
    for (condition, subject, fits) in [
        ("{StringEquals: {oidc:sub: system:serviceaccount:default:app}}", app, true),
        ("{StringEquals: {OIDC:Sub: [x, system:serviceaccount:default:app]}}", app, true),
        ("{StringEquals: {oidc:sub: system:serviceaccount:default:App}}", app, false),
        ("{StringEquals: {oidc:sub: \"system:serviceaccount:default:*\"}}", app, false),
        ("{StringLike: {oidc:sub: \"system:serviceaccount:default:*\"}}", app, true),
        ("{StringLike: {oidc:sub: \"system:serviceaccount:*:app\"}}", app, true),
        ("{StringLike: {oidc:sub: \"system:serviceaccount:prod:*\"}}", app, false),
        ("{StringEquals: {oidc:iss: \"https://issuer.example/1\"}}", app, true),
        ("{StringEquals: {oidc:iss: \"https://issuer.example/1/\"}}", app, false),
        ("{StringEquals: {oidc:aud: sts.aliyuncs.com}}", app, true),
        ("{StringEquals: {oidc:aud: sts.example}}", app, false),
        ("{StringEquals: {oidc:aud: sts.aliyuncs.com, oidc:iss: x}}", app, false),
        ("{StringEquals: {oidc:aud: sts.aliyuncs.com}, StringLike: {oidc:sub: x}}", app, false),
        ("{StringEquals: {oidc:sub: []}}", app, false),
        ("{StringEquals: {sts:ExternalId: app}}", "app", false),
    ] {
        let decision = ask_with_token(&statements(&federated(condition)), PROVIDER, subject);
        assert_eq!(decision == Answer::Allowed, fits, "{condition}");
    }
}

#[test]
fn deny_wins_over_allow_for_tokens_too() {
    let policy = statements(&format!(
        "{}, {}",
        allow(&format!("{{Federated: \"{PROVIDER}\"}}")),
        federated("{StringLike: {oidc:sub: \"*:kube-system:*\"}}").replace("Allow", "Deny"),
    ));
    let ask = |subject: &str| ask_with_token(&policy, PROVIDER, subject);
    assert_eq!(ask("system:serviceaccount:kube-system:x"), Answer::ExplicitDeny);
    assert_eq!(ask("system:serviceaccount:default:x"), Answer::Allowed);
}

#[test]
fn a_condition_on_a_token_never_holds_for_whoever_has_none() {
    let text = format!(
        "{{Effect: Allow, Action: \"*\", Principal: {{RAM: acs:ram::1234567890123456:root, Federated: \"{PROVIDER}\"}}, Condition: {{StringLike: {{oidc:sub: \"*\"}}}}}}"
    );
    let policy = statements(&text);
    assert_eq!(decide(&policy, &user(ACCOUNT, "alice")), Answer::ImplicitDeny);
    assert_eq!(ask_with_token(&policy, PROVIDER, "x"), Answer::Allowed);
}

#[test]
fn what_fits_nobody_need_not_be_decided() {
    for principal in
        ["{Service: ecs.aliyuncs.com}", "{Federated: \"acs:ram::1234567890123456:saml-provider/x\"}"]
    {
        let text = allow(&format!("{principal}, Condition: {{StringEquals: {{saml:recipient: x}}}}"));
        let policy = statements(&text);
        assert_eq!(decide(&policy, &user(ACCOUNT, "alice")), Answer::ImplicitDeny);
        assert_eq!(ask_with_token(&policy, PROVIDER, "x"), Answer::ImplicitDeny);
    }
}
