//! A person with an access key, who makes a kubeconfig with `ack-ram-tool` and uses kubectl.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cloud::{CLUSTER, Identity};
use crate::control_plane::ApiServer;
use crate::error::{Error, Result};
use crate::kubectl::Kubectl;
use crate::process::{self, Output, isolated};
use crate::rig::Rig;

/// A person at a terminal: credentials in the environment, a home folder.
#[derive(Debug, Clone)]
pub struct Person {
    identity: Identity,
    role_arn: Option<String>,
    session_name: Option<String>,
    cluster: String,
    home: PathBuf,
}

impl Rig {
    /// Somebody at a terminal of his own, with an empty home folder.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn person(&self, identity: Identity) -> Result<Person> {
        let homes = self.run().folder("homes")?;
        let home = tempfile::Builder::new()
            .prefix(&format!("{}-", identity.access_key_id))
            .tempdir_in(&homes)
            .map_err(Error::file("make a folder in", homes))?;
        Ok(Person::new(identity, home.keep()))
    }
}

impl Person {
    pub(crate) fn new(identity: Identity, home: PathBuf) -> Self {
        Self { identity, role_arn: None, session_name: None, cluster: CLUSTER.to_owned(), home }
    }

    /// The ARN that STS answers with, the role's aside.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.identity.arn
    }

    /// RAM's own id of the person.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.identity.id
    }

    /// Assumes a role first (`--role-arn`), under a session name
    /// (`ALIBABA_CLOUD_ROLE_SESSION_NAME`).
    #[must_use]
    pub fn assuming(mut self, role_arn: &str, session_name: &str) -> Self {
        self.role_arn = Some(role_arn.to_owned());
        self.session_name = Some(session_name.to_owned());
        self
    }

    /// Believes the cluster to have another id.
    #[must_use]
    pub fn for_cluster(mut self, cluster: &str) -> Self {
        cluster.clone_into(&mut self.cluster);
        self
    }

    /// Has another access key secret than the cloud knows.
    #[must_use]
    pub fn with_secret(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.identity.access_key_secret);
        self
    }

    /// The person's home folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// kubectl with the kubeconfig that `ack-ram-tool credential-plugin get-kubeconfig` prints.
    ///
    /// # Errors
    /// The tool fails.
    pub fn kubectl(&self, rig: &Rig, server: &ApiServer) -> Result<Kubectl> {
        self.kubectl_with(rig, server, &[])
    }

    /// The same with more arguments to `get-kubeconfig`.
    ///
    /// # Errors
    /// The tool fails.
    pub fn kubectl_with(&self, rig: &Rig, server: &ApiServer, more: &[&str]) -> Result<Kubectl> {
        let url = server.url();
        let authority = rig.certificate_authority().to_string_lossy().into_owned();
        let mut arguments = vec!["credential-plugin", "get-kubeconfig"];
        arguments.extend(["--mode", "ram-authenticator-token", "--cluster-id", &self.cluster]);
        arguments.extend(["--server", &url, "--certificate-authority", &authority]);
        arguments.extend(more);
        let printed = self.tool(rig, &arguments)?;
        let kubeconfig = self.home.join(format!("kubeconfig-{}", server.address().port()));
        std::fs::write(&kubeconfig, printed.success()?).map_err(Error::file("write", &kubeconfig))?;
        Ok(self.shell(rig, &kubeconfig))
    }

    /// kubectl with some kubeconfig and this person's environment.
    #[must_use]
    pub fn shell(&self, rig: &Rig, kubeconfig: &Path) -> Kubectl {
        let kubectl = rig.kubectl(kubeconfig, &self.home);
        self.environment(rig).into_iter().fold(kubectl, |kubectl, (name, value)| kubectl.env(name, value))
    }

    /// The token that `ack-ram-tool credential-plugin get-token` prints, with more arguments.
    ///
    /// # Errors
    /// The tool fails, or prints no ExecCredential with a token.
    pub fn token(&self, rig: &Rig, arguments: &[&str]) -> Result<String> {
        let command = ["credential-plugin", "get-token", "--cluster-id", &self.cluster];
        let printed = self.tool(rig, &[&command, arguments].concat())?.success()?;
        let credential: serde_json::Value =
            serde_json::from_str(&printed).map_err(Error::answer("reading what get-token prints"))?;
        let token = credential.pointer("/status/token").and_then(serde_json::Value::as_str);
        token.map(str::to_owned).ok_or_else(|| Error::Answer {
            what: "reading what get-token prints".to_owned(),
            reason: "there is no status.token".to_owned(),
        })
    }

    /// Runs `ack-ram-tool` with `--sts-endpoint`, and `--role-arn` where a role is assumed.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn tool(&self, rig: &Rig, arguments: &[&str]) -> Result<Output> {
        let mut command: Command = isolated(&rig.tool());
        command
            .envs(self.environment(rig))
            .env("HOME", &self.home)
            .args(arguments)
            .args(["--sts-endpoint", &rig.cloud().endpoint()]);
        if let Some(role) = &self.role_arn {
            command.args(["--role-arn", role]);
        }
        process::run(command, Duration::from_secs(60))
    }

    /// Access key, session name, and the emulator's authority as that of the system.
    fn environment(&self, rig: &Rig) -> Vec<(&'static str, std::ffi::OsString)> {
        let mut environment = vec![
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", self.identity.access_key_id.clone().into()),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", self.identity.access_key_secret.clone().into()),
            ("SSL_CERT_FILE", rig.cloud().ca_file().into()),
        ];
        if let Some(session) = &self.session_name {
            environment.push(("ALIBABA_CLOUD_ROLE_SESSION_NAME", session.clone().into()));
        }
        environment
    }
}
