//! Asking Container Service, for the commands that need one answer of it.

use openapi::cs::{Client, UserKubeconfig, UserKubeconfigRequest};
use openapi::network::{ProxyRules, Trust};

use crate::cluster_id::ClusterId;
use crate::credentials;
use crate::error::Error;
use crate::log::Log;
use crate::network;
use crate::settings::Settings;
use crate::world::World;

/// The caller's kubeconfig of a cluster, with a certificate that is good for `minutes`.
pub(crate) fn user_kubeconfig(
    id: &ClusterId,
    private_address: bool,
    minutes: Option<u32>,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<UserKubeconfig, Error> {
    let origin = credentials::find(settings, world, log)?;
    user_kubeconfig_of(&origin, id, private_address, minutes, settings, world, log)
}

/// The same, for credentials that are known where to be found.
pub(crate) fn user_kubeconfig_of(
    origin: &credentials::Origin,
    id: &ClusterId,
    private_address: bool,
    minutes: Option<u32>,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<UserKubeconfig, Error> {
    let endpoint = settings.cs_endpoint()?;
    let credentials = origin.get(settings, world, log)?;
    log.debug(|| format!("Container Service endpoint: {endpoint}"));
    let client = Client::with_network(
        &network::options(endpoint),
        &Trust::from_environment(world.variable),
        &ProxyRules::from_environment(world.variable)?,
    )?;
    let request = UserKubeconfigRequest { private_address, minutes };
    let now = (world.now)();
    let call = client.user_kubeconfig(id.as_str(), &request, &credentials, now);
    Ok(network::run("asking Container Service", world, call)??)
}
