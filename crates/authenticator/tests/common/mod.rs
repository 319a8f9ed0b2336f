//! The built program, an STS that checks signatures, and the clients' side: tokens and reviews.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
#![allow(dead_code, reason = "each test file uses its part of the rig")]

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use emulator::{Config, Emulator};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use openapi::Credentials;
use openapi::sts::{AssumeRole, Client, ClientOptions, SessionName};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use signature::Secret;
use tempfile::TempDir;
use token::SigningInput;

pub(crate) const ACCOUNT: &str = "1234567890123456";
pub(crate) const CLUSTER: &str = "c0ffee";
pub(crate) const ALICE: (&str, &str) = ("LTAIalice", "canary-secret-of-alice");
pub(crate) const BOB: (&str, &str) = ("LTAIbob", "canary-secret-of-bob");
pub(crate) const ROOT: (&str, &str) = ("LTAIroot", "canary-secret-of-root");

const ACCOUNTS: &str = r#"
accounts:
  - id: "1234567890123456"
    accessKeys: [{id: LTAIroot, secret: canary-secret-of-root}]
    users:
      - {name: alice, id: "222222222222222222", accessKeys: [{id: LTAIalice, secret: canary-secret-of-alice}]}
      - {name: bob, id: "222222222222222223", accessKeys: [{id: LTAIbob, secret: canary-secret-of-bob}]}
    roles:
      - name: dev
        id: "333333333333333333"
        maxSessionDuration: 3600
        trustPolicy: {Version: "1", Statement: [{Effect: Allow, Action: sts:AssumeRole, Principal: {RAM: ["acs:ram::1234567890123456:root"]}}]}
"#;

/// Mappings of alice, of the role and of the account itself; bob has none.
pub(crate) const MAPPINGS: &str = r#"
  mapUsers:
  - {userarn: "acs:ram::1234567890123456:user/Alice", username: alice, groups: [readers, "team-{{AccountID}}"]}
  - {userarn: "acs:ram::1234567890123456:root", username: owner}
  mapRoles:
  - {rolearn: "acs:ram::1234567890123456:role/dev", username: "dev:{{SessionName}}", groups: ["{{SessionNameRaw}}"]}
"#;

/// The test is a border too: the emulator and the server go by the system's time.
#[allow(clippy::disallowed_methods)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

pub(crate) async fn emulator() -> Emulator {
    Emulator::builder(Config::from_yaml(ACCOUNTS, "inline").unwrap()).start().await.unwrap()
}

/// The program as a child process; ended, by its id, when dropped.
pub(crate) struct Program {
    child: Child,
    stderr: PathBuf,
    stdout: PathBuf,
}

impl Program {
    pub(crate) fn start(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Program {
        let (stderr, stdout) = (folder.join("stderr.log"), folder.join("stdout.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_ack-ram-authenticator"));
        for name in [
            "STS_REGION",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
        ] {
            command.env_remove(name);
        }
        let child = command
            .args(arguments)
            .envs(environment.iter().copied())
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

    pub(crate) fn is_running(&mut self) -> bool {
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
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end: exit code, stdout, stderr.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut program = Program::start(folder, arguments, &[]);
    let status = program.wait();
    (status.code().unwrap(), program.stdout(), program.stderr())
}

/// A running server and its STS.
pub(crate) struct Rig {
    pub(crate) emulator: Emulator,
    pub(crate) folder: TempDir,
    pub(crate) program: Program,
    pub(crate) client: reqwest::Client,
    pub(crate) base: String,
}

/// An answer to a review.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Null where it is no JSON.
    pub(crate) fn json_or_null(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The user of a review that let in.
    pub(crate) fn user(&self) -> Value {
        let answer = self.json();
        assert_eq!(
            (self.status, &answer["status"]["authenticated"]),
            (StatusCode::OK, &json!(true)),
            "{answer}"
        );
        answer["status"]["user"].clone()
    }

    /// The error of a review that refused.
    pub(crate) fn error(&self) -> String {
        let answer = self.json();
        assert_eq!(
            (self.status, &answer["status"]["authenticated"]),
            (StatusCode::OK, &json!(false)),
            "{answer}"
        );
        assert_eq!(answer["status"].get("user"), None);
        let error = answer["status"]["error"].as_str().unwrap().to_owned();
        assert!(error.starts_with("[ack-ram-authenticator] ") && !error.contains('\n'), "{error}");
        error
    }

    /// The text of an answer that the API server asks again after.
    pub(crate) fn unavailable(&self) -> &str {
        assert_eq!(self.status, StatusCode::SERVICE_UNAVAILABLE, "{}", self.text);
        assert_eq!(self.retry_after.as_deref(), Some("1"));
        &self.text
    }
}

impl Rig {
    /// A server with [`MAPPINGS`], at the highest verbosity, with `more` flags.
    pub(crate) async fn start(more: &[&str]) -> Rig {
        Self::start_with(emulator().await, MAPPINGS, more, None).await
    }

    /// `sts` is the address of another STS than the emulator, with its CA file.
    pub(crate) async fn start_with(
        emulator: Emulator,
        mappings: &str,
        more: &[&str],
        sts: Option<(&str, &Path)>,
    ) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.yaml"), format!("clusterID: {CLUSTER}\nserver:{mappings}"))
            .unwrap();
        let address = emulator.address().to_string();
        let (address, ca_file) = sts.unwrap_or((&address, emulator.ca_file()));
        let mut arguments = vec!["server", "-c", "config.yaml", "--port", "0", "--state-dir", "state"];
        arguments.extend(["--generate-kubeconfig", "kubeconfig.yaml", "--health-address", "127.0.0.1:0"]);
        arguments.extend([
            "--log-level",
            "trace",
            "--sts-endpoint",
            address,
            "--sts-ca-file",
            ca_file.to_str().unwrap(),
        ]);
        arguments.extend(more);
        let mut program = Program::start(folder.path(), &arguments, &[]);
        let log = program.stderr.clone();
        wait_for(&mut program, || {
            fs::read_to_string(&log).unwrap().contains("answering TokenReviews").then_some(())
        });
        let kubeconfig = fs::read_to_string(folder.path().join("kubeconfig.yaml")).unwrap();
        let kubeconfig: Value = serde_saphyr::from_str(&kubeconfig).unwrap();
        let cluster = &kubeconfig["clusters"][0]["cluster"];
        let anchor = BASE64_STANDARD.decode(cluster["certificate-authority-data"].as_str().unwrap()).unwrap();
        let anchor = reqwest::Certificate::from_pem(&anchor).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_only([anchor])
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        let url = cluster["server"].as_str().unwrap();
        let base = url.strip_suffix("/authenticate").unwrap().to_owned();
        Rig { emulator, folder, program, client, base }
    }

    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.client.post(format!("{}/authenticate", self.base)).body(body);
        answer(request.send().await.unwrap()).await
    }

    /// Asks in v1.
    pub(crate) async fn review(&self, token: &str) -> Answer {
        self.post(review("authentication.k8s.io/v1", token)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.client.get(format!("{}{path}", self.base)).send().await.unwrap()).await
    }

    /// The plain-HTTP health port.
    pub(crate) async fn health(&self, path: &str) -> Answer {
        let log = self.program.stderr();
        let line = log.lines().find(|line| line.contains("answering health")).unwrap();
        let address = line.split("address=").nth(1).unwrap().trim();
        answer(self.client.get(format!("http://{address}{path}")).send().await.unwrap()).await
    }

    /// Temporary credentials of role `dev`.
    pub(crate) async fn session(&self, name: &str) -> Credentials {
        let options = ClientOptions {
            ca_file: Some(self.emulator.ca_file().to_owned()),
            ..ClientOptions::new(self.emulator.address().to_string().parse().unwrap(), "test")
        };
        let session = name.parse::<SessionName>().unwrap();
        let request = AssumeRole::new(format!("acs:ram::{ACCOUNT}:role/dev"), session);
        Client::new(&options).unwrap().assume_role(&credentials(ALICE), &request, now()).await.unwrap()
    }
}

pub(crate) async fn answer(response: reqwest::Response) -> Answer {
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    Answer { status: response.status(), retry_after, text: response.text().await.unwrap() }
}

/// Polls until there is a value; the program must go on running meanwhile.
pub(crate) fn wait_for<T>(program: &mut Program, mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(program.is_running() && Instant::now() < deadline, "stderr:\n{}", program.stderr());
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn review(version: &str, token: &str) -> String {
    json!({"apiVersion": version, "kind": "TokenReview", "metadata": {"creationTimestamp": null},
           "spec": {"token": token, "audiences": ["https://kubernetes.default.svc"]}, "status": {"user": {}}})
    .to_string()
}

pub(crate) fn credentials((id, secret): (&str, &str)) -> Credentials {
    Credentials {
        access_key_id: id.to_owned(),
        access_key_secret: Secret::new(secret),
        security_token: None,
        expiration: None,
    }
}

/// A token's ingredients, to be changed by a test.
pub(crate) struct Signing {
    pub(crate) credentials: Credentials,
    pub(crate) cluster: String,
    pub(crate) at: Timestamp,
}

impl Signing {
    pub(crate) fn by(credentials: Credentials) -> Signing {
        Signing { credentials, cluster: CLUSTER.to_owned(), at: now() }
    }

    pub(crate) fn v2(&self) -> String {
        token::sign_v2(&self.input()).expose().to_owned()
    }

    pub(crate) fn v1(&self, nonce: &str) -> String {
        token::sign_v1(&self.input(), nonce).expose().to_owned()
    }

    fn input(&self) -> SigningInput<'_> {
        SigningInput {
            cluster_id: &self.cluster,
            access_key_id: &self.credentials.access_key_id,
            secret: &self.credentials.access_key_secret,
            security_token: self.credentials.security_token.as_ref(),
            user_agent: "test",
            extra_query: &[],
            signed_at: self.at,
        }
    }
}

/// A v2 token of an access key.
pub(crate) fn token_of(key: (&str, &str)) -> String {
    Signing::by(credentials(key)).v2()
}

pub(crate) fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

/// All that is in a file.
pub(crate) fn read(path: &Path) -> String {
    let mut text = String::new();
    File::open(path).unwrap().read_to_string(&mut text).unwrap();
    text
}
