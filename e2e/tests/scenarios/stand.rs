//! An authenticator with files, port and API server of its own, beside those of the rig: for what would disturb every
//! other scenario. And people who log in to it without a pause, with a new token each time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use e2e::cloud::{CLUSTER, burst_user};
use e2e::control_plane::ApiServer;
use e2e::error::Error;
use e2e::http::{Answer, Client};
use e2e::ports::Port;
use e2e::process::{self, Service, isolated};
use e2e::rig::Rig;
use serde_json::{Value, json};

use super::SOON;
use super::refusals::fresh_token;

/// Who may log in; each has an access key.
const PEOPLE: usize = e2e::cloud::BURST;

/// Files and ports of an authenticator.
pub(super) struct Stand<'a> {
    rig: &'a Rig,
    pub(super) name: &'static str,
    pub(super) folder: PathBuf,
    pub(super) port: Port,
    health: Port,
    config: PathBuf,
}

impl<'a> Stand<'a> {
    /// An empty state folder, and a configuration that maps people in the file alone.
    pub(super) fn new(rig: &'a Rig, name: &'static str) -> e2e::Result<Self> {
        let (port, health) = (Port::take()?, Port::take()?);
        let folder = rig.run().folder(name)?;
        let users: Vec<Value> = (0..PEOPLE)
            .map(|number| json!({"userarn": burst_user(number).arn, "username": username(number)}))
            .collect();
        let config = json!({
            "clusterID": CLUSTER,
            "server": {
                "port": port.number(),
                "stateDir": folder,
                "generateKubeconfig": folder.join("ack-ram-authenticator.kubeconfig"),
                "backendMode": ["MountedFile"],
                "mapUsers": users,
            },
        });
        let config = rig.run().file(&format!("{name}.yaml"), &config.to_string())?;
        Ok(Self { rig, name, folder, port, health, config })
    }

    /// `init` in the state folder.
    pub(super) fn init(&self, more: &[&str]) -> e2e::Result<()> {
        let mut command = self.program();
        command.current_dir(&self.folder).arg("init").arg("--config").arg(&self.config).args(more);
        process::run(command, SOON)?.success().map(|_text| ())
    }

    fn program(&self) -> Command {
        isolated(&self.rig.bin().join("ack-ram-authenticator"))
    }

    /// The webhook kubeconfig that `init` or `server` has written.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.folder.join("ack-ram-authenticator.kubeconfig")
    }

    /// `server`, ready, as `health` says of this very process.
    pub(super) fn server(&self, process_name: &str, more: &[&str]) -> e2e::Result<Service> {
        let socket = self.rig.run().scratch().join(format!("{}-{process_name}.sock", self.name));
        let mut command = self.program();
        command
            .arg("server")
            .arg("--config")
            .arg(&self.config)
            .args(["--sts-endpoint", &self.rig.cloud().endpoint(), "--sts-ca-file"])
            .arg(self.rig.cloud().ca_file())
            .args(["--health-address", &self.health.address().to_string(), "--health-socket"])
            .arg(&socket)
            .args(more);
        let log = self.rig.run().logs().join(format!("{}-{process_name}.log", self.name));
        let mut service = Service::start(process_name, command, &log)?;
        let is_ready = || {
            let mut command = self.program();
            command.args(["health", "--socket"]).arg(&socket);
            process::run(command, SOON).is_ok_and(|output| output.status == 0)
        };
        service.wait_until(&format!("{process_name} to be ready"), SOON, is_ready)?;
        Ok(service)
    }

    /// An API server that asks this authenticator.
    pub(super) fn api_server(&self, kubeconfig: &Path) -> e2e::Result<ApiServer> {
        self.rig.another_api_server(&format!("kube-apiserver-{}", self.name), kubeconfig)
    }

    /// GET of the TLS port, which is trusted by what `cert.pem` holds.
    pub(super) fn get(&self, path: &str) -> e2e::Result<Answer> {
        self.client()?.get(&format!("https://localhost:{}{path}", self.port.number()))
    }

    /// A client that trusts `cert.pem`, and shows no certificate.
    pub(super) fn client(&self) -> e2e::Result<Client> {
        let path = self.folder.join("cert.pem");
        Client::new(&std::fs::read_to_string(&path).map_err(Error::file("read", path))?)
    }

    /// The value of a metric.
    pub(super) fn metric(&self, name: &str) -> e2e::Result<f64> {
        let page = self.get("/metrics")?.body;
        let line = page.lines().find_map(|line| line.strip_prefix(&format!("ack_ram_authenticator_{name} ")));
        line.and_then(|value| value.parse().ok()).ok_or_else(|| Error::Answer {
            what: format!("looking for the metric {name}"),
            reason: "it is not on the page".to_owned(),
        })
    }
}

fn username(number: usize) -> String {
    format!("person-{number:04}")
}

/// Logs in as somebody who has not been seen for a while, with a new token; what went wrong otherwise.
pub(super) fn log_in(client: &Client, server: &str, number: usize) -> Result<(), String> {
    let number = number % PEOPLE;
    let bearer = format!("Bearer {}", fresh_token(&burst_user(number)));
    let url = format!("{server}/apis/authentication.k8s.io/v1/selfsubjectreviews");
    let question = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let headers = [("authorization".to_owned(), bearer)];
    let answer = client
        .request("POST", &url, &headers, question.to_string())
        .map_err(|error| format!("no answer: {error}"))?;
    let said: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let who = said.pointer("/status/userInfo/username").and_then(Value::as_str);
    if who == Some(username(number).as_str()) {
        return Ok(());
    }
    Err(format!("status {}: {}", answer.status, answer.body.chars().take(300).collect::<String>()))
}

/// People who log in without a pause until they are told to stop.
pub(super) struct Stream {
    done: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    people: Vec<JoinHandle<Vec<String>>>,
}

impl Stream {
    /// A few threads, each with a connection of its own to the API server.
    pub(super) fn start(rig: &Rig, server: &ApiServer) -> e2e::Result<Stream> {
        let (done, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let path = rig.certificate_authority();
        let authority = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
        let next = Arc::new(AtomicUsize::new(0));
        let people = (0..4).map(|_| {
            let (done, stop, next) = (Arc::clone(&done), Arc::clone(&stop), Arc::clone(&next));
            let (client, url) = (Client::new(&authority)?, server.url());
            Ok(std::thread::spawn(move || {
                let mut failures = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    failures.extend(log_in(&client, &url, number).err());
                    done.fetch_add(1, Ordering::Relaxed);
                    // Each person's next token is of another second, and so another one.
                    std::thread::sleep(Duration::from_millis(5));
                }
                failures
            }))
        });
        let people = people.collect::<e2e::Result<Vec<_>>>()?;
        Ok(Stream { done, stop, people })
    }

    /// Waits for so many more logins.
    pub(super) fn wait_for(&self, more: usize) {
        let target = self.done.load(Ordering::Relaxed) + more;
        let start = Instant::now();
        while self.done.load(Ordering::Relaxed) < target {
            assert!(start.elapsed() < Duration::from_secs(120), "logins no longer come to an end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops, and says how many there were. Every one must have been let in.
    pub(super) fn assert_all_were_let_in(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let failures: Vec<String> =
            self.people.into_iter().flat_map(|person| person.join().expect("a thread panicked")).collect();
        let done = self.done.load(Ordering::Relaxed);
        assert!(failures.is_empty(), "{} of {done} logins failed: {:#?}", failures.len(), failures.first());
        done
    }
}
