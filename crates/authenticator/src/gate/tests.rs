#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use openapi::sts::ClientOptions;

use super::*;

/// Nobody is asked here: each table is filled as a call fills it.
#[test]
fn no_table_grows_without_bound() {
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24);
    let client = Client::new(&ClientOptions::new("127.0.0.1:1".parse().unwrap(), "test")).unwrap();
    let gate =
        Gate::new(client, Options::default(), GateMetrics::new(&prometheus::Registry::new()).unwrap(), now);
    let until = now + SignedDuration::from_mins(15);
    let mut state = gate.inner.lock();
    for number in 0..20_000 {
        let hash = TokenHash::of(&number.to_string());
        let State { identities, single_use, refusals, .. } = &mut *state;
        for table in [identities, single_use, refusals] {
            let claims = Claims { access_key_id: "LTAI".into(), signed_at: now };
            table.insert(hash, Remembered { claims, answer: Err(GateError::Ended) }, until, now);
            assert!(table.len() <= 16_384);
            assert!(table.get(&hash, now).is_some(), "the newest is there");
        }
    }
}
