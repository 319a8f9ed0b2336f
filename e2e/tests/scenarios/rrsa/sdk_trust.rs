//! The trust policy is what decides, whatever the pod has.

use e2e::namespace::RunningPod;
use e2e::pod_identity::service_account;
use e2e::rig::Rig;

use super::{Outcome, sdk};

const SPACE: &str = "rrsa-trust";
const ROLE: &str = "rrsa-trust";

pub(super) fn another_service_account_namespace_audience_or_issuer_is_refused_to_the_sdk(
    rig: &Rig,
) -> Outcome {
    rig.pod_identity()?;
    let [here, app] = sdk::namespace(SPACE, ROLE);
    let [there, app_there] = sdk::namespace("rrsa-trust-elsewhere", ROLE);
    let other = service_account(SPACE, "other", &[("role-name", ROLE)]);
    let _applied = rig.apply_all(&[here, app, other, there, app_there])?;
    let sdks = [sdk::python(rig)?];
    let start =
        |space: &str, account: &str| RunningPod::start(rig, &sdk::pod(space, account, account, &sdks, &[]));
    let (app, other, elsewhere) =
        (start(SPACE, "app")?, start(SPACE, "other")?, start("rrsa-trust-elsewhere", "app")?);
    let trusted = sdk::app(SPACE);
    let is_role = |pod: &RunningPod<'_>| -> Result<bool, Box<dyn std::error::Error>> {
        let answer = sdk::run(pod, &sdks[0])?;
        if answer.arn.is_some() {
            return Ok(true);
        }
        assert_eq!(answer.code().as_deref(), Some("AuthenticationFail.NoPermission"), "{answer:?}");
        assert_eq!(answer.sts_message().as_deref(), Some("There is no permission"), "{answer:?}");
        Ok(false)
    };

    let role = sdk::role(rig, ROLE, &trusted.policy())?;
    assert!(is_role(&app)?);
    assert!(!is_role(&other)?, "another service account");
    assert!(!is_role(&elsewhere)?, "the same name in another namespace");
    drop(role);
    // The same pod and the same good token, at a role that trusts others.
    let audience = sdk::Trusted { audience: "sts.example".to_owned(), ..trusted.clone() };
    let issuer = sdk::Trusted { issuer: format!("{}/", trusted.issuer), ..trusted };
    for others in [audience, issuer] {
        let _role = sdk::role(rig, ROLE, &others.policy())?;
        assert!(!is_role(&app)?, "aud {}, iss {}", others.audience, others.issuer);
    }
    Ok(())
}

pub(super) fn a_pod_that_is_not_injected_gets_no_role(rig: &Rig) -> Outcome {
    let space = "rrsa-not-injected";
    rig.pod_identity()?;
    let [mut namespace, app] = sdk::namespace(space, ROLE);
    namespace["metadata"]["labels"] = serde_json::json!({});
    let _applied = rig.apply_all(&[namespace, app])?;
    let _role = sdk::role(rig, ROLE, &sdk::app(space).policy())?;
    let sdks = [sdk::python(rig)?, sdk::node(rig)?];
    let pod = RunningPod::start(rig, &sdk::pod(space, "app", "app", &sdks, &[]))?;
    rig.cloud().emulator().clear_requests();
    for sdk in &sdks {
        assert_eq!(pod.environment(sdk.name)?, []);
        let answer = sdk::run(&pod, sdk)?;
        assert!(answer.error.is_some(), "{answer:?}");
    }
    assert!(rig.cloud().emulator().requests().is_empty(), "{:?}", rig.cloud().emulator().requests());
    assert!(pod.token().is_err());
    Ok(())
}
