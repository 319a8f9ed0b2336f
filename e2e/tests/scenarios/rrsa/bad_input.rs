//! What `ack-ram-tool rrsa` is told wrong, or may not do: a clear error, nothing half done, and the same command again
//! finishes the job.

use std::time::Duration;

use e2e::cloud::{ACCOUNT, CLUSTER, OIDC_AUDIENCE, OIDC_PROVIDER};
use e2e::control_plane::ISSUER;
use e2e::process::Output;
use e2e::site::Site;
use emulator::OidcProvider;
use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::stand::{
    Holder, Operator, Provider, Role, SPACE, User, role_arn, service_accounts, statement, subject, token,
    trust_policy,
};
use super::*;

/// The one error line of a command that failed, and printed nothing.
fn error(output: &Output) -> &str {
    assert_eq!((output.status, output.stdout.as_str()), (1, ""), "{output:?}");
    let errors: Vec<&str> = output.stderr.lines().filter(|line| line.contains(" ERROR ")).collect();
    let [error] = errors[..] else { panic!("one error line, and not: {output:?}") };
    error
}

/// The text of a role's trust policy, as RAM keeps it.
fn trust(rig: &Rig, role: &str) -> Result<String, Failed> {
    let answer = rig.console()?.ram("GetRole", &[("RoleName", role)])?;
    let text = answer["Role"]["AssumeRolePolicyDocument"].as_str().map(str::to_owned);
    Ok(text.ok_or("the role has no trust policy")?)
}

fn associate<'a>(cluster: &'a str, role: &'a str) -> Vec<&'a str> {
    vec!["rrsa", "associate-role", "-c", cluster, "-r", role, "-n", SPACE, "-s", "app"]
}

pub(super) fn a_cluster_that_is_not_there_is_named_and_nothing_is_changed(rig: &Rig) -> Outcome {
    let operator = Operator::new(rig)?;
    let policy = trust_policy("ack-rrsa-other", ISSUER, &subject("other"));
    let _role = Role::create(rig, "rrsa-bad-cluster", &policy)?;
    let before = trust(rig, "rrsa-bad-cluster")?;
    let wrong = "c00000000000000000000000000000000";
    for command in [
        vec!["rrsa", "status", "-c", wrong],
        vec!["rrsa", "enable", "-c", wrong],
        vec!["rrsa", "disable", "-c", wrong],
        vec!["rrsa", "install-helper-addon", "-c", wrong],
        associate(wrong, "rrsa-bad-cluster"),
        [associate(wrong, "rrsa-bad-new"), vec!["--create-role-if-not-exist"]].concat(),
    ] {
        let output = operator.tool(&command)?;
        let line = error(&output);
        assert!(line.contains("ErrorClusterNotFound"), "{command:?}: {line}");
    }
    assert_eq!(trust(rig, "rrsa-bad-cluster")?, before);
    assert!(trust(rig, "rrsa-bad-new").is_err());
    // One that is there, and has RRSA off: nothing is changed either, and the line says what to do first.
    let _off = rig.rrsa_off()?;
    let output = operator.tool(&associate(CLUSTER, "rrsa-bad-cluster"))?;
    assert!(error(&output).contains("rrsa enable"), "{output:?}");
    assert_eq!(trust(rig, "rrsa-bad-cluster")?, before);
    Ok(())
}

pub(super) fn what_a_trust_policy_says_for_others_stays_to_the_letter(rig: &Rig) -> Outcome {
    let _accounts = service_accounts(rig, &["app", "other"])?;
    let _off = rig.rrsa_off()?;
    let operator = Operator::new(rig)?;
    operator.tool(&["rrsa", "enable", "-c", CLUSTER])?.success()?;
    let role = "rrsa-bad-foreign";
    // Odd spacing and order, another cluster, a person, a Deny.
    let others = format!(
        "{{ \"Version\":\"1\",\n\n\"Statement\" : [{},\n  {{\"Effect\":\"Allow\",\"Principal\":{{\"RAM\":\
         [\"acs:ram::{ACCOUNT}:user/alice\"]}},\"Action\":\"sts:AssumeRole\"}},\n {} ]}}",
        statement("ack-rrsa-c0other", "https://other.example", &subject("app")),
        json!({
            "Effect": "Deny", "Action": "sts:AssumeRole", "Principal": {"Federated": [OIDC_PROVIDER]},
            "Condition": {"StringEquals": {"oidc:sub": subject("other")}},
        }),
    );
    let _role = Role::made_elsewhere(rig, role);
    rig.cloud().emulator().create_role(ACCOUNT, role, &others)?;
    let output = operator.tool(&associate(CLUSTER, role))?;
    // What is added, and nothing else, is shown.
    let removed: Vec<&str> = output.stderr.lines().filter(|line| line.starts_with('-')).collect();
    assert_eq!(removed, [format!("--- trust policy of role {role}, now")], "{output:?}");
    output.success()?;
    let after = trust(rig, role)?;
    let kept = others.trim_end_matches(['}', ']', ' ']);
    assert!(after.starts_with(kept), "the old text is not the beginning of: {after}");
    let mut expected: Value = serde_json::from_str(&others)?;
    let ours = statement(&format!("ack-rrsa-{CLUSTER}"), ISSUER, &subject("app"));
    expected["Statement"].as_array_mut().ok_or("no list")?.push(ours);
    assert_eq!(serde_json::from_str::<Value>(&after)?, expected);

    // It works, for this one and nobody else; and once more changes nothing.
    let holder = Holder::new(rig)?;
    let provider = format!("ack-rrsa-{CLUSTER}");
    for (name, becomes) in [("app", role_arn(role)), ("other", "AuthenticationFail.NoPermission".to_owned())]
    {
        let token = stand::token_of(&rig.admin(), name, &["--audience", OIDC_AUDIENCE])?;
        assert_eq!(holder.becomes(role, &provider, &token)?, becomes, "{name}");
    }
    operator.tool(&associate(CLUSTER, role))?.success()?;
    assert_eq!(trust(rig, role)?, after);
    Ok(())
}

pub(super) fn a_role_that_is_not_there_is_made_only_where_that_is_asked_for(rig: &Rig) -> Outcome {
    let _off = rig.rrsa_off()?;
    let operator = Operator::new(rig)?;
    operator.tool(&["rrsa", "enable", "-c", CLUSTER])?.success()?;
    let role = "rrsa-bad-missing";
    let _role = Role::made_elsewhere(rig, role);
    let output = operator.tool(&associate(CLUSTER, role))?;
    assert!(error(&output).contains("--create-role-if-not-exist"), "{output:?}");
    // A policy that is not there is found before the role is made.
    let with_policy = [
        associate(CLUSTER, role),
        vec!["--create-role-if-not-exist", "--attach-custom-policy", "nobody-has-it"],
    ];
    let output = operator.tool(&with_policy.concat())?;
    assert!(error(&output).contains("nobody-has-it"), "{output:?}");
    assert!(trust(rig, role).is_err(), "the role was made");
    // What is no name is refused before anybody is asked.
    let mark = rig.cloud().emulator().requests().len();
    for (namespace, account) in
        [("Upper", "app"), ("a/b", "app"), (SPACE, "app:other"), (SPACE, ""), ("-n", "app")]
    {
        let command = ["rrsa", "associate-role", "-c", CLUSTER, "-r", role];
        let names = [format!("--namespace={namespace}"), format!("--service-account={account}")];
        let command: Vec<&str> = command.iter().copied().chain(names.iter().map(String::as_str)).collect();
        let output = operator.tool(&command)?;
        error(&output);
    }
    assert_eq!(rig.cloud().emulator().requests().len(), mark, "somebody was asked");
    Ok(())
}

/// Lets a user do what these actions say, and nothing else.
fn allow(rig: &Rig, user: &str, actions: &[&str]) -> Outcome {
    let console = rig.console()?;
    let name = [("PolicyName", "rrsa-bad-rights"), ("PolicyType", "Custom"), ("UserName", user)];
    let _ = console.ram("DetachPolicyFromUser", &name);
    let _ = console.ram("DeletePolicy", &[("PolicyName", "rrsa-bad-rights")]);
    let document =
        json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]});
    let document = document.to_string();
    console.ram("CreatePolicy", &[("PolicyName", "rrsa-bad-rights"), ("PolicyDocument", &document)])?;
    console.ram("AttachPolicyToUser", &name)?;
    Ok(())
}

pub(super) fn whoever_lacks_a_right_is_told_which_and_with_it_the_same_command_goes_on(rig: &Rig) -> Outcome {
    let _off = rig.rrsa_off()?;
    let user = User::create(rig, "rrsa-bad-rights")?;
    let operator = Operator::new(rig)?.with_key_of(&user.identity);
    let role = "rrsa-bad-rights";
    let _role = Role::made_elsewhere(rig, role);
    let mut rights = vec!["cs:DescribeClusterDetail"];
    let grant = |rights: &[&str]| allow(rig, "rrsa-bad-rights", rights);

    let enable = ["rrsa", "enable", "-c", CLUSTER];
    grant(&rights)?;
    let output = operator.tool(&enable)?;
    assert!(error(&output).contains("cs:ModifyCluster"), "{output:?}");
    let status = operator.tool(&["rrsa", "status", "-c", CLUSTER])?.success()?;
    assert_eq!(status, "RRSA feature: disabled\n");
    rights.extend(["cs:ModifyCluster", "cs:DescribeTaskInfo", "cs:DescribeClusterLogs"]);
    grant(&rights)?;
    operator.tool(&enable)?.success()?;

    let more = ["--create-role-if-not-exist", "--attach-system-policy", "AliyunCSReadOnlyAccess"];
    let command = [&associate(CLUSTER, role)[..], &more].concat();
    let mut made = None;
    for right in ["ram:GetRole", "ram:CreateRole", "ram:AttachPolicyToRole"] {
        let output = operator.tool(&command)?;
        let line = error(&output);
        assert!(line.contains(right), "without {right}: {line}");
        // Nothing but the role itself is ever left behind, and that only when its policy could not be attached.
        let there = rig.console()?.ram("GetRole", &[("RoleName", role)]).ok();
        assert_eq!(there.is_some(), right == "ram:AttachPolicyToRole", "{line}");
        made = there.map(|answer| answer["Role"]["RoleId"].clone());
        rights.push(right);
        grant(&rights)?;
    }
    operator.tool(&command)?.success()?;
    let finished = rig.console()?.ram("GetRole", &[("RoleName", role)])?;
    assert_eq!(made.as_ref(), Some(&finished["Role"]["RoleId"]), "the role was made twice");
    let statements = serde_json::from_str::<Value>(&trust(rig, role)?)?["Statement"].clone();
    assert_eq!(statements.as_array().map(Vec::len), Some(1), "{statements}");
    let attached = rig.console()?.ram("ListPoliciesForRole", &[("RoleName", role)])?;
    assert_eq!(attached["Policies"]["Policy"][0]["PolicyName"], "AliyunCSReadOnlyAccess");
    Ok(())
}

pub(super) fn an_expired_or_foreign_token_gets_nothing_and_the_line_says_what_is_wrong_with_it(
    rig: &Rig,
) -> Outcome {
    let _accounts = service_accounts(rig, &["app"])?;
    let role = "rrsa-bad-token";
    let provider = format!("ack-rrsa-{CLUSTER}");
    let _role = Role::create(rig, role, &trust_policy(&provider, ISSUER, &subject("app")))?;
    let operator = Operator::new(rig)?;
    let file = operator.home().join("token");
    let (role, file_name) = (role_arn(role), file.to_string_lossy().into_owned());
    let exchange = |token: &str| -> Result<Output, Failed> {
        std::fs::write(&file, token)?;
        let output =
            operator.tool(&["rrsa", "assume-role", "-r", &role, "-p", OIDC_PROVIDER, "-t", &file_name])?;
        assert!(!output.stderr.contains(token.trim()) || token.trim().len() < 20, "the token is shown");
        Ok(output)
    };
    let good = token(&rig.admin(), &["--audience", OIDC_AUDIENCE, "--duration=600s"])?;
    assert!(exchange(&format!("{good}\n"))?.success()?.starts_with("AccessKeyId:"));
    {
        let _later = rig.cloud().ahead(Duration::from_secs(601));
        let output = exchange(&good)?;
        assert!(error(&output).contains("AuthenticationFail.OIDCToken.Expired"), "{output:?}");
    }
    let foreign =
        rig.api_server_with("bad-token", &["--service-account-issuer=https://foreign.example".to_owned()])?;
    let foreign = token(&rig.admin_of(&foreign), &["--audience", OIDC_AUDIENCE])?;
    let output = exchange(&foreign)?;
    let line = error(&output);
    assert!(line.contains("AuthenticationFail.OIDCToken.IssuerNotMatch"), "{line}");
    assert!(line.contains("https://foreign.example"), "which issuer it has: {line}");
    let output = exchange(&token(&rig.admin(), &[])?)?;
    assert!(error(&output).contains("AuthenticationFail.OIDCToken.AudienceNotMatch"), "{output:?}");
    for nothing in ["", "abc", &"x".repeat(20_001)] {
        error(&exchange(nothing)?);
    }
    Ok(())
}

pub(super) fn an_issuer_that_another_provider_has_or_that_ends_with_a_slash_is_refused(rig: &Rig) -> Outcome {
    let _accounts = service_accounts(rig, &["app"])?;
    let site = Site::start(rig.run(), "bad-issuer")?;
    rig.cloud().emulator().trust_oidc_issuers(site.authority())?;
    let url = site.url();
    let operator = Operator::new(rig)?.trusting(&site)?;
    let name = "ack-rrsa-bad-issuer";
    let _provider = Provider::made_elsewhere(rig, name);
    let folder = site.folder().to_string_lossy().into_owned();
    let enable = |issuer: &str| -> Result<Output, Failed> {
        let command = ["rrsa", "enable", "--self-managed", "-c", "bad-issuer", "--issuer", issuer];
        let more = ["--output-dir", &folder, "-n", SPACE, "-s", "app"];
        operator.tool(&[&command[..], &more].concat())
    };
    for issuer in [format!("{url}/"), url.replace("https://", "http://"), format!("{url}?x")] {
        let output = enable(&issuer)?;
        assert!(error(&output).contains(&issuer), "{output:?}");
    }
    let left = std::fs::read_dir(site.folder())?.count();
    assert_eq!(left, 0, "files were written for an issuer that RAM does not take");
    // Somebody has registered the issuer by hand, under a name of his own.
    let by_hand = OidcProvider::new(ACCOUNT, "by-hand", &url).client_id(OIDC_AUDIENCE);
    let by_hand = Provider::add(rig, by_hand, "by-hand")?;
    let output = enable(&url)?;
    let line = error(&output);
    assert!(line.contains("by-hand") && line.contains(name), "{line}");
    let is_registered = || {
        rig.console()
            .and_then(|console| console.ims("GetOIDCProvider", &[("OIDCProviderName", name)]))
            .is_ok()
    };
    assert!(!is_registered());
    // It goes, and the same command goes on: what is left are the API server's flags.
    drop(by_hand);
    let output = enable(&url)?;
    assert!(is_registered(), "{output:?}");
    // The cluster has moved: another issuer under the name that is there.
    let moved = Site::start(rig.run(), "bad-issuer-moved")?;
    let operator = Operator::new(rig)?.trusting(&moved)?;
    let (moved_url, folder) = (moved.url(), moved.folder().to_string_lossy().into_owned());
    let command = ["rrsa", "enable", "--self-managed", "-c", "bad-issuer", "--issuer", &moved_url];
    let output = operator.tool(&[&command[..], &["--output-dir", &folder]].concat())?;
    let line = error(&output);
    assert!(line.contains(&url) && line.contains(&moved_url), "{line}");
    Ok(())
}

pub(super) fn a_task_that_fails_leaves_the_cluster_as_it_was_and_the_same_command_finishes(
    rig: &Rig,
) -> Outcome {
    let _off = rig.rrsa_off()?;
    let operator = Operator::new(rig)?;
    let cloud = rig.cloud().emulator();
    let status = || -> Result<String, Failed> {
        let printed = operator.tool(&["rrsa", "status", "-c", CLUSTER])?.success()?;
        Ok(printed.lines().next().unwrap_or_default().to_owned())
    };
    for (command, before, after) in [
        ("enable", "RRSA feature: disabled", "RRSA feature:          enabled"),
        ("disable", "RRSA feature:          enabled", "RRSA feature: disabled"),
    ] {
        assert!(cloud.fail_next_task(CLUSTER, "the API server did not come back"));
        let output = operator.tool(&["rrsa", command, "-c", CLUSTER])?;
        assert!(error(&output).contains("the API server did not come back"), "{output:?}");
        assert_eq!(status()?, before);
        operator.tool(&["rrsa", command, "-c", CLUSTER])?.success()?;
        assert_eq!(status()?, after);
        // Once more: there is nothing to do.
        operator.tool(&["rrsa", command, "-c", CLUSTER])?.success()?;
        assert_eq!(status()?, after);
    }
    Ok(())
}
