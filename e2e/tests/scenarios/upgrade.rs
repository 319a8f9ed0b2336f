//! The authenticator is replaced while people log in, and nobody notices.

use std::time::Duration;

use e2e::rig::Rig;

use super::Outcome;
use super::stand::{Stand, Stream};

pub(super) fn three_upgrades_on_one_port_under_a_stream_of_new_logins_lose_none(rig: &Rig) -> Outcome {
    let stand = Stand::new(rig, "upgrade")?;
    stand.init(&[])?;
    let mut running = stand.server("server-0", &["--reuse-port"])?;
    let api_server = stand.api_server(&stand.kubeconfig())?;
    let people = Stream::start(rig, &api_server)?;
    people.wait_for(50);
    for number in 1..=3 {
        // Ready, by what it says itself, before the old one is told to go.
        let newer = stand.server(&format!("server-{number}"), &["--reuse-port"])?;
        people.wait_for(50);
        let status = running.terminate(Duration::from_secs(30))?;
        assert!(status.success(), "the old server ended with {status}");
        running = newer;
        let log = running.log().mark();
        people.wait_for(100);
        assert!(running.log().since(log).contains("result=\"success\""), "nobody asked the new server");
    }
    people.assert_all_were_let_in();
    Ok(())
}

pub(super) fn a_second_server_without_the_flag_does_not_take_the_port(rig: &Rig) -> Outcome {
    let stand = Stand::new(rig, "no-reuse")?;
    stand.init(&[])?;
    let _running = stand.server("server-0", &["--reuse-port"])?;
    let refused = stand.server("server-1", &[]).map(drop).expect_err("two servers on one port").to_string();
    assert!(refused.contains("in use"), "{refused}");
    Ok(())
}
