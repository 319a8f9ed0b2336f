//! Enabling and disabling RRSA for a cluster of ACK's.

use openapi::api::ApiError;
use openapi::cs::Cluster;

use super::session::Session;
use super::tasks::{MAX_STATE_CHARS, RUNNING, Watch, Work, cut};
use crate::Done;
use crate::cluster_id::ClusterId;
use crate::error::{Error, RrsaError};
use crate::log::Log;
use crate::settings::Settings;
use crate::terminal::{Answer, Terminal};
use crate::world::World;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Enable,
    Disable,
}

impl Change {
    fn work(self) -> Work {
        let failure = ["Failed", "RRSA"];
        match self {
            Self::Enable => Work { verb: "enable RRSA for", doing: "enabling RRSA", failure },
            Self::Disable => Work { verb: "disable RRSA for", doing: "disabling RRSA", failure },
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Enable => "enabled",
            Self::Disable => "disabled",
        }
    }

    /// Whether the cluster is so; `None` where Container Service does not say.
    fn is_had(self, cluster: &Cluster) -> Option<bool> {
        let enabled = cluster.rrsa.as_ref()?.enabled;
        Some(enabled == (self == Self::Enable))
    }
}

pub(super) fn run(
    change: Change,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    let id = settings.cluster_id()?;
    let work = change.work();
    if change == Change::Disable {
        log.warn(&format!(
            "disabling RRSA takes RAM's identity provider ack-rrsa-{id} away: from then on no pod of cluster {id} gets credentials of its RAM role, and those that it has end within hours; add-ons that use RRSA stop working too"
        ));
    }
    if !confirmed(&format!("{} cluster {id}?", capital(work.verb)), settings, world, log)? {
        return Ok(Done::default());
    }
    let session = Session::start(settings, world, log)?;
    let watch = Watch::start(&session, id, work);
    let cluster = watch.settled()?;
    match change.is_had(&cluster) {
        None => return Err(RrsaError::Unknown { cluster: id.to_string() }.into()),
        Some(true) => log.info(&format!("RRSA is {} already for cluster {id}", change.done())),
        Some(false) => {
            check_running(id, &cluster)?;
            carry_out(change, &session, &watch, id, &cluster)?;
            log.info(&format!("RRSA is {} for cluster {id}", change.done()));
        }
    }
    drop(watch);
    tell_what_is_left(change, id, log);
    Ok(Done::default())
}

/// Whether the person wants it; where nobody can be asked, that is an error, since nothing is done.
pub(super) fn confirmed(
    question: &str,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<bool, Error> {
    match Terminal::new(settings, world).confirm(question) {
        Answer::Yes => Ok(true),
        Answer::No => {
            log.info("declined, nothing was changed");
            Ok(false)
        }
        Answer::NoTerminal => Err(RrsaError::NoTerminal.into()),
    }
}

pub(super) fn check_running(id: &ClusterId, cluster: &Cluster) -> Result<(), Error> {
    if cluster.state == RUNNING {
        return Ok(());
    }
    let advice = match cluster.state.as_str() {
        "deleting" | "deleted" => "check the cluster id",
        _ => {
            "the cluster's page in the ACK console says what is wrong with it; mend that, and run the command again"
        }
    };
    let state = match cut(&cluster.state, MAX_STATE_CHARS) {
        state if state.is_empty() => "in an unknown state".to_owned(),
        state => state,
    };
    Err(RrsaError::State { cluster: id.to_string(), state, advice }.into())
}

fn carry_out(
    change: Change,
    session: &Session<'_>,
    watch: &Watch<'_, '_>,
    id: &ClusterId,
    cluster: &Cluster,
) -> Result<(), Error> {
    let enable = change == Change::Enable;
    watch.begin();
    let now = session.now();
    let begun = watch.once(async |cs, keys| cs.set_rrsa(id.as_str(), enable, keys, now).await)?;
    let task = begun.map_err(|source| {
        let hint = hint(change, &source, cluster);
        RrsaError::Refused { what: watch.work.verb, cluster: id.to_string(), source: Box::new(source), hint }
    })?;
    session.log.info(&format!("cluster {id}: {} takes some minutes (task {task})", watch.work.doing));
    watch.task_ended(&task)?;
    watch.changed(|cluster| change.is_had(cluster) == Some(true)).map(drop)
}

/// What a refusal may be about. Which codes Container Service has for clusters without RRSA is not documented.
fn hint(change: Change, error: &ApiError, cluster: &Cluster) -> String {
    if error.is_passing() {
        return begun_nevertheless(error);
    }
    let told = ["ErrorClusterVersionNotSupported", "ErrorClusterTypeNotSupported", "ErrorClusterState"];
    if change == Change::Disable
        || error.code().is_some_and(|code| told.contains(&code))
        || error.status() == Some(403)
    {
        return String::new();
    }
    let shown = |text: &str| cut(text, MAX_STATE_CHARS);
    if !matches!(cluster.cluster_type.as_str(), "" | "ManagedKubernetes" | "Ask") {
        return format!(
            "; RRSA is for ACK's managed, serverless and Edge Pro clusters, and this one is of the type {}: rrsa enable --self-managed is for others",
            shown(&cluster.cluster_type)
        );
    }
    match is_before_1_22(&cluster.current_version) {
        true => format!(
            "; RRSA is there from Kubernetes 1.22 on, and this cluster has {}: upgrade it",
            shown(&cluster.current_version)
        ),
        false => String::new(),
    }
}

/// What to say of a call that changes something and that nobody answered.
pub(super) fn begun_nevertheless(error: &ApiError) -> String {
    match error.is_passing() && error.may_have_arrived() {
        true => "; it may have begun nevertheless: run the same command again, which waits for it".to_owned(),
        false => String::new(),
    }
}

fn is_before_1_22(version: &str) -> bool {
    let mut parts = version.trim_start_matches('v').split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < (1, 22),
        _ => false,
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn tell_what_is_left(change: Change, id: &ClusterId, log: &Log<'_>) {
    let left = match change {
        Change::Enable => vec![
            format!("what is left to do: let the cluster give pods their tokens: ack-ram-tool rrsa install-helper-addon -c {id}"),
            format!("let a service account have a RAM role: ack-ram-tool rrsa associate-role -c {id} -r ROLE -n NAMESPACE -s SERVICE_ACCOUNT"),
            "recreate the pods that are to have a role: those that run already get none".to_owned(),
        ],
        Change::Disable => vec![
            format!("what is left to do: trust policies of roles may still name the identity provider ack-rrsa-{id}; take it out of them"),
            "pods keep the credentials that they have until those end; recreate the pods that are to work without RRSA".to_owned(),
        ],
    };
    left.iter().for_each(|line| log.info(line));
}
