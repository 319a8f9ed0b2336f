//! How a session of a pod's role is called, which is what audit logs show.

use e2e::cloud::ACCOUNT;
use e2e::namespace::RunningPod;
use e2e::rig::Rig;
use serde_json::json;

use super::{Outcome, sdk};

const SPACE: &str = "rrsa-session";

pub(super) fn a_variable_of_the_container_names_the_session_but_for_go(rig: &Rig) -> Outcome {
    rig.pod_identity()?;
    let _role = sdk::role(rig, "rrsa-session", &sdk::app(SPACE).policy())?;
    let _applied = rig.apply_all(&sdk::namespace(SPACE, "rrsa-session"))?;
    let sdks = sdk::all(rig)?;
    let mut pod = sdk::pod(SPACE, "app", "app", &sdks, &[]);
    for container in pod["spec"]["containers"].as_array_mut().into_iter().flatten() {
        container["env"] = json!([{"name": "ALIBABA_CLOUD_ROLE_SESSION_NAME", "value": "orders"}]);
    }
    let pod = RunningPod::start(rig, &pod)?;
    for sdk in &sdks {
        let who = sdk::run(&pod, sdk)?;
        let session = who.arn.as_deref().and_then(|arn| {
            arn.strip_prefix(&format!("acs:ram::{ACCOUNT}:assumed-role/rrsa-session/")).map(str::to_owned)
        });
        let session = session.ok_or_else(|| format!("{}: {who:?}", sdk.name))?;
        if sdk.name == "go" {
            assert!(session.starts_with(sdk.session), "{session}");
        } else {
            assert_eq!(session, "orders", "{}", sdk.name);
        }
    }
    Ok(())
}
