//! As much of an API server as the servers here need to become ready: lists, watches in which nothing happens, and single
//! objects. Plain HTTP on loopback, inside this process; while reviews are measured nobody asks it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

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

use crate::error::{Error, Result};

/// It runs until it is dropped.
#[derive(Debug)]
pub(super) struct ApiServer {
    address: SocketAddr,
    _runtime: Runtime,
}

/// What is answered, by path.
pub(super) type Answers = HashMap<&'static str, Value>;

impl ApiServer {
    /// Answers a GET of each of these paths, and nothing else.
    ///
    /// # Errors
    /// There is no port.
    pub(super) fn start(answers: Answers) -> Result<ApiServer> {
        let texts = answers.into_iter().map(|(path, answer)| (path, Bytes::from(answer.to_string())));
        let answers: Arc<HashMap<&'static str, Bytes>> = Arc::new(texts.collect());
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
                let answers = Arc::clone(&answers);
                let service = service_fn(move |request| answer(request, Arc::clone(&answers)));
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
    answers: Arc<HashMap<&'static str, Bytes>>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().query().unwrap_or_default().contains("watch=true") {
        std::future::pending::<()>().await;
    }
    let known = answers.get(request.uri().path()).filter(|_| request.method() == http::Method::GET);
    let not_found =
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404});
    let (status, body) = match known {
        Some(known) => (StatusCode::OK, known.clone()),
        None => (StatusCode::NOT_FOUND, Bytes::from(not_found.to_string())),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
