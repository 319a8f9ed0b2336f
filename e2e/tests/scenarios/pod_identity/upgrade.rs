//! The webhook is replaced while pods are created, with failurePolicy Fail, and no pod is refused or left without its
//! role.

use std::sync::Arc;
use std::time::Duration;

use e2e::pod_identity::{Installation, Webhook};
use e2e::pod_stream::{Place, Stream};
use e2e::rig::Rig;

use super::seen::eventually;
use super::{Outcome, SOON};

const FAIL_CLOSED: &str = "own-certificates-fail-closed";

/// As on a node with `hostNetwork`, where both have the same port.
pub(super) fn two_upgrades_on_one_port_under_a_stream_of_pods_lose_none(rig: &Rig) -> Outcome {
    rig.without_pod_identity()?;
    let installation = Installation::apply(&rig.site(), FAIL_CLOSED)?;
    let mut running = installation.replica("one-port-0", &["--reuse-port"])?;
    let port = Arc::clone(running.port());
    installation.lead_to(&[&running]);
    let place = Place::make(rig, "one-port", "app")?;
    eventually("a pod with its role", SOON, || Ok(place.create(rig.api_server())))?;
    let stream = Stream::start(&place, rig.api_server())?;
    stream.wait_for(50)?;
    for number in 1..=2 {
        let newer = installation.launch(&format!("one-port-{number}"), &port, &["--reuse-port"])?;
        newer.wait_until_ready()?;
        stream.wait_for(30)?;
        running.terminate(SOON)?;
        running = newer;
        asked(&running, &stream)?;
    }
    stream.end().all_injected()?;
    Ok(())
}

/// As a Deployment does it: the new pod is ready and in the Service before the old one is told to end.
pub(super) fn a_rolling_update_behind_the_service_under_a_stream_of_pods_loses_none(rig: &Rig) -> Outcome {
    rig.without_pod_identity()?;
    let installation = Installation::apply(&rig.site(), FAIL_CLOSED)?;
    // The endpoints follow within a moment here.
    let flags = ["--shutdown-delay=1s"];
    let mut running =
        [installation.replica("rolling-a-0", &flags)?, installation.replica("rolling-b-0", &flags)?];
    installation.lead_to(&[&running[0], &running[1]]);
    let place = Place::make(rig, "rolling", "app")?;
    eventually("a pod with its role", SOON, || Ok(place.create(rig.api_server())))?;
    let stream = Stream::start(&place, rig.api_server())?;
    stream.wait_for(50)?;
    for number in 0..2 {
        let newer = installation.replica(&format!("rolling-{number}-1"), &flags)?;
        let older = std::mem::replace(&mut running[number], newer);
        installation.lead_to(&[&running[0], &running[1], &older]);
        stream.wait_for(20)?;
        // SIGTERM and the removal from the Service go their ways side by side: the Service is late here.
        let ended = std::thread::spawn(move || older.terminate(SOON));
        std::thread::sleep(Duration::from_millis(500));
        installation.lead_to(&[&running[0], &running[1]]);
        ended.join().expect("a thread panicked")?;
        stream.wait_for(50)?;
    }
    let [a, b] = &running;
    eventually("both new ones to be asked", SOON, || {
        stream.between(|| {
            installation.cut_connections();
            std::thread::sleep(Duration::from_millis(50));
        });
        stream.wait_for(10)?;
        let silent = [a, b].into_iter().find(|replica| !replica.log().all().contains("result=\"injected\""));
        Ok(silent.map_or(Ok(()), |_| Err("one of them was not".to_owned())))
    })?;
    stream.end().all_injected()?;
    Ok(())
}

fn asked(webhook: &Webhook, stream: &Stream) -> Outcome {
    let mark = webhook.log().mark();
    stream.wait_for(50)?;
    webhook.log().line(mark, "an injected pod", SOON, |line| line.contains("result=\"injected\""))?;
    Ok(())
}
