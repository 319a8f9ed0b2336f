//! What Container Service, emulated, does in the cluster.

use std::path::Path;
use std::time::Duration;

use e2e::cloud::{ACCOUNT, CLUSTER, account, user};
use e2e::process::{self, isolated};
use e2e::rig::Rig;
use serde_json::{Value, json};

use super::Outcome;

fn binding(name: &str, namespace: Option<&str>, subject: &str, role: &str) -> Value {
    let group = "rbac.authorization.k8s.io";
    json!({
        "apiVersion": format!("{group}/v1"),
        "kind": if namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" },
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": subject}],
    })
}

pub(super) fn cleaning_permissions_deletes_the_bindings_of_that_user_alone(rig: &Rig) -> Outcome {
    let (root, carol, bob) = (rig.person(account())?, user("carol"), user("bob"));
    let later = format!("{}-1576746553", carol.id);
    let longer = format!("{}0", carol.id);
    let _installed = rig.apply_all(&[
        binding("e2e-clean-root", None, ACCOUNT, "cluster-admin"),
        binding("e2e-clean-bob", None, &bob.id, "view"),
        binding("e2e-clean-longer", None, &longer, "view"),
    ])?;
    // Made by name alone: what the cloud deletes is not there when the scenario ends.
    let _gone = rig.removed_later("clusterrolebinding/e2e-clean-carol");
    let _gone = rig.removed_later("rolebinding/e2e-clean-carol --namespace=kube-public");
    for binding in [
        binding("e2e-clean-carol", None, &carol.id, "view"),
        binding("e2e-clean-carol", Some("kube-public"), &later, "view"),
    ] {
        let file = rig.run().file("binding-of-carol.json", &binding.to_string())?;
        rig.admin().ok(&["apply", "-f", &file.to_string_lossy()])?;
    }

    let endpoint = rig.cloud().endpoint();
    // Backups go to the folder in which the tool runs.
    let mut command = isolated(&rig.bin().join("ack-ram-tool"));
    command.envs(root.shell(rig, Path::new("none")).environment()).current_dir(root.home());
    command.args(["rbac", "cleanup-user-permissions", "--assume-yes", "-c", CLUSTER, "-u", &carol.id]);
    command.args(["--cs-endpoint", &endpoint, "--ram-endpoint", &endpoint, "--sts-endpoint", &endpoint]);
    process::run(command, Duration::from_secs(60))?.success()?;

    let names = rig.admin().ok(&[
        "get",
        "clusterrolebindings,rolebindings",
        "--all-namespaces",
        "-o",
        "jsonpath={.items[*].metadata.name}",
    ])?;
    let mut ours: Vec<&str> = names.split(' ').filter(|name| name.starts_with("e2e-clean-")).collect();
    ours.sort_unstable();
    assert_eq!(ours, ["e2e-clean-bob", "e2e-clean-longer", "e2e-clean-root"]);
    Ok(())
}
