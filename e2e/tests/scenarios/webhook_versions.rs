//! Both versions of TokenReview, and both versions of tokens.

use std::time::{Duration, Instant};

use e2e::cloud::{ACCOUNT, DEV_ROLE, user};
use e2e::mapping::Mapping;
use e2e::rig::Rig;

use super::refusals::assert_unauthorized;
use super::{Outcome, SOON};

pub(super) fn an_api_server_that_asks_in_v1beta1_is_answered(rig: &Rig) -> Outcome {
    let alice = rig.person(user("alice"))?.assuming(DEV_ROLE, "alice@example.com");
    let mapping = Mapping::new("v1beta1", DEV_ROLE, "dev-{{SessionName}}").group("developers");
    let _mapping = rig.apply(&mapping)?;

    let server = rig.v1beta1_api_server()?;
    let who = alice.kubectl(rig, server)?.whoami_eventually(SOON)?;

    assert_eq!(who.username, "dev-alice-example.com");
    assert!(who.groups.contains(&"developers".to_owned()), "{who:?}");
    assert_eq!(who.extra["sessionName"], ["alice@example.com"]);

    let stranger = rig.person(user("stranger"))?;
    let log = server.log().mark();
    assert_unauthorized(&stranger.kubectl(rig, server)?.run(&["auth", "whoami"])?);
    server.log().line(log, "the reason", SOON, |line| line.contains(stranger.arn()))?;
    Ok(())
}

pub(super) fn a_v1_url_token_is_accepted(rig: &Rig) -> Outcome {
    let alice = rig.person(user("alice"))?.assuming(DEV_ROLE, "alice@example.com");
    let _mapping = rig.apply(&Mapping::new("v1-token", DEV_ROLE, "dev").group("developers"))?;
    for server in [rig.api_server(), rig.v1beta1_api_server()?] {
        // STS takes its nonce once, so nothing may be lost to an attempt that comes too early.
        alice.kubectl(rig, server)?.whoami_eventually(SOON)?;

        let token = alice.token(rig, &["--token-version", "v1"])?;
        assert!(token.starts_with("k8s-ack-v1."));
        let who = rig.nobody(server)?.arg(format!("--token={token}")).whoami()?;

        assert_eq!(who.username, "dev");
        assert_eq!(who.extra["sessionName"], ["alice@example.com"]);
        let arn = format!("acs:ram::{ACCOUNT}:assumed-role/dev/alice@example.com");
        assert_eq!(who.extra["arn"], [arn]);
    }
    Ok(())
}

pub(super) fn with_the_default_cache_a_token_outlives_its_mapping_and_a_new_one_does_not(
    rig: &Rig,
) -> Outcome {
    let carol = rig.person(user("carol"))?;
    let mapping = rig.apply(&Mapping::new("cached", carol.arn(), "carol"))?;
    let server = rig.v1beta1_api_server()?;
    let logging_in = carol.kubectl(rig, server)?;
    logging_in.whoami_eventually(SOON)?;
    let token = carol.token(rig, &[])?;
    let with_token = rig.nobody(server)?.arg(format!("--token={token}"));
    assert_eq!(with_token.whoami()?.username, "carol");

    mapping.delete()?;

    // A login of another second makes another token, which the API server has not seen yet.
    let start = Instant::now();
    while logging_in.whoami().is_ok() {
        assert!(start.elapsed() < SOON, "new logins still get in");
        std::thread::sleep(Duration::from_millis(100));
    }
    // Ten seconds is the other cache, in front of the webhook's.
    std::thread::sleep(Duration::from_secs(11).saturating_sub(start.elapsed()));
    assert_eq!(with_token.whoami()?.username, "carol");
    Ok(())
}
