//! What Container Service does inside a cluster, beside answering.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::kubectl::Kubectl;

/// Deletes every RoleBinding and ClusterRoleBinding that has the RAM user or role among its subjects, by the names
/// that ACK gives them: the id, or the id and a number after a dash.
///
/// # Errors
/// kubectl fails, or prints something else.
pub(crate) fn clean_permissions(admin: &Kubectl, user_id: &str) -> Result<()> {
    for kind in ["clusterrolebindings", "rolebindings"] {
        let printed = admin.ok(&["get", kind, "--all-namespaces", "-o", "json"])?;
        let list: List = serde_json::from_str(&printed).map_err(Error::answer("reading bindings"))?;
        for binding in list.items.iter().filter(|binding| binding.subjects.iter().any(|s| s.is(user_id))) {
            let Metadata { name, namespace } = &binding.metadata;
            let namespace = namespace.as_ref().map(|namespace| format!("--namespace={namespace}"));
            let arguments = ["delete", kind, name].into_iter().chain(namespace.as_deref());
            admin.ok(&arguments.collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct List {
    items: Vec<Binding>,
}

#[derive(Deserialize)]
struct Binding {
    metadata: Metadata,
    #[serde(default)]
    subjects: Vec<Subject>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    namespace: Option<String>,
}

#[derive(Deserialize)]
struct Subject {
    kind: String,
    name: String,
}

impl Subject {
    fn is(&self, user_id: &str) -> bool {
        self.kind == "User"
            && self.name.split_once('-').map_or(self.name.as_str(), |(id, _number)| id) == user_id
    }
}
