//! What a mapping's status and Events say, and who writes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::cloud::{ACCOUNT, DEV_ROLE, DEV_ROLE_ID, user};
use e2e::log::Log;
use e2e::mapping::Mapping;
use e2e::replica::Replica;
use e2e::rig::{Rig, SERVER_USER};
use serde_json::{Value, json};

use super::refusals::assert_unauthorized;
use super::{Outcome, SOON, next_second};

const RESOURCE: &str = "ramidentitymappings.ramauthenticator.k8s.alibabacloud";
const LEADING: &str = "this replica writes status and Events from now on";

pub(super) fn get(rig: &Rig, name: &str) -> Result<Value, libtest_mimic::Failed> {
    Ok(serde_json::from_str(&rig.admin().ok(&["get", RESOURCE, name, "-o", "json"])?)?)
}

pub(super) fn ready(object: &Value) -> Option<&Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == "Ready")
}

/// Waits until condition `Ready` has this reason and is about the object as it is.
pub(super) fn eventually(rig: &Rig, name: &str, reason: &str) -> Result<Value, libtest_mimic::Failed> {
    eventually_so(rig, name, reason, |object| {
        let is_current = object["status"]["observedGeneration"] == object["metadata"]["generation"];
        is_current && ready(object).is_some_and(|ready| ready["reason"] == reason)
    })
}

fn eventually_so(
    rig: &Rig,
    name: &str,
    what: &str,
    is_so: impl Fn(&Value) -> bool,
) -> Result<Value, libtest_mimic::Failed> {
    let start = Instant::now();
    loop {
        let object = get(rig, name)?;
        if is_so(&object) {
            return Ok(object);
        }
        assert!(start.elapsed() < SOON * 2, "{name} is not {what}: {}", object["status"]);
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The Events about a mapping.
fn events(rig: &Rig, name: &str) -> Result<Vec<Value>, libtest_mimic::Failed> {
    let printed = rig.admin().ok(&["get", "events.events.k8s.io", "-n", "default", "-o", "json"])?;
    let all: Value = serde_json::from_str(&printed)?;
    let items = all["items"].as_array().cloned().unwrap_or_default();
    Ok(items.into_iter().filter(|event| event["regarding"]["name"] == name).collect())
}

fn events_eventually(rig: &Rig, name: &str, reason: &str) -> Result<Vec<Value>, libtest_mimic::Failed> {
    let start = Instant::now();
    loop {
        let events = events(rig, name)?;
        if events.iter().any(|event| event["reason"] == reason) {
            return Ok(events);
        }
        assert!(start.elapsed() < SOON, "no Event {reason} of {name}: {events:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub(super) fn every_reason_is_told_and_what_is_wrong_in_an_event_too(rig: &Rig) -> Outcome {
    let alice = user("alice").arn;
    let _accepted = rig.apply(&Mapping::new("op-accepted", &alice, "alice"))?;
    let object = eventually(rig, "op-accepted", "Accepted")?;
    assert_eq!(ready(&object).ok_or("no condition")?["status"], "True");
    assert_eq!(object["status"]["canonicalARN"], alice);
    // The name decides between two mappings that were made in the same second.
    next_second();

    let _all = [
        rig.apply(&Mapping::new("op-arn", "acs:ram::*:user/alice", "x"))?,
        rig.apply(&Mapping::new("op-template", &user("bob").arn, "{{Nobody}}"))?,
        rig.apply(&Mapping::new("op-never", &format!("acs:ram::{ACCOUNT}:role/a b*"), "x"))?,
        rig.apply(&Mapping::new("op-shadowed", &alice.to_uppercase().replace("ACS:RAM", "acs:ram"), "x"))?,
    ];
    for (name, reason, said) in [
        ("op-arn", "InvalidARN", "spec.arn: ARN \"acs:ram::*:user/alice\" has a wildcard in its account id"),
        ("op-template", "InvalidTemplate", "spec.username: "),
        ("op-never", "NeverMatches", "can never match"),
        ("op-shadowed", "Shadowed", "CRD/op-accepted matches everybody"),
    ] {
        let object = eventually(rig, name, reason)?;
        let ready = ready(&object).ok_or("no condition")?;
        assert_eq!(ready["status"], "False", "{ready}");
        assert!(ready["message"].as_str().is_some_and(|message| message.contains(said)), "{ready}");
        let events = events_eventually(rig, name, reason)?;
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0]["type"], "Warning");
        assert_eq!(events[0]["note"], ready["message"]);
        assert_eq!(events[0]["reportingController"], "ack-ram-authenticator");
    }
    assert_eq!(events(rig, "op-accepted")?, Vec::<Value>::new(), "Events tell what went wrong");

    // Where a person looks.
    let table = rig.admin().ok(&["get", "rim", "op-accepted", "op-shadowed", "-o", "wide"])?;
    assert!(
        table.lines().next().is_some_and(|line| {
            line.split_whitespace().eq(["NAME", "ARN", "USERNAME", "READY", "REASON", "AGE"])
        }),
        "{table}"
    );
    assert!(table.lines().any(|line| line.contains("op-shadowed") && line.contains("False")), "{table}");
    let described = rig.admin().ok(&["describe", "rim", "op-template"])?;
    assert!(described.contains("Warning") && described.contains("InvalidTemplate"), "{described}");

    // The winner goes: the other is mended without an edit, and told so without an Event.
    rig.admin().ok(&["delete", RESOURCE, "op-accepted"])?;
    eventually(rig, "op-shadowed", "Accepted")?;
    assert_eq!(events(rig, "op-shadowed")?.len(), 1);
    Ok(())
}

/// Lines of the audit log about writes of a mapping's status by the authenticator.
fn status_writes(audit: &Log, name: &str) -> Vec<Value> {
    let lines = audit.all();
    let events = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let is_it = |event: &Value| {
        event["stage"] == "ResponseComplete"
            && event["verb"] == "patch"
            && event["user"]["username"] == SERVER_USER
            && event["objectRef"]["name"] == name
            && event["objectRef"]["subresource"] == "status"
    };
    events.filter(is_it).collect()
}

pub(super) fn a_status_is_written_once_and_never_before_serving(rig: &Rig) -> Outcome {
    let audit = rig.api_server().audit();
    let outage = rig.authenticator().stop()?;
    let mark = rig.authenticator().log().mark();
    let _fine = rig.apply(&Mapping::new("once-fine", &user("bob").arn, "bob"))?;
    let _faulty = rig.apply(&Mapping::new("once-faulty", "acs:ram::*:user/x", "x"))?;
    outage.end()?;
    eventually(rig, "once-fine", "Accepted")?;
    let written = eventually(rig, "once-faulty", "InvalidARN")?;
    events_eventually(rig, "once-faulty", "InvalidARN")?;

    let serving = rig
        .authenticator()
        .log()
        .line(mark, "the start of serving", SOON, |line| line.contains("answering TokenReviews"))?;
    let serving: jiff::Timestamp = serving.split_whitespace().next().unwrap_or_default().parse()?;
    for name in ["once-fine", "once-faulty"] {
        let writes = status_writes(audit, name);
        assert_eq!(writes.len(), 1, "{writes:?}");
        let at: jiff::Timestamp =
            writes[0]["requestReceivedTimestamp"].as_str().unwrap_or_default().parse()?;
        assert!(at > serving, "{name}: written at {at}, serving from {serving}");
    }

    // Another process leads now, and finds nothing to say.
    rig.authenticator().stop()?.end()?;
    let _later = rig.apply(&Mapping::new("once-later", &user("carol").arn, "carol"))?;
    eventually(rig, "once-later", "Accepted")?;
    for name in ["once-fine", "once-faulty"] {
        assert_eq!(status_writes(audit, name).len(), 1, "{name} was written again");
    }
    assert_eq!(
        get(rig, "once-faulty")?["metadata"]["resourceVersion"],
        written["metadata"]["resourceVersion"]
    );
    assert_eq!(events(rig, "once-faulty")?.len(), 1);

    // An edit that leaves the condition as it was makes no further Event. One object is dealt with after the other.
    patch(rig, "once-faulty", false, &json!({"spec": {"username": "y"}}))?;
    eventually(rig, "once-faulty", "InvalidARN")?;
    let _next = rig.apply(&Mapping::new("once-next", "acs:ram::*:user/x", "x"))?;
    events_eventually(rig, "once-next", "InvalidARN")?;
    assert_eq!(events(rig, "once-faulty")?.len(), 1);
    Ok(())
}

fn patch(rig: &Rig, name: &str, subresource: bool, patch: &Value) -> Outcome {
    let patch = patch.to_string();
    let mut arguments = vec!["patch", RESOURCE, name, "--type=merge", "-p", &patch];
    if subresource {
        arguments.push("--subresource=status");
    }
    rig.admin().ok(&arguments)?;
    Ok(())
}

pub(super) fn the_first_id_is_recorded_and_another_one_under_the_same_name_is_told(rig: &Rig) -> Outcome {
    let alice = rig.person(user("alice"))?;
    let kubectl = alice.kubectl(rig, rig.api_server())?;
    // Who matches a mapping that makes no name of him has not logged in: his id is not recorded. It would be before
    // that of alice, who comes after him.
    let bob = rig.person(user("bob"))?;
    let _nameless = rig.apply(&Mapping::new("nameless", bob.arn(), "role-{{RoleName}}"))?;
    eventually(rig, "nameless", "InvalidTemplate")?;
    let refused = bob.kubectl(rig, rig.api_server())?.run(&["auth", "whoami"])?;
    assert_unauthorized(&refused);

    let _mapping = rig.apply(&Mapping::new("recorded", alice.arn(), "alice"))?;
    assert_eq!(kubectl.whoami_eventually(SOON)?.username, "alice");
    eventually_so(rig, "recorded", "recorded", |object| object["status"]["userID"] == alice.id())?;
    eventually(rig, "recorded", "Accepted")?;
    assert_eq!(get(rig, "nameless")?["status"]["userID"], Value::Null);

    // The condition's writer keeps the id, and an edit of anything but the ARN does.
    patch(rig, "recorded", false, &json!({"spec": {"username": "alice-two"}}))?;
    let object = eventually(rig, "recorded", "Accepted")?;
    assert_eq!(object["status"]["userID"], alice.id());

    // As if alice had been somebody else, before RAM's administrator made her anew.
    patch(rig, "recorded", true, &json!({"status": {"userID": "299999999999999999"}}))?;
    next_second();
    assert_eq!(kubectl.whoami_eventually(SOON)?.username, "alice-two", "told, not refused");
    let object = eventually(rig, "recorded", "PrincipalChanged")?;
    let message = ready(&object).ok_or("no condition")?["message"].to_string();
    assert!(message.contains(alice.id()) && message.contains("299999999999999999"), "{message}");
    assert_eq!(object["status"]["userID"], "299999999999999999");
    assert_eq!(events_eventually(rig, "recorded", "PrincipalChanged")?.len(), 1);

    // With the flag she is refused.
    let strict = Replica::start(rig, "refuses-changed", &["--refuse-changed-principals"])?;
    let token = alice.token(rig, &[])?;
    let refused = review(rig, &strict.url(), &token)?;
    assert!(refused["error"].as_str().is_some_and(|error| error.contains("299999999999999999")), "{refused}");
    assert_ne!(refused["authenticated"], true);
    drop(strict);

    // The administrator says that she is the right one.
    patch(rig, "recorded", false, &json!({"spec": {"principalID": alice.id()}}))?;
    let object = eventually_so(rig, "recorded", "taken over", |object| {
        object["status"]["userID"] == alice.id()
            && ready(object).is_some_and(|ready| ready["reason"] == "Accepted")
    })?;
    assert_eq!(object["status"]["changedUserID"], Value::Null);

    // A pin to somebody else refuses her, and says so.
    patch(rig, "recorded", false, &json!({"spec": {"principalID": "288888888888888888"}}))?;
    next_second();
    assert_unauthorized(&kubectl.run(&["auth", "whoami"])?);
    eventually(rig, "recorded", "PrincipalChanged")?;

    // Another ARN: what was recorded belongs to the old one.
    let dev = format!("acs:ram::{ACCOUNT}:role/dev");
    patch(rig, "recorded", false, &json!({"spec": {"arn": dev, "principalID": null}}))?;
    let object = eventually(rig, "recorded", "Accepted")?;
    assert_eq!(object["status"]["canonicalARN"], dev);
    assert_eq!(
        (&object["status"]["userID"], &object["status"]["changedUserID"]),
        (&Value::Null, &Value::Null)
    );
    let session = rig.person(user("bob"))?.assuming(DEV_ROLE, "s1").kubectl(rig, rig.api_server())?;
    session.whoami_eventually(SOON)?;
    eventually_so(rig, "recorded", "recorded anew", |object| object["status"]["userID"] == DEV_ROLE_ID)?;
    Ok(())
}

fn review(rig: &Rig, url: &str, token: &str) -> Result<Value, libtest_mimic::Failed> {
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token},
    });
    let answer = rig.authenticator().client()?.post(url, &review)?;
    assert_eq!(answer.status, 200, "{answer:?}");
    Ok(serde_json::from_str::<Value>(&answer.body)?["status"].take())
}

pub(super) fn a_pattern_records_nobody_and_a_status_written_by_hand_lets_nobody_in(rig: &Rig) -> Outcome {
    let pattern = format!("acs:ram::{ACCOUNT}:user/ali*");
    let _pattern = rig.apply(&Mapping::new("hand-pattern", &pattern, "ali"))?;
    let _other = rig.apply(&Mapping::new("hand-other", &user("carol").arn, "admin"))?;
    let object = eventually(rig, "hand-pattern", "Accepted")?;
    assert_eq!(object["status"]["canonicalARN"], pattern);
    let alice = rig.person(user("alice"))?.kubectl(rig, rig.api_server())?;
    alice.whoami_eventually(SOON)?;

    eventually(rig, "hand-other", "Accepted")?;
    let bob = user("bob");
    patch(rig, "hand-other", true, &json!({"status": {"canonicalARN": bob.arn, "userID": bob.id}}))?;
    let kubectl = rig.person(bob)?.kubectl(rig, rig.api_server())?;
    assert_unauthorized(&kubectl.run(&["auth", "whoami"])?);
    // And it is put right again.
    eventually_so(rig, "hand-other", "put right", |object| {
        object["status"]["canonicalARN"] == user("carol").arn && object["status"]["userID"] == Value::Null
    })?;
    assert_eq!(get(rig, "hand-pattern")?["status"]["userID"], Value::Null);
    Ok(())
}

/// Gives the authenticator its rights back, however the scenario ends.
struct Rights<'a>(&'a Rig);

impl Drop for Rights<'_> {
    fn drop(&mut self) {
        let _ = self.0.allow_the_authenticator();
    }
}

pub(super) fn without_rights_logins_go_on_and_the_log_names_the_right(rig: &Rig) -> Outcome {
    let admin = rig.admin();
    let outage = rig.authenticator().stop()?;
    let mark = rig.authenticator().log().mark();
    let log = rig.authenticator().log();
    let _rights = Rights(rig);
    admin.ok(&["delete", "role", SERVER_USER, "-n", "kube-system"])?;
    admin.ok(&["delete", "role", SERVER_USER, "-n", "default"])?;
    let no_status = r#"[{"op": "remove", "path": "/rules/2"}]"#;
    admin.ok(&["patch", "clusterrole", SERVER_USER, "--type=json", "-p", no_status])?;
    outage.end()?;
    let alice = rig.person(user("alice"))?;
    let _mapping = rig.apply(&Mapping::new("no-rights", alice.arn(), "alice"))?;
    let _faulty = rig.apply(&Mapping::new("no-rights-faulty", "acs:ram::*:user/x", "x"))?;
    let logs_in = || -> Outcome {
        next_second();
        assert_eq!(alice.kubectl(rig, rig.api_server())?.whoami_eventually(SOON)?.username, "alice");
        Ok(())
    };
    logs_in()?;
    let says = |text: &str| log.line(mark, text, SOON, |line| line.contains(text)).map(drop);
    says("give the rights to create leases")?;
    says("give the rights to get ramidentitymappings and to patch ramidentitymappings/status")?;
    rig.allow_the_authenticator()?;
    admin.ok(&["delete", "role", SERVER_USER, "-n", "default"])?;
    // Nobody restarts anything.
    eventually(rig, "no-rights-faulty", "InvalidARN")?;
    says("give the right to create events")?;
    logs_in()
}

fn holder(rig: &Rig) -> Result<String, libtest_mimic::Failed> {
    let path = "jsonpath={.spec.holderIdentity}";
    Ok(rig.admin().ok(&["get", "lease", "ack-ram-authenticator", "-n", "kube-system", "-o", path])?)
}

fn identity_in(line: &str) -> &str {
    line.split("identity=").nth(1).unwrap_or_default().trim().trim_matches('"')
}

pub(super) fn when_the_holder_of_the_lease_is_killed_another_takes_over_and_every_login_passes(
    rig: &Rig,
) -> Outcome {
    let alice = rig.person(user("alice"))?;
    let _mapping = rig.apply(&Mapping::new("failover", alice.arn(), "alice"))?;
    let kubectl = alice.kubectl(rig, rig.api_server())?;
    kubectl.whoami_eventually(SOON)?;

    // The one that the API server knows gives the lease back when it ends; the other takes it at once.
    let replica = Replica::start(rig, "replica", &[])?;
    let _first = rig.apply(&Mapping::new("failover-first", &user("bob").arn, "bob"))?;
    eventually(rig, "failover-first", "Accepted")?;
    let metrics = replica.metrics()?;
    for line in [
        "ack_ram_authenticator_leader 0",
        "ack_ram_authenticator_status_writes_total{result=\"done\"} 0",
        "ack_ram_authenticator_status_writes_total{result=\"conflict\"} 0",
        "ack_ram_authenticator_ramidentitymappings{reason=\"Accepted\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    let outage = rig.authenticator().stop()?;
    let line = replica.log().line(e2e::log::Mark::default(), LEADING, SOON, |line| line.contains(LEADING))?;
    let mark = rig.authenticator().log().mark();
    outage.end()?;
    let first = identity_in(&line).to_owned();
    assert_eq!(holder(rig)?, first);
    assert!(replica.metrics()?.contains("ack_ram_authenticator_leader 1"));

    // Logins through the API server, one after another, over all of what follows.
    let is_over = Arc::new(AtomicBool::new(false));
    let logins = {
        let (is_over, kubectl) = (Arc::clone(&is_over), kubectl.clone());
        std::thread::spawn(move || {
            let (mut passed, mut failed) = (0u32, Vec::new());
            while !is_over.load(Ordering::Relaxed) {
                match kubectl.whoami() {
                    Ok(_) => passed += 1,
                    Err(error) => failed.push(error.to_string()),
                }
            }
            (passed, failed)
        })
    };
    replica.kill();
    let _faulty = rig.apply(&Mapping::new("failover-faulty", "acs:ram::*:user/x", "x"))?;
    let told = eventually(rig, "failover-faulty", "InvalidARN");
    is_over.store(true, Ordering::Relaxed);
    let (passed, failed) = logins.join().map_err(|_| "the thread of logins panicked")?;
    told?;
    assert!(failed.is_empty(), "{failed:?}");
    assert!(passed > 10, "{passed} logins prove little");
    let line = rig.authenticator().log().line(mark, LEADING, SOON, |line| line.contains(LEADING))?;
    assert_eq!(holder(rig)?, identity_in(&line));
    assert_ne!(holder(rig)?, first);
    Ok(())
}
