//! kubectl, run as a user runs it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::process::{self, Output, isolated};

/// Longer than the API server tries to reach a webhook (30 s).
const DEADLINE: Duration = Duration::from_secs(120);

/// kubectl with one kubeconfig and one environment.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    env: Vec<(OsString, OsString)>,
    arguments: Vec<String>,
}

/// What `kubectl auth whoami` tells.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub struct UserInfo {
    /// The Kubernetes user name.
    pub username: String,
    /// `ack-ram-authenticator:<account>:<principal>` for those whom the authenticator let in.
    #[serde(default)]
    pub uid: String,
    /// The groups, `system:authenticated` among them.
    #[serde(default)]
    pub groups: Vec<String>,
    /// `arn`, `canonicalArn`, `sessionName`, `principalId`, `accessKeyId` for those whom the authenticator let in.
    #[serde(default)]
    pub extra: std::collections::BTreeMap<String, Vec<String>>,
}

impl Kubectl {
    /// kubectl with `kubeconfig`, a home of its own, and `bin` first in the search path: the
    /// kubeconfig's exec section names its program without a folder.
    #[must_use]
    pub fn new(program: &Path, kubeconfig: &Path, home: &Path, bin: &Path) -> Self {
        let path = process::search_path(&[bin]);
        Self {
            program: program.to_owned(),
            kubeconfig: kubeconfig.to_owned(),
            env: vec![("PATH".into(), path), ("HOME".into(), home.into())],
            arguments: Vec::new(),
        }
    }

    /// The same with one more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The same with one more argument in front of all others.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Its environment, `KUBECONFIG` included, for programs that are to run as this user.
    #[must_use]
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let kubeconfig = ("KUBECONFIG".into(), self.kubeconfig.clone().into());
        self.env.iter().cloned().chain([kubeconfig]).collect()
    }

    /// Runs it to its end, whatever the end is.
    ///
    /// # Errors
    /// It cannot be started, or does not end within two minutes.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = isolated(&self.program);
        command.envs(self.environment()).args(&self.arguments).args(arguments);
        process::run(command, DEADLINE)
    }

    /// Its stdout.
    ///
    /// # Errors
    /// It fails; the message has its stderr.
    pub fn ok(&self, arguments: &[&str]) -> Result<String> {
        self.run(arguments)?.success()
    }

    /// Its stdout, tried again until it succeeds: for what becomes true "at once", which on a
    /// loaded machine may be a while.
    ///
    /// # Errors
    /// It still fails at the deadline; the message has its last stderr.
    pub fn eventually(&self, arguments: &[&str], deadline: Duration) -> Result<String> {
        let start = Instant::now();
        loop {
            let result = self.ok(arguments);
            if result.is_ok() || start.elapsed() > deadline {
                return result;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// `kubectl auth whoami`.
    ///
    /// # Errors
    /// kubectl fails, or prints something else.
    pub fn whoami(&self) -> Result<UserInfo> {
        user_info(&self.ok(&WHOAMI)?)
    }

    /// `kubectl auth whoami`, tried again until it gets in.
    ///
    /// # Errors
    /// It still fails at the deadline.
    pub fn whoami_eventually(&self, deadline: Duration) -> Result<UserInfo> {
        user_info(&self.eventually(&WHOAMI, deadline)?)
    }
}

const WHOAMI: [&str; 4] = ["auth", "whoami", "-o", "json"];

fn user_info(review: &str) -> Result<UserInfo> {
    #[derive(Deserialize)]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        #[serde(rename = "userInfo")]
        user_info: UserInfo,
    }
    let review: Review = serde_json::from_str(review).map_err(Error::answer("reading what whoami prints"))?;
    Ok(review.status.user_info)
}
