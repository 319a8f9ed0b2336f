//! A folder of files, served over TLS as an object store or a web server would: where a cluster's issuer is published, so
//! that RAM (here: the emulator) and `ack-ram-tool` fetch discovery document and keys for real.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::error::{Error, Result};
use crate::pki::Authority;
use crate::ports::Port;
use crate::run_dir::RunDir;

/// For the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of every file: both documents of an issuer are JSON, and no name says so.
const CONTENT_TYPE: &str = "application/json";

/// An HTTPS server at 127.0.0.1 that publishes the files of one folder; it ends when this value is dropped.
#[derive(Debug)]
pub struct Site {
    folder: PathBuf,
    authority: String,
    shared: Arc<Shared>,
    port: Port,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    folder: PathBuf,
    tls: Mutex<TlsAcceptor>,
    is_away: AtomicBool,
    asked: Mutex<Vec<String>>,
}

impl Site {
    /// A site that publishes the folder `name` of the scratch folder at `https://127.0.0.1:PORT/NAME`. It shows a
    /// certificate of an intermediate authority, and that one's, as public sites do.
    ///
    /// # Errors
    /// A certificate cannot be made, or there is no free port.
    pub fn start(run: &RunDir, name: &str) -> Result<Self> {
        let (authority, tls) = certificate(run, name)?;
        let parent = run.folder(&format!("sites/{name}"))?;
        let folder = parent.join(name);
        std::fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
        let port = Port::take()?;
        let listener = std::net::TcpListener::bind(port.address()).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let shared = Arc::new(Shared {
            folder: parent,
            tls: Mutex::new(TlsAcceptor::from(Arc::new(tls))),
            is_away: AtomicBool::new(false),
            asked: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let known = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = serve(listener, known) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { folder, authority, shared, port, stop: Some(stop), thread: Some(thread) })
    }

    /// `https://127.0.0.1:PORT/NAME`: what its documents call the issuer.
    #[must_use]
    pub fn url(&self) -> String {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        format!("https://{}/{name}", self.address())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The folder whose files it publishes: what is put there is there for everybody.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The root that vouches for its certificate, PEM.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Breaks off every connection from now on, before anything is said.
    pub fn go_away(&self) {
        self.shared.is_away.store(true, Ordering::Relaxed);
    }

    /// Answers again.
    pub fn come_back(&self) {
        self.shared.is_away.store(false, Ordering::Relaxed);
    }

    /// Shows a certificate of other authorities from now on, as when its owner changes the vendor; the root is the answer.
    ///
    /// # Errors
    /// A certificate cannot be made.
    pub fn change_authority(&mut self, run: &RunDir) -> Result<&str> {
        let (authority, tls) = certificate(run, "issuer-site-next")?;
        *lock(&self.shared.tls) = TlsAcceptor::from(Arc::new(tls));
        self.authority = authority;
        Ok(&self.authority)
    }

    /// The paths that were asked for since this was last called, with what was answered: `200 /NAME/…`.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.shared.asked))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed<E: std::fmt::Display>(reason: E) -> Error {
    Error::answer("starting a site")(reason)
}

/// The root, PEM, and a server with a certificate of an authority below it.
fn certificate(run: &RunDir, name: &str) -> Result<(String, ServerConfig)> {
    let root = Authority::create(run, &format!("{name}-root"))?;
    let intermediate = root.below(run, &format!("{name}-intermediate"))?;
    let pair = intermediate.server(name)?;
    let mut chain = Vec::new();
    for pem in [&pair.certificate, &intermediate.pem] {
        chain.push(CertificateDer::from_pem_slice(pem.as_bytes()).map_err(failed)?);
    }
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).map_err(failed)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(failed)?;
    Ok((root.pem, tls))
}

async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _from)) = listener.accept().await else { continue };
        if shared.is_away.load(Ordering::Relaxed) {
            continue;
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // What breaks off is seen at the other end.
            let _ = tokio::time::timeout(PATIENCE, connection(stream, shared)).await;
        });
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) -> Option<()> {
    let tls = lock(&shared.tls).clone();
    let stream = tls.accept(stream).await.ok()?;
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(&shared, &request);
        async move { Ok::<_, Infallible>(response) }
    });
    // One request a connection: who has gone away is gone at once.
    let mut http = http1::Builder::new();
    http.keep_alive(false).timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await.ok()
}

fn answer(shared: &Shared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let file = local(&shared.folder, path).filter(|_file| request.method() == Method::GET);
    let body = file.and_then(|file| std::fs::read(file).ok());
    let status = if body.is_some() { 200 } else { 404 };
    lock(&shared.asked).push(format!("{status} {path}"));
    let mut response = Response::new(Full::new(Bytes::from(body.unwrap_or_default())));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static(CONTENT_TYPE));
    response
}

/// The file of a path, inside the folder.
fn local(folder: &Path, path: &str) -> Option<PathBuf> {
    let inside = Path::new(path.strip_prefix('/')?);
    let is_plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
    is_plain.then(|| folder.join(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_folder_are_published() {
        let folder = Path::new("/site");
        let file = local(folder, "/c1/.well-known/openid-configuration");
        assert_eq!(file, Some(folder.join("c1/.well-known/openid-configuration")));
        for path in ["/c1/../../etc/passwd", "//etc/passwd", "c1", ""] {
            assert_eq!(local(folder, path), None, "{path}");
        }
    }
}
