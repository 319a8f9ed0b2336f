//! A mutating admission webhook of somebody else: real TLS, in this process, with a patch that a scenario decides.

use std::convert::Infallible;
use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::error::{Error, Result};
use crate::pki::{Authority, Pair};
use crate::rig::Rig;

/// An API server's request is at most 3 MiB of objects.
const LONGEST_BODY: usize = 8 * 1024 * 1024;
/// A connection that is kept for nothing; the API server opens another one.
const LONGEST_CONNECTION: Duration = Duration::from_secs(120);

/// From a review to a JSON patch, a list of operations.
type Patch = dyn Fn(&Value) -> Value + Send + Sync;

/// A webhook that runs until it is dropped.
#[derive(Debug)]
pub struct AdmissionWebhook {
    name: String,
    address: SocketAddr,
    authority: String,
    asked: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl AdmissionWebhook {
    /// Listens on a port of its own.
    ///
    /// # Errors
    /// Certificate or listener cannot be made.
    pub fn start(
        rig: &Rig,
        name: &str,
        patch: impl Fn(&Value) -> Value + Send + Sync + 'static,
    ) -> Result<Self> {
        let authority = Authority::create(rig.run(), name)?;
        let acceptor = TlsAcceptor::from(Arc::new(tls(&authority.server(name)?).map_err(failed(name))?));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(failed(name))?;
        listener.set_nonblocking(true).map_err(failed(name))?;
        let address = listener.local_addr().map_err(failed(name))?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed(name))?;
        let asked = Arc::<AtomicUsize>::default();
        let (stop, stopped) = oneshot::channel();
        let (patch, count): (Arc<Patch>, _) = (Arc::new(patch), Arc::clone(&asked));
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(listener, acceptor, patch, count) => {}
                    _ = stopped => {}
                }
            });
        });
        let name = name.to_owned();
        let authority = authority.pem;
        Ok(Self { name, address, authority, asked, stop: Some(stop), thread: Some(thread) })
    }

    /// A webhook configuration of its name for pods that are made in `namespace`; fail-closed.
    #[must_use]
    pub fn configuration(&self, namespace: &str) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": self.name},
            "webhooks": [{
                "name": format!("{}.example.com", self.name),
                "clientConfig": {
                    "url": format!("https://{}/mutate", self.address),
                    "caBundle": STANDARD.encode(&self.authority),
                },
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "timeoutSeconds": 10,
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [{
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE"],
                    "resources": ["pods"],
                }],
            }],
        })
    }

    /// How many reviews it has answered.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for AdmissionWebhook {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn failed<E: std::fmt::Display>(name: &str) -> impl FnOnce(E) -> Error {
    Error::answer(format!("starting the webhook {name}"))
}

fn tls(pair: &Pair) -> std::result::Result<ServerConfig, Box<dyn std::error::Error>> {
    let chain = CertificateDer::pem_reader_iter(Cursor::new(&pair.certificate))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_reader(Cursor::new(&pair.key))?;
    Ok(ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?)
}

async fn accept(
    listener: std::net::TcpListener,
    acceptor: TlsAcceptor,
    patch: Arc<Patch>,
    asked: Arc<AtomicUsize>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _from)) = listener.accept().await else { continue };
        let serving = serve(stream, acceptor.clone(), Arc::clone(&patch), Arc::clone(&asked));
        tokio::spawn(tokio::time::timeout(LONGEST_CONNECTION, serving));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, patch: Arc<Patch>, asked: Arc<AtomicUsize>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(|request| answer(request, &*patch, &asked));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    patch: &Patch,
    asked: &AtomicUsize,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let body = Limited::new(request.into_body(), LONGEST_BODY).collect().await;
    let review: Option<Value> = body.ok().and_then(|body| serde_json::from_slice(&body.to_bytes()).ok());
    let mut response = Response::default();
    let Some(review) = review else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    let answer = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {
            "uid": review.pointer("/request/uid"),
            "allowed": true,
            "patchType": "JSONPatch",
            "patch": STANDARD.encode(patch(&review).to_string()),
        },
    });
    asked.fetch_add(1, Ordering::Relaxed);
    *response.body_mut() = Full::from(answer.to_string());
    Ok(response)
}
