//! Who may write mappings may become anybody, unless the admission policy of `manifests/authenticator` asks for more.

use e2e::cloud::{ACCOUNT, DEV_ROLE, user};
use e2e::kubectl::Kubectl;
use e2e::manifests;
use e2e::mapping::Mapping;
use e2e::rig::Rig;
use serde_json::{Value, json};

use super::{Outcome, SOON};

const CONFIG_MAP: &str = "configmap/alibabacloud-auth";

pub(super) fn whoever_may_only_write_mappings_cannot_become_anybody_else(rig: &Rig) -> Outcome {
    let _rights = rig.apply_all(&rights())?;
    let person = rig.person(user("bob"))?;
    let own = Mapping::new("policy-own", person.arn(), "bob").group("mappers");
    let _own = rig.apply(&own)?;
    let bob = person.kubectl(rig, rig.api_server())?;
    bob.whoami_eventually(SOON)?;
    let takeover = Mapping::new("policy-takeover", person.arn(), "bob").group("system:masters");
    // The control: without the policy nothing stands in his way.
    bob.eventually(&create(rig, &takeover.manifest(), true)?, SOON)?;

    let _policy = install(rig, &bob)?;

    let role = |name: &str, username: &str| Mapping::new(name, DEV_ROLE, username);
    let pattern = format!("acs:ram::{ACCOUNT}:user/*");
    for (mapping, reason) in [
        (takeover.clone(), "may not map a RAM identity to user \"bob\""),
        (role("policy-admin", "kubernetes-admin"), "to user \"kubernetes-admin\""),
        (role("policy-node", "system:node:node-1"), "to user \"system:node:node-1\""),
        (role("policy-sa", "system:serviceaccount:kube-system:x"), "kube-system:x\": it takes the right"),
        (role("policy-template", "{{SessionName}}"), "to user \"{{SessionName}}\""),
        (Mapping::new("policy-pattern", &pattern, "bob"), "to user \"bob\""),
    ] {
        refused(&bob, &create(rig, &mapping.manifest(), false)?, reason)?;
    }
    let resource = own.resource();
    for (patch, reason) in [
        (json!({"spec": {"groups": ["mappers", "system:masters"]}}), "to user \"bob\""),
        (json!({"spec": {"username": "kubernetes-admin"}}), "to user \"kubernetes-admin\""),
        (json!({"spec": {"arn": DEV_ROLE}}), "to user \"bob\""),
        (json!({"spec": {"principalID": "222222222222222222"}}), "to user \"bob\""),
    ] {
        let patch = patch.to_string();
        refused(&bob, &["patch", &resource, "--type=merge", "-p", &patch], reason)?;
    }
    refused(&bob, &create(rig, &config_map("alibabacloud-auth"), false)?, "impersonate all users")?;

    // What changes no mapping passes: labels of a GitOps tool, another ConfigMap beside it.
    bob.ok(&["label", &resource, "team=a"])?;
    let _other = rig.removed_later("configmap/policy-other --namespace=kube-system");
    bob.ok(&create(rig, &config_map("policy-other"), false)?)?;

    let who = bob.whoami()?;
    assert_eq!(who.groups, ["mappers", "system:authenticated"]);
    Ok(())
}

pub(super) fn whoever_may_impersonate_user_and_groups_may_map_to_them_and_no_further(rig: &Rig) -> Outcome {
    let _rights = rig.apply_all(&rights())?;
    let mapper = as_user(rig, "somebody");
    let _policy = install(rig, &mapper)?;
    let delegate = as_user(rig, "delegate");
    let arn = user("carol").arn;
    let alice = |name: &str| Mapping::new(name, &arn, "alice");

    let groups = |mapping: Mapping, count: usize| (0..count).fold(mapping, |m, n| m.group(&format!("g{n}")));
    // Sixteen groups are as many checks as there are; with all other checks they fit into the policy's budget.
    let full = groups(Mapping::new("policy-full", DEV_ROLE, "alice"), 16);
    for mapping in [alice("policy-alice"), groups(alice("policy-two"), 2), full.clone()] {
        let _applied = rig.removed_later(&mapping.resource());
        delegate.ok(&create(rig, &mapping.manifest(), false)?)?;
    }
    let service_account = Mapping::new("policy-sa", &arn, "system:serviceaccount:default:builder");
    let _service_account = rig.removed_later(&service_account.resource());
    delegate.ok(&create(rig, &service_account.manifest(), false)?)?;

    let pattern = format!("acs:ram::{ACCOUNT}:user/dev-*");
    for (mapping, reason) in [
        (Mapping::new("policy-bob", &arn, "bob"), "to user \"bob\""),
        (groups(alice("policy-first"), 0).group("system:masters"), "into group \"system:masters\""),
        (groups(alice("policy-last"), 15).group("system:masters"), "into group \"system:masters\""),
        (groups(alice("policy-17"), 17), "more than 16 groups"),
        (alice("policy-empty-group").group(""), "into group \"\""),
        (
            Mapping::new("policy-other-sa", &arn, "system:serviceaccount:kube-system:builder"),
            "\"system:serviceaccount:kube-system:builder\"",
        ),
        (Mapping::new("policy-template", DEV_ROLE, "dev-{{SessionName}}"), "map-template"),
        (alice("policy-group-template").group("{{SessionName}}"), "map-template"),
        (Mapping::new("policy-pattern", &pattern, "alice"), "map-pattern"),
        (Mapping::new("policy-mark", &pattern.replace('*', "?"), "alice"), "map-pattern"),
    ] {
        refused(&delegate, &create(rig, &mapping.manifest(), false)?, reason)?;
    }

    // The verbs of its own, for a template and a pattern that somebody was given by their text.
    let trusted = as_user(rig, "trusted");
    let names = (0..14).map(|n| format!("{{{{AccountID}}}}-{n}"));
    let many = names.fold(Mapping::new("policy-many", &pattern, "dev-{{SessionName}}"), |m, g| m.group(&g));
    let _many = rig.removed_later(&many.resource());
    trusted.ok(&create(rig, &many.manifest(), false)?)?;
    let other = Mapping::new("policy-else", DEV_ROLE, "{{SessionName}}");
    refused(&trusted, &create(rig, &other.manifest(), false)?, "to user \"{{SessionName}}\"")?;

    // Groups that a mapping has already are no way around: any change of spec is checked as a whole.
    let _mapped = rig.apply(&alice("policy-masters").group("system:masters"))?;
    let patch = json!({"spec": {"arn": DEV_ROLE}}).to_string();
    let resource = alice("policy-masters").resource();
    refused(&delegate, &["patch", &resource, "--type=merge", "-p", &patch], "into group")?;
    Ok(())
}

pub(super) fn a_team_may_map_its_own_people_with_the_role_of_the_page(rig: &Rig) -> Outcome {
    let page = manifests::documented("name: map-developers")?;
    let file = rig.run().file("map-developers.yaml", &page)?;
    let _role = manifests::apply(rig, &["-f", &file.to_string_lossy()])?;
    let binding = bind("map-developers", ("ClusterRole", "map-developers"), ("User", "team"), None);
    let _binding = rig.apply_all(&[binding])?;
    let team = rig.admin().arg("--as=team");
    let alice = Mapping::new("policy-team-alice", &user("carol").arn, "alice").group("developers");
    team.eventually(&create(rig, &alice.manifest(), true)?, SOON)?;

    let _policy = install(rig, &team)?;

    let session = Mapping::new("policy-team-dev", DEV_ROLE, "dev:{{SessionName}}").group("developers");
    for mapping in [&alice, &session] {
        let _applied = rig.removed_later(&mapping.resource());
        team.ok(&create(rig, &mapping.manifest(), false)?)?;
    }
    let pattern = format!("acs:ram::{ACCOUNT}:user/dev-*");
    for (mapping, reason) in [
        (Mapping::new("policy-team-masters", DEV_ROLE, "alice").group("system:masters"), "system:masters"),
        (Mapping::new("policy-team-other", DEV_ROLE, "{{SessionName}}"), "to user"),
        (Mapping::new("policy-team-pattern", &pattern, "alice"), "map-pattern"),
    ] {
        refused(&team, &create(rig, &mapping.manifest(), false)?, reason)?;
    }
    Ok(())
}

pub(super) fn cluster_admin_may_map_everybody_and_write_the_configmap(rig: &Rig) -> Outcome {
    let _rights = rig.apply_all(&rights())?;
    let _policy = install(rig, &as_user(rig, "somebody"))?;
    // By RBAC, not by being in system:masters.
    let admin = rig.admin().arg("--as=chief");
    let pattern = format!("acs:ram::{ACCOUNT}:role/dev-*");
    let wanted = Mapping::new("policy-chief", &pattern, "dev:{{SessionName}}");
    let wanted = (0..40).fold(wanted, |mapping, n| mapping.group(&format!("{{{{SessionName}}}}-{n}")));
    let wanted = wanted.group("system:masters");
    let _wanted = rig.removed_later(&wanted.resource());
    admin.ok(&create(rig, &wanted.manifest(), false)?)?;
    let _config_map = rig.removed_later(&format!("{CONFIG_MAP} --namespace=kube-system"));
    admin.ok(&create(rig, &config_map("alibabacloud-auth"), false)?)?;

    // All users and all groups are not all: service accounts are users of a kind of their own.
    let data = json!({"data": {"mapUsers": "[]"}}).to_string();
    let kube_system = ["--namespace=kube-system", "patch", CONFIG_MAP, "--type=merge", "-p"];
    for (name, reason) in
        [("somebody", "all users"), ("half", "all groups"), ("most", "all service accounts")]
    {
        let patch = [&kube_system[..], &[&data]].concat();
        refused(&as_user(rig, name), &patch, reason)?;
    }
    let label = json!({"metadata": {"labels": {"team": "a"}}}).to_string();
    as_user(rig, "somebody").ok(&[&kube_system[..], &[&label]].concat())?;
    admin.ok(&[&kube_system[..], &[&data]].concat())?;
    Ok(())
}

/// Applies the policy and waits until `mapper` meets it: API servers take a moment to learn of one.
fn install<'a>(rig: &'a Rig, mapper: &Kubectl) -> Result<manifests::Installed<'a>, e2e::Error> {
    let policy = manifests::folder().join("base/admission-policy.yaml");
    let installed = manifests::apply(rig, &["-f", &policy.to_string_lossy()])?;
    let probe = Mapping::new("policy-probe", DEV_ROLE, "probe").manifest();
    // And for the ConfigMap's, which is another one.
    for probe in [probe, config_map("alibabacloud-auth")] {
        let command = create(rig, &probe, true)?;
        let start = std::time::Instant::now();
        while mapper.run(&command)?.status == 0 {
            assert!(start.elapsed() < SOON, "the policy is not in force");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
    Ok(installed)
}

fn refused(kubectl: &Kubectl, command: &[&str], reason: &str) -> Outcome {
    let output = kubectl.run(command)?;
    assert_eq!(output.status, 1, "{output:?}");
    assert!(output.stderr.contains("ValidatingAdmissionPolicy"), "{output:?}");
    assert!(output.stderr.contains(reason), "{reason}: {output:?}");
    Ok(())
}

/// A `kubectl create` of `manifest`; leaked, since a test run makes few of them.
fn create(rig: &Rig, manifest: &Value, dry_run: bool) -> Result<Vec<&'static str>, e2e::Error> {
    let name = manifest["metadata"]["name"].as_str().unwrap_or("manifest");
    let file = rig.run().file(&format!("create-{name}.json"), &manifest.to_string())?;
    let mut command = vec!["create".to_owned(), "-f".to_owned(), file.to_string_lossy().into_owned()];
    if dry_run {
        command.push("--dry-run=server".to_owned());
    }
    Ok(command.into_iter().map(|word| &*word.leak()).collect())
}

fn as_user(rig: &Rig, name: &str) -> Kubectl {
    rig.admin().arg(format!("--as={name}")).arg("--as-group=mappers")
}

fn config_map(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "kube-system"},
        "data": {"mapUsers": "- {userarn: 'acs:ram::1:user/x', username: kubernetes-admin}"},
    })
}

/// `mappers` write mappings and ConfigMaps; of them, some may impersonate some users, and `chief` is cluster-admin.
fn rights() -> Vec<Value> {
    let group = "ramauthenticator.k8s.alibabacloud";
    let impersonate = |resource: &str, names: Vec<String>| json!({"apiGroups": [""], "resources": [resource], "resourceNames": names, "verbs": ["impersonate"]});
    let all =
        |resources: &[&str]| json!({"apiGroups": [""], "resources": resources, "verbs": ["impersonate"]});
    let verbs = ["get", "create", "update", "patch"];
    let write = json!([
        {"apiGroups": [group], "resources": ["ramidentitymappings"], "verbs": verbs},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs},
    ]);
    let named = |count: usize, name: &dyn Fn(usize) -> String| (0..count).map(name).collect::<Vec<_>>();
    let delegate = json!([
        impersonate("users", vec!["alice".to_owned(), "dev-{{SessionName}}".to_owned()]),
        impersonate("groups", [named(17, &|n| format!("g{n}")), vec!["{{SessionName}}".to_owned()]].concat()),
        {"apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": ["builder"],
         "verbs": ["impersonate"]},
    ]);
    let trusted = json!([
        impersonate("users", vec!["dev-{{SessionName}}".to_owned()]),
        impersonate("groups", named(14, &|n| format!("{{{{AccountID}}}}-{n}"))),
        {"apiGroups": [group], "resources": ["ramidentitymappings"], "verbs": ["map-template", "map-pattern"]},
    ]);
    [
        role("ClusterRole", "policy-mapper", None, &write),
        bind("policy-mapper", ("ClusterRole", "policy-mapper"), ("Group", "mappers"), None),
        role("ClusterRole", "policy-delegate", None, &json!([delegate[0], delegate[1]])),
        bind("policy-delegate", ("ClusterRole", "policy-delegate"), ("User", "delegate"), None),
        role("Role", "policy-delegate", Some("default"), &json!([delegate[2]])),
        bind("policy-delegate", ("Role", "policy-delegate"), ("User", "delegate"), Some("default")),
        role("ClusterRole", "policy-trusted", None, &trusted),
        bind("policy-trusted", ("ClusterRole", "policy-trusted"), ("User", "trusted"), None),
        role("ClusterRole", "policy-half", None, &json!([all(&["users"])])),
        bind("policy-half", ("ClusterRole", "policy-half"), ("User", "half"), None),
        role("ClusterRole", "policy-most", None, &json!([all(&["users", "groups"])])),
        bind("policy-most", ("ClusterRole", "policy-most"), ("User", "most"), None),
        bind("policy-chief", ("ClusterRole", "cluster-admin"), ("User", "chief"), None),
    ]
    .to_vec()
}

const RBAC: &str = "rbac.authorization.k8s.io";

fn role(kind: &str, name: &str, namespace: Option<&str>, rules: &Value) -> Value {
    json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "rules": rules,
    })
}

fn bind(name: &str, role: (&str, &str), subject: (&str, &str), namespace: Option<&str>) -> Value {
    json!({
        "apiVersion": format!("{RBAC}/v1"),
        "kind": if namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" },
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": RBAC, "kind": role.0, "name": role.1},
        "subjects": [{"apiGroup": RBAC, "kind": subject.0, "name": subject.1}],
    })
}
