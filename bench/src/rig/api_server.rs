//! As much of an API server as the webhook for pods needs to become ready: two lists, watches in which nothing happens, and
//! its own webhook configuration. Plain HTTP on loopback, inside this process; while reviews are measured nobody asks it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::{NAMESPACE, SERVICE_ACCOUNT};
use crate::error::{Error, Result};

const CONFIGURATION: &str =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/ack-pod-identity-webhook";

/// It runs until it is dropped.
#[derive(Debug)]
pub(super) struct ApiServer {
    address: SocketAddr,
    _runtime: Runtime,
}

impl ApiServer {
    /// With one namespace, one service account, and a webhook configuration that trusts `certificate` (PEM).
    ///
    /// # Errors
    /// There is no port.
    pub(super) fn start(certificate: &str) -> Result<ApiServer> {
        let ca_bundle: Arc<str> = STANDARD.encode(certificate).into();
        let what = "starting an API server";
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Error::failed(what))?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).map_err(Error::failed(what))?;
        let address = listener.local_addr().map_err(Error::failed(what))?;
        runtime.spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                let ca_bundle = Arc::clone(&ca_bundle);
                let service = service_fn(move |request| answer(request, Arc::clone(&ca_bundle)));
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Ok(ApiServer { address, _runtime: runtime })
    }

    /// Writes a kubeconfig for it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write_kubeconfig(&self, file: &Path) -> Result<()> {
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "bench",
            "clusters": [{"name": "bench", "cluster": {"server": format!("http://{}", self.address)}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench", "namespace": "webhooks"}}],
            "users": [{"name": "bench", "user": {}}],
        });
        // JSON is YAML.
        std::fs::write(file, kubeconfig.to_string()).map_err(Error::file("write", file))
    }
}

async fn answer(
    request: Request<Incoming>,
    ca_bundle: Arc<str>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().query().unwrap_or_default().contains("watch=true") {
        std::future::pending::<()>().await;
    }
    let (status, body) = match known(request.uri().path(), &ca_bundle) {
        Some(known) if request.method() == http::Method::GET => (StatusCode::OK, known),
        _ => (
            StatusCode::NOT_FOUND,
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}),
        ),
    };
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn known(path: &str, ca_bundle: &str) -> Option<Value> {
    let metadata = match path {
        "/api/v1/namespaces" => json!({
            "name": NAMESPACE,
            "resourceVersion": "1",
            "labels": {"pod-identity.alibabacloud.com/injection": "on"},
        }),
        "/api/v1/serviceaccounts" => json!({
            "name": SERVICE_ACCOUNT,
            "namespace": NAMESPACE,
            "resourceVersion": "1",
            "annotations": {"pod-identity.alibabacloud.com/role-name": "shop"},
        }),
        CONFIGURATION => {
            return Some(json!({
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "MutatingWebhookConfiguration",
                "metadata": {"name": "ack-pod-identity-webhook", "resourceVersion": "1"},
                "webhooks": [{
                    "name": "pods.ack-pod-identity-webhook",
                    "clientConfig": {"url": "https://127.0.0.1/mutate", "caBundle": ca_bundle},
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                }],
            }));
        }
        _ => return None,
    };
    let item = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata});
    Some(json!({
        "apiVersion": "meta.k8s.io/v1",
        "kind": "PartialObjectMetadataList",
        "metadata": {"resourceVersion": "1"},
        "items": [item],
    }))
}
