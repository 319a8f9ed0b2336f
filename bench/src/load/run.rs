//! One run: threads, warm-up, the measured part, and its end.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

use super::exchange::Source;
use super::slot::{MEASURED, OVER, Shared, WARM_UP, Worker, connection};
use super::tally::{Outcome, Tally, Used};
use super::target::{Http, Target};
use crate::error::{Error, Result};
use crate::process::Process;

/// How often it is looked whether the threads have ended.
const LOOK: Duration = Duration::from_millis(1);

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// All answers that come within this time.
    For(Duration),
    /// This many requests, exactly.
    Count(u64),
}

/// How a run goes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Connections that are kept open.
    pub connections: usize,
    /// Requests in flight on each; with HTTP/1.1 one.
    pub in_flight: usize,
    /// Threads that send; more than there are connections are of no use.
    pub threads: usize,
    /// Time before the measured part, in which requests are sent and checked too.
    pub warm_up: Duration,
    /// The measured part.
    pub length: Length,
    /// The process whose CPU time and memory are told.
    pub server: Option<u32>,
    /// No answer at all for this long ends the run; what is unanswered then is a fault.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections: 4,
            in_flight: 16,
            threads: 1,
            warm_up: Duration::from_secs(1),
            length: Length::For(Duration::from_secs(5)),
            server: None,
            patience: Duration::from_secs(10),
        }
    }
}

/// Sends requests of `source` to `target` and says what came of it.
///
/// # Errors
/// The settings cannot be carried out, or `/proc` cannot be read. Whatever the server does wrong is in the outcome.
pub fn run(settings: &Settings, target: &Target, source: Source) -> Result<Outcome> {
    check(settings, target)?;
    let shared = Arc::new(Shared {
        target: target.clone(),
        source,
        count: match settings.length {
            Length::For(_) => None,
            Length::Count(count) => Some(count),
        },
        phase: AtomicU8::new(if settings.warm_up.is_zero() { MEASURED } else { WARM_UP }),
        exhausted: AtomicBool::new(false),
        number: AtomicU64::new(0),
        tickets: AtomicU64::new(0),
        started: AtomicU64::new(0),
        ended: AtomicU64::new(0),
    });
    let server = settings.server.map(Process::of);
    let usage =
        || -> Result<_> { Ok((server.as_ref().map(Process::usage).transpose()?, Process::own().usage()?)) };
    let (abort, aborted) = watch::channel(false);
    // With a warm-up this is done again after it.
    let (mut start, mut before) = (Instant::now(), usage()?);
    let threads = start_threads(settings, &shared, &aborted)?;
    if !settings.warm_up.is_zero() {
        wait(&threads, settings.warm_up);
        before = usage()?;
        start = Instant::now();
        shared.phase.store(MEASURED, Ordering::Release);
    }
    let mut at_end = None;
    if let Length::For(time) = settings.length {
        wait(&threads, time);
        shared.phase.store(OVER, Ordering::Release);
        at_end = Some((start.elapsed(), usage()?));
    }
    let stalled = wait_for_progress(&threads, &shared, settings.patience);
    if stalled {
        shared.phase.store(OVER, Ordering::Release);
        let _ = abort.send(true);
    }
    let after = usage()?;
    let mut tally = Tally::new()?;
    for thread in threads {
        let of_thread =
            thread.join().map_err(|_| Error::because("the load generator", "a thread panicked"))?;
        tally.add(of_thread?)?;
    }
    let lost = shared.started.load(Ordering::Relaxed).saturating_sub(shared.ended.load(Ordering::Relaxed));
    if lost > 0 {
        tally.fault(format!("no answer within {:?}", settings.patience), lost);
    }
    if shared.exhausted.load(Ordering::Acquire) || at_end.is_none() {
        // It ended with its last answer, not with its time.
        let length = tally.last.map_or(Duration::ZERO, |last| last.duration_since(start));
        at_end = Some((length, after));
    }
    let (length, (server_after, own_after)) = at_end.unwrap_or((start.elapsed(), after));
    let server = before.0.zip(server_after).map(|(before, after)| Used::between(before, after));
    Ok(tally.outcome(length, server, Used::between(before.1, own_after)))
}

fn check(settings: &Settings, target: &Target) -> Result<()> {
    let refuse = |reason: &str| Err(Error::because("the load generator", reason));
    if settings.connections == 0 || settings.in_flight == 0 || settings.threads == 0 {
        return refuse("connections, requests in flight and threads are at least one each");
    }
    if target.http == Http::One && settings.in_flight > 1 {
        return refuse("HTTP/1.1 has one request in flight on a connection: ask for more connections");
    }
    Ok(())
}

type Thread = JoinHandle<Result<Tally>>;

fn start_threads(
    settings: &Settings,
    shared: &Arc<Shared>,
    aborted: &watch::Receiver<bool>,
) -> Result<Vec<Thread>> {
    let threads = settings.threads.min(settings.connections);
    let start = |number: usize| {
        // The connections number, number + threads, number + 2 threads, …
        let connections = (number..settings.connections).step_by(threads.max(1)).count();
        let (shared, aborted, in_flight) = (Arc::clone(shared), aborted.clone(), settings.in_flight);
        std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || work(shared, aborted, connections, in_flight))
            .map_err(Error::failed("starting a thread"))
    };
    (0..threads).map(start).collect()
}

fn work(
    shared: Arc<Shared>,
    mut aborted: watch::Receiver<bool>,
    connections: usize,
    in_flight: usize,
) -> Result<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::failed("starting the runtime"))?;
    let worker = Rc::new(Worker::new(shared, Tally::new()?));
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let mut all = JoinSet::new();
        for _ in 0..connections {
            all.spawn_local(connection(Rc::clone(&worker), in_flight));
        }
        tokio::select! {
            _ = all.join_all() => {}
            _ = aborted.wait_for(|aborted| *aborted) => {}
        }
    });
    // Its tasks end, and with them all but one hold on the worker.
    drop(local);
    let worker = Rc::into_inner(worker);
    let worker = worker.ok_or_else(|| Error::because("the load generator", "a task outlived its thread"))?;
    Ok(worker.tally.into_inner())
}

/// Sleeps for so long, or until all threads have ended.
fn wait(threads: &[Thread], time: Duration) {
    let start = Instant::now();
    // Long sleeps: this thread is not to take time from the others.
    let look = time.checked_div(100).unwrap_or_default().max(LOOK);
    while start.elapsed() < time && !threads.iter().all(JoinHandle::is_finished) {
        std::thread::sleep(look.min(time.saturating_sub(start.elapsed())));
    }
}

/// Waits until all threads have ended, or nothing was answered for `patience`: then true.
fn wait_for_progress(threads: &[Thread], shared: &Shared, patience: Duration) -> bool {
    let mut seen = (shared.ended.load(Ordering::Relaxed), Instant::now());
    while !threads.iter().all(JoinHandle::is_finished) {
        std::thread::sleep(LOOK);
        let ended = shared.ended.load(Ordering::Relaxed);
        if ended != seen.0 {
            seen = (ended, Instant::now());
        } else if seen.1.elapsed() >= patience {
            return true;
        }
    }
    false
}
