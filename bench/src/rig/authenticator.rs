//! `ack-ram-authenticator`, installed as `manifests/authenticator/replicas` does it: `init --client-certificate`, then
//! `server` with the arguments of the Deployment, and a client certificate for whoever asks.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::api_server::{Answers, ApiServer};
use super::ready::{free_port, is_ready};
use super::service::Service;
use super::{CLUSTER, Cloud, Programs};
use crate::error::{Error, Result};
use crate::load::{Credentials, Http, Target, Trust};

/// Whom it asks.
#[derive(Debug, Clone)]
pub struct Sts {
    /// `HOST:PORT`.
    pub endpoint: String,
    /// The authority of its certificate.
    pub authority: PathBuf,
}

/// Whom it lets in.
#[derive(Debug, Clone, Copy)]
pub enum Mapped {
    /// Everybody of the cloud's account, by `mapAccounts`, as his ARN: nobody needs an API server.
    Account,
    /// So many `RAMIdentityMapping` resources, one of which maps user number 0 as [`MAPPED_USER`], after so long a list from
    /// an API server.
    Resources(Resources),
}

/// `RAMIdentityMapping` resources.
#[derive(Debug, Clone, Copy)]
pub struct Resources {
    /// How many.
    pub count: usize,
    /// Whether their ARNs are patterns.
    pub patterns: bool,
}

/// The Kubernetes user that [`Mapped::Resources`] makes of user number 0.
pub const MAPPED_USER: &str = "bench";

const MAPPINGS: &str = "/apis/ramauthenticator.k8s.alibabacloud/v1alpha1/ramidentitymappings";

/// It runs until it is dropped.
#[derive(Debug)]
pub struct Authenticator {
    service: Service,
    address: SocketAddr,
    state: PathBuf,
    /// From its start to its first 200 at `/readyz`.
    ready_after: Duration,
    _api: Option<ApiServer>,
}

impl Authenticator {
    /// With `more` arguments beside those of the manifest, its files in `folder`.
    ///
    /// # Errors
    /// It has not been built, or does not start.
    pub fn start(
        programs: &Programs,
        folder: &Path,
        sts: &Sts,
        mapped: Mapped,
        more: &[&str],
    ) -> Result<Authenticator> {
        let program = programs.find("ack-ram-authenticator")?;
        let (address, health) = (free_port()?, free_port()?);
        std::fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
        let state = folder.join("authenticator");
        std::fs::create_dir_all(&state).map_err(Error::file("make", &state))?;
        let config = folder.join("authenticator.yaml");
        let (backend, accounts) = match mapped {
            Mapped::Account => ("MountedFile", vec![Cloud::account()]),
            Mapped::Resources(_) => ("CRD", Vec::new()),
        };
        let text = json!({
            "clusterID": CLUSTER,
            "server": {
                "address": "127.0.0.1",
                "hostname": "localhost",
                "port": address.port(),
                "stateDir": state,
                "generateKubeconfig": state.join("kubeconfig.yaml"),
                "backendMode": [backend],
                "mapAccounts": accounts,
            },
        });
        // JSON is YAML.
        std::fs::write(&config, text.to_string()).map_err(Error::file("write", &config))?;
        let mut init = Command::new(&program);
        init.current_dir(&state).args(["init", "--client-certificate", "--config"]).arg(&config);
        let made = init.env_clear().output().map_err(Error::failed("running init"))?;
        if !made.status.success() {
            return Err(Error::because("running init", String::from_utf8_lossy(&made.stderr)));
        }
        let mut server = Command::new(&program);
        server
            .arg("server")
            .args(of_the_manifest(&config, health, &state))
            .arg(format!("--sts-endpoint={}", sts.endpoint))
            .arg(argument("--sts-ca-file", &sts.authority))
            .args(more);
        let api = match mapped {
            Mapped::Account => None,
            Mapped::Resources(resources) => {
                let api = ApiServer::start(Answers::from([(MAPPINGS, resources.list())]))?;
                let kubeconfig = folder.join("api-server.kubeconfig");
                api.write_kubeconfig(&kubeconfig)?;
                server.arg("--write-status=false").arg("--kubeconfig").arg(kubeconfig);
                Some(api)
            }
        };
        let begun = Instant::now();
        let mut service = Service::start(server)?;
        service.wait_until(|| is_ready(health))?;
        Ok(Authenticator { service, address, state, ready_after: begun.elapsed(), _api: api })
    }

    /// From its start to the first time that it said it was ready.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.service.pid()
    }

    /// Lines that it has logged: one a review, and few others.
    pub fn lines_logged(&self) -> u64 {
        self.service.lines_logged()
    }

    /// For the load generator, with the API server's client certificate.
    ///
    /// # Errors
    /// What `init` made cannot be read.
    pub fn target(&self, http: Http) -> Result<Target> {
        let read = |name| {
            let path = self.state.join(name);
            std::fs::read_to_string(&path).map_err(Error::file("read", path))
        };
        let client = Credentials { certificate: read("client.pem")?, key: read("client-key.pem")? };
        let url = format!("https://{}", self.address);
        Target::new(&url, http, &Trust::Authorities(read("cert.pem")?), Some(&client))
    }
}

impl Resources {
    /// As an API server lists them to clients that ask for all at once, `managedFields` included.
    fn list(self) -> Value {
        let items: Vec<Value> = (0..self.count).map(|number| self.object(number)).collect();
        json!({
            "apiVersion": "ramauthenticator.k8s.alibabacloud/v1alpha1",
            "kind": "RAMIdentityMappingList",
            "metadata": {"resourceVersion": "1"},
            "items": items,
        })
    }

    /// The one in the middle is that of the user who is asked about.
    fn object(self, number: usize) -> Value {
        let is_his = number == self.count / 2;
        let arn = match (is_his, self.patterns) {
            (true, false) => Cloud::arn(0),
            (true, true) => format!("{}*", Cloud::arn(0)),
            (false, false) => format!("acs:ram::{}:user/somebody-{number}", Cloud::account()),
            (false, true) => format!("acs:ram::{}:user/team-{number}-*", Cloud::account()),
        };
        let username = if is_his { MAPPED_USER.to_owned() } else { format!("somebody-{number}") };
        json!({
            "apiVersion": "ramauthenticator.k8s.alibabacloud/v1alpha1",
            "kind": "RAMIdentityMapping",
            "metadata": {
                "name": format!("mapping-{number}"),
                "uid": format!("00000000-0000-4000-8000-{number:012}"),
                "resourceVersion": "1",
                "generation": 1,
                "creationTimestamp": "2026-01-02T03:04:05Z",
                "managedFields": [{
                    "apiVersion": "ramauthenticator.k8s.alibabacloud/v1alpha1",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:spec": {".": {}, "f:arn": {}, "f:groups": {}, "f:username": {}}},
                    "manager": "kubectl",
                    "operation": "Apply",
                    "time": "2026-01-02T03:04:05Z",
                }],
            },
            "spec": {"arn": arn, "username": username, "groups": ["developers", "on-call"]},
        })
    }
}

/// The arguments of `manifests/authenticator/replicas`, with paths and addresses of this machine.
fn of_the_manifest(config: &Path, health: SocketAddr, state: &Path) -> Vec<OsString> {
    vec![
        argument("--config", config),
        "--bind=127.0.0.1".into(),
        format!("--health-address={health}").into(),
        argument("--state-dir", state),
        argument("--client-ca-file", &state.join("client-ca.pem")),
        "--kubeconfig-pregenerated".into(),
        "--sync-crd=false".into(),
    ]
}

/// `NAME=PATH`.
fn argument(name: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(name);
    argument.push("=");
    argument.push(path);
    argument
}

#[cfg(test)]
mod tests {
    use super::super::manifest::{flags, flags_in};
    use super::*;

    #[test]
    fn it_is_started_as_its_deployment_starts_it() {
        let health = "127.0.0.1:1".parse().unwrap();
        let ours = of_the_manifest(Path::new("c.yaml"), health, Path::new("state"));
        let ours: Vec<_> = ours.iter().map(|argument| argument.to_str().unwrap()).collect();
        assert_eq!(flags(ours), flags_in("authenticator/replicas/deployment.yaml"));
    }
}
