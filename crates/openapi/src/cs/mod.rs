//! Container Service for Kubernetes (ACK), version 2015-12-15: clusters, their kubeconfigs, who used them, and RRSA.

mod addons;
mod answers;
mod clusters;
mod explanation;
mod rrsa;
mod tasks;

use jiff::Timestamp;
use reqwest::Method;

use crate::api::{self, ApiError, Call, ClientError, Service, ServiceOptions, Style};
use crate::network::{ProxyRules, Trust};
use crate::{Credentials, Endpoint, EndpointError};

pub use addons::AddonVersion;
pub use answers::{Cluster, UserActivity, UserKubeconfig, UserKubeconfigRequest};
pub use rrsa::RrsaConfig;
pub use tasks::{ClusterLog, Task, TaskError, TaskId, TaskState};

/// Container Service: its version, its endpoints, its error codes.
pub static SERVICE: Service = Service {
    name: "Container Service",
    version: "2015-12-15",
    endpoint_flag: "--cs-endpoint",
    of_region: |region| match region {
        Some(region) => Endpoint::of_region("cs", region),
        None => Ok(Endpoint::central("cs")),
    },
    explain: explanation::explain,
    style: Style::Roa,
};

/// A kubeconfig holds three certificates and a key.
const MAX_KUBECONFIG_BYTES: usize = 1024 * 1024;
/// A cluster's description, with the JSON texts in it.
const MAX_CLUSTER_BYTES: usize = 1024 * 1024;

/// Container Service inside a VPC of this region.
///
/// # Errors
/// What is no region.
pub fn vpc_endpoint(region: &str) -> Result<Endpoint, EndpointError> {
    Endpoint::of_region("cs-anony-vpc", region)
}

/// A client of Container Service. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct Client {
    api: api::Client,
}

impl Client {
    /// Connects to nothing yet; `options.ca_file` is not read.
    ///
    /// # Errors
    /// CA certificates that cannot be used.
    pub fn with_network(
        options: &ServiceOptions,
        trust: &Trust,
        proxies: &ProxyRules,
    ) -> Result<Self, ClientError> {
        Ok(Self { api: api::Client::with_network(&SERVICE, options, trust, proxies)? })
    }

    /// The endpoint that this client asks.
    pub fn endpoint(&self) -> &Endpoint {
        self.api.endpoint()
    }

    /// One cluster (`DescribeClusterDetail`). `now` is the time of the signature, here and below.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn cluster(
        &self,
        id: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Cluster, ApiError> {
        const ACTION: &str = "DescribeClusterDetail";
        let call =
            Call::roa(ACTION, Method::GET, &["clusters", id]).reading().answer_of_at_most(MAX_CLUSTER_BYTES);
        self.api.asked(ACTION).read(self.api.call(&call, credentials, now).await?)
    }

    /// All clusters that the caller may see (`DescribeClustersV1`), page by page; none is no error.
    ///
    /// # Errors
    /// [`ApiError`]. A list that does not end, or repeats itself before it is complete, is one.
    pub async fn clusters(
        &self,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Vec<Cluster>, ApiError> {
        clusters::all(&self.api, "DescribeClustersV1", &["api", "v1", "clusters"], credentials, now).await
    }

    /// All clusters of a region (`DescribeClustersForRegion`); none is no error.
    ///
    /// # Errors
    /// As [`Client::clusters`].
    pub async fn clusters_of_region(
        &self,
        region: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Vec<Cluster>, ApiError> {
        let segments = ["regions", region, "clusters"];
        clusters::all(&self.api, "DescribeClustersForRegion", &segments, credentials, now).await
    }

    /// A kubeconfig with a certificate of the caller's (`DescribeClusterUserKubeconfig`).
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn user_kubeconfig(
        &self,
        id: &str,
        request: &UserKubeconfigRequest,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<UserKubeconfig, ApiError> {
        const ACTION: &str = "DescribeClusterUserKubeconfig";
        let mut call = Call::roa(ACTION, Method::GET, &["k8s", id, "user_config"])
            .reading()
            .answer_of_at_most(MAX_KUBECONFIG_BYTES);
        if request.private_address {
            call = call.with("PrivateIpAddress", "true");
        }
        if let Some(minutes) = request.minutes {
            call = call.with("TemporaryDurationMinutes", minutes.to_string());
        }
        self.api.asked(ACTION).read(self.api.call(&call, credentials, now).await?)
    }

    /// When a user or role was last active in a cluster (`DescribeUserClusterActivityState`).
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn user_activity(
        &self,
        id: &str,
        uid: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<UserActivity, ApiError> {
        const ACTION: &str = "DescribeUserClusterActivityState";
        let call =
            Call::roa(ACTION, Method::GET, &["clusters", id, "users", uid, "activity-state"]).reading();
        self.api.asked(ACTION).read(self.api.call(&call, credentials, now).await?)
    }

    /// Takes a user's or role's certificate and bindings in a cluster away (`CleanClusterUserPermissions`, forced). It is
    /// sent once, whatever comes of it.
    ///
    /// # Errors
    /// [`ApiError`]; where [`ApiError::may_have_arrived`], it may have been done nevertheless.
    pub async fn clean_user_permissions(
        &self,
        id: &str,
        uid: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        const ACTION: &str = "CleanClusterUserPermissions";
        let segments = ["cluster", id, "user", uid, "permissions"];
        let call = Call::roa(ACTION, Method::DELETE, &segments).with("Force", "true");
        self.api.call_without_answer(&call, credentials, now).await
    }
}
