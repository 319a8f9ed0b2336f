//! What Container Service says and is asked. Fields that are not used here are left out; unknown ones are ignored.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use signature::Secret;

use super::rrsa::{RrsaConfig, of_meta_data};
use crate::api::text_or_null;

/// A cluster ("DescribeClusterDetail", "DescribeClustersV1").
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Cluster {
    /// `c` and 32 hexadecimal digits.
    pub cluster_id: String,
    /// The name that people gave it; may be empty.
    #[serde(default, deserialize_with = "text_or_null")]
    pub name: String,
    /// `ManagedKubernetes`, `Kubernetes`, `ExternalKubernetes`, `aliyun` (Swarm), …
    #[serde(default, deserialize_with = "text_or_null")]
    pub cluster_type: String,
    /// `Default`, `Serverless`, `Edge`, …; may be empty.
    #[serde(default, deserialize_with = "text_or_null")]
    pub profile: String,
    /// `running`, `updating`, `deleting`, …
    #[serde(default, deserialize_with = "text_or_null")]
    pub state: String,
    /// `cn-hangzhou`.
    #[serde(default, deserialize_with = "text_or_null")]
    pub region_id: String,
    /// Version of Kubernetes.
    #[serde(default, deserialize_with = "text_or_null")]
    pub current_version: String,
    /// Addresses of the API server: a JSON object as text, see [`Cluster::api_server`].
    #[serde(default, deserialize_with = "text_or_null")]
    pub master_url: String,
    /// What Container Service says of RRSA (`meta_data`); `None` where it says nothing that can be read.
    #[serde(rename = "meta_data", default, deserialize_with = "of_meta_data")]
    pub rrsa: Option<RrsaConfig>,
}

impl Cluster {
    /// `https://HOST:PORT` of the API server, public or inside the VPC, where the cluster has one.
    pub fn api_server(&self, private: bool) -> Option<String> {
        let urls: serde_json::Value = serde_json::from_str(&self.master_url).ok()?;
        let key = if private { "intranet_api_server_endpoint" } else { "api_server_endpoint" };
        urls.get(key)?.as_str().filter(|url| !url.is_empty()).map(str::to_owned)
    }
}

/// What a kubeconfig is to be like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserKubeconfigRequest {
    /// The API server's address inside the VPC.
    pub private_address: bool,
    /// How long the certificate is good for, 15 to 4320 minutes; without it, as long as Container Service likes (years).
    pub minutes: Option<u32>,
}

/// A kubeconfig with a private key in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UserKubeconfig {
    /// The kubeconfig, YAML.
    pub config: Secret,
    /// When the certificate ends.
    pub expiration: Timestamp,
}

/// When a user or role was last seen in a cluster, as its audit log says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct UserActivity {
    /// Whether it was active lately.
    #[serde(default)]
    pub active: bool,
    /// RFC 3339; empty where nothing is known.
    #[serde(default, deserialize_with = "text_or_null")]
    pub last_activity: String,
    /// Id of the last line in the audit log.
    #[serde(default, deserialize_with = "text_or_null")]
    pub last_audit_id: String,
    /// The project of the log service that holds the audit log.
    #[serde(default, deserialize_with = "text_or_null")]
    pub log_project_name: String,
    /// The log store in it.
    #[serde(default, deserialize_with = "text_or_null")]
    pub log_store_name: String,
}
