//! `ack-ram-authenticator`, installed as `manifests/authenticator/replicas` does it: `init --client-certificate`, then
//! `server` with the arguments of the Deployment, and a client certificate for whoever asks.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::ready::{free_port, is_ready};
use super::service::Service;
use super::{CLUSTER, Cloud, Programs};
use crate::error::{Error, Result};
use crate::load::{Credentials, Http, Target, Trust};

/// It runs until it is dropped.
#[derive(Debug)]
pub struct Authenticator {
    service: Service,
    address: SocketAddr,
    state: PathBuf,
}

impl Authenticator {
    /// With the mapping `mapAccounts` of the cloud's account alone, so that nobody needs an API server, and with `more`
    /// arguments beside those of the manifest.
    ///
    /// # Errors
    /// It has not been built, or does not start.
    pub fn start(programs: &Programs, folder: &Path, cloud: &Cloud, more: &[&str]) -> Result<Authenticator> {
        let program = programs.find("ack-ram-authenticator")?;
        let (address, health) = (free_port()?, free_port()?);
        let state = folder.join("authenticator");
        std::fs::create_dir_all(&state).map_err(Error::file("make", &state))?;
        let config = folder.join("authenticator.yaml");
        let text = json!({
            "clusterID": CLUSTER,
            "server": {
                "address": "127.0.0.1",
                "hostname": "localhost",
                "port": address.port(),
                "stateDir": state,
                "generateKubeconfig": state.join("kubeconfig.yaml"),
                "backendMode": ["MountedFile"],
                "mapAccounts": [Cloud::account()],
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
            .arg(format!("--sts-endpoint={}", cloud.endpoint()))
            .arg(argument("--sts-ca-file", cloud.authority()))
            .args(more);
        let mut service = Service::start(server)?;
        service.wait_until(|| is_ready(health))?;
        Ok(Authenticator { service, address, state })
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
