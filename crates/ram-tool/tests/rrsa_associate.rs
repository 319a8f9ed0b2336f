//! `rrsa associate-role` and `rrsa setup-addon`, as a script sees them. What a person at a terminal is asked is tested beside
//! the code.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]
#![cfg(unix)]

#[path = "../../emulator/tests/common/oidc.rs"]
mod oidc;
#[path = "support/rrsa.rs"]
mod rrsa;
mod support;

use emulator::Fault;
use rrsa::{CLUSTER, Cloud, ISSUER, PLAIN_CLUSTER, PROVIDER};
use serde_json::{Value, json};

const BOB: [(&str, &str); 2] =
    [("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIbob"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-bob")];

fn words<'a>(role: &'a str, namespace: &'a str, account: &'a str) -> Vec<&'a str> {
    vec!["associate-role", "-y", "-c", CLUSTER, "-r", role, "-n", namespace, "-s", account]
}

fn ours(namespace: &str, account: &str) -> Value {
    json!({
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {
            "oidc:aud": "sts.aliyuncs.com",
            "oidc:iss": ISSUER,
            "oidc:sub": format!("system:serviceaccount:{namespace}:{account}"),
        }},
        "Effect": "Allow",
        "Principal": {"Federated": [PROVIDER]},
    })
}

fn code(code: &str) -> Fault {
    Fault::Error { status: 400, code: code.to_owned(), message: "canary".to_owned() }
}

/// The line of the error that ended a run, without its time.
fn last_error(outcome: support::Outcome) -> String {
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    let line = outcome.stderr.lines().last().unwrap();
    let error = line.split_once(" ERROR ").unwrap_or_else(|| panic!("no error: {}", outcome.stderr)).1;
    assert_eq!(outcome.stderr.matches(" ERROR ").count(), 1, "{}", outcome.stderr);
    error.to_owned()
}

#[test]
fn a_service_account_gets_a_role_and_nobody_else_does_and_all_else_in_the_policy_stays() {
    let cloud = Cloud::start();
    let before = r#"{"Statement":[{"Effect":"Allow","Principal":{"RAM":["acs:ram::1234567890123456:root"]},"Action":["sts:AssumeRole"]}"#;
    let after = r#" ] , "Version" : "1"}"#;
    cloud.role("dev", &format!("{before}{after}"));
    let refused = cloud.assume("dev", &cloud.token("ns", "sa", &json!({}))).error();
    assert!(refused.contains("AuthenticationFail.NoPermission"), "{refused}");

    let outcome = cloud.run(&words("dev", "ns", "sa"));
    let shown = outcome.stderr.clone();
    assert_eq!(outcome.success(), "");
    assert_eq!(cloud.trust_policy("dev").unwrap(), format!("{before},{}{after}", ours("ns", "sa")));
    // What changes was shown, and nothing in it is coloured: nobody sees it.
    assert!(
        shown.contains("--- trust policy of role dev, now\n+++ trust policy of role dev, new\n@@ "),
        "{shown}"
    );
    assert!(shown.contains("\n+          \"oidc:sub\": \"system:serviceaccount:ns:sa\"\n"), "{shown}");
    let removed: Vec<&str> =
        shown.lines().filter(|line| line.starts_with('-') && !line.starts_with("---")).collect();
    assert_eq!(removed, Vec::<&str>::new());
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    assert!(
        shown.contains(
            "Associate RAM Role \"dev\" to service account \"sa\" (namespace: \"ns\") successfully"
        ),
        "{shown}"
    );
    assert!(
        shown.contains(
            "\n  kubectl annotate serviceaccount sa -n ns pod-identity.alibabacloud.com/role-name=dev"
        ),
        "{shown}"
    );

    assert!(
        cloud
            .assume("dev", &cloud.token("ns", "sa", &json!({})))
            .success()
            .starts_with("AccessKeyId:       STS.")
    );
    for (namespace, account, claims) in
        [("ns", "other", json!({})), ("other", "sa", json!({})), ("ns", "SA", json!({}))]
    {
        let error = cloud.assume("dev", &cloud.token(namespace, account, &claims)).error();
        assert!(error.contains("AuthenticationFail.NoPermission"), "{error}");
        assert!(
            error.contains(&format!("the subject \"system:serviceaccount:{namespace}:{account}\"")),
            "{error}"
        );
    }
}

#[test]
fn twice_is_once() {
    let cloud = Cloud::start();
    cloud.role("dev", &json!({"Version": "1", "Statement": [ours("a", "b")]}).to_string());
    let mut words = words("dev", "ns", "sa");
    words.extend([
        "--attach-system-policy",
        "AliyunCSReadOnlyAccess,AliyunOSSReadOnlyAccess",
        "--attach-custom-policy",
        "mine",
    ]);
    cloud.run(&words).success();
    let policy = cloud.trust_policy("dev").unwrap();
    let statements = serde_json::from_str::<Value>(&policy).unwrap();
    assert_eq!(statements["Statement"], json!([ours("a", "b"), ours("ns", "sa")]));
    let policies = ["Custom/mine", "System/AliyunCSReadOnlyAccess", "System/AliyunOSSReadOnlyAccess"];
    let attached = || {
        let mut attached = cloud.policies("dev");
        attached.sort();
        attached
    };
    assert_eq!(attached(), policies);
    let outcome = cloud.run(&words);
    assert!(
        outcome
            .stderr
            .contains("lets service account \"sa\" (namespace: \"ns\") have it already (statement 2)"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("has the Custom policy mine already"), "{}", outcome.stderr);
    assert_eq!(outcome.success(), "");
    assert_eq!((cloud.trust_policy("dev").unwrap(), cloud.calls("UpdateRole")), (policy, 1));
    assert_eq!(attached(), policies);
}

#[test]
fn a_role_is_made_only_where_it_is_asked_for() {
    let cloud = Cloud::start();
    let mut words = words("new-role", "ns", "sa");
    let error = last_error(cloud.run(&words));
    assert!(
        error.contains("there is no role new-role") && error.contains("--create-role-if-not-exist"),
        "{error}"
    );
    assert_eq!(cloud.changes(), Vec::<String>::new());

    words.extend(["--create-role-if-not-exist", "--attach-system-policy", "AliyunCSReadOnlyAccess"]);
    let outcome = cloud.run(&[&words[..], &["--dry-run"]].concat());
    assert!(outcome.stderr.contains("dry run: role new-role would be created"), "{}", outcome.stderr);
    outcome.success();
    assert_eq!(cloud.changes(), Vec::<String>::new());
    let outcome = cloud.run(&words);
    assert!(outcome.stderr.contains("\n+      \"Action\": \"sts:AssumeRole\",\n"), "{}", outcome.stderr);
    outcome.success();
    let policy: Value = serde_json::from_str(&cloud.trust_policy("new-role").unwrap()).unwrap();
    assert_eq!(policy, json!({"Version": "1", "Statement": [ours("ns", "sa")]}));
    assert_eq!(cloud.policies("new-role"), ["System/AliyunCSReadOnlyAccess"]);
    cloud.assume("new-role", &cloud.token("ns", "sa", &json!({}))).success();
    cloud.run(&words).success();
    assert_eq!(cloud.changes(), ["CreateRole", "AttachPolicyToRole", "AttachPolicyToRole"]);
}

#[test]
fn wildcards_let_in_those_whom_they_say() {
    let cloud = Cloud::start();
    for (role, namespace, account, lets_in) in [
        ("any-in-ns", "ns", "*", [true, true, false, false]),
        ("sa-anywhere", "*", "sa", [true, false, true, false]),
        ("anybody", "*", "*", [true; 4]),
    ] {
        let mut words = words(role, namespace, account);
        words.push("--create-role-if-not-exist");
        let outcome = cloud.run(&words);
        assert!(
            outcome.stderr.contains("gets the role") && outcome.stderr.contains(" EVERY "),
            "{}",
            outcome.stderr
        );
        outcome.success();
        let subjects = [("ns", "sa"), ("ns", "other"), ("n2", "sa"), ("n2", "other")];
        for ((namespace, account), expected) in subjects.into_iter().zip(lets_in) {
            let outcome = cloud.assume(role, &cloud.token(namespace, account, &json!({})));
            assert_eq!(outcome.code == Some(0), expected, "{role} {namespace}/{account}: {}", outcome.stderr);
        }
        // The issuer and the audience are no patterns.
        let foreign = cloud.token("ns", "sa", &json!({"iss": format!("{ISSUER}/")}));
        assert!(cloud.assume(role, &foreign).error().contains("IssuerNotMatch"));
    }
}

#[test]
fn a_policy_that_is_not_there_is_found_out_before_anything_is_done() {
    let cloud = Cloud::start();
    for (flag, name) in [
        ("--attach-system-policy", "AliyunNothing"),
        ("--attach-custom-policy", "other"),
        // The wrong kind.
        ("--attach-system-policy", "mine"),
        ("--attach-custom-policy", "AliyunCSReadOnlyAccess"),
    ] {
        let mut words = words("new-role", "ns", "sa");
        words.extend([
            "--create-role-if-not-exist",
            "--attach-system-policy",
            "AliyunCSReadOnlyAccess",
            flag,
            name,
        ]);
        let error = last_error(cloud.run(&words));
        assert!(
            error.contains(&format!("policy {name}")) && error.contains("nothing was changed"),
            "{error}"
        );
    }
    assert_eq!(cloud.changes(), Vec::<String>::new());
}

#[test]
fn what_fails_half_way_is_said_and_the_same_command_finishes_it() {
    let cloud = Cloud::start();
    let mut words = words("new-role", "ns", "sa");
    words.extend(["--create-role-if-not-exist", "--attach-system-policy", "AliyunCSReadOnlyAccess"]);
    cloud.emulator.fail("AttachPolicyToRole", code("LimitExceeded.Role.Policy").times(1));
    let error = last_error(cloud.run(&words));
    for said in [
        "role new-role lets service account \"sa\" (namespace: \"ns\") have it, but could not attach",
        "LimitExceeded.Role.Policy",
        "run the same command again",
    ] {
        assert!(error.contains(said), "{error}");
    }
    cloud.run(&words).success();
    assert_eq!((cloud.calls("CreateRole"), cloud.calls("UpdateRole")), (1, 0));
    assert_eq!(cloud.policies("new-role"), ["System/AliyunCSReadOnlyAccess"]);
}

#[test]
fn a_change_that_may_have_been_made_is_said_to_be_one() {
    let cloud = Cloud::start();
    let trust = json!({"Version": "1", "Statement": [ours("a", "b")]}).to_string();
    cloud.role("dev", &trust);
    cloud.emulator.fail("UpdateRole", Fault::BreakConnection.times(1));
    let outcome = cloud.run(&words("dev", "ns", "sa"));
    assert_eq!(cloud.calls("UpdateRole"), 1, "a change is sent once");
    let error = last_error(outcome);
    assert!(error.contains("may have been done nevertheless"), "{error}");
    for (refusal, said) in [
        (code("MalformedPolicyDocument"), "it stays as it was"),
        (code("InvalidParameter.NewAssumeRolePolicyDocument.Length"), "longer than RAM takes"),
    ] {
        cloud.emulator.fail("UpdateRole", refusal.times(1));
        let error = last_error(cloud.run(&words("dev", "ns", "sa")));
        assert!(
            error.contains(said) && error.contains("could not change the trust policy of role dev"),
            "{error}"
        );
    }
    assert_eq!(cloud.trust_policy("dev").unwrap(), trust);
    cloud.run(&words("dev", "ns", "sa")).success();
}

#[test]
fn a_deny_stays_and_is_told_and_so_is_what_cannot_be_known() {
    let cloud = Cloud::start();
    let deny = json!({"Effect": "Deny", "Action": "sts:*", "Principal": {"Federated": [PROVIDER]},
        "Condition": {"StringLike": {"oidc:sub": "system:serviceaccount:ns:*"}}});
    cloud.role("dev", &json!({"Version": "1", "Statement": deny}).to_string());
    for _ in 0..2 {
        let outcome = cloud.run(&words("dev", "ns", "sa"));
        assert!(
            outcome
                .stderr
                .contains("WARN statement 1 of the trust policy of role dev denies service account"),
            "{}",
            outcome.stderr
        );
        outcome.success();
    }
    let policy: Value = serde_json::from_str(&cloud.trust_policy("dev").unwrap()).unwrap();
    assert_eq!(policy["Statement"], json!([deny, ours("ns", "sa")]));
    assert!(cloud.assume("dev", &cloud.token("ns", "sa", &json!({}))).error().contains("NoPermission"));
    // It is not about others.
    let outcome = cloud.run(&words("dev", "other", "sa"));
    assert!(!outcome.stderr.contains("WARN"), "{}", outcome.stderr);
    cloud.assume("dev", &cloud.token("other", "sa", &json!({}))).success();

    // A Deny may begin at a time.
    let late = json!({"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": {"Federated": [PROVIDER]},
        "Condition": {"DateGreaterThan": {"acs:CurrentTime": "2020-01-01T00:00:00Z"}}});
    cloud.role("late", &json!({"Version": "1", "Statement": [late]}).to_string());
    let outcome = cloud.run(&words("late", "ns", "sa"));
    assert!(
        outcome.stderr.contains("WARN statement 1 of the trust policy of role late denies"),
        "{}",
        outcome.stderr
    );
    outcome.success();

    let perhaps = json!({"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": {"Federated": [PROVIDER]},
        "Condition": {"IpAddress": {"acs:SourceIp": "203.0.113.0/24"}}});
    cloud.role("ops", &json!({"Version": "1", "Statement": [perhaps]}).to_string());
    let outcome = cloud.run(&words("ops", "ns", "sa"));
    assert!(
        outcome.stderr.contains("statement 1") && outcome.stderr.contains("acs:SourceIp"),
        "{}",
        outcome.stderr
    );
    outcome.success();
}

#[test]
fn a_trust_policy_longer_than_ram_takes_stays_as_it_is() {
    let cloud = Cloud::start();
    let many: Vec<Value> = (0..9).map(|n| ours("ns", &format!("sa-{n}"))).collect();
    let trust = json!({"Version": "1", "Statement": many}).to_string();
    cloud.role("dev", &trust);
    let mut error = String::new();
    for n in 0..20 {
        let outcome = cloud.run(&words("dev", "ns", &format!("more-{n}")));
        if outcome.code == Some(1) {
            error = last_error(outcome);
            break;
        }
    }
    assert!(error.contains("longer than RAM takes"), "{error}");
}

#[test]
fn nothing_is_changed_without_a_terminal_and_without_yes() {
    let cloud = Cloud::start();
    cloud.role("dev", &json!({"Version": "1", "Statement": [ours("a", "b")]}).to_string());
    let words: Vec<&str> = words("dev", "ns", "sa").into_iter().filter(|word| *word != "-y").collect();
    let error = last_error(cloud.run(&words));
    assert!(error.contains("there is no terminal to ask at, and nothing was changed"), "{error}");
    assert!(cloud.emulator.requests().is_empty());
    // A rehearsal asks nothing, and says who gets the role all the same.
    let wide = ["associate-role", "-c", CLUSTER, "-r", "dev", "-n", "*", "-s", "*", "--dry-run"];
    let outcome = cloud.run(&wide);
    assert!(outcome.stderr.contains("WARN EVERY service account of the cluster"), "{}", outcome.stderr);
    outcome.success();
    let outcome = cloud.run(&[&words[..], &["--dry-run", "--attach-custom-policy", "mine"]].concat());
    assert!(
        outcome.stderr.contains("\n+          \"oidc:sub\": \"system:serviceaccount:ns:sa\"\n"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("dry run: Custom policy mine would be attached"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("successfully"), "{}", outcome.stderr);
    outcome.success();
    assert_eq!(cloud.changes(), Vec::<String>::new());
}

#[test]
fn a_cluster_without_rrsa_or_of_nobody_and_a_caller_without_rights_change_nothing() {
    let cloud = Cloud::start();
    cloud.role("dev", &json!({"Version": "1", "Statement": [ours("a", "b")]}).to_string());
    for (cluster, said) in [(PLAIN_CLUSTER, "RRSA is not enabled"), ("cnone", "ErrorClusterNotFound")] {
        let mut words = words("dev", "ns", "sa");
        words[3] = cluster;
        let error = last_error(cloud.run(&words));
        assert!(error.contains(said), "{error}");
        // Who forgot the flag is told.
        assert_eq!(
            error.contains(
                "cnone is not ACK's: rrsa enable, disable, status and associate-role take --self-managed"
            ),
            cluster == "cnone",
            "{error}"
        );
    }
    let mut words = words("dev", "ns", "sa");
    let error = last_error(cloud.run_with(&words, &BOB, ""));
    assert!(error.contains("do not allow ram:UpdateRole") && error.contains("it stays as it was"), "{error}");
    // Who may not look at policies may attach them all the same.
    words = vec!["associate-role", "-y", "-c", CLUSTER, "-r", "dev", "-n", "a", "-s", "b"];
    words.extend(["--attach-custom-policy", "mine"]);
    let outcome = cloud.run_with(&words, &BOB, "");
    assert!(outcome.stderr.contains("is not known beforehand"), "{}", outcome.stderr);
    outcome.success();
    assert_eq!(cloud.policies("dev"), ["Custom/mine"]);
    assert_eq!(cloud.calls("UpdateRole"), 1, "the refused one");
}

#[test]
fn a_trust_policy_that_cannot_be_read_is_left_alone() {
    let cloud = Cloud::start();
    for (role, document, said) in [
        ("twice", r#"{"Version":"1","Statement":[],"Statement":[]}"#, "stands twice"),
        ("none", r#"{"Version":"1"}"#, "has no Statement"),
        ("text", r#"{"Version":"1","Statement":"x"}"#, "has a Statement that is neither"),
        ("words", "not JSON", "is no JSON"),
        ("empty", "", "is no JSON"),
    ] {
        let answer = json!({"RequestId": "A", "Role": {
            "RoleId": "333333333333333333", "RoleName": role, "Arn": format!("acs:ram::{}:role/{role}", rrsa::ACCOUNT),
            "AssumeRolePolicyDocument": document,
        }});
        let garbage = Fault::Garbage {
            content_type: "application/json".to_owned(),
            body: answer.to_string().into_bytes(),
        };
        cloud.emulator.fail("GetRole", garbage.times(1));
        let error = last_error(cloud.run(&words(role, "ns", "sa")));
        assert!(
            error.contains(said) && error.contains(&format!("the trust policy of role {role} ")),
            "{error}"
        );
        assert!(error.contains("was left alone"), "{error}");
    }
    assert_eq!(cloud.changes(), Vec::<String>::new());
}

#[test]
fn a_role_of_another_account_than_its_provider_is_told() {
    let cloud = Cloud::start();
    let answer = |account: &str| {
        let arn = format!("acs:ram::{account}:role/dev");
        let trust = json!({"Version": "1", "Statement": [ours("a", "b")]}).to_string();
        let answer = json!({"RequestId": "A", "Role": {"RoleId": "333333333333333333", "RoleName": "dev", "Arn": arn,
            "AssumeRolePolicyDocument": trust}});
        let body = answer.to_string().into_bytes();
        Fault::Garbage { content_type: "application/json".to_owned(), body }.times(1)
    };
    for (account, told) in [(rrsa::ACCOUNT, false), ("9999999999999999", true)] {
        cloud.emulator.fail("GetRole", answer(account));
        let outcome = cloud.run(&[&words("dev", "ns", "sa")[..], &["--dry-run"]].concat());
        assert_eq!(outcome.stderr.contains("are of different accounts"), told, "{}", outcome.stderr);
        outcome.success();
    }
}

#[test]
fn a_cluster_that_is_not_acks_has_its_provider_in_ims() {
    let cloud = Cloud::start();
    let words = |cluster| {
        let mut words = words("new-role", "ns", "sa");
        words[3] = cluster;
        words.extend(["--self-managed", "--create-role-if-not-exist"]);
        words
    };
    let error = last_error(cloud.run(&words("other")));
    assert!(error.contains("ack-rrsa-other"), "{error}");
    cloud.run(&words("mine")).success();
    let policy: Value = serde_json::from_str(&cloud.trust_policy("new-role").unwrap()).unwrap();
    let statement = &policy["Statement"][0];
    assert_eq!(statement["Condition"]["StringEquals"]["oidc:iss"], "https://issuer.example/mine");
    let provider = "acs:ram::1234567890123456:oidc-provider/ack-rrsa-mine";
    assert_eq!(statement["Principal"]["Federated"], json!([provider]));
    // Container Service knows no such cluster.
    assert_eq!(cloud.calls("DescribeClusterDetail"), 0);
    let token = cloud.token("ns", "sa", &json!({"iss": "https://issuer.example/mine"}));
    let role = "acs:ram::1234567890123456:role/new-role";
    cloud.run_with(&["assume-role", "-r", role, "-p", provider, "-t", "-"], &[], &token).success();
}

#[test]
fn an_add_on_gets_its_role_and_its_policy_once() {
    let cloud = Cloud::start();
    for (addon, namespace, account, actions) in [
        ("kritis-validation-hook", "kube-system", "kritis", ("cr%3A", "cr%3AListMetadataOccurrences", 2)),
        (
            "ack-erdma-controller",
            "ack-erdma-controller",
            "ack-erdma-controller",
            ("ecs%3A", "ecs%3AModifyNetworkInterfaceAttribute", 6),
        ),
    ] {
        cloud.emulator.clear_requests();
        let words = ["setup-addon", "-y", "-c", CLUSTER, "-a", addon];
        let outcome = cloud.run(&words);
        assert_eq!(outcome.success(), "");
        let role = format!("{addon}-{CLUSTER}");
        let policy: Value = serde_json::from_str(&cloud.trust_policy(&role).unwrap()).unwrap();
        assert_eq!(policy["Statement"], json!([ours(namespace, account)]));
        assert_eq!(cloud.policies(&role), [format!("Custom/ack-addon-policy-{addon}")]);
        let requests = cloud.emulator.requests();
        let made = requests.iter().find(|request| request.action == "CreatePolicy").unwrap();
        let (service, action, count) = actions;
        assert!(made.raw.target.contains(action), "{}", made.raw.target);
        assert_eq!(made.raw.target.matches(service).count(), count, "{}", made.raw.target);
        cloud.run(&words).success();
        assert_eq!(cloud.changes(), ["CreatePolicy", "CreateRole", "AttachPolicyToRole"]);
        cloud.assume(&role, &cloud.token(namespace, account, &json!({}))).success();
    }
}

#[test]
fn an_add_ons_policy_that_says_something_else_stays_and_is_told() {
    let cloud = Cloud::start();
    let words = ["setup-addon", "-y", "-c", CLUSTER, "-a", "kritis-validation-hook"];
    let other = json!({"RequestId": "A",
        "Policy": {"PolicyName": "ack-addon-policy-kritis-validation-hook", "PolicyType": "Custom", "DefaultVersion": "v1"},
        "DefaultPolicyVersion": {"VersionId": "v1", "PolicyDocument": rrsa::policy(&["*"]).to_string()},
    });
    let garbage =
        Fault::Garbage { content_type: "application/json".to_owned(), body: other.to_string().into_bytes() };
    cloud.emulator.fail("GetPolicy", garbage.times(1));
    let outcome = cloud.run(&words);
    assert!(
        outcome.stderr.contains("says something else than add-on kritis-validation-hook needs"),
        "{}",
        outcome.stderr
    );
    // There is none in truth, so that it cannot be attached; what was done before is said.
    let error = last_error(outcome);
    assert!(
        error.contains("EntityNotExist.Policy") && error.contains("lets service account \"kritis\""),
        "{error}"
    );
    assert_eq!(cloud.changes(), ["CreateRole", "AttachPolicyToRole"]);
    cloud.run(&words).success();
    assert_eq!(cloud.calls("CreateRole"), 1);
}

#[test]
fn an_unknown_add_on_is_an_error_before_any_call() {
    let cloud = Cloud::start();
    let error = last_error(cloud.run(&["setup-addon", "-y", "-c", CLUSTER, "-a", "nginx"]));
    assert!(error.contains("ack-erdma-controller or kritis-validation-hook"), "{error}");
    let error = last_error(cloud.run(&["setup-addon", "-y", "-c", CLUSTER]));
    assert!(error.contains("--addon-name (-a)"), "{error}");
    assert!(cloud.emulator.requests().is_empty());
    let error =
        last_error(cloud.run(&["setup-addon", "-y", "-c", PLAIN_CLUSTER, "-a", "kritis-validation-hook"]));
    assert!(error.contains("RRSA is not enabled"), "{error}");
    assert_eq!(cloud.changes(), Vec::<String>::new());
}
