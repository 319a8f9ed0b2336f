//! The built program, an API server that answers as it is told to, and the other API server's side: reviews.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
#![allow(dead_code, reason = "each test file uses its part of the rig")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use webhook_server::respond::{self, Answer as HttpAnswer};
use webhook_server::serve::{Limits, Server};

pub(crate) const NEEDED: [&str; 4] = ["--cluster-id", "c0ffee", "--account-id", "1234567890123456"];

/// The program as a child process; ended, by its id, when dropped.
pub(crate) struct Program {
    child: Child,
    stderr: PathBuf,
    stdout: PathBuf,
}

impl Program {
    pub(crate) fn start(folder: &Path, name: &str, arguments: &[&str]) -> Program {
        let (stderr, stdout) =
            (folder.join(format!("{name}.stderr.log")), folder.join(format!("{name}.stdout.log")));
        let child = Command::new(env!("CARGO_BIN_EXE_ack-pod-identity-webhook"))
            .args(arguments)
            .env_clear()
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Program { child, stderr, stdout }
    }

    /// What it has logged by now. A line is written a moment after it was logged, so this reads until nothing more comes.
    pub(crate) fn stderr(&self) -> String {
        let read = || fs::read_to_string(&self.stderr).unwrap();
        let mut text = read();
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(50));
            let before = std::mem::replace(&mut text, read());
            if before == text {
                break;
            }
        }
        text
    }

    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The most memory that it has held, in KiB.
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }

    fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end, generously.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "still running; stderr:\n{}", self.stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Polls until there is a value; the program must go on running meanwhile.
    pub(crate) async fn until<T>(&mut self, mut poll: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let log = self.stderr();
            if let Some(value) = poll(&log) {
                return value;
            }
            assert!(self.is_running() && Instant::now() < deadline, "stderr:\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for the line of the log that has `words`, and gives the address in it.
    pub(crate) async fn address(&mut self, words: &str) -> String {
        self.until(|log| {
            let line = log.lines().find(|line| line.contains(words))?;
            Some(line.split("address=").nth(1)?.split(' ').next()?.to_owned())
        })
        .await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end: exit code, stdout, stderr.
pub(crate) fn run(arguments: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), arguments)
}

pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut program = Program::start(folder, "command", arguments);
    let status = program.wait();
    (status.code().unwrap(), program.stdout(), program.stderr())
}

/// An API server in plain HTTP: namespace `shop` is on, service account `seller` in it has a role, `broken` one that is
/// none. There is no MutatingWebhookConfiguration.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeApi(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Before a read of one object is answered.
    delay_ms: AtomicU64,
    reads: AtomicUsize,
    has_no_lists: AtomicBool,
    events: AtomicUsize,
    lease: Mutex<Option<Value>>,
}

impl FakeApi {
    /// Begins to answer; a kubeconfig for it in `folder`.
    pub(crate) fn start(folder: &Path) -> FakeApi {
        let api = FakeApi::default();
        let limits = Limits { request: Duration::from_secs(3600), ..Limits::default() };
        let server = Server::bind(std::net::SocketAddr::from(([127, 0, 0, 1], 0)), None, limits).unwrap();
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", server.address())}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "webhooks"}}],
            "users": [{"name": "u", "user": {}}],
        });
        fs::write(folder.join("api.kubeconfig"), kubeconfig.to_string()).unwrap();
        let answering = api.clone();
        let answer = move |request| answering.clone().answer(request);
        tokio::spawn(server.serve(answer, CancellationToken::new(), Duration::from_secs(1)));
        api
    }

    /// Reads of one object take this long from now on.
    pub(crate) fn slow_down(&self, by: Duration) {
        self.0.delay_ms.store(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Lists fail from now on, so that nothing is ever synced.
    pub(crate) fn refuse_lists(&self, refuse: bool) {
        self.0.has_no_lists.store(refuse, Ordering::SeqCst);
    }

    /// How many objects were read one by one.
    pub(crate) fn reads(&self) -> usize {
        self.0.reads.load(Ordering::SeqCst)
    }

    /// How many Events were sent.
    pub(crate) fn events(&self) -> usize {
        self.0.events.load(Ordering::SeqCst)
    }

    /// Who holds the Lease, wherever it is; none before anybody did.
    pub(crate) fn holder(&self) -> Option<String> {
        let lease = self.0.lease.lock().unwrap();
        lease.as_ref().and_then(|lease| Some(lease["spec"]["holderIdentity"].as_str()?.to_owned()))
    }

    /// Stores what is sent; a resource version of it is not held against anything.
    async fn lease(&self, method: &Method, body: Incoming) -> HttpAnswer {
        let sent = body.collect().await.unwrap().to_bytes();
        let mut lease = self.0.lease.lock().unwrap();
        if method != Method::GET {
            *lease = Some(serde_json::from_slice(&sent).unwrap());
        }
        match &*lease {
            Some(lease) => respond::json(StatusCode::OK, lease.to_string()),
            None => not_found(),
        }
    }

    async fn answer(self, request: http::Request<Incoming>) -> HttpAnswer {
        let (request, body) = request.into_parts();
        if request.uri.path().contains("/leases") {
            return self.lease(&request.method, body).await;
        }
        if request.uri.query().unwrap_or_default().contains("watch=true") {
            std::future::pending::<()>().await;
        }
        if request.method != Method::GET {
            let is_event = request.uri.path().ends_with("/events");
            self.0.events.fetch_add(usize::from(is_event), Ordering::SeqCst);
            return not_found();
        }
        let objects = match request.uri.path() {
            "/api/v1/namespaces" => vec![namespace()],
            "/api/v1/serviceaccounts" => service_accounts(),
            path => {
                let metadata = |object: &Value| object["metadata"].clone();
                let found = std::iter::once(namespace()).chain(service_accounts()).find(|object| {
                    let metadata = metadata(object);
                    let name = metadata["name"].as_str().unwrap();
                    match metadata["namespace"].as_str() {
                        None => path == format!("/api/v1/namespaces/{name}"),
                        Some(namespace) => {
                            path == format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}")
                        }
                    }
                });
                let Some(found) = found else { return not_found() };
                self.0.reads.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(self.0.delay_ms.load(Ordering::SeqCst))).await;
                return respond::json(StatusCode::OK, found.to_string());
            }
        };
        if self.0.has_no_lists.load(Ordering::SeqCst) {
            return respond::text(StatusCode::INTERNAL_SERVER_ERROR, "no");
        }
        let list = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
                          "metadata": {"resourceVersion": "1"}, "items": objects});
        respond::json(StatusCode::OK, list.to_string())
    }
}

fn not_found() -> HttpAnswer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                        "reason": "NotFound", "message": "not found"});
    respond::json(StatusCode::NOT_FOUND, status.to_string())
}

fn object(metadata: &Value) -> Value {
    json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata})
}

fn namespace() -> Value {
    let labels = json!({"pod-identity.alibabacloud.com/injection": "on"});
    object(&json!({"name": "shop", "resourceVersion": "1", "labels": labels}))
}

fn service_accounts() -> Vec<Value> {
    let with_role = |name: &str, role: &str| {
        let annotations = json!({"pod-identity.alibabacloud.com/role-name": role});
        object(
            &json!({"name": name, "namespace": "shop", "resourceVersion": "1", "annotations": annotations}),
        )
    };
    let plain = object(&json!({"name": "plain", "namespace": "shop", "resourceVersion": "1"}));
    vec![with_role("seller", "shop-seller"), with_role("broken", "no role"), plain]
}

/// A running server and its API server.
pub(crate) struct Rig {
    pub(crate) api: FakeApi,
    pub(crate) folder: TempDir,
    pub(crate) program: Program,
    pub(crate) client: reqwest::Client,
    /// As in `https://localhost:8443`.
    pub(crate) base: String,
    health: String,
}

impl Rig {
    /// A server with a certificate for `localhost` in files.
    pub(crate) async fn start(more: &[&str]) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let api = FakeApi::start(folder.path());
        Rig::start_with(folder, api, more).await
    }

    pub(crate) async fn start_with(folder: TempDir, api: FakeApi, more: &[&str]) -> Rig {
        let client = certificate(folder.path());
        let mut program = start_server(folder.path(), "server", "127.0.0.1:0", more);
        let health = program.address("answering health").await;
        let address = program.address("answering AdmissionReviews").await;
        let (_, port) = address.rsplit_once(':').unwrap();
        let base = format!("https://localhost:{port}");
        Rig { api, folder, program, client, base, health }
    }

    /// One without any connection.
    pub(crate) fn fresh_client(&self) -> reqwest::Client {
        client(self.folder.path(), None)
    }

    /// One that shows this certificate.
    pub(crate) fn client_that_shows(&self, identity: reqwest::Identity) -> reqwest::Client {
        client(self.folder.path(), Some(identity))
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        answer(self.client.get(format!("{}{path}", self.base)).send().await.unwrap()).await
    }

    /// The plain-HTTP port.
    pub(crate) async fn health(&self, path: &str) -> (StatusCode, String) {
        answer(self.client.get(format!("http://{}{path}", self.health)).send().await.unwrap()).await
    }

    /// Waits until it is ready.
    pub(crate) async fn ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.health("/readyz").await.0 != StatusCode::OK {
            assert!(Instant::now() < deadline, "{}", self.program.stderr());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> (StatusCode, String) {
        answer(self.request(body).send().await.unwrap()).await
    }

    pub(crate) fn request(&self, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("{}/mutate?timeout=5s", self.base));
        request.header("content-type", "application/json").body(body)
    }

    /// The `response` of a review that is answered.
    pub(crate) async fn review(&self, service_account: &str) -> Value {
        let (status, text) = self.post(review(service_account)).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()["response"].clone()
    }
}

/// Starts a server on `listen`, with the files and the kubeconfig in `folder`.
pub(crate) fn start_server(folder: &Path, name: &str, listen: &str, more: &[&str]) -> Program {
    let mut arguments = vec!["server", "--kubeconfig", "api.kubeconfig", "--listen", listen];
    arguments.extend(["--health-address", "127.0.0.1:0", "--log-level", "trace"]);
    arguments.extend(["--tls-cert-file", "tls.crt", "--tls-private-key-file", "tls.key"]);
    arguments.extend(NEEDED);
    arguments.extend(more);
    Program::start(folder, name, &arguments)
}

/// A certificate for `localhost` in files, and a client that trusts it and nothing else.
fn certificate(folder: &Path) -> reqwest::Client {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("tls.crt"), made.cert.pem()).unwrap();
    fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    client(folder, None)
}

fn client(folder: &Path, shown: Option<reqwest::Identity>) -> reqwest::Client {
    let certificate = fs::read(folder.join("tls.crt")).unwrap();
    let builder = reqwest::Client::builder();
    let builder = match shown {
        Some(identity) => builder.identity(identity),
        None => builder,
    };
    builder
        .tls_certs_only([reqwest::Certificate::from_pem(&certificate).unwrap()])
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

async fn answer(response: reqwest::Response) -> (StatusCode, String) {
    (response.status(), response.text().await.unwrap())
}

pub(crate) fn review(service_account: &str) -> String {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "web-"},
        "spec": {"serviceAccountName": service_account, "containers": [{"name": "web", "image": "web"}]}
    });
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "shop",
            "operation": "CREATE",
            "userInfo": {"username": "anna"},
            "object": pod,
            "dryRun": false,
        }
    })
    .to_string()
}
