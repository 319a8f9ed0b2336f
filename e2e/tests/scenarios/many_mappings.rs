//! A thousand mappings at once.

use std::time::Instant;

use e2e::burst;
use e2e::cloud::{BURST, burst_user};
use e2e::rig::Rig;

use super::refusals::{assert_unauthorized, fresh_token};
use super::{Outcome, SOON};

pub(super) fn a_thousand_mappings_applied_together_all_count(rig: &Rig) -> Outcome {
    let last = rig.person(burst_user(BURST - 1))?.kubectl(rig, rig.api_server())?;
    assert_unauthorized(&last.run(&["auth", "whoami"])?);

    let burst = burst::apply(rig, &burst::half_patterns("burst"))?;

    let who = last.whoami_eventually(SOON)?;
    assert_eq!(who.username, burst::username(BURST - 1));
    let client = rig.authenticator().client()?;
    // Not the last one alone: each of them, asked as the API server asks.
    for number in 0..BURST {
        let expected = burst::username(number);
        let token = fresh_token(&burst_user(number));
        let start = Instant::now();
        loop {
            let status = burst::review(rig, &client, &token)?;
            if status["user"]["username"] == expected.as_str() {
                break;
            }
            assert!(start.elapsed() < SOON, "mapping {number}: {status}");
        }
    }

    drop(burst);
    let start = Instant::now();
    while last.whoami().is_ok() {
        assert!(start.elapsed() < SOON, "still in after all mappings were deleted");
    }
    Ok(())
}
