//! One replica as a process.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{NAME, READY};
use crate::error::{Error, Result};
use crate::http::{Answer, Client};
use crate::log::Log;
use crate::ports::Port;
use crate::process::Service;

/// A running `ack-pod-identity-webhook server`; dropping it kills it.
#[derive(Debug)]
pub struct Webhook {
    service: Mutex<Service>,
    log: Log,
    port: Arc<Port>,
    health: Port,
    probe: Client,
}

impl Webhook {
    pub(super) fn new(service: Service, port: Arc<Port>, health: Port) -> Result<Self> {
        // Health is plain HTTP here: there is nobody to trust.
        let probe = Client::new("")?;
        Ok(Self { log: service.log().clone(), service: Mutex::new(service), port, health, probe })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its port, for another one beside it.
    #[must_use]
    pub fn port(&self) -> &Arc<Port> {
        &self.port
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What it answers in plain HTTP at `path`, as in `/readyz`.
    ///
    /// # Errors
    /// No answer.
    pub fn health(&self, path: &str) -> Result<Answer> {
        self.probe.get(&format!("http://{}{path}", self.health.address()))
    }

    /// Waits for `/readyz` to say so.
    ///
    /// # Errors
    /// It has ended, or is not ready after a minute; its answer is in the message.
    pub fn wait_until_ready(&self) -> Result<()> {
        let mut last = String::new();
        let is_ready = || {
            let answer = self.health("/readyz");
            let is_ready = answer.as_ref().is_ok_and(|answer| answer.status == 200);
            last = answer.map_or_else(|error| error.to_string(), |answer| answer.body);
            is_ready
        };
        match self.service().wait_until(NAME, READY, is_ready) {
            Err(Error::Deadline { waited, .. }) => {
                let what = format!("{NAME} to be ready; /readyz says: {}", last.replace('\n', "; "));
                Err(Error::Deadline { what, waited })
            }
            other => other,
        }
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.service().ended().is_some()
    }

    /// SIGTERM, and its end, which must be one of status 0.
    ///
    /// # Errors
    /// It does not end by `deadline`, or with another status.
    pub fn terminate(self, deadline: Duration) -> Result<()> {
        let service = self.service.into_inner().unwrap_or_else(PoisonError::into_inner);
        let status = service.terminate(deadline)?;
        if status.success() {
            return Ok(());
        }
        Err(Error::Answer {
            what: format!("{NAME} after SIGTERM"),
            reason: format!("it ended with {status}"),
        })
    }

    /// SIGKILL.
    pub fn kill(&self) {
        self.service().kill();
    }

    fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
