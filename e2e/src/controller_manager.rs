//! kube-controller-manager, as far as it makes pods: out of Deployments, ReplicaSets, StatefulSets, Jobs and CronJobs.
//! No kubelet is needed for pods to be admitted.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::error::Result;
use crate::ports::Port;
use crate::process::{Service, isolated};
use crate::rig::Rig;

const READY: Duration = Duration::from_secs(120);

/// Those that make pods or take away what nobody owns any more, and what makes service accounts `default`. Their
/// names are the same in every version that is tested (`cmd/kube-controller-manager/names`).
const CONTROLLERS: &str = "deployment-controller,replicaset-controller,statefulset-controller,job-controller,\
    cronjob-controller,daemonset-controller,serviceaccount-controller,garbage-collector-controller";

/// A running kube-controller-manager; dropping it ends it at once. Whoever needs it starts it: what other scenarios
/// install would otherwise become pods.
#[derive(Debug)]
pub struct ControllerManager {
    _service: Service,
    _port: Port,
}

impl ControllerManager {
    /// Builds the program where it has never been built (a minute or two), starts it as somebody in
    /// `system:masters`, and waits until it listens.
    ///
    /// # Errors
    /// It cannot be built, or ends at once.
    pub fn start(rig: &Rig) -> Result<Self> {
        let program = rig.plane().controller_manager()?;
        let port = Port::take()?;
        let name = "kube-controller-manager";
        let kubeconfig = rig.client_kubeconfig(name, Some("system:masters"))?;
        let command = command(&program, &kubeconfig, &port);
        let log = rig.run().logs().join(format!("{name}.log"));
        let mut service = Service::start(name, command, &log)?;
        // Its certificate is one that it makes for itself at each start, and its controllers start by the by.
        let is_listening = || std::net::TcpStream::connect(port.address()).is_ok();
        service.wait_until(&format!("{name} to listen"), READY, is_listening)?;
        Ok(Self { _service: service, _port: port })
    }
}

fn command(program: &Path, kubeconfig: &Path, port: &Port) -> Command {
    let mut command = isolated(program);
    command
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(["--controllers", CONTROLLERS])
        .args(["--leader-elect=false", "--bind-address", "127.0.0.1", "--v=1"])
        .args(["--secure-port", &port.number().to_string()]);
    command
}
