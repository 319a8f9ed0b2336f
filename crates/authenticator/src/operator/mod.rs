//! What the authenticator tells about `RAMIdentityMapping` resources: conditions and Events, written by the
//! replica that holds a Lease, and ids of those who log in, written by whichever replica saw the login.
//!
//! Nothing here decides about a login, and nothing that goes wrong here keeps one from being answered. The
//! parts: [`crate::custom_resource`] knows how each status is and how it should be, `writer` makes the one into the
//! other, `lease` says who may, `recorder` writes ids.

use prometheus::Registry;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::custom_resource::{Objects, RuleReader};
use crate::mappings::Mappings;

mod events;
mod lease;
mod metrics;
mod recorder;
mod write;
mod writer;

#[cfg(test)]
mod tests;

pub use lease::LEASE_NAME;
pub use recorder::LoginObserver;

use metrics::OperatorMetrics;
use recorder::{Login, Recorder};
use write::Statuses;
use writer::Writer;

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
        let candidate =
            lease::Candidate::new(client.clone(), namespace, identity, clock.clone(), metrics.clone());
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

/// A kubeconfig whose context has no namespace means `default`, which is nobody's to keep leases in.
pub(crate) fn own_namespace(client: &kube::Client) -> &str {
    match client.default_namespace() {
        "default" => "kube-system",
        namespace => namespace,
    }
}

/// A name for this replica that no other has: `host` for people, and something random.
pub fn identity(host: Option<&str>) -> String {
    format!("{}_{}", host.filter(|host| !host.is_empty()).unwrap_or("replica"), uuid::Uuid::new_v4())
}

impl Running {
    /// Waits until everything has ended, two seconds after the shutdown at the latest.
    pub async fn ended(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}
