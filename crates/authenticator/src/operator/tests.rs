#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use identity::pattern::AnyAccount;
use identity::{CallerIdentity, IdentityCheck, Principal, Source};
use jiff::Timestamp;
use kube::client::Body;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::metrics::OperatorMetrics;
use super::recorder::{LoginObserver, Recorder};
use super::write::Statuses;
use crate::custom_resource::{
    Checked, Entry, MappingObject, Objects, Reason, RuleReader, Stated, Verdict, canonical_arn, check, patch,
};

fn object(spec: Value, status: Value) -> Value {
    json!({
        "apiVersion": "ramauthenticator.k8s.alibabacloud/v1alpha1",
        "kind": "RAMIdentityMapping",
        "metadata": {"name": "m", "uid": "u", "resourceVersion": "5", "generation": 3},
        "spec": spec,
        "status": status,
    })
}

fn reader() -> RuleReader {
    RuleReader::new(AnyAccount::Refuse)
}

fn checked(object: &Value) -> Checked {
    check(&reader(), &serde_json::from_value::<MappingObject>(object.clone()).unwrap())
}

fn verdict(object: &Value, shadow: Option<&Source>, refuse_changed: bool) -> Verdict {
    let entry = Entry::of(&serde_json::from_value(object.clone()).unwrap(), checked(object));
    Verdict::of(&entry.checked, entry.changed_id.as_deref(), shadow, refuse_changed)
}

fn patched(object: &Value) -> Option<Value> {
    let now: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
    patch(&Stated::of(object), &verdict(object, None, false), &checked(object), 3, "5", now)
}

fn user(name: &str, id: &str) -> Principal {
    let arn = format!("acs:ram::1:user/{name}");
    let identity = CallerIdentity { identity_type: "RAMUser", account_id: "1", principal_id: id, arn: &arn };
    Principal::from_caller_identity(&identity).unwrap()
}

fn alice() -> Value {
    json!({"arn": "acs:ram::1:user/Alice", "username": "alice"})
}

// What is said ---------------------------------------------------------------------------------------------

#[test]
fn each_fault_has_its_reason() {
    let reason = |spec: Value| verdict(&object(spec, Value::Null), None, false).reason;
    assert_eq!(reason(alice()), Reason::Accepted);
    for (arn, expected) in [
        ("", Reason::InvalidArn),
        ("junk", Reason::InvalidArn),
        ("acs:ram::*:user/x", Reason::InvalidArn),
        ("acs:ram::1:role/a b*", Reason::NeverMatches),
    ] {
        assert_eq!(reason(json!({"arn": arn, "username": "x"})), expected, "{arn}");
    }
    for names in [json!({}), json!({"username": ""}), json!({"username": "{{x}}"}), json!({"username": 7})] {
        let mut spec = names;
        spec["arn"] = json!("acs:ram::1:root");
        assert_eq!(reason(spec), Reason::InvalidTemplate);
    }
    assert_eq!(reason(Value::Null), Reason::InvalidArn);
    let pin = json!({"arn": "acs:ram::1:root", "username": "x", "principalID": "a b"});
    assert_eq!(reason(pin), Reason::NeverMatches);
}

#[test]
fn names_that_are_wrong_for_everybody_are_told() {
    let reason = |arn: &str, username: &str, group: &str| {
        let spec = json!({"arn": format!("acs:ram::1:{arn}"), "username": username, "groups": [group]});
        verdict(&object(spec, Value::Null), None, false)
    };
    for (arn, username, group) in [
        ("user/a", "{{SessionName}}", "g"),
        ("user/a*", "x", "{{SessionNameRaw}}"),
        ("root", "{{UserName}}", "g"),
        ("role/r", "{{UserName}}", "g"),
        ("role/*", "x", "{{UserName}}"),
        ("assumed-role/r/s", "{{UserName}}", "g"),
        ("user/*", "{{RoleName}}", "g"),
    ] {
        let verdict = reason(arn, username, group);
        assert_eq!(verdict.reason, Reason::InvalidTemplate, "{arn} {username} {group}");
        assert!(verdict.message.contains("whoever this mapping matches is refused"), "{}", verdict.message);
    }
    for (arn, username, group) in [
        ("user/a", "{{UserName}}", "x{{SessionName}}"),
        ("user/?*", "{{UserName}}", "{{AccountID}}"),
        ("root", "{{AccountID}}", "g"),
        ("role/t/r", "{{RoleName}}", "{{SessionName}}"),
        ("role/*-admin", "{{RoleName}}:{{SessionNameRaw}}", "g"),
        ("assumed-role/r/System", "{{SessionName}}", "g"),
        // Wrong for this caller and not for others: the login says so.
        ("role/r", "{{SessionName}}:x", "g"),
    ] {
        assert_eq!(reason(arn, username, group).reason, Reason::Accepted, "{arn} {username} {group}");
    }
}

#[test]
fn the_winner_is_named() {
    let winner = Source::new("CRD", "older");
    let verdict = verdict(&object(alice(), Value::Null), Some(&winner), false);
    assert_eq!(verdict.reason, Reason::Shadowed);
    assert!(verdict.message.contains("CRD/older"), "{}", verdict.message);
}

#[test]
fn a_changed_principal_is_told_until_the_pin_is_his() {
    let status = |arn: &str| json!({"canonicalARN": arn, "userID": "1", "changedUserID": "2"});
    let known = status("acs:ram::1:user/alice");
    for (refuse, said) in [(true, "was refused"), (false, "was let in")] {
        let verdict = verdict(&object(alice(), known.clone()), None, refuse);
        assert_eq!(verdict.reason, Reason::PrincipalChanged);
        assert!(verdict.message.contains(said), "{}", verdict.message);
    }
    // What was recorded under another ARN says nothing.
    for pin in [Value::Null, json!("1")] {
        let mut spec = alice();
        spec["principalID"] = pin;
        let other = object(spec, status("acs:ram::1:user/bob"));
        assert_eq!(verdict(&other, None, false).reason, Reason::Accepted);
    }
    for (pin, expected) in
        [("1", Reason::PrincipalChanged), ("2", Reason::Accepted), ("3", Reason::PrincipalChanged)]
    {
        let mut spec = alice();
        spec["principalID"] = json!(pin);
        assert_eq!(verdict(&object(spec, known.clone()), None, false).reason, expected, "{pin}");
    }
}

// What is written ------------------------------------------------------------------------------------------

#[test]
fn the_first_status_is_whole_and_the_second_is_none() {
    let patch = patched(&object(alice(), Value::Null)).unwrap();
    assert_eq!(patch["metadata"], json!({"resourceVersion": "5"}), "two writers cannot overwrite each other");
    assert_eq!(patch["status"]["observedGeneration"], 3);
    assert_eq!(patch["status"]["canonicalARN"], "acs:ram::1:user/alice");
    assert_eq!(
        patch["status"]["conditions"],
        json!([{
            "type": "Ready", "status": "True", "reason": "Accepted", "message": "in force",
            "lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": 3,
        }])
    );
    assert_eq!(patched(&object(alice(), patch["status"].clone())), None);
}

#[test]
fn the_time_of_a_condition_is_that_of_its_status_and_others_conditions_stay() {
    let mut status = patched(&object(alice(), Value::Null)).unwrap()["status"].clone();
    status["conditions"][0]["lastTransitionTime"] = json!("2020-01-01T00:00:00Z");
    status["conditions"][0]["message"] = json!("an older message");
    let foreign = json!({"type": "Reviewed", "status": "True"});
    status["conditions"].as_array_mut().unwrap().push(foreign.clone());
    let patch = patched(&object(alice(), status.clone())).unwrap();
    assert_eq!(patch["status"]["conditions"][0]["lastTransitionTime"], "2020-01-01T00:00:00Z");
    assert_eq!(patch["status"]["conditions"][1], foreign);
    let broken = json!({"arn": "junk", "username": "x"});
    let patch = patched(&object(broken, status)).unwrap();
    assert_eq!(patch["status"]["conditions"][0]["status"], "False");
    assert_eq!(patch["status"]["conditions"][0]["lastTransitionTime"], "2026-01-02T03:04:05Z");
    assert_eq!(patch["status"]["canonicalARN"], Value::Null);
}

#[test]
fn ids_stay_with_their_arn_and_go_with_it() {
    let mut status = patched(&object(alice(), Value::Null)).unwrap()["status"].clone();
    status["userID"] = json!("1");
    assert_eq!(
        patched(&object(alice(), status.clone())),
        None,
        "what a recorder wrote is no reason to write"
    );
    let bob = json!({"arn": "acs:ram::1:user/bob", "username": "alice"});
    let patch = patched(&object(bob, status)).unwrap();
    assert_eq!(patch["status"]["canonicalARN"], "acs:ram::1:user/bob");
    assert_eq!(patch["status"].get("userID"), Some(&Value::Null));
}

#[test]
fn whatever_is_in_a_status_can_be_read() {
    for status in [
        json!(7),
        json!([]),
        json!({"conditions": 7, "observedGeneration": "x", "userID": 7, "canonicalARN": []}),
        json!({"conditions": [7, null, {"type": 7}, {"type": "Ready"}, {"type": "Ready", "status": {}}]}),
    ] {
        let patch = patched(&object(alice(), status)).unwrap();
        assert_eq!(patch["status"]["conditions"][0]["reason"], "Accepted");
    }
    assert_eq!(canonical_arn(&checked(&object(alice(), json!(7)))).unwrap(), "acs:ram::1:user/alice");
}

#[test]
fn the_table_tells_of_changes_alone() {
    let objects = Objects::default();
    let mut version = objects.version();
    let entry = |status: Value| {
        let object = object(alice(), status);
        Entry::of(&serde_json::from_value(object.clone()).unwrap(), checked(&object))
    };
    objects.set("m", Some(entry(Value::Null)));
    assert!(version.has_changed().unwrap());
    version.mark_unchanged();
    objects.set("m", Some(entry(Value::Null)));
    objects.set("n", None);
    assert!(!version.has_changed().unwrap());
    objects.set("m", Some(entry(json!({"changedUserID": "2", "canonicalARN": "acs:ram::1:user/alice"}))));
    assert!(version.has_changed().unwrap());
    for name in ["a", "z"] {
        objects.set(
            name,
            Some(Entry {
                checked: Err(Arc::new((&resource::MappingError::FindField("spec")).into())),
                ..entry(Value::Null)
            }),
        );
    }
    let first = objects.page(None, 2);
    let second = objects.page(first.last().map(|(name, _)| name), 2);
    let names: Vec<&str> = first.iter().chain(&second).map(|(name, _)| &**name).collect();
    assert_eq!(names, ["a", "m", "z"]);
}

// What is recorded -----------------------------------------------------------------------------------------

/// One object behind an API that knows resource versions.
#[derive(Clone)]
struct Stored(Arc<Mutex<Value>>, Arc<Mutex<Option<Value>>>);

impl Stored {
    /// `meanwhile` is what another replica writes into the status after the first read.
    fn new(object: Value, meanwhile: Option<Value>) -> Stored {
        Stored(Arc::new(Mutex::new(object)), Arc::new(Mutex::new(meanwhile)))
    }

    fn object(&self) -> Value {
        self.0.lock().unwrap().clone()
    }

    fn merge(&self, status: &Value) {
        let mut object = self.0.lock().unwrap();
        for (key, value) in status.as_object().unwrap() {
            object["status"][key] = value.clone();
        }
        let version: u32 = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
        object["metadata"]["resourceVersion"] = json!((version + 1).to_string());
    }

    fn client(&self) -> kube::Client {
        let stored = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let stored = stored.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                Ok::<_, std::io::Error>(stored.answer(&parts.method, &body))
            }
        });
        kube::Client::new(service, "default")
    }

    fn answer(&self, method: &Method, body: &[u8]) -> Response<Body> {
        let (code, answer) = match *method {
            Method::GET => {
                let object = self.object();
                if let Some(status) = self.1.lock().unwrap().take() {
                    self.merge(&status);
                }
                (200, object)
            }
            Method::PATCH => {
                let patch: Value = serde_json::from_slice(body).unwrap();
                let version = &patch["metadata"]["resourceVersion"];
                if *version == Value::Null || *version == self.object()["metadata"]["resourceVersion"] {
                    self.merge(&patch["status"]);
                    (200, self.object())
                } else {
                    (
                        409,
                        json!({"kind": "Status", "status": "Failure", "reason": "Conflict", "message": "", "code": 409}),
                    )
                }
            }
            _ => panic!("{method}"),
        };
        Response::builder()
            .status(code)
            .header("content-type", "application/json")
            .body(Body::from(answer.to_string().into_bytes()))
            .unwrap()
    }
}

/// Lets these log in, and answers what is stored when nothing is left to record.
async fn after(stored: &Stored, logins: &[(Principal, IdentityCheck)]) -> Value {
    let metrics = OperatorMetrics::new(&prometheus::Registry::new()).unwrap();
    let (observer, queue) = LoginObserver::new(metrics.clone());
    for (principal, check) in logins {
        observer.saw_login(&Source::new("CRD", "m"), principal, check);
    }
    // The queue ends with the last observer.
    drop(observer);
    let recorder = Recorder { statuses: Statuses::new(stored.client(), reader()), metrics };
    recorder.run(queue, CancellationToken::new()).await;
    stored.object()["status"].clone()
}

fn first(principal: Principal) -> (Principal, IdentityCheck) {
    (principal, IdentityCheck::First)
}

fn changed(principal: Principal) -> (Principal, IdentityCheck) {
    (principal, IdentityCheck::Changed { expected: "1".to_owned() })
}

#[tokio::test]
async fn the_first_login_is_recorded_with_its_arn() {
    let stored = Stored::new(object(alice(), json!({})), None);
    let status = after(&stored, &[first(user("Alice", "1"))]).await;
    assert_eq!((&status["canonicalARN"], &status["userID"]), (&json!("acs:ram::1:user/alice"), &json!("1")));
}

#[tokio::test]
async fn of_two_replicas_the_first_to_write_is_kept() {
    let meanwhile = json!({"canonicalARN": "acs:ram::1:user/alice", "userID": "1"});
    let stored = Stored::new(object(alice(), json!({})), Some(meanwhile));
    let status = after(&stored, &[first(user("alice", "2"))]).await;
    assert_eq!((&status["userID"], &status["changedUserID"]), (&json!("1"), &json!("2")));
}

#[tokio::test]
async fn a_login_from_before_an_edit_is_not_recorded_after_it() {
    let bob = json!({"arn": "acs:ram::1:user/bob", "username": "b"});
    let stored = Stored::new(object(bob, json!({})), None);
    let status = after(&stored, &[first(user("alice", "1")), changed(user("alice", "1"))]).await;
    assert_eq!(status, json!({}));
}

#[tokio::test]
async fn a_pattern_records_nobody() {
    let pattern = json!({"arn": "acs:ram::1:user/*", "username": "u"});
    let stored = Stored::new(object(pattern, json!({})), None);
    assert_eq!(after(&stored, &[first(user("alice", "1"))]).await, json!({}));
}

#[tokio::test]
async fn somebody_else_than_the_one_a_pattern_is_pinned_to_is_told() {
    let pattern = json!({"arn": "acs:ram::1:user/*", "username": "u", "principalID": "1"});
    let mismatch = |principal| (principal, IdentityCheck::PinMismatch { expected: "1".to_owned() });
    let stored = Stored::new(object(pattern.clone(), json!({})), None);
    assert_eq!(
        after(&stored, &[mismatch(user("alice", "1"))]).await,
        json!({}),
        "it is the pinned one by now"
    );
    let status = after(&stored, &[mismatch(user("bob", "2")), mismatch(user("carol", "3"))]).await;
    assert_eq!((&status["userID"], &status["changedUserID"]), (&Value::Null, &json!("2")));
    let told = verdict(&object(pattern.clone(), status.clone()), None, false);
    assert_eq!(told.reason, Reason::PrincipalChanged);
    assert!(told.message.contains("with id 2, not 1 as spec.principalID says"), "{}", told.message);

    // The pin becomes his: it is no news any more, and still no id of the pattern's.
    let mut repinned = pattern;
    repinned["principalID"] = json!("2");
    let repinned = object(repinned, status);
    let accepted = verdict(&repinned, None, false);
    assert_eq!(accepted.reason, Reason::Accepted);
    let patch = patched(&repinned).unwrap();
    assert_eq!(patch.pointer("/status/changedUserID"), Some(&Value::Null));
    assert_eq!(patch.pointer("/status/userID"), None, "{patch}");
}

#[tokio::test]
async fn the_first_newcomer_is_kept_and_takes_no_further_write() {
    let known = json!({"canonicalARN": "acs:ram::1:user/alice", "userID": "1"});
    let stored = Stored::new(object(alice(), known), None);
    let status = after(&stored, &[changed(user("alice", "2")), changed(user("alice", "3"))]).await;
    assert_eq!((&status["userID"], &status["changedUserID"]), (&json!("1"), &json!("2")));
    assert_eq!(stored.object()["metadata"]["resourceVersion"], "6", "one write");
}

#[tokio::test]
async fn nobody_waits_for_the_recorder() {
    let metrics = OperatorMetrics::new(&prometheus::Registry::new()).unwrap();
    let (observer, mut queue) = LoginObserver::new(metrics);
    for number in 0..5000 {
        let principal = user("alice", &number.to_string());
        observer.saw_login(&Source::new("CRD", "m"), &principal, &IdentityCheck::First);
        observer.saw_login(&Source::new("MountedFile", "m"), &principal, &IdentityCheck::First);
        observer.saw_login(&Source::new("CRD", "m"), &principal, &IdentityCheck::Same);
    }
    drop(observer);
    let mut waiting = 0;
    while queue.recv().await.is_some() {
        waiting += 1;
    }
    assert_eq!(waiting, 1024);
}
