//! The page "Use RRSA to authorize different pods to access different cloud services", from enabling RRSA to a pod that
//! lists clusters, and what it prints when its role may not.

use e2e::cloud::{CLUSTER, OIDC_PROVIDER};
use e2e::control_plane::ISSUER;
use e2e::namespace::{Image, RunningPod};
use e2e::node::Node;
use e2e::process::Service;
use libtest_mimic::Failed;
use serde_json::Value;

use super::page::Page;
use super::stand::{Role, role_arn, trust_policy};
use super::*;

const ROLE: &str = "demo-role-for-rrsa";
const POLICY: [(&str, &str); 2] = [("PolicyName", "AliyunCSReadOnlyAccess"), ("PolicyType", "System")];

/// The container of a pod, which a node runs: what it prints is what `kubectl logs` shows.
struct Container<'a> {
    rig: &'a Rig,
    node: &'a Node<'a>,
    pod: &'a RunningPod<'a>,
    running: Option<Service>,
}

impl<'a> Container<'a> {
    fn new(rig: &'a Rig, node: &'a Node<'a>, pod: &'a RunningPod<'a>) -> Self {
        Self { rig, node, pod, running: None }
    }

    /// (Re)starts the container of the name `demo`: its log begins anew. The page has the reader wait for the next round
    /// of a program that asks every 30 seconds.
    fn start(&mut self) -> Outcome {
        self.running = None;
        let log = self.rig.run().logs().join("demo-demo.log");
        let _ = std::fs::remove_file(&log);
        let program = self.rig.bin().join("ack-ram-tool");
        let image =
            Image::new().entry_point(&[program]).variable("SSL_CERT_FILE", self.rig.cloud().ca_file());
        let running = self.pod.launch("demo", &image)?;
        let space = self.pod.object()["metadata"]["namespace"].as_str().ok_or("no namespace")?;
        self.node.show_log(space, "demo", "demo", running.log().path())?;
        self.running = Some(running);
        Ok(())
    }

    /// Waits until it has printed this.
    fn wait_for(&self, text: &str) -> Outcome {
        let running = self.running.as_ref().ok_or("it does not run")?;
        running.log().line(e2e::log::Mark::default(), text, SOON, |line| line.contains(text))?;
        Ok(())
    }
}

pub(super) fn the_page_from_enabling_rrsa_to_a_pod_that_lists_clusters(rig: &Rig) -> Outcome {
    let _off = rig.rrsa_off()?;
    let console = rig.console()?;
    let page = Page::open(rig, "rrsa", &[("cluster_id", CLUSTER)])?;

    let status = page.type_in("enable")?;
    for line in [
        "RRSA feature:          enabled".to_owned(),
        format!("OIDC Provider Arn:     {OIDC_PROVIDER}"),
        format!("OIDC Token Issuer:     {ISSUER}"),
    ] {
        assert!(status.contains(&line), "{status}");
    }
    // What Container Service does in the cluster is ours to do.
    page.type_in("install")?;
    rig.pod_identity()?;

    // Roles > Create Role > IdP > OIDC > ack-rrsa-<cluster_id>, with its three conditions; then its policy.
    let policy =
        trust_policy(&format!("ack-rrsa-{CLUSTER}"), ISSUER, "system:serviceaccount:rrsa-demo:demo-sa");
    let policy = policy.to_string();
    let _role = Role::made_elsewhere(rig, ROLE);
    console.ram("CreateRole", &[("RoleName", ROLE), ("AssumeRolePolicyDocument", &policy)])?;
    let attached = [&POLICY[..], &[("RoleName", ROLE)]].concat();
    console.ram("AttachPolicyToRole", &attached)?;

    let _account = rig.removed_later("serviceaccount/demo-sa --namespace=rrsa-demo");
    page.type_in("deploy")?;
    let injected: Value = serde_saphyr::from_str(&page.type_in("look")?)?;
    assert_injected(&injected);

    let node = Node::start(rig, "walk-through")?;
    let pod = RunningPod::of(rig, rig.admin(), "rrsa-demo", "demo")?;
    node.take("rrsa-demo", "demo")?;
    let mut container = Container::new(rig, &node, &pod);
    assert_lists_clusters(&page, &mut container)?;

    console.ram("DetachPolicyFromRole", &attached)?;
    container.start()?;
    container.wait_for("StatusForbidden")?;
    let refused = page.type_in("logs")?;
    for part in ["StatusForbidden (HTTP 403", "cs:DescribeClustersForRegion", "ImplicitDeny"] {
        assert!(refused.contains(part), "no {part} in: {refused}");
    }
    assert!(!refused.contains("cluster id:"), "{refused}");

    console.ram("AttachPolicyToRole", &attached)?;
    assert_lists_clusters(&page, &mut container)
}

fn assert_lists_clusters(page: &Page<'_>, container: &mut Container<'_>) -> Outcome {
    container.start()?;
    container.wait_for("cluster id:")?;
    let printed = page.type_in("logs")?;
    let line = format!("cluster id: {CLUSTER}, cluster name: {CLUSTER}");
    assert!(printed.contains(&line), "no {line} in: {printed}");
    Ok(())
}

/// The page's table: three variables, a mount, a volume.
fn assert_injected(pod: &Value) {
    let container = &pod["spec"]["containers"][0];
    let variables = container["env"].as_array().expect("variables");
    let value = |name: &str| variables.iter().find(|variable| variable["name"] == name).map(|v| &v["value"]);
    assert_eq!(value("ALIBABA_CLOUD_ROLE_ARN"), Some(&Value::from(role_arn(ROLE))));
    assert_eq!(value("ALIBABA_CLOUD_OIDC_PROVIDER_ARN"), Some(&Value::from(OIDC_PROVIDER)));
    assert!(value("ALIBABA_CLOUD_OIDC_TOKEN_FILE").is_some());
    for list in [&container["volumeMounts"], &pod["spec"]["volumes"]] {
        let names = list.as_array().expect("a list").iter().map(|entry| &entry["name"]);
        assert_eq!(names.filter(|name| *name == "rrsa-oidc-token").count(), 1, "{list}");
    }
}

/// The page's two other ways: a pod whose template says it all, and a role that the tool makes or changes.
pub(super) fn the_page_without_the_webhook_and_with_the_tool_for_the_role(rig: &Rig) -> Outcome {
    let role = "rrsa-walk-through-role";
    let filled = [
        ("cluster_id", CLUSTER),
        ("namespace", "rrsa-manual"),
        ("service_account", "demo-sa"),
        ("role_name", role),
        ("role_arn", &role_arn(role)),
        ("oid_provider_arn", OIDC_PROVIDER),
    ];
    let _off = rig.rrsa_off()?;
    let page = Page::open(rig, "rrsa", &filled)?;
    page.type_in("enable")?;
    let _role = Role::made_elsewhere(rig, role);
    page.type_in("existing-role")?;
    let console = rig.console()?;
    let attached = [&POLICY[..], &[("RoleName", role)]].concat();
    console.ram("AttachPolicyToRole", &attached)?;
    let _account = rig.removed_later("serviceaccount/demo-sa --namespace=rrsa-manual");
    page.type_in("manual")?;
    let node = Node::start(rig, "walk-through-manual")?;
    let pod = RunningPod::of(rig, rig.admin(), "rrsa-manual", "demo")?;
    node.take("rrsa-manual", "demo")?;
    let mut container = Container::new(rig, &node, &pod);
    container.start()?;
    container.wait_for(&format!("cluster id: {CLUSTER}"))?;
    // Once more, with the role that is there now: nothing is changed.
    let before = trust(rig, role)?;
    page.type_in("existing-role")?;
    assert_eq!(trust(rig, role)?, before);
    Ok(())
}

fn trust(rig: &Rig, role: &str) -> Result<Value, Failed> {
    let answer = rig.console()?.ram("GetRole", &[("RoleName", role)])?;
    Ok(answer["Role"]["AssumeRolePolicyDocument"].clone())
}
