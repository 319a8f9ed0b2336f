//! What tests do to the clusters while the emulator runs.

use super::Emulator;
use crate::cs::{Cluster, ClusterError, PermissionsCleaned, UserActivity};
use std::sync::Arc;

impl Emulator {
    /// Adds a cluster to Container Service, from the next request on. What keys of its account may do
    /// with it, their policies say.
    ///
    /// ```
    /// # fn example(emulator: &emulator::Emulator, ca: &str, client_ca: &str, client_ca_key: &str)
    /// # -> Result<(), emulator::ClusterError> {
    /// use emulator::Cluster;
    /// emulator.add_cluster(
    ///     Cluster::new("1234567890123456", "c0123456789abcdef0123456789abcdef")
    ///         .public_server("https://127.0.0.1:6443")
    ///         .private_server("https://127.0.0.1:6443")
    ///         .certificate_authority(ca)
    ///         .client_authority(client_ca, client_ca_key),
    /// )?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A value that cannot be right, or an id that is taken.
    pub fn add_cluster(&self, cluster: Cluster) -> Result<(), ClusterError> {
        self.app.container_service.add(cluster, (self.app.clock)())
    }

    /// Removes a cluster, with its tasks, its log and what is known of its users. Whether it was there.
    pub fn remove_cluster(&self, id: &str) -> bool {
        self.app.container_service.remove(id)
    }

    /// Lets the next task of a cluster end in the state `fail`, with this message. Whether the cluster is there.
    pub fn fail_next_task(&self, cluster_id: &str, message: &str) -> bool {
        self.app.container_service.fail_next_task(cluster_id, message)
    }

    /// Lets the tasks of a cluster that are under way end now, each as it would have ended.
    pub fn finish_tasks(&self, cluster_id: &str) {
        self.app.container_service.end_tasks(cluster_id, None, (self.app.clock)());
    }

    /// Lets the tasks of a cluster that are under way end now in the state `fail`, with this message. They change
    /// nothing.
    pub fn fail_tasks(&self, cluster_id: &str, message: &str) {
        self.app.container_service.end_tasks(cluster_id, Some(message), (self.app.clock)());
    }

    /// Says when a user or role, by its RAM id, last used a cluster. Nothing is known of others.
    pub fn set_user_activity(&self, cluster_id: &str, user_id: &str, activity: UserActivity) {
        self.app.container_service.set_activity(cluster_id, user_id, activity);
    }

    /// Takes the permission for an operation (`DescribeClusterUserKubeconfig`) away from a user, a role or the account
    /// itself, by its RAM id: from the next call on it gets HTTP 403 `StatusForbidden`, and with it who was denied
    /// what.
    pub fn deny_cluster_operation(&self, ram_id: &str, operation: &str) {
        self.app.container_service.deny(ram_id, operation);
    }

    /// Says what `CleanClusterUserPermissions` does beside answering: ACK removes the bindings of that user in the
    /// cluster. It is called for each request that is accepted, before the answer, on a thread where it may wait; an
    /// error becomes HTTP 500 with its text.
    pub fn on_clean_permissions(
        &self,
        hook: impl Fn(&PermissionsCleaned) -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.app.container_service.set_clean_hook(Arc::new(hook));
    }
}
