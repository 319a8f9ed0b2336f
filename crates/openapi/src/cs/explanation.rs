//! What Container Service's error codes mean and what to do about them.

use crate::api::common_explanation;

pub(super) fn explain(code: &str) -> Option<&'static str> {
    let text = match code {
        "StatusForbidden" | "Forbidden" | "NoPermission" => {
            "the caller's RAM policies do not allow this operation on this cluster (it is called cs: and the operation's name in a policy); let an administrator grant it"
        }
        "ErrorClusterNotFound" => {
            "there is no such cluster in the account of these keys; check the cluster id, and whose keys they are"
        }
        "ErrorClusterState" => {
            "the cluster is in a state that does not allow this, for instance because something else is under way; wait until it is running, and run the command again"
        }
        "ErrorClusterVersionNotSupported" => {
            "the cluster's version of Kubernetes is too old for this (RRSA needs 1.22); upgrade the cluster"
        }
        "ErrorClusterTypeNotSupported" => {
            "clusters of this type or profile cannot have this (RRSA is for ACK managed clusters, ACK Serverless clusters and ACK Edge Pro clusters); a cluster that is not ACK's own can be set up with --self-managed"
        }
        "ErrorTaskNotFound" => {
            "there is no such task in the account of these keys; check whose keys they are, and ask for the cluster's state"
        }
        "ErrorAddonNotFound" => {
            "there is no such add-on for this cluster; check its name, and the cluster's version and type"
        }
        other if other.starts_with("InvalidParameter") => {
            "Container Service does not take the value of the parameter that the code names; check it"
        }
        other => return common_explanation(other),
    };
    Some(text)
}
