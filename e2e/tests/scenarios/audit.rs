//! The audit log tells sessions of one role apart.

use e2e::cloud::{ACCOUNT, DEV_ROLE, user};
use e2e::mapping::Mapping;
use e2e::rig::Rig;
use serde_json::Value;

use super::{Outcome, SOON};

pub(super) fn the_audit_log_of_a_later_request_names_the_session(rig: &Rig) -> Outcome {
    let alice = rig.person(user("alice"))?.assuming(DEV_ROLE, "alice@example.com");
    let _mapping = rig.apply(&Mapping::new("audited", DEV_ROLE, "developer"))?;
    let kubectl = alice.kubectl(rig, rig.api_server())?;
    kubectl.whoami_eventually(SOON)?;
    let audit = rig.api_server().audit();
    let mark = audit.mark();

    let refused = kubectl.run(&["get", "configmaps", "--namespace", "kube-public"])?;
    assert!(refused.stderr.contains(r#"User "developer" cannot list"#), "{refused:?}");

    let is_it = |line: &str| line.contains(r#""resource":"configmaps""#) && line.contains("developer");
    let event: Value = serde_json::from_str(&audit.line(mark, "the request", SOON, is_it)?)?;
    assert_eq!(event["verb"], "list");
    assert_eq!(event["user"]["username"], "developer");
    let extra = &event["user"]["extra"];
    assert_eq!(extra["sessionName"], serde_json::json!(["alice@example.com"]));
    assert_eq!(extra["canonicalArn"], serde_json::json!([DEV_ROLE]));
    let id = extra["principalId"][0].as_str().unwrap_or_default();
    assert!(id.ends_with(":alice@example.com"), "{extra}");
    let key = extra["accessKeyId"][0].as_str().unwrap_or_default();
    assert!(key.starts_with("STS."), "{extra}");
    let arn = format!("acs:ram::{ACCOUNT}:assumed-role/dev/alice@example.com");
    assert_eq!(extra["arn"], serde_json::json!([arn]));
    Ok(())
}
