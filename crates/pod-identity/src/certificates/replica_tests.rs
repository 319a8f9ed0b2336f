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

#[test]
fn a_configuration_that_goes_takes_the_time_with_it_for_which_it_was_trusted() {
    let (one, other) = (begun(), begun());
    let begin = Instant::now();
    let at = |seconds| begin + Duration::from_secs(seconds);
    let mut replica = Replica::new(wanted());
    replica.observe(&look(&one, &[&one]), now(), begin);
    replica.observe(&look(&other, &[&one, &other]), now(), at(10));
    let gone = Look { entries: Seen::Missing, ..look(&one, &[]) };
    replica.observe(&gone, now(), at(500));
    assert!(replica.entries().is_none());
    replica.observe(&look(&other, &[&one, &other]), now(), at(600));
    replica.observe(&look(&other, &[&one, &other]), now(), at(1199));
    assert!(replica.served() == one.server.as_ref());
    replica.observe(&look(&other, &[&one, &other]), now(), at(1200));
    assert!(replica.served() == other.server.as_ref());
}

#[test]
fn content_without_a_certificate_is_not_what_is_put_back() {
    let one = begun();
    let without = Arc::new(Held { server: None, ..(*one).clone() });
    let mut replica = Replica::new(wanted());
    replica.observe(&look(&one, &[&one]), now(), Instant::now());
    replica.observe(&look(&without, &[&one]), now(), Instant::now());
    assert!(replica.remembered().is_some_and(|held| held.server == one.server));
}

/// What was there may be known to another replica.
#[test]
fn an_emptied_secret_is_begun_anew_once_it_was_seen_empty_for_long_enough() {
    let stranger = begun();
    let mut replica = Replica::new(wanted());
    let begin = Instant::now();
    let empty = Look { content: Seen::There(Content::Empty), ..look(&stranger, &[&stranger]) };
    let unread = Look { content: Seen::Unknown(String::new()), ..empty.clone() };
    for (look, seconds, step) in [
        (&empty, 0, "rest"),
        (&empty, 4, "rest"),
        (&unread, 6, "rest"),
        (&empty, 7, "rest"),
        (&empty, 10, "rest"),
        (&empty, 14, "rest"),
        (&empty, 15, "begin"),
    ] {
        let at = begin + Duration::from_secs(seconds);
        replica.observe(look, now(), at);
        assert_eq!(replica.plan(look, true, now(), at).name(), step, "after {seconds} s");
    }
}

/// However long it was trusted before.
#[test]
fn the_authority_before_goes_an_overlap_after_its_successor_began_to_sign() {
    let one = begun();
    let take =
        |step: &Step, held: &Held| plan::take(step, Some(held), None, &wanted(), now()).unwrap().unwrap();
    let with_next = Arc::new(take(&Step::AddNext, &one));
    let after = Arc::new(take(&Step::SignWithNext, &with_next));
    let begin = Instant::now();
    let mut replica = Replica::new(wanted());
    for (held, seconds, step) in [
        (&with_next, 0, "rest"),
        (&with_next, 599, "rest"),
        (&with_next, 5000, "sign_with_next"),
        (&after, 5001, "rest"),
        (&after, 5600, "rest"),
        (&after, 5601, "drop_old"),
    ] {
        let entry = Entry {
            name: "pods".to_owned(),
            host: Some(HOST.to_owned()),
            is_url: false,
            trust: Trust::Bundle(with_next.bundle()),
        };
        let content = Seen::There(Content::Good(Arc::clone(held)));
        let look = Look { entries: Seen::There(vec![entry]), content };
        let at = begin + Duration::from_secs(seconds);
        replica.observe(&look, now(), at);
        assert_eq!(replica.plan(&look, true, now(), at).name(), step, "after {seconds} s");
    }
}
