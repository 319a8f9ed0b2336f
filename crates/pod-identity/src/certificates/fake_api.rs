//! An API server for faults: one Secret and one MutatingWebhookConfiguration. How a real one behaves is shown by the
//! end-to-end tests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::arithmetic_side_effects)]

use std::sync::{Arc, Mutex, MutexGuard};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::{Method, Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use webhook_server::certs::Bundle;

#[derive(Clone, Default)]
pub(super) struct FakeApi(Arc<Mutex<State>>);

#[derive(Default)]
pub(super) struct State {
    pub(super) secret: Option<Value>,
    pub(super) configuration: Option<Value>,
    /// Who else owns `caBundle`.
    pub(super) owner: Option<&'static str>,
    /// Code of all answers to this method.
    pub(super) refused: Option<(Method, u16)>,
    /// The object changes between a read and the write that follows.
    pub(super) races: bool,
    /// No answer ever comes.
    pub(super) is_silent: bool,
    /// Method and query of each write.
    pub(super) writes: Vec<String>,
    version: u64,
}

pub(super) const SECRET: &str = "/api/v1/namespaces/system/secrets/certificates";
pub(super) const CONFIGURATION: &str =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/webhook";

impl FakeApi {
    /// As the manifests leave it: an empty Secret, and a configuration with two entries without a `caBundle`.
    pub(super) fn installed() -> FakeApi {
        let api = FakeApi::default();
        {
            let mut state = api.state();
            state.secret = Some(json!({"metadata": {"name": "certificates", "namespace": "system"}}));
            state.configuration = Some(configuration());
        }
        api
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What the first entry trusts.
    pub(super) fn bundle(&self) -> Bundle {
        let state = self.state();
        let encoded =
            state.configuration.as_ref().unwrap()["webhooks"][0]["clientConfig"]["caBundle"].as_str();
        Bundle::parse(&BASE64_STANDARD.decode(encoded.unwrap_or_default()).unwrap()).unwrap()
    }

    /// Sets the first entry's `caBundle`.
    pub(super) fn set_bundle(&self, pem: &str) {
        let mut state = self.state();
        let entry = &mut state.configuration.as_mut().unwrap()["webhooks"][0];
        entry["clientConfig"]["caBundle"] = BASE64_STANDARD.encode(pem).into();
        state.version += 1;
    }

    pub(super) fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                if api.state().is_silent {
                    std::future::pending::<()>().await;
                }
                let sent = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let (code, answer) = api.state().answer(&parts.method, &parts.uri, sent);
                Response::builder()
                    .status(code)
                    .header("content-type", "application/json")
                    .body(Body::from(answer.to_string().into_bytes()))
                    .map_err(std::io::Error::other)
            }
        });
        kube::Client::new(service, "system")
    }
}

pub(super) fn configuration() -> Value {
    let entry = |name: &str| {
        json!({"name": name, "admissionReviewVersions": ["v1"], "sideEffects": "NoneOnDryRun",
               "clientConfig": {"service": {"namespace": "system", "name": "webhook"}}})
    };
    json!({"metadata": {"name": "webhook"}, "webhooks": [entry("one"), entry("two")]})
}

fn status(code: u16, message: &str, causes: &[(&str, &str)]) -> (u16, Value) {
    let reason = if code == 404 { "NotFound" } else { "Reason" };
    let causes: Vec<_> =
        causes.iter().map(|(reason, field)| json!({"reason": reason, "field": field})).collect();
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message,
               "code": code, "details": {"causes": causes}}),
    )
}

impl State {
    fn answer(&mut self, method: &Method, uri: &http::Uri, sent: Value) -> (u16, Value) {
        if let Some((refused, code)) = &self.refused
            && refused == method
        {
            return status(*code, "refused", &[]);
        }
        let is_secret = uri.path() == SECRET;
        assert!(is_secret || uri.path() == CONFIGURATION, "{uri}");
        let version = self.version.to_string();
        let object = if is_secret { &mut self.secret } else { &mut self.configuration };
        let Some(object) = object else { return status(404, "not found", &[]) };
        object["metadata"]["resourceVersion"] = version.clone().into();
        if method == Method::GET {
            let answer = object.clone();
            self.version += u64::from(self.races);
            return (200, answer);
        }
        self.writes.push(format!("{method} {}", uri.query().unwrap_or_default()));
        if sent["metadata"]["resourceVersion"] != json!(version) {
            return status(409, "the object has been modified", &[]);
        }
        if is_secret {
            assert_eq!(method, Method::PUT);
            *object = sent;
        } else {
            assert_eq!(method, Method::PATCH);
            let force = uri.query().unwrap_or_default().contains("force=true");
            if let Some(owner) = self.owner.filter(|_| !force) {
                let message = format!("Apply failed with 1 conflict: conflict with \"{owner}\"");
                return status(409, &message, &[("FieldManagerConflict", ".webhooks")]);
            }
            self.owner = None;
            let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            for applied in sent["webhooks"].as_array().unwrap() {
                assert_eq!(keys(applied), ["clientConfig", "name"], "nothing else is claimed");
                assert_eq!(keys(&applied["clientConfig"]), ["caBundle"]);
                let entries = object["webhooks"].as_array_mut().unwrap();
                let entry = entries.iter_mut().find(|entry| entry["name"] == applied["name"]).unwrap();
                entry["clientConfig"]["caBundle"] = applied["clientConfig"]["caBundle"].clone();
            }
        }
        let answer = object.clone();
        self.version += 1;
        (200, answer)
    }
}
