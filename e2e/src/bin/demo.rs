//! `make demo`: the whole flow on loopback, with the programs as they are run in earnest and nothing
//! emulated but Alibaba Cloud. No cluster, no account, no root: in place of an API server, this
//! program posts the TokenReviews.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use e2e::http::Client;
use e2e::ports::Port;
use e2e::process::{self, Service, isolated};
use e2e::run_dir::RunDir;
use e2e::{Error, Result, programs};
use serde_json::{Value, json};

const READY: Duration = Duration::from_secs(30);
const CLUSTER: &str = "cdemo0000000000000000000000000000";
/// Who lives in the emulated cloud; `docs/ram-emulator.md` explains the file.
const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/emulator/examples/ram-emulator.yaml");
const MAPPINGS: &str = r#"server:
  mapUsers:
    - userarn: acs:ram::1234567890123456:user/alice
      username: alice
      groups: [developers]
  mapRoles:
    - rolearn: acs:ram::1234567890123456:role/dev
      username: "dev:{{SessionName}}"
      groups: [developers, on-call]
"#;

/// Somebody who logs in.
struct Login {
    who: &'static str,
    access_key: (&'static str, &'static str),
    role: Option<(&'static str, &'static str)>,
}

const LOGINS: [Login; 3] = [
    Login { who: "RAM user alice", access_key: ("LTAIalice", "alice-secret-for-tests"), role: None },
    Login {
        who: "alice in role dev, session alice@example.com",
        access_key: ("LTAIalice", "alice-secret-for-tests"),
        role: Some(("acs:ram::1234567890123456:role/dev", "alice@example.com")),
    },
    Login {
        who: "RAM user bob, whom no mapping names",
        access_key: ("LTAIbob", "bob-secret-for-tests"),
        role: None,
    },
];

fn main() -> ExitCode {
    if let Some(code) = e2e::guard::run_if_asked() {
        return code;
    }
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match demonstrate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demonstrate() -> Result<()> {
    let run = RunDir::create(&format!("demo-{}", std::process::id()))?;
    let sts = Sts::start(&run)?;
    say(&format!("ram-emulator           plays STS at {}", sts.address));
    let webhook = Webhook::start(&run, &sts)?;
    say(&format!("ack-ram-authenticator  answers TokenReviews at {}", webhook.url));
    let tool = programs::install("ack-ram-tool", run.scratch())?;
    let outcomes: Vec<Outcome> = LOGINS
        .iter()
        .map(|login| {
            let token = token(&tool, &sts, login)?;
            let status = webhook.review(&token)?;
            report(login, &token, &status);
            Ok(Outcome::of(&status))
        })
        .collect::<Result<_>>()?;
    // What was shown must be what the text around it says.
    let expected = [Outcome::Accepted, Outcome::Accepted, Outcome::Refused];
    if outcomes != expected {
        return Err(unexpected("the demo", &format!("{expected:?} were due, {outcomes:?} came")));
    }
    run.forget_logs();
    say(
        "\nIn a cluster, kubectl gets the token from ack-ram-tool by itself and the API server posts the review.",
    );
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Refused,
}

impl Outcome {
    fn of(status: &Value) -> Self {
        if status.get("authenticated") == Some(&Value::Bool(true)) { Self::Accepted } else { Self::Refused }
    }
}

/// The emulated cloud.
struct Sts {
    address: String,
    ca: PathBuf,
    _service: Service,
}

impl Sts {
    fn start(run: &RunDir) -> Result<Self> {
        let mut command = isolated(&programs::install("ram-emulator", run.scratch())?);
        command.args(["serve", "--config", DIRECTORY, "--state-dir"]).arg(run.folder("emulator")?);
        let mut service = Service::start("ram-emulator", command, &run.logs().join("ram-emulator.log"))?;
        let log = service.log().clone();
        let start = log.mark();
        let mut ready = None;
        service.wait_until("ram-emulator to be ready", READY, || {
            ready = log.since(start).lines().find_map(Self::parse);
            ready.is_some()
        })?;
        let (address, ca) = ready.unwrap_or_default();
        Ok(Self { address, ca, _service: service })
    }

    /// The line that it prints when it is ready: `{"endpoint":"https://127.0.0.1:PORT","ca":"PATH"}`.
    fn parse(line: &str) -> Option<(String, PathBuf)> {
        let line: Value = serde_json::from_str(line).ok()?;
        let address = line.get("endpoint")?.as_str()?.strip_prefix("https://")?;
        Some((address.to_owned(), line.get("ca")?.as_str()?.into()))
    }
}

/// The authenticator, with mappings from its config file.
struct Webhook {
    url: String,
    client: Client,
    _service: Service,
    _ports: [Port; 2],
}

impl Webhook {
    fn start(run: &RunDir, sts: &Sts) -> Result<Self> {
        let (port, health) = (Port::take()?, Port::take()?);
        let state = run.folder("authenticator")?;
        let mut command = isolated(&programs::install("ack-ram-authenticator", run.scratch())?);
        command
            .args(["server", "--cluster-id", CLUSTER, "--sts-endpoint", &sts.address, "--sts-ca-file"])
            .arg(&sts.ca)
            .args(["--port", &port.number().to_string(), "--health-address", &health.address().to_string()])
            .arg("--state-dir")
            .arg(&state)
            .arg("--generate-kubeconfig")
            .arg(state.join("webhook.kubeconfig"))
            .arg("--config")
            .arg(run.file("authenticator.yaml", MAPPINGS)?);
        let log = run.logs().join("ack-ram-authenticator.log");
        let mut service = Service::start("ack-ram-authenticator", command, &log)?;
        let probe = Client::new("")?;
        let ready = format!("http://{}/readyz", health.address());
        let is_ready = || probe.get(&ready).is_ok_and(|answer| answer.status == 200);
        service.wait_until("ack-ram-authenticator to be ready", READY, is_ready)?;
        let certificate = state.join("cert.pem");
        let pem = std::fs::read_to_string(&certificate).map_err(Error::file("read", certificate))?;
        let url = format!("https://{}/authenticate", port.address());
        Ok(Self { url, client: Client::new(&pem)?, _service: service, _ports: [port, health] })
    }

    /// The `status` of the answer to a TokenReview.
    fn review(&self, token: &str) -> Result<Value> {
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token},
        });
        let answer = self.client.post(&self.url, &review)?;
        let body: Value =
            serde_json::from_str(&answer.body).map_err(Error::answer("reading a TokenReview"))?;
        match (answer.status, body.get("status")) {
            (200, Some(status)) => Ok(status.clone()),
            _ => Err(unexpected("a TokenReview", &format!("HTTP {}: {}", answer.status, answer.body))),
        }
    }
}

/// `ack-ram-tool credential-plugin get-token`, as kubectl runs it.
fn token(tool: &Path, sts: &Sts, login: &Login) -> Result<String> {
    let mut command = isolated(tool);
    let (id, secret) = login.access_key;
    command
        .args(["credential-plugin", "get-token", "--cluster-id", CLUSTER, "--sts-endpoint", &sts.address])
        .env("ALIBABA_CLOUD_ACCESS_KEY_ID", id)
        .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)
        .env("SSL_CERT_FILE", &sts.ca);
    if let Some((role, session)) = login.role {
        command.args(["--role-arn", role]).env("ALIBABA_CLOUD_ROLE_SESSION_NAME", session);
    }
    let printed = process::run(command, READY)?.success()?;
    let printed: Value =
        serde_json::from_str(&printed).map_err(Error::answer("reading an ExecCredential"))?;
    let token = printed.pointer("/status/token").and_then(Value::as_str);
    token.map(str::to_owned).ok_or_else(|| unexpected("get-token", "no status.token in what it prints"))
}

fn report(login: &Login, token: &str, status: &Value) {
    let start: String = token.chars().take(28).collect();
    say(&format!("\n{}\n  token              {start}... ({} bytes)", login.who, token.len()));
    if Outcome::of(status) == Outcome::Refused {
        say(&format!("  refused            {}", text(status, "/error")));
        return;
    }
    for name in ["username", "groups", "extra/arn", "extra/canonicalArn", "extra/sessionName"] {
        let value = text(status, &format!("/user/{name}"));
        if !value.is_empty() {
            say(&format!("  {name:<18} {value}"));
        }
    }
}

/// A text, or a list of texts, as a person reads it.
fn text(status: &Value, pointer: &str) -> String {
    match status.pointer(pointer) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    }
}

fn say(text: &str) {
    // A reader that went away (`make demo | head`) is no fault of the demo.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn unexpected(what: &str, reason: &str) -> Error {
    Error::Answer { what: what.to_owned(), reason: reason.to_owned() }
}

/// Kept so that a moved example file is a build error, not a run-time one.
const _: &[u8] = include_bytes!("../../../crates/emulator/examples/ram-emulator.yaml");
