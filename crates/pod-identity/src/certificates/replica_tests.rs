#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::super::entries::Trust;
use super::*;

const HOST: &str = "webhook.system.svc";
const OVERLAP: Duration = Duration::from_secs(600);

fn now() -> Timestamp {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

fn wanted() -> Wanted {
    Wanted {
        names: vec![HOST.to_owned()],
        certificate_lifetime: Duration::from_secs(90 * 24 * 3600),
        authority_lifetime: Duration::from_secs(360 * 24 * 3600),
        overlap: OVERLAP,
        patience: Duration::from_secs(8),
    }
}

/// What somebody else has put into the Secret.
fn begun() -> Arc<Held> {
    let step = Step::Begin { keep: Bundle::default() };
    Arc::new(plan::take(&step, None, None, &wanted(), now()).unwrap().unwrap())
}

fn look(held: &Arc<Held>, trusted: &[&Arc<Held>]) -> Look {
    let mut bundle = Bundle::default();
    trusted.iter().for_each(|held| bundle.add(held.authority.certificate()));
    let trust = if bundle.is_empty() { Trust::Machine } else { Trust::Bundle(bundle) };
    let entry = Entry { name: "pods".to_owned(), host: Some(HOST.to_owned()), is_url: false, trust };
    Look { entries: Seen::There(vec![entry]), content: Seen::There(Content::Good(Arc::clone(held))) }
}

#[test]
fn what_is_trusted_is_served_until_its_successor_is_trusted_for_the_overlap() {
    let (one, other) = (begun(), begun());
    let begin = Instant::now();
    let mut replica = Replica::new(wanted());
    let mut serves = |held: &Arc<Held>, trusted: &[&Arc<Held>], seconds: u64| {
        replica.observe(&look(held, trusted), now(), begin + Duration::from_secs(seconds));
        replica.served().cloned()
    };
    assert!(serves(&one, &[], 0) == one.server, "nothing else is there");
    assert!(serves(&one, &[&one], 1) == one.server);
    assert!(serves(&other, &[&one], 2000) == one.server, "nobody trusts the other one");
    assert!(serves(&other, &[&one, &other], 3000) == one.server, "not every API server may know yet");
    assert!(serves(&other, &[&one, &other], 3599) == one.server);
    // It was taken out and comes back: the time begins again.
    assert!(serves(&other, &[&one], 3600) == one.server);
    assert!(serves(&other, &[&one, &other], 3601) == one.server);
    assert!(serves(&other, &[&one, &other], 4200) == one.server);
    assert!(serves(&other, &[&one, &other], 4201) == other.server);
    assert!(serves(&one, &[&other], 4202) == other.server);
    assert!(serves(&one, &[&one], 4203) == one.server, "the other one is trusted no more: at once");
}

#[test]
fn a_renewal_under_the_same_authority_is_served_at_once() {
    let one = begun();
    let issued = plan::take(&Step::Issue, Some(&one), None, &wanted(), now()).unwrap().unwrap();
    let renewed = Arc::new(issued);
    let at = Instant::now();
    let mut replica = Replica::new(wanted());
    assert!(replica.observe(&look(&one, &[&one]), now(), at));
    assert!(!replica.observe(&look(&one, &[&one]), now(), at), "nothing new");
    assert!(replica.observe(&look(&renewed, &[&one]), now(), at));
    assert!(replica.served() == renewed.server.as_ref() && renewed.server != one.server);
    // A Secret that says nothing takes nothing away.
    for content in [Seen::There(Content::Empty), Seen::Missing, Seen::Unknown(String::new())] {
        let silent = Look { content, ..look(&one, &[&one]) };
        assert!(!replica.observe(&silent, now(), at));
        assert!(replica.served() == renewed.server.as_ref());
    }
}

#[test]
fn who_has_to_overwrite_others_again_and_again_leaves_them_alone_for_longer_each_time() {
    let begin = Instant::now();
    let mut replica = Replica::new(wanted());
    let mut at = Duration::ZERO;
    for pause in [4, 8, 16, 32, 64, 128, 256, 300, 300] {
        assert!(replica.may_insist(begin + at));
        replica.insisted(begin + at);
        at += Duration::from_secs(pause);
        assert!(!replica.may_insist(begin + at - Duration::from_millis(1)), "{pause}");
    }
    at += Duration::from_secs(3600);
    replica.insisted(begin + at);
    assert!(replica.may_insist(begin + at + Duration::from_secs(4)), "forgiven");
}
