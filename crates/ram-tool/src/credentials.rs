//! Credentials for a command: from the environment, with or without a call of STS.

use std::time::Duration;

use jiff::Timestamp;
use openapi::Credentials;
use openapi::credentials::{Context, CredentialError, Source};
use openapi::network::{ProxyRules, Trust};
use openapi::sts::{AssumeRole, ClientOptions};
use signature::format_timestamp;

use crate::error::Error;
use crate::log::Log;
use crate::platform::user_agent;
use crate::settings::Settings;
use crate::world::World;

/// A person waits, perhaps on the other side of the world: longer than a server that asks STS for many would.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(15);

/// The credentials of this command, still valid now.
pub(crate) fn get(settings: &Settings, world: &World<'_>, log: &Log<'_>) -> Result<Credentials, Error> {
    if settings.ignore_env_credentials {
        return Err(CredentialError::Ignored.into());
    }
    let source = Source::from_environment(&world.environment())?;
    log.debug(|| format!("credentials: {}", source.name()));
    let role = settings
        .role_arn
        .as_deref()
        .map(|arn| AssumeRole::from_flag("--role-arn", arn, world.variable, world.argument_zero))
        .transpose()?;
    let credentials = match (source.immediate(), &role) {
        (Some(credentials), None) => credentials.clone(),
        _ => fetch(&source, role.as_ref(), settings, world, log)?,
    };
    check_end(&credentials, (world.now)())?;
    log.debug(|| format!("access key id: {}", credentials.access_key_id));
    Ok(credentials)
}

fn check_end(credentials: &Credentials, now: Timestamp) -> Result<(), Error> {
    match credentials.expiration {
        Some(end) if end <= now => Err(Error::Ended { end: format_timestamp(end) }),
        _ => Ok(()),
    }
}

/// Asks over the network, on this thread.
fn fetch(
    source: &Source,
    role: Option<&AssumeRole>,
    settings: &Settings,
    world: &World<'_>,
    log: &Log<'_>,
) -> Result<Credentials, Error> {
    let mut sts = ClientOptions::new(settings.sts_endpoint.clone(), user_agent());
    sts.connect_timeout = CONNECT_TIMEOUT;
    sts.timeout = TIMEOUT;
    let context = Context {
        sts,
        trust: Trust::from_environment(world.variable),
        proxies: ProxyRules::from_environment(world.variable)?,
        now: (world.now)(),
    };
    log.debug(|| format!("STS endpoint: {}", settings.sts_endpoint));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { source })?;
    let credentials = runtime.block_on(source.fetch(&context, role));
    // A name server that does not answer holds a thread for longer than the call's time limit: do not wait for it.
    runtime.shutdown_background();
    Ok(credentials?)
}
