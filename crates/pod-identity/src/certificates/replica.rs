//! What one replica knows from one look to the next, and what it serves because of that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use webhook_server::certs::{AuthorityError, Bundle, ServerCertificate};

use super::content::{Content, Held};
use super::entries::{Entry, trusted_by_all};
use super::plan::{self, Facts, Step, Wanted};

/// Shortest and longest time after which what somebody else has put into `caBundle` is overwritten once more.
const INSIST_AGAIN: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(300));
/// After this long the last time is forgotten.
const FORGIVEN: Duration = Duration::from_secs(1800);

/// An object as one look found it.
#[derive(Clone, Debug)]
pub(super) enum Seen<T> {
    /// It is there.
    There(T),
    /// It is not there.
    Missing,
    /// It could not be read: why, on one line.
    Unknown(String),
}

impl<T> Seen<T> {
    pub(super) fn there(&self) -> Option<&T> {
        match self {
            Seen::There(object) => Some(object),
            Seen::Missing | Seen::Unknown(_) => None,
        }
    }
}

/// Both objects. The configuration has to be read first: whoever then writes a `caBundle` from the Secret, on the condition
/// that the configuration is still the one that was read, cannot take away what somebody else has added meanwhile.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) entries: Seen<Vec<Entry>>,
    pub(super) content: Seen<Content>,
}

/// One replica.
#[derive(Debug)]
pub(super) struct Replica {
    wanted: Wanted,
    /// The last good content of the Secret with a certificate in it.
    remembered: Option<Arc<Held>>,
    /// None: nothing that was ever in the Secret.
    served: Option<ServerCertificate>,
    /// As last read; none where the configuration is not there.
    entries: Option<Vec<Entry>>,
    /// What all entries trust, and since when.
    trusted: Vec<(CertificateDer<'static>, Instant)>,
    signing: Option<(CertificateDer<'static>, Instant)>,
    without_since: Option<Instant>,
    insisted: Option<(Instant, Duration)>,
}

impl Replica {
    pub(super) fn new(wanted: Wanted) -> Replica {
        Replica {
            wanted,
            remembered: None,
            served: None,
            entries: None,
            trusted: Vec::new(),
            signing: None,
            without_since: None,
            insisted: None,
        }
    }

    /// The entries of the configuration as last read; none where it is not there, or was never read.
    pub(super) fn entries(&self) -> Option<&[Entry]> {
        self.entries.as_deref()
    }

    /// What it serves; none before there was anything.
    pub(super) fn served(&self) -> Option<&ServerCertificate> {
        self.served.as_ref()
    }

    /// The last good content of the Secret.
    pub(super) fn remembered(&self) -> Option<&Held> {
        self.remembered.as_deref()
    }

    /// Takes a look in, and says whether something else is served from now on. `at` is a moment of the monotonic clock.
    pub(super) fn observe(&mut self, look: &Look, now: Timestamp, at: Instant) -> bool {
        match &look.entries {
            Seen::There(entries) => {
                self.trust(&trusted_by_all(entries), at);
                self.entries = Some(entries.clone());
            }
            Seen::Missing => {
                self.trust(&Bundle::default(), at);
                self.entries = None;
            }
            Seen::Unknown(_) => {}
        }
        match &look.content {
            Seen::There(Content::Good(held)) => {
                self.without_since = None;
                let signer = held.authority.certificate();
                if self.signing.as_ref().is_none_or(|(known, _)| known != signer) {
                    self.signing = Some((signer.clone(), at));
                }
                if held.server.is_some() {
                    self.remembered = Some(Arc::clone(held));
                }
                self.choose(held, now, at)
            }
            Seen::There(Content::Empty | Content::Broken(_)) => {
                self.without_since.get_or_insert(at);
                false
            }
            Seen::Missing | Seen::Unknown(_) => {
                self.without_since = None;
                false
            }
        }
    }

    /// The next write.
    pub(super) fn plan(&self, look: &Look, leads: bool, now: Timestamp, at: Instant) -> Step {
        let Seen::There(content) = &look.content else { return Step::Rest };
        let since = |since: Instant| at.saturating_duration_since(since);
        let trusted_for = |certificate: &CertificateDer<'_>| self.trusted_since(certificate).map(since);
        let (authority, next) = match content {
            Content::Good(held) => (
                trusted_for(held.authority.certificate()),
                held.next.as_ref().and_then(|next| trusted_for(next.certificate())),
            ),
            Content::Empty | Content::Broken(_) => (None, None),
        };
        let facts = Facts {
            content,
            remembers: self.remembered.is_some(),
            without_for: self.without_since.map(since).unwrap_or_default(),
            entries: look.entries.there().map(Vec::as_slice),
            authority_trusted_for: authority,
            next_trusted_for: next,
            signing_for: self.signing.as_ref().map(|(_, at)| since(*at)).unwrap_or_default(),
            leads,
            now,
        };
        plan::plan(&facts, &self.wanted)
    }

    /// What the Secret holds after `step`; none where the step does not write it.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub(super) fn take(
        &self,
        step: &Step,
        content: &Content,
        now: Timestamp,
    ) -> Result<Option<Held>, AuthorityError> {
        let held = match content {
            Content::Good(held) => Some(&**held),
            Content::Empty | Content::Broken(_) => None,
        };
        plan::take(step, held, self.remembered(), &self.wanted, now)
    }

    /// Whether somebody else's `caBundle` may be overwritten now: each time in a row it is left alone for longer, so that
    /// two programs that both insist do not write without end.
    pub(super) fn may_insist(&self, at: Instant) -> bool {
        self.insisted.is_none_or(|(last, pause)| at.saturating_duration_since(last) >= pause)
    }

    /// It was overwritten.
    pub(super) fn insisted(&mut self, at: Instant) {
        let recent = self.insisted.filter(|(last, _)| at.saturating_duration_since(*last) < FORGIVEN);
        let pause = recent.map_or(INSIST_AGAIN.0, |(_, pause)| pause.saturating_mul(2).min(INSIST_AGAIN.1));
        self.insisted = Some((at, pause));
    }

    fn trust(&mut self, bundle: &Bundle, at: Instant) {
        self.trusted.retain(|(certificate, _)| bundle.contains(certificate));
        for certificate in bundle.iter() {
            if self.trusted_since(certificate).is_none() {
                self.trusted.push((certificate.clone(), at));
            }
        }
    }

    fn trusted_since(&self, certificate: &CertificateDer<'_>) -> Option<Instant> {
        self.trusted.iter().find(|(known, _)| known.as_ref() == certificate.as_ref()).map(|(_, since)| *since)
    }

    /// Serves the Secret's certificate, unless the one served is trusted and that one is not, or not for long enough.
    fn choose(&mut self, held: &Held, now: Timestamp, at: Instant) -> bool {
        let Some(offered) = &held.server else { return false };
        if self.served.as_ref() == Some(offered) {
            return false;
        }
        if let Some(served) = &self.served {
            let bundle = held.bundle();
            let entries = self.entries.as_deref().unwrap_or_default();
            let rank = |server: &ServerCertificate| rank(server, entries, &bundle, &self.wanted, now);
            let (theirs, ours) = (rank(offered), rank(served));
            let is_known = |certificate: &CertificateDer<'_>| {
                self.trusted_since(certificate)
                    .is_some_and(|since| at.saturating_duration_since(since) >= self.wanted.overlap)
            };
            // API servers that know only of the one before have to be served still. What is signed by the authority that
            // signed the one before they know as well as that.
            let mut signer = Bundle::default();
            signer.add(held.authority.certificate());
            let is_renewal = verifies(&signer, served, &self.wanted, now);
            let is_ready = is_renewal || is_known(held.authority.certificate());
            if ours > theirs || (ours.0 == theirs.0 && ours.0 > 0 && !is_ready) {
                return false;
            }
        }
        self.served = Some(offered.clone());
        true
    }
}

/// How good a certificate is: how many entries trust it, and whether the next `caBundle` will.
fn rank(
    server: &ServerCertificate,
    entries: &[Entry],
    bundle: &Bundle,
    wanted: &Wanted,
    now: Timestamp,
) -> (usize, bool) {
    let trusting = entries.iter().filter(|entry| entry.verify(server.chain(), now).is_ok());
    (trusting.count(), verifies(bundle, server, wanted, now))
}

/// By the first name, which every certificate of ours has.
fn verifies(bundle: &Bundle, server: &ServerCertificate, wanted: &Wanted, now: Timestamp) -> bool {
    wanted.names.first().is_some_and(|name| bundle.verify(server.chain(), name, now).is_ok())
}

#[cfg(test)]
#[path = "replica_tests.rs"]
mod tests;
