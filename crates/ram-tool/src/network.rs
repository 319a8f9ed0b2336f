//! Calls over the network: on this thread, with a time limit each, shown to a person who waits.

use std::future::Future;
use std::time::Duration;

use openapi::Endpoint;
use openapi::api::ServiceOptions;
use openapi::credentials::Context;
use openapi::network::{ProxyRules, Trust};
use openapi::sts::Client;

use crate::error::Error;
use crate::log::Log;
use crate::platform::user_agent;
use crate::progress;
use crate::settings::Settings;
use crate::world::World;

/// A person waits, perhaps on the other side of the world: longer than a server that asks STS for many would.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For a whole call.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(15);

/// Runs calls to their end, on this thread, and shows `what` is waited for.
pub(crate) fn run<T>(what: &str, world: &World<'_>, calls: impl Future<Output = T>) -> Result<T, Error> {
    let progress = progress::progress(what, world.stderr_is_terminal);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { source })?;
    let result = runtime.block_on(calls);
    // A name server that does not answer holds a thread for longer than a call's time limit: do not wait for it.
    runtime.shutdown_background();
    drop(progress);
    Ok(result)
}

/// How STS and the places where credentials come from are reached, now.
pub(crate) fn context<'a>(settings: &Settings, world: &'a World<'_>) -> Result<Context<'a>, Error> {
    Ok(Context {
        sts: options(settings.sts_endpoint.clone()),
        sts_is_chosen: settings.sts_is_chosen,
        trust: Trust::from_environment(world.variable),
        proxies: ProxyRules::from_environment(world.variable)?,
        now: (world.now)(),
        environment: world.environment(),
    })
}

/// A client of STS.
pub(crate) fn sts(settings: &Settings, world: &World<'_>) -> Result<Client, Error> {
    let trust = Trust::from_environment(world.variable);
    let proxies = ProxyRules::from_environment(world.variable)?;
    Ok(Client::with_network(&options(settings.sts_endpoint.clone()), &trust, &proxies)?)
}

/// A client of STS for a token of a pod. Nothing binds such a token to a host: whoever it is sent to can use it, so a person
/// is told where it goes when a variable says so, and that is none of STS's own names.
pub(crate) fn sts_for_token(settings: &Settings, world: &World<'_>, log: &Log<'_>) -> Result<Client, Error> {
    let endpoint = &settings.sts_endpoint;
    if !settings.sts_is_typed && !endpoint.is_sts_itself_or_loopback() {
        log.warn(&format!(
            "the token goes to {endpoint}, which is none of STS's own names: whoever runs it can have the role's credentials (--region-id or a variable such as ALIBABA_CLOUD_STS_ENDPOINT names it; --sts-endpoint does so without this warning)"
        ));
    }
    sts(settings, world)
}

/// How a service is reached.
pub(crate) fn options(endpoint: Endpoint) -> ServiceOptions {
    let mut options = ServiceOptions::new(endpoint, user_agent());
    options.connect_timeout = CONNECT_TIMEOUT;
    options.timeout = TIMEOUT;
    options
}
