//! A rig whose cluster has RRSA off, for scenarios that enable it.

use crate::ack::register_oidc_provider;
use crate::cloud::{ACCOUNT, CLUSTER};
use crate::control_plane::ISSUER;
use crate::error::{Error, Result};
use crate::rig::Rig;

/// The rig's cluster has RRSA off, and no OIDC provider, as long as this value lives; what is made meanwhile goes with it.
#[derive(Debug)]
pub struct RrsaOff<'a> {
    rig: &'a Rig,
}

impl Rig {
    /// Container Service's cluster as it is before somebody enables RRSA. Enabling it takes a moment, and registers the
    /// issuer and the keys of the real API server.
    ///
    /// # Errors
    /// kubectl fails, or the emulator does not take the cluster.
    pub fn rrsa_off(&self) -> Result<RrsaOff<'_>> {
        let keys = self.admin().ok(&["get", "--raw", "/openid/v1/jwks"])?;
        let off = RrsaOff { rig: self };
        off.forget();
        let cluster = self.plane().as_cluster(ACCOUNT, CLUSTER, self.api_server().address());
        let cluster =
            cluster.issuer(ISSUER).issuer_keys(&keys).task_duration(jiff::SignedDuration::from_secs(1));
        off.add(cluster)?;
        Ok(off)
    }
}

impl RrsaOff<'_> {
    fn forget(&self) {
        let cloud = self.rig.cloud().emulator();
        cloud.remove_cluster(CLUSTER);
        let _ = cloud.remove_oidc_provider(ACCOUNT, &format!("ack-rrsa-{CLUSTER}"));
    }

    fn add(&self, cluster: emulator::Cluster) -> Result<()> {
        let added = self.rig.cloud().emulator().add_cluster(cluster);
        added.map_err(Error::answer("adding the cluster to the cloud"))
    }
}

impl Drop for RrsaOff<'_> {
    fn drop(&mut self) {
        self.forget();
        let rig = self.rig;
        let cluster = rig.plane().as_cluster(ACCOUNT, CLUSTER, rig.api_server().address());
        let done =
            self.add(cluster).and_then(|()| register_oidc_provider(&rig.admin(), rig.cloud().emulator()));
        if let Err(error) = done {
            eprintln!("e2e: the cluster as it was: {error}");
        }
    }
}
