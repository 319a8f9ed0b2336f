//! What the documentation tells a reader to type does what it says.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use e2e::cloud::{CLUSTER, DEV_ROLE, user};
use e2e::person::Person;
use e2e::process::{isolated, run, search_path};
use e2e::rig::Rig;
use serde_json::json;

use super::refusals::assert_unauthorized;
use super::{Outcome, write_program};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pages/ack-ram-authenticator.sh");

/// The page's reader with an access key in the environment.
pub(super) fn steps_2_to_6_for_a_ram_user(rig: &Rig) -> Outcome {
    let tester = rig.person(user("testuser"))?;
    assert_unauthorized(&tester.kubectl(rig, rig.api_server())?.run(&["get", "ns"])?);
    let keys = tester.shell(rig, rig.api_server().admin()).environment();
    follow_the_page(rig, &tester, "ram-user", tester.arn(), |page| {
        page.envs(keys);
    })
}

/// The page's reader who has no key, and a program that lets CloudSSO's people log in.
pub(super) fn steps_2_to_6_for_a_cloudsso_user(rig: &Rig) -> Outcome {
    let reader = rig.person(user("testuser"))?;
    let session = reader.tool(rig, &["export-credentials", "--role-arn", DEV_ROLE])?.success()?;
    let stored = reader.home().join("session.json");
    std::fs::write(&stored, session)?;
    let folder = reader.home().join("programs");
    std::fs::create_dir(&folder)?;
    // It talks to the person, then prints a profile, as the real one does.
    let login = format!(
        "#!/bin/sh\n[ \"$*\" = 'login --profile sso' ] || exit 64\necho 'Please open the link in your browser' >&2\n\
         exec cat '{}'\n",
        stored.display()
    );
    write_program(&folder.join("acs-sso"), &login)?;
    follow_the_page(rig, &reader, "cloudsso-user", DEV_ROLE, |page| {
        page.env("PATH", search_path(&[&folder, rig.bin()]));
    })
}

/// Runs steps 2 to 6 in the reader's home folder and holds what they print to what the page shows. The cloud stands
/// behind a proxy, under its own names: no command says where it is.
fn follow_the_page(
    rig: &Rig,
    reader: &Person,
    credentials: &str,
    arn: &str,
    prepare: impl FnOnce(&mut Command),
) -> Outcome {
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
    std::fs::copy(rig.bin().join("ack-ram-tool"), reader.home().join("ack-ram-tool"))?;

    let mut page = isolated(Path::new("bash"));
    prepare(&mut page);
    page.arg(PAGE)
        .current_dir(reader.home())
        .env("HOME", reader.home())
        .env("HTTPS_PROXY", rig.cloud().proxy())
        .env("SSL_CERT_FILE", rig.cloud().ca_file())
        .env("cluster_id", CLUSTER)
        .env("credentials", credentials)
        .env("arn", arn)
        .env("admin_kubeconfig", rig.api_server().admin());
    let printed = run(page, Duration::from_secs(120))?.success()?;

    assert!(printed.starts_with("Version:"), "{printed}");
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
