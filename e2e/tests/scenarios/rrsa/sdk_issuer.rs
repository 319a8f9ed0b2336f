//! The whole way with nothing made up: an API server whose issuer is a site, the webhook, TokenRequest, the SDKs, and an STS
//! that fetches the issuer's keys over TLS.

use e2e::namespace::RunningPod;
use e2e::rig::Rig;

use super::stand::{DOCUMENT, KEYS, Published, claims};
use super::{Outcome, sdk};

const SPACE: &str = "rrsa-fetched";

pub(super) fn with_keys_that_sts_fetches_every_sdk_is_the_role_and_names_what_is_wrong_with_the_issuer(
    rig: &Rig,
) -> Outcome {
    rig.pod_identity()?;
    let cluster = Published::start(rig, "sdk-issuer")?;
    let issuer = cluster.site.url();
    let provider = sdk::Provider::taken_away(rig)?;
    provider.without_keys(&issuer)?;
    let trusted = sdk::Trusted { issuer: issuer.clone(), ..sdk::app(SPACE) };
    let _role = sdk::role(rig, "rrsa-fetched", &trusted.policy())?;
    let _applied = rig.apply_all(&sdk::namespace(SPACE, "rrsa-fetched"))?;
    let sdks = sdk::all(rig)?;
    let pod = sdk::pod(SPACE, "app", "app", &sdks, &[]);
    let pod = RunningPod::start_at(rig, rig.admin_of(&cluster.server), &pod)?;
    assert_eq!(claims(&pod.token()?)["iss"], issuer);
    let cloud = rig.cloud().emulator();

    for sdk in &sdks {
        cloud.forget_oidc_keys();
        let _before = cluster.site.asked();
        let who = sdk::run(&pod, sdk)?;
        let is_role = who.arn.as_ref().is_some_and(|arn| arn.contains(":assumed-role/rrsa-fetched/"));
        assert!(is_role, "{}: {who:?}", sdk.name);
        let asked = cluster.site.asked();
        let is_read =
            |document: &str| asked.iter().any(|line| line.starts_with("200 ") && line.ends_with(document));
        assert!(is_read(DOCUMENT) && is_read(KEYS), "{asked:?}");
    }

    // STS trusts another authority than that of the site.
    cloud.trust_oidc_issuers(cloud.ca_pem())?;
    refused(&pod, &sdks, "AuthenticationFail.OIDCToken.HttpsUrlInvalid")?;
    cloud.trust_oidc_issuers(cluster.site.authority())?;
    cluster.site.go_away();
    refused(&pod, &sdks, "AuthenticationFail.OIDCToken.IssuerConfigurationBroken")
}

fn refused(pod: &RunningPod<'_>, sdks: &[sdk::Sdk], code: &str) -> Outcome {
    for sdk in sdks {
        let answer = sdk::run(pod, sdk)?;
        assert_eq!(answer.code().as_deref(), Some(code), "{}: {answer:?}", sdk.name);
    }
    Ok(())
}
