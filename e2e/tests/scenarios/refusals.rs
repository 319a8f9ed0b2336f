//! Who is not let in: 401 for the user, and a reason in the API server's log for the administrator.

use std::time::Duration;

use e2e::cloud::{CLUSTER, Identity, user};
use e2e::kubectl::Kubectl;
use e2e::log::Mark;
use e2e::process::Output;
use e2e::rig::Rig;
use jiff::{SignedDuration, Timestamp};
use signature::Secret;
use token::SigningInput;

use super::{Outcome, SOON};

pub(super) fn an_unmapped_user_is_refused_and_the_log_names_the_arn(rig: &Rig) -> Outcome {
    let stranger = rig.person(user("stranger"))?;
    let log = rig.api_server().log().mark();

    let refused = stranger.kubectl(rig, rig.api_server())?.run(&["get", "namespaces"])?;

    assert_unauthorized(&refused);
    let reason = reason_in_the_log(rig, log, "mapp")?;
    assert!(reason.contains(stranger.arn()), "{reason}");
    Ok(())
}

pub(super) fn a_wrong_secret_is_refused_and_the_log_has_the_code_of_sts(rig: &Rig) -> Outcome {
    let mounted = rig.person(user("mounted"))?.with_secret("not-the-secret-of-mounted");
    let log = rig.api_server().log().mark();

    let refused = mounted.kubectl(rig, rig.api_server())?.run(&["get", "namespaces"])?;

    assert_unauthorized(&refused);
    let reason = reason_in_the_log(rig, log, "SignatureDoesNotMatch")?;
    assert!(!reason.contains("not-the-secret-of-mounted"), "{reason}");
    Ok(())
}

pub(super) fn a_token_for_another_cluster_is_refused_without_asking_sts(rig: &Rig) -> Outcome {
    let mounted = rig.person(user("mounted"))?.for_cluster("c-of-somebody-else");
    let kubectl = mounted.kubectl(rig, rig.api_server())?;
    assert_refused_here(rig, &kubectl, "cluster")
}

pub(super) fn an_expired_token_is_refused_without_asking_sts(rig: &Rig) -> Outcome {
    // Signed correctly, sixteen minutes ago; the same, signed now, gets in.
    let now = now();
    let nobody = rig.nobody(rig.api_server())?;
    let fresh = signed_at(&user("mounted"), now);
    let who = nobody.clone().arg(format!("--token={fresh}")).whoami()?;
    assert_eq!(who.username, "from-the-config-file");

    let old = signed_at(&user("mounted"), now - SignedDuration::from_mins(16));
    assert_refused_here(rig, &nobody.arg(format!("--token={old}")), "the token was signed at")
}

pub(super) fn garbage_is_refused_without_asking_sts(rig: &Rig) -> Outcome {
    let nobody = rig.nobody(rig.api_server())?;
    for (garbage, reason) in [
        ("garbage", "k8s-ack-v2."),
        ("k8s-ack-v2.", "token"),
        ("k8s-ack-v2.garbage", "token"),
        ("k8s-ack-v1.Z2FyYmFnZQ==", "token"),
    ] {
        let kubectl = nobody.clone().arg(format!("--token={garbage}"));
        assert_refused_here(rig, &kubectl, reason)?;
    }
    Ok(())
}

/// Unauthorized, for a reason that names `what`, by the authenticator itself: no request reaches
/// STS.
fn assert_refused_here(rig: &Rig, kubectl: &Kubectl, what: &str) -> Outcome {
    let log = rig.api_server().log().mark();
    rig.cloud().emulator().clear_requests();

    let refused = kubectl.run(&["get", "namespaces"])?;

    assert_unauthorized(&refused);
    reason_in_the_log(rig, log, what)?;
    let asked = rig.cloud().emulator().requests();
    assert!(asked.is_empty(), "STS was asked {} times", asked.len());
    Ok(())
}

/// kubectl ended with a 401, and said so.
pub(super) fn assert_unauthorized(refused: &Output) {
    assert_eq!(refused.status, 1, "{refused:?}");
    // Which of the two depends on whether discovery or the request itself met it.
    let said = ["error: You must be logged in to the server", "Unauthorized"];
    assert!(said.iter().any(|said| refused.stderr.contains(said)), "{refused:?}");
    assert!(refused.took < Duration::from_secs(10), "a definite refusal is quick: {refused:?}");
}

/// The API server's line about the refusal, without the token in it.
pub(super) fn reason_in_the_log(rig: &Rig, since: Mark, what: &str) -> Result<String, libtest_mimic::Failed> {
    let log = rig.api_server().log();
    let is_it = |line: &str| line.contains("Unable to authenticate the request") && line.contains(what);
    let line = log.line(since, &format!("a refusal that says {what:?}"), SOON, is_it)?;
    assert!(!line.contains("k8s-ack-v2.e"), "a token is in the API server's log: {line}");
    Ok(line)
}

/// A v2 token of the cluster, signed now.
pub(super) fn fresh_token(identity: &Identity) -> String {
    signed_at(identity, now())
}

/// A v2 token of the cluster.
fn signed_at(identity: &Identity, signed_at: Timestamp) -> String {
    let token = token::sign_v2(&SigningInput {
        cluster_id: CLUSTER,
        access_key_id: &identity.access_key_id,
        secret: &Secret::new(identity.access_key_secret.clone()),
        security_token: None,
        user_agent: "e2e",
        extra_query: &[],
        signed_at,
    });
    token.expose().to_owned()
}

/// The border to the clock.
#[allow(clippy::disallowed_methods)]
fn now() -> Timestamp {
    Timestamp::now()
}
