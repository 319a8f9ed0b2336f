//! The page "ACK场景下应用程序访问云资源最佳实践": a role for one program, its token in a pod without the webhook, temporary
//! credentials, and what is done when they leak.

use std::path::Path;

use e2e::cloud::{ACCOUNT, CLUSTER, OIDC_PROVIDER};
use e2e::control_plane::ISSUER;
use e2e::namespace::RunningPod;
use e2e::process::{Output, run};
use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::page::Page;
use super::stand::{Role, Session, User, role_arn};
use super::*;

const ROLE: &str = "ACK-APP-STS-Role";

pub(super) fn the_page_from_enabling_rrsa_to_temporary_credentials_and_their_end(rig: &Rig) -> Outcome {
    let _off = rig.rrsa_off()?;
    let console = rig.console()?;
    let role = role_arn(ROLE);
    let filled = [("cluster_id", CLUSTER), ("role_arn", role.as_str()), ("oidc_provider_arn", OIDC_PROVIDER)];
    let page = Page::open(rig, "ack-best-practice", &filled)?;
    let _app = rig.removed_later("serviceaccount/app --namespace=default");
    page.type_in("prepare")?;
    let status = page.type_in("enable")?;
    assert!(status.contains(&format!("OIDC Token Issuer:     {ISSUER}")), "{status}");

    // RAM > Roles > Create Role > IdP, with the page's trust policy; then a policy for what this one program does, at
    // addresses of its own.
    let trust = trust_policy(&page)?;
    let _role = Role::made_elsewhere(rig, ROLE);
    let create = || console.ram("CreateRole", &[("RoleName", ROLE), ("AssumeRolePolicyDocument", &trust)]);
    create()?;
    let may_list = |from: &str| {
        json!({"Version": "1", "Statement": [{
            "Effect": "Allow", "Action": ["cs:DescribeClustersForRegion"], "Resource": "*",
            "Condition": {"IpAddress": {"acs:SourceIp": [from]}},
        }]})
        .to_string()
    };
    for (name, from) in [("ack-app-elsewhere", "192.0.2.0/24"), ("ack-app-here", "127.0.0.0/8")] {
        console.ram("CreatePolicy", &[("PolicyName", name), ("PolicyDocument", &may_list(from))])?;
    }
    let outcome = from_the_pod_on(rig, &page, &create);
    for name in ["ack-app-elsewhere", "ack-app-here"] {
        let _ = console.ram("DetachPolicyFromRole", &policy(name));
        console.ram("DeletePolicy", &[("PolicyName", name)])?;
    }
    outcome
}

fn policy(name: &str) -> [(&str, &str); 3] {
    [("PolicyName", name), ("PolicyType", "Custom"), ("RoleName", ROLE)]
}

fn from_the_pod_on(rig: &Rig, page: &Page<'_>, create_role: &dyn Fn() -> e2e::Result<Value>) -> Outcome {
    let console = rig.console()?;
    // The template as the page prints it is for the service account build-robot, which the role does not trust.
    let robot = e2e::pod_identity::service_account("default", "build-robot", &[]);
    let _robot = rig.apply_all(&[robot])?;
    page.type_in("deploy")?;
    {
        let pod = RunningPod::of(rig, rig.admin(), "default", "test-rrsa")?;
        let refused = exchange(rig, page, &pod)?;
        assert!(refused.stderr.contains("AuthenticationFail.NoPermission"), "{refused:?}");
        assert_eq!((refused.status, refused.stdout.as_str()), (1, ""));
    }
    let template = std::fs::read_to_string(page.file("pod.yaml"))?;
    std::fs::write(page.file("pod.yaml"), template.replace("build-robot", "app"))?;
    page.type_in("deploy")?;
    let pod = RunningPod::of(rig, rig.admin(), "default", "test-rrsa")?;

    let session = keys(&exchange(rig, page, &pod)?.success()?)?;
    assert_eq!(session.whoami(rig)?, (0, role_arn(ROLE)));
    // Least privilege: by the address of the caller.
    for (name, may) in [("ack-app-elsewhere", false), ("ack-app-here", true)] {
        console.ram("AttachPolicyToRole", &policy(name))?;
        let listed = session.tool(rig, &["rrsa", "demo", "--no-loop", "--region", "cn-hangzhou"])?;
        assert_eq!(listed.stdout.contains(CLUSTER), may, "{name}: {listed:?}");
        assert_eq!(listed.stderr.contains("StatusForbidden"), !may, "{name}: {listed:?}");
    }

    // The credentials have leaked: all policies away, then the role.
    let whole = console.ram("DeleteRole", &[("RoleName", ROLE)]).err().map(|error| error.to_string());
    assert!(whole.as_deref().is_some_and(|text| text.contains("DeleteConflict.Role.Policy")), "{whole:?}");
    for name in ["ack-app-elsewhere", "ack-app-here"] {
        console.ram("DetachPolicyFromRole", &policy(name))?;
    }
    let listed = session.tool(rig, &["rrsa", "demo", "--no-loop", "--region", "cn-hangzhou"])?;
    assert!(listed.stderr.contains("StatusForbidden"), "{listed:?}");
    console.ram("DeleteRole", &[("RoleName", ROLE)])?;
    let is_dead = || -> Result<bool, Failed> {
        let (status, said) = session.whoami(rig)?;
        Ok(status == 1 && said.contains("InvalidAccessKeyId.NotFound"))
    };
    assert!(is_dead()?);
    // A new role of that name: the program goes on with new credentials, and the old ones stay dead.
    create_role()?;
    assert!(is_dead()?);
    let again = keys(&exchange(rig, page, &pod)?.success()?)?;
    assert_eq!(again.whoami(rig)?, (0, role_arn(ROLE)));
    Ok(())
}

/// The page's trust policy: its comments taken out, and what they say filled in.
fn trust_policy(page: &Page<'_>) -> Result<String, Failed> {
    let text = std::fs::read_to_string(page.file("trust-policy.txt"))?;
    let is_comment = |line: &&str| line.starts_with("/*");
    let text: String =
        text.lines().filter(|line| !is_comment(line)).map(|line| format!("{line}\n")).collect();
    let left_open = [
        ("\"oidc:iss\": \"\"", format!("\"oidc:iss\": \"{ISSUER}\"")),
        ("serviceaccount::\"", "serviceaccount:default:app\"".to_owned()),
        ("acs:ram:::oidc-provider/ack-rrsa-", OIDC_PROVIDER.to_owned()),
    ];
    Ok(left_open.iter().fold(text, |text, (open, filled)| text.replace(open, filled)))
}

/// The page's exchange, in the container: its network, its token file, and no credentials.
fn exchange(rig: &Rig, page: &Page<'_>, pod: &RunningPod<'_>) -> Result<Output, Failed> {
    let mut shell = pod.namespace().command(Path::new("bash"));
    shell
        .args(["-euo", "pipefail", "-c", page.part("exchange")?])
        .env("PATH", e2e::process::search_path(&[rig.bin()]))
        .env("SSL_CERT_FILE", rig.cloud().ca_file());
    Ok(run(shell, SOON)?)
}

/// The temporary credentials that the tool has printed.
fn keys(printed: &str) -> Result<Session, Failed> {
    let value = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned()).ok_or_else(|| format!("no {name} in what was printed"))
    };
    Ok(Session::new(value("AccessKeyId:")?, value("AccessKeySecret:")?, value("SecurityToken:")?))
}

/// The page's troubleshooting: both reasons for "You are not authorized to do this action".
pub(super) fn a_user_who_may_not_assume_roles_is_told_so_until_he_may(rig: &Rig) -> Outcome {
    let console = rig.console()?;
    let (name, role) = ("best-practice-user", "best-practice-role");
    let user = User::create(rig, name)?;
    let trusts = |who: &str| {
        json!({"Version": "1", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": [format!("acs:ram::{ACCOUNT}:{who}")]},
        }]})
        .to_string()
    };
    let _role = Role::made_elsewhere(rig, role);
    let document = trusts("user/alice");
    console.ram("CreateRole", &[("RoleName", role), ("AssumeRolePolicyDocument", &document)])?;
    let user_policy = |name_of_policy: &'static str| {
        [("PolicyName", name_of_policy), ("PolicyType", "System"), ("UserName", name)]
    };
    console.ram("AttachPolicyToUser", &user_policy("AliyunCSReadOnlyAccess"))?;
    let assume = || -> Result<Output, Failed> {
        let arn = role_arn(role);
        let page = Page::open(rig, "ack-best-practice", &[("user_role_arn", &arn)])?;
        page.run_by(&user.identity, "assume")
    };
    let refused = |why: &str| -> Outcome {
        let output = assume()?;
        assert!(output.status == 1 && output.stderr.contains("NoPermission"), "{why}: {output:?}");
        Ok(())
    };
    refused("neither the user's policies nor the role's trust policy allow it")?;
    console.ram("AttachPolicyToUser", &user_policy("AliyunSTSAssumeRoleAccess"))?;
    refused("the role's trust policy does not")?;
    let document = trusts(&format!("user/{name}"));
    console.ram("UpdateRole", &[("RoleName", role), ("NewAssumeRolePolicyDocument", &document)])?;
    assert!(assume()?.success()?.contains(&role_arn(role)));
    console.ram("DetachPolicyFromUser", &user_policy("AliyunSTSAssumeRoleAccess"))?;
    refused("the user's policies do not")
}
