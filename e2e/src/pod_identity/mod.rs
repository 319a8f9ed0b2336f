//! `ack-pod-identity-webhook`, installed from `manifests/pod-identity` as an administrator does it, and run as a process
//! with the arguments of the Deployment's container and the rights of its service account.
//!
//! API servers reach it by its Service ([`crate::egress`]).

mod installation;
mod objects;
mod webhook;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::control_plane::{ApiServer, ControlPlane};
use crate::error::Result;
use crate::http::Client;
use crate::kubectl::Kubectl;
use crate::run_dir::RunDir;

pub use installation::Installation;
pub use objects::{config, is_injected, namespace, pod, service_account};
pub use webhook::Webhook;

/// The program, and its namespace, Deployment, Service, service account, Lease and webhook configuration.
pub const NAME: &str = "ack-pod-identity-webhook";
/// The region that the configuration says.
pub const REGION: &str = "cn-hangzhou";
/// `metadata.labels` of a namespace whose pods are injected.
pub const LABEL: &str = "pod-identity.alibabacloud.com/injection";
/// The volume, and the mount, that pods get.
pub const VOLUME: &str = "rrsa-oidc-token";

/// How an API server calls it.
const HOST: &str = "ack-pod-identity-webhook.ack-pod-identity-webhook.svc";
const READY: Duration = Duration::from_secs(60);
/// What an installation needs to know of where it is made.
#[derive(Debug)]
pub struct Site<'a> {
    /// kubectl of the administrator.
    pub admin: Kubectl,
    /// Its API servers reach the webhook by its Service.
    pub plane: &'a ControlPlane,
    /// The API server that the webhook talks to.
    pub api_server: &'a ApiServer,
    /// Where the program is.
    pub bin: &'a Path,
    /// Folders of the run.
    pub run: &'a RunDir,
}

/// What a rig starts when a scenario first asks for it, and keeps: an installation with own certificates, fail-open, and
/// one replica.
#[derive(Debug)]
pub struct PodIdentity {
    webhook: Webhook,
    installation: Installation,
}

/// Another replica in place of the usual one, until this value is dropped.
#[derive(Debug)]
pub struct Instead<'a> {
    usual: &'a PodIdentity,
    replica: Webhook,
}

/// `manifests/pod-identity`.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/pod-identity")
}

impl PodIdentity {
    pub(crate) fn start(site: &Site<'_>) -> Result<Self> {
        let installation = Installation::apply(site, "own-certificates")?;
        let webhook = installation.replica(NAME, &[])?;
        installation.lead_to(&[&webhook]);
        installation.wait_until_injecting()?;
        Ok(Self { webhook, installation })
    }

    /// The process.
    #[must_use]
    pub fn webhook(&self) -> &Webhook {
        &self.webhook
    }

    /// What is installed.
    #[must_use]
    pub fn installation(&self) -> &Installation {
        &self.installation
    }

    /// A client that knows it by the name of its Service, and trusts what the API server trusts.
    ///
    /// # Errors
    /// `caBundle` cannot be read.
    pub fn client(&self) -> Result<Client> {
        Client::for_host(&self.installation.ca_bundle()?, HOST, self.webhook.address())
    }

    /// For [`PodIdentity::client`]: `https://HOST:PORT/…`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.webhook.address().port())
    }

    /// Another replica takes all reviews while the answer lives: one with more arguments.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn with(&self, name: &str, more: &[&str]) -> Result<Instead<'_>> {
        let replica = self.installation.replica(name, more)?;
        self.installation.lead_at_once_to(&replica);
        Ok(Instead { usual: self, replica })
    }

    /// Nothing of it is removed when it is dropped.
    pub(crate) fn stay(&mut self) {
        self.installation.stay();
    }

    /// Removes its objects and ends it.
    pub(crate) fn remove(&self) -> Result<()> {
        self.webhook.kill();
        self.installation.remove()
    }
}

impl Instead<'_> {
    /// As [`PodIdentity::client`], and what it calls the replica.
    ///
    /// # Errors
    /// `caBundle` cannot be read.
    pub fn client(&self) -> Result<(Client, String)> {
        let address = self.replica.address();
        let client = Client::for_host(&self.usual.installation.ca_bundle()?, HOST, address)?;
        Ok((client, format!("https://{HOST}:{}", address.port())))
    }

    /// The replica.
    #[must_use]
    pub fn webhook(&self) -> &Webhook {
        &self.replica
    }
}

impl Drop for Instead<'_> {
    fn drop(&mut self) {
        self.usual.installation.lead_at_once_to(&self.usual.webhook);
    }
}
