//! A mapping counts as soon as kubectl has applied it, without a restart.

use std::time::Instant;

use e2e::cloud::{ACCOUNT, user};
use e2e::kubectl::Kubectl;
use e2e::mapping::Mapping;
use e2e::rig::Rig;

use super::refusals::assert_unauthorized;
use super::{Outcome, SOON};

pub(super) fn a_mapping_counts_changes_and_ends_at_once(rig: &Rig) -> Outcome {
    let carol = rig.person(user("carol"))?;
    let kubectl = carol.kubectl(rig, rig.api_server())?;
    assert_unauthorized(&kubectl.run(&["auth", "whoami"])?);

    let applied = rig.apply(&Mapping::new("changing", carol.arn(), "carol-one").group("first"))?;
    let who = kubectl.whoami_eventually(SOON)?;
    assert_eq!(who.username, "carol-one");

    let _changed = rig.apply(&Mapping::new("changing", carol.arn(), "carol-two").group("second"))?;
    let who = until(&kubectl, |who| who.as_deref() == Some("carol-two"))?;
    assert!(who.is_some());
    assert!(kubectl.whoami()?.groups.contains(&"second".to_owned()));
    assert!(!kubectl.whoami()?.groups.contains(&"first".to_owned()));

    applied.delete()?;
    until(&kubectl, |who| who.is_none())?;
    assert_unauthorized(&kubectl.run(&["auth", "whoami"])?);
    Ok(())
}

pub(super) fn a_pattern_matches_whole_names_only(rig: &Rig) -> Outcome {
    let pattern = format!("acs:ram::{ACCOUNT}:user/burst-000?");
    let _mapping = rig.apply(&Mapping::new("pattern", &pattern, "one-of-ten"))?;

    let inside = rig.person(e2e::cloud::burst_user(7))?.kubectl(rig, rig.api_server())?;
    assert_eq!(inside.whoami_eventually(SOON)?.username, "one-of-ten");

    // As a regular expression without anchors, as which the public server takes it, it would match.
    let outside = rig.person(e2e::cloud::burst_user(17))?.kubectl(rig, rig.api_server())?;
    assert_unauthorized(&outside.run(&["auth", "whoami"])?);
    Ok(())
}

pub(super) fn mappings_count_from_the_first_second_after_a_restart(rig: &Rig) -> Outcome {
    let exact = rig.person(user("carol"))?;
    let _exact = rig.apply(&Mapping::new("restart-exact", exact.arn(), "carol"))?;
    let pattern = rig.person(user("stranger"))?;
    let stranger = format!("acs:ram::{ACCOUNT}:user/strang*");
    let _pattern = rig.apply(&Mapping::new("restart-pattern", &stranger, "no-stranger"))?;
    let exact = exact.kubectl(rig, rig.api_server())?;
    let pattern = pattern.kubectl(rig, rig.api_server())?;
    exact.whoami_eventually(SOON)?;
    pattern.whoami_eventually(SOON)?;

    rig.authenticator().stop()?.end()?;

    // It says that it is ready, and means it: no second try.
    assert_eq!(pattern.whoami()?.username, "no-stranger");
    assert_eq!(exact.whoami()?.username, "carol");
    Ok(())
}

/// Asks who the user is, with a new login each time, until the answer is the wanted one: the
/// username, or `None` for a refusal.
fn until(
    kubectl: &Kubectl,
    is_wanted: impl Fn(&Option<String>) -> bool,
) -> Result<Option<String>, libtest_mimic::Failed> {
    let start = Instant::now();
    loop {
        let who = kubectl.whoami().ok().map(|who| who.username);
        if is_wanted(&who) {
            return Ok(who);
        }
        assert!(start.elapsed() < SOON, "still {who:?} after {SOON:?}");
    }
}
