//! Container Service: what changes clusters. Tasks, add-ons, and the permissions of users.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;
#[path = "common/roa.rs"]
mod roa;

use std::sync::{Arc, Mutex};

use common::{Keys, NOON, alice, answer, bob, client, config, root, rpc_get_at};
use emulator::{Cluster, Emulator, OidcProvider, PermissionsCleaned, UserActivity};
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use roa::Ask;
use serde_json::{Value, json};

const ACCOUNT: &str = "1234567890123456";
const BOB: &str = "222222222222222223";

/// An emulator with the cluster `c1`, by a clock that the test moves.
struct Stand {
    emulator: Emulator,
    client: Client,
    clock: Arc<Mutex<Timestamp>>,
}

impl Stand {
    async fn start() -> Self {
        let clock = Arc::new(Mutex::new(Timestamp::from_second(NOON).unwrap()));
        let told = Arc::clone(&clock);
        let emulator =
            Emulator::builder(config()).clock(move || *told.lock().unwrap()).start().await.unwrap();
        emulator.add_cluster(Cluster::new(ACCOUNT, "c1")).unwrap();
        Self { client: client(&emulator), emulator, clock }
    }

    fn now(&self) -> Timestamp {
        *self.clock.lock().unwrap()
    }

    fn wait(&self, seconds: i64) {
        *self.clock.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    async fn ask(&self, keys: &Keys, method: &str, target: &str, action: &str) -> (u16, Value) {
        self.send(keys, Ask::new(method, target, action)).await
    }

    async fn send(&self, keys: &Keys, ask: Ask) -> (u16, Value) {
        ask.prepare_roa(keys, self.now()).sign_roa(keys).send(&self.client, &self.emulator).await
    }

    async fn detail(&self) -> Value {
        self.ask(&alice(), "GET", "/clusters/c1", "DescribeClusterDetail").await.1
    }

    async fn task(&self, id: &str) -> Value {
        self.ask(&alice(), "GET", &format!("/tasks/{id}"), "DescribeTaskInfo").await.1
    }

    async fn modify(&self, body: Value) -> (u16, Value) {
        self.send(&alice(), Ask::new("PUT", "/api/v2/clusters/c1", "ModifyCluster").body(&body)).await
    }

    async fn install(&self, body: Value) -> (u16, Value) {
        let ask = Ask::new("POST", "/clusters/c1/components/install", "InstallClusterAddons");
        self.send(&alice(), ask.body(&body)).await
    }

    async fn clean(&self, keys: &Keys, user: &str, query: &str) -> (u16, Value) {
        let target = format!("/cluster/c1/user/{user}/permissions{query}");
        self.ask(keys, "DELETE", &target, "CleanClusterUserPermissions").await
    }

    async fn provider(&self, name: &str) -> (u16, Value) {
        let params = [("Action", "GetOIDCProvider"), ("Version", "2019-08-15"), ("OIDCProviderName", name)];
        answer(rpc_get_at(&self.client, &self.emulator, &root(), &params, self.now())).await
    }

    async fn log(&self) -> Vec<String> {
        let (_, body) = self.ask(&alice(), "GET", "/clusters/c1/logs", "DescribeClusterLogs").await;
        body.as_array().unwrap().iter().map(|l| l["cluster_log"].as_str().unwrap().to_owned()).collect()
    }
}

fn task_id(answer: &(u16, Value)) -> String {
    assert_eq!(answer.0, 200, "{}", answer.1);
    assert_eq!(answer.1["cluster_id"], "c1");
    assert_eq!(answer.1["request_id"].as_str().unwrap().len(), 36);
    answer.1["task_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn enabling_rrsa_takes_a_task_and_changes_the_cluster_at_its_end() {
    let stand = Stand::start().await;
    let id = task_id(&stand.modify(json!({"enable_rrsa": true})).await);
    assert!(id.starts_with("T-") && id.len() == 22, "{id}");
    let task = stand.task(&id).await;
    assert_eq!(
        (&task["state"], &task["target"]),
        (&json!("running"), &json!({"id": "c1", "type": "cluster"}))
    );
    let detail = stand.detail().await;
    assert_eq!((&detail["state"], &detail["rrsa_config"]["enabled"]), (&json!("updating"), &json!(false)));
    let (status, body) = stand.modify(json!({"enable_rrsa": false})).await;
    assert_eq!((status, &body["code"]), (400, &json!("ErrorClusterState")));

    stand.wait(4);
    assert_eq!(stand.task(&id).await["state"], "running");
    stand.wait(1);
    let task = stand.task(&id).await;
    assert_eq!(task["state"], "success");
    assert!(task.get("error").is_none(), "{task}");
    assert_eq!(task["created"], "2026-11-22T23:30:20+08:00");
    assert_eq!(task["updated"], "2026-11-22T23:30:25+08:00");
    let detail = stand.detail().await;
    assert_eq!(detail["state"], "running");
    let rrsa = json!({
        "enabled": true,
        "issuer": "https://oidc-ack-cn-hangzhou.oss-cn-hangzhou.aliyuncs.com/c1",
        "audience": "sts.aliyuncs.com",
        "oidc_name": "ack-rrsa-c1",
        "oidc_arn": "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1",
    });
    assert_eq!(detail["rrsa_config"], rrsa);
    let meta_data: Value = serde_json::from_str(detail["meta_data"].as_str().unwrap()).unwrap();
    assert_eq!(meta_data["RRSAConfig"], rrsa);
    assert_eq!(stand.log().await, ["Succeeded to enable RRSA", "Start to enable RRSA"]);

    let provider = stand.provider("ack-rrsa-c1").await.1["OIDCProvider"].clone();
    assert_eq!(
        (&provider["IssuerUrl"], &provider["ClientIds"], &provider["Arn"]),
        (&rrsa["issuer"], &json!("sts.aliyuncs.com"), &rrsa["oidc_arn"])
    );

    let id = task_id(&stand.modify(json!({"enable_rrsa": false})).await);
    assert_eq!(stand.provider("ack-rrsa-c1").await.0, 200, "until the task ends");
    stand.wait(5);
    assert_eq!(stand.provider("ack-rrsa-c1").await.0, 404);
    assert_eq!(stand.task(&id).await["state"], "success");
    assert_eq!(stand.detail().await["rrsa_config"], json!({"enabled": false}));
}

#[tokio::test]
async fn a_task_that_fails_changes_nothing_and_says_why() {
    let stand = Stand::start().await;
    assert!(stand.emulator.fail_next_task("c1", "no quota"));
    assert!(!stand.emulator.fail_next_task("c9", "no quota"));
    let id = task_id(&stand.modify(json!({"enable_rrsa": true})).await);
    assert!(stand.task(&id).await.get("error").is_none(), "not before its end");
    stand.wait(5);
    let task = stand.task(&id).await;
    assert_eq!((&task["state"], &task["error"]["message"]), (&json!("fail"), &json!("no quota")));
    let detail = stand.detail().await;
    assert_eq!((&detail["state"], &detail["rrsa_config"]["enabled"]), (&json!("running"), &json!(false)));
    assert_eq!(stand.log().await[0], "Failed to enable RRSA: no quota");
    let id = task_id(&stand.modify(json!({"enable_rrsa": true})).await);
    stand.wait(5);
    assert_eq!(stand.task(&id).await["state"], "success", "only the next one fails");
}

#[tokio::test]
async fn a_test_ends_tasks_when_it_likes() {
    let stand = Stand::start().await;
    let id = task_id(&stand.modify(json!({"enable_rrsa": true})).await);
    stand.emulator.fail_tasks("c1", "the control plane does not answer");
    let task = stand.task(&id).await;
    assert_eq!(
        (&task["state"], &task["error"]["message"]),
        (&json!("fail"), &json!("the control plane does not answer"))
    );
    assert_eq!(stand.log().await[0], "Failed to enable RRSA: the control plane does not answer");
    assert_eq!(stand.provider("ack-rrsa-c1").await.0, 404);
    let id = task_id(&stand.modify(json!({"enable_rrsa": true})).await);
    stand.emulator.finish_tasks("c9");
    assert_eq!(stand.task(&id).await["state"], "running");
    stand.emulator.finish_tasks("c1");
    assert_eq!(stand.task(&id).await["state"], "success");
    stand.emulator.fail_tasks("c1", "too late");
    assert_eq!(stand.task(&id).await["state"], "success");
    assert_eq!(stand.provider("ack-rrsa-c1").await.0, 200);
}

#[tokio::test]
async fn rrsa_is_refused_where_ack_does_not_have_it() {
    let stand = Stand::start().await;
    for (id, cluster, code) in [
        ("old", Cluster::new(ACCOUNT, "old").version("1.20.11-aliyun.1"), "ErrorClusterVersionNotSupported"),
        ("own", Cluster::new(ACCOUNT, "own").kind("ExternalKubernetes"), "ErrorClusterTypeNotSupported"),
        (
            "edge",
            Cluster::new(ACCOUNT, "edge").profile("Edge").spec("ack.standard"),
            "ErrorClusterTypeNotSupported",
        ),
    ] {
        stand.emulator.add_cluster(cluster).unwrap();
        let modify = async |enable: bool| {
            let ask = Ask::new("PUT", &format!("/api/v2/clusters/{id}"), "ModifyCluster");
            stand.send(&alice(), ask.body(&json!({"enable_rrsa": enable}))).await
        };
        let (status, body) = modify(true).await;
        assert_eq!((status, &body["code"]), (400, &json!(code)), "{body}");
        assert_eq!(modify(false).await.0, 200, "there is no harm in disabling it");
    }
}

#[tokio::test]
async fn the_provider_has_the_clusters_own_issuer_and_two_cannot_have_one() {
    let stand = Stand::start().await;
    let enable = async |id: &str| {
        let ask = Ask::new("PUT", &format!("/api/v2/clusters/{id}"), "ModifyCluster");
        let (status, body) = stand.send(&alice(), ask.body(&json!({"enable_rrsa": true}))).await;
        assert_eq!(status, 200, "{body}");
        stand.emulator.finish_tasks(id);
        stand.task(body["task_id"].as_str().unwrap()).await
    };
    let (first, second) = ("https://issuer.example/c2", "https://kubernetes.default.svc");
    stand.emulator.add_cluster(Cluster::new(ACCOUNT, "c2").issuer(first).issuer(second)).unwrap();
    assert_eq!(enable("c2").await["state"], "success");
    assert_eq!(stand.provider("ack-rrsa-c2").await.1["OIDCProvider"]["IssuerUrl"], first);
    let (_, detail) = stand.ask(&alice(), "GET", "/clusters/c2", "DescribeClusterDetail").await;
    assert_eq!(detail["rrsa_config"]["issuer"], format!("{first},{second}"));
    assert_eq!(enable("c2").await["state"], "success", "once more");

    // The issuer has a provider of another name.
    stand.emulator.add_cluster(Cluster::new(ACCOUNT, "c3").issuer(first)).unwrap();
    let task = enable("c3").await;
    assert_eq!(task["state"], "fail");
    assert!(task["error"]["message"].as_str().unwrap().contains(first), "{task}");
    // The name has a provider of another issuer.
    let other = OidcProvider::new(ACCOUNT, "ack-rrsa-c1", "https://other.example").client_id("x");
    stand.emulator.add_oidc_provider(other).unwrap();
    let task = enable("c1").await;
    assert_eq!(task["state"], "fail");
    assert_eq!(stand.detail().await["rrsa_config"], json!({"enabled": false}));
    assert!(stand.log().await[0].starts_with("Failed to enable RRSA: the OIDC provider \"ack-rrsa-c1\""));
    let id = task_id(&stand.modify(json!({"enable_rrsa": false})).await);
    stand.emulator.finish_tasks("c1");
    assert_eq!(stand.task(&id).await["state"], "success");
    let left = stand.provider("ack-rrsa-c1").await.1;
    assert_eq!(left["OIDCProvider"]["IssuerUrl"], "https://other.example", "it is not the cluster's");
    // The provider is there with the issuer, and lacks the client id.
    stand.emulator.remove_oidc_provider(ACCOUNT, "ack-rrsa-c1").unwrap();
    let acks = "https://oidc-ack-cn-hangzhou.oss-cn-hangzhou.aliyuncs.com/c1";
    stand.emulator.add_oidc_provider(OidcProvider::new(ACCOUNT, "ack-rrsa-c1", acks).client_id("x")).unwrap();
    assert_eq!(enable("c1").await["state"], "success");
    let mended = stand.provider("ack-rrsa-c1").await.1;
    assert_eq!(mended["OIDCProvider"]["ClientIds"], "x,sts.aliyuncs.com");
    // A cluster that has RRSA from the start on.
    stand.emulator.add_cluster(Cluster::new(ACCOUNT, "c4").rrsa(true)).unwrap();
    assert_eq!(stand.provider("ack-rrsa-c4").await.0, 200);
    stand.emulator.add_cluster(Cluster::new(ACCOUNT, "c5").rrsa(true).issuer(first)).unwrap();
    assert_eq!(stand.provider("ack-rrsa-c5").await.0, 404);
}

#[tokio::test]
async fn tasks_take_as_long_as_they_are_told_to() {
    let stand = Stand::start().await;
    let slow = Cluster::new(ACCOUNT, "c2").task_duration(SignedDuration::from_mins(10));
    stand.emulator.add_cluster(slow).unwrap();
    let ask = Ask::new("PUT", "/api/v2/clusters/c2", "ModifyCluster").body(&json!({"enable_rrsa": true}));
    let (_, body) = stand.send(&alice(), ask).await;
    let id = body["task_id"].as_str().unwrap();
    stand.wait(599);
    assert_eq!(stand.task(id).await["state"], "running");
    stand.wait(1);
    assert_eq!(stand.task(id).await["state"], "success");
}

#[tokio::test]
async fn bodies_that_make_no_sense_and_unknown_tasks_are_refused() {
    let stand = Stand::start().await;
    for body in [json!({}), json!([]), json!("x"), json!({"enable_rrsa": "yes"})] {
        assert_eq!(stand.modify(body.clone()).await.0, 400, "{body}");
    }
    for body in [json!([]), json!({}), json!([{"version": "1"}])] {
        assert_eq!(stand.install(body.clone()).await.0, 400, "{body}");
    }
    let (status, body) = stand.install(json!([{"name": "nothing"}])).await;
    assert_eq!((status, &body["code"]), (404, &json!("ErrorAddonNotFound")));
    let (status, body) = stand.ask(&alice(), "GET", "/tasks/T-1", "DescribeTaskInfo").await;
    assert_eq!((status, &body["code"]), (404, &json!("ErrorTaskNotFound")));
    stand.emulator.remove_cluster("c1");
    stand.emulator.add_cluster(Cluster::new(ACCOUNT, "c1").state("failed")).unwrap();
    let (status, body) = stand.modify(json!({"enable_rrsa": true})).await;
    assert_eq!((status, &body["code"]), (400, &json!("ErrorClusterState")));
}

#[tokio::test]
async fn an_addon_is_installed_at_the_end_of_its_task() {
    let stand = Stand::start().await;
    let webhook = "ack-pod-identity-webhook";
    let versions = async || {
        let target = "/clusters/c1/components/version";
        stand.ask(&alice(), "GET", target, "DescribeClusterAddonsVersion").await.1
    };
    let entry =
        |version: &str| json!({"component_name": webhook, "version": version, "next_version": "0.4.0"});
    assert_eq!(versions().await[webhook], entry(""));
    let id = task_id(&stand.install(json!([{"name": webhook, "version": ""}])).await);
    assert_eq!(stand.detail().await["state"], "running");
    assert_eq!(versions().await[webhook], entry(""));
    stand.wait(5);
    assert_eq!(versions().await[webhook], entry("0.4.0"));
    assert_eq!(stand.task(&id).await["state"], "success");
    task_id(&stand.install(json!([{"name": webhook, "version": "0.3.0"}, {"name": "coredns"}])).await);
    stand.wait(5);
    let all = versions().await;
    assert_eq!(all[webhook], entry("0.3.0"));
    assert_eq!(all["coredns"]["version"], all["coredns"]["next_version"]);

    stand.emulator.add_cluster(Cluster::new(ACCOUNT, "c2").addon("own", "1.0")).unwrap();
    let target = "/clusters/c2/components/version";
    let (_, body) = stand.ask(&alice(), "GET", target, "DescribeClusterAddonsVersion").await;
    assert_eq!(body["own"], json!({"component_name": "own", "version": "1.0", "next_version": "1.0"}));
}

#[tokio::test]
async fn activity_is_as_the_test_says() {
    let stand = Stand::start().await;
    let state = async |user: &str| {
        let target = format!("/clusters/c1/users/{user}/activity-state");
        stand.ask(&alice(), "GET", &target, "DescribeUserClusterActivityState").await
    };
    let (status, body) = state(BOB).await;
    assert_eq!((status, &body["active"], body.get("last_activity")), (200, &json!(false), None));
    assert_eq!(body["log_project_name"], "k8s-log-c1");
    let at = stand.now() - SignedDuration::from_hours(1);
    stand.emulator.set_user_activity("c1", BOB, UserActivity::active_at(at, "audit-1"));
    let (_, body) = state(BOB).await;
    assert_eq!(
        (&body["active"], &body["last_activity"], &body["last_audit_id"]),
        (&json!(true), &json!("2026-11-22T14:30:20Z"), &json!("audit-1"))
    );
    assert_eq!(state("bob").await.0, 400);
}

#[tokio::test]
async fn cleaning_calls_the_hook_for_requests_that_are_accepted() {
    let stand = Stand::start().await;
    assert_eq!(stand.clean(&alice(), BOB, "?Force=true").await, (200, json!({})), "without a hook");
    let seen: Arc<Mutex<Vec<PermissionsCleaned>>> = Arc::default();
    let told = Arc::clone(&seen);
    stand.emulator.on_clean_permissions(move |cleaned| {
        told.lock().unwrap().push(cleaned.clone());
        if cleaned.user_id == "299999999999999999" {
            Err("the API server is away".to_owned())
        } else {
            Ok(())
        }
    });
    let forbidden = async |keys: &Keys, user: &str, query: &str| {
        let (status, body) = stand.clean(keys, user, query).await;
        assert_eq!((status, &body["code"]), (403, &json!("StatusForbidden")), "{user}{query}");
    };
    // An account, oneself, and without Force those who were active or of whom nothing is known.
    forbidden(&alice(), ACCOUNT, "?Force=true").await;
    forbidden(&root(), ACCOUNT, "?Force=true").await;
    forbidden(&bob(), BOB, "?Force=true").await;
    forbidden(&alice(), BOB, "").await;
    let days = |days: i64| stand.now() - SignedDuration::from_hours(24 * days);
    stand.emulator.set_user_activity("c1", BOB, UserActivity::active_at(days(1), "audit-1"));
    forbidden(&alice(), BOB, "?Force=false").await;
    stand.emulator.set_user_activity("c1", BOB, UserActivity::inactive_since(Some(days(6))));
    forbidden(&alice(), BOB, "").await;
    assert!(seen.lock().unwrap().is_empty());

    stand.emulator.set_user_activity("c1", BOB, UserActivity::inactive_since(Some(days(8))));
    assert_eq!(stand.clean(&alice(), BOB, "").await.0, 200);
    assert_eq!(stand.clean(&alice(), BOB, "?Force=true").await.0, 200);
    let calls: Vec<(String, String, bool)> = seen
        .lock()
        .unwrap()
        .iter()
        .map(|call| (call.cluster_id.clone(), call.user_id.clone(), call.force))
        .collect();
    let call = |force| ("c1".to_owned(), BOB.to_owned(), force);
    assert_eq!(calls, [call(false), call(true)]);

    let (status, body) = stand.clean(&alice(), "299999999999999999", "?Force=true").await;
    assert_eq!((status, &body["message"]), (500, &json!("the API server is away")));
    assert_eq!(stand.clean(&alice(), "bob", "?Force=true").await.0, 400);
    assert_eq!(stand.clean(&alice(), BOB, "?Force=perhaps").await.0, 400);
}
