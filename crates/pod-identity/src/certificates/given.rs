//! Certificate and key from two files that somebody else keeps, as in a mounted Secret of cert-manager.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use webhook_server::certs::{
    CertificateError, Event, Files, Keeper, KeeperError, Kept, Pair, Place, Problem,
};
use webhook_server::tls::Tls;

use super::api::{Objects, configuration_name};
use super::entries::{Entry, Trust as EntryTrust};
use super::metrics::Outcome;
use super::replica::Seen;
use super::trust::{Said, Trust};
use super::{Common, StartError};

/// Mounted Secrets change by renamed links, which no watch on a file sees.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// What is wrong with a certificate and stays wrong is said again after this time.
const REMIND_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Reads the files.
///
/// # Errors
/// [`StartError::Files`].
pub(super) fn read(certificate: &Path, key: &Path, now: Timestamp) -> Result<Keeper, StartError> {
    let files = Files { certificate: certificate.to_owned(), key: key.to_owned() };
    let kept = Kept { place: Place::Given(files), client_authorities: None };
    let (keeper, ..) = Keeper::start(kept, now).map_err(|error| {
        StartError::Files(match &error {
            KeeperError::Certificate(error) => explain(error),
            error => error.to_string(),
        })
    })?;
    Ok(keeper)
}

/// What is wrong with files that this program has not made.
fn explain(error: &CertificateError) -> String {
    let mend = "--tls-cert-file and --tls-private-key-file name a chain, leaf first, and its key";
    match error {
        CertificateError::NotACertificate { path, reason } => {
            format!("{} is not a PEM file with a certificate: {reason}; {mend}", path.display())
        }
        CertificateError::NotAKey { path } => {
            format!(
                "{} is not a PEM file with a private key (PKCS #8, PKCS #1 or SEC1); {mend}",
                path.display()
            )
        }
        CertificateError::Unusable { certificate, key, source } => {
            format!("{} and {} cannot be served: {source}; {mend}", certificate.display(), key.display())
        }
        CertificateError::Read { path, source } => {
            format!("cannot read {}: {source}; {mend}", path.display())
        }
        error => error.to_string(),
    }
}

/// Looks after the files until it is dropped.
pub(super) struct Given {
    keeper: Option<Keeper>,
    tls: Arc<Tls>,
    objects: Objects,
    configuration: String,
    /// As last read; none where the configuration is not there.
    entries: Seen<Vec<Entry>>,
    trust: Trust,
    said: Said,
    reminded: (Vec<Problem>, Option<Timestamp>),
    common: Common,
}

impl Given {
    pub(super) fn new(keeper: Keeper, common: &Common, trust: Trust) -> Given {
        Given {
            tls: keeper.tls(),
            keeper: Some(keeper),
            objects: Objects::new(&common.client, "", "", &common.webhook_configuration),
            configuration: configuration_name(&common.webhook_configuration),
            entries: Seen::Unknown(format!(
                "{} was not read yet",
                configuration_name(&common.webhook_configuration)
            )),
            trust,
            said: Said::default(),
            reminded: (Vec::new(), None),
            common: common.clone(),
        }
    }

    pub(super) fn tls(&self) -> Arc<Tls> {
        Arc::clone(&self.tls)
    }

    /// Goes on until it is dropped.
    pub(super) async fn run(mut self) {
        while self.look().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Looks once; false where it cannot go on.
    pub(super) async fn look(&mut self) -> bool {
        let now = self.common.clock.now();
        let Some(mut keeper) = self.keeper.take() else { return false };
        // Files may lie on a slow disk.
        let looked = tokio::task::spawn_blocking(move || {
            let events = keeper.look(now);
            (keeper, events)
        });
        let (keeper, events) = match looked.await {
            Ok(looked) => looked,
            Err(error) => {
                tracing::error!(%error, "certificates are no longer looked after: restart the server");
                return false;
            }
        };
        events.iter().for_each(|event| self.report(event));
        self.remind(keeper.problems(now), now);
        self.common.metrics.ends(keeper.not_after(), None);
        let (entries, _) = self.objects.entries().await;
        let is_known = !matches!(self.entries, Seen::Unknown(_));
        self.said.about(
            "configuration",
            match &entries {
                Seen::Unknown(problem) => Some(problem.clone()),
                Seen::Missing => {
                    Some(format!("{} does not exist: no pod is injected because of it", self.configuration))
                }
                Seen::There(_) => None,
            },
        );
        if !(is_known && matches!(entries, Seen::Unknown(_))) {
            self.entries = entries;
        }
        let missing = self.missing(keeper.pair(), now);
        self.common.metrics.verified(missing.is_none());
        self.trust.set(missing);
        self.keeper = Some(keeper);
        true
    }

    fn missing(&self, pair: &Pair, now: Timestamp) -> Option<String> {
        let entries = match &self.entries {
            Seen::There(entries) => entries,
            Seen::Missing => return None,
            Seen::Unknown(problem) => return Some(problem.clone()),
        };
        entries.iter().find_map(|entry| {
            // Behind a URL there may be a certificate that the API server's machine trusts, which nobody here can check.
            if entry.trust == EntryTrust::Machine && entry.is_url {
                return None;
            }
            let reason = entry.verify(pair.chain(), now).err()?;
            Some(format!("entry {} of {} {reason}", entry.name, self.configuration))
        })
    }

    fn report(&mut self, event: &Event) {
        let metrics = &self.common.metrics;
        match event {
            Event::Reloaded => {
                metrics.step("reload", Outcome::Success);
                tracing::info!("certificate and key have changed on disk and are served");
            }
            Event::NotReloaded(error) => {
                metrics.step("reload", Outcome::Failure);
                tracing::error!(
                    "{}; certificate and key have changed, and the last good ones are served",
                    explain(error)
                );
            }
            // Neither is made here, and clients are not asked.
            Event::Renewed
            | Event::NotRenewed(_)
            | Event::ClientAuthoritiesReloaded
            | Event::ClientAuthoritiesNotReloaded(_) => {}
        }
    }

    fn remind(&mut self, problems: Vec<Problem>, now: Timestamp) {
        let again = self.reminded.1.is_none_or(|at| now.duration_since(at) >= REMIND_AFTER);
        if problems == self.reminded.0 && (!again || problems.is_empty()) {
            return;
        }
        problems.iter().for_each(|problem| tracing::warn!("{problem}"));
        self.reminded = (problems, Some(now));
    }
}

#[cfg(test)]
#[path = "given_tests.rs"]
mod tests;
