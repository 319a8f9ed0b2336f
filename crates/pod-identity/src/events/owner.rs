//! The controller of a pod as the pod names it. The pod is a user's text that nobody has checked yet when a mutating
//! webhook sees it (Kubernetes documentation, Dynamic Admission Control), so what goes into an Event is checked here.

use k8s_openapi::api::core::v1::ObjectReference;

use crate::names::{is_label, is_subdomain};

/// Longest kind: it is a label of DNS but for its case.
const KIND_BYTES: usize = 63;
/// A uid is 36 bytes long, of whoever writes them.
const UID_BYTES: usize = 128;

/// A reference of a pod to its controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// As in `apps/v1`.
    pub api_version: &'a str,
    /// As in `ReplicaSet`.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
}

impl Owner<'_> {
    /// As an Event refers to it: always in the namespace of the request, whatever the pod says. `None` where a part of
    /// it is nothing that an API server could have made.
    pub(super) fn reference(&self, namespace: &str) -> Option<ObjectReference> {
        let is_good = is_api_version(self.api_version)
            && is_word(self.kind, KIND_BYTES, |c| c.is_ascii_alphanumeric())
            && is_subdomain(self.name)
            && is_word(self.uid, UID_BYTES, |c| c.is_ascii_alphanumeric() || c == '-')
            && is_label(namespace);
        is_good.then(|| ObjectReference {
            api_version: Some(self.api_version.to_owned()),
            kind: Some(self.kind.to_owned()),
            name: Some(self.name.to_owned()),
            namespace: Some(namespace.to_owned()),
            uid: Some(self.uid.to_owned()),
            ..ObjectReference::default()
        })
    }
}

fn is_word(text: &str, bytes: usize, is_allowed: impl Fn(char) -> bool) -> bool {
    (1..=bytes).contains(&text.len()) && text.chars().all(is_allowed)
}

/// `v1`, or `apps/v1`.
fn is_api_version(text: &str) -> bool {
    match text.split_once('/') {
        Some((group, version)) => is_subdomain(group) && is_label(version),
        None => is_label(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Owner<'_> = Owner {
        api_version: "apps/v1",
        kind: "ReplicaSet",
        name: "demo-7d4b9c",
        uid: "57ab5f1d-32b7-4d9d-9c1e-16a4f2c1a1fa",
    };

    #[test]
    fn what_an_api_server_makes_is_good() {
        let long = format!("{}.x", "a".repeat(251));
        for owner in [
            GOOD,
            Owner { api_version: "v1", kind: "ReplicationController", ..GOOD },
            Owner { api_version: "batch.example.com/v1alpha1", name: &long, ..GOOD },
        ] {
            let reference = owner.reference("rrsa-demo").unwrap();
            assert_eq!(reference.namespace.as_deref(), Some("rrsa-demo"));
            assert_eq!(reference.name.as_deref(), Some(owner.name));
        }
    }

    #[test]
    fn what_no_api_server_makes_is_refused() {
        let long = "a".repeat(254);
        for owner in [
            Owner { name: "", ..GOOD },
            Owner { name: "../../kube-system/events", ..GOOD },
            Owner { name: "Demo", ..GOOD },
            Owner { name: "a..b", ..GOOD },
            Owner { name: "-a", ..GOOD },
            Owner { name: &long, ..GOOD },
            Owner { name: "a\nb", ..GOOD },
            Owner { kind: "", ..GOOD },
            Owner { kind: "Replica Set", ..GOOD },
            Owner { kind: &long, ..GOOD },
            Owner { api_version: "", ..GOOD },
            Owner { api_version: "a/b/c", ..GOOD },
            Owner { api_version: "/v1", ..GOOD },
            Owner { uid: "", ..GOOD },
            Owner { uid: "a b", ..GOOD },
            Owner { uid: &long, ..GOOD },
        ] {
            assert_eq!(owner.reference("rrsa-demo"), None, "{owner:?}");
        }
        for namespace in ["", "a/b", "A", "a.b"] {
            assert_eq!(GOOD.reference(namespace), None, "{namespace}");
        }
    }
}
