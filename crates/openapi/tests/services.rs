//! The clients of Container Service and RAM, against servers that answer rightly, wrongly or not at all; and what a request
//! is worth at another endpoint than the one it was signed for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use emulator::{Config, Emulator};
use jiff::Timestamp;
use openapi::api::{ApiError, ServiceOptions};
use openapi::cs::UserKubeconfigRequest;
use openapi::network::{ProxyRules, Trust};
use openapi::{Credentials, cs, ram, sts};
use signature::{Secret, acs3, encoding};
use support::{Received, Server, http, json};

const ID: &str = "7F75E7B4-4636-53B4-A8DE-5FC4A9E1F876";

fn options(server: &Server) -> ServiceOptions {
    ServiceOptions::new(server.address.to_string().parse().unwrap(), "test/1")
}

fn cs_of(server: &Server) -> cs::Client {
    cs::Client::with_network(&options(server), &Trust::File(server.ca_file()), &ProxyRules::default())
        .unwrap()
}

fn ram_of(server: &Server) -> ram::Client {
    ram::Client::with_network(&options(server), &Trust::File(server.ca_file()), &ProxyRules::default())
        .unwrap()
}

fn session() -> Credentials {
    Credentials {
        access_key_id: "STS.alice".to_owned(),
        access_key_secret: Secret::new("canary-secret"),
        security_token: Some(Secret::new("canary-token")),
        expiration: None,
    }
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// The target of a request, as path and parameters.
fn target(request: &Received) -> (String, Vec<(String, String)>) {
    let target = request.line.split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (path.to_owned(), encoding::parse_query(query).unwrap())
}

fn parameter(request: &Received, name: &str) -> Option<String> {
    target(request).1.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// What the service has to find under the signature, which must be right.
fn assert_signed(request: &Received, action: &str, version: &str) {
    let authorization: acs3::Authorization = request.header("authorization").unwrap().parse().unwrap();
    let (path, query) = target(request);
    let body_sha256 = acs3::sha256_hex(request.body.as_bytes());
    let seen = acs3::Request {
        method: request.line.split(' ').next().unwrap(),
        path: &path,
        query: &query,
        headers: &request.headers,
        content_sha256: &body_sha256,
    };
    acs3::verify(&seen, &authorization, &Secret::new("canary-secret")).unwrap();
    for name in [
        "host",
        "x-acs-action",
        "x-acs-version",
        "x-acs-date",
        "x-acs-signature-nonce",
        "x-acs-content-sha256",
        "x-acs-security-token",
    ] {
        assert!(authorization.signed_headers.iter().any(|signed| signed == name), "{name} is not signed");
    }
    let header = |name| request.header(name).unwrap();
    assert_eq!((header("x-acs-action"), header("x-acs-version")), (action, version));
    assert_eq!(header("x-acs-content-sha256"), body_sha256);
    assert_eq!(header("accept"), "application/json");
}

#[tokio::test]
async fn every_call_of_container_service_has_its_documented_form_and_is_signed_whole() {
    let server = Server::tls("127.0.0.1", |request| match request.header("x-acs-action").unwrap() {
        "DescribeClusterUserKubeconfig" => {
            json(200, r#"{"config":"apiVersion: v1","expiration":"2026-11-22T18:30:20Z","more":[1]}"#)
        }
        "DescribeClusterDetail" => json(
            200,
            r#"{"cluster_id":"c1","name":"prod","cluster_type":"ManagedKubernetes","state":"running","region_id":"cn-hangzhou","current_version":"1.33.3-aliyun.1","size":3,"tags":null,
                "master_url":"{\"api_server_endpoint\":\"https://47.1.2.3:6443\",\"intranet_api_server_endpoint\":\"https://10.0.0.1:6443\"}"}"#,
        ),
        "DescribeUserClusterActivityState" => {
            json(200, r#"{"active":true,"last_activity":"2026-11-01T02:03:04Z","log_query_exp":"x"}"#)
        }
        "CleanClusterUserPermissions" => http(202, "text/plain", "whatever"),
        other => panic!("{other}"),
    });
    let (client, keys) = (cs_of(&server), session());
    let request = UserKubeconfigRequest { private_address: true, minutes: Some(60) };
    let kubeconfig = client.user_kubeconfig("c 0*~+/1", &request, &keys, now()).await.unwrap();
    assert_eq!(kubeconfig.config.expose(), "apiVersion: v1");
    assert_eq!(kubeconfig.expiration.to_string(), "2026-11-22T18:30:20Z");
    let plain = UserKubeconfigRequest::default();
    client.user_kubeconfig("c1", &plain, &keys, now()).await.unwrap();
    let cluster = client.cluster("c1", &keys, now()).await.unwrap();
    assert_eq!(cluster.api_server(false).as_deref(), Some("https://47.1.2.3:6443"));
    assert_eq!(cluster.api_server(true).as_deref(), Some("https://10.0.0.1:6443"));
    assert_eq!((cluster.name.as_str(), cluster.state.as_str()), ("prod", "running"));
    let activity = client.user_activity("c1", "200000000000000001", &keys, now()).await.unwrap();
    assert_eq!((activity.active, activity.last_activity.as_str()), (true, "2026-11-01T02:03:04Z"));
    client.clean_user_permissions("c1", "200000000000000001", &keys, now()).await.unwrap();

    let received = server.received();
    let lines: Vec<&str> = received.iter().map(|request| request.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "GET /k8s/c%200%2A~%2B%2F1/user_config?PrivateIpAddress=true&TemporaryDurationMinutes=60 HTTP/1.1",
            "GET /k8s/c1/user_config HTTP/1.1",
            "GET /clusters/c1 HTTP/1.1",
            "GET /clusters/c1/users/200000000000000001/activity-state HTTP/1.1",
            "DELETE /cluster/c1/user/200000000000000001/permissions?Force=true HTTP/1.1",
        ]
    );
    for request in &received {
        assert_signed(request, request.header("x-acs-action").unwrap(), "2015-12-15");
    }
}

#[tokio::test]
async fn an_id_that_would_make_another_path_is_not_sent() {
    let server = Server::tls("127.0.0.1", |_| json(200, "{}"));
    for id in ["..", "."] {
        let error = cs_of(&server).cluster(id, &session(), now()).await.unwrap_err();
        assert!(matches!(error, ApiError::Request { .. }), "{id}: {error}");
        let error = cs_of(&server).clean_user_permissions("c1", id, &session(), now()).await.unwrap_err();
        assert!(matches!(error, ApiError::Request { .. }), "{id}: {error}");
    }
    assert!(server.received().is_empty());
}

/// A list of clusters, as many as asked.
fn clusters(page: &Received, count: usize, size: usize, total: Option<usize>) -> Vec<u8> {
    let number: usize = parameter(page, "page_number").unwrap().parse().unwrap();
    let from = (number - 1) * size;
    let some: Vec<_> = (from..count.min(from + size))
        .map(|n| serde_json::json!({"cluster_id": format!("c{n}"), "state": "running", "cluster_type": null}))
        .collect();
    let info = total
        .map(|total| serde_json::json!({"page_number": number, "page_size": size, "total_count": total}));
    json(200, &serde_json::json!({"clusters": some, "page_info": info}).to_string())
}

#[tokio::test]
async fn clusters_are_read_page_by_page_to_the_end_and_no_further() {
    // (there are, a page holds, page_info says, calls)
    for (count, size, total, calls) in [
        (0, 50, Some(0), 1),
        (3, 50, Some(3), 1),
        (101, 50, Some(101), 3),
        (100, 50, None, 3),
        // The service gives fewer a page than it was asked for.
        (25, 10, Some(25), 3),
        // It counts clusters that this caller may not see.
        (3, 50, Some(7), 2),
    ] {
        let server = Server::tls("127.0.0.1", move |request| clusters(request, count, size, total));
        let all = cs_of(&server).clusters(&session(), now()).await.unwrap();
        assert_eq!((all.len(), server.received().len()), (count, calls), "{count} {size} {total:?}");
        assert_eq!(parameter(&server.received()[0], "page_size").as_deref(), Some("50"));
    }
}

#[tokio::test]
async fn a_list_that_repeats_itself_ends() {
    let same = |total: Option<usize>| {
        Server::tls("127.0.0.1", move |_| {
            let info = total.map(|total| serde_json::json!({"total_count": total}));
            let some = serde_json::json!({"clusters": [{"cluster_id": "c1"}, {"cluster_id": "c2"}], "page_info": info});
            json(200, &some.to_string())
        })
    };
    let server = same(None);
    assert_eq!(cs_of(&server).clusters(&session(), now()).await.unwrap().len(), 2);
    assert_eq!(server.received().len(), 2);
    let server = same(Some(3));
    let error = cs_of(&server).clusters(&session(), now()).await.unwrap_err();
    assert!(error.to_string().contains("repeats itself after 2, and says that there are 3"), "{error}");
    // New clusters without end.
    let count = AtomicUsize::new(0);
    let server = Server::tls("127.0.0.1", move |_| {
        let n = count.fetch_add(1, Ordering::Relaxed);
        json(200, &format!(r#"{{"clusters":[{{"cluster_id":"c{n}"}}]}}"#))
    });
    let error = cs_of(&server).clusters(&session(), now()).await.unwrap_err();
    assert!(error.to_string().contains("does not end after 200 pages"), "{error}");
    assert_eq!(server.received().len(), 200);
}

#[tokio::test]
async fn users_and_roles_are_read_with_markers() {
    let server = Server::tls("127.0.0.1", |request| {
        let marker = parameter(request, "Marker").unwrap_or_default();
        json(
            200,
            match (request.header("x-acs-action").unwrap(), marker.as_str()) {
                ("ListUsers", "") => {
                    r#"{"IsTruncated":true,"Marker":"m =1","Users":{"User":[{"UserId":"2001","UserName":"alice","Comments":"x"}]}}"#
                }
                ("ListUsers", "m =1") => {
                    r#"{"IsTruncated":false,"Users":{"User":[{"UserId":"2002","UserName":"bob","DisplayName":"Bob"}]}}"#
                }
                ("ListRoles", "") => r#"{"IsTruncated":false,"Roles":{"Role":[]}}"#,
                other => panic!("{other:?}"),
            },
        )
    });
    let client = ram_of(&server);
    let users = client.list_users(&session(), now()).await.unwrap();
    let names: Vec<_> = users.iter().map(|user| (user.user_id.as_str(), user.user_name.as_str())).collect();
    assert_eq!(names, [("2001", "alice"), ("2002", "bob")]);
    assert_eq!(client.list_roles(&session(), now()).await.unwrap(), []);
    for request in &server.received() {
        assert_signed(request, request.header("x-acs-action").unwrap(), "2015-05-01");
        assert!(request.line.starts_with("POST /?MaxItems=1000"), "{}", request.line);
    }
}

#[tokio::test]
async fn a_list_of_users_that_breaks_off_is_an_error_and_never_a_shorter_list() {
    for (body, said) in [
        (r#"{"IsTruncated":true,"Users":{"User":[{"UserId":"2001","UserName":"a"}]}}"#, "breaks off"),
        (r#"{"IsTruncated":true,"Marker":"m","Users":{"User":[]}}"#, "breaks off"),
        (r#"{"IsTruncated":false}"#, "Users is missing"),
        (r#"{"IsTruncated":false,"Users":{"User":[{"UserName":"canary"}]}}"#, "UserId is missing"),
        (r#"{"IsTruncated":false,"Users":{"User":[{"UserId":7,"UserName":"canary"}]}}"#, "another type"),
        (r#"{"IsTruncated":"canary","Users":{"User":[]}}"#, "another type"),
        (r#"{"IsTruncated":false,"Users":["canary"]}"#, "another type"),
        (r#"{"IsTruncated":false,"Users":{"User":[["2001","canary"]]}}"#, "another type"),
        ("[]", "no JSON object"),
    ] {
        let server = Server::tls("127.0.0.1", move |_| json(200, body));
        let error = ram_of(&server).list_users(&session(), now()).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(said) && text.contains("--ram-endpoint"), "{body}: {text}");
        assert!(!format!("{text} {error:?}").contains("canary"), "{text}");
    }
    let many = AtomicUsize::new(0);
    let server = Server::tls("127.0.0.1", move |_| {
        let n = many.fetch_add(1, Ordering::Relaxed);
        json(200, &format!(r#"{{"IsTruncated":true,"Marker":"m{n}","Users":{{"User":[]}}}}"#))
    });
    let error = ram_of(&server).list_users(&session(), now()).await.unwrap_err();
    assert!(error.to_string().contains("does not end after 200 pages"), "{error}");
    assert_eq!(server.received().len(), 200);
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let forbidden = |detail: &str| {
        format!(r#"{{"code":"StatusForbidden","message":"canary","requestId":"{ID}","status":403{detail}}}"#)
    };
    let detail = |action: &str, kind: &str| {
        format!(
            r#","accessDeniedDetail":{{"AuthAction":"{action}","NoPermissionType":"{kind}","PolicyType":"canary"}}"#
        )
    };
    for (body, said) in [
        (
            forbidden(&detail("cs:DescribeClusterUserKubeconfig", "ImplicitDeny")),
            "policies do not allow cs:DescribeClusterUserKubeconfig (ImplicitDeny: no policy allows it);",
        ),
        (forbidden(&detail("cs:X", "ExplicitDeny")), "do not allow cs:X (ExplicitDeny: a policy denies it)"),
        (forbidden(&detail("canary here", "x")), "RAM policies do not allow this operation"),
        (forbidden(""), "RAM policies do not allow this operation"),
        (
            forbidden(&detail("sts:AssumeRole", "ImplicitDeny").replace("canary", "AssumeRolePolicy")),
            "the role's trust policy does not allow sts:AssumeRole to the caller (ImplicitDeny: no policy allows it); let whoever owns the role",
        ),
    ] {
        let server = Server::tls("127.0.0.1", move |_| json(403, &body));
        let error = cs_of(&server).cluster("c1", &session(), now()).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(
                "Container Service refused DescribeClusterDetail: StatusForbidden (HTTP 403, request 7F75"
            ),
            "{text}"
        );
        assert!(text.contains(said) && !text.contains("canary") && !error.is_passing(), "{text}");
        assert_eq!((error.code(), error.request_id()), (Some("StatusForbidden"), Some(ID)));
        assert_eq!(server.received().len(), 1, "a refusal is asked for once");
    }
    let body = r#"{"Code":"NoPermission","RequestId":"R-1","AccessDeniedDetail":{"AuthAction":"ram:ListUsers","NoPermissionType":"ImplicitDeny"}}"#;
    let server = Server::tls("127.0.0.1", move |_| json(403, body));
    let text = ram_of(&server).list_users(&session(), now()).await.unwrap_err().to_string();
    assert!(
        text.starts_with("RAM refused ListUsers: NoPermission")
            && text.contains("do not allow ram:ListUsers (ImplicitDeny: no policy allows it);"),
        "{text}"
    );
}

#[tokio::test]
async fn a_passing_fault_of_a_call_that_reads_is_tried_once_more_with_a_new_nonce() {
    for fault in [
        json(503, r#"{"code":"ServiceUnavailable"}"#),
        json(400, r#"{"code":"Throttling.User"}"#),
        Vec::new(),
    ] {
        let calls = AtomicUsize::new(0);
        let server = Server::tls("127.0.0.1", move |_| match calls.fetch_add(1, Ordering::Relaxed) {
            0 => fault.clone(),
            _ => json(200, r#"{"cluster_id":"c1"}"#),
        });
        cs_of(&server).cluster("c1", &session(), now()).await.unwrap();
        let received = server.received();
        assert_eq!(received.len(), 2);
        let nonces: Vec<_> = received.iter().map(|r| r.header("x-acs-signature-nonce").unwrap()).collect();
        assert_ne!(nonces[0], nonces[1]);
        for request in &received {
            assert_signed(request, "DescribeClusterDetail", "2015-12-15");
        }
    }
    let server = Server::tls("127.0.0.1", |_| json(500, "{}"));
    assert!(cs_of(&server).cluster("c1", &session(), now()).await.unwrap_err().is_passing());
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_service_that_takes_the_request_and_never_answers_is_given_up() {
    let server = Server::tls("127.0.0.1", |_| {
        std::thread::sleep(Duration::from_secs(120));
        Vec::new()
    });
    let mut options = options(&server);
    options.timeout = Duration::from_millis(500);
    let (trust, proxies) = (Trust::File(server.ca_file()), ProxyRules::default());
    let cs = cs::Client::with_network(&options, &trust, &proxies).unwrap();
    let ram = ram::Client::with_network(&options, &trust, &proxies).unwrap();
    let sts = sts::Client::with_network(&options, &trust, &proxies).unwrap();
    let keys = session();
    let errors = [
        cs.cluster("c1", &keys, now()).await.unwrap_err().to_string(),
        cs.clean_user_permissions("c1", "2001", &keys, now()).await.unwrap_err().to_string(),
        ram.list_users(&keys, now()).await.unwrap_err().to_string(),
        sts.get_caller_identity(&keys, now()).await.unwrap_err().to_string(),
    ];
    for error in errors {
        assert!(error.contains("0.5 s") && error.contains(&server.address.to_string()), "{error}");
    }
}

#[tokio::test]
async fn where_there_is_no_connection_the_line_says_what_to_look_at() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let ask = async |endpoint: &str, trust: &Trust, proxies: &ProxyRules| {
        let options = ServiceOptions::new(endpoint.parse().unwrap(), "test/1");
        let client = cs::Client::with_network(&options, trust, proxies).unwrap();
        client.cluster("c1", &session(), now()).await.unwrap_err().to_string()
    };
    let system = Trust::from_environment(&|_| None);
    let error = ask(&free, &system, &ProxyRules::default()).await;
    assert!(error.contains(&free) && error.contains("whether a proxy (HTTPS_PROXY) is needed"), "{error}");
    let proxies = |name: &str| (name == "HTTPS_PROXY").then(|| format!("http://user:canary@{free}"));
    let proxies = ProxyRules::from_environment(&proxies).unwrap();
    let error = ask("cs.invalid", &system, &proxies).await;
    assert!(error.contains(&format!("through the proxy {free}")), "{error}");
    assert!(
        error.contains("check that proxy (HTTPS_PROXY, NO_PROXY)") && !error.contains("canary"),
        "{error}"
    );

    let of_years = |from, to| {
        let mut parameters = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(to, 1, 1);
        Server::tls_with(parameters, |_| json(200, "{}"))
    };
    for (server, said) in [
        (of_years(2000, 2001), "its certificate ended at 2001-01-01T00:00:00Z"),
        (of_years(2200, 2201), "its certificate is not valid before 2200-01-01T00:00:00Z"),
    ] {
        let address = server.address.to_string();
        let error = ask(&address, &Trust::File(server.ca_file()), &ProxyRules::default()).await;
        assert!(error.contains(said) && error.contains("set the clock"), "{error}");
    }
}

#[tokio::test]
async fn a_call_that_changes_something_is_sent_once_whatever_comes_of_it() {
    for fault in
        [json(503, r#"{"code":"ServiceUnavailable"}"#), json(400, r#"{"code":"Throttling"}"#), Vec::new()]
    {
        let server = Server::tls("127.0.0.1", move |_| fault.clone());
        let error = cs_of(&server).clean_user_permissions("c1", "2001", &session(), now()).await.unwrap_err();
        assert!(error.is_passing() && error.may_have_arrived(), "{error}");
        assert_eq!(server.received().len(), 1);
    }
    for (answer, good) in [
        (json(200, "{}"), true),
        (http(204, "text/html", ""), true),
        (http(200, "text/html", "<html>"), true),
        (json(201, "{}"), false),
        (json(302, "{}"), false),
        (json(404, r#"{"code":"ErrorClusterNotFound"}"#), false),
    ] {
        let server = Server::tls("127.0.0.1", move |_| answer.clone());
        let answer = cs_of(&server).clean_user_permissions("c1", "2001", &session(), now()).await;
        assert_eq!(answer.is_ok(), good, "{answer:?}");
    }
}

#[tokio::test]
async fn answers_are_bounded_and_never_quoted() {
    let large = format!(r#"{{"config":"{}","expiration":"2026-11-22T18:30:20Z"}}"#, "x".repeat(200_000));
    let server = Server::tls("127.0.0.1", move |_| json(200, &large));
    let request = UserKubeconfigRequest::default();
    assert!(cs_of(&server).user_kubeconfig("c1", &request, &session(), now()).await.is_ok());
    let huge = format!(r#"{{"config":"{}","expiration":"2026-11-22T18:30:20Z"}}"#, "x".repeat(2 << 20));
    for (body, said) in [
        (huge.as_str(), "larger than 1048576 bytes"),
        (r#"{"config":"canary"}"#, "expiration is missing"),
        (r#"{"config":"canary","expiration":"canary"}"#, "another type"),
        (r#"{"config":"canary","config":"b","expiration":"2026-11-22T18:30:20Z"}"#, "each key stands once"),
    ] {
        let body = body.to_owned();
        let server = Server::tls("127.0.0.1", move |_| json(200, &body));
        let error = cs_of(&server).user_kubeconfig("c1", &request, &session(), now()).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(said) && !text.contains("canary"), "{text}");
        assert!(error.to_string().contains("does not look like Container Service"), "{text}");
    }
    let huge = format!(r#"{{"cluster_id":"c1","name":"{}"}}"#, "x".repeat(2 << 20));
    let server = Server::tls("127.0.0.1", move |_| json(200, &huge));
    let error = cs_of(&server).cluster("c1", &session(), now()).await.unwrap_err().to_string();
    assert!(error.contains("larger than 1048576 bytes"), "{error}");
}

const DIRECTORY: &str = r#"
accounts:
  - id: "1234567890123456"
    users:
      - {name: alice, id: "222222222222222222", accessKeys: [{id: LTAIalice, secret: canary-secret}]}
"#;

#[tokio::test]
async fn the_emulator_which_checks_signatures_answers_all_three_services() {
    let config = DIRECTORY.replace("    users:", ROLE_AND_USERS);
    let emulator = Emulator::builder(Config::from_yaml(&config, "test").unwrap()).start().await.unwrap();
    for id in ["c1", "c2"] {
        emulator.add_cluster(emulator::Cluster::new("1234567890123456", id)).unwrap();
    }
    let options = ServiceOptions::new(emulator.address().to_string().parse().unwrap(), "test/1");
    let (trust, proxies) = (Trust::File(emulator.ca_file().to_owned()), ProxyRules::default());
    let sts = sts::Client::with_network(&options, &trust, &proxies).unwrap();
    let cs = cs::Client::with_network(&options, &trust, &proxies).unwrap();
    let ram = ram::Client::with_network(&options, &trust, &proxies).unwrap();
    let alice = Credentials { access_key_id: "LTAIalice".to_owned(), security_token: None, ..session() };
    let now = Timestamp::now();
    let role = sts::AssumeRole::new("acs:ram::1234567890123456:role/dev", "alice".parse().unwrap());
    let temporary = sts.assume_role(&alice, &role, now).await.unwrap();
    for keys in [&alice, &temporary] {
        assert_eq!(cs.clusters(keys, now).await.unwrap().len(), 2);
        assert_eq!(cs.cluster("c2", keys, now).await.unwrap().cluster_id, "c2");
        assert_eq!(cs.user_activity("c1", "2001", keys, now).await.unwrap().last_activity, "");
        cs.clean_user_permissions("c1", "2001", keys, now).await.unwrap();
        assert_eq!(ram.list_users(keys, now).await.unwrap()[0].user_name, "alice");
        assert_eq!(ram.list_roles(keys, now).await.unwrap()[0].role_id, "333333333333333333");
    }
    let wrong = Credentials { access_key_secret: Secret::new("wrong"), ..alice };
    let error = cs.clusters(&wrong, now).await.unwrap_err();
    assert!(error.to_string().contains("SignatureDoesNotMatch (HTTP 400"), "{error}");
    assert!(error.to_string().contains("secret does not belong to the access key id"), "{error}");
    let error = cs.cluster("c9", &temporary, now).await.unwrap_err();
    assert_eq!((error.code(), error.status()), (Some("ErrorClusterNotFound"), Some(404)));
}

const ROLE_AND_USERS: &str = r#"    roles:
      - name: dev
        id: "333333333333333333"
        trustPolicy:
          Version: "1"
          Statement: {Effect: Allow, Action: "sts:AssumeRole", Principal: {RAM: ["acs:ram::1234567890123456:root"]}}
    users:"#;

#[tokio::test]
async fn a_request_that_was_signed_for_one_endpoint_is_worth_nothing_at_another() {
    let hostile = Server::tls("localhost", |_| json(503, r#"{"Code":"ServiceUnavailable"}"#));
    let endpoint = format!("localhost:{}", hostile.address.port());
    let options = ServiceOptions::new(endpoint.parse().unwrap(), "test/1");
    let client =
        sts::Client::with_network(&options, &Trust::File(hostile.ca_file()), &ProxyRules::default()).unwrap();
    let alice = Credentials { access_key_id: "LTAIalice".to_owned(), security_token: None, ..session() };
    client.get_caller_identity(&alice, Timestamp::now()).await.unwrap_err();
    let stolen = hostile.received().remove(0);

    let emulator = Emulator::builder(Config::from_yaml(DIRECTORY, "test").unwrap()).start().await.unwrap();
    let ca = std::fs::read(emulator.ca_file()).unwrap();
    let http = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
        .no_proxy()
        .build()
        .unwrap();
    let send = async |request: &Received| {
        let target = request.line.split(' ').nth(1).unwrap();
        let mut sending = http.post(format!("https://{}{target}", emulator.address()));
        for (name, value) in request.headers.iter().filter(|(name, _)| name != "host") {
            sending = sending.header(name, value);
        }
        let answer = sending.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, body) = send(&stolen).await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("SignatureDoesNotMatch"), "{body}");

    // The same way of sending on works for a request that was signed for the emulator: only the host makes the difference.
    let options = ServiceOptions::new(emulator.address().to_string().parse().unwrap(), "test/1");
    let honest = sts::Client::with_network(
        &options,
        &Trust::File(emulator.ca_file().to_owned()),
        &ProxyRules::default(),
    )
    .unwrap();
    honest.get_caller_identity(&alice, Timestamp::now()).await.unwrap();
    let recorded = emulator.requests().pop().unwrap();
    let line = format!("POST {} HTTP/1.1", recorded.raw.target);
    let own = Received { line, headers: recorded.raw.headers.clone(), body: String::new() };
    let (status, body) = send(&own).await;
    assert_eq!(status, 200, "{body}");
}
