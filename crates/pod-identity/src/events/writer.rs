//! Writes Events, one after another and not faster than an API server likes.

use std::time::Duration;

use cluster::event::Warning;
use cluster::{Clock, describe, describe_status, is_denied};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, PostParams};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{Hook, Reason, Written};

/// From one Event to the next, at least: ten a second.
const BETWEEN: Duration = Duration::from_millis(100);
/// For the answer to one.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between attempts to write the same. Meanwhile the others wait: what fails so would fail for them too.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15)];
/// From one complaint in the log to the next, at least.
const QUIET: Duration = Duration::from_secs(60);
const CONTROLLER: &str = "ack-pod-identity-webhook";
const ACTION: &str = "InjectPodIdentity";

/// One Event that waits.
#[derive(Debug)]
pub(super) struct Job {
    /// Its namespace is that of the request.
    pub(super) regarding: ObjectReference,
    pub(super) reason: Reason,
    pub(super) note: String,
}

/// Writes what [`super::Events`] took.
pub struct Writer {
    pub(super) queue: mpsc::Receiver<Job>,
    pub(super) client: kube::Client,
    pub(super) identity: String,
    pub(super) clock: Clock,
    pub(super) hook: Hook,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// Writes until `shutdown`. What waits then is forgotten: it was for information only.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let _ = shutdown.run_until_cancelled(self.write_all()).await;
    }

    async fn write_all(&mut self) {
        let mut pace = tokio::time::interval(BETWEEN);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut complained: Option<Instant> = None;
        while let Some(job) = self.queue.recv().await {
            pace.tick().await;
            let written = match self.write_patiently(&job).await {
                Ok(()) => Written::Done,
                Err((written, why)) => {
                    if complained.is_none_or(|at| at.elapsed() >= QUIET) {
                        complained = Some(Instant::now());
                        tracing::warn!(
                            namespace = job.regarding.namespace.as_deref().unwrap_or_default(),
                            owner = job.regarding.name.as_deref().unwrap_or_default(),
                            "cannot write an Event: {why}; injection goes on without"
                        );
                    }
                    written
                }
            };
            (self.hook)(written);
        }
    }

    /// Tries again where the fault will pass: what an API server that was away kept from pods is told when it is back.
    async fn write_patiently(&self, job: &Job) -> Result<(), (Written, String)> {
        for pause in PAUSES {
            match self.write(job).await {
                Err((Written::Failed, _)) => tokio::time::sleep(pause).await,
                result => return result,
            }
        }
        self.write(job).await
    }

    async fn write(&self, job: &Job) -> Result<(), (Written, String)> {
        let namespace = job.regarding.namespace.as_deref().unwrap_or_default();
        let warning = Warning {
            controller: CONTROLLER,
            instance: &self.identity,
            namespace,
            regarding: job.regarding.clone(),
            reason: job.reason.as_str(),
            action: ACTION,
            note: &job.note,
        };
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let event = warning.at(self.clock.now());
        match tokio::time::timeout(PATIENCE, api.create(&PostParams::default(), &event)).await {
            Ok(Ok(_)) => Ok(()),
            // A quota of the namespace says so too: nothing may stop for it that others need.
            Ok(Err(error)) if is_denied(&error) => Err((
                Written::Denied,
                format!("{}: give the right to create events (events.k8s.io)", describe(&error)),
            )),
            // Its namespace may be gone: nothing that passes, and nothing to mend.
            Ok(Err(kube::Error::Api(status))) if (400..500).contains(&status.code) && status.code != 429 => {
                Err((Written::Refused, describe_status(&status)))
            }
            Ok(Err(error)) => Err((Written::Failed, describe(&error))),
            Err(_) => {
                let waited = PATIENCE.as_secs();
                Err((Written::Failed, format!("no answer from the API server within {waited} s")))
            }
        }
    }
}
