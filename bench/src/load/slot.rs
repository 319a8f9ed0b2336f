//! One place for a request in flight: it asks, checks the answer, and asks again until the run is over.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinSet;

use super::connect::connect;
use super::exchange::{Exchange, Source};
use super::tally::Tally;
use super::target::Target;
use super::wire::{Answer, Wire};
use crate::answer::Expected;

/// How long a connection that could not be opened, or broke before any answer, is left alone.
const PAUSE: Duration = Duration::from_millis(50);

/// Before the measured part.
pub(super) const WARM_UP: u8 = 0;
/// The measured part.
pub(super) const MEASURED: u8 = 1;
/// Nothing more is sent.
pub(super) const OVER: u8 = 2;

/// What all threads of a run share.
pub(super) struct Shared {
    pub(super) target: Target,
    pub(super) source: Source,
    /// How many requests are measured; none: as many as fit into the time.
    pub(super) count: Option<u64>,
    pub(super) phase: AtomicU8,
    /// The source has no more.
    pub(super) exhausted: AtomicBool,
    /// The next request's number.
    pub(super) number: AtomicU64,
    /// How many requests of [`Shared::count`] were given out.
    pub(super) tickets: AtomicU64,
    pub(super) started: AtomicU64,
    pub(super) ended: AtomicU64,
}

impl Shared {
    /// The next request, and whether it is one of those that are counted; none: there is nothing more to do.
    fn next(&self) -> Option<(Exchange, bool)> {
        let ticket = match (self.phase.load(Ordering::Acquire), self.count) {
            (OVER, _) => return None,
            (MEASURED, Some(count)) if self.tickets.fetch_add(1, Ordering::Relaxed) >= count => return None,
            (phase, count) => phase == MEASURED && count.is_some(),
        };
        let exchange = self.source.request(self.number.fetch_add(1, Ordering::Relaxed));
        if exchange.is_none() {
            self.exhausted.store(true, Ordering::Release);
        }
        Some((exchange?, ticket))
    }

    /// Whether an answer that is there now is part of what is measured.
    fn counts(&self, ticket: bool) -> bool {
        match self.count {
            Some(_) => ticket,
            None => self.phase.load(Ordering::Acquire) == MEASURED,
        }
    }

    fn is_over(&self) -> bool {
        let phase = self.phase.load(Ordering::Acquire);
        let all_out = self.count.is_some_and(|count| self.tickets.load(Ordering::Relaxed) >= count);
        phase == OVER || self.exhausted.load(Ordering::Acquire) || (phase == MEASURED && all_out)
    }
}

/// One thread of a run.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) tally: RefCell<Tally>,
    /// The last good answer, and to what: an equal one to the same needs no second look.
    good: RefCell<Option<(Arc<Expected>, Bytes)>>,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, tally: Tally) -> Worker {
        Worker { shared, tally: RefCell::new(tally), good: RefCell::new(None) }
    }

    fn check(&self, exchange: &Exchange, answer: Answer) -> Result<(), String> {
        let mut good = self.good.borrow_mut();
        if let Some((expected, body)) = &*good
            && Arc::ptr_eq(expected, &exchange.expected)
            && answer.status == 200
            && *body == answer.body
        {
            return Ok(());
        }
        exchange.expected.check(answer.status, &answer.body)?;
        *good = Some((Arc::clone(&exchange.expected), answer.body));
        Ok(())
    }

    fn fault(&self, what: String) {
        self.tally.borrow_mut().fault(what, 1);
    }
}

/// Keeps one connection open, with `in_flight` requests on it, until the run is over.
pub(super) async fn connection(worker: Rc<Worker>, in_flight: usize) {
    while !worker.shared.is_over() {
        let wire = match connect(&worker.shared.target).await {
            Ok(wire) => wire,
            Err(fault) => {
                worker.fault(fault);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        {
            let mut tally = worker.tally.borrow_mut();
            tally.connections = tally.connections.saturating_add(1);
        }
        let mut slots = JoinSet::new();
        for _ in 1..in_flight {
            if let Some(share) = wire.share() {
                slots.spawn_local(slot(share, Rc::clone(&worker)));
            }
        }
        slots.spawn_local(slot(wire, Rc::clone(&worker)));
        let answers = slots.join_all().await.into_iter().fold(0, u64::saturating_add);
        if answers == 0 && !worker.shared.is_over() {
            worker.fault("the connection ended without an answer".to_owned());
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Asks until the run or the connection is over; the number of answers that came.
async fn slot(mut wire: Wire, worker: Rc<Worker>) -> u64 {
    let shared = &worker.shared;
    let mut answers: u64 = 0;
    loop {
        // A request is taken only once it can be sent: with a connection that is gone none is lost.
        let Some(ready) = wire.ready().await else { return answers };
        wire = ready;
        let Some((exchange, ticket)) = shared.next() else { return answers };
        shared.started.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        let answer = wire.exchange(&exchange, &shared.target.authority).await;
        let end = Instant::now();
        shared.ended.fetch_add(1, Ordering::Relaxed);
        if answer.is_ok() {
            answers = answers.saturating_add(1);
        }
        match answer.and_then(|answer| worker.check(&exchange, answer)) {
            Ok(()) if shared.counts(ticket) => worker.tally.borrow_mut().good(start, end),
            Ok(()) => {}
            Err(fault) => worker.fault(fault),
        }
    }
}
