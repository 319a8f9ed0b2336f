//! One kube-apiserver.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{ControlPlane, Port, READY, Result, RunDir, Service, isolated, write};
use crate::http::Client;
use crate::log::Log;

/// How an API server is told of a token webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// `--authentication-token-webhook-config-file`.
    pub kubeconfig: PathBuf,
    /// `--authentication-token-webhook-version`: `v1` or `v1beta1`.
    pub version: &'static str,
    /// `--authentication-token-webhook-cache-ttl`; `None` is the API server's own two minutes.
    pub cache_ttl: Option<Duration>,
}

/// How much an API server writes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// `--v=1`, audit level Metadata.
    Usual,
    /// `--v=10`, audit level RequestResponse.
    Highest,
}

/// A running kube-apiserver; dropping it ends it at once.
#[derive(Debug)]
pub struct ApiServer {
    service: Service,
    port: Port,
    audit: Log,
    admin: PathBuf,
}

impl ApiServer {
    pub(super) fn start(
        plane: &ControlPlane,
        run: &RunDir,
        name: &str,
        webhook: Option<&Webhook>,
        verbosity: Verbosity,
        flags: &[String],
    ) -> Result<Self> {
        let port = Port::take()?;
        let address = port.address();
        let audit = run.logs().join(format!("{name}-audit.log"));
        let mut command = command(plane, run, name, address, verbosity)?;
        command.arg("--audit-log-path").arg(&audit);
        command.args(plane.token_flags(flags)).args(flags);
        if let Some(webhook) = webhook {
            webhook.add_to(&mut command);
        }
        let log = run.logs().join(format!("{name}.log"));
        let mut service = Service::start(name, command, &log)?;
        let probe = Client::new(&plane.servers.pem)?;
        let ready = format!("https://{address}/readyz");
        let is_ready = || probe.get(&ready).is_ok_and(|answer| answer.status == 200);
        service.wait_until(&format!("{name} to be ready"), READY, is_ready)?;
        let admin = plane.client_kubeconfig(run, address, "admin", Some("system:masters"))?;
        Ok(Self { service, port, audit: Log::at(&audit), admin })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.address())
    }

    /// A kubeconfig with a client certificate in `system:masters`.
    #[must_use]
    pub fn admin(&self) -> &Path {
        &self.admin
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.service.log()
    }

    /// Its audit log: one JSON event a line, written before the answer is sent.
    #[must_use]
    pub fn audit(&self) -> &Log {
        &self.audit
    }
}

impl Webhook {
    fn add_to(&self, command: &mut Command) {
        command
            .arg("--authentication-token-webhook-config-file")
            .arg(&self.kubeconfig)
            .args(["--authentication-token-webhook-version", self.version]);
        if let Some(ttl) = self.cache_ttl {
            let ttl = format!("{}ms", ttl.as_millis());
            command.args(["--authentication-token-webhook-cache-ttl", &ttl]);
        }
    }
}

fn command(
    plane: &ControlPlane,
    run: &RunDir,
    name: &str,
    address: SocketAddr,
    verbosity: Verbosity,
) -> Result<Command> {
    let (level, audit_policy) = match verbosity {
        Verbosity::Usual => ("--v=1", &plane.files.audit_policy),
        Verbosity::Highest => ("--v=10", &plane.files.full_audit_policy),
    };
    let (certificate, key) = write(run, name, &plane.servers.server(name)?)?;
    let port = address.port().to_string();
    let mut command = isolated(&plane.parts.kube_apiserver);
    command
        .args(["--etcd-servers", &plane.etcd.url])
        .args(["--bind-address", "127.0.0.1", "--secure-port", &port])
        // One API server or two on a made-up network: nobody needs the Service's endpoints.
        .args(["--endpoint-reconciler-type", "none", "--service-cluster-ip-range", "10.0.0.0/24"])
        .args(["--authorization-mode", "RBAC", "--allow-privileged=true"])
        .args(["--profiling=false", level])
        .arg("--egress-selector-config-file")
        .arg(plane.egress.config())
        .arg("--admission-control-config-file")
        .arg(&plane.files.admission)
        .arg("--cert-dir")
        .arg(run.folder(&format!("{name}-certificates"))?)
        .arg("--tls-cert-file")
        .arg(certificate)
        .arg("--tls-private-key-file")
        .arg(key)
        .arg("--client-ca-file")
        .arg(&plane.clients.file)
        .arg("--audit-policy-file")
        .arg(audit_policy);
    Ok(command)
}
