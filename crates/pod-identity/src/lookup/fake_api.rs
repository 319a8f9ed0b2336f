//! An API server for faults: namespaces and service accounts that are listed, watched and read one by one. How a real one
//! behaves is shown by the end-to-end tests.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use http::{Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use kube::client::Body;
use serde_json::{Value, json};

/// What happens to a request.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// The connection breaks.
    Break,
    /// A `Status` with this code and reason.
    Status(u16, &'static str),
    /// No answer ever comes.
    Hang,
    /// The answer comes later.
    Slow(Duration),
}

#[derive(Clone, Default)]
pub(super) struct FakeApi(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// By path, as in `/api/v1/namespaces/a/serviceaccounts/b`.
    objects: BTreeMap<String, Value>,
    /// For the next reads of single objects.
    read_faults: VecDeque<Fault>,
    /// For all reads of single objects from now on.
    read_fault: Option<Fault>,
    /// For all lists and watches from now on.
    list_fault: Option<Fault>,
    watchers: Vec<(String, UnboundedSender<Value>)>,
    calls: Vec<String>,
}

type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

pub(super) fn namespace(name: &str, injection: &str) -> Value {
    json!({"metadata": {"name": name, "uid": name, "resourceVersion": "2",
           "labels": {"pod-identity.alibabacloud.com/injection": injection}}})
}

/// A service account in namespace `demo`; no role: no annotation.
pub(super) fn account(name: &str, role: Option<&str>) -> Value {
    let annotations = role.map_or(json!({}), |role| json!({"pod-identity.alibabacloud.com/role-name": role}));
    json!({"metadata": {"namespace": "demo", "name": name, "uid": name, "resourceVersion": "2",
           "annotations": annotations}})
}

fn path(object: &Value) -> String {
    let name = object.pointer("/metadata/name").unwrap().as_str().unwrap();
    match object.pointer("/metadata/namespace").and_then(Value::as_str) {
        Some(namespace) => format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}"),
        None => format!("/api/v1/namespaces/{name}"),
    }
}

fn collection(path: &str) -> &'static str {
    if path.contains("serviceaccounts") { "/api/v1/serviceaccounts" } else { "/api/v1/namespaces" }
}

impl FakeApi {
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

    /// Stores objects; no watch tells of them.
    pub(super) fn store(&self, objects: impl IntoIterator<Item = Value>) {
        self.state().objects.extend(objects.into_iter().map(|object| (path(&object), object)));
    }

    /// Removes an object; no watch tells of it.
    pub(super) fn remove(&self, object: &Value) {
        self.state().objects.remove(&path(object));
    }

    /// Sends an event to the open watch of that kind of object. There must be one.
    pub(super) fn send(&self, kind: &str, object: &Value) {
        let mut state = self.state();
        let wanted = collection(&path(object));
        let event = json!({"type": kind, "object": object});
        state.watchers.retain(|(_, watcher)| !watcher.is_closed());
        let told = state
            .watchers
            .iter()
            .filter(|(watched, _)| watched == wanted)
            .filter(|(_, watcher)| watcher.unbounded_send(event.clone()).is_ok())
            .count();
        assert!(told > 0, "nobody watches {wanted}");
    }

    pub(super) fn end_watches(&self) {
        self.state().watchers.clear();
    }

    pub(super) fn fail_lists(&self, fault: Option<Fault>) {
        self.state().list_fault = fault;
    }

    pub(super) fn fail_reads(&self, fault: Option<Fault>) {
        self.state().read_fault = fault;
    }

    pub(super) fn fail_next_reads(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().read_faults.extend(faults);
    }

    /// Lists and watches so far: `path?query`.
    pub(super) fn lists(&self) -> Vec<String> {
        self.state().calls.iter().filter(|call| call.contains("limit=") || is_watch(call)).cloned().collect()
    }

    /// Reads of single objects so far: `path?query`.
    pub(super) fn reads(&self) -> Vec<String> {
        let is_list = |call: &str| call.contains("limit=") || is_watch(call);
        self.state().calls.iter().filter(|call| !is_list(call)).cloned().collect()
    }

    async fn answer(&self, request: Request<Body>) -> std::io::Result<Answer> {
        let uri = request.uri().to_string();
        let accept = request.headers().get(header::ACCEPT).unwrap().to_str().unwrap();
        assert!(accept.contains("as=PartialObjectMetadata"), "more than metadata is asked for: {accept}");
        let path = request.uri().path().to_owned();
        let is_list = path == collection(&path);
        let fault = {
            let mut state = self.state();
            state.calls.push(uri.clone());
            match is_list {
                true => state.list_fault.clone(),
                false => state.read_faults.pop_front().or_else(|| state.read_fault.clone()),
            }
        };
        match fault {
            Some(Fault::Break) => return Err(std::io::Error::other("the connection is broken")),
            Some(Fault::Status(code, reason)) => return Ok(status(code, reason)),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
            None => {}
        }
        Ok(match (is_list, is_watch(&uri)) {
            (true, true) => self.open_watch(&path),
            (true, false) => self.list(&path),
            _ => {
                let object = self.state().objects.get(&path).cloned();
                object.map_or_else(|| status(404, "NotFound"), |object| json_answer(200, &object))
            }
        })
    }

    fn list(&self, path: &str) -> Answer {
        let state = self.state();
        let objects = state.objects.iter().filter(|(object, _)| collection(object) == path);
        let items: Vec<&Value> = objects.map(|(_, object)| object).collect();
        json_answer(200, &json!({"metadata": {"resourceVersion": "1"}, "items": items}))
    }

    fn open_watch(&self, path: &str) -> Answer {
        let (sender, events) = unbounded::<Value>();
        self.state().watchers.push((path.to_owned(), sender));
        let frames = events.map(|event| Ok(Frame::data(Bytes::from(format!("{event}\n")))));
        Response::new(StreamBody::new(frames).boxed_unsync())
    }
}

fn is_watch(uri: &str) -> bool {
    uri.contains("watch=true")
}

fn status(code: u16, reason: &str) -> Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                        "message": "for a test", "reason": reason, "code": code});
    json_answer(code, &status)
}

fn json_answer(code: u16, value: &Value) -> Answer {
    let body = Full::from(value.to_string()).map_err(|never| match never {}).boxed_unsync();
    Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
}
