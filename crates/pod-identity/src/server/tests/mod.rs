//! From a request to an answer, with an API server that answers as it is told to.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod api;
mod told;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::FakeApi;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use cluster::Clock;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::Choice;
use crate::injection::Settings;

const ROLE: &str = "pod-identity.alibabacloud.com/role-name";

struct Rig {
    routes: Arc<Routes>,
    metrics: Metrics,
    stopping: CancellationToken,
    readiness: Readiness,
    lookup: Lookup,
    missing: Arc<Mutex<Option<String>>>,
    api: FakeApi,
}

fn settings() -> Settings {
    Settings {
        account_id: "1234567890123456".to_owned(),
        provider_arn: "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0ffee".to_owned(),
        audience: "sts.aliyuncs.com".to_owned(),
        mount_path: "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens".to_owned(),
        expiration_seconds: 3600,
        region: None,
        sts_variables: true,
    }
}

impl Rig {
    /// Namespace `shop` is on, and service account `seller` has a role, `broken` one that is none.
    fn new(on_lookup_failure: Choice, on_fault: Choice) -> Rig {
        let api = FakeApi::default();
        api.namespace("shop", "on");
        api.namespace("other", "off");
        api.service_account("shop", "seller", &[(ROLE, "shop-seller")]);
        api.service_account("shop", "default", &[]);
        api.service_account("shop", "broken", &[(ROLE, "no role")]);
        let metrics = Metrics::new().unwrap();
        let counted = metrics.clone();
        let lookup = Lookup::new(api.client(), move |answered| counted.answered(answered));
        let counted = metrics.clone();
        let clock = Clock::new(|| "2026-11-23T12:00:00Z".parse().unwrap());
        let (events, writer) =
            Events::new(api.client(), "replica", clock, move |written| counted.event(written));
        tokio::spawn(writer.run(CancellationToken::new()));
        let mutator =
            Mutator { settings: settings(), lookup: lookup.clone(), events, on_lookup_failure, on_fault };
        let (stopping, missing) = (CancellationToken::new(), Arc::<Mutex<Option<String>>>::default());
        let trust = Arc::clone(&missing);
        let readiness =
            Readiness::new(lookup.clone(), move || trust.lock().unwrap().clone(), stopping.clone());
        let routes = Arc::new(Routes::new(mutator, metrics.clone(), readiness.clone()));
        Rig { routes, metrics, stopping, readiness, lookup, missing, api }
    }

    fn admitting() -> Rig {
        Rig::new(Choice::Admit, Choice::Admit)
    }

    fn denying() -> Rig {
        Rig::new(Choice::Deny, Choice::Deny)
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> (StatusCode, String) {
        let answer = self.routes.clone().main(request).await;
        let status = answer.status();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            assert_eq!(answer.headers()[RETRY_AFTER], "1");
        }
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn post(&self, body: impl Into<Bytes>) -> (StatusCode, String) {
        self.ask(post(body)).await
    }

    /// The `response` of a review that is answered.
    async fn review(&self, review: &Value) -> Value {
        let (status, text) = self.post(review.to_string()).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
        answer["response"].clone()
    }

    fn page(&self) -> String {
        prometheus::TextEncoder::new().encode_to_string(&self.metrics.registry().gather()).unwrap()
    }

    fn assert_counted(&self, result: &str, reason: &str) {
        let line =
            format!("ack_pod_identity_webhook_reviews_total{{reason=\"{reason}\",result=\"{result}\"}} 1");
        assert!(self.page().contains(&line), "{line}\n{}", self.page());
        let counted = self.page().matches("ack_pod_identity_webhook_reviews_total{").count();
        assert_eq!(counted, endings::all().len(), "no ending but those that are known");
    }
}

fn post(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri("/mutate?timeout=5s")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(body.into()))
        .unwrap()
}

fn get(path: &str) -> Request<Full<Bytes>> {
    Request::builder().uri(path).body(Full::default()).unwrap()
}

fn pod(service_account: &str) -> Value {
    let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "u1", "controller": true});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "web-1-", "ownerReferences": [owner]},
        "spec": {"serviceAccountName": service_account, "containers": [{"name": "web", "image": "web"}]}
    })
}

fn review(namespace: &str, pod: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": namespace,
            "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
            "object": pod,
            "dryRun": false,
        }
    })
}

fn patch(response: &Value) -> Value {
    assert_eq!(response["patchType"], "JSONPatch");
    serde_json::from_slice(&BASE64_STANDARD.decode(response["patch"].as_str().unwrap()).unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_pod_whose_service_account_has_a_role_is_patched() {
    let rig = Rig::admitting();
    let response = rig.review(&review("shop", &pod("seller"))).await;
    assert_eq!((&response["allowed"], response.get("warnings")), (&json!(true), None));
    let text = patch(&response).to_string();
    for part in ["rrsa-oidc-token", "acs:ram::1234567890123456:role/shop-seller", "ack-rrsa-c0ffee"] {
        assert!(text.contains(part), "{text}");
    }
    rig.assert_counted("injected", "patched");
}

#[tokio::test(start_paused = true)]
async fn the_patched_pod_is_complete_when_it_is_reviewed_again() {
    let rig = Rig::admitting();
    let mut pod = pod("seller");
    let response = rig.review(&review("shop", &pod)).await;
    let operations: json_patch::Patch = serde_json::from_value(patch(&response)).unwrap();
    json_patch::patch(&mut pod, &operations).unwrap();
    let response = rig.review(&review("shop", &pod)).await;
    assert_eq!(response, json!({"uid": response["uid"], "allowed": true}));
    rig.assert_counted("injected", "complete");
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_nothing_gets_nothing_and_hears_nothing() {
    for (namespace, account, reason) in
        [("other", "seller", "namespace_not_on"), ("shop", "default", "no_role"), ("shop", "", "no_role")]
    {
        let rig = Rig::denying();
        let response = rig.review(&review(namespace, &pod(account))).await;
        assert_eq!(response, json!({"uid": response["uid"], "allowed": true}), "{namespace}/{account}");
        rig.assert_counted("not_injected", reason);
        assert_eq!(rig.api.events(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mirror_pod_is_left_alone_and_nothing_is_read_for_it() {
    let rig = Rig::denying();
    let mut pod = pod("no-such-account");
    pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    let response = rig.review(&review("shop", &pod)).await;
    assert_eq!((&response["allowed"], rig.api.reads()), (&json!(true), 0));
    rig.assert_counted("not_injected", "mirror_pod");
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_none_is_a_warning_and_an_event_on_the_controller() {
    let rig = Rig::admitting();
    let response = rig.review(&review("shop", &pod("broken"))).await;
    assert_eq!((&response["allowed"], response.get("patch")), (&json!(true), None));
    assert!(response["warnings"][0].as_str().unwrap().contains("no role"), "{response}");
    rig.assert_counted("not_injected", "invalid_role");
    let events = rig.api.written_events(1).await;
    assert_eq!(
        (&events[0]["regarding"]["name"], &events[0]["regarding"]["namespace"]),
        (&json!("web-1"), &json!("shop"))
    );
    assert_eq!(events[0]["reason"], "PodIdentityNotInjected");
    assert!(events[0]["note"].as_str().unwrap().contains("no role"), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_leaves_no_event() {
    let rig = Rig::admitting();
    let mut review = review("shop", &pod("broken"));
    review["request"]["dryRun"] = json!(true);
    assert!(rig.review(&review).await["warnings"].is_array());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.api.events(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_nobody_controls_leaves_no_event() {
    let rig = Rig::admitting();
    let mut pod = pod("broken");
    pod["metadata"] = json!({"name": "mine"});
    assert!(rig.review(&review("shop", &pod)).await["warnings"].is_array());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(rig.api.events(), 0);
}

#[tokio::test(start_paused = true)]
async fn on_fault_deny_refuses_with_403_and_the_reason() {
    let rig = Rig::denying();
    let response = rig.review(&review("shop", &pod("broken"))).await;
    let status = &response["status"];
    assert_eq!(
        (&response["allowed"], &status["code"], &status["reason"]),
        (&json!(false), &json!(403), &json!("Forbidden"))
    );
    assert!(status["message"].as_str().unwrap().contains("no role"), "{response}");
    rig.assert_counted("denied", "invalid_role");
}

#[tokio::test(start_paused = true)]
async fn where_the_api_server_is_away_the_choice_counts() {
    let rig = Rig::admitting();
    rig.api.break_down();
    let response = rig.review(&review("shop", &pod("seller"))).await;
    let warning = response["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("this pod has no RAM role: cannot read namespace shop"), "{warning}");
    assert_eq!((&response["allowed"], response.get("patch")), (&json!(true), None));
    rig.assert_counted("not_injected", "lookup_failed");

    let rig = Rig::denying();
    rig.api.break_down();
    let response = rig.review(&review("shop", &pod("seller"))).await;
    let status = &response["status"];
    assert_eq!(
        (&response["allowed"], &status["code"], &status["reason"]),
        (&json!(false), &json!(503), &json!("ServiceUnavailable"))
    );
    assert!(status["message"].as_str().unwrap().contains("cannot read namespace shop"), "{response}");
    rig.assert_counted("denied", "lookup_failed");
}

#[tokio::test(start_paused = true)]
async fn a_silent_api_server_is_not_waited_for_longer_than_2_s() {
    let rig = Rig::denying();
    rig.api.fall_silent();
    let begun = tokio::time::Instant::now();
    let response = rig.review(&review("shop", &pod("seller"))).await;
    assert_eq!(response["status"]["code"], 503);
    assert!(begun.elapsed() <= Duration::from_millis(2100), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn many_pods_at_once_are_all_answered() {
    let rig = Rig::admitting();
    let reviews = (0..500).map(|number| {
        let mut review = review("shop", &pod("seller"));
        review["request"]["uid"] = json!(format!("uid-{number}"));
        review
    });
    let reviews: Vec<Value> = reviews.collect();
    let answers = futures::future::join_all(reviews.iter().map(|review| rig.review(review))).await;
    assert!(answers.iter().all(|answer| answer["patch"].is_string()));
}

#[tokio::test(start_paused = true)]
async fn anything_else_than_the_creation_of_a_pod_is_allowed_as_it_is() {
    let rig = Rig::denying();
    let mut update = review("shop", &pod("broken"));
    update["request"]["operation"] = json!("UPDATE");
    let response = rig.review(&update).await;
    assert_eq!(response, json!({"uid": response["uid"], "allowed": true}));
    rig.assert_counted("not_injected", "not_a_pod_create");
    assert_eq!(rig.api.reads(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_answered_is_an_error_of_http_and_counted() {
    let rig = Rig::admitting();
    let mut wrong_pod = review("shop", &pod("seller"));
    wrong_pod["request"]["object"]["spec"]["containers"] = json!("CANARY");
    let wrong_type = {
        let mut request = post(review("shop", &pod("seller")).to_string());
        request.headers_mut().insert(CONTENT_TYPE, "text/plain".parse().unwrap());
        request
    };
    let no_type = {
        let mut request = post("{}");
        request.headers_mut().remove(CONTENT_TYPE);
        request
    };
    let mut with_charset = post("{}");
    with_charset.headers_mut().insert(CONTENT_TYPE, "Application/JSON; charset=utf-8".parse().unwrap());
    for (request, status, reason) in [
        (post("nonsense"), StatusCode::BAD_REQUEST, "review_malformed"),
        (with_charset, StatusCode::BAD_REQUEST, "review_malformed"),
        (post(wrong_pod.to_string()), StatusCode::BAD_REQUEST, "pod_malformed"),
        (wrong_type, StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type"),
        (no_type, StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type"),
        (post(vec![b' '; 4 * 1024 * 1024 + 1]), StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
    ] {
        let before = rig.page();
        let (got, text) = rig.ask(request).await;
        assert_eq!(got, status, "{text}");
        assert!(!text.contains("CANARY") && text.lines().count() == 1, "{text}");
        let line = format!("reviews_total{{reason=\"{reason}\",result=\"error\"}} ");
        let count = |page: &str| page.lines().find_map(|found| found.split_once(&line)?.1.parse().ok());
        let (before, after): (Option<u32>, Option<u32>) = (count(&before), count(&rig.page()));
        assert_eq!(after, Some(before.unwrap_or(0) + 1), "{reason}");
    }
    // And goes on.
    assert!(rig.review(&review("shop", &pod("seller"))).await["patch"].is_string());
}

#[tokio::test(start_paused = true)]
async fn paths_answer_their_methods_alone() {
    let rig = Rig::admitting();
    for (path, status) in [
        ("/mutate", StatusCode::METHOD_NOT_ALLOWED),
        ("/livez", StatusCode::OK),
        ("/healthz", StatusCode::OK),
        ("/metrics", StatusCode::OK),
        ("/", StatusCode::NOT_FOUND),
        ("/mutate/", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(rig.ask(get(path)).await.0, status, "{path}");
    }
    for path in ["/metrics", "/readyz"] {
        let request = Request::builder().method(Method::POST).uri(path).body(Full::default()).unwrap();
        assert_eq!(rig.ask(request).await.0, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    let health = async |path: &str| rig.routes.clone().health_only(get(path)).await.status();
    assert_eq!(health("/livez").await, StatusCode::OK);
    assert_eq!(health("/metrics").await, StatusCode::NOT_FOUND);
    let request = post("{}");
    assert_eq!(rig.routes.clone().health_only(request).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn ready_is_listening_synced_trusted_and_not_stopping() {
    let rig = Rig::admitting();
    *rig.missing.lock().unwrap() = Some("caBundle is empty".to_owned());
    let (status, text) = rig.ask(get("/readyz")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    for part in
        ["the listener is not up yet", "the namespaces of", "the service accounts of", "caBundle is empty"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(rig.ask(get("/metrics")).await.1.contains("synced{object=\"namespace\"} 0"));
    let lookup = rig.lookup.clone();
    tokio::spawn(async move { lookup.run(CancellationToken::new()).await });
    while rig.readiness.missing().iter().any(|line| line.contains("known")) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    rig.readiness.serving();
    assert_eq!(rig.readiness.missing(), ["caBundle is empty"]);
    *rig.missing.lock().unwrap() = None;
    assert_eq!(rig.ask(get("/readyz")).await.0, StatusCode::OK);
    assert!(rig.ask(get("/metrics")).await.1.contains("synced{object=\"service_account\"} 1"));
    rig.stopping.cancel();
    let (status, text) = rig.ask(get("/readyz")).await;
    assert_eq!(
        (status, text.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: the server is stopping\n")
    );
    assert_eq!(rig.ask(get("/livez")).await.0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn every_ending_of_a_review_is_counted_from_0_on() {
    let (_, page) = Rig::admitting().ask(get("/metrics")).await;
    for (result, reason) in endings::all() {
        let result = result.as_str();
        let line =
            format!("ack_pod_identity_webhook_reviews_total{{reason=\"{reason}\",result=\"{result}\"}} 0\n");
        assert!(page.contains(&line), "{line}");
    }
}
