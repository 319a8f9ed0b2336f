//! `ack-ram-tool rbac scan-user-permissions` tells who of RAM has rights in a real cluster, and who is gone.

use std::path::Path;

use e2e::cloud::{ACCOUNT, CLUSTER, account, user};
use e2e::error::Error;
use e2e::person::Person;
use e2e::process::{self, Output, isolated};
use e2e::rig::Rig;
use serde_json::{Value, json};

use super::{Outcome, SOON};

fn binding(name: &str, namespace: Option<&str>, subjects: &[Value], role: &str) -> Value {
    let group = "rbac.authorization.k8s.io";
    json!({
        "apiVersion": format!("{group}/v1"),
        "kind": if namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" },
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    })
}

fn person(name: &str) -> Value {
    json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name})
}

fn scan(rig: &Rig, who: &Person, more: &[&str]) -> e2e::Result<Output> {
    let endpoint = rig.cloud().endpoint();
    let command = ["rbac", "scan-user-permissions", "--cs-endpoint", &endpoint, "--ram-endpoint", &endpoint];
    who.tool(rig, &[&command, more].concat())
}

/// The lines of a table whose binding is one of this scenario's, blanks squeezed.
fn ours(table: &str) -> Vec<String> {
    let lines = table.lines().filter(|line| line.contains("/e2e-scan-"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

pub(super) fn users_who_are_there_gone_and_robots_are_told_apart(rig: &Rig) -> Outcome {
    let (root, alice) = (rig.person(account())?, user("alice"));
    let cloud = rig.cloud().emulator();
    let leaver = cloud.create_user(ACCOUNT, "e2e-scan-leaver").map_err(Error::answer("making a RAM user"))?;
    let robot = json!({"kind": "ServiceAccount", "name": leaver, "namespace": "kube-public"});
    let _installed = rig.apply_all(&[
        binding("e2e-scan-root", None, &[person(ACCOUNT)], "cluster-admin"),
        binding("e2e-scan-alice", None, &[person(&alice.id), person("alice")], "view"),
        binding("e2e-scan-both", Some("kube-public"), &[person(&leaver), person(&alice.id)], "view"),
        binding("e2e-scan-later", None, &[person(&format!("{leaver}-1576746553"))], "view"),
        binding("e2e-scan-robot", Some("kube-public"), &[robot], "view"),
    ])?;
    let of_leaver = |name: &str| {
        vec![
            format!("{leaver} RamUser {name} ClusterRoleBinding/-/e2e-scan-later"),
            format!("{leaver} RamUser {name} RoleBinding/kube-public/e2e-scan-both"),
        ]
    };

    let nobody_is_gone = scan(rig, &root, &["-c", CLUSTER])?.success()?;
    assert_eq!(ours(&nobody_is_gone), [""; 0], "{nobody_is_gone}");
    let one = scan(rig, &root, &["-c", CLUSTER, "-u", &leaver])?.success()?;
    assert_eq!(ours(&one), of_leaver("e2e-scan-leaver"));

    cloud.delete_user(ACCOUNT, "e2e-scan-leaver").map_err(Error::answer("deleting a RAM user"))?;
    let gone = scan(rig, &root, &["-c", CLUSTER])?.success()?;
    assert_eq!(ours(&gone), of_leaver("(deleted)"));
    let all = ours(&scan(rig, &root, &["-c", "all", "--all-users"])?.success()?);
    let id = &alice.id;
    for line in [
        format!("{ACCOUNT} Root root ClusterRoleBinding/-/e2e-scan-root"),
        format!("{id} RamUser alice ClusterRoleBinding/-/e2e-scan-alice"),
        format!("{id} RamUser alice RoleBinding/kube-public/e2e-scan-both"),
    ] {
        assert!(all.contains(&line), "{line}: {all:?}");
    }
    assert_eq!(all.len(), 5, "{all:?}");
    Ok(())
}

pub(super) fn what_a_cleanup_took_away_comes_back_from_its_backup(rig: &Rig) -> Outcome {
    let (root, carol) = (rig.person(account())?, user("carol"));
    let _root = rig.apply_all(&[binding("e2e-scan-root", None, &[person(ACCOUNT)], "cluster-admin")])?;
    let _gone = rig.removed_later("clusterrolebinding/e2e-scan-back");
    let _gone = rig.removed_later("rolebinding/e2e-scan-back --namespace=kube-public");
    for binding in [
        binding("e2e-scan-back", None, &[person(&carol.id)], "view"),
        binding("e2e-scan-back", Some("kube-public"), &[person(&carol.id)], "view"),
    ] {
        let file = rig.run().file("binding-to-come-back.json", &binding.to_string())?;
        rig.admin().ok(&["apply", "-f", &file.to_string_lossy()])?;
    }
    let before = scan(rig, &root, &["-c", CLUSTER, "-u", &carol.id])?.success()?;
    assert_eq!(ours(&before).len(), 2, "{before}");

    let endpoint = rig.cloud().endpoint();
    let mut command = isolated(&rig.bin().join("ack-ram-tool"));
    // Backups go to the folder in which the tool runs.
    command.envs(root.shell(rig, Path::new("none")).environment()).current_dir(root.home());
    command.args(["rbac", "cleanup-user-permissions", "-y", "-c", CLUSTER, "-u", &carol.id]);
    command.args(["--cs-endpoint", &endpoint, "--ram-endpoint", &endpoint, "--sts-endpoint", &endpoint]);
    process::run(command, SOON)?.success()?;
    let gone = scan(rig, &root, &["-c", CLUSTER, "-u", &carol.id])?.success()?;
    assert_eq!(ours(&gone), [""; 0], "{gone}");

    let backups = root.home().join(CLUSTER);
    rig.admin().ok(&["apply", "-f", &backups.to_string_lossy()])?;
    let back = scan(rig, &root, &["-c", CLUSTER, "-u", &carol.id])?.success()?;
    assert_eq!(back, before);
    Ok(())
}

pub(super) fn whoever_may_not_list_bindings_is_told_what_is_missing(rig: &Rig) -> Outcome {
    let bob = rig.person(user("bob"))?;
    let refused = scan(rig, &bob, &["-c", CLUSTER])?;
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.stdout.is_empty() && refused.stderr.lines().count() == 1, "{refused:?}");
    assert!(
        refused.stderr.contains("does not list its clusterrolebindings: the caller may not"),
        "{refused:?}"
    );
    assert!(refused.stderr.contains("such as cluster-admin"), "{refused:?}");
    Ok(())
}
