//! `rrsa disable --self-managed`.

use super::super::change::confirmed;
use super::super::identity_provider::name_of;
use super::super::session::Session;
use super::{SelfManagedFlags, provider};
use crate::Done;
use crate::error::Error;
use crate::log::Log;
use crate::settings::Settings;
use crate::visible::visible;
use crate::world::World;

pub(in crate::commands::rrsa) fn run(
    flags: &SelfManagedFlags,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Done, Error> {
    let id = settings.cluster_id()?;
    let name = name_of(id);
    provider::check_name(id, &name)?;
    let session = Session::start(settings, world, log)?;
    let ims = session.ims(flags)?;
    let asked = ims.oidc_provider(&name, &session.credentials, session.now());
    let Some(found) = session.ask("asking IMS", asked)? else {
        log.info(&format!("RAM has no identity provider {name}: there is nothing to do"));
        return Ok(Done::default());
    };
    log.warn(&format!(
        "from then on no pod of cluster {id} gets credentials of its RAM role, and those that it has end within hours"
    ));
    let question =
        format!("delete RAM's identity provider {name}, whose issuer is {}?", visible(&found.issuer_url));
    if !confirmed(&question, settings, world, log)? {
        return Ok(Done::default());
    }
    let deleting = ims.delete_oidc_provider(&name, &session.credentials, session.now());
    // Where it is not there any more, somebody else was faster, or an earlier try got through.
    session.ask("asking IMS", deleting)?;
    log.info(&format!("RAM's identity provider {name} is deleted"));
    log.info(&format!(
        "what is left: take {} out of the trust policies of roles that name it (a provider of the same name and issuer would get those roles again); the published files and the flags of kube-apiserver stay as they are",
        visible(&found.arn)
    ));
    Ok(Done::default())
}
