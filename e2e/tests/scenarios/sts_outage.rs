//! STS fails in every way it can: users wait instead of being refused, and are refused where STS refuses.

use std::time::Duration;

use e2e::cloud::user;
use e2e::rig::Rig;
use emulator::{Emulator, Fault};

use super::refusals::assert_unauthorized;
use super::{Outcome, next_second};

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

/// Ends the faults with the scenario, however it ends.
struct Faults<'a>(&'a Emulator);

impl Drop for Faults<'_> {
    fn drop(&mut self) {
        self.0.clear_faults();
    }
}

fn error(status: u16, code: &str) -> Fault {
    Fault::Error { status, code: code.to_owned(), message: "a message of STS".to_owned() }
}

pub(super) fn kubectl_waits_while_sts_throttles_fails_breaks_off_or_answers_garbage(rig: &Rig) -> Outcome {
    const TROUBLE: Duration = Duration::from_secs(3);
    let html = Fault::Garbage { content_type: "text/html".to_owned(), body: b"<html>a portal".to_vec() };
    for fault in
        [error(400, "Throttling.User"), error(503, "ServiceUnavailable"), Fault::BreakConnection, html]
    {
        next_second();
        let kubectl = rig.person(user("mounted"))?.kubectl(rig, rig.api_server())?;
        let faults = Faults(rig.cloud().emulator());
        faults.0.fail("GetCallerIdentity", fault.clone());
        let running = std::thread::spawn(move || kubectl.run(&["auth", "whoami", "-o", "json"]));
        std::thread::sleep(TROUBLE);
        drop(faults);
        let output = running.join().map_err(|_panic| "the thread that ran kubectl panicked")??;

        assert_eq!(output.status, 0, "{fault:?}: {output:?}");
        assert!(output.stdout.contains("from-the-config-file"), "{output:?}");
        assert!(output.took > TROUBLE - Duration::from_secs(1), "it got in too early: {output:?}");
    }
    Ok(())
}

pub(super) fn kubectl_waits_for_a_slow_sts(rig: &Rig) -> Outcome {
    next_second();
    let kubectl = rig.person(user("mounted"))?.kubectl(rig, rig.api_server())?;
    let faults = Faults(rig.cloud().emulator());
    faults.0.fail("GetCallerIdentity", Fault::Delay(Duration::from_secs(2)));
    let output = kubectl.run(&["auth", "whoami", "-o", "json"])?;
    assert_eq!(output.status, 0, "{output:?}");
    assert!(output.took >= Duration::from_secs(2), "it got in too early: {output:?}");
    Ok(())
}

pub(super) fn kubectl_is_refused_at_once_where_sts_refuses_and_gets_in_when_it_does_not(
    rig: &Rig,
) -> Outcome {
    next_second();
    let kubectl = rig.person(user("mounted"))?.kubectl(rig, rig.api_server())?;
    let faults = Faults(rig.cloud().emulator());
    faults.0.fail("GetCallerIdentity", error(403, "InvalidAccessKeyId.Inactive"));
    let refused = kubectl.run(&["auth", "whoami", "-o", "json"])?;
    assert_unauthorized(&refused);
    drop(faults);
    // A refusal is remembered for its token; a new login makes a new one.
    next_second();
    let output = kubectl.run(&["auth", "whoami", "-o", "json"])?;
    assert_eq!(output.status, 0, "{output:?}");
    Ok(())
}
