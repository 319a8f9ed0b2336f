//! `rrsa install-helper-addon`: ack-pod-identity-webhook, which gives pods their token and the variables for it.

use openapi::cs::AddonVersion;

use super::change::{begun_nevertheless, check_running, confirmed};
use super::identity_provider;
use super::session::Session;
use super::tasks::{MAX_STATE_CHARS, Watch, Work, cut};
use crate::Done;
use crate::cluster_id::ClusterId;
use crate::error::{Error, RrsaError};
use crate::log::Log;
use crate::settings::Settings;
use crate::world::World;

const ADDON: &str = "ack-pod-identity-webhook";
const WORK: Work = Work {
    verb: "install ack-pod-identity-webhook in",
    doing: "installing ack-pod-identity-webhook",
    failure: ["Failed", ADDON],
};

pub(super) fn run(settings: &Settings, world: &World<'_>, log: &Log<'_>) -> Result<Done, Error> {
    let id = settings.cluster_id()?;
    if !confirmed(&format!("Install {ADDON} in cluster {id}?"), settings, world, log)? {
        return Ok(Done::default());
    }
    let session = Session::start(settings, world, log)?;
    let watch = Watch::start(&session, id, WORK);
    let cluster = watch.settled()?;
    check_running(id, &cluster)?;
    identity_provider::of_config(cluster.rrsa.as_ref(), id)?;
    match installed(&watch, id)? {
        Some(version) => log.info(&format!("{ADDON} {version} is installed already in cluster {id}")),
        None => {
            let version = install(&session, &watch, id)?;
            log.info(&format!("{ADDON} {version} is installed in cluster {id}"));
        }
    }
    drop(watch);
    for line in [
        "what is left to do: label the namespaces whose pods are to have a role: kubectl label namespace NAMESPACE pod-identity.alibabacloud.com/injection=on",
        "name the role at their service accounts: kubectl annotate serviceaccount -n NAMESPACE SERVICE_ACCOUNT pod-identity.alibabacloud.com/role-name=ROLE",
        "recreate their pods: those that run already get none",
    ] {
        log.info(line);
    }
    Ok(Done::default())
}

fn install(session: &Session<'_>, watch: &Watch<'_, '_>, id: &ClusterId) -> Result<String, Error> {
    watch.begin();
    // An empty version is the newest.
    let now = session.now();
    let begun = watch.once(async |cs, keys| cs.install_addon(id.as_str(), ADDON, "", keys, now).await)?;
    let task = begun.map_err(|source| {
        let hint = begun_nevertheless(&source);
        RrsaError::Refused { what: WORK.verb, cluster: id.to_string(), source: Box::new(source), hint }
    })?;
    session.log.info(&format!("cluster {id}: {} takes some minutes", WORK.doing));
    if let Some(task) = task {
        watch.task_ended(&task)?;
    }
    loop {
        if let Some(version) = installed(watch, id)? {
            return Ok(version);
        }
        watch.pause("it is not installed yet")?;
    }
}

/// The version that is installed.
fn installed(watch: &Watch<'_, '_>, id: &ClusterId) -> Result<Option<String>, Error> {
    let versions = watch.answer(async |cs, keys, now| cs.addon_versions(id.as_str(), keys, now).await)?;
    let addon: &AddonVersion =
        versions.get(ADDON).ok_or_else(|| RrsaError::NoAddon { cluster: id.to_string(), addon: ADDON })?;
    Ok(addon.installed().map(|version| cut(version, MAX_STATE_CHARS)))
}
