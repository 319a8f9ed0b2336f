//! `ack-ram-authenticator`, installed the way its documentation says: `init` first, since the API
//! server reads the webhook kubeconfig at its start and never again; then `server`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::cloud::{CLUSTER, Cloud};
use crate::error::{Error, Result};
use crate::http::Client;
use crate::log::Log;
use crate::ports::Port;
use crate::process::{self, Service, isolated};
use crate::run_dir::RunDir;

const READY: Duration = Duration::from_secs(60);

/// The authenticator's files and ports, and its process while it runs.
#[derive(Debug)]
pub struct Authenticator {
    program: PathBuf,
    config: PathBuf,
    webhook_kubeconfig: PathBuf,
    arguments: Vec<String>,
    port: Port,
    health: Port,
    certificate: String,
    log: PathBuf,
    service: Mutex<Option<Service>>,
}

/// The authenticator runs with more arguments while this value lives; dropping it starts it anew without them.
#[derive(Debug)]
pub struct Changed<'a>(&'a Authenticator);

/// The authenticator is stopped while this value lives; dropping it starts it again.
#[derive(Debug)]
pub struct Outage<'a>(&'a Authenticator);

impl Authenticator {
    /// Runs `init`: certificate, key and webhook kubeconfig are then there. `kubeconfig` is where
    /// the authenticator's own way to the API server will be by the time that it is started.
    ///
    /// # Errors
    /// `init` fails.
    pub fn init(program: &Path, run: &RunDir, cloud: &Cloud, kubeconfig: &Path) -> Result<Self> {
        let (port, health) = (Port::take()?, Port::take()?);
        let state = run.folder("authenticator")?;
        let webhook_kubeconfig = state.join("ack-ram-authenticator.kubeconfig");
        let config = json!({
            "clusterID": CLUSTER,
            "server": {
                "address": "127.0.0.1",
                "hostname": "localhost",
                "port": port.number(),
                "stateDir": state,
                "generateKubeconfig": webhook_kubeconfig,
                "kubeconfig": kubeconfig,
                "backendMode": ["MountedFile", "CRD"],
                "mapUsers": [{
                    "userarn": crate::cloud::user("mounted").arn,
                    "username": "from-the-config-file",
                    "groups": ["mounted"],
                }],
            },
        });
        // JSON is YAML.
        let config = run.file("authenticator.yaml", &format!("{config:#}"))?;
        let mut command = isolated(program);
        command.current_dir(&state).arg("init").arg("--config").arg(&config);
        process::run(command, READY)?.success()?;
        let read = state.join("cert.pem");
        let certificate = std::fs::read_to_string(&read).map_err(Error::file("read", read))?;
        Ok(Self {
            program: program.to_owned(),
            config,
            webhook_kubeconfig,
            arguments: vec![
                "--sts-endpoint".to_owned(),
                cloud.endpoint(),
                "--sts-ca-file".to_owned(),
                cloud.ca_file().to_string_lossy().into_owned(),
                "--health-address".to_owned(),
                health.address().to_string(),
            ],
            port,
            health,
            certificate,
            log: run.logs().join("ack-ram-authenticator.log"),
            service: Mutex::new(None),
        })
    }

    /// For the API server's `--authentication-token-webhook-config-file`.
    #[must_use]
    pub fn webhook_kubeconfig(&self) -> &Path {
        &self.webhook_kubeconfig
    }

    /// `https://127.0.0.1:PORT/authenticate`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}/authenticate", self.port.address())
    }

    /// A client that trusts its certificate.
    ///
    /// # Errors
    /// The certificate cannot be read.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.certificate)
    }

    /// Its log, over all restarts.
    #[must_use]
    pub fn log(&self) -> Log {
        Log::at(&self.log)
    }

    /// Makes `command` a `server` with this one's files and settings.
    pub(crate) fn add_arguments(&self, command: &mut Command) {
        command.arg("server").arg("--config").arg(&self.config).args(&self.arguments);
    }

    /// Another command of the program that takes the server's flags, with those of this server.
    #[must_use]
    pub fn command(&self, command: &str) -> Command {
        self.command_of(&self.program, command)
    }

    /// The same of another build of the program.
    #[must_use]
    pub fn command_of(&self, program: &Path, command: &str) -> Command {
        let mut asked = isolated(program);
        asked.arg(command).arg("--config").arg(&self.config).args(&self.arguments);
        asked
    }

    /// Starts `server` and waits until it is ready: listening, mappings synced.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn start(&self) -> Result<()> {
        self.start_with(&[])
    }

    fn start_with(&self, more: &[&str]) -> Result<()> {
        let mut command: Command = isolated(&self.program);
        self.add_arguments(&mut command);
        command.args(more);
        let mut service = Service::start("ack-ram-authenticator", command, &self.log)?;
        let probe = Client::new(&self.certificate)?;
        let url = format!("http://{}/readyz", self.health.address());
        let is_ready = || probe.get(&url).is_ok_and(|answer| answer.status == 200);
        service.wait_until("ack-ram-authenticator to be ready", READY, is_ready)?;
        *self.running() = Some(service);
        Ok(())
    }

    /// Stops it with SIGTERM, until the answer is dropped.
    ///
    /// # Errors
    /// It does not end within 30 s of SIGTERM, or not with status 0, or was not running.
    pub fn stop(&self) -> Result<Outage<'_>> {
        let service = self.running().take().ok_or_else(|| Error::Answer {
            what: "stopping ack-ram-authenticator".to_owned(),
            reason: "it is not running".to_owned(),
        })?;
        let outage = Outage(self);
        let status = service.terminate(Duration::from_secs(30))?;
        if !status.success() {
            return Err(Error::Answer {
                what: "ack-ram-authenticator after SIGTERM".to_owned(),
                reason: format!("it ended with {status}"),
            });
        }
        Ok(outage)
    }

    /// Starts it again where an earlier scenario left it stopped or it has ended by itself.
    ///
    /// # Errors
    /// It has ended by itself (that is a fault of the program), or does not start.
    pub fn ensure_running(&self) -> Result<()> {
        let ended = match self.running().as_mut() {
            Some(service) => service.ended(),
            None => None,
        };
        let Some(status) = ended else {
            return if self.running().is_some() { Ok(()) } else { self.start() };
        };
        *self.running() = None;
        self.start()?;
        Err(Error::Answer {
            what: "ack-ram-authenticator".to_owned(),
            reason: format!("it ended by itself with {status}"),
        })
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Service>> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Outage<'a> {
    /// Starts it again now.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn end(self) -> Result<()> {
        self.0.start()
    }

    /// Starts it again now, with more arguments until the answer is dropped.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn end_with(self, more: &[&str]) -> Result<Changed<'a>> {
        self.0.start_with(more)?;
        Ok(Changed(self.0))
    }
}

impl Drop for Changed<'_> {
    fn drop(&mut self) {
        let _ = self.0.stop();
    }
}

impl Drop for Outage<'_> {
    fn drop(&mut self) {
        let _ = self.0.ensure_running();
    }
}
