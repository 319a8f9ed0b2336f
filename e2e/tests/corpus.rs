//! The attack corpus, posted over HTTPS to the built `ack-ram-authenticator`, with an emulated STS that counts
//! what it is asked: `cargo test -p e2e --test corpus -- A-url`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use e2e::cloud::{CLUSTER, Cloud, user};
use e2e::corpus::{self, Entry, Key, Poster, Verdict};
use e2e::http::Client;
use e2e::ports::Port;
use e2e::process::{Service, isolated};
use e2e::programs;
use e2e::run_dir::RunDir;
use libtest_mimic::{Arguments, Failed, Trial};
use signature::Secret;

const READY: Duration = Duration::from_secs(60);

/// One authenticator for all entries. Dropped in this order.
struct Rig {
    poster: Poster,
    service: Service,
    cloud: Cloud,
    run: RunDir,
    _ports: [Port; 2],
}

impl Rig {
    fn start() -> e2e::Result<Self> {
        let run = RunDir::create(&format!("attack-corpus-{}", std::process::id()))?;
        let cloud = Cloud::start(&run)?;
        let (port, health) = (Port::take()?, Port::take()?);
        let state = run.folder("authenticator")?;
        let mapped = user("mounted");
        let config = serde_json::json!({"server": {
            "mapUsers": [{"userarn": mapped.arn, "username": "mounted", "groups": ["mounted"]}],
        }});
        let mut command = isolated(&programs::install("ack-ram-authenticator", run.scratch())?);
        command
            .args(["server", "--cluster-id", CLUSTER, "--sts-endpoint", &cloud.endpoint(), "--sts-ca-file"])
            .arg(cloud.ca_file())
            .args(["--port", &port.number().to_string(), "--health-address", &health.address().to_string()])
            .arg("--state-dir")
            .arg(&state)
            .arg("--generate-kubeconfig")
            .arg(state.join("webhook.kubeconfig"))
            .arg("--config")
            .arg(run.file("authenticator.yaml", &config.to_string())?);
        let log = run.logs().join("ack-ram-authenticator.log");
        let mut service = Service::start("ack-ram-authenticator", command, &log)?;
        let probe = Client::new("")?;
        let ready = format!("http://{}/readyz", health.address());
        service.wait_until("ack-ram-authenticator to be ready", READY, || {
            probe.get(&ready).is_ok_and(|answer| answer.status == 200)
        })?;
        let certificate = state.join("cert.pem");
        let pem = std::fs::read_to_string(&certificate).map_err(e2e::Error::file("read", certificate))?;
        let poster = Poster {
            url: format!("https://{}/authenticate", port.address()),
            client: Client::new(&pem)?,
            cluster: CLUSTER.to_owned(),
            mapped: Some(Key {
                id: mapped.access_key_id.clone(),
                secret: Secret::new(mapped.access_key_secret),
            }),
        };
        Ok(Self { poster, service, cloud, run, _ports: [port, health] })
    }

    /// Answer, calls of STS and counted reason, all three as the entry says.
    fn check(&self, entry: &Entry) -> Result<(), Failed> {
        let emulator = self.cloud.emulator();
        emulator.clear_requests();
        let before = self.poster.reasons()?;
        let verdict = self.poster.run(entry, now())?;
        if let Verdict::Failed(why) = &verdict {
            return Err(format!("{}: {why}", entry.about).into());
        }
        assert_eq!(verdict, Verdict::Held);
        let asked = emulator.requests().len();
        if asked != entry.expect.sts {
            return Err(format!("STS was asked {asked} times instead of {}", entry.expect.sts).into());
        }
        let counted = difference(&before, &self.poster.reasons()?);
        match &entry.expect.reason {
            Some(reason) => assert_eq!(counted, [(reason.clone(), 1)]),
            // Counted under a reason of its own, or not at all: once at most.
            None => assert!(counted.iter().map(|(_, count)| count).sum::<u64>() <= 1, "{counted:?}"),
        }
        Ok(())
    }
}

fn difference(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let grown = after.iter().filter_map(|(reason, count)| {
        let more = count - before.get(reason).copied().unwrap_or_default();
        (more > 0).then(|| (reason.clone(), more))
    });
    grown.collect()
}

fn main() -> ExitCode {
    if let Some(code) = e2e::guard::run_if_asked() {
        return code;
    }
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut arguments = Arguments::from_args();
    // Each entry counts the requests that reach STS meanwhile.
    arguments.test_threads = Some(1);
    let entries = match corpus::entries() {
        Ok(entries) => entries,
        Err(error) => {
            eprintln!("attack-corpus: {error}");
            return ExitCode::FAILURE;
        }
    };
    let shared: Arc<Mutex<Option<Rig>>> = Arc::default();
    let trials: Vec<Trial> = entries
        .into_iter()
        .map(|entry| {
            let shared = Arc::clone(&shared);
            Trial::test(entry.id.clone(), move || {
                let rig = shared.lock().unwrap_or_else(PoisonError::into_inner);
                rig.as_ref().ok_or("the authenticator was not started")?.check(&entry)
            })
        })
        .collect();
    if !arguments.list && trials.iter().any(|trial| !arguments.is_filtered_out(trial)) {
        match Rig::start() {
            Ok(rig) => *shared.lock().unwrap() = Some(rig),
            Err(error) => {
                eprintln!("attack-corpus: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let rig = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut rig) = rig else { return conclusion.exit_code() };
    // A program under test that has died did not hold.
    let alive = rig.service.wait_until("the authenticator still to run", READY, || true).is_ok()
        && rig.poster.reasons().is_ok();
    if conclusion.has_failed() || !alive {
        eprintln!("logs are kept in {}", rig.run.logs().display());
        return ExitCode::FAILURE;
    }
    rig.run.forget_logs();
    conclusion.exit_code()
}

/// The border to the clock.
#[allow(clippy::disallowed_methods)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
