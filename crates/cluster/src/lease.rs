//! Which replica does what one alone should do: the one that holds a Lease (coordination.k8s.io/v1).
//!
//! A holder that stops renewing is succeeded once a replica has seen the same renewal for the lease's whole
//! duration on its own monotonic clock, so clocks of different nodes need not agree. Who holds the lease only
//! saves work: two holders for a moment must do no harm (each write carries the resource version that it was made from).

use std::fmt;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::error::{describe, is_denied};

/// How long a holder that says nothing keeps the lease.
const DURATION: Duration = Duration::from_secs(10);
/// The pace of a candidate.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// A holder that could not renew for this long writes no more.
    renew_deadline: Duration,
    /// Between two attempts to renew or to get the lease.
    retry: Duration,
}
const PACE: Pace = Pace { renew_deadline: Duration::from_secs(6), retry: Duration::from_secs(2) };
/// Longest wait for the API server.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Longest duration of somebody else's lease that is believed.
const LONGEST_DURATION: i32 = 60;
/// Failures between two lines of the log.
const LOG_EVERY: u32 = 30;

/// Which lease, and what for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the Lease.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// This replica's name, which no other has: see [`identity`].
    pub identity: String,
    /// What the holder does, for the log, after "this replica": `writes status and Events`.
    pub duty: &'static str,
    /// What goes on without a holder, for the log: `logins go on`.
    pub meanwhile: &'static str,
}

/// A name for this replica that no other has: `host` for people, and something random.
pub fn identity(host: Option<&str>) -> String {
    format!("{}_{}", host.filter(|host| !host.is_empty()).unwrap_or("replica"), uuid::Uuid::new_v4())
}

/// Is told, after each attempt, whether this replica holds the lease.
pub type Observer = Box<dyn Fn(bool) + Send + Sync>;

/// One candidate.
pub struct Candidate {
    api: Api<Lease>,
    settings: Settings,
    clock: Clock,
    observer: Observer,
    pace: Pace,
    /// The lease as it was when this candidate wrote it last.
    held: Option<Lease>,
    /// What another holder wrote last, and when that was seen first.
    seen: Option<(Renewal, Instant)>,
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Who renewed a lease, and when by his own clock.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Renewal {
    holder: String,
    time: Option<MicroTime>,
}

impl Candidate {
    /// One that has tried nothing yet. `clock` says what is written into the lease, and decides nothing.
    pub fn new(
        client: kube::Client,
        settings: Settings,
        clock: Clock,
        observer: impl Fn(bool) + Send + Sync + 'static,
    ) -> Candidate {
        Candidate {
            api: Api::namespaced(client, &settings.namespace),
            settings,
            clock,
            observer: Box::new(observer),
            pace: PACE,
            held: None,
            seen: None,
        }
    }

    /// Tries to hold the lease until `shutdown`, and gives it back then. `leading` follows.
    pub async fn run(mut self, leading: watch::Sender<bool>, shutdown: CancellationToken) {
        let mut renewed = Instant::now();
        let mut failures = 0u32;
        loop {
            let begun = Instant::now();
            match tokio::time::timeout(TIMEOUT, self.attempt()).await {
                Ok(Ok(true)) => {
                    (renewed, failures) = (begun, 0);
                    self.set(&leading, true);
                }
                Ok(Ok(false)) => {
                    failures = 0;
                    self.set(&leading, false);
                }
                failed => {
                    self.held = None;
                    failures = failures.saturating_add(1);
                    self.report(failures, failed.ok().and_then(Result::err).as_ref());
                    if renewed.elapsed() >= self.pace.renew_deadline {
                        self.set(&leading, false);
                    }
                }
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(self.pace.retry)).await.is_none() {
                break;
            }
        }
        let was_leading = *leading.borrow();
        self.set(&leading, false);
        if was_leading {
            // The next holder need not wait then. Where this fails, it waits.
            let _ = tokio::time::timeout(TIMEOUT, self.release()).await;
        }
    }

    fn set(&self, leading: &watch::Sender<bool>, is_leading: bool) {
        if leading.send_if_modified(|now| std::mem::replace(now, is_leading) != is_leading) {
            let Settings { identity, duty, .. } = &self.settings;
            let lease = self.lease();
            match is_leading {
                true => tracing::info!(lease, identity, "this replica {duty} from now on"),
                false => tracing::info!(lease, identity, "it is no longer this replica that {duty}"),
            }
        }
        (self.observer)(is_leading);
    }

    fn report(&self, failures: u32, error: Option<&kube::Error>) {
        if failures % LOG_EVERY != 1 {
            return;
        }
        let (lease, Settings { namespace, duty, meanwhile, .. }) = (self.lease(), &self.settings);
        match error {
            Some(error) if is_denied(error) => tracing::error!(
                "cannot use Lease {lease}: {}: give the rights to create leases, and to get and update this one, in \
                 namespace {namespace}; until then no replica {duty}; {meanwhile}",
                describe(error)
            ),
            Some(error) => {
                tracing::warn!(failures, "cannot use Lease {lease}: {}: trying again", describe(error))
            }
            None => tracing::warn!(failures, "cannot use Lease {lease}: no answer: trying again"),
        }
    }

    /// For messages.
    fn lease(&self) -> String {
        format!("{}/{}", self.settings.namespace, self.settings.name)
    }

    /// Whether this candidate holds the lease now.
    async fn attempt(&mut self) -> Result<bool, kube::Error> {
        if let Some(lease) = self.held.take()
            && self.write(&lease).await?
        {
            return Ok(true);
        }
        let Some(lease) = self.api.get_opt(&self.settings.name).await? else { return self.create().await };
        let spec = lease.spec.as_ref();
        let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
        if !holder.is_empty() && holder != self.settings.identity {
            let renewal =
                Renewal { holder: holder.to_owned(), time: spec.and_then(|spec| spec.renew_time.clone()) };
            let seconds = spec.and_then(|spec| spec.lease_duration_seconds).unwrap_or_default();
            let duration = Duration::from_secs(seconds.clamp(1, LONGEST_DURATION).unsigned_abs().into());
            if !self.is_over(renewal, duration, Instant::now()) {
                return Ok(false);
            }
        }
        self.write(&lease).await
    }

    /// Whether another's renewal has stayed the last one for its whole duration.
    fn is_over(&mut self, renewal: Renewal, duration: Duration, now: Instant) -> bool {
        match &self.seen {
            Some((seen, since)) if *seen == renewal => now.saturating_duration_since(*since) >= duration,
            _ => {
                self.seen = Some((renewal, now));
                false
            }
        }
    }

    async fn create(&mut self) -> Result<bool, kube::Error> {
        let metadata = ObjectMeta { name: Some(self.settings.name.clone()), ..ObjectMeta::default() };
        let lease = self.taken(&Lease { metadata, spec: None });
        let created = self.api.create(&PostParams::default(), &lease).await;
        self.keep(created)
    }

    async fn write(&mut self, lease: &Lease) -> Result<bool, kube::Error> {
        let written = self.api.replace(&self.settings.name, &PostParams::default(), &self.taken(lease)).await;
        self.keep(written)
    }

    fn keep(&mut self, written: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
        match written {
            Ok(lease) => {
                self.held = Some(lease);
                Ok(true)
            }
            // Somebody was faster, or has removed it: the next attempt sees who.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The lease with this candidate as its holder.
    fn taken(&self, lease: &Lease) -> Lease {
        let old = lease.spec.clone().unwrap_or_default();
        let is_renewal = old.holder_identity.as_deref() == Some(self.settings.identity.as_str());
        let now = MicroTime(self.clock.now());
        let spec = LeaseSpec {
            acquire_time: old.acquire_time.filter(|_| is_renewal).or_else(|| Some(now.clone())),
            holder_identity: Some(self.settings.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            lease_transitions: Some(
                old.lease_transitions.unwrap_or_default().saturating_add(i32::from(!is_renewal)),
            ),
            renew_time: Some(now),
            ..LeaseSpec::default()
        };
        Lease { metadata: lease.metadata.clone(), spec: Some(spec) }
    }

    async fn release(&mut self) -> Result<(), kube::Error> {
        let Some(mut lease) = self.held.take() else { return Ok(()) };
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
        }
        self.api.replace(&self.settings.name, &PostParams::default(), &lease).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;

    fn settings(identity: &str) -> Settings {
        Settings {
            name: "l".to_owned(),
            namespace: "n".to_owned(),
            identity: identity.to_owned(),
            duty: "writes",
            meanwhile: "reading goes on",
        }
    }

    fn candidate() -> Candidate {
        let service = tower::service_fn(async |_: http::Request<kube::client::Body>| {
            Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("nobody is there"))
        });
        let clock = Clock::new(|| "2026-01-02T03:04:05Z".parse().unwrap());
        Candidate::new(kube::Client::new(service, "default"), settings("me"), clock, |_| {})
    }

    fn renewal(holder: &str, time: &str) -> Renewal {
        Renewal { holder: holder.to_owned(), time: Some(MicroTime(time.parse().unwrap())) }
    }

    #[tokio::test]
    async fn a_lease_is_over_when_the_same_renewal_was_seen_for_its_duration_whatever_its_clock_says() {
        let mut candidate = candidate();
        let (begin, duration) = (Instant::now(), Duration::from_secs(10));
        let at = |seconds| begin + Duration::from_secs(seconds);
        // A clock in the past, and one in the future.
        for time in ["1999-01-01T00:00:00Z", "2099-01-01T00:00:00Z"] {
            let last = renewal("other", time);
            assert!(!candidate.is_over(last.clone(), duration, at(0)));
            assert!(!candidate.is_over(last.clone(), duration, at(9)));
            assert!(candidate.is_over(last, duration, at(10)));
        }
        assert!(!candidate.is_over(renewal("other", "2099-01-01T00:00:01Z"), duration, at(20)), "renewed");
        assert!(
            !candidate.is_over(renewal("third", "2099-01-01T00:00:01Z"), duration, at(31)),
            "another holder"
        );
    }

    #[tokio::test]
    async fn a_renewal_keeps_what_a_takeover_changes() {
        let candidate = candidate();
        let taken = candidate.taken(&Lease::default()).spec.unwrap();
        assert_eq!((taken.holder_identity.as_deref(), taken.lease_transitions), (Some("me"), Some(1)));
        assert_eq!(taken.lease_duration_seconds, Some(10), "longer than the deadline for renewals");
        let mut spec = taken;
        spec.acquire_time = Some(MicroTime("2020-01-01T00:00:00Z".parse().unwrap()));
        let mine = Lease { spec: Some(spec.clone()), ..Lease::default() };
        let renewed = candidate.taken(&mine).spec.unwrap();
        assert_eq!((&renewed.acquire_time, renewed.lease_transitions), (&spec.acquire_time, Some(1)));
        spec.holder_identity = Some("other".to_owned());
        let taken = candidate.taken(&Lease { spec: Some(spec), ..Lease::default() }).spec.unwrap();
        assert_eq!((taken.acquire_time, taken.lease_transitions), (renewed.renew_time, Some(2)));
    }

    #[tokio::test]
    async fn an_api_server_that_is_gone_makes_no_leader_and_ends_with_the_shutdown() {
        let (leading, mut is_leading) = watch::channel(true);
        let shutdown = CancellationToken::new();
        let mut candidate = candidate();
        candidate.pace = Pace { renew_deadline: Duration::from_millis(50), retry: Duration::from_millis(5) };
        let running = tokio::spawn(candidate.run(leading, shutdown.clone()));
        is_leading.wait_for(|leading| !*leading).await.unwrap();
        shutdown.cancel();
        running.await.unwrap();
    }

    /// A client of an API server that holds one lease.
    fn storing(stored: &Arc<Mutex<Option<serde_json::Value>>>) -> kube::Client {
        failing(stored, &Arc::default())
    }

    /// One of an API server that answers nothing but errors as long as there are some left.
    fn failing(stored: &Arc<Mutex<Option<serde_json::Value>>>, errors: &Arc<AtomicUsize>) -> kube::Client {
        let (stored, errors) = (Arc::clone(stored), Arc::clone(errors));
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let (stored, errors) = (Arc::clone(&stored), Arc::clone(&errors));
            async move {
                if errors.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                    return Err(std::io::Error::other("nobody is there"));
                }
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                let mut stored = stored.lock().unwrap();
                let refusal = |code| {
                    (
                        code,
                        serde_json::json!({"kind": "Status", "status": "Failure", "message": "", "code": code,
                                           "reason": if code == 404 { "NotFound" } else { "Conflict" }}),
                    )
                };
                let version = |lease: &serde_json::Value| {
                    lease["metadata"]["resourceVersion"].as_str().map(str::to_owned)
                };
                let (code, answer) = if parts.method == http::Method::GET {
                    stored.clone().map_or_else(|| refusal(404), |lease| (200, lease))
                } else {
                    let mut sent: serde_json::Value = serde_json::from_slice(&body).unwrap();
                    match stored.as_ref().is_some_and(|lease| version(lease) != version(&sent)) {
                        true => refusal(409),
                        false => {
                            sent["metadata"]["resourceVersion"] = uuid::Uuid::new_v4().to_string().into();
                            *stored = Some(sent.clone());
                            (200, sent)
                        }
                    }
                };
                http::Response::builder()
                    .status(code)
                    .header("content-type", "application/json")
                    .body(kube::client::Body::from(answer.to_string().into_bytes()))
                    .map_err(std::io::Error::other)
            }
        });
        kube::Client::new(service, "default")
    }

    #[tokio::test]
    async fn whoever_ends_gives_the_lease_back_and_nobody_takes_it_from_a_holder() {
        let stored = Arc::new(Mutex::new(None::<serde_json::Value>));
        let holder = || stored.lock().unwrap().as_ref().map(|lease| lease["spec"]["holderIdentity"].clone());
        let mut candidate = candidate();
        candidate.api = Api::namespaced(storing(&stored), "n");
        let (leading, mut is_leading) = watch::channel(false);
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(candidate.run(leading, shutdown.clone()));
        is_leading.wait_for(|leading| *leading).await.unwrap();
        assert_eq!(holder(), Some("me".into()));

        let mut other = self::candidate();
        (other.api, other.settings) = (Api::namespaced(storing(&stored), "n"), settings("other"));
        assert!(!other.attempt().await.unwrap());
        assert_eq!(holder(), Some("me".into()));

        shutdown.cancel();
        running.await.unwrap();
        assert_eq!(holder(), Some("".into()));
        assert!(other.attempt().await.unwrap(), "at once");
        assert_eq!(holder(), Some("other".into()));
    }

    #[tokio::test]
    async fn a_holder_stays_one_while_errors_last_for_less_than_its_deadline_and_is_none_after_the_end() {
        let (stored, errors) = (Arc::new(Mutex::new(None)), Arc::<AtomicUsize>::default());
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut candidate = candidate();
        candidate.api = Api::namespaced(failing(&stored, &errors), "n");
        candidate.pace = Pace { renew_deadline: Duration::from_secs(3600), retry: Duration::from_millis(5) };
        let telling = Arc::clone(&told);
        candidate.observer = Box::new(move |leads| telling.lock().unwrap().push(leads));
        let (leading, mut is_leading) = watch::channel(false);
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(candidate.run(leading, shutdown.clone()));
        is_leading.wait_for(|leading| *leading).await.unwrap();
        errors.store(5, Ordering::SeqCst);
        let attempts = || told.lock().unwrap().len();
        let before = attempts();
        while errors.load(Ordering::SeqCst) > 0 || attempts() < before.saturating_add(2) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(told.lock().unwrap().iter().all(|leads| *leads), "{told:?}");
        shutdown.cancel();
        running.await.unwrap();
        assert_eq!((told.lock().unwrap().last(), *is_leading.borrow()), (Some(&false), false));
    }

    #[tokio::test]
    async fn a_holder_whose_lease_is_another_s_by_now_is_none_at_once() {
        let stored = Arc::new(Mutex::new(None::<serde_json::Value>));
        let mut candidate = candidate();
        candidate.api = Api::namespaced(storing(&stored), "n");
        candidate.pace = Pace { renew_deadline: Duration::from_secs(3600), retry: Duration::from_millis(5) };
        let (leading, mut is_leading) = watch::channel(false);
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(candidate.run(leading, shutdown.clone()));
        is_leading.wait_for(|leading| *leading).await.unwrap();
        if let Some(lease) = stored.lock().unwrap().as_mut() {
            lease["metadata"]["resourceVersion"] = "another".into();
            lease["spec"]["holderIdentity"] = "other".into();
        }
        let lost = tokio::time::timeout(Duration::from_secs(60), is_leading.wait_for(|leading| !*leading));
        assert!(lost.await.is_ok(), "still leading");
        shutdown.cancel();
        running.await.unwrap();
        let lease = stored.lock().unwrap().clone().unwrap();
        assert_eq!(lease["spec"]["holderIdentity"], "other", "nobody gives back what is not his");
    }

    #[tokio::test]
    async fn an_api_server_that_says_nothing_makes_no_leader_either() {
        let service = tower::service_fn(async |_: http::Request<kube::client::Body>| {
            std::future::pending::<Result<http::Response<kube::client::Body>, std::io::Error>>().await
        });
        let mut candidate = candidate();
        candidate.api = Api::namespaced(kube::Client::new(service, "default"), "n");
        candidate.pace = Pace { renew_deadline: Duration::from_millis(50), retry: Duration::from_millis(5) };
        let (leading, mut is_leading) = watch::channel(true);
        tokio::spawn(candidate.run(leading, CancellationToken::new()));
        let lost = tokio::time::timeout(Duration::from_secs(60), is_leading.wait_for(|leading| !*leading));
        assert!(lost.await.is_ok(), "still leading");
    }

    #[tokio::test]
    async fn a_lease_for_ever_is_believed_for_a_minute() {
        let spec = serde_json::json!({"holderIdentity": "other", "leaseDurationSeconds": i32::MAX,
                                      "renewTime": "2026-01-02T03:04:05.000000Z"});
        let stored = Arc::new(Mutex::new(Some(serde_json::json!({"metadata": {"name": "l"}, "spec": spec}))));
        let mut candidate = candidate();
        candidate.api = Api::namespaced(storing(&stored), "n");
        assert!(!candidate.attempt().await.unwrap());
        for (seconds, is_over) in [(50, false), (61, true)] {
            let seen = candidate.seen.as_mut().unwrap();
            seen.1 = Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
            assert_eq!(candidate.attempt().await.unwrap(), is_over, "after {seconds} s");
        }
    }

    #[test]
    fn no_two_replicas_have_one_name() {
        assert_ne!(identity(Some("node")), identity(Some("node")));
        for host in [None, Some("")] {
            assert!(identity(host).starts_with("replica_"));
        }
    }
}
