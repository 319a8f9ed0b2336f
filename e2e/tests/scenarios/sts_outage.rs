//! STS cannot be reached for a while: users wait instead of being refused.

use std::time::Duration;

use e2e::cloud::user;
use e2e::rig::Rig;

use super::Outcome;

/// How long nothing listens where STS should be.
const OUTAGE: Duration = Duration::from_secs(5);

pub(super) fn kubectl_waits_while_sts_is_down_for_five_seconds_and_gets_in(rig: &Rig) -> Outcome {
    let kubectl = rig.person(user("mounted"))?.kubectl(rig, rig.api_server())?;
    let outage = rig.cloud().stop();
    let running = std::thread::spawn(move || kubectl.run(&["auth", "whoami", "-o", "json"]));
    std::thread::sleep(OUTAGE);
    outage.end()?;
    let output = running.join().map_err(|_panic| "the thread that ran kubectl panicked")??;

    assert_eq!(output.status, 0, "{output:?}");
    assert!(output.stdout.contains("from-the-config-file"), "{output:?}");
    assert!(output.took > OUTAGE - Duration::from_secs(1), "it got in too early: {output:?}");
    Ok(())
}
