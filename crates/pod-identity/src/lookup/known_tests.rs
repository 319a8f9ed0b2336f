#![allow(clippy::unwrap_used)]

use k8s_openapi::api::core::v1::ServiceAccount;
use serde_json::json;

use super::*;

fn object(name: &str) -> PartialObjectMeta<ServiceAccount> {
    serde_json::from_value(json!({"metadata": {"namespace": "n", "name": name}})).unwrap()
}

fn mirror(known: &Arc<Known<String>>) -> Mirror<ServiceAccount, String> {
    Mirror::new("things", |object| object.metadata.name.clone().filter(|name| name != "nothing"), known)
}

#[test]
fn a_list_that_breaks_off_leaves_nothing_in_the_next_one_and_takes_nothing_away() {
    let known = Known::new();
    let mut mirror = mirror(&known);
    let has = |name: &str| known.get(Some("n"), name).is_some();
    for event in [Event::Init, Event::InitApply(object("a")), Event::InitDone] {
        assert!(!known.is_synced());
        mirror.event(event);
    }
    assert!(known.is_synced() && has("a"));
    for event in
        [Event::Init, Event::InitApply(object("deleted")), Event::Init, Event::InitApply(object("b"))]
    {
        mirror.event(event);
        assert!(has("a") && !has("b") && !has("deleted"));
    }
    mirror.event(Event::InitDone);
    assert!(!has("a") && has("b") && !has("deleted"));
}

#[test]
fn what_does_not_matter_costs_nothing() {
    let known = Known::new();
    let mut mirror = mirror(&known);
    for event in
        [Event::Init, Event::InitApply(object("nothing")), Event::InitDone, Event::Apply(object("nothing"))]
    {
        mirror.event(event);
        assert_eq!(known.objects.read().unwrap().by_namespace.len(), 0);
    }
    mirror.event(Event::Apply(object("a")));
    mirror.event(Event::Delete(object("a")));
    let objects = known.objects.read().unwrap();
    assert_eq!((objects.by_namespace.len(), objects.count), (0, 0), "an empty namespace is none");
}

#[test]
fn the_copy_is_bounded() {
    let mut objects = Objects::new(2);
    for name in ["a", "b", "c"] {
        objects.set("n", name, ());
    }
    objects.set("n", "b", ());
    assert!(objects.get("n", "b").is_some(), "what has a place keeps it");
    assert!(objects.get("n", "c").is_none());
    objects.remove("n", "a");
    objects.set("n", "c", ());
    assert!(objects.get("n", "c").is_some());
    assert_eq!(objects.count, 2);
}
