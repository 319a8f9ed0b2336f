//! Certificates of our own: looks at Secret and configuration every two seconds, serves what is trusted, and takes the next
//! step where this replica is the one.
//!
//! It looks, and does not watch: two small reads need no right to list, know nothing of a watch that has silently ended,
//! and see what is stored now, which the order of steps relies on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::{Clock, lease};
use tokio::sync::watch;
use webhook_server::certs::Authority;
use webhook_server::tls::Tls;

use super::api::{Failure, Objects, Read, configuration_name};
use super::content::Content;
use super::metrics::{CertificateMetrics, Outcome};
use super::plan::{Step, Wanted};
use super::replica::{Replica, Seen};
use super::trust::{Said, Trust};
use super::{Common, Own, StartError};

/// Between two looks, unless the overlap is so short that more are needed.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After a step, which the next one may follow.
const SOON: Duration = Duration::from_millis(50);
/// Looks within one overlap, so that every replica has followed a step when the overlap ends.
const LOOKS_PER_OVERLAP: u32 = 5;

/// What is wanted, from the options.
///
/// # Errors
/// [`StartError`]: lifetimes that leave no time for a change.
pub(super) fn wanted(own: &Own) -> Result<Wanted, StartError> {
    let Own { service, namespace, authority_overlap: overlap, .. } = own;
    let (certificate, authority) = (own.certificate_lifetime, own.authority_lifetime);
    if *overlap < Duration::from_secs(1) {
        return Err(StartError::Lifetimes("--authority-overlap is shorter than 1 s".to_owned()));
    }
    if certificate < Duration::from_secs(10) {
        return Err(StartError::Lifetimes("--certificate-lifetime is shorter than 10 s".to_owned()));
    }
    // The change begins when a third is left, and takes two overlaps and the time of a few looks.
    if authority < overlap.saturating_mul(9) {
        return Err(StartError::Lifetimes(
            "--authority-lifetime is shorter than nine times --authority-overlap".to_owned(),
        ));
    }
    let mut names = vec![
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}"),
        format!("{service}.{namespace}.svc.cluster.local"),
    ];
    for name in &own.hostnames {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    Ok(Wanted {
        names,
        certificate_lifetime: certificate,
        authority_lifetime: authority,
        overlap: *overlap,
        patience: look_every(*overlap).saturating_mul(4),
    })
}

fn look_every(overlap: Duration) -> Duration {
    overlap.checked_div(LOOKS_PER_OVERLAP).unwrap_or(LOOK_EVERY).min(LOOK_EVERY)
}

/// The candidate for the Lease.
pub(super) fn candidate(own: &Own, common: &Common) -> lease::Candidate {
    let settings = lease::Settings {
        name: own.lease.clone(),
        namespace: own.namespace.clone(),
        identity: own.identity.clone(),
        duty: "keeps the certificates",
        meanwhile: "the certificates that are there are served",
    };
    let metrics = common.metrics.clone();
    lease::Candidate::new(common.client.clone(), settings, common.clock.clone(), move |leads| {
        metrics.leader(leads);
    })
}

/// Keeps certificates current until it is dropped.
pub(super) struct Keeper {
    objects: Objects,
    replica: Replica,
    look_every: Duration,
    configuration: String,
    configuration_was_there: bool,
    tls: Arc<Tls>,
    trust: Trust,
    said: Said,
    /// Why the last write failed, for readiness.
    failed: Option<String>,
    owned_by_others: bool,
    clock: Clock,
    metrics: CertificateMetrics,
}

impl Keeper {
    pub(super) fn new(own: &Own, common: &Common, wanted: Wanted, tls: Arc<Tls>, trust: Trust) -> Keeper {
        Keeper {
            objects: Objects::new(&common.client, &own.namespace, &own.secret, &common.webhook_configuration),
            look_every: look_every(wanted.overlap),
            replica: Replica::new(wanted),
            configuration: configuration_name(&common.webhook_configuration),
            configuration_was_there: false,
            tls,
            trust,
            said: Said::default(),
            failed: None,
            owned_by_others: false,
            clock: common.clock.clone(),
            metrics: common.metrics.clone(),
        }
    }

    /// Goes on until it is dropped.
    pub(super) async fn run(mut self, mut leading: watch::Receiver<bool>) {
        let mut last = Step::Rest;
        loop {
            let leads = *leading.borrow_and_update();
            let step = self.look(leads).await;
            // One step may follow another at once; the same one again follows a failure, or is undone by somebody.
            let pause = if step == Step::Rest || step == last { self.look_every } else { SOON };
            last = step;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = changed(&mut leading) => {}
            }
        }
    }

    /// Looks once, and takes one step at most: which.
    pub(super) async fn look(&mut self, leads: bool) -> Step {
        let read = self.objects.read().await;
        let (now, at) = (self.clock.now(), Instant::now());
        if self.replica.observe(&read.look, now, at) {
            self.serve();
        }
        self.report(&read);
        let step = self.replica.plan(&read.look, leads, now, at);
        (self.failed, self.owned_by_others) = (None, false);
        if step != Step::Rest {
            let outcome = self.take(&read, &step).await;
            self.metrics.step(step.name(), outcome);
        }
        self.metrics.owned_by_others(self.owned_by_others);
        self.trust.set(self.missing(&read));
        step
    }

    fn serve(&mut self) {
        let Some(server) = self.replica.served() else { return };
        let not_after = server.not_after();
        match server.certified_key() {
            Ok(certified) => {
                self.tls.replace_certificate(certified);
                tracing::info!(%not_after, "serving another certificate");
            }
            Err(error) => tracing::error!(%error, "the certificate cannot be served"),
        }
    }

    async fn take(&mut self, read: &Read, step: &Step) -> Outcome {
        if let Step::Trust { bundle, insist } = step {
            let mut written = self.objects.trust(read, bundle, false).await;
            if let Err(Failure::Owned(owner)) = &written
                && *insist
                && self.replica.may_insist(Instant::now())
            {
                tracing::warn!("overwriting a caBundle that does not verify what is served: {owner}");
                written = self.objects.trust(read, bundle, true).await;
                if written.is_ok() {
                    self.replica.insisted(Instant::now());
                }
            }
            return self.ended(step, written);
        }
        let Some(content) = read.look.content.there() else { return Outcome::Failure };
        let held = match self.replica.take(step, content, self.clock.now()) {
            Ok(Some(held)) => held,
            // A step that does not fit what is there: planned from other facts, which the next look has.
            Ok(None) => return Outcome::Failure,
            Err(error) => {
                self.said.about("certificate", Some(format!("no new certificate: {error}")));
                return Outcome::Failure;
            }
        };
        self.said.about("certificate", None);
        let written = self.objects.write(read, &held).await;
        self.ended(step, written)
    }

    fn ended(&mut self, step: &Step, written: Result<(), Failure>) -> Outcome {
        let object = if matches!(step, Step::Trust { .. }) { "caBundle" } else { "Secret" };
        let (outcome, problem, brief) = match written {
            Ok(()) => {
                self.said.about(object, None);
                tracing::info!(step = step.name(), "wrote {}", meaning(step));
                return Outcome::Success;
            }
            Err(Failure::Outdated) => return Outcome::Conflict,
            Err(Failure::Owned(owner)) => {
                self.owned_by_others = true;
                let problem = format!(
                    "the caBundle of {} should be changed and is not: {owner}: take it out of what that manager \
                     applies; it is overwritten only where what is served is not trusted, and then not at every look",
                    self.configuration
                );
                (Outcome::Owned, problem, format!("it cannot be changed: {owner}"))
            }
            Err(Failure::Denied(problem)) => (Outcome::Denied, problem.clone(), problem),
            Err(Failure::Other(problem)) => (Outcome::Failure, problem.clone(), problem),
        };
        self.said.about(object, Some(problem));
        self.failed = Some(brief);
        outcome
    }

    /// Log and metrics about what was read.
    fn report(&mut self, read: &Read) {
        self.configuration_was_there |= read.look.entries.there().is_some();
        self.said.about(
            "configuration",
            match &read.look.entries {
                Seen::There(_) => None,
                Seen::Missing => Some(format!("{}: no pod is injected", not_there(&self.configuration))),
                Seen::Unknown(problem) => Some(problem.clone()),
            },
        );
        let secret = self.objects.secret_name();
        let content = match &read.look.content {
            Seen::There(Content::Good(held)) if held.complaints.is_empty() => None,
            Seen::There(Content::Good(held)) => {
                Some(format!("{secret} is partly unusable: {}", held.complaints.join("; ")))
            }
            Seen::There(Content::Empty) => self.replica.served().map(|_| format!("{secret} is empty")),
            Seen::There(Content::Broken(reason)) => Some(format!("{secret} is of no use: {reason}")),
            Seen::Missing => Some(not_there(&secret)),
            Seen::Unknown(problem) => Some(problem.clone()),
        };
        let goes_on = match self.replica.served() {
            Some(_) => "the last good certificate is served",
            None => "there is no certificate",
        };
        self.said.about("secret", content.map(|content| format!("{content}; {goes_on}")));
        if let Some(server) = self.replica.served() {
            let authority = self.replica.remembered().map(|held| &held.authority).map(Authority::not_after);
            self.metrics.ends(server.not_after(), authority);
        }
    }

    /// For readiness.
    fn missing(&self, read: &Read) -> Option<String> {
        let missing = self.why_not_trusted(read);
        self.metrics.verified(missing.is_none());
        let failed = self.failed.as_ref().map(|failed| format!("; {failed}")).unwrap_or_default();
        missing.map(|missing| format!("{missing}{failed}"))
    }

    fn why_not_trusted(&self, read: &Read) -> Option<String> {
        let Some(server) = self.replica.served() else {
            let secret = self.objects.secret_name();
            return Some(match &read.look.content {
                Seen::There(Content::Good(_)) => format!("{secret} has no certificate yet"),
                Seen::There(Content::Empty) => format!("{secret} is empty, and about to be filled"),
                Seen::There(Content::Broken(reason)) => format!("{secret} is of no use: {reason}"),
                Seen::Missing => not_there(&secret),
                Seen::Unknown(problem) => problem.clone(),
            });
        };
        let Some(entries) = self.replica.entries() else {
            return match &read.look.entries {
                Seen::Unknown(problem) => Some(problem.clone()),
                // Deleted later, it calls nobody: readiness would only be late when it comes back.
                _ => (!self.configuration_was_there).then(|| not_there(&self.configuration)),
            };
        };
        let now = self.clock.now();
        let (entry, reason) = entries
            .iter()
            .find_map(|entry| entry.verify(server.chain(), now).err().map(|reason| (entry, reason)))?;
        Some(format!("entry {} of {} {reason}", entry.name, self.configuration))
    }
}

/// Never, where nobody tries to hold the lease any more.
async fn changed(leading: &mut watch::Receiver<bool>) {
    if leading.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn not_there(what: &str) -> String {
    format!("{what} does not exist: apply the manifests")
}

fn meaning(step: &Step) -> &'static str {
    match step {
        Step::Rest => "nothing",
        Step::Restore => "what was in the Secret before",
        Step::Begin { .. } => "an authority and a certificate into the Secret",
        Step::Tidy => "the Secret without what was of no use",
        Step::Issue => "another certificate into the Secret",
        Step::AddNext => "the next authority into the Secret",
        Step::SignWithNext => "a certificate of the next authority into the Secret",
        Step::DropOld => "the Secret without the last authority",
        Step::Trust { .. } => "the authorities into caBundle",
    }
}

#[cfg(test)]
#[path = "own_tests.rs"]
mod tests;
