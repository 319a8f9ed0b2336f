#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::BackendMode;
use super::configmap;
use super::fake_api::{FakeApi, Fault, RETRY, eventually, session, settle, single, user, username};
use super::snapshot::{Lookup, Mappings};

fn configmap(data: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "alibabacloud-auth", "namespace": "kube-system", "resourceVersion": "2"},
        "data": data,
    })
}

async fn start(api: &FakeApi) -> (Mappings, impl Drop) {
    let (mappings, publisher, shutdown, guard) = single(BackendMode::AckConfigMap);
    tokio::spawn(configmap::run(api.client(), publisher, RETRY, shutdown));
    eventually("the backend is synced and watches", || mappings.synced() && api.watches() == 1).await;
    (mappings, guard)
}

#[tokio::test]
async fn reads_yaml_and_json_with_keys_in_any_case() {
    let api = FakeApi::new();
    api.list(vec![configmap(json!({
        "mapRoles": "- RoleARN: acs:ram::1:role/dev\n  UserName: dev-{{SessionName}}\n  GROUPS: [g]\n",
        "mapUsers": r#"[{"userarn": "acs:ram::1:user/a", "username": "a"}]"#,
        "mapAccounts": "- \"1\"\n",
        "other": "kept",
    }))]);
    let (mappings, _guard) = start(&api).await;
    assert_eq!(username(&mappings, &session("dev")).unwrap(), "dev-s");
    assert_eq!(username(&mappings, &user("a")).unwrap(), "a");
    assert_eq!(username(&mappings, &user("b")).unwrap(), "acs:ram::1:user/b");
    let list = api.calls().into_iter().next().unwrap();
    assert!(list.contains("/namespaces/kube-system/configmaps?"), "{list}");
    assert!(list.contains("fieldSelector=metadata.name%3Dalibabacloud-auth"), "{list}");
}

#[tokio::test]
async fn a_data_key_that_cannot_be_read_keeps_what_it_said() {
    let api = FakeApi::new();
    let users = |name: &str| format!("- {{userarn: 'acs:ram::1:user/{name}', username: {name}}}\n");
    let role = "- {rolearn: 'acs:ram::1:role/dev', username: dev}\n";
    api.list(vec![configmap(json!({"mapUsers": users("a"), "mapRoles": role}))]);
    let (mappings, _guard) = start(&api).await;
    for broken in ["- {userarn: [", "user: a", "just text", "\tx: y"] {
        api.send("MODIFIED", configmap(json!({"mapUsers": broken, "mapRoles": role})));
        settle().await;
        assert_eq!(username(&mappings, &user("a")).unwrap(), "a", "{broken}");
    }
    // The other keys of such an edit count.
    api.send("MODIFIED", configmap(json!({"mapUsers": "- {"})));
    eventually("the role is gone", || mappings.lookup(&session("dev")) == Lookup::NotMapped).await;
    assert_eq!(username(&mappings, &user("a")).unwrap(), "a");
    api.send("MODIFIED", configmap(json!({"mapUsers": users("b")})));
    eventually("b is mapped", || username(&mappings, &user("b")).is_some()).await;
    assert_eq!(mappings.lookup(&user("a")), Lookup::NotMapped);
}

#[tokio::test]
async fn a_data_key_that_could_never_be_read_puts_off_and_refuses_nobody() {
    let api = FakeApi::new();
    let account = "- '1'\n";
    let role = "- {rolearn: 'acs:ram::1:role/dev', username: dev}\n";
    api.list(vec![configmap(json!({"mapRoles": "- {", "mapAccounts": account}))]);
    let (mappings, publisher, shutdown, _guard) = single(BackendMode::AckConfigMap);
    tokio::spawn(configmap::run(api.client(), publisher, RETRY, shutdown));
    eventually("the backend watches", || api.watches() == 1).await;
    settle().await;
    // Not the whole account's user name: the section that cannot be read may say another.
    let put_off = Lookup::NotReady { backend: BackendMode::AckConfigMap };
    assert_eq!(mappings.lookup(&session("dev")), put_off);
    api.send("MODIFIED", configmap(json!({"mapRoles": role, "mapAccounts": account})));
    eventually("the role is mapped", || username(&mappings, &session("dev")).as_deref() == Some("dev")).await;
    // From now on there is a last good state.
    api.send("MODIFIED", configmap(json!({"mapRoles": "- {", "mapAccounts": account})));
    settle().await;
    assert_eq!(username(&mappings, &session("dev")).unwrap(), "dev");
}

#[tokio::test]
async fn a_malformed_entry_is_skipped() {
    let api = FakeApi::new();
    api.list(vec![configmap(json!({
        "mapUsers": "- {username: nobody}\n- {userarn: junk, username: j}\n- 7\n- {userarn: 'acs:ram::1:user/x', username: '{{X}}'}\n\
                     - {userarn: 'acs:ram::1:user/a', username: a}\n",
        "mapRoles": "- {rolearn: 'acs:ram::1:role/d*', username: pattern}\n- {rolearn: 'acs:ram::1:assumed-role/dev/other', username: s}\n",
        "mapAccounts": "[1, x]",
    }))]);
    let (mappings, _guard) = start(&api).await;
    assert_eq!(username(&mappings, &user("a")).unwrap(), "a");
    for who in [user("x"), session("dev"), user("nobody")] {
        assert_eq!(mappings.lookup(&who), Lookup::NotMapped, "{}", who.arn());
    }
}

#[tokio::test]
async fn a_configmap_that_is_missing_or_deleted_maps_nobody() {
    let api = FakeApi::new();
    api.list(vec![]);
    let (mappings, _guard) = start(&api).await;
    assert_eq!(mappings.lookup(&user("a")), Lookup::NotMapped);
    let object = configmap(json!({"mapUsers": "- {userarn: 'acs:ram::1:user/a', username: a}"}));
    api.send("ADDED", object.clone());
    eventually("a is mapped", || username(&mappings, &user("a")).is_some()).await;
    api.send("DELETED", object);
    eventually("a is gone", || mappings.lookup(&user("a")) == Lookup::NotMapped).await;
}

#[tokio::test]
async fn a_deletion_while_the_watch_was_down_is_seen() {
    let api = FakeApi::new();
    api.list(vec![configmap(json!({"mapUsers": "- {userarn: 'acs:ram::1:user/a', username: a}"}))]);
    let (mappings, _guard) = start(&api).await;
    api.fail_watches(Some(Fault::Status(503, "ServiceUnavailable")));
    api.fail_lists(Fault::Break);
    api.end_watches();
    settle().await;
    assert_eq!(username(&mappings, &user("a")).unwrap(), "a");
    api.list(vec![]);
    api.fail_watches(None);
    eventually("a is gone", || mappings.lookup(&user("a")) == Lookup::NotMapped).await;
}
