#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;

/// No answer ever comes.
const SILENCE: (u16, &str) = (0, "");

/// An API server that takes Events, or answers as it is told to.
#[derive(Clone, Default)]
struct FakeApi(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    faults: VecDeque<(u16, &'static str)>,
    seen: Vec<(String, Value)>,
}

impl FakeApi {
    fn failing(faults: &[(u16, &'static str)]) -> FakeApi {
        let api = FakeApi::default();
        api.0.lock().unwrap().faults = faults.iter().copied().collect();
        api
    }

    fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move {
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let event: Value = serde_json::from_slice(&body).unwrap();
                let fault = {
                    let mut state = api.0.lock().unwrap();
                    state.seen.push((path, event.clone()));
                    state.faults.pop_front()
                };
                if fault == Some(SILENCE) {
                    std::future::pending::<()>().await;
                }
                let (status, answer) = match fault {
                    None => (201, event),
                    Some((code, reason)) => {
                        let kind = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure"});
                        let mut answer = kind;
                        answer["reason"] = json!(reason);
                        answer["message"] = json!(reason);
                        answer["code"] = json!(code);
                        (code, answer)
                    }
                };
                let body = Body::from(answer.to_string().into_bytes());
                Ok::<_, std::convert::Infallible>(Response::builder().status(status).body(body).unwrap())
            }
        });
        kube::Client::new(service, "default")
    }

    fn seen(&self) -> Vec<(String, Value)> {
        self.0.lock().unwrap().seen.clone()
    }
}

type Counted = Arc<Mutex<Vec<Written>>>;

fn events(api: &FakeApi) -> (Events, Writer, Counted) {
    let counted = Counted::default();
    let clock = Clock::new(|| "2026-11-23T12:00:00Z".parse().unwrap());
    let hook = {
        let counted = Arc::clone(&counted);
        move |written| counted.lock().unwrap().push(written)
    };
    let (events, writer) = Events::new(api.client(), "webhook-0", clock, hook);
    (events, writer, counted)
}

const OWNER: Owner<'static> =
    Owner { api_version: "apps/v1", kind: "ReplicaSet", name: "demo-7d4b9c", uid: "57ab5f1d" };

fn told(uid: &str) -> Told<'_> {
    Told {
        namespace: "rrsa-demo",
        owner: Owner { uid, ..OWNER },
        reason: Reason::NotInjected,
        note: "role-name \"a b\"\nis no name",
    }
}

/// Runs the writer until so many were counted.
async fn written(writer: Writer, counted: &Counted, count: usize) -> Vec<Written> {
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(writer.run(shutdown.clone()));
    while counted.lock().unwrap().len() < count {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    shutdown.cancel();
    task.await.unwrap();
    counted.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn an_event_is_about_the_owner_in_the_namespace_of_the_request() {
    let api = FakeApi::default();
    let (events, writer, counted) = events(&api);
    events.tell(&told("57ab5f1d"));
    assert_eq!(written(writer, &counted, 1).await, [Written::Done]);
    let expected = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "rrsa-demo", "name": "demo-7d4b9c.18eaaacd413b8000"},
        "type": "Warning",
        "reason": "PodIdentityNotInjected",
        "action": "InjectPodIdentity",
        "note": "role-name \"a b\" is no name",
        "regarding": {
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "demo-7d4b9c", "namespace": "rrsa-demo",
            "uid": "57ab5f1d",
        },
        "reportingController": "ack-pod-identity-webhook",
        "reportingInstance": "webhook-0",
        "eventTime": "2026-11-23T12:00:00.000000Z",
    });
    let path = "/apis/events.k8s.io/v1/namespaces/rrsa-demo/events".to_owned();
    assert_eq!(api.seen(), [(path, expected)]);
}

#[tokio::test(start_paused = true)]
async fn the_same_owner_is_told_once_and_an_owner_that_was_made_up_never() {
    let api = FakeApi::default();
    let (events, writer, counted) = events(&api);
    for _ in 0..3 {
        events.tell(&told("57ab5f1d"));
    }
    events.tell(&Told { namespace: "../kube-system", ..told("57ab5f1d") });
    events.tell(&Told { owner: Owner { name: "a/b", ..OWNER }, ..told("x") });
    events.tell(&Told { reason: Reason::LookupFailed, ..told("57ab5f1d") });
    // The same uid, made up by somebody elsewhere.
    events.tell(&Told { namespace: "other", ..told("57ab5f1d") });
    let counts = written(writer, &counted, 5).await;
    let (invalid, done) = (Written::InvalidOwner, Written::Done);
    assert_eq!(counts, [invalid, invalid, done, done, done]);
    assert_eq!(api.seen().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn telling_never_waits_and_what_is_too_much_is_counted() {
    let api = FakeApi::default();
    let (events, writer, counted) = events(&api);
    // Nobody writes yet. Each namespace stays within its share, and all together fill the queue.
    for number in 0..QUEUE + 10 {
        let namespace = format!("n{}", number % 50);
        let uid = format!("u{number}");
        events.tell(&Told { namespace: &namespace, ..told(&uid) });
    }
    assert_eq!(*counted.lock().unwrap(), [Written::Dropped; 10]);
    let counts = written(writer, &counted, QUEUE + 10).await;
    assert_eq!(counts.iter().filter(|written| **written == Written::Done).count(), QUEUE);
    // What was dropped was not told: it is taken now.
    let (desk, now) = (events.0.as_ref().unwrap(), Instant::now());
    assert_eq!(desk.put(&Told { namespace: "n5", ..told("u255") }, now), None, "told already");
    assert_eq!(
        desk.put(&Told { namespace: "n6", ..told("u256") }, now),
        Some(Written::Dropped),
        "nobody reads"
    );
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_passes_is_waited_for_and_another_is_not() {
    for (faults, expected, calls) in [
        (&[(500, "InternalError"), (429, "TooManyRequests")][..], Written::Done, 3),
        (&[(503, "ServiceUnavailable"); 4][..], Written::Failed, 4),
        (&[(403, "Forbidden")][..], Written::Denied, 1),
        (&[(404, "NotFound")][..], Written::Refused, 1),
    ] {
        let api = FakeApi::failing(faults);
        let (events, writer, counted) = events(&api);
        events.tell(&told("57ab5f1d"));
        assert_eq!(written(writer, &counted, 1).await, [expected], "{faults:?}");
        assert_eq!(api.seen().len(), calls, "{faults:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_namespace_that_forbids_it_does_not_keep_others_from_theirs() {
    let api = FakeApi::failing(&[(403, "Forbidden")]);
    let (events, writer, counted) = events(&api);
    events.tell(&told("a"));
    events.tell(&Told { namespace: "other", ..told("b") });
    let begin = Instant::now();
    assert_eq!(written(writer, &counted, 2).await, [Written::Denied, Written::Done]);
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[test]
fn none_takes_nothing() {
    Events::none().tell(&told("57ab5f1d"));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_gets_its_share_and_no_more() {
    let api = FakeApi::default();
    let (events, writer, counted) = events(&api);
    for number in 0..100 {
        events.tell(&told(&format!("u{number}")));
    }
    events.tell(&Told { namespace: "other", ..told("u0") });
    let counts = written(writer, &counted, 101).await;
    assert_eq!(counts.iter().filter(|written| **written == Written::Dropped).count(), 36);
    assert_eq!(api.seen().len(), 65);
}

#[tokio::test(start_paused = true)]
async fn events_are_written_ten_a_second() {
    let (events, writer, counted) = events(&FakeApi::default());
    for number in 0..51 {
        events.tell(&told(&format!("u{number}")));
    }
    let begun = Instant::now();
    written(writer, &counted, 51).await;
    assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_says_nothing_keeps_the_others_waiting_for_a_minute_at_most() {
    let api = FakeApi::failing(&[SILENCE; 4]);
    let (events, writer, counted) = events(&api);
    events.tell(&told("a"));
    events.tell(&told("b"));
    let begun = Instant::now();
    assert_eq!(written(writer, &counted, 2).await, [Written::Failed, Written::Done]);
    assert!(begun.elapsed() <= Duration::from_secs(61), "{:?}", begun.elapsed());
}
