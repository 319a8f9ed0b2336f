//! An API server that has some namespaces and service accounts, takes Events, and fails when told to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

#[derive(Clone, Default)]
pub(super) struct FakeApi(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    events: Vec<Value>,
    reads: usize,
    is_broken: bool,
    is_silent: bool,
}

fn status(code: u16, reason: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason})
}

impl FakeApi {
    pub(super) fn namespace(&self, name: &str, injection: &str) {
        let labels = json!({"pod-identity.alibabacloud.com/injection": injection});
        let metadata = json!({"name": name, "labels": labels, "resourceVersion": "1"});
        self.put(format!("/api/v1/namespaces/{name}"), metadata);
    }

    pub(super) fn service_account(&self, namespace: &str, name: &str, annotations: &[(&str, &str)]) {
        let annotations: BTreeMap<&str, &str> = annotations.iter().copied().collect();
        let metadata =
            json!({"name": name, "namespace": namespace, "annotations": annotations, "resourceVersion": "1"});
        self.put(format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}"), metadata);
    }

    fn put(&self, path: String, metadata: Value) {
        let object =
            json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata});
        self.0.lock().unwrap().objects.insert(path, object);
    }

    /// Answers 500 from now on.
    pub(super) fn break_down(&self) {
        self.0.lock().unwrap().is_broken = true;
    }

    /// Answers nothing from now on.
    pub(super) fn fall_silent(&self) {
        self.0.lock().unwrap().is_silent = true;
    }

    /// How many objects were read by their name.
    pub(super) fn reads(&self) -> usize {
        self.0.lock().unwrap().reads
    }

    pub(super) fn events(&self) -> usize {
        self.0.lock().unwrap().events.len()
    }

    /// Waits until there are so many.
    pub(super) async fn written_events(&self, count: usize) -> Vec<Value> {
        while self.events() < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.0.lock().unwrap().events.clone()
    }

    pub(super) fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move {
                let (code, answer) = api.answer(request).await;
                let body = Body::from(answer.to_string().into_bytes());
                Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap())
            }
        });
        kube::Client::new(service, "default")
    }

    async fn answer(&self, request: Request<Body>) -> (u16, Value) {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let (is_silent, is_broken) = {
            let state = self.0.lock().unwrap();
            (state.is_silent, state.is_broken)
        };
        // A watch stays open, and nothing changes.
        if is_silent || query.contains("watch=true") {
            std::future::pending::<()>().await;
        }
        if is_broken {
            return (500, status(500, "InternalError"));
        }
        if parts.method == Method::POST {
            let event: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
            self.0.lock().unwrap().events.push(event.clone());
            return (201, event);
        }
        let mut state = self.0.lock().unwrap();
        let path = parts.uri.path();
        if let "/api/v1/namespaces" | "/api/v1/serviceaccounts" = path {
            let list = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
                              "metadata": {"resourceVersion": "1"}, "items": []});
            return (200, list);
        }
        state.reads += 1;
        match state.objects.get(path) {
            Some(object) => (200, object.clone()),
            None => (404, status(404, "NotFound")),
        }
    }
}
