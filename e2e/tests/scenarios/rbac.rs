//! RBAC decides for the mapped user and group.

use e2e::cloud::user;
use e2e::mapping::Mapping;
use e2e::rig::Rig;
use serde_json::json;

use super::{Outcome, SOON};

pub(super) fn what_rbac_allows_works_and_what_it_does_not_is_forbidden_under_the_mapped_name(
    rig: &Rig,
) -> Outcome {
    let bob = rig.person(user("bob"))?;
    let _mapping = rig.apply(&Mapping::new("rbac", bob.arn(), "bob-of-the-mapping").group("readers"))?;
    let group = "rbac.authorization.k8s.io";
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "e2e-rbac", "namespace": "default"},
        "rules": [{"apiGroups": [""], "resources": ["services"], "verbs": ["get", "list"]}],
    });
    let _role = rig.apply_manifest(&role, "role/e2e-rbac".to_owned())?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "e2e-rbac", "namespace": "default"},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "e2e-rbac"},
        "subjects": [{"apiGroup": group, "kind": "Group", "name": "readers"}],
    });
    let _binding = rig.apply_manifest(&binding, "rolebinding/e2e-rbac".to_owned())?;
    let kubectl = bob.kubectl(rig, rig.api_server())?;

    let services = kubectl.eventually(&["get", "services", "-o", "name"], SOON)?;
    assert_eq!(services.trim(), "service/kubernetes");

    for beyond in [
        &["get", "secrets"][..],
        &["get", "services", "--namespace", "kube-system"],
        &["create", "configmap", "not-mine"],
    ] {
        let refused = kubectl.run(beyond)?;
        assert_eq!(refused.status, 1, "{beyond:?}: {refused:?}");
        assert!(refused.stderr.contains("is forbidden: "), "{refused:?}");
        assert!(refused.stderr.contains(r#"User "bob-of-the-mapping" cannot"#), "{refused:?}");
    }
    Ok(())
}
