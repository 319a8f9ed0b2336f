//! Which clusters `-c` means.

use openapi::cs::Cluster;

use crate::cluster_id::ClusterId;

/// Whom `-c` names.
pub(super) const ALL: &str = "all";

/// States in which a cluster has no API server that answers ("DescribeClustersV1", field `state`).
const WITHOUT_API_SERVER: [&str; 9] = [
    "deleting",
    "deleted",
    "delete_failed",
    "failed",
    "waiting",
    "disconnected",
    "initial",
    "create_timeout",
    "unavailable",
];

/// Why a cluster is passed over when all are meant.
pub(super) fn reason_to_skip(cluster: &Cluster) -> Option<String> {
    // It is to name a folder, and to stand in tables: nothing but Container Service's word says that it is one.
    if cluster.cluster_id.parse::<ClusterId>().is_err() {
        return Some("its id is not that of a cluster".to_owned());
    }
    if cluster.cluster_type == "aliyun" {
        return Some("it is a Swarm cluster".to_owned());
    }
    WITHOUT_API_SERVER.contains(&cluster.state.as_str()).then(|| format!("its state is {}", cluster.state))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(cluster_type: &str, state: &str) -> Cluster {
        let value = serde_json::json!({"cluster_id": "c1", "cluster_type": cluster_type, "state": state});
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_clusters_without_an_api_server_are_skipped() {
        for state in ["running", "updating", "upgrading", "scaling", "inactive", "something_new", ""] {
            assert_eq!(reason_to_skip(&cluster("ManagedKubernetes", state)), None, "{state}");
        }
        for state in WITHOUT_API_SERVER {
            let said = reason_to_skip(&cluster("ExternalKubernetes", state)).unwrap();
            assert!(said.contains(state), "{said}");
        }
        assert!(reason_to_skip(&cluster("aliyun", "running")).unwrap().contains("Swarm"));
    }

    #[test]
    fn an_id_that_would_name_another_folder_is_none() {
        for id in ["../../home/x", "/etc/cron.d", "..", "", "c1\u{1b}[2J", "c1/../c2"] {
            let value = serde_json::json!({"cluster_id": id, "state": "running"});
            let cluster = serde_json::from_value(value).unwrap();
            assert!(reason_to_skip(&cluster).unwrap().contains("its id"), "{id}");
        }
    }
}
