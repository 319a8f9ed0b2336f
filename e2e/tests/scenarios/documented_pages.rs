//! What the documentation tells a reader to type does what it says.

use std::path::Path;
use std::time::Duration;

use e2e::cloud::{CLUSTER, user};
use e2e::process::{isolated, run};
use e2e::rig::Rig;
use serde_json::json;

use super::Outcome;
use super::refusals::assert_unauthorized;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pages/ack-ram-authenticator.sh");

pub(super) fn steps_4_to_6_do_what_they_say(rig: &Rig) -> Outcome {
    let tester = rig.person(user("testuser"))?;
    assert_unauthorized(&tester.kubectl(rig, rig.api_server())?.run(&["get", "ns"])?);
    // ACK has made this role in every cluster.
    let operations = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "cs:ops"},
        "rules": [{"apiGroups": [""], "resources": ["namespaces", "nodes"], "verbs": ["get", "list", "watch"]}],
    });
    let _role = rig.apply_manifest(&operations, "clusterrole/cs:ops".to_owned())?;
    let _mapping = rig.removed_later("ramidentitymapping/tester");
    let _binding = rig.removed_later("clusterrolebinding/tester-clusterrolebinding");

    // One terminal: the administrator's kubeconfig, until step 6 takes the new one.
    let terminal = tester.shell(rig, rig.api_server().admin());
    let mut page = isolated(Path::new("bash"));
    page.arg(PAGE)
        .current_dir(tester.home())
        .envs(terminal.environment())
        .env("cluster_id", CLUSTER)
        .env("server", rig.api_server().url())
        .env("certificate_authority", rig.certificate_authority())
        .env("arn", tester.arn())
        .env("ALIBABA_CLOUD_STS_ENDPOINT", rig.cloud().endpoint());
    let printed = run(page, Duration::from_secs(120))?.success()?;

    assert!(
        printed.contains("ramidentitymapping.ramauthenticator.k8s.alibabacloud/tester created"),
        "{printed}"
    );
    let lines: Vec<Vec<&str>> = printed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(lines.contains(&vec!["NAME", "STATUS", "AGE"]), "{printed}");
    for namespace in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        let is_active = |line: &Vec<&str>| line.starts_with(&[namespace, "Active"]);
        assert!(lines.iter().any(is_active), "no {namespace} in: {printed}");
    }
    assert!(lines.contains(&vec!["Username", "tester"]), "{printed}");
    let groups = lines.iter().find(|line| line.first() == Some(&"Groups"));
    assert!(groups.is_some_and(|line| line.contains(&"[system:users")), "{printed}");
    Ok(())
}
