//! The keys of issuers, fetched from where their discovery documents say (OpenID Connect Discovery 1.0, section 4), and kept
//! for a while.

mod discovery;
mod https;
mod trust;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tracing::warn;

use super::keys::KeySet;
use super::provider::CheckedProvider;
use super::refusal;
use crate::error::ApiError;
use crate::sync::Guarded;
use https::Failure;
pub(crate) use trust::Trust;

/// How long keys are kept, by the emulator's clock.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
/// Keys that were asked for this lately are not asked for again because a token names one that is not among them.
const REFETCH_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// For both documents together: published clients wait 5 s for STS.
const DEADLINE: Duration = Duration::from_secs(3);
/// Most issuers whose keys are kept; above that all are forgotten.
const MAX_ISSUERS: usize = 1_000;

/// Fetches and keeps the keys of issuers.
pub(crate) struct Issuers {
    /// `None`: the system's authorities, which are read when they are needed.
    trust: Guarded<Option<Arc<Trust>>>,
    slots: Guarded<HashMap<SlotName, Arc<Mutex<Slot>>>>,
    /// Tells what came first.
    events: AtomicU64,
}

/// An issuer's URL, and the fingerprints under which its keys are taken, in lower case and in order.
type SlotName = (String, Vec<String>);

/// What is known of an issuer. Whoever holds its lock may fetch.
#[derive(Default)]
struct Slot {
    /// The keys, and when they were had.
    keys: Option<(Timestamp, Arc<KeySet>)>,
    /// When they were last asked for.
    asked: Option<Timestamp>,
    /// The newest fetch, if it failed, and the event at which it ended.
    failure: Option<(u64, ApiError)>,
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuers").finish_non_exhaustive()
    }
}

impl Issuers {
    /// Trusts these authorities, or those of the system.
    pub(crate) fn new(trust: Option<Trust>) -> Self {
        let issuers =
            Self { trust: Guarded::default(), slots: Guarded::default(), events: AtomicU64::new(0) };
        *issuers.trust.lock() = trust.map(Arc::new);
        issuers
    }

    /// Trusts these authorities instead, and forgets all keys.
    pub(crate) fn set_trust(&self, trust: Trust) {
        *self.trust.lock() = Some(Arc::new(trust));
        self.forget();
    }

    /// Forgets all keys: they are fetched anew when they are next needed.
    pub(crate) fn forget(&self) {
        self.slots.lock().clear();
    }

    /// The keys of a provider's issuer: its own where it has some, else those that were fetched, now or lately. `key_id` is
    /// the one that the token names: where it is not among those that were kept, they are fetched again.
    ///
    /// # Errors
    /// STS's answer when the keys cannot be had.
    pub(crate) async fn keys(
        &self,
        provider: &CheckedProvider,
        key_id: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, ApiError> {
        if let Some(keys) = &provider.keys {
            return Ok(Arc::clone(keys));
        }
        let came = self.event();
        let slot = self.slot(provider);
        let mut slot = slot.lock().await;
        let kept = slot.keys.clone().filter(|(had, _)| is_within(KEPT, *had, now));
        if let Some((_, keys)) = &kept {
            let knows = key_id.is_none_or(|id| keys.knows(id));
            if knows || slot.asked.is_some_and(|asked| is_within(REFETCH_PAUSE, asked, now)) {
                return Ok(Arc::clone(keys));
            }
        }
        // Whoever came while a fetch was under way has its failure: no call waits for two.
        if let Some((ended, failure)) = &slot.failure
            && *ended > came
        {
            return Err(failure.clone());
        }
        slot.asked = Some(now);
        match self.fetch(provider).await {
            Ok(keys) => {
                let keys = Arc::new(keys);
                (slot.keys, slot.failure) = (Some((now, Arc::clone(&keys))), None);
                Ok(keys)
            }
            // The keys that are known stay good for the tokens that they have signed.
            Err(_) if kept.is_some() => kept.map(|(_, keys)| keys).ok_or_else(|| refusal::no_keys("")),
            Err(failure) => {
                (slot.keys, slot.failure) = (None, Some((self.event(), failure.clone())));
                Err(failure)
            }
        }
    }

    async fn fetch(&self, provider: &CheckedProvider) -> Result<KeySet, ApiError> {
        let issuer = &provider.issuer_url;
        let fetched = match self.trust() {
            Ok(trust) => timeout(DEADLINE, discovery::fetch_keys(issuer, &trust, &provider.fingerprints))
                .await
                .unwrap_or_else(|_| Err(Failure::Broken(format!("no answer within {DEADLINE:?}")))),
            Err(problem) => Err(Failure::NotTrusted(problem)),
        };
        fetched.map_err(|failure| {
            warn!(issuer, problem = %failure, "the keys of an OIDC issuer cannot be had");
            match failure {
                Failure::NotTrusted(_) => refusal::https_url_invalid(issuer),
                Failure::Fingerprint => refusal::fingerprint_mismatch(issuer),
                Failure::Broken(_) => refusal::no_keys(issuer),
            }
        })
    }

    fn trust(&self) -> Result<Arc<Trust>, String> {
        let mut trust = self.trust.lock();
        if let Some(trust) = &*trust {
            return Ok(Arc::clone(trust));
        }
        let system = Arc::new(Trust::system()?);
        *trust = Some(Arc::clone(&system));
        Ok(system)
    }

    fn slot(&self, provider: &CheckedProvider) -> Arc<Mutex<Slot>> {
        let mut fingerprints: Vec<String> =
            provider.fingerprints.iter().map(|text| text.to_ascii_lowercase()).collect();
        fingerprints.sort_unstable();
        let mut slots = self.slots.lock();
        if slots.len() >= MAX_ISSUERS {
            slots.clear();
        }
        Arc::clone(slots.entry((provider.issuer_url.clone(), fingerprints)).or_default())
    }

    fn event(&self) -> u64 {
        self.events.fetch_add(1, Ordering::SeqCst)
    }
}

/// Whether `then` is not longer ago than this, and not in the future, which a clock that was set back makes of the past.
fn is_within(duration: SignedDuration, then: Timestamp, now: Timestamp) -> bool {
    (SignedDuration::ZERO..duration).contains(&now.duration_since(then))
}
