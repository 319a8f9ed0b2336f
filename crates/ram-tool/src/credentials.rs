//! Credentials for a command: where they come from, with or without a call over the network.

use jiff::Timestamp;
use openapi::Credentials;
use openapi::credentials::{Context, Search, Source};
use openapi::sts::AssumeRole;
use signature::format_timestamp;

use crate::error::Error;
use crate::flags::CredentialType;
use crate::log::Log;
use crate::network;
use crate::settings::Settings;
use crate::world::World;

/// The place that applies, and the role to assume on top of it. Nobody was asked yet.
pub(crate) struct Origin {
    pub(crate) source: Source,
    pub(crate) role: Option<AssumeRole>,
}

/// Finds out where the credentials of this command come from.
pub(crate) fn find(settings: &Settings, world: &World<'_>, log: &Log<'_>) -> Result<Origin, Error> {
    let source = Source::find(&search(settings, world))?;
    log.debug(|| format!("credentials: {}", source.name()));
    let role = settings
        .role_arn
        .as_deref()
        .map(|arn| AssumeRole::from_flag("--role-arn", arn, world.variable, world.argument_zero))
        .transpose()?;
    Ok(Origin { source, role })
}

/// The credentials of this command, still valid now.
pub(crate) fn get(settings: &Settings, world: &World<'_>, log: &Log<'_>) -> Result<Credentials, Error> {
    find(settings, world, log)?.get(settings, world, log)
}

impl Origin {
    /// The credentials, still valid now; nobody is asked where they are at hand.
    pub(crate) fn get(
        &self,
        settings: &Settings,
        world: &World<'_>,
        log: &Log<'_>,
    ) -> Result<Credentials, Error> {
        let credentials = match (self.source.immediate(), &self.role) {
            (Some(credentials), None) => checked(credentials.clone(), (world.now)())?,
            _ => {
                log.debug(|| format!("STS endpoint: {}", settings.sts_endpoint));
                let context = network::context(settings, world)?;
                network::run("getting credentials", world, self.fetch(&context))??
            }
        };
        log.debug(|| format!("access key id: {}", credentials.access_key_id));
        Ok(credentials)
    }

    /// [`Origin::get`] for who has a runtime already.
    pub(crate) async fn fetch(&self, context: &Context<'_>) -> Result<Credentials, Error> {
        checked(self.source.fetch(context, self.role.as_ref()).await?, context.now)
    }
}

fn search<'a>(settings: &Settings, world: &'a World<'_>) -> Search<'a> {
    Search {
        kind: match settings.credential_type {
            CredentialType::Auto => openapi::credentials::CredentialType::Auto,
            CredentialType::Metadata(_) => openapi::credentials::CredentialType::Metadata,
        },
        ignore_environment: settings.ignore_env_credentials,
        ignore_aliyun_cli: settings.ignore_aliyun_cli_credentials,
        profile_file: settings.profile_file.clone(),
        profile_name: settings.profile_name.clone(),
        ..Search::new(world.environment(), (world.now)())
    }
}

fn checked(credentials: Credentials, now: Timestamp) -> Result<Credentials, Error> {
    match credentials.expiration {
        Some(end) if end <= now => Err(Error::Ended { end: format_timestamp(end) }),
        _ => Ok(credentials),
    }
}
