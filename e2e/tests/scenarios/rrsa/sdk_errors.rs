//! Each error that the documentation explains to users of the SDKs, provoked, and told by the SDKs' own errors under its
//! documented code.

use std::time::Duration;

use e2e::cloud::{ACCOUNT, OIDC_PROVIDER};
use e2e::http::Client;
use e2e::namespace::RunningPod;
use e2e::rig::Rig;

use super::Outcome;
use super::sdk::{self, Sdk};

const SPACE: &str = "rrsa-errors";
/// How often in a second an account may assume roles.
const LIMIT: usize = 100;

/// What STS says, by its code and the beginning of its message.
type Documented = (&'static str, &'static str);

const EXPIRED: Documented = ("AuthenticationFail.OIDCToken.Expired", "This JsonWebToken is expired.");
const AUDIENCE: Documented = ("AuthenticationFail.OIDCToken.AudienceNotMatch", "Invalid audience.");
const ISSUER_NOT_MATCH: &str = "AuthenticationFail.OIDCToken.IssuerNotMatch";
const SIGNATURE: Documented =
    ("AuthenticationFail.OIDCToken.InvalidSignature", "OIDC token validate failed: invalid signature.");
const NO_TOKEN: Documented = ("AuthenticationFail.OIDCToken.Invalid", "The number of Jwt field");
const NO_PROVIDER: Documented = ("AuthenticationFail.NoPermission", "No such OIDC Provider registered.");
const UNTRUSTED: Documented = ("AuthenticationFail.NoPermission", "There is no permission");
const NO_ROLE: &str = "EntityNotExist.Role";
const THROTTLED: Documented = ("Throttling.User", "Request was denied due to user flow control.");

pub(super) fn what_is_wrong_with_a_token_is_told_by_its_code(rig: &Rig) -> Outcome {
    rig.pod_identity()?;
    let _role = sdk::role(rig, "rrsa-errors", &sdk::app(SPACE).policy())?;
    let _applied = rig.apply_all(&sdk::namespace(SPACE, "rrsa-errors"))?;
    let sdks = sdk::all(rig)?;
    let pod = RunningPod::start(rig, &sdk::pod(SPACE, "token", "app", &sdks, &[]))?;
    let good = pod.token()?;

    pod.replace_token(600)?;
    let later = rig.cloud().ahead(Duration::from_secs(601));
    refused(&pod, &sdks, EXPIRED)?;
    drop(later);

    let other = ["create", "token", "app", "--namespace", SPACE, "--audience", "sts.example"];
    pod.write_token(rig.admin().ok(&other)?.trim())?;
    refused(&pod, &sdks, AUDIENCE)?;

    // What the one says, under the signature of the other.
    let says = good.rsplit_once('.').ok_or("no token")?.0;
    let signed = pod.replace_token(7200)?;
    pod.write_token(&format!("{says}.{}", signed.rsplit_once('.').ok_or("no token")?.1))?;
    refused(&pod, &sdks, SIGNATURE)?;

    pod.write_token("no-token")?;
    refused(&pod, &sdks, NO_TOKEN)?;

    pod.write_token(&good)?;
    are_the_role(&pod, &sdks)
}

pub(super) fn what_is_wrong_with_provider_or_role_is_told_by_its_code(rig: &Rig) -> Outcome {
    rig.pod_identity()?;
    let _applied = rig.apply_all(&sdk::namespace(SPACE, "rrsa-errors"))?;
    let sdks = sdk::all(rig)?;
    let pod = RunningPod::start(rig, &sdk::pod(SPACE, "cloud", "app", &sdks, &[]))?;

    refused(&pod, &sdks, (NO_ROLE, ""))?;

    let stranger = sdk::role(rig, "rrsa-errors", &sdk::app("another-namespace").policy())?;
    refused(&pod, &sdks, UNTRUSTED)?;
    drop(stranger);

    let _role = sdk::role(rig, "rrsa-errors", &sdk::app(SPACE).policy())?;
    let provider = sdk::Provider::taken_away(rig)?;
    refused(&pod, &sdks, NO_PROVIDER)?;
    provider.of("https://another-issuer.example")?;
    refused(&pod, &sdks, (ISSUER_NOT_MATCH, ""))?;
    drop(provider);
    are_the_role(&pod, &sdks)
}

pub(super) fn an_account_that_assumes_roles_too_often_is_throttled_and_told_so(rig: &Rig) -> Outcome {
    rig.pod_identity()?;
    let _role = sdk::role(rig, "rrsa-errors", &sdk::app(SPACE).policy())?;
    let _applied = rig.apply_all(&sdk::namespace(SPACE, "rrsa-errors"))?;
    let sdks = sdk::all(rig)?;
    let pod = RunningPod::start(rig, &sdk::pod(SPACE, "throttled", "app", &sdks, &[]))?;
    let (token, cloud) = (pod.token()?, rig.cloud());
    let client = Client::new(cloud.emulator().ca_pem())?;
    let url = format!(
        "https://{}/?Action=AssumeRoleWithOIDC&Version=2015-04-01&Format=JSON&RoleSessionName=often\
         &RoleArn=acs:ram::{ACCOUNT}:role/rrsa-errors&OIDCProviderArn={OIDC_PROVIDER}&OIDCToken={token}",
        cloud.endpoint()
    );

    let second = cloud.without_time();
    // Somebody may have assumed a role in this second already.
    let allowed = (0..=LIMIT)
        .map(|_| client.get(&url))
        .take_while(|answer| answer.as_ref().is_ok_and(|answer| answer.status == 200));
    let allowed = allowed.count();
    assert!((LIMIT / 2..=LIMIT).contains(&allowed), "{allowed} calls in a second");
    refused(&pod, &sdks, THROTTLED)?;
    drop(second);
    are_the_role(&pod, &sdks)
}

/// Each SDK's own error has this code and message.
fn refused(pod: &RunningPod<'_>, sdks: &[Sdk], (code, message): Documented) -> Outcome {
    for sdk in sdks {
        let answer = sdk::run(pod, sdk)?;
        assert!(answer.error.is_some(), "{}, {code}: {answer:?}", sdk.name);
        assert_eq!(answer.code().as_deref(), Some(code), "{}: {answer:?}", sdk.name);
        let said = answer.sts_message().unwrap_or_default();
        assert!(said.starts_with(message), "{}: {answer:?}", sdk.name);
    }
    Ok(())
}

/// What was wrong is mended: each SDK gets the role.
fn are_the_role(pod: &RunningPod<'_>, sdks: &[Sdk]) -> Outcome {
    for sdk in sdks {
        let answer = sdk::run(pod, sdk)?;
        let is_role = answer.arn.as_ref().is_some_and(|arn| arn.contains(":assumed-role/rrsa-errors/"));
        assert!(is_role, "{}: {answer:?}", sdk.name);
    }
    Ok(())
}
