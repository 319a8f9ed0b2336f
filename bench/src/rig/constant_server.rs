//! The constant server, in a process of its own.

use std::process::Command;

use serde::Deserialize;

use super::Programs;
use super::service::Service;
use crate::error::{Error, Result};
use crate::load::{Http, Target, Trust};

/// It runs until it is dropped.
#[derive(Debug)]
pub struct ConstantServer {
    service: Service,
    announced: Announced,
}

#[derive(Debug, Deserialize)]
struct Announced {
    url: String,
    certificate: String,
}

impl ConstantServer {
    /// With these arguments.
    ///
    /// # Errors
    /// It has not been built, or does not start.
    pub fn start(programs: &Programs, arguments: &[&str]) -> Result<ConstantServer> {
        let mut command = Command::new(programs.find("constant-server")?);
        command.args(arguments);
        let mut service = Service::start(command)?;
        let line = service.announcement()?;
        let announced = serde_json::from_str(&line).map_err(Error::failed("starting the constant server"))?;
        Ok(ConstantServer { service, announced })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.service.pid()
    }

    /// `https://ADDRESS:PORT`.
    pub fn url(&self) -> &str {
        &self.announced.url
    }

    /// For the load generator.
    ///
    /// # Errors
    /// Its certificate cannot be read.
    pub fn target(&self, http: Http) -> Result<Target> {
        Target::new(self.url(), http, &Trust::Authorities(self.announced.certificate.clone()), None)
    }
}
