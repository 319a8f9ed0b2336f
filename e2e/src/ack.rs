//! What Container Service does inside a cluster, beside answering.

use emulator::{Emulator, OidcProvider};
use serde::Deserialize;

use crate::cloud::{ACCOUNT, CLUSTER, OIDC_AUDIENCE};
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

/// Registers the cluster as an OIDC provider of the account, with the issuer and the keys that its API server tells: what
/// enabling RRSA does, but for publishing them.
///
/// # Errors
/// kubectl fails, or prints something else.
pub(crate) fn register_oidc_provider(admin: &Kubectl, cloud: &Emulator) -> Result<()> {
    #[derive(Deserialize)]
    struct Discovery {
        issuer: String,
    }
    let discovery = admin.ok(&["get", "--raw", "/.well-known/openid-configuration"])?;
    let Discovery { issuer } =
        serde_json::from_str(&discovery).map_err(Error::answer("reading the discovery document"))?;
    let keys = admin.ok(&["get", "--raw", "/openid/v1/jwks"])?;
    let provider = OidcProvider::new(ACCOUNT, &format!("ack-rrsa-{CLUSTER}"), &issuer);
    cloud
        .add_oidc_provider(provider.client_id(OIDC_AUDIENCE).jwks(&keys))
        .map_err(Error::answer("registering the OIDC provider"))
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
