//! An API server for faults: one resource that is listed and watched, and one CustomResourceDefinition.
//! How a real one behaves is shown by the end-to-end tests.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use cluster::watch::Retry;
use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use identity::{CallerIdentity, Principal};
use kube::client::Body;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::BackendMode;
use super::snapshot::{Lookup, Mappings, Publisher};

pub(super) const RETRY: Retry = Retry { first: Duration::from_millis(2), longest: Duration::from_millis(10) };

/// What happens to a request.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// The connection breaks.
    Break,
    /// A `Status` with this code and reason.
    Status(u16, &'static str),
    /// The text that an API server sends for a path it does not know.
    UnknownPath,
}

#[derive(Clone)]
pub(super) struct FakeApi(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: Vec<Value>,
    list_fault: Option<Fault>,
    watch_fault: Option<Fault>,
    watchers: Vec<UnboundedSender<Value>>,
    crd: Option<Value>,
    crd_faults: VecDeque<(Method, Fault)>,
    calls: Vec<String>,
}

type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

impl FakeApi {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { api.answer(request).await }
        });
        kube::Client::new(service, "default")
    }

    /// What lists return from now on.
    pub(super) fn list(&self, objects: Vec<Value>) {
        let mut state = self.state();
        state.objects = objects;
        state.list_fault = None;
    }

    pub(super) fn fail_lists(&self, fault: Fault) {
        self.state().list_fault = Some(fault);
    }

    pub(super) fn fail_watches(&self, fault: Option<Fault>) {
        self.state().watch_fault = fault;
    }

    /// Sends an event to all open watches. There must be one.
    pub(super) fn send(&self, kind: &str, object: Value) {
        let mut state = self.state();
        state.watchers.retain(|w| w.unbounded_send(json!({"type": kind, "object": object.clone()})).is_ok());
        assert!(!state.watchers.is_empty(), "nobody watches");
    }

    /// Ends all open watches.
    pub(super) fn end_watches(&self) {
        self.state().watchers.clear();
    }

    pub(super) fn watches(&self) -> usize {
        self.state().watchers.len()
    }

    pub(super) fn set_crd(&self, crd: Option<Value>) {
        self.state().crd = crd;
    }

    pub(super) fn crd(&self) -> Option<Value> {
        self.state().crd.clone()
    }

    /// The next request of this method for the definition fails.
    pub(super) fn fail_crd(&self, method: Method, fault: Fault) {
        self.state().crd_faults.push_back((method, fault));
    }

    /// `METHOD path?query` of all requests so far.
    pub(super) fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    async fn answer(&self, request: Request<Body>) -> std::io::Result<Answer> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.unwrap();
        let uri = parts.uri.to_string();
        self.state().calls.push(format!("{} {uri}", parts.method));
        if parts.uri.path().contains("customresourcedefinitions") {
            return self.answer_crd(&parts.method, &body);
        }
        let state = self.state();
        let is_watch = uri.contains("watch=true");
        let fault = if is_watch { state.watch_fault.clone() } else { state.list_fault.clone() };
        drop(state);
        match fault {
            Some(fault) => fail(&fault),
            None if is_watch => Ok(self.open_watch()),
            None => {
                let objects = self.state().objects.clone();
                Ok(json_answer(200, &json!({"metadata": {"resourceVersion": "1"}, "items": objects})))
            }
        }
    }

    fn open_watch(&self) -> Answer {
        let (sender, events) = unbounded::<Value>();
        self.state().watchers.push(sender);
        let frames = events.map(|event| Ok(Frame::data(Bytes::from(format!("{event}\n")))));
        Response::new(StreamBody::new(frames).boxed_unsync())
    }

    fn answer_crd(&self, method: &Method, body: &[u8]) -> std::io::Result<Answer> {
        let mut state = self.state();
        if state.crd_faults.front().is_some_and(|(next, _)| next == method) {
            return fail(&state.crd_faults.pop_front().unwrap().1);
        }
        match (method, &state.crd) {
            (&Method::GET, Some(crd)) => Ok(json_answer(200, crd)),
            (&Method::GET, None) => fail(&Fault::Status(404, "NotFound")),
            (&Method::POST, None) => {
                let mut crd: Value = serde_json::from_slice(body).unwrap();
                let stored = json_answer(201, &crd);
                crd.as_object_mut().unwrap().insert("status".into(), established("True"));
                state.crd = Some(crd);
                Ok(stored)
            }
            (&Method::POST, Some(_)) => fail(&Fault::Status(409, "AlreadyExists")),
            _ => panic!("{method} of the definition"),
        }
    }
}

/// The status of a definition that the API server serves or does not serve yet.
pub(super) fn established(status: &str) -> Value {
    json!({
        "acceptedNames": {"kind": "RAMIdentityMapping", "plural": "ramidentitymappings"},
        "storedVersions": ["v1alpha1"],
        "conditions": [{"type": "Established", "status": status, "reason": "", "message": "",
                        "lastTransitionTime": "2026-01-01T00:00:00Z"}],
    })
}

fn fail(fault: &Fault) -> std::io::Result<Answer> {
    match fault {
        Fault::Break => Err(std::io::Error::other("the connection is broken")),
        Fault::Status(code, reason) => {
            let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                                "message": "for a test", "reason": reason, "code": code});
            Ok(json_answer(*code, &status))
        }
        Fault::UnknownPath => {
            let body = Full::from("404 page not found\n").map_err(|never| match never {}).boxed_unsync();
            Ok(Response::builder().status(404).body(body).unwrap())
        }
    }
}

fn json_answer(code: u16, value: &Value) -> Answer {
    let body = Full::from(value.to_string()).map_err(|never| match never {}).boxed_unsync();
    Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
}

/// A `RAMIdentityMapping`.
pub(super) fn mapping(name: &str, arn: &str, username: &str) -> Value {
    json!({
        "apiVersion": "ramauthenticator.k8s.alibabacloud/v1alpha1",
        "kind": "RAMIdentityMapping",
        "metadata": {"name": name, "uid": name, "resourceVersion": "2",
                     "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"arn": arn, "username": username},
    })
}

/// A RAM user of account 1.
pub(super) fn user(name: &str) -> Principal {
    principal("RAMUser", "222", &format!("acs:ram::1:user/{name}"))
}

/// A session `s` of a role of account 1.
pub(super) fn session(role: &str) -> Principal {
    principal("AssumedRoleUser", "333:s", &format!("acs:ram::1:assumed-role/{role}/s"))
}

fn principal(identity_type: &str, principal_id: &str, arn: &str) -> Principal {
    let identity = CallerIdentity { identity_type, account_id: "1", principal_id, arn };
    Principal::from_caller_identity(&identity).unwrap()
}

/// The user name of a mapped principal.
pub(super) fn username(mappings: &Mappings, principal: &Principal) -> Option<String> {
    match mappings.lookup(principal) {
        Lookup::Mapped { user, .. } => Some(user.username),
        _ => None,
    }
}

/// Mappings of one backend, and what it publishes to. They end with the guard.
pub(super) fn single(mode: BackendMode) -> (Mappings, Publisher, CancellationToken, impl Drop) {
    let shutdown = CancellationToken::new();
    let mappings = Mappings::new(&[mode]);
    tokio::spawn(mappings.clone().keep_current(shutdown.clone()));
    let publisher = mappings.publisher(0);
    (mappings, publisher, shutdown.clone(), shutdown.drop_guard())
}

/// Waits until it is so.
pub(super) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..2000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("after ten seconds it is still not so that {what}");
}

/// Long enough for whatever a backend does wrong to have happened.
pub(super) async fn settle() {
    tokio::time::sleep(Duration::from_millis(80)).await;
}
