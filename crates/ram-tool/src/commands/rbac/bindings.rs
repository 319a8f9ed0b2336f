//! Bindings of RBAC, and whom of RAM they name.
//!
//! Source: the Kubernetes page "Using RBAC Authorization".

use serde_json::Value;

/// The group of `User` subjects.
const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// Which of the two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    ClusterRoleBinding,
    RoleBinding,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::ClusterRoleBinding, Self::RoleBinding];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ClusterRoleBinding => "ClusterRoleBinding",
            Self::RoleBinding => "RoleBinding",
        }
    }

    /// As URLs call it.
    pub(super) fn resource(self) -> &'static str {
        match self {
            Self::ClusterRoleBinding => "clusterrolebindings",
            Self::RoleBinding => "rolebindings",
        }
    }
}

/// A binding that names somebody of RAM.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Binding {
    pub(super) kind: Kind,
    /// Empty for a binding of the whole cluster.
    pub(super) namespace: String,
    pub(super) name: String,
    /// RAM ids, each once.
    pub(super) uids: Vec<String>,
    /// The object as it can be given back to the API server: with its `apiVersion` and `kind`, without its version.
    pub(super) object: Value,
}

impl Binding {
    /// The binding, where it names somebody of RAM. Elements of a list lack `apiVersion` and `kind`.
    pub(super) fn of_ram(kind: Kind, mut object: Value) -> Option<Self> {
        let mut uids: Vec<String> = Vec::new();
        for subject in object.get("subjects").and_then(Value::as_array).into_iter().flatten() {
            if let Some(uid) = uid_of(subject)
                && !uids.iter().any(|known| known == uid)
            {
                uids.push(uid.to_owned());
            }
        }
        if uids.is_empty() {
            return None;
        }
        let text = |name: &str| {
            object
                .pointer(&format!("/metadata/{name}"))
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (namespace, name) = (text("namespace"), text("name"));
        // With these the API server would not take the object back.
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            metadata.remove("resourceVersion");
            metadata.remove("managedFields");
        }
        if let Some(fields) = object.as_object_mut() {
            fields.insert("apiVersion".to_owned(), Value::from(format!("{RBAC_GROUP}/v1")));
            fields.insert("kind".to_owned(), Value::from(kind.as_str()));
        }
        Some(Self { kind, namespace, name, uids, object })
    }

    /// `KIND/NAMESPACE/NAME`, with `-` for no namespace.
    pub(super) fn path(&self) -> String {
        let namespace = if self.namespace.is_empty() { "-" } else { &self.namespace };
        format!("{}/{namespace}/{}", self.kind.as_str(), self.name)
    }
}

/// The RAM id of a subject: `ID` or `ID-SUFFIX`, digits both, and of kind User; a service account may be called
/// like that too, and is nobody of RAM.
fn uid_of(subject: &Value) -> Option<&str> {
    let text = |key: &str| subject.get(key).and_then(Value::as_str);
    let group = text("apiGroup").unwrap_or_default();
    if text("kind") != Some("User") || !matches!(group, "" | RBAC_GROUP) {
        return None;
    }
    let name = text("name")?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match name.split_once('-') {
        Some((uid, suffix)) => (is_number(uid) && is_number(suffix)).then_some(uid),
        None => is_number(name).then_some(name),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subject(kind: &str, name: &str) -> Value {
        json!({"apiGroup": RBAC_GROUP, "kind": kind, "name": name})
    }

    #[test]
    fn only_users_named_by_digits_are_of_ram() {
        for (name, uid) in [
            ("200000000000000001", Some("200000000000000001")),
            ("200000000000000001-1700000000", Some("200000000000000001")),
            ("300000000000000001-1", Some("300000000000000001")),
            ("alice", None),
            ("2001a", None),
            ("-2001", None),
            ("2001-", None),
            ("2001-x", None),
            ("2001-1-2", None),
            ("", None),
            ("２００１", None),
            ("2001 ", None),
        ] {
            assert_eq!(uid_of(&subject("User", name)), uid, "{name:?}");
            assert_eq!(uid_of(&subject("Group", name)), None, "{name:?}");
        }
        let robot = json!({"kind": "ServiceAccount", "name": "2001", "namespace": "default"});
        assert_eq!(uid_of(&robot), None);
        assert_eq!(uid_of(&json!({"kind": "User", "name": "2001", "apiGroup": "example.com"})), None);
        assert_eq!(uid_of(&json!({"kind": "User", "name": "2001"})), Some("2001"));
        assert_eq!(uid_of(&json!({"kind": "User", "name": 2001})), None);
    }

    #[test]
    fn a_binding_names_each_id_once_and_keeps_what_it_does_not_know() {
        let object = json!({
            "metadata": {"name": "b1", "namespace": "ns", "somethingNew": 1, "resourceVersion": "7", "managedFields": []},
            "roleRef": {"kind": "Role", "name": "r"},
            "subjects": [subject("User", "2001-5"), subject("User", "2001"), subject("Group", "x"), subject("User", "3001")],
        });
        let binding = Binding::of_ram(Kind::RoleBinding, object).unwrap();
        assert_eq!(binding.uids, ["2001", "3001"]);
        assert_eq!(binding.path(), "RoleBinding/ns/b1");
        assert_eq!(binding.object["kind"], "RoleBinding");
        assert_eq!(binding.object["apiVersion"], "rbac.authorization.k8s.io/v1");
        assert_eq!(binding.object["metadata"], json!({"name": "b1", "namespace": "ns", "somethingNew": 1}));
        let whole = json!({"metadata": {"name": "b2"}, "subjects": [subject("User", "2001")]});
        assert_eq!(
            Binding::of_ram(Kind::ClusterRoleBinding, whole).unwrap().path(),
            "ClusterRoleBinding/-/b2"
        );
        for nobody in
            [json!({"metadata": {}, "subjects": null}), json!({"subjects": "x"}), json!({}), json!(1)]
        {
            assert_eq!(Binding::of_ram(Kind::RoleBinding, nobody), None);
        }
    }
}
