//! Why a command of `rrsa` for ACK's clusters failed.

use openapi::api::ApiError;

/// Why a command of `rrsa` for ACK's clusters failed. One line each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RrsaError {
    /// There is nobody to ask.
    #[error("there is no terminal to ask at, and nothing was changed: give --assume-yes (-y)")]
    NoTerminal,
    /// A flag that means nothing for a cluster of ACK's.
    #[error("{flag} is for clusters that are not ACK's: give --self-managed too, or leave it out")]
    InVain {
        /// The flag.
        flag: &'static str,
    },
    /// RRSA is not enabled.
    #[error(
        "RRSA is not enabled for cluster {cluster}: enable it with ack-ram-tool rrsa enable --cluster-id {cluster}, and run this command again"
    )]
    Disabled {
        /// The cluster's id.
        cluster: String,
    },
    /// Container Service does not know the cluster.
    #[error(
        "{source}; where cluster {cluster} is not ACK's: rrsa enable, disable, status and associate-role take --self-managed"
    )]
    NoCluster {
        /// The cluster's id.
        cluster: String,
        /// What it said.
        source: Box<ApiError>,
    },
    /// Container Service says nothing of RRSA that can be read.
    #[error(
        "Container Service does not say in a way that this program understands whether RRSA is enabled for cluster {cluster} (meta_data of its description): run the command again in a minute, and look at the cluster in the console if that stays so"
    )]
    Unknown {
        /// The cluster's id.
        cluster: String,
    },
    /// Container Service says that RRSA is enabled, and not with which identity provider.
    #[error(
        "Container Service says that RRSA is enabled for cluster {cluster}, and does not say its {missing}: run the command again in a minute; if that stays so, Alibaba Cloud's support has to look at it"
    )]
    Incomplete {
        /// The cluster's id.
        cluster: String,
        /// `OIDC provider's name`, …
        missing: &'static str,
    },
    /// What an answer says cannot be what it is said to be.
    #[error(
        "{service} says of the identity provider of cluster {cluster} what cannot be: its {what} is {said:?}, and nothing was done with it; check which endpoint was asked, and any proxy on the way"
    )]
    Odd {
        /// The cluster's id.
        cluster: String,
        /// Who says it.
        service: &'static str,
        /// `issuer`, …
        what: &'static str,
        /// What it says, cut.
        said: String,
    },
    /// RAM has no such identity provider.
    #[error(
        "RAM has no OIDC identity provider {name} in the account of these credentials: register cluster {cluster} with ack-ram-tool rrsa enable --self-managed --cluster-id {cluster}, or check the cluster id, and whose credentials they are"
    )]
    NoProvider {
        /// The cluster's id.
        cluster: String,
        /// The provider's name.
        name: String,
    },
    /// RAM's identity provider does not take the tokens.
    #[error(
        "RAM's OIDC identity provider {name} lacks the client id {audience}: add it with ack-ram-tool rrsa enable --self-managed --cluster-id {cluster}"
    )]
    NoAudience {
        /// The cluster's id.
        cluster: String,
        /// The provider's name.
        name: String,
        /// The client id.
        audience: &'static str,
    },
    /// The cluster cannot be changed in its state.
    #[error("cluster {cluster} is {state}, and has to be running: {advice}")]
    State {
        /// The cluster's id.
        cluster: String,
        /// Its state, cut.
        state: String,
        /// What to do.
        advice: &'static str,
    },
    /// Container Service did not begin.
    #[error("cannot {what} cluster {cluster}: {source}{hint}")]
    Refused {
        /// `enable RRSA for`.
        what: &'static str,
        /// The cluster's id.
        cluster: String,
        /// What it said.
        source: Box<ApiError>,
        /// What it may be about, after `; `; empty where nothing is known.
        hint: String,
    },
    /// The task failed.
    #[error(
        "could not {what} cluster {cluster}: task {task} ended with {state}{reason}; once that is mended, run the same command again"
    )]
    Task {
        /// `enable RRSA for`.
        what: &'static str,
        /// The cluster's id.
        cluster: String,
        /// The task's id.
        task: String,
        /// Its state, cut.
        state: String,
        /// What Container Service says of it, after `: `; empty where it says nothing.
        reason: String,
    },
    /// It was over without the effect that was wanted.
    #[error(
        "could not {what} cluster {cluster}: it is {state} again, and nothing has changed{reason}; once that is mended, run the same command again"
    )]
    NoEffect {
        /// `enable RRSA for`.
        what: &'static str,
        /// The cluster's id.
        cluster: String,
        /// Its state, cut.
        state: String,
        /// What Container Service says of it, after `: `; empty where it says nothing.
        reason: String,
    },
    /// It takes too long.
    #[error(
        "cluster {cluster}: {what} is not over after {minutes} minutes ({seen}), and may go on; run the same command again, which waits for it"
    )]
    Slow {
        /// The cluster's id.
        cluster: String,
        /// `enabling RRSA`.
        what: &'static str,
        /// The limit.
        minutes: i64,
        /// What was seen last, cut.
        seen: String,
    },
    /// Nobody can say any more how far it is.
    #[error(
        "cluster {cluster}: {what} cannot be watched any more, and goes on where it has begun: {source}; once that is mended, run the same command again, which waits for it"
    )]
    Unwatched {
        /// The cluster's id.
        cluster: String,
        /// `enabling RRSA`.
        what: &'static str,
        /// Why.
        source: Box<super::Error>,
    },
    /// Container Service has no such add-on.
    #[error(
        "Container Service has no add-on {addon} for cluster {cluster}: add-ons need a cluster of ACK that runs Kubernetes 1.22 or later; others take manifests/pod-identity"
    )]
    NoAddon {
        /// The cluster's id.
        cluster: String,
        /// The add-on.
        addon: &'static str,
    },
}
