//! What the authenticator's pods need: start to ready, memory and CPU time, with few mappings and with very many, on the
//! real control plane.
//!
//! `bench-scale PROGRAM [MAPPINGS…]`: the path of a release build of `ack-ram-authenticator`. Prints figures; nothing is
//! passed or failed by them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use e2e::cloud::{ACCOUNT, BURST, CLUSTER, Identity, burst_user};
use e2e::http::Client;
use e2e::process::Service;
use e2e::rig::Rig;
use e2e::{Error, Result, burst};
use serde_json::json;
use signature::Secret;
use token::SigningInput;

/// Reviews of one stream, and connections that they come over.
const REVIEWS: usize = 4000;
const CONNECTIONS: usize = 8;
/// How long it is watched while nothing is asked.
const IDLE: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(600);

fn main() -> ExitCode {
    if let Some(code) = e2e::guard::run_if_asked() {
        return code;
    }
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut arguments = std::env::args().skip(1);
    let Some(program) = arguments.next().map(PathBuf::from) else {
        eprintln!("bench-scale: give the path of a release build of ack-ram-authenticator");
        return ExitCode::FAILURE;
    };
    let mut sizes: Vec<usize> = arguments.filter_map(|size| size.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1000, 100_000];
    }
    match bench(&program, &sizes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-scale: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(program: &Path, sizes: &[usize]) -> Result<()> {
    let rig = Rig::start()?;
    let _stopped = rig.authenticator().stop()?;
    // Under a name of its own, by which the process is found.
    let measured = rig.bin().join("ack-ram-authenticator-measured");
    std::fs::copy(program, &measured).map_err(Error::file("read", program))?;
    let mut there = 0;
    say("mappings  status   ready after   RSS       idle CPU      reviews            RSS after");
    measure(&rig, &measured, 0, &[])?;
    for &size in sizes {
        let start = Instant::now();
        create(&rig, there, size)?;
        eprintln!("{} mappings made in {:.0} s", size - there, start.elapsed().as_secs_f32());
        there = size;
        measure(&rig, &measured, size, &["--write-status=false"])?;
        measure(&rig, &measured, size, &[])?;
    }
    rig.run().forget_logs();
    Ok(())
}

/// Makes mappings `from` to `to`: first those of the people who log in, then others, a tenth of them patterns.
fn create(rig: &Rig, from: usize, to: usize) -> Result<()> {
    let admin = rig.admin();
    let _ = admin.run(&["create", "serviceaccount", "bench", "-n", "default"])?;
    let role =
        ["clusterrolebinding", "bench", "--clusterrole=cluster-admin", "--serviceaccount=default:bench"];
    let _ = admin.run(&[&["create"], &role[..]].concat())?;
    let bearer = format!("Bearer {}", admin.ok(&["create", "token", "bench", "-n", "default"])?.trim());
    let path = rig.certificate_authority();
    let authority = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
    let url = format!(
        "{}/apis/ramauthenticator.k8s.alibabacloud/v1alpha1/ramidentitymappings",
        rig.api_server().url()
    );
    let next = AtomicUsize::new(from);
    let work = || -> Result<()> {
        let client = Client::new(&authority)?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= to {
                return Ok(());
            }
            let arn = match number {
                number if number < BURST => burst_user(number).arn,
                number if number % 10 == 0 => format!("acs:ram::{ACCOUNT}:role/team-{number}-*"),
                number => format!("acs:ram::{ACCOUNT}:user/somebody-{number}@example.com"),
            };
            let object = json!({
                "apiVersion": "ramauthenticator.k8s.alibabacloud/v1alpha1",
                "kind": "RAMIdentityMapping",
                "metadata": {"name": format!("scale-{number}")},
                "spec": {"arn": arn, "username": burst::username(number), "groups": ["developers", "on-call"]},
            });
            let headers = [("authorization".to_owned(), bearer.clone())];
            loop {
                let answer = client.request("POST", &url, &headers, object.to_string())?;
                match answer.status {
                    201 => break,
                    429 => std::thread::sleep(Duration::from_millis(200)),
                    status => {
                        let reason = format!("status {status}: {}", answer.body);
                        return Err(Error::Answer { what: "making a mapping".to_owned(), reason });
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a thread panicked"))
    })
}

fn measure(rig: &Rig, program: &Path, size: usize, more: &[&str]) -> Result<()> {
    let authenticator = rig.authenticator();
    let mut command = authenticator.command_of(program, "server");
    command.args(more);
    let log = rig.run().logs().join(format!("measured-{size}-{}.log", more.len()));
    let client = authenticator.client()?;
    let ready = authenticator.url().replace("/authenticate", "/readyz");
    let start = Instant::now();
    let mut service = Service::start("the measured server", command, &log)?;
    let is_ready = || client.get(&ready).is_ok_and(|answer| answer.status == 200);
    service.wait_until("the measured server to be ready", DEADLINE, is_ready)?;
    let ready_after = start.elapsed();
    let process = Process::of(program)?;
    std::thread::sleep(Duration::from_secs(3));
    let (synced, before) = (process.resident_mib(), process.cpu());
    std::thread::sleep(IDLE);
    let idle = (process.cpu() - before) / IDLE.as_secs_f64();
    let reviews = if size == 0 { "-".to_owned() } else { stream(rig, &process, idle)? };
    say(&format!(
        "{size:>8}  {:<7} {:>8.2} s {:>8.0} MiB {:>8.3} s/s   {reviews}   {:>8.0} MiB (peak {:.0})",
        if more.is_empty() { "written" } else { "off" },
        ready_after.as_secs_f64(),
        synced,
        idle,
        process.resident_mib(),
        process.peak_mib(),
    ));
    service.terminate(Duration::from_secs(30)).map(drop)
}

/// New tokens of a thousand people by turns, each of which needs a call to STS.
fn stream(rig: &Rig, process: &Process, idle: f64) -> Result<String> {
    let (next, let_in) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (before, start) = (process.cpu(), Instant::now());
    let work = || -> Result<()> {
        let client = rig.authenticator().client()?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= REVIEWS {
                return Ok(());
            }
            let status = burst::review(rig, &client, &fresh_token(&burst_user(number % BURST)))?;
            let who = status.pointer("/user/username").and_then(serde_json::Value::as_str);
            if who == Some(burst::username(number % BURST).as_str()) {
                let_in.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a thread panicked"))
    })?;
    let took = start.elapsed().as_secs_f64();
    let cpu = (process.cpu() - before - idle * took).max(0.0);
    let count = let_in.load(Ordering::Relaxed);
    Ok(format!(
        "{count} of {REVIEWS} let in, {:.0}/s, {:.3} ms CPU each",
        REVIEWS as f64 / took,
        cpu * 1000.0 / REVIEWS as f64
    ))
}

#[allow(clippy::disallowed_methods)]
fn fresh_token(identity: &Identity) -> String {
    let token = token::sign_v2(&SigningInput {
        cluster_id: CLUSTER,
        access_key_id: &identity.access_key_id,
        secret: &Secret::new(identity.access_key_secret.clone()),
        security_token: None,
        user_agent: "bench-scale",
        extra_query: &[],
        signed_at: jiff::Timestamp::now(),
    });
    token.expose().to_owned()
}

/// A process as `/proc` shows it (proc(5)).
struct Process(PathBuf);

impl Process {
    fn of(program: &Path) -> Result<Process> {
        let all = std::fs::read_dir("/proc").map_err(Error::file("read", "/proc"))?;
        let found = all
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| std::fs::read_link(path.join("exe")).is_ok_and(|exe| exe == program));
        found.map(Process).ok_or_else(|| Error::Answer {
            what: "looking for the process".to_owned(),
            reason: "there is none".to_owned(),
        })
    }

    fn status_mib(&self, key: &str) -> f64 {
        let status = std::fs::read_to_string(self.0.join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        let kib: f64 = line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or_default();
        kib / 1024.0
    }

    fn resident_mib(&self) -> f64 {
        self.status_mib("VmRSS:")
    }

    fn peak_mib(&self) -> f64 {
        self.status_mib("VmHWM:")
    }

    /// Seconds of CPU time so far, user and system, in hundredths.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(self.0.join("stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks = after_name.split_whitespace().skip(11).take(2);
        ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
    }
}

/// Figures go to stdout.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
