//! `ack-pod-identity-webhook` with the arguments of its Deployment.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::api_server::{Answers, ApiServer};
use super::ready::{free_port, is_ready};
use super::service::Service;
use super::{CLUSTER, Cloud, Programs};
use crate::constant::Tls;
use crate::error::{Error, Result};
use crate::load::{Http, Target, Trust};

/// The namespace that has injection on.
pub const NAMESPACE: &str = "shop";
/// The service account in it that names a role.
pub const SERVICE_ACCOUNT: &str = "seller";

const CONFIGURATION: &str =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/ack-pod-identity-webhook";

/// It runs until it is dropped.
#[derive(Debug)]
pub struct PodIdentity {
    service: Service,
    address: SocketAddr,
    certificate: String,
    _api: ApiServer,
}

impl PodIdentity {
    /// With a certificate from files, as cert-manager brings it, so that it writes nothing to the API server.
    ///
    /// # Errors
    /// It has not been built, or does not start.
    pub fn start(programs: &Programs, folder: &Path) -> Result<PodIdentity> {
        let (address, health) = (free_port()?, free_port()?);
        let tls = Tls::new()?;
        let api = ApiServer::start(answers(&tls.certificate))?;
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            let file = std::fs::File::options().create_new(true).write(true).mode(0o600).open(&path);
            let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
            written.map_err(Error::file("write", &path)).map(|()| path)
        };
        let config = json!({"clusterID": CLUSTER, "accountID": Cloud::account(), "region": "cn-hangzhou"});
        let config = write("pod-identity.yaml", &config.to_string())?;
        let kubeconfig = folder.join("api-server.kubeconfig");
        api.write_kubeconfig(&kubeconfig)?;
        let mut command = Command::new(programs.find("ack-pod-identity-webhook")?);
        command
            .arg("server")
            .args(of_the_manifest(&config, health))
            .arg(format!("--listen={address}"))
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .arg("--tls-cert-file")
            .arg(write("tls.crt", &tls.certificate)?)
            .arg("--tls-private-key-file")
            .arg(write("tls.key", &tls.key)?);
        let mut service = Service::start(command)?;
        service.wait_until(|| is_ready(health))?;
        Ok(PodIdentity { service, address, certificate: tls.certificate, _api: api })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.service.pid()
    }

    /// Lines that it has logged: one a review, and few others.
    pub fn lines_logged(&self) -> u64 {
        self.service.lines_logged()
    }

    /// For the load generator.
    ///
    /// # Errors
    /// Its certificate cannot be read.
    pub fn target(&self, http: Http) -> Result<Target> {
        let url = format!("https://{}", self.address);
        Target::new(&url, http, &Trust::Authorities(self.certificate.clone()), None)
    }
}

/// One namespace, one service account, and a webhook configuration that trusts `certificate` (PEM).
fn answers(certificate: &str) -> Answers {
    let list = |metadata: Value| {
        json!({
            "apiVersion": "meta.k8s.io/v1",
            "kind": "PartialObjectMetadataList",
            "metadata": {"resourceVersion": "1"},
            "items": [{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata}],
        })
    };
    let namespaces = list(json!({
        "name": NAMESPACE,
        "resourceVersion": "1",
        "labels": {"pod-identity.alibabacloud.com/injection": "on"},
    }));
    let service_accounts = list(json!({
        "name": SERVICE_ACCOUNT,
        "namespace": NAMESPACE,
        "resourceVersion": "1",
        "annotations": {"pod-identity.alibabacloud.com/role-name": "shop"},
    }));
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "ack-pod-identity-webhook", "resourceVersion": "1"},
        "webhooks": [{
            "name": "pods.ack-pod-identity-webhook",
            "clientConfig": {"url": "https://127.0.0.1/mutate", "caBundle": STANDARD.encode(certificate)},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
        }],
    });
    Answers::from([
        ("/api/v1/namespaces", namespaces),
        ("/api/v1/serviceaccounts", service_accounts),
        (CONFIGURATION, configuration),
    ])
}

/// The arguments of `manifests/pod-identity/base`, with paths and addresses of this machine.
fn of_the_manifest(config: &Path, health: SocketAddr) -> [String; 3] {
    [
        format!("--config={}", config.display()),
        format!("--health-address={health}"),
        "--shutdown-delay=5s".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::manifest::{flags, flags_in};
    use super::*;

    #[test]
    fn it_is_started_as_its_deployment_starts_it() {
        let ours = of_the_manifest(Path::new("c.yaml"), "127.0.0.1:1".parse().unwrap());
        assert_eq!(flags(ours.iter().map(String::as_str)), flags_in("pod-identity/base/deployment.yaml"));
    }
}
