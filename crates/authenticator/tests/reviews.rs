//! What the built program answers to TokenReviews, with an STS that checks signatures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use common::{
    ACCOUNT, ALICE, Answer, BOB, CLUSTER, ROOT, Rig, Signing, credentials, minutes, now, review, token_of,
};
use http::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn lets_in_a_user_a_session_and_the_account() {
    let rig = Rig::start(&[]).await;
    assert_eq!(
        rig.review(&token_of(ALICE)).await.user(),
        json!({
            "username": "alice",
            "uid": format!("ack-ram-authenticator:{ACCOUNT}:222222222222222222"),
            "groups": ["readers", format!("team-{ACCOUNT}")],
            "extra": {"arn": [format!("acs:ram::{ACCOUNT}:user/alice")],
                      "canonicalArn": [format!("acs:ram::{ACCOUNT}:user/alice")], "sessionName": [""],
                      "principalId": ["222222222222222222"], "accessKeyId": [ALICE.0]},
        })
    );
    let session = rig.session("alice@example.com").await;
    let key = session.access_key_id.clone();
    assert_eq!(
        rig.review(&Signing::by(session).v2()).await.user(),
        json!({
            "username": "dev:alice-example.com",
            "uid": format!("ack-ram-authenticator:{ACCOUNT}:333333333333333333"),
            "groups": ["alice@example.com"],
            "extra": {"arn": [format!("acs:ram::{ACCOUNT}:assumed-role/dev/alice@example.com")],
                      "canonicalArn": [format!("acs:ram::{ACCOUNT}:role/dev")], "sessionName": ["alice@example.com"],
                      "principalId": ["333333333333333333:alice@example.com"], "accessKeyId": [key]},
        })
    );
    // No groups: none answered.
    assert_eq!(
        rig.review(&token_of(ROOT)).await.user(),
        json!({
            "username": "owner",
            "uid": format!("ack-ram-authenticator:{ACCOUNT}:{ACCOUNT}"),
            "extra": {"arn": [format!("acs:ram::{ACCOUNT}:root")],
                      "canonicalArn": [format!("acs:ram::{ACCOUNT}:root")], "sessionName": [""],
                      "principalId": [ACCOUNT], "accessKeyId": [ROOT.0]},
        })
    );
}

#[tokio::test]
async fn answers_in_the_version_asked_without_audiences_or_the_question() {
    let rig = Rig::start(&[]).await;
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for version in ["authentication.k8s.io/v1", "authentication.k8s.io/v1beta1"] {
        let yes = rig.post(review(version, &token_of(ALICE))).await.json();
        let no = rig.post(review(version, &token_of(BOB))).await.json();
        for answer in [&yes, &no] {
            assert_eq!((&answer["apiVersion"], &answer["kind"]), (&json!(version), &json!("TokenReview")));
            assert_eq!(keys(answer), ["apiVersion", "kind", "status"]);
        }
        assert_eq!(keys(&yes["status"]), ["authenticated", "user"]);
        assert_eq!(keys(&no["status"]), ["authenticated", "error"]);
    }
}

#[tokio::test]
async fn takes_both_token_versions_and_asks_for_v1_once() {
    let rig = Rig::start(&[]).await;
    let session = rig.session("bob").await;
    for signing in [Signing::by(credentials(ALICE)), Signing::by(session)] {
        signing.v2();
        let version_1 = signing.v1(&format!("nonce-{}", signing.credentials.access_key_id));
        rig.review(&version_1).await.user();
        rig.emulator.clear_requests();
        rig.review(&version_1).await.user();
        assert!(rig.emulator.requests().is_empty(), "STS takes it once only");
        rig.review(&signing.v2()).await.user();
    }
}

#[tokio::test]
async fn token_versions_can_be_limited() {
    let rig = Rig::start(&["--token-versions", "v2"]).await;
    rig.review(&token_of(ALICE)).await.user();
    rig.emulator.clear_requests();
    rig.review(&Signing::by(credentials(ALICE)).v1("n")).await.error();
    assert!(rig.emulator.requests().is_empty());
}

#[tokio::test]
async fn asks_sts_for_exactly_the_signed_request_and_forwards_nothing_else() {
    let rig = Rig::start(&[]).await;
    let text = token_of(ALICE);
    let document = BASE64_STANDARD.decode(text.strip_prefix("k8s-ack-v2.").unwrap()).unwrap();
    let mut document: Value = serde_json::from_slice(&document).unwrap();
    document["clusterId"] = json!("another");
    let forged = format!("k8s-ack-v2.{}", BASE64_STANDARD.encode(document.to_string()));
    rig.review(&forged).await.user();
    let requests = rig.emulator.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(request.host, rig.emulator.address().to_string());
    assert_eq!((request.raw.method.as_str(), request.action.as_str()), ("POST", "GetCallerIdentity"));
}

#[tokio::test]
async fn tells_the_administrator_who_is_not_mapped_and_what_to_do() {
    let rig = Rig::start(&[]).await;
    let error = rig.review(&token_of(BOB)).await.error();
    for part in [&format!("acs:ram::{ACCOUNT}:user/bob"), "mapUsers", "is mapped to no Kubernetes user"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[tokio::test]
async fn refuses_without_asking_sts_what_can_be_told_from_the_token() {
    let rig = Rig::start(&[]).await;
    let mut other_cluster = Signing::by(credentials(ALICE));
    other_cluster.cluster = "another".to_owned();
    let mut expired = Signing::by(credentials(ALICE));
    expired.at = now() - minutes(16);
    let mut ahead = Signing::by(credentials(ALICE));
    ahead.at = now() + minutes(7);
    let garbage = format!("k8s-ack-v2.{}", BASE64_STANDARD.encode("{}"));
    let too_long = format!("k8s-ack-v2.{}", "A".repeat(9000));
    let tokens = [
        (other_cluster.v2(), "another"),
        (other_cluster.v1("n1"), "another"),
        (expired.v2(), ""),
        (expired.v1("n2"), ""),
        (ahead.v2(), ""),
        (garbage, ""),
        (too_long, ""),
        ("k8s-ack-v2.".to_owned(), ""),
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln".to_owned(), ""),
        (String::new(), "no token"),
    ];
    for (token, named) in tokens {
        let error = rig.review(&token).await.error();
        assert!(error.contains(named), "{error}");
    }
    assert!(rig.emulator.requests().is_empty(), "{:?}", rig.emulator.requests());
}

#[tokio::test]
async fn refuses_what_sts_refuses_with_its_code_and_request_id() {
    let rig = Rig::start(&[]).await;
    let wrong_secret = token_of((ALICE.0, "another-secret"));
    let unknown_key = token_of(("LTAInobody", "x"));
    for (token, code) in
        [(wrong_secret, "SignatureDoesNotMatch"), (unknown_key, "InvalidAccessKeyId.NotFound")]
    {
        let error = rig.review(&token).await.error();
        let requests = rig.emulator.requests();
        let request_id = &requests.last().unwrap().request_id;
        assert!(error.contains(code) && error.contains(request_id.as_str()), "{error}");
    }
}

#[tokio::test]
async fn accepts_each_of_several_cluster_ids() {
    let rig = Rig::start(&["-i", CLUSTER, "-i", "c-new"]).await;
    let mut signing = Signing::by(credentials(ALICE));
    for cluster in [CLUSTER, "c-new"] {
        signing.cluster = cluster.to_owned();
        rig.review(&signing.v2()).await.user();
    }
    signing.cluster = "c-other".to_owned();
    rig.review(&signing.v2()).await.error();
}

#[tokio::test]
async fn what_is_no_review_is_400_413_404_or_405() {
    let rig = Rig::start(&[]).await;
    let bad = |answer: Answer| assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    bad(rig.post("").await);
    bad(rig.post("junk").await);
    bad(rig.post("[]").await);
    bad(rig.post(review("authentication.k8s.io/v9", "t")).await);
    bad(rig.post(review("authentication.k8s.io/v1", "t").replace("TokenReview", "Pod")).await);
    bad(rig
        .post(review("authentication.k8s.io/v1", "t").replace("\"token\"", "\"token\":\"a\",\"token\""))
        .await);
    bad(rig.post(format!("{}{{}}", review("authentication.k8s.io/v1", "t"))).await);
    let large = rig.post(review("authentication.k8s.io/v1", &"x".repeat(70_000))).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);

    for (path, status) in [
        ("/authenticate", StatusCode::METHOD_NOT_ALLOWED),
        ("/authenticate/", StatusCode::NOT_FOUND),
        ("/Authenticate", StatusCode::NOT_FOUND),
        ("/", StatusCode::NOT_FOUND),
        ("/healthz", StatusCode::OK),
        ("/livez", StatusCode::OK),
        ("/readyz", StatusCode::OK),
        ("/metrics", StatusCode::OK),
    ] {
        assert_eq!(rig.get(path).await.status, status, "{path}");
    }
    let answer = rig.client.put(format!("{}/authenticate", rig.base)).send().await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
    );
}

#[tokio::test]
async fn counts_reviews_and_answers_of_sts() {
    let rig = Rig::start(&[]).await;
    rig.review(&token_of(ALICE)).await.user();
    rig.review(&token_of(BOB)).await.error();
    rig.review(&token_of((ALICE.0, "another-secret"))).await.error();
    rig.review("junk").await.error();
    rig.post("junk").await;
    let metrics = rig.get("/metrics").await.text;
    for line in [
        "ack_ram_authenticator_authenticate_latency_seconds_count{result=\"success\"} 1",
        "ack_ram_authenticator_authenticate_latency_seconds_count{result=\"uknown_user\"} 1",
        "ack_ram_authenticator_authenticate_latency_seconds_count{result=\"sts_error\"} 1",
        "ack_ram_authenticator_authenticate_latency_seconds_count{result=\"invalid_token\"} 1",
        "ack_ram_authenticator_authenticate_latency_seconds_count{result=\"malformed_request\"} 1",
        "ack_ram_authenticator_reviews_total{reason=\"sts_signature_mismatch\",result=\"sts_error\"} 1",
        "ack_ram_authenticator_sts_responses_total{ResponseCode=\"200\"} 2",
        "ack_ram_authenticator_backend_synced{backend=\"MountedFile\"} 1",
        "ack_ram_authenticator_mapping_rules 3",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}
