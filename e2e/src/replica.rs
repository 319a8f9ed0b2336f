//! A second `ack-ram-authenticator` beside the rig's: the same files, a port of its own.

use std::time::Duration;

use crate::authenticator::Authenticator;
use crate::error::Result;
use crate::http::Client;
use crate::log::Log;
use crate::ports::Port;
use crate::process::{Service, isolated};
use crate::rig::Rig;

const READY: Duration = Duration::from_secs(60);

/// A running replica; dropping it ends it.
#[derive(Debug)]
pub struct Replica {
    service: Service,
    port: Port,
    client: Client,
    log: Log,
    _health: Port,
}

impl Replica {
    /// Starts it, with more arguments, and waits until it is ready. `name` is that of its log.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn start(rig: &Rig, name: &str, arguments: &[&str]) -> Result<Self> {
        let authenticator: &Authenticator = rig.authenticator();
        let (port, health) = (Port::take()?, Port::take()?);
        let mut command = isolated(&rig.bin().join("ack-ram-authenticator"));
        authenticator.add_arguments(&mut command);
        command
            .args(["--port", &port.number().to_string()])
            .args(["--health-address", &health.address().to_string()])
            .arg("--kubeconfig-pregenerated")
            .args(arguments);
        let path = rig.run().logs().join(format!("{name}.log"));
        let mut service = Service::start(name, command, &path)?;
        let client = authenticator.client()?;
        let url = format!("http://{}/readyz", health.address());
        service.wait_until(&format!("{name} to be ready"), READY, || {
            client.get(&url).is_ok_and(|answer| answer.status == 200)
        })?;
        Ok(Self { service, port, client, log: Log::at(&path), _health: health })
    }

    /// `https://127.0.0.1:PORT/authenticate`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}/authenticate", self.port.address())
    }

    /// Its metrics page.
    ///
    /// # Errors
    /// No answer.
    pub fn metrics(&self) -> Result<String> {
        Ok(self.client.get(&format!("https://{}/metrics", self.port.address()))?.body)
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Kills it (SIGKILL): it gives nothing back.
    pub fn kill(mut self) {
        self.service.kill();
    }
}
