//! The RAMIdentityMapping CRD in the cluster.

use e2e::rig::Rig;
use serde_json::Value;

use super::Outcome;

const CRD: &str = "crd/ramidentitymappings.ramauthenticator.k8s.alibabacloud";

pub(super) fn the_server_makes_the_crd_and_leaves_one_that_is_there_as_it_is(rig: &Rig) -> Outcome {
    let admin = rig.admin();
    let made: Value = serde_json::from_str(&admin.ok(&["get", CRD, "-o", "json"])?)?;
    assert_eq!(made["spec"]["scope"], "Cluster");
    assert_eq!(made["spec"]["names"]["kind"], "RAMIdentityMapping");
    assert_eq!(made["spec"]["versions"][0]["name"], "v1alpha1");

    // As an administrator changes it, and an older or newer release would have it.
    let mine = r#"{"metadata":{"labels":{"mine":"yes"}},"spec":{"names":{"categories":["mine"]}}}"#;
    admin.ok(&["patch", CRD, "--type", "merge", "-p", mine])?;
    rig.authenticator().stop()?.end()?;

    let kept: Value = serde_json::from_str(&admin.ok(&["get", CRD, "-o", "json"])?)?;
    assert_eq!(kept["metadata"]["labels"]["mine"], "yes");
    assert_eq!(kept["spec"]["names"]["categories"], serde_json::json!(["mine"]));
    assert_eq!(kept["metadata"]["uid"], made["metadata"]["uid"]);
    Ok(())
}
