//! The official SDK for Go, unmodified, in a pod of the webhook.

use e2e::cloud::CLUSTER;
use e2e::log::Mark;
use e2e::namespace::RunningPod;
use e2e::rig::Rig;
use emulator::Fault;
use serde_json::Value;

use super::sdk::{self, Answer, Sdk};
use super::{Outcome, SOON};

/// How a pod runs it.
pub(super) fn sdk(rig: &Rig) -> Result<Sdk, e2e::Error> {
    let program = e2e::sdk::go(rig, "identity")?;
    Ok(Sdk {
        name: "go",
        command: program.command,
        image: program.image,
        user_agent: &["AlibabaCloud", "Golang/", "Credentials/"],
        session: "credentials-go-",
    })
}

pub(super) fn in_an_injected_pod_it_is_the_role_of_the_service_account(rig: &Rig) -> Outcome {
    sdk::is_the_role(rig, "rrsa-go", sdk(rig)?)
}

pub(super) fn with_three_variables_it_asks_the_sts_of_no_region(rig: &Rig) -> Outcome {
    sdk::asks_the_sts_of_no_region(rig, "rrsa-go-three", sdk(rig)?)
}

/// Its default chain asks for sessions of an hour, and for new ones three minutes before their end. Here STS hands out
/// keys that are over, until the faults are cleared: it asks again at each use.
pub(super) fn a_token_file_that_is_replaced_is_read_again(rig: &Rig) -> Outcome {
    let space = "rrsa-go-watch";
    rig.pod_identity()?;
    let _role = sdk::role(rig, "rrsa-go-watch", &sdk::app(space).policy())?;
    let _applied = rig.apply_all(&sdk::namespace(space, "rrsa-go-watch"))?;
    let sdks = [sdk(rig)?];
    let [sdk] = &sdks;
    let pod = RunningPod::start(rig, &sdk::pod(space, "stay", "app", &sdks, &["stay"]))?;
    let cloud = rig.cloud().emulator();
    cloud.clear_requests();
    cloud.fail("AssumeRoleWithOIDC", Fault::ExpiredCredentials);
    let _faults = Faults(rig);
    let program = pod.launch(sdk.name, &sdk.image)?;
    let is_over = |line: &str| says(line, |answer| answer.message.contains("InvalidSecurityToken.Expired"));
    program.log().line(Mark::default(), "keys that are over", SOON, is_over)?;
    let first = pod.token()?;
    assert!(sdk::tokens(rig).iter().all(|token| *token == first), "another token than that of the file");

    let second = pod.replace_token(7200)?;
    // Which lives longer: it is not the first one once more.
    assert!(second != first);
    sdk::eventually("the new token to be sent", || Ok(sdk::tokens(rig).contains(&second)))?;
    let mark = program.log().mark();
    cloud.clear_faults();
    program
        .log()
        .line(mark, "who it is with the new token", SOON, |line| says(line, |answer| answer.arn.is_some()))?;
    let later: Vec<String> = sdk::tokens(rig).into_iter().skip_while(|token| *token == first).collect();
    assert!(later.iter().all(|token| *token == second), "the first token was sent after the second");
    Ok(())
}

/// What its default chain has tried last, it keeps to, also where that has failed.
pub(super) fn after_a_refusal_it_does_not_ask_sts_again_until_it_is_started_anew(rig: &Rig) -> Outcome {
    sdk::started_before_its_role(rig, "rrsa-go-early", sdk(rig)?, false)
}

fn says(line: &str, what: impl Fn(&Answer) -> bool) -> bool {
    Answer::read(line).is_some_and(|answer| what(&answer))
}

/// None are left when this is dropped.
struct Faults<'a>(&'a Rig);

impl Drop for Faults<'_> {
    fn drop(&mut self) {
        self.0.cloud().emulator().clear_faults();
    }
}

/// The demo of the documentation: clusters while the role has the policy, and the error of the page without it, by one
/// program that runs on.
pub(super) fn the_demo_lists_clusters_until_its_roles_policy_is_detached_and_again_after(
    rig: &Rig,
) -> Outcome {
    const POLICY: [(&str, &str); 3] = [
        ("PolicyType", "System"),
        ("PolicyName", "AliyunCSReadOnlyAccess"),
        ("RoleName", "demo-role-for-rrsa-go"),
    ];
    let space = "rrsa-demo-go";
    rig.pod_identity()?;
    let console = rig.console()?;
    let _role = sdk::role(rig, "demo-role-for-rrsa-go", &sdk::app(space).policy())?;
    console.ram("AttachPolicyToRole", &POLICY)?;
    let _applied = rig.apply_all(&sdk::namespace(space, "demo-role-for-rrsa-go"))?;
    let program = e2e::sdk::go(rig, "clusters")?;
    let mut pod = e2e::pod_identity::pod(space, "demo", "app", &[]);
    pod["spec"]["containers"][0]["command"] = program.command.into();
    pod["spec"]["containers"][0]["args"] = vec!["stay"].into();
    let pod = RunningPod::start(rig, &pod)?;
    let demo = pod.launch("app", &program.image)?;
    let listed = format!("cluster id: {CLUSTER}, cluster name: {CLUSTER}");
    let is_listed = |line: &str| line == listed;
    demo.log().line(Mark::default(), "the rig's cluster", SOON, is_listed)?;

    console.ram("DetachPolicyFromRole", &POLICY)?;
    let mark = demo.log().mark();
    let data =
        demo.log().line(mark, "what is denied", SOON, |line| line.trim_start().starts_with("Data: "))?;
    let error = demo.log().since(mark);
    for line in ["StatusCode: 403", "Code: StatusForbidden"] {
        assert!(error.lines().any(|told| told.trim() == line), "{line}: {error}");
    }
    let message = "Message: code: 403, STSToken policy Forbidden for action cs:DescribeClusters request id: ";
    assert!(error.lines().any(|line| line.trim().starts_with(message)), "{error}");
    let data: Value = serde_json::from_str(data.trim_start().trim_start_matches("Data: "))?;
    let detail = &data["accessDeniedDetail"];
    assert_eq!(detail["AuthAction"], "cs:DescribeClusters", "{data}");
    assert_eq!(detail["NoPermissionType"], "ImplicitDeny", "{data}");
    assert_eq!(detail["PolicyType"], "ResourceGroupLevelIdentityBasedPolicy", "{data}");
    assert_eq!(detail["AuthPrincipalType"], "AssumedRoleUser", "{data}");
    let who = detail["AuthPrincipalDisplayName"].as_str().unwrap_or_default();
    assert!(who.starts_with("demo-role-for-rrsa-go:credentials-go-"), "{data}");

    console.ram("AttachPolicyToRole", &POLICY)?;
    let mark = demo.log().mark();
    demo.log().line(mark, "the rig's cluster again", SOON, is_listed)?;
    Ok(())
}
