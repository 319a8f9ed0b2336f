//! List, then watch, for as long as the program runs.

use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt as _;
use kube::Resource;
use kube::api::Api;
use kube::core::Status;
use kube::runtime::watcher::{self, Event, watcher};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{describe_status, reached};
use crate::text::with_sources;

/// Delays between attempts: they double from the first to the longest.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// After the first failure.
    pub first: Duration,
    /// However many there were.
    pub longest: Duration,
}

impl Default for Retry {
    // What was taken away stays in force while the watch is down, so attempts stay close together.
    fn default() -> Self {
        Self { first: Duration::from_millis(200), longest: Duration::from_secs(2) }
    }
}

impl Retry {
    /// The delay before the next attempt after `failures` of them in a row.
    pub fn delay(&self, failures: u32) -> Duration {
        let factor = 2u32.saturating_pow(failures.saturating_sub(1).min(16));
        self.first.saturating_mul(factor).min(self.longest)
    }
}

/// Seconds after which a watch is asked for again: a connection that died without a word is noticed then.
const WATCH_SECONDS: u32 = 60;

/// A watch that keeps failing is logged at the first failure and then about once a minute.
const LOG_EVERY: u32 = 30;

/// After this time without a failure the next one counts as the first. Longer than a watch and an attempt
/// take: bookmarks are not seen here, so a quiet watch that works cannot be told from none.
const FORGET_FAILURES: Duration = Duration::from_secs(120);

/// What is done with what the watch delivers.
pub trait Sink: Send {
    /// What the watch delivers: whole objects, or their metadata.
    type Object;

    /// What is watched, for messages: `RAMIdentityMapping resources`.
    fn subject(&self) -> &'static str;

    /// Something happened to the objects.
    fn event(&mut self, event: Event<Self::Object>);

    /// The API server does not know the resource (HTTP 404). `true` where the sink has dealt with it;
    /// else what is known stays in force, as after every other failure.
    fn not_found(&mut self, should_log: bool) -> bool;
}

/// Watches until `shutdown`. An `Api` of `PartialObjectMeta<K>` is one of metadata alone: what else is in an object is
/// neither sent nor read.
///
/// Where the API server refuses a watch, the objects are listed anew: a resource version from before a
/// CustomResourceDefinition was removed says nothing about the one that came after it. Where the connection
/// breaks, the watch goes on from where it was.
pub async fn run<K>(
    api: Api<K>,
    config: watcher::Config,
    sink: &mut impl Sink<Object = K>,
    retry: Retry,
    shutdown: &CancellationToken,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = config.timeout(WATCH_SECONDS);
    let new_stream = || watcher(api.clone(), config.clone()).boxed();
    let mut events = new_stream();
    let mut failures = 0u32;
    let mut last_failure = Instant::now();
    loop {
        let next = tokio::select! {
            () = shutdown.cancelled() => return,
            next = events.next() => next,
        };
        match next {
            Some(Ok(event)) => {
                // `Init` comes before the list is asked for: it proves nothing yet.
                if failures > 0 && !matches!(event, Event::Init) {
                    tracing::info!(failures, "watching {} again", sink.subject());
                    failures = 0;
                }
                sink.event(event);
            }
            Some(Err(error)) => {
                if last_failure.elapsed() > FORGET_FAILURES {
                    failures = 0;
                }
                last_failure = Instant::now();
                failures = failures.saturating_add(1);
                report(sink, &error, failures);
                if must_list_anew(&error) {
                    events = new_stream();
                }
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(retry.delay(failures)) => {}
                }
            }
            None => events = new_stream(),
        }
    }
}

fn report(sink: &mut impl Sink, error: &watcher::Error, failures: u32) {
    let should_log = failures % LOG_EVERY == 1;
    // By code: a path that the API server does not know is answered with plain text, without a reason.
    if status(error).is_some_and(|status| status.code == 404) && sink.not_found(should_log) {
        return;
    }
    let (subject, error) = (sink.subject(), describe(error));
    if should_log {
        tracing::warn!(failures, "cannot watch {subject}: {error}: what is known so far stays in force");
    } else {
        tracing::debug!(failures, "cannot watch {subject}: {error}");
    }
}

fn must_list_anew(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(_)))
}

fn status(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::WatchError(status) => Some(status),
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => Some(status),
        _ => None,
    }
}

fn describe(error: &watcher::Error) -> String {
    match status(error) {
        Some(status) => describe_status(status),
        None => reached(&with_sources(error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let retry = Retry::default();
        let delays: Vec<u128> = [1, 2, 3, 5, 6, 100, u32::MAX].map(|n| retry.delay(n).as_millis()).to_vec();
        assert_eq!(delays, [200, 400, 800, 2000, 2000, 2000, 2000]);
    }

    #[test]
    fn messages_are_one_line() {
        let status = Status::failure("no\nway", "Forbidden").with_code(403).boxed();
        let error = watcher::Error::InitialListFailed(kube::Error::Api(status));
        assert_eq!(describe(&error), "HTTP 403 Forbidden: no way");
    }
}
