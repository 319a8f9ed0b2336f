//! What the server answers, case by case: each of the 53 kinds of question that the public server was watched
//! answering. Where the answer here is another one, `docs/differences.md` says why; the comment `other:` marks it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use common::{ACCOUNT, ALICE, CLUSTER, Program, Rig, emulator, minutes, now, review};
use emulator::Fault;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use signature::Secret;
use token::SigningInput;

const MAPPINGS: &str = r#"
  mapUsers:
  - {userarn: "acs:ram::1234567890123456:user/alice", username: alice, groups: [readers]}
  - {userarn: "acs:ram::1234567890123456:user/lone", username: lone}
  - {userarn: "acs:ram::1234567890123456:user/sessionless", username: "{{SessionName}}"}
  - {userarn: "acs:ram::1234567890123456:root", username: owner}
  - {userarn: "acs:ram::1234567890123456:user/twice", username: first}
  - {userarn: "acs:ram::1234567890123456:user/TWICE", username: second}
  mapRoles:
  - {rolearn: "acs:ram::1234567890123456:role/dev", username: "dev:{{SessionName}}", groups: ["raw:{{SessionNameRaw}}"]}
  - {rolearn: "acs:ram::1234567890123456:role/t/a/p", username: with-path, groups: []}
  mapAccounts: ["42"]
"#;

/// The kinds of question.
const ROWS: std::ops::RangeInclusive<u8> = 1..=53;

/// Which test shows which row. Each test takes its rows from here and must show all of them.
const SHOWN: &[(&str, &[u8])] = &[
    ("identities_that_sts_names", &[1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13, 14, 49, 50, 51]),
    ("mappings_that_make_no_name_stop_the_start", &[9, 11]),
    ("requests_that_are_reviews_or_not", &[15, 16, 17, 18, 19, 20, 21, 22]),
    ("requests_that_are_too_large", &[23, 24]),
    ("tokens_that_are_read_or_refused_here", &[25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39]),
    ("one_token_asked_ten_times_costs_one_call", &[40]),
    ("what_sts_says_instead_of_an_identity", &[41, 42, 43, 44, 45, 47, 48]),
    ("a_slow_sts_is_waited_for_and_a_silent_one_is_not", &[46]),
    ("of_two_mappings_of_one_user_the_order_decides", &[52]),
    ("a_backend_that_is_not_synced_puts_off", &[53]),
];

#[test]
fn every_row_is_shown_by_one_test() {
    let shown: Vec<u8> = SHOWN.iter().flat_map(|(_, rows)| rows.iter().copied()).collect();
    let distinct: BTreeSet<u8> = shown.iter().copied().collect();
    assert_eq!(distinct, ROWS.collect());
    assert_eq!(distinct.len(), shown.len());
    // A row that is listed and not run would show nothing: each name is a test of this file.
    let source = include_str!("answers.rs");
    for (name, _) in SHOWN {
        assert!(source.contains(&format!("async fn {name}()")), "{name}");
    }
}

/// The rows that a test has to show, ticked off as it does.
struct Rows {
    test: &'static str,
    seen: Mutex<BTreeSet<u8>>,
}

impl Rows {
    fn of(test: &'static str) -> Rows {
        Rows { test, seen: Mutex::default() }
    }

    fn tick(&self, row: u8) -> u8 {
        self.seen.lock().unwrap().insert(row);
        row
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let due = SHOWN.iter().find(|(name, _)| *name == self.test).unwrap().1;
        assert_eq!(*self.seen.lock().unwrap(), due.iter().copied().collect::<BTreeSet<u8>>());
    }
}

/// A token like no other: the user agent is not signed, and part of what answers are remembered under.
fn sign(cluster: &str, at: Timestamp, security_token: Option<&str>) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    token::sign_v2(&SigningInput {
        cluster_id: cluster,
        access_key_id: ALICE.0,
        secret: &Secret::new(ALICE.1),
        security_token: security_token.map(Secret::new).as_ref(),
        user_agent: &format!("answers/{count}"),
        extra_query: &[],
        signed_at: at,
    })
    .expose()
    .to_owned()
}

fn token() -> String {
    sign(CLUSTER, now(), None)
}

fn version_1(nonce: &str) -> String {
    common::Signing::by(common::credentials(ALICE)).v1(nonce)
}

/// The JSON inside a fresh token.
fn document() -> Value {
    let bytes = BASE64_STANDARD.decode(token().strip_prefix("k8s-ack-v2.").unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn encoded(json: &str) -> String {
    format!("k8s-ack-v2.{}", BASE64_STANDARD.encode(json))
}

/// A fresh token whose JSON was changed afterwards. What is refused here is refused before anybody looks at its
/// signature: that STS is not asked shows it.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut document = document();
    change(&mut document);
    encoded(&document.to_string())
}

fn json_answer(body: impl Into<Vec<u8>>) -> Fault {
    Fault::Garbage { content_type: "application/json".to_owned(), body: body.into() }
}

/// What STS says of somebody.
fn identity(identity_type: &str, account: &str, principal_id: &str, arn: &str) -> Fault {
    let body = json!({"IdentityType": identity_type, "AccountId": account, "PrincipalId": principal_id,
                      "UserId": "2", "Arn": arn, "RequestId": "R-1"});
    json_answer(body.to_string())
}

fn user(name: &str) -> Fault {
    identity("RAMUser", ACCOUNT, "2", &format!("acs:ram::{ACCOUNT}:user/{name}"))
}

fn session(role: &str, session: &str) -> Fault {
    let arn = format!("acs:ram::{ACCOUNT}:assumed-role/{role}/{session}");
    identity("AssumedRoleUser", ACCOUNT, &format!("3:{session}"), &arn)
}

fn error(status: u16, code: &str) -> Fault {
    Fault::Error { status, code: code.to_owned(), message: "canary-message".to_owned() }
}

/// Asks with a fresh token while STS answers with `fault`.
async fn while_sts_says(rig: &Rig, fault: Fault) -> common::Answer {
    rig.emulator.fail("GetCallerIdentity", fault);
    let answer = rig.review(&token()).await;
    rig.emulator.clear_faults();
    assert!(!answer.text.contains("canary"), "{}", answer.text);
    answer
}

#[tokio::test]
async fn identities_that_sts_names() {
    let rig = Rig::start_with(emulator().await, MAPPINGS, &[], None).await;
    let rows = Rows::of("identities_that_sts_names");
    let lets_in = async |row: u8, fault: Fault, username: &str| {
        rows.tick(row);
        let user = while_sts_says(&rig, fault).await.user();
        assert_eq!(user["username"], username, "row {row}");
        user
    };
    let refuses = async |row: u8, fault: Fault, part: &str| {
        rows.tick(row);
        let error = while_sts_says(&rig, fault.clone()).await.error();
        assert!(error.contains(part), "row {row}: {fault:?}: {error}");
    };

    // Case does not count, and STS's spelling is what is answered.
    let answered = lets_in(1, user("AlicE"), "alice").await;
    assert_eq!(answered["extra"]["arn"], json!([format!("acs:ram::{ACCOUNT}:user/AlicE")]));
    assert_eq!(answered["uid"], format!("ack-ram-authenticator:{ACCOUNT}:2"));
    let answered = lets_in(2, session("dev", "bob@x.com"), "dev:bob-x.com").await;
    assert_eq!(answered["groups"], json!(["raw:bob@x.com"]));
    assert_eq!(answered["extra"]["canonicalArn"], json!([format!("acs:ram::{ACCOUNT}:role/dev")]));
    assert_eq!(answered["extra"]["sessionName"], json!(["bob@x.com"]));
    for name in ["a.b", "a=b", "a+b", "a b", "a,b", "a%40b", "\u{96c6}"] {
        lets_in(3, session("dev", name), &format!("dev:{name}")).await;
    }
    // other: a line break has no place in a user name.
    refuses(3, session("dev", "a\nb"), "session name").await;
    refuses(4, session("dev", "a:b"), "STS named a caller that cannot be trusted").await;
    // other: an ARN that does not tell where the role ends contradicts the principal id.
    refuses(5, session("dev", "s1/s2"), "STS named a caller that cannot be trusted").await;
    // other: expanded once.
    let braces = "{{SessionNameRaw}}";
    rows.tick(6);
    let answer = while_sts_says(&rig, session("dev", braces)).await;
    assert_eq!(answer.user()["username"], format!("dev:{braces}"));
    lets_in(7, identity("Account", ACCOUNT, ACCOUNT, &format!("acs:ram::{ACCOUNT}:root")), "owner").await;
    for (fault, username) in [
        (identity("RAMUser", "42", "2", "acs:ram::42:user/Ann"), "acs:ram::42:user/Ann"),
        (identity("AssumedRoleUser", "42", "3:s", "acs:ram::42:assumed-role/R/s"), "acs:ram::42:role/R"),
        (identity("Account", "42", "42", "acs:ram::42:root"), "acs:ram::42:root"),
    ] {
        assert_eq!(lets_in(8, fault, username).await.get("groups"), None);
    }
    // other: nobody without a name is let in.
    refuses(10, user("sessionless"), "makes no usable name").await;
    assert_eq!(lets_in(12, user("lone"), "lone").await.get("groups"), None);
    assert_eq!(lets_in(12, session("t/a/p", "s"), "with-path").await.get("groups"), None);
    lets_in(13, session("t/a/p", "s"), "with-path").await;
    refuses(13, session("p", "s"), "is mapped to no Kubernetes user").await;
    refuses(13, session("x/t/a/p", "s"), "is mapped to no Kubernetes user").await;
    refuses(14, user("stranger"), "is mapped to no Kubernetes user").await;

    // other: AccountId, IdentityType, PrincipalId and Arn all have to agree.
    let alice = format!("acs:ram::{ACCOUNT}:user/alice");
    let dev = format!("acs:ram::{ACCOUNT}:assumed-role/dev/s");
    for lie in [
        identity("RAMUser", "42", "2", &alice),
        identity("AssumedRoleUser", ACCOUNT, "2", &alice),
        identity("Account", ACCOUNT, ACCOUNT, &alice),
        identity("RAMUser", ACCOUNT, "7:fake", &alice),
        identity("AssumedRoleUser", ACCOUNT, "3:other", &dev),
        identity("AssumedRoleUser", ACCOUNT, "3", &dev),
        identity("RAMUser", ACCOUNT, "3:s", &dev),
        identity("AssumedRoleUser", "42", "3:s", &dev),
        identity("Account", ACCOUNT, "42", &format!("acs:ram::{ACCOUNT}:root")),
        identity("AssumedRoleUser", ACCOUNT, "3", &format!("acs:ram::{ACCOUNT}:role/dev")),
    ] {
        refuses(49, lie, "STS named a caller that cannot be trusted").await;
    }
    for missing in ["IdentityType", "AccountId", "PrincipalId"] {
        rows.tick(49);
        let mut body =
            json!({"IdentityType": "RAMUser", "AccountId": ACCOUNT, "PrincipalId": "2", "Arn": alice});
        body.as_object_mut().unwrap().remove(missing);
        let answer = while_sts_says(&rig, json_answer(body.to_string())).await;
        assert!(answer.unavailable().contains(missing), "{}", answer.text);
    }
    // other: RAM's ARNs have no region.
    for arn in
        ["acs:ram:cn-x:1234567890123456:assumed-role/dev/s", "acs:ram:cn-x:1234567890123456:user/alice"]
    {
        let kind = if arn.contains("user/") { ("RAMUser", "2") } else { ("AssumedRoleUser", "3:s") };
        refuses(50, identity(kind.0, ACCOUNT, kind.1, arn), "has a region").await;
    }
    for arn in [
        "acs:ecs::1234567890123456:user/alice",
        "acs:ram::1234567890123456:federated-user/alice",
        "acs:ram::1234567890123456:assumed-role/x",
        "alice",
        "*",
    ] {
        refuses(51, identity("RAMUser", ACCOUNT, "2", arn), "STS named a caller that cannot be trusted")
            .await;
    }
}

/// other: the public server lets in with the braces in the name, or without a name.
#[tokio::test]
async fn mappings_that_make_no_name_stop_the_start() {
    let rows = Rows::of("mappings_that_make_no_name_stop_the_start");
    for (row, username) in
        [(9, "x-{{Nobody}}"), (9, "{{ SessionName }}"), (9, "{{sessionname}}"), (9, "{{"), (11, "")]
    {
        rows.tick(row);
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "clusterID: {CLUSTER}\nserver:\n  mapUsers: [{{userarn: \"acs:ram::1:user/a\", username: \"{username}\"}}]\n"
        );
        std::fs::write(folder.path().join("config.yaml"), config).unwrap();
        let arguments = ["server", "-c", "config.yaml", "--port", "0", "--state-dir", "state"];
        let mut program = Program::start(folder.path(), &arguments, &[]);
        assert_eq!(program.wait().code(), Some(1), "row {row} {username:?}: {}", program.stderr());
        assert!(program.stderr().contains("username"), "{}", program.stderr());
    }
}

#[tokio::test]
async fn requests_that_are_reviews_or_not() {
    let rig = Rig::start_with(emulator().await, MAPPINGS, &[], None).await;
    let rows = Rows::of("requests_that_are_reviews_or_not");
    let v1 = "authentication.k8s.io/v1";
    let post = async |row: u8, body: String, status: StatusCode| {
        rows.tick(row);
        let answer = rig.post(body.clone()).await;
        assert_eq!(answer.status, status, "row {row}: {body:.200}: {}", answer.text);
        answer
    };
    let bad = StatusCode::BAD_REQUEST;
    let user = post(15, review("authentication.k8s.io/v1beta1", &token()), StatusCode::OK).await;
    assert_eq!(user.json()["apiVersion"], "authentication.k8s.io/v1beta1");
    // other: who asks in another version cannot read the answer.
    post(15, review("authentication.k8s.io/v9", &token()), bad).await;
    post(15, review(v1, &token()).replace("TokenReview", "Pod"), bad).await;
    post(15, json!({"kind": "TokenReview", "spec": {"token": token()}}).to_string(), bad).await;

    for method in [http::Method::GET, http::Method::PUT, http::Method::DELETE, http::Method::OPTIONS] {
        rows.tick(16);
        let request = rig.client.request(method, format!("{}/authenticate", rig.base));
        assert_eq!(request.send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    }
    let number = json!({"apiVersion": v1, "kind": "TokenReview", "spec": {"token": 1}}).to_string();
    for body in ["", "junk", "[]", "\"x\"", &number, &format!("\u{feff}{}", review(v1, &token()))] {
        post(17, body.to_owned(), bad).await;
    }
    // other: null and {} are no TokenReview.
    post(18, "null".to_owned(), bad).await;
    post(18, "{}".to_owned(), bad).await;
    for spec in [json!(null), json!({}), json!({"token": null}), json!({"token": ""})] {
        let body = json!({"apiVersion": v1, "kind": "TokenReview", "spec": spec}).to_string();
        assert!(post(18, body, StatusCode::OK).await.error().contains("holds no token"));
    }
    for header in [None, Some(("content-type", "text/html")), Some(("content-encoding", "gzip"))] {
        rows.tick(19);
        let mut request = rig.client.post(format!("{}/authenticate", rig.base)).body(review(v1, &token()));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        common::answer(request.send().await.unwrap()).await.user();
    }
    let unknown = json!({"apiVersion": v1, "kind": "TokenReview", "newField": {"a": [1]}, "spec": {"token": token(), "x": 1}});
    post(20, unknown.to_string(), StatusCode::OK).await.user();
    // other: one spelling, once, and nothing behind it.
    let shouted = json!({"apiVersion": v1, "kind": "TokenReview", "SPEC": {"TOKEN": token()}}).to_string();
    assert!(post(20, shouted, StatusCode::OK).await.error().contains("holds no token"));
    for body in [
        format!("{} x", review(v1, &token())),
        format!("{0}{0}", review(v1, &token())),
        review(v1, &token()).replacen("\"token\"", "\"token\":\"x\",\"token\"", 1),
        review(v1, &token()).replacen("\"spec\"", "\"spec\":{},\"spec\"", 1),
    ] {
        post(20, body, bad).await;
    }
    // Audiences are not answered: the API server takes its own then.
    let answer = post(21, review(v1, &token()), StatusCode::OK).await;
    answer.user();
    assert_eq!(answer.json()["status"].get("audiences"), None);
    for path in ["/authenticate/", "/Authenticate", "//authenticate", "/authenticate/x", "/"] {
        rows.tick(22);
        let request = rig.client.post(format!("{}{path}", rig.base)).body(review(v1, &token()));
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn requests_that_are_too_large() {
    let rig = Rig::start_with(emulator().await, MAPPINGS, &[], None).await;
    let rows = Rows::of("requests_that_are_too_large");
    let v1 = "authentication.k8s.io/v1";
    rig.review(&token()).await.user();
    rig.emulator.clear_requests();
    let before = rig.program.peak_memory_kib();
    // other: 413, or a connection that is closed while the client still sends; the public server reads 200 MB.
    rows.tick(23);
    let body = review(v1, &"A".repeat(100_000_000));
    if let Ok(answer) = rig.client.post(format!("{}/authenticate", rig.base)).body(body).send().await {
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    rows.tick(24);
    let request =
        rig.client.post(format!("{}/authenticate", rig.base)).header("x-large", "a".repeat(1_200_000));
    if let Ok(answer) = request.body(review(v1, &token())).send().await {
        assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let grown = rig.program.peak_memory_kib() - before;
    assert!(grown < 20_000, "a body of 100 MB took {grown} KiB");
    assert!(rig.emulator.requests().is_empty());
    rig.review(&token()).await.user();
}

#[tokio::test]
async fn tokens_that_are_read_or_refused_here() {
    let rig = Rig::start_with(emulator().await, MAPPINGS, &[], None).await;
    let rows = Rows::of("tokens_that_are_read_or_refused_here");
    let lets_in = async |row: u8, token: String| {
        rows.tick(row);
        rig.emulator.fail("GetCallerIdentity", user("alice"));
        rig.review(&token).await.user();
        rig.emulator.clear_faults();
    };
    let refuses = async |row: u8, token: String, part: &str| {
        rows.tick(row);
        rig.emulator.clear_requests();
        let error = rig.review(&token).await.error();
        assert!(error.contains(part), "row {row}: {error}");
        let asked = rig.emulator.requests();
        assert!(asked.is_empty(), "row {row}: STS was asked: {asked:?}");
    };

    // other: 8 KiB instead of 4,096 characters.
    lets_in(25, sign(CLUSTER, now(), Some(&"a".repeat(4000)))).await;
    refuses(25, sign(CLUSTER, now(), Some(&"a".repeat(7000))), "--max-token-bytes").await;
    // other: clients of before July 2024.
    lets_in(26, version_1("row26")).await;
    for text in [
        token().replacen("v2", "v3", 1),
        token().replacen("k8s-ack", "K8S-ACK", 1),
        format!(" {}", token()),
        "eyJhbGciOiJSUzI1NiJ9.e30.c2ln".to_owned(),
    ] {
        refuses(26, text, "not a RAM token").await;
    }
    // other: both spellings of base64 are in the field; line breaks are not.
    let bytes = document().to_string().into_bytes();
    lets_in(27, format!("k8s-ack-v2.{}", BASE64_URL_SAFE_NO_PAD.encode(&bytes))).await;
    for text in [
        token().replacen("v2.ey", "v2.e y", 1),
        token().replacen("v2.ey", "v2.e\ny", 1),
        "k8s-ack-v2.%".to_owned(),
    ] {
        refuses(27, text, "not base64").await;
    }
    refuses(28, "k8s-ack-v2.".to_owned(), "nothing behind it").await;
    refuses(28, encoded("junk"), "not JSON").await;
    refuses(28, encoded("[]"), "not a JSON object").await;
    lets_in(29, changed(|token| token["clusterId"] = json!("other"))).await;
    lets_in(29, changed(|token| drop(token.as_object_mut().unwrap().remove("clusterId")))).await;
    for cluster in ["other", &CLUSTER.to_uppercase(), &format!("{CLUSTER} ")] {
        refuses(30, changed(|token| token["query"]["ACKClusterId"] = json!(cluster)), "is for the cluster")
            .await;
    }
    refuses(30, changed(|token| token["query"] = json!({})), "lacks the query parameter ACKClusterId").await;
    refuses(30, changed(|token| token["query"] = json!({"ackclusterid": CLUSTER})), "not allowed").await;
    // other: one of two readers would take the other one.
    refuses(31, changed(|token| token["query"]["ackclusterid"] = json!(CLUSTER)), "more than once").await;
    for name in ["x-acs-action", "Authorization", "Action", "foo"] {
        refuses(32, changed(|token| token["query"][name] = json!("x")), "not allowed").await;
    }
    refuses(32, changed(|token| token["headers"]["ACKClusterId"] = json!(CLUSTER)), "not allowed").await;
    refuses(33, changed(|token| token["method"] = json!("GET")), "method").await;
    refuses(33, changed(|token| token["path"] = json!("/x")), "path").await;
    refuses(33, changed(|token| token["host"] = json!("evil.example")), "not allowed").await;
    refuses(34, changed(|token| token["headers"] = json!({})), "lacks the header").await;
    refuses(
        34,
        changed(|token| drop(token.as_object_mut().unwrap().remove("headers"))),
        "lacks the field headers",
    )
    .await;
    for action in ["AssumeRole", "getcalleridentity", ""] {
        refuses(34, changed(|token| token["headers"]["x-acs-action"] = json!(action)), "x-acs-action").await;
    }
    refuses(35, changed(|token| token["headers"]["X-Acs-Action"] = json!("AssumeRole")), "more than once")
        .await;
    let remove = |name: &'static str| {
        changed(move |token| drop(token["headers"].as_object_mut().unwrap().remove(name)))
    };
    refuses(36, remove("Authorization"), "lacks the header").await;
    // other: what can be told here costs no call.
    for name in ["x-acs-date", "x-acs-version", "x-acs-content-sha256"] {
        refuses(37, remove(name), name).await;
    }
    refuses(37, sign(CLUSTER, now() - minutes(60), None), "was signed at").await;
    refuses(37, sign(CLUSTER, now() + minutes(24 * 60), None), "was signed at").await;
    for (name, value) in [
        ("x-acs-date", "yesterday"),
        ("x-acs-version", "2014-05-26"),
        ("x-acs-content-sha256", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
        ("Authorization", "ACS3-HMAC-SHA256 Credential=a,Signature=b"),
    ] {
        refuses(37, changed(|token| token["headers"][name] = json!(value)), "").await;
    }
    refuses(38, changed(|token| token["headers"]["user-agent"] = json!("a\r\nb: c")), "user-agent").await;
    refuses(39, changed(|token| token["headers"]["x-acs-version"] = json!(2015)), "strings").await;
    refuses(39, changed(|token| token["headers"]["x-acs-version"] = json!(["2015-04-01"])), "strings").await;
}

/// other: the public server calls STS ten times.
#[tokio::test]
async fn one_token_asked_ten_times_costs_one_call() {
    let rig = Rig::start_with(emulator().await, MAPPINGS, &[], None).await;
    let rows = Rows::of("one_token_asked_ten_times_costs_one_call");
    rows.tick(40);
    let token = token();
    for _ in 0..10 {
        rig.review(&token).await.user();
    }
    assert_eq!(rig.emulator.requests().len(), 1);
}

#[tokio::test]
async fn what_sts_says_instead_of_an_identity() {
    let rig = Rig::start_with(emulator().await, MAPPINGS, &[], None).await;
    let rows = Rows::of("what_sts_says_instead_of_an_identity");
    for (row, status, code) in [
        (41, 400, "SignatureDoesNotMatch"),
        (41, 400, "SignatureNonceUsed"),
        (41, 400, "InvalidTimeStamp.Expired"),
        (41, 400, "ContentMD5NotMatched"),
        (41, 400, "InvalidSignatureMethod"),
        (41, 403, "MissingSecurityToken"),
        (41, 404, "InvalidAccessKeyId.NotFound"),
        (41, 403, "InvalidAccessKeyId.Inactive"),
        (41, 400, "InvalidSecurityToken.Expired"),
        (41, 400, "InvalidSecurityToken.Malformed"),
        (41, 400, "InvalidSecurityToken.MismatchWithAccessKey"),
        // other: code and request id for these too.
        (42, 400, "IncompleteSignature"),
        (42, 400, "InvalidTimeStamp.Format"),
        (42, 403, "NoPermission"),
        (42, 400, "InvalidParameter"),
    ] {
        rows.tick(row);
        let text = while_sts_says(&rig, error(status, code)).await.error();
        let asked = rig.emulator.requests();
        let request_id = &asked.last().unwrap().request_id;
        assert!(text.contains(code) && text.contains(request_id.as_str()), "row {row}: {text}");
    }
    // other: what passes is put off, not refused.
    for (row, fault) in [
        (41, error(429, "Throttling.Api")),
        (41, error(400, "Throttling.User")),
        (42, error(400, "Throttling")),
        (43, error(500, "InternalError")),
        (43, error(502, "Whatever")),
        (43, error(503, "ServiceUnavailable")),
        (43, error(504, "SignatureDoesNotMatch")),
        (44, error(201, "")),
        (44, error(204, "")),
        (44, error(301, "")),
        (44, error(307, "")),
        (45, Fault::BreakConnection),
        (45, json_answer("")),
        (45, json_answer("{\"Arn\":")),
        (45, json_answer("\0\u{1}")),
        (47, json_answer("{}")),
        (47, json_answer("null")),
        (47, json_answer("[]")),
        (47, json_answer("<html></html>")),
        (47, json_answer(format!(r#"{{"Result":{{"Arn":"acs:ram::{ACCOUNT}:user/alice"}}}}"#))),
        (47, json_answer(format!(r#"{{"IdentityType":"RAMUser","AccountId":{ACCOUNT},"PrincipalId":"2","Arn":"acs:ram::{ACCOUNT}:user/alice"}}"#))),
        (47, json_answer(format!(r#"{{"IdentityType":"RAMUser","AccountId":"{ACCOUNT}","PrincipalId":"2","Arn":"acs:ram::{ACCOUNT}:user/alice"}} x"#))),
        (48, Fault::Garbage {
            content_type: "text/html".to_owned(),
            body: format!(r#"{{"IdentityType":"RAMUser","AccountId":"{ACCOUNT}","PrincipalId":"2","Arn":"acs:ram::{ACCOUNT}:user/alice"}}"#).into_bytes(),
        }),
        (48, json_answer(format!(r#"{{"identitytype":"RAMUser","accountid":"{ACCOUNT}","principalid":"2","arn":"acs:ram::{ACCOUNT}:user/alice"}}"#))),
    ] {
        rows.tick(row);
        let answer = while_sts_says(&rig, fault.clone()).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "row {row}: {fault:?}: {}", answer.text);
        assert!(answer.retry_after.is_some_and(|seconds| seconds.parse::<u32>().unwrap() >= 1));
    }
    // other: a port that refuses is put off, and the next one is let in.
    rows.tick(45);
    rig.emulator.stop_listening().await;
    rig.review(&token()).await.unavailable();
    rig.emulator.listen_again().await.unwrap();
    rig.review(&token()).await.user();
}

#[tokio::test]
async fn a_slow_sts_is_waited_for_and_a_silent_one_is_not() {
    // The public server waits without end; its three seconds are half a second here.
    let rig = Rig::start_with(emulator().await, MAPPINGS, &["--sts-timeout", "3s"], None).await;
    let rows = Rows::of("a_slow_sts_is_waited_for_and_a_silent_one_is_not");
    rows.tick(46);
    rig.emulator.fail("GetCallerIdentity", Fault::Delay(Duration::from_millis(500)).times(1));
    rig.review(&token()).await.user();
    rig.emulator.fail("GetCallerIdentity", Fault::Delay(Duration::from_secs(60)));
    rig.review(&token()).await.unavailable();
    rig.emulator.clear_faults();
    rig.review(&token()).await.user();
}

#[tokio::test]
async fn of_two_mappings_of_one_user_the_order_decides() {
    let rows = Rows::of("of_two_mappings_of_one_user_the_order_decides");
    // other: never chance. Three starts, one answer; the rest of the order has its tests with the index.
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let rig = Rig::start_with(emulator().await, MAPPINGS, &[], None).await;
        rows.tick(52);
        for _ in 0..3 {
            seen.insert(while_sts_says(&rig, user("twice")).await.user()["username"].to_string());
        }
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
}

/// other: the public server closes the connection.
#[tokio::test]
async fn a_backend_that_is_not_synced_puts_off() {
    let rows = Rows::of("a_backend_that_is_not_synced_puts_off");
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        // Nobody listens at port 9 of loopback.
        "clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:9"}}],
        "users": [{"name": "x", "user": {"token": "x"}}],
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    let more = ["--backend-mode", "MountedFile,CRD", "--kubeconfig", path.to_str().unwrap()];
    let rig = Rig::start_with(emulator().await, MAPPINGS, &more, None).await;
    rows.tick(53);
    rig.review(&token()).await.user();
    assert!(while_sts_says(&rig, user("stranger")).await.unavailable().contains("CRD"));
    // A whole account comes after the exact mappings that may still arrive.
    let account = identity("RAMUser", "42", "2", "acs:ram::42:user/Ann");
    assert!(while_sts_says(&rig, account).await.unavailable().contains("CRD"));
    assert_eq!(rig.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
}
