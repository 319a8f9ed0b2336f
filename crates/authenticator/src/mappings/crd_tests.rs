#![allow(clippy::unwrap_used, clippy::panic)]

use http::Method;
use identity::pattern::AnyAccount;
use serde_json::{Value, json};

use super::crd;
use super::fake_api::{
    FakeApi, Fault, RETRY, established, eventually, mapping, session, settle, single, user, username,
};
use super::snapshot::{Lookup, Mappings};
use super::{BackendMode, MapSection, Options, RuleReader};
use crate::connection::connected;

fn start(api: &FakeApi, sync_crd: bool) -> (Mappings, impl Drop) {
    let (mappings, publisher, shutdown, guard) = single(BackendMode::Crd);
    let sink = crd::Mirror::new(publisher, RuleReader::new(AnyAccount::Refuse), None);
    tokio::spawn(crd::run(api.client(), sink, sync_crd, RETRY, shutdown));
    (mappings, guard)
}

async fn start_synced(api: &FakeApi) -> (Mappings, impl Drop) {
    let (mappings, guard) = start(api, false);
    eventually("the backend is synced and watches", || mappings.synced() && api.watches() == 1).await;
    (mappings, guard)
}

#[tokio::test]
async fn a_mapping_counts_as_soon_as_the_watch_delivers_it() {
    let api = FakeApi::new();
    api.list(vec![mapping("a", "acs:ram::1:user/a", "listed")]);
    let (mappings, _guard) = start_synced(&api).await;
    assert_eq!(username(&mappings, &user("A")).unwrap(), "listed");
    assert_eq!(mappings.lookup(&user("b")), Lookup::NotMapped);

    api.send("ADDED", mapping("b", "acs:ram::1:user/b", "added"));
    eventually("b is mapped", || username(&mappings, &user("b")).as_deref() == Some("added")).await;

    api.send("MODIFIED", mapping("b", "acs:ram::1:role/dev*", "changed"));
    eventually("b is a pattern", || username(&mappings, &session("develop")).as_deref() == Some("changed"))
        .await;
    assert_eq!(mappings.lookup(&user("b")), Lookup::NotMapped);

    api.send("DELETED", mapping("b", "acs:ram::1:role/dev*", "changed"));
    eventually("b is gone", || mappings.lookup(&session("develop")) == Lookup::NotMapped).await;
    assert_eq!(username(&mappings, &user("a")).unwrap(), "listed");
}

#[tokio::test]
async fn one_bad_object_stops_no_other() {
    let api = FakeApi::new();
    let mut no_username = mapping("b1", "acs:ram::1:user/x", "x");
    no_username["spec"].as_object_mut().unwrap().remove("username");
    api.list(vec![
        json!({"metadata": {"name": "b0", "resourceVersion": "1"}}),
        no_username,
        mapping("b2", "acs:ram::1:role/[*", "x"),
        mapping("b3", "acs:ram::*:user/x", "x"),
        mapping("b4", "acs:ram::1:user/x", "{{Nobody}}"),
        json!({"metadata": {"name": "b5", "resourceVersion": "1"}, "spec": {"arn": 7, "username": []}}),
        mapping("good", "acs:ram::1:user/good", "good"),
    ]);
    let (mappings, _guard) = start_synced(&api).await;
    assert_eq!(username(&mappings, &user("good")).unwrap(), "good");
    assert_eq!(mappings.lookup(&user("x")), Lookup::NotMapped);

    // An edit that makes a mapping invalid takes away what it said before.
    api.send("MODIFIED", mapping("good", "acs:ram::1:junk", "good"));
    eventually("nobody is mapped", || mappings.lookup(&user("good")) == Lookup::NotMapped).await;
    api.send("MODIFIED", mapping("good", "acs:ram::1:user/x", "x"));
    eventually("it is valid again", || username(&mappings, &user("x")).is_some()).await;
}

#[tokio::test]
async fn the_status_of_an_object_never_counts() {
    let api = FakeApi::new();
    let mut object = mapping("a", "", "admin");
    object["status"] = json!({"canonicalARN": "acs:ram::1:user/eve", "userID": "222"});
    api.list(vec![object]);
    let (mappings, _guard) = start_synced(&api).await;
    assert_eq!(mappings.lookup(&user("eve")), Lookup::NotMapped);
}

#[tokio::test]
async fn an_object_that_is_being_deleted_counts_no_longer() {
    let api = FakeApi::new();
    let object = mapping("a", "acs:ram::1:user/a", "a");
    api.list(vec![object.clone()]);
    let (mappings, _guard) = start_synced(&api).await;
    let mut deleting = object;
    deleting["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
    api.send("MODIFIED", deleting);
    eventually("a is not mapped", || mappings.lookup(&user("a")) == Lookup::NotMapped).await;
}

#[tokio::test]
async fn nobody_is_refused_before_the_objects_are_listed() {
    let api = FakeApi::new();
    api.fail_lists(Fault::Status(403, "Forbidden"));
    let (mappings, _guard) = start(&api, false);
    let not_ready = Lookup::NotReady { backend: BackendMode::Crd };
    settle().await;
    assert_eq!(mappings.lookup(&user("a")), not_ready);
    assert_eq!((mappings.synced(), mappings.unsynced()), (false, vec![BackendMode::Crd]));
    api.fail_lists(Fault::Break);
    settle().await;
    assert_eq!(mappings.lookup(&user("a")), not_ready);
    api.list(vec![mapping("a", "acs:ram::1:user/a", "a")]);
    eventually("the objects are listed", || mappings.synced()).await;
    assert_eq!(username(&mappings, &user("a")).unwrap(), "a");
}

#[tokio::test]
async fn mappings_stay_in_force_while_the_api_server_is_down() {
    let api = FakeApi::new();
    api.list(vec![mapping("a", "acs:ram::1:user/a", "a"), mapping("b", "acs:ram::1:user/b", "b")]);
    let (mappings, _guard) = start_synced(&api).await;
    api.fail_lists(Fault::Break);
    for fault in [Fault::Break, Fault::Status(503, "ServiceUnavailable"), Fault::Status(403, "Forbidden")] {
        api.fail_watches(Some(fault));
        api.end_watches();
        settle().await;
        assert_eq!(username(&mappings, &user("a")).unwrap(), "a");
        assert!(mappings.synced());
    }
    // What was deleted meanwhile is gone with the next list.
    api.list(vec![mapping("a", "acs:ram::1:user/a", "a2")]);
    api.fail_watches(None);
    eventually("the objects are listed anew", || mappings.lookup(&user("b")) == Lookup::NotMapped).await;
    assert_eq!(username(&mappings, &user("a")).unwrap(), "a2");
}

#[tokio::test]
async fn an_expired_watch_lists_anew_and_replaces_everything() {
    let api = FakeApi::new();
    api.list(vec![mapping("a", "acs:ram::1:user/a", "a"), mapping("b", "acs:ram::1:user/b", "b")]);
    let (mappings, _guard) = start_synced(&api).await;
    api.list(vec![mapping("b", "acs:ram::1:user/b", "b2")]);
    api.send("ERROR", json!({"kind": "Status", "status": "Failure", "message": "too old", "reason": "Expired", "code": 410}));
    eventually("b has changed", || username(&mappings, &user("b")).as_deref() == Some("b2")).await;
    assert_eq!(mappings.lookup(&user("a")), Lookup::NotMapped);
}

#[tokio::test]
async fn a_definition_that_is_not_installed_is_an_empty_backend() {
    for fault in [Fault::UnknownPath, Fault::Status(404, "NotFound")] {
        let api = FakeApi::new();
        api.fail_lists(fault);
        let (mappings, _guard) = start(&api, false);
        eventually("the backend is synced", || mappings.synced()).await;
        assert_eq!(mappings.lookup(&user("a")), Lookup::NotMapped);
        api.list(vec![mapping("a", "acs:ram::1:user/a", "a")]);
        eventually("a is mapped", || username(&mappings, &user("a")).is_some()).await;
    }
}

#[tokio::test]
async fn a_definition_that_is_removed_and_comes_back_is_listed_anew() {
    let api = FakeApi::new();
    api.list(vec![mapping("a", "acs:ram::1:user/a", "a")]);
    let (mappings, _guard) = start_synced(&api).await;
    api.fail_lists(Fault::UnknownPath);
    api.fail_watches(Some(Fault::UnknownPath));
    api.end_watches();
    eventually("nobody is mapped", || mappings.lookup(&user("a")) == Lookup::NotMapped).await;
    // No event will tell of an object that was there before the watch began.
    api.list(vec![mapping("b", "acs:ram::1:user/b", "b")]);
    api.fail_watches(None);
    eventually("b is mapped", || username(&mappings, &user("b")).is_some()).await;
}

#[tokio::test]
async fn a_thousand_changes_cost_few_builds() {
    let api = FakeApi::new();
    api.list(vec![]);
    let (mappings, _guard) = start_synced(&api).await;
    let before = *mappings.generation().borrow();
    for number in 0..1000 {
        api.send("ADDED", mapping(&format!("m{number}"), &format!("acs:ram::1:user/u{number}"), "u"));
    }
    eventually("all are mapped", || mappings.rules() == 1000).await;
    let builds = *mappings.generation().borrow() - before;
    assert!(builds < 200, "{builds} builds");
}

// `--sync-crd` --------------------------------------------------------------------------------------------

fn writes(api: &FakeApi) -> Vec<String> {
    api.calls().into_iter().filter(|call| !call.starts_with("GET ")).collect()
}

fn stored_crd(status: &str) -> Value {
    let mut crd = serde_json::to_value(resource::crd()).unwrap();
    crd["metadata"]["labels"] = json!({"changed-by": "an administrator"});
    crd["status"] = established(status);
    crd
}

#[tokio::test]
async fn creates_the_definition_where_it_is_missing() {
    let api = FakeApi::new();
    let (mappings, _guard) = start(&api, true);
    eventually("the backend is synced", || mappings.synced()).await;
    assert_eq!(writes(&api).len(), 1, "{:?}", writes(&api));
    assert!(writes(&api)[0].starts_with("POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions"));
    assert_eq!(api.crd().unwrap()["spec"], serde_json::to_value(resource::crd()).unwrap()["spec"]);
}

#[tokio::test]
async fn never_writes_a_definition_that_is_there() {
    let api = FakeApi::new();
    let crd = stored_crd("True");
    api.set_crd(Some(crd.clone()));
    let (mappings, _guard) = start(&api, true);
    eventually("the backend is synced", || mappings.synced()).await;
    assert_eq!(writes(&api), Vec::<String>::new());
    assert_eq!(api.crd().unwrap(), crd);
}

#[tokio::test]
async fn asks_nothing_of_the_definition_without_sync_crd() {
    let api = FakeApi::new();
    let (mappings, _guard) = start(&api, false);
    eventually("the backend is synced", || mappings.synced()).await;
    assert!(!api.calls().iter().any(|call| call.contains("customresourcedefinitions")));
}

#[tokio::test]
async fn waits_until_the_definition_is_served() {
    let api = FakeApi::new();
    api.set_crd(Some(stored_crd("False")));
    let (mappings, _guard) = start(&api, true);
    settle().await;
    assert!(!mappings.synced());
    api.set_crd(Some(stored_crd("True")));
    eventually("the backend is synced", || mappings.synced()).await;
}

#[tokio::test]
async fn takes_a_definition_that_another_replica_creates_at_the_same_time() {
    let api = FakeApi::new();
    api.fail_crd(Method::GET, Fault::Status(404, "NotFound"));
    api.set_crd(Some(stored_crd("False")));
    let (mappings, _guard) = start(&api, true);
    settle().await;
    assert_eq!(writes(&api).len(), 1);
    assert!(!mappings.synced(), "the other replica's definition is not served yet");
    api.set_crd(Some(stored_crd("True")));
    eventually("the backend is synced", || mappings.synced()).await;
}

#[tokio::test]
async fn goes_on_without_the_right_to_create_the_definition() {
    for method in [Method::GET, Method::POST] {
        let api = FakeApi::new();
        api.list(vec![mapping("a", "acs:ram::1:user/a", "a")]);
        api.fail_crd(method, Fault::Status(403, "Forbidden"));
        let (mappings, _guard) = start(&api, true);
        eventually("a is mapped", || username(&mappings, &user("a")).is_some()).await;
    }
}

#[tokio::test]
async fn waits_for_an_api_server_that_is_not_up_yet() {
    let api = FakeApi::new();
    for fault in [Fault::Break, Fault::Break, Fault::Status(503, "ServiceUnavailable")] {
        api.fail_crd(Method::GET, fault);
    }
    api.fail_crd(Method::POST, Fault::Status(500, "InternalError"));
    let (mappings, _guard) = start(&api, true);
    eventually("the backend is synced", || mappings.synced()).await;
    assert!(api.crd().is_some());
}

// Several backends ----------------------------------------------------------------------------------------

#[tokio::test]
async fn the_config_file_answers_before_the_cluster_does() {
    let api = FakeApi::new();
    api.fail_lists(Fault::Break);
    let file: MapSection = serde_json::from_value(json!({
        "mapusers": [{"userarn": "acs:ram::1:user/first", "username": "first"}],
        "mapaccounts": ["1"],
    }))
    .unwrap();
    let shutdown = tokio_util::sync::CancellationToken::new();
    let _guard = shutdown.clone().drop_guard();
    let options = Options { sync_crd: false, ..Options::default() };
    let modes = [BackendMode::MountedFile, BackendMode::Crd];
    let mappings =
        super::start(&modes, &file, Some(connected(api.client())), options, None, shutdown).await.unwrap();
    assert_eq!(username(&mappings, &user("first")).unwrap(), "first");
    // The account is mapped, but a RAMIdentityMapping would come before it.
    assert_eq!(mappings.lookup(&user("other")), Lookup::NotReady { backend: BackendMode::Crd });
    api.list(vec![mapping("a", "acs:ram::1:user/other", "other")]);
    eventually("the objects are listed", || mappings.synced()).await;
    assert_eq!(username(&mappings, &user("other")).unwrap(), "other");
    assert_eq!(username(&mappings, &user("third")).unwrap(), "acs:ram::1:user/third");
}

#[tokio::test]
async fn the_config_file_alone_needs_no_cluster() {
    let start = async |modes: &[BackendMode]| {
        super::start(modes, &MapSection::default(), None, Options::default(), None, Default::default()).await
    };
    let mappings = start(&[BackendMode::MountedFile]).await.unwrap();
    assert!(mappings.synced());
    assert_eq!(mappings.lookup(&user("a")), Lookup::NotMapped);
    for (modes, message) in [
        (&[BackendMode::Crd][..], "backend CRD is kept in the cluster: "),
        (
            &[BackendMode::MountedFile, BackendMode::AckConfigMap][..],
            "backend ACKConfigMap is kept in the cluster: ",
        ),
        (&[BackendMode::DynamicFile][..], "backend DynamicFile needs the path of its file: "),
    ] {
        let error = start(modes).await.unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[tokio::test]
async fn a_config_file_with_wrong_entries_stops_the_start() {
    let file: MapSection = serde_json::from_value(json!({
        "maproles": [{"rolearn": "junk", "username": "x"}, {"username": "y"}],
    }))
    .unwrap();
    let modes = [BackendMode::MountedFile];
    let error =
        super::start(&modes, &file, None, Options::default(), None, Default::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "server.mapRoles[0]: ARN \"junk\" is malformed: it must have the form acs:ram::<account id>:<kind>/<name>; \
         server.mapRoles[1] has no rolearn: write the ARN of the RAM user or role, or remove the entry"
    );
}

#[tokio::test]
async fn a_name_that_cannot_be_used_refuses_and_names_the_mapping() {
    let api = FakeApi::new();
    api.list(vec![mapping("empty", "acs:ram::1:user/a", "{{SessionName}}")]);
    let (mappings, _guard) = start_synced(&api).await;
    let Lookup::Unusable { source, error } = mappings.lookup(&user("a")) else { panic!("usable") };
    assert_eq!(source.to_string(), "CRD/empty");
    assert!(error.to_string().contains("is empty for this caller"), "{error}");
}
