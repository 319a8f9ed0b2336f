//! What the token of an injected pod is good for: the real TokenRequest API, and STS.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::cloud::{APP_ROLE, user};
use e2e::pod_identity::{self, VOLUME, pod, service_account};
use e2e::process::{isolated, run};
use serde_json::{Value, json};

use super::*;

/// Of a namespace whose service account `app` the role `app` trusts.
const SPACE: &str = "pod-identity-tokens";

pub(super) fn a_token_of_an_injected_pods_volume_is_good_at_sts_for_as_long_as_asked(rig: &Rig) -> Outcome {
    rig.pod_identity()?;
    let account = service_account(SPACE, "app", &[("role-name", "app")]);
    let _applied = rig.apply_all(&[pod_identity::namespace(SPACE), account])?;
    for (name, expiration) in [("default", None), ("longest", Some("43200")), ("shortest", Some("600"))] {
        let annotations: Vec<_> =
            expiration.map(|value| ("service-account-token-expiration", value)).into_iter().collect();
        let made = create_and_keep(rig, &pod(SPACE, name, "app", &annotations))?.pod;
        let _pod = rig.removed_later(&format!("pod/{name} --namespace={SPACE}"));
        // What the kubelet does with such a volume.
        let volumes = made["spec"]["volumes"].as_array().unwrap();
        let volume = volumes.iter().find(|volume| volume["name"] == VOLUME).unwrap();
        let source = &volume["projected"]["sources"][0]["serviceAccountToken"];
        let seconds = source["expirationSeconds"].as_u64().unwrap();
        let token = rig.admin().ok(&[
            "create",
            "token",
            "app",
            &format!("--namespace={SPACE}"),
            "--bound-object-kind=Pod",
            &format!("--bound-object-name={name}"),
            &format!("--bound-object-uid={}", made["metadata"]["uid"].as_str().unwrap()),
            &format!("--audience={}", source["audience"].as_str().unwrap()),
            &format!("--duration={seconds}s"),
        ])?;
        let claims = claims(&token);
        assert_eq!(claims["aud"], json!(["sts.aliyuncs.com"]));
        assert_eq!(claims["sub"], format!("system:serviceaccount:{SPACE}:app"));
        assert_eq!(claims["kubernetes.io"]["pod"]["name"], name);
        let lives = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!(lives, expiration.unwrap_or("3600").parse::<i64>()?);
        if expiration.is_none() {
            assert_eq!(who_it_is(rig, &made, &token)?, APP_ROLE);
        }
    }
    Ok(())
}

fn claims(token: &str) -> Value {
    let payload = token.trim().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Whom STS takes a program in the pod for, which has the variables that the pod has got, and nothing else. The token's
/// file lies elsewhere here; the region's STS inside the VPC is the emulator, by its own name.
fn who_it_is(rig: &Rig, pod: &Value, token: &str) -> Result<String, Box<dyn std::error::Error>> {
    let home = rig.person(user("alice"))?.home().to_owned();
    let file = home.join("token");
    std::fs::write(&file, token.trim())?;
    let mut command = isolated(&rig.bin().join("ack-ram-tool"));
    for variable in pod["spec"]["containers"][0]["env"].as_array().unwrap() {
        command.env(variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap());
    }
    command
        .env("ALIBABA_CLOUD_OIDC_TOKEN_FILE", &file)
        .env("HOME", &home)
        .env("HTTPS_PROXY", rig.cloud().proxy())
        .env("SSL_CERT_FILE", rig.cloud().ca_file())
        .args(["auth", "whoami", "-o", "json"]);
    let printed = run(command, SOON)?.success()?;
    let who: Value = serde_json::from_str(&printed)?;
    Ok(who["arn"].as_str().ok_or(printed)?.to_owned())
}
