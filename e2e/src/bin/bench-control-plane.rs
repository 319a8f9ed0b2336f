//! What a real control plane has a part in: how soon mappings count, and what the authenticator takes with very many.
//!
//! Prints one JSON object a figure, `{"name", "value", "unit", "note"}`; nothing is passed or failed by them. The crate `bench`
//! runs this and puts the figures into its table.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use e2e::cloud::{ACCOUNT, BURST, CLUSTER, Identity, burst_user};
use e2e::http::Client;
use e2e::mapping::Mapping;
use e2e::process::Service;
use e2e::rig::Rig;
use e2e::{Error, Result, burst};
use serde_json::{Value, json};
use signature::Secret;
use token::SigningInput;

/// Reviews of one stream.
const REVIEWS: usize = 4000;
/// Connections that reviews and new mappings come over.
const CONNECTIONS: usize = 8;
/// How long it is watched while nothing is asked.
const IDLE: Duration = Duration::from_secs(5);
/// Changes of one mapping among many.
const CHANGES: usize = 20;
const DEADLINE: Duration = Duration::from_secs(600);
const MAPPINGS: &str = "/apis/ramauthenticator.k8s.alibabacloud/v1alpha1/ramidentitymappings";

fn main() -> ExitCode {
    if let Some(code) = e2e::guard::run_if_asked() {
        return code;
    }
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match bench(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-control-plane: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures ack-ram-authenticator in a cluster of its own, one JSON object a figure.
#[derive(Debug, Parser)]
#[command(name = "bench-control-plane")]
struct Arguments {
    /// A release build of ack-ram-authenticator
    program: PathBuf,
    /// How many mappings there are, smaller numbers first
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 100_000])]
    mappings: Vec<usize>,
    /// How often a thousand mappings are applied, exact ones and patterns each
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

fn bench(arguments: &Arguments) -> Result<()> {
    let program = &arguments.program;
    let rig = Rig::start()?;
    let _stopped = rig.authenticator().stop()?;
    // Under a name of its own, by which the process is found.
    let measured = rig.bin().join("ack-ram-authenticator-measured");
    std::fs::copy(program, &measured).map_err(Error::file("read", program))?;
    let owner = Owner::new(&rig)?;
    apply_by_the_thousand(&rig, &measured, arguments.rounds)?;
    let mut there = 0;
    for &size in &arguments.mappings {
        let start = Instant::now();
        owner.create(there, size)?;
        eprintln!("{} mappings made in {:.0} s", size.saturating_sub(there), start.elapsed().as_secs_f32());
        there = size;
        with_many(&rig, &owner, &measured, size)?;
    }
    rig.run().forget_logs();
    Ok(())
}

// A thousand at once ------------------------------------------------------------------------------------------------

fn apply_by_the_thousand(rig: &Rig, program: &Path, rounds: usize) -> Result<()> {
    let measured = Measured::start(rig, program, "applied")?;
    let (mut applying, mut exact, mut patterns) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        exact.push(applied(rig, &burst::exact(&format!("exact-{round}")), &mut applying)?);
        patterns.push(applied(rig, &burst::patterns(&format!("pattern-{round}")), &mut applying)?);
    }
    let until = "from kubectl's end until the last one lets its user in; then all others were looked at";
    figure("1,000 mappings applied: all effective", median(&mut exact), "s", until);
    figure("1,000 patterns applied: all effective", median(&mut patterns), "s", until);
    let own = "kubectl apply --server-side of the thousand, from start to end: kubectl and the API server";
    figure("1,000 mappings applied: kubectl itself", median(&mut applying), "s", own);
    measured.end()
}

/// Seconds until all count, after kubectl's own.
fn applied(rig: &Rig, mappings: &[Mapping], applying: &mut Vec<f64>) -> Result<f64> {
    let client = rig.authenticator().client()?;
    let tokens: Vec<String> = (0..BURST).map(|number| fresh_token(&burst_user(number))).collect();
    let counts = |number: usize| -> Result<bool> {
        let status = burst::review(rig, &client, &tokens[number])?;
        Ok(username(&status) == Some(burst::username(number).as_str()))
    };
    let last = BURST - 1;
    expect("the last mapping not to count yet", !counts(last)?)?;
    let start = Instant::now();
    let burst = burst::apply(rig, mappings)?;
    applying.push(start.elapsed().as_secs_f64());
    let returned = Instant::now();
    wait_until("the last mapping to count", || counts(last))?;
    let counted = returned.elapsed().as_secs_f64();
    for number in 0..BURST {
        expect("each of the thousand to count", counts(number)?)?;
    }
    drop(burst);
    wait_until("the last mapping to count no more", || Ok(!counts(last)?))?;
    Ok(counted)
}

// Very many --------------------------------------------------------------------------------------------------------

fn with_many(rig: &Rig, owner: &Owner<'_>, program: &Path, size: usize) -> Result<()> {
    let name = |what: &str| format!("{size} mappings in a cluster: {what}");
    let start = Instant::now();
    let measured = Measured::start(rig, program, &format!("{size}"))?;
    let ready = start.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(3));
    let (synced, before) = (measured.process.resident_mib(), measured.process.cpu());
    std::thread::sleep(IDLE);
    let idle = (measured.process.cpu() - before) / IDLE.as_secs_f64();
    let list = "listed by a real API server on the same machine, a tenth of them patterns";
    figure(&name("start to ready"), ready, "s", list);
    figure(&name("RSS when ready"), synced, "MiB", "");
    figure(
        &name("CPU without reviews"),
        idle,
        "s",
        "in a second, while the status of new mappings is written",
    );
    let mut changes = (0..CHANGES).map(|round| owner.change(round)).collect::<Result<Vec<f64>>>()?;
    let until = "from the API server's answer to the change until a review shows it";
    figure(&name("one change to effective"), median(&mut changes), "ms", until);
    let cpu = stream(rig, &measured.process, idle, BURST.min(size))?;
    figure(&name("CPU for 1,000 new tokens"), cpu, "s", "over HTTP/1.1, each with a call to STS");
    figure(&name("most RSS"), measured.process.peak_mib(), "MiB", "reviews and changes included");
    measured.end()
}

/// New tokens of `people` by turns, each of which needs a call to STS; CPU seconds for a thousand of them.
fn stream(rig: &Rig, process: &Process, idle: f64, people: usize) -> Result<f64> {
    let next = AtomicUsize::new(0);
    let (before, start) = (process.cpu(), Instant::now());
    let work = || -> Result<()> {
        let client = rig.authenticator().client()?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= REVIEWS {
                return Ok(());
            }
            let status = burst::review(rig, &client, &fresh_token(&burst_user(number % people)))?;
            // User 0 has another name since the changes.
            let is_let_in = status["authenticated"] == true;
            expect("everybody to be let in", is_let_in)?;
        }
    };
    on_all_connections(work)?;
    let took = start.elapsed().as_secs_f64();
    Ok((process.cpu() - before - idle * took).max(0.0) * 1000.0 / REVIEWS as f64)
}

/// Who writes mappings, with rights and connections of his own.
struct Owner<'a> {
    rig: &'a Rig,
    authority: String,
    url: String,
    headers: Vec<(String, String)>,
}

impl<'a> Owner<'a> {
    fn new(rig: &'a Rig) -> Result<Owner<'a>> {
        let admin = rig.admin();
        admin.ok(&["create", "serviceaccount", "bench", "-n", "default"])?;
        let role =
            ["clusterrolebinding", "bench", "--clusterrole=cluster-admin", "--serviceaccount=default:bench"];
        admin.ok(&[&["create"], &role[..]].concat())?;
        let token = admin.ok(&["create", "token", "bench", "-n", "default", "--duration=2h"])?;
        let path = rig.certificate_authority();
        let authority = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
        let url = format!("{}{MAPPINGS}", rig.api_server().url());
        let headers = vec![("authorization".to_owned(), format!("Bearer {}", token.trim()))];
        Ok(Owner { rig, authority, url, headers })
    }

    /// Makes mappings `from` to `to`: first those of the people who log in, then others, a tenth of them patterns.
    fn create(&self, from: usize, to: usize) -> Result<()> {
        let next = AtomicUsize::new(from);
        on_all_connections(|| {
            let client = Client::new(&self.authority)?;
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
                self.send(&client, "POST", &self.url, "application/json", &object)?;
            }
        })
    }

    /// Gives user 0 another name; milliseconds from the API server's answer until a review shows it.
    fn change(&self, round: usize) -> Result<f64> {
        let api = Client::new(&self.authority)?;
        let client = self.rig.authenticator().client()?;
        let token = fresh_token(&burst_user(0));
        let name = format!("changed-{round}");
        let patch = json!({"spec": {"username": name}});
        let shows = || -> Result<bool> {
            Ok(username(&burst::review(self.rig, &client, &token)?) == Some(name.as_str()))
        };
        // The answer of STS is remembered from here on, and the connection is open.
        expect("the change not to be there yet", !shows()?)?;
        self.send(&api, "PATCH", &format!("{}/scale-0", self.url), "application/merge-patch+json", &patch)?;
        let accepted = Instant::now();
        wait_until("the change to be effective", shows)?;
        Ok(accepted.elapsed().as_secs_f64() * 1000.0)
    }

    fn send(&self, client: &Client, method: &str, url: &str, content: &str, object: &Value) -> Result<()> {
        let kind = ("content-type".to_owned(), content.to_owned());
        let headers = [&self.headers[..], &[kind]].concat();
        loop {
            let answer = client.request(method, url, &headers, object.to_string())?;
            match answer.status {
                200 | 201 => return Ok(()),
                429 => std::thread::sleep(Duration::from_millis(200)),
                status => {
                    let reason = format!("status {status}: {}", answer.body);
                    return Err(Error::Answer { what: "writing a mapping".to_owned(), reason });
                }
            }
        }
    }
}

// The measured server ----------------------------------------------------------------------------------------------

struct Measured {
    service: Service,
    process: Process,
}

impl Measured {
    /// Starts it in the place of the rig's own, and returns when it is ready.
    fn start(rig: &Rig, program: &Path, name: &str) -> Result<Measured> {
        let authenticator = rig.authenticator();
        let command = authenticator.command_of(program, "server");
        let log = rig.run().logs().join(format!("measured-{name}.log"));
        let client = authenticator.client()?;
        let ready = authenticator.url().replace("/authenticate", "/readyz");
        let mut service = Service::start("the measured server", command, &log)?;
        let is_ready = || client.get(&ready).is_ok_and(|answer| answer.status == 200);
        service.wait_until("the measured server to be ready", DEADLINE, is_ready)?;
        Ok(Measured { service, process: Process::of(program)? })
    }

    fn end(self) -> Result<()> {
        self.service.terminate(Duration::from_secs(30)).map(drop)
    }
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

// ------------------------------------------------------------------------------------------------------------------

#[allow(clippy::disallowed_methods)]
fn fresh_token(identity: &Identity) -> String {
    let token = token::sign_v2(&SigningInput {
        cluster_id: CLUSTER,
        access_key_id: &identity.access_key_id,
        secret: &Secret::new(identity.access_key_secret.clone()),
        security_token: None,
        user_agent: "bench-control-plane",
        extra_query: &[],
        signed_at: jiff::Timestamp::now(),
    });
    token.expose().to_owned()
}

fn username(status: &Value) -> Option<&str> {
    status.pointer("/user/username").and_then(Value::as_str)
}

fn on_all_connections(work: impl Fn() -> Result<()> + Sync) -> Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(&work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a thread panicked"))
    })
}

fn expect(what: &str, is_so: bool) -> Result<()> {
    let reason = || "it is not so".to_owned();
    is_so.then_some(()).ok_or_else(|| Error::Answer { what: what.to_owned(), reason: reason() })
}

/// Asks again at once, for the time until it is so is what is measured.
fn wait_until(what: &str, is_so: impl Fn() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !is_so()? {
        if start.elapsed() > DEADLINE {
            return Err(Error::Deadline { what: what.to_owned(), waited: DEADLINE });
        }
    }
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn figure(name: &str, value: f64, unit: &str, note: &str) {
    let line = json!({"name": name, "value": value, "unit": unit, "note": note});
    let _ = writeln!(std::io::stdout(), "{line}");
}
