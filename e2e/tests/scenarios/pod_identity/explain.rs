//! What `explain` says before is what the API server makes afterwards.

use e2e::pod_identity::{self, NAME, service_account};
use e2e::process::{self, isolated};
use serde_json::{Value, json};

use super::*;

const SPACE: &str = "explained";

/// Runs `explain` as the administrator, about this manifest.
fn explain(rig: &Rig, manifest: &Value, more: &[&str]) -> Result<Output, e2e::Error> {
    let file = rig.run().file("explained.json", &manifest.to_string())?;
    let config = rig.run().file("explain-config.yaml", &pod_identity::config().to_string())?;
    let admin = rig.admin();
    let mut command = isolated(&rig.bin().join(NAME));
    command.args(["explain", "--filename"]).arg(file).arg("--config").arg(config);
    command.arg("--kubeconfig").arg(admin.kubeconfig()).args(more);
    process::run(command, SOON)
}

pub(super) fn what_explain_says_is_what_the_api_server_makes(rig: &Rig) -> Outcome {
    rig.pod_identity()?;
    let account = service_account(SPACE, "app", &[("role-name", "explained")]);
    let _applied = rig.apply_all(&[pod_identity::namespace(SPACE), account])?;
    let mut pod = pod_identity::pod(SPACE, "one", "app", &[("service-account-token-expiration", "900")]);
    // Texts that YAML may take for something else.
    pod["spec"]["containers"][0]["env"] =
        json!([{"name": "A", "value": "on"}, {"name": "B", "value": "0123"}]);

    let said = explain(rig, &pod, &["-o", "json"])?.success()?;
    let said: Value = serde_json::from_str(&said)?;
    let said = &said["pods"][0];
    assert_eq!((&said["result"], &said["webhook"]["called"]), (&json!("injected"), &json!(true)), "{said:#}");
    let made = create(rig, &pod)?.pod;
    let container = &made["spec"]["containers"][0];
    for (name, value) in said["containers"][0]["variables"].as_object().unwrap() {
        assert_eq!(variable(container, name).as_deref(), value.as_str(), "{name}");
    }
    assert_eq!(said["containers"][0]["variables"].as_object().unwrap().len(), 6);

    // The pod as it would be: kubectl reads it, the webhook finds nothing missing, and it is the same pod.
    let shown = explain(rig, &pod, &["-o", "yaml"])?.success()?;
    let file = rig.run().file("shown.yaml", &shown)?;
    let command = ["create", "--dry-run=server", "-o", "json", "-f", &file.to_string_lossy()];
    let again: Value = serde_json::from_str(&rig.admin().ok(&command)?)?;
    assert_eq!(again["spec"]["containers"][0]["env"], container["env"]);
    assert_eq!(ours(&again), ours(&made));

    // Where nothing would be injected, it says so, and what to do helps.
    rig.admin().ok(&["label", "namespace", SPACE, &format!("{}-", pod_identity::LABEL)])?;
    let told = explain(rig, &pod, &[])?;
    assert_eq!(told.status, 1, "{told:?}");
    for row in [
        "  nothing   namespace_not_on: ",
        "  called    not at all: pods.pod-identity.alibabacloud.com: its namespaceSelector",
    ] {
        assert!(told.stdout.contains(row), "{}", told.stdout);
    }
    let mend =
        told.stdout.lines().find_map(|line| line.strip_prefix("  mend      kubectl ")).unwrap_or_default();
    let (mend, _) = mend.split_once(", then").unwrap_or_default();
    rig.admin().ok(&mend.split(' ').collect::<Vec<_>>())?;
    assert_eq!(explain(rig, &pod, &[])?.status, 0);
    Ok(())
}

/// The volume with the token.
fn ours(pod: &Value) -> &Value {
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    volumes.iter().find(|volume| volume["name"] == pod_identity::VOLUME).unwrap()
}
