//! What the authenticator tells about `RAMIdentityMapping` resources: conditions and Events, written by the
//! replica that holds a Lease, and ids of those who log in, written by whichever replica saw the login.
//!
//! Nothing here decides about a login, and nothing that goes wrong here keeps one from being answered. The
//! parts: [`crate::custom_resource`] knows how each status is and how it should be, `writer` makes the one into the
//! other, [`cluster::lease`] says who may, `recorder` writes ids.

use cluster::lease::{Candidate, Settings};
use cluster::{Clock, own_namespace};
use prometheus::Registry;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::connection::Cluster;
use crate::custom_resource::{Objects, RuleReader};
use crate::mappings::Mappings;

mod events;
mod metrics;
mod recorder;
mod write;
mod writer;

#[cfg(test)]
mod tests;

pub use recorder::LoginObserver;

use metrics::OperatorMetrics;
use recorder::{Login, Recorder};
use write::Statuses;
use writer::Writer;

/// Name of the Lease.
const LEASE_NAME: &str = "ack-ram-authenticator";

/// How the operator works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Namespace of the Lease; none: the client's own (the pod's, or that of the kubeconfig's context), unless that
    /// is `default`: then `kube-system`.
    pub lease_namespace: Option<String>,
    /// Name of this replica: different from that of every other.
    pub identity: String,
    /// `--refuse-changed-principals`, for the messages.
    pub refuse_changed: bool,
    /// How objects are read.
    pub reader: RuleReader,
}

/// The operator before it is started: it knows objects already, and writes nothing.
#[derive(Debug)]
pub struct Operator {
    objects: Objects,
    observer: LoginObserver,
    logins: mpsc::Receiver<Login>,
    metrics: OperatorMetrics,
}

/// The operator at work; [`Running::ended`] waits until it has given its lease back.
#[derive(Debug)]
pub struct Running(JoinSet<()>);

impl Operator {
    /// Makes one whose metrics are in `registry`.
    ///
    /// # Errors
    /// A metric's name twice, which would be a fault of this program.
    pub fn new(registry: &Registry) -> Result<Operator, prometheus::Error> {
        let metrics = OperatorMetrics::new(registry)?;
        let (observer, logins) = LoginObserver::new(metrics.clone());
        Ok(Operator { objects: Objects::default(), observer, logins, metrics })
    }

    /// The table that backend `CRD` keeps current.
    pub fn objects(&self) -> Objects {
        self.objects.clone()
    }

    /// To be told of logins.
    pub fn observer(&self) -> LoginObserver {
        self.observer.clone()
    }

    /// Begins to write; to be called once reviews are answered. Ends with `shutdown`.
    pub fn start(
        self,
        cluster: Cluster,
        mappings: Mappings,
        options: Options,
        clock: Clock,
        shutdown: CancellationToken,
    ) -> Running {
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let Some(client) = shutdown.run_until_cancelled(cluster).await else { return };
            let mut tasks = self.tasks(&client, mappings, &options, clock, &shutdown);
            while tasks.join_next().await.is_some() {}
        });
        Running(tasks)
    }

    fn tasks(
        self,
        client: &kube::Client,
        mappings: Mappings,
        options: &Options,
        clock: Clock,
        shutdown: &CancellationToken,
    ) -> JoinSet<()> {
        let Operator { objects, observer: _, logins, metrics } = self;
        let statuses = || Statuses::new(client.clone(), options.reader);
        let namespace = options.lease_namespace.as_deref().unwrap_or_else(|| own_namespace(client));
        let identity = options.identity.as_str();
        let settings = Settings {
            name: LEASE_NAME.to_owned(),
            namespace: namespace.to_owned(),
            identity: identity.to_owned(),
            duty: "writes status and Events",
            meanwhile: "logins go on",
        };
        let leader = metrics.clone();
        let observer = move |is_leader| leader.leader(is_leader);
        let candidate = Candidate::new(client.clone(), settings, clock.clone(), observer);
        let writer = Writer {
            statuses: statuses(),
            events: events::Events::new(client.clone(), identity),
            objects,
            mappings,
            refuse_changed: options.refuse_changed,
            clock,
            metrics: metrics.clone(),
        };
        let recorder = Recorder { statuses: statuses(), metrics };
        let (leading, is_leading) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(candidate.run(leading, shutdown.clone()));
        tasks.spawn(writer.run(is_leading, shutdown.clone()));
        tasks.spawn(recorder.run(logins, shutdown.clone()));
        tasks
    }
}

impl Running {
    /// Waits until everything has ended, two seconds after the shutdown at the latest.
    pub async fn ended(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}
