#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::panic)]

use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::ByteString;

use super::super::content::{self, Data};
use super::super::entries::Trust;
use super::*;

const HOST: &str = "webhook.system.svc";
const OVERLAP: Duration = Duration::from_secs(600);

fn now() -> Timestamp {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days * 24)
}

fn wanted() -> Wanted {
    Wanted {
        names: vec![HOST.to_owned(), "webhook.system".to_owned()],
        certificate_lifetime: Duration::from_secs(90 * 24 * 3600),
        authority_lifetime: Duration::from_secs(360 * 24 * 3600),
        overlap: OVERLAP,
        patience: Duration::from_secs(8),
    }
}

fn entry(trust: Trust) -> Entry {
    Entry { name: "pods".to_owned(), host: Some(HOST.to_owned()), is_url: false, trust }
}

/// A Secret, one entry, and a leader that has seen everything for a day.
struct Scene {
    content: Content,
    entries: Option<Vec<Entry>>,
    remembers: bool,
    waited: Duration,
    leads: bool,
    now: Timestamp,
    wanted: Wanted,
}

impl Scene {
    fn empty() -> Scene {
        Scene {
            content: Content::Empty,
            entries: Some(vec![entry(Trust::Machine)]),
            remembers: false,
            waited: OVERLAP * 100,
            leads: true,
            now: now(),
            wanted: wanted(),
        }
    }

    /// After the installation.
    fn settled() -> Scene {
        let mut scene = Scene::empty();
        assert_eq!(scene.names(9), ["begin", "trust"]);
        scene
    }

    fn step(&self) -> Step {
        let facts = Facts {
            content: &self.content,
            remembers: self.remembers,
            without_for: self.waited,
            entries: self.entries.as_deref(),
            authority_trusted_for: self.entries.as_ref().map(|_| self.waited),
            next_trusted_for: self.entries.as_ref().map(|_| self.waited),
            signing_for: self.waited,
            leads: self.leads,
            now: self.now,
        };
        plan(&facts, &self.wanted)
    }

    /// Takes the next step; what is written goes through the Secret's bytes, as after a crash.
    fn take(&mut self) -> Step {
        let step = self.step();
        if let Step::Trust { bundle, .. } = &step {
            for entry in self.entries.iter_mut().flatten() {
                entry.trust = Trust::Bundle(bundle.clone());
            }
        }
        let held = match &self.content {
            Content::Good(held) => Some(Arc::clone(held)),
            _ => None,
        };
        if let Some(held) = super::take(&step, held.as_deref(), None, &self.wanted, self.now).unwrap() {
            let mut data = Data::new();
            content::write(&held, &mut data);
            self.content = content::read(&data);
        }
        step
    }

    /// The steps until there is none, at most so many.
    fn names(&mut self, most: usize) -> Vec<&'static str> {
        let steps = std::iter::from_fn(|| Some(self.take()).filter(|step| *step != Step::Rest));
        steps.take(most).map(|step| step.name()).collect()
    }

    fn held(&self) -> &Held {
        match &self.content {
            Content::Good(held) => held,
            other => panic!("{other:?}"),
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Held)) {
        let mut held = self.held().clone();
        change(&mut held);
        self.content = Content::Good(Arc::new(held));
    }
}

#[test]
fn an_installation_fills_the_secret_and_then_the_ca_bundle_and_rests() {
    let mut scene = Scene::empty();
    scene.waited = Duration::ZERO;
    assert_eq!(scene.step(), Step::Begin { keep: Bundle::default() });
    scene.leads = false;
    assert_eq!(scene.names(9), ["begin"], "any replica fills it, one writes caBundle");
    scene.leads = true;
    assert_eq!(scene.names(9), ["trust"]);
    let held = scene.held();
    held.bundle().verify(held.server.as_ref().unwrap().chain(), HOST, now()).unwrap();
    assert_eq!(scene.step(), Step::Rest);
}

#[test]
fn a_certificate_is_issued_anew_when_it_is_due_or_lacks_a_name_or_is_of_no_use() {
    let mut scene = Scene::settled();
    scene.now = now() + days(59);
    assert_eq!(scene.step(), Step::Rest);
    scene.now = now() + days(61);
    assert_eq!(scene.names(9), ["issue"], "and nothing else: the authority is the same");
    let end = scene.held().server.as_ref().unwrap().not_after();
    assert_eq!(end, scene.now + days(90));

    scene.wanted.names.push("10.0.0.7".to_owned());
    assert_eq!(scene.names(9), ["issue"]);
    assert!(scene.held().server.as_ref().unwrap().covers("10.0.0.7"));
    scene.change(|held| held.server = None);
    assert_eq!(scene.names(9), ["issue"]);
    let stranger = Scene::settled().held().server.clone();
    scene.change(|held| held.server = stranger);
    assert_eq!(scene.names(9), ["issue"], "one of another authority");
    scene.leads = false;
    scene.change(|held| held.server = None);
    assert_eq!(scene.step(), Step::Rest, "one replica alone");
}

#[test]
fn a_change_of_authorities_waits_twice_and_survives_an_end_after_each_step() {
    let mut scene = Scene::settled();
    let first = scene.held().authority.certificate().clone();
    scene.now = now() + days(241);
    assert_eq!(scene.take().name(), "issue");
    assert_eq!(scene.take().name(), "add_next");
    let Step::Trust { bundle, insist: false } = scene.take() else { panic!() };
    assert!(bundle.len() == 2 && bundle.contains(&first));
    assert_eq!(scene.held().authority.certificate(), &first, "the next one does not sign yet");

    // Whoever takes over has seen nothing, and waits.
    scene.waited = OVERLAP - Duration::from_secs(1);
    assert_eq!(scene.step(), Step::Rest);
    scene.waited = OVERLAP;
    assert_eq!(scene.take().name(), "sign_with_next");
    let held = scene.held();
    assert!(held.authority.certificate() != &first && held.next.is_none() && held.old.contains(&first));
    assert!(bundle.is_same_set(&held.bundle()), "caBundle stays as it is");
    scene.waited = OVERLAP * 2 - Duration::from_secs(1);
    assert_eq!(scene.step(), Step::Rest);
    scene.waited = OVERLAP * 2;
    assert_eq!(scene.take().name(), "drop_old");
    let Step::Trust { bundle, insist: false } = scene.take() else { panic!() };
    assert!(bundle.len() == 1 && !bundle.contains(&first));
    assert_eq!(scene.step(), Step::Rest);
}

#[test]
fn a_ca_bundle_that_somebody_has_changed_is_written_again_and_what_is_in_nobodys_way_is_not_insisted_on() {
    let mut scene = Scene::settled();
    let ours = scene.held().bundle();
    let stranger = Scene::settled().held().authority.certificate().clone();
    let mut more = ours.clone();
    more.add(&stranger);
    let mut other = Bundle::default();
    other.add(&stranger);
    for (trust, insists) in [
        (Trust::Machine, true),
        (Trust::Broken("garbage".to_owned()), true),
        (Trust::Bundle(other), true),
        (Trust::Bundle(more.clone()), false),
    ] {
        // The second entry only.
        scene.entries = Some(vec![entry(Trust::Bundle(ours.clone())), entry(trust.clone())]);
        assert_eq!(scene.step(), Step::Trust { bundle: ours.clone(), insist: insists }, "{trust:?}");
        assert_eq!(scene.names(9), ["trust"]);
    }
    scene.entries = Some(vec![entry(Trust::Bundle(more))]);
    scene.now = now() + days(301);
    scene.take();
    assert!(matches!(scene.step(), Step::Trust { insist: true, .. }), "before the authority ends");
    scene.entries = None;
    assert_eq!(scene.names(9), ["add_next"], "nobody calls");
    assert_eq!(scene.step(), Step::Rest, "and the next one waits for somebody who does");
}

#[test]
fn an_authority_that_is_over_or_of_a_clock_that_was_ahead_is_followed_by_another_at_once() {
    for at in [now() + days(361), now() - days(3)] {
        let mut scene = Scene::settled();
        let last = scene.held().authority.certificate().clone();
        scene.now = at;
        let Step::Begin { keep } = scene.take() else { panic!() };
        assert!(keep.contains(&last), "replicas of another clock may serve under it still");
        assert_eq!(scene.take().name(), "trust");
        scene.waited = OVERLAP;
        assert_eq!(scene.step(), Step::Rest);
        scene.waited = OVERLAP * 2;
        assert_eq!(scene.names(9), ["drop_old", "trust"]);
    }
    let mut scene = Scene::settled();
    scene.now = now() + days(241);
    scene.take();
    scene.take();
    scene.change(|held| {
        held.next = Some(Authority::make("short", Duration::from_secs(60), now()).unwrap());
    });
    assert_eq!(scene.take().name(), "tidy", "a next one that is over by now");
    assert!(scene.held().next.is_none());
}

#[test]
fn a_secret_without_an_authority_is_left_to_those_who_remember_it_for_a_while() {
    let settled = Scene::settled();
    let kept = settled.entries.clone();
    for content in [Content::Empty, Content::Broken("garbage".to_owned())] {
        let mut scene = Scene { content: content.clone(), entries: kept.clone(), ..Scene::empty() };
        scene.waited = Duration::from_secs(7);
        assert_eq!(scene.step(), Step::Rest, "{content:?}");
        scene.waited = Duration::from_secs(8);
        let Step::Begin { keep } = scene.step() else { panic!() };
        assert!(keep.is_same_set(&settled.held().bundle()), "what is served stays trusted");
        scene.leads = false;
        let expected = if matches!(content, Content::Empty) { "begin" } else { "rest" };
        assert_eq!(scene.step().name(), expected);
        scene.remembers = true;
        scene.waited = Duration::ZERO;
        assert_eq!(scene.step(), Step::Restore, "at once, by anybody");
    }
    let unknown = Scene { entries: None, waited: Duration::ZERO, ..Scene::empty() };
    assert_eq!(unknown.step(), Step::Rest, "it may have been in use");
    let restored =
        super::take(&Step::Restore, None, Some(settled.held()), &wanted(), now()).unwrap().unwrap();
    assert!(restored.bundle().is_same_set(&settled.held().bundle()));
}

#[test]
fn whatever_stands_in_a_secret_it_is_read_without_harm_and_no_key_is_told() {
    let mut scene = Scene::settled();
    scene.change(|held| held.next = Some(Authority::make("next", Duration::from_secs(600), now()).unwrap()));
    scene.change(|held| held.old = Scene::settled().held().bundle());
    let mut good = Data::new();
    good.insert("of-somebody-else".to_owned(), ByteString(b"kept".to_vec()));
    content::write(scene.held(), &mut good);
    let keys = ["ca.crt", "ca.key", "next-ca.crt", "next-ca.key", "tls.crt", "tls.key", "old-ca.crt"];
    assert!(good.len() == keys.len() + 1 && keys.iter().all(|key| good.contains_key(*key)));
    let Content::Good(read) = content::read(&good) else { panic!() };
    assert!(read.complaints.is_empty() && read.bundle().len() == 3 && read.server == scene.held().server);

    for key in keys {
        for change in [None, Some(b"CANARY".to_vec()), Some(Vec::new()), Some(good["tls.key"].0.clone())] {
            let mut data = good.clone();
            match change {
                None => drop(data.remove(key)),
                Some(bytes) => drop(data.insert(key.to_owned(), ByteString(bytes))),
            }
            if data == good {
                continue;
            }
            let content = content::read(&data);
            let shown = format!("{content:?}");
            assert!(!shown.contains("CANARY") && !shown.contains("PRIVATE"), "{key}: {shown}");
            match content {
                Content::Broken(reason) => {
                    assert!(key.starts_with("ca.") && reason.contains("ca."), "{reason}")
                }
                Content::Good(held) => {
                    assert!(!key.starts_with("ca."), "{key}");
                    let is_gone = match key {
                        "old-ca.crt" => held.old.is_empty(),
                        "tls.crt" | "tls.key" => held.server.is_none(),
                        _ => held.next.is_none(),
                    };
                    assert!(is_gone, "{key}");
                }
                Content::Empty => panic!("{key}"),
            }
        }
    }
    let nothing = Data::from([("ca.crt".to_owned(), ByteString(b" \n".to_vec()))]);
    assert!(matches!(content::read(&nothing), Content::Empty));
    content::write(Scene::settled().held(), &mut good);
    assert!(good.contains_key("of-somebody-else") && !good.contains_key("next-ca.crt"));
}

#[test]
fn what_cannot_be_read_beside_a_good_authority_is_taken_out() {
    let mut scene = Scene::settled();
    let mut data = Data::new();
    content::write(scene.held(), &mut data);
    data.insert("next-ca.crt".to_owned(), ByteString(b"garbage".to_vec()));
    scene.content = content::read(&data);
    assert_eq!(scene.names(9), ["tidy"]);
}

#[test]
fn a_certificate_that_ends_with_its_authority_is_not_made_again_and_again() {
    let mut scene = Scene::empty();
    scene.wanted.certificate_lifetime = scene.wanted.authority_lifetime;
    assert_eq!(scene.names(9), ["begin", "trust"]);
    // The configuration cannot be read, so no other authority can take over.
    scene.entries = None;
    scene.now = now() + days(324);
    assert!(scene.held().server.as_ref().unwrap().is_due(scene.now));
    assert_eq!(scene.names(9), ["add_next"]);
}

#[test]
fn a_certificate_of_another_authority_is_replaced() {
    let (mut scene, other) = (Scene::settled(), Scene::settled());
    scene.change(|held| held.server.clone_from(&other.held().server));
    assert_eq!(scene.names(9), ["issue"]);
    let chain = scene.held().server.as_ref().unwrap().chain();
    assert_eq!(scene.held().bundle().verify(chain, HOST, now()), Ok(()));
}

#[test]
fn half_a_pair_is_said_and_is_none() {
    let mut data = Data::new();
    content::write(Scene::settled().held(), &mut data);
    for (key, other) in [("tls.crt", "tls.key"), ("tls.key", "tls.crt")] {
        let mut data = data.clone();
        data.remove(key);
        let Content::Good(held) = content::read(&data) else { panic!("{key}") };
        assert_eq!(held.complaints, [format!("{other} is there without {key}")]);
        assert!(held.server.is_none());
    }
    for (key, other) in [("ca.crt", "ca.key"), ("ca.key", "ca.crt")] {
        let mut data = data.clone();
        data.remove(key);
        let Content::Broken(reason) = content::read(&data) else { panic!("{key}") };
        assert_eq!(reason, format!("{other} is there without {key}"));
    }
}
