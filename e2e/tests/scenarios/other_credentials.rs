//! The webhook is one way in among others and must not stand in theirs.

use e2e::cloud::user;
use e2e::rig::Rig;

use super::refusals::assert_unauthorized;
use super::{Outcome, SOON, next_second};

pub(super) fn certificates_and_service_account_tokens_work_with_the_webhook_on_and_down(
    rig: &Rig,
) -> Outcome {
    let login = rig.person(user("mounted"))?.kubectl(rig, rig.api_server())?;
    let admin = rig.admin();
    let _account = rig.apply_manifest(
        &serde_json::json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "robot", "namespace": "default"},
        }),
        "serviceaccount/robot".to_owned(),
    )?;
    let token = admin.ok(&["create", "token", "robot"])?;
    let robot = rig.nobody(rig.api_server())?.arg(format!("--token={}", token.trim()));

    let others_get_in = || -> Outcome {
        assert_eq!(admin.whoami()?.username, "admin");
        assert_eq!(robot.whoami()?.username, "system:serviceaccount:default:robot");
        Ok(())
    };
    login.whoami()?;
    others_get_in()?;

    let outage = rig.authenticator().stop()?;
    next_second();
    assert_unauthorized(&login.run(&["auth", "whoami"])?);
    others_get_in()?;
    // One that the API server has not seen before either.
    let fresh = admin.ok(&["create", "token", "robot"])?;
    let fresh = rig.nobody(rig.api_server())?.arg(format!("--token={}", fresh.trim()));
    assert_eq!(fresh.whoami()?.username, "system:serviceaccount:default:robot");

    outage.end()?;
    login.whoami_eventually(SOON)?;
    others_get_in()
}
