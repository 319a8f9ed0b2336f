//! Who asks, and the services that are asked.

use std::future::Future;

use jiff::Timestamp;
use openapi::network::{ProxyRules, Trust};
use openapi::{Credentials, cs, ims, ram};

use super::self_managed::SelfManagedFlags;
use crate::credentials;
use crate::error::Error;
use crate::log::Log;
use crate::network::{self, options};
use crate::settings::Settings;
use crate::world::World;

/// Who asks, and how. Questions to the person come before it is started: getting credentials can be a call already.
pub(super) struct Session<'a> {
    pub(super) settings: &'a Settings,
    pub(super) world: &'a World<'a>,
    pub(super) log: &'a Log<'a>,
    pub(super) credentials: Credentials,
    pub(super) cs: cs::Client,
    pub(super) ram: ram::Client,
}

impl<'a> Session<'a> {
    pub(super) fn start(
        settings: &'a Settings,
        world: &'a World<'a>,
        log: &'a Log<'a>,
    ) -> Result<Self, Error> {
        let (cs, ram) = (settings.cs_endpoint()?, settings.ram_endpoint()?);
        let credentials = credentials::get(settings, world, log)?;
        let trust = Trust::from_environment(world.variable);
        let proxies = ProxyRules::from_environment(world.variable)?;
        Ok(Self {
            settings,
            world,
            log,
            credentials,
            cs: cs::Client::with_network(&options(cs), &trust, &proxies)?,
            ram: ram::Client::with_network(&options(ram), &trust, &proxies)?,
        })
    }

    /// IMS, which knows RAM's identity providers: the public tool has no flag for it, and clusters of ACK's no need of it.
    pub(super) fn ims(&self, flags: &SelfManagedFlags) -> Result<ims::Client, Error> {
        let endpoint = self.settings.ims_endpoint(flags.ims_endpoint.as_deref(), self.world)?;
        let trust = Trust::from_environment(self.world.variable);
        let proxies = ProxyRules::from_environment(self.world.variable)?;
        Ok(ims::Client::with_network(&options(endpoint), &trust, &proxies)?)
    }

    /// Makes calls, and shows a person who waits what is waited for.
    pub(super) fn ask<T, E: Into<Error>>(
        &self,
        what: &str,
        calls: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        network::run(what, self.world, calls)?.map_err(Into::into)
    }

    /// The time of a signature.
    pub(super) fn now(&self) -> Timestamp {
        (self.world.now)()
    }
}
