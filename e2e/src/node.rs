//! As much of a node as `kubectl logs` needs: a Node object, pods that are bound to it, and a kubelet's answer to the API
//! server's question for a container's log (`GET /containerLogs/NAMESPACE/POD/CONTAINER`). What runs is the scenario's own
//! doing ([`crate::namespace`]).

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::egress::Route;
use crate::error::{Error, Result};
use crate::rig::Rig;
use crate::site::Site;

/// What a kubelet calls the folder of logs in its API.
const LOGS: &str = "containerLogs";

/// A node; its pods and its object are deleted when this value is dropped.
#[derive(Debug)]
pub struct Node<'a> {
    rig: &'a Rig,
    name: String,
    kubelet: Site,
    _route: Route,
}

impl<'a> Node<'a> {
    /// Makes the Node object, whose kubelet the API server finds at a port of 127.0.0.1.
    ///
    /// # Errors
    /// kubectl fails, or there is no free port.
    pub fn start(rig: &'a Rig, name: &str) -> Result<Self> {
        let kubelet = Site::start(rig.run(), LOGS)?;
        let port = kubelet.address().port();
        // API servers ask kubelets where they ask Services.
        let as_service = json!({"spec": {"clusterIP": "127.0.0.1", "ports": [{"port": port}]}});
        let route = rig.plane().egress().route(&as_service, &[kubelet.address()])?;
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name},
            "status": {
                "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            },
        });
        let file = rig.run().file("node.json", &node.to_string())?;
        rig.admin().ok(&["create", "-f", &file.to_string_lossy()])?;
        Ok(Self { rig, name: name.to_owned(), kubelet, _route: route })
    }

    /// Takes a pod, as the scheduler tells a node to.
    ///
    /// # Errors
    /// kubectl fails.
    pub fn take(&self, space: &str, pod: &str) -> Result<()> {
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod, "namespace": space},
            "target": {"apiVersion": "v1", "kind": "Node", "name": self.name},
        });
        let file = self.rig.run().file("binding.json", &binding.to_string())?;
        let path = format!("/api/v1/namespaces/{space}/pods/{pod}/binding");
        self.rig.admin().ok(&["create", "--raw", &path, "-f", &file.to_string_lossy()]).map(|_text| ())
    }

    /// `kubectl logs` of a container shows this file from now on, as it is when it is asked for.
    ///
    /// # Errors
    /// The link to it cannot be made.
    pub fn show_log(&self, space: &str, pod: &str, container: &str, log: &Path) -> Result<()> {
        let folder: PathBuf = self.kubelet.folder().join(space).join(pod);
        std::fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
        let link = folder.join(container);
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(log, &link).map_err(Error::file("make", &link))
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        // Nobody else ends pods that are bound to it.
        let selector = format!("--field-selector=spec.nodeName={}", self.name);
        let pods = ["delete", "pods", "--all-namespaces", &selector, "--force", "--grace-period=0"];
        let _ = self.rig.admin().run(&[&pods[..], &["--wait=false"]].concat());
        let _ = self.rig.admin().run(&["delete", "node", &self.name, "--wait=false"]);
    }
}
