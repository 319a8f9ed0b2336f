//! The requests as the documentation has them, and how often they are sent.

use std::sync::atomic::{AtomicUsize, Ordering};

use openapi::cs::TaskId;
use openapi::ims::NewOidcProvider;
use openapi::{ims, ram};
use serde_json::json as value;
use signature::{Secret, acs3, encoding};

use crate::support::{Received, Server, http, json};
use crate::{CHANGES, Clients, DOCUMENT, ISSUER, OPERATIONS, TRUST, keys, make, new_provider, now};

const ROLE: &str = r#"{"RequestId":"R","Role":{"RoleId":"3","RoleName":"dev","Arn":"acs:ram::1:role/dev","Description":"","AssumeRolePolicyDocument":"{\n}","MaxSessionDuration":3600,"CreateDate":"x"}}"#;
const PROVIDER: &str = r#"{"RequestId":"R","OIDCProvider":{"OIDCProviderName":"ack-rrsa-c1","Arn":"acs:ram::1:oidc-provider/ack-rrsa-c1","IssuerUrl":"https://issuer.example/c1","ClientIds":"a, b","Fingerprints":"","IssuanceLimitTime":12,"GmtCreate":"1"}}"#;

/// A success of each operation.
fn answer(operation: &str) -> &'static str {
    match operation {
        "GetRole" | "CreateRole" | "UpdateRole" => ROLE,
        "GetPolicy" => {
            r#"{"RequestId":"R","Policy":{"PolicyName":"p","PolicyType":"System","DefaultVersion":"v3","Description":"d","AttachmentCount":2},"DefaultPolicyVersion":{"VersionId":"v3","IsDefaultVersion":true,"PolicyDocument":"{ }"}}"#
        }
        "CreatePolicy" => {
            r#"{"RequestId":"R","Policy":{"PolicyName":"p","PolicyType":"Custom","DefaultVersion":"v1"}}"#
        }
        "AttachPolicyToRole" | "DeleteOIDCProvider" => r#"{"RequestId":"R"}"#,
        "ListPoliciesForRole" => {
            r#"{"RequestId":"R","Policies":{"Policy":[{"PolicyName":"p","PolicyType":"Custom","AttachDate":"x"}]}}"#
        }
        "ListOIDCProviders" => {
            r#"{"RequestId":"R","IsTruncated":false,"OIDCProviders":{"OIDCProvider":[{"OIDCProviderName":"x","Arn":"a","IssuerUrl":"https://i"}]}}"#
        }
        name if name.contains("OIDCProvider") => PROVIDER,
        "ModifyCluster" => r#"{"cluster_id":"c1","task_id":"T-1","request_id":"R"}"#,
        "DescribeTaskInfo" => {
            r#"{"task_id":"T-1","cluster_id":"c1","task_type":"cluster_modify","state":"fail","error":{"code":"E","message":"m"},"events":[],"stages":null}"#
        }
        "DescribeClusterLogs" => {
            r#"[{"ID":7,"cluster_id":"c1","cluster_log":"Failed to enable RRSA","created":"2020-11-10T16:02:04+08:00"},{"cluster_log":null}]"#
        }
        "DescribeClusterAddonsVersion" => {
            r#"{"x":{"component_name":"x","version":"","next_version":"0.4.0","can_upgrade":false},"y":{"version":"1","next_version":null}}"#
        }
        "InstallClusterAddons" => r#"{"cluster_id":"c1","task_id":"T-2","request_id":"R"}"#,
        "DescribeClustersForRegion" => {
            r#"{"clusters":[{"cluster_id":"c1","profile":"Edge"}],"page_info":{"total_count":1}}"#
        }
        other => panic!("{other}"),
    }
}

/// The method and path, the parameters, and the body.
fn parts(request: &Received) -> (String, Vec<(String, String)>, String) {
    let mut words = request.line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (format!("{method} {path}"), encoding::parse_query(query).unwrap(), request.body.clone())
}

fn assert_signed(request: &Received, action: &str, version: &str) {
    let (_, query, body) = parts(request);
    let authorization: acs3::Authorization = request.header("authorization").unwrap().parse().unwrap();
    let seen = acs3::Request {
        method: request.line.split(' ').next().unwrap(),
        path: request.line.split([' ', '?']).nth(1).unwrap(),
        query: &query,
        headers: &request.headers,
        content_sha256: &acs3::sha256_hex(body.as_bytes()),
    };
    acs3::verify(&seen, &authorization, &Secret::new("canary-secret")).unwrap();
    for name in ["host", "x-acs-action", "x-acs-version", "x-acs-content-sha256", "x-acs-security-token"] {
        assert!(authorization.signed_headers.iter().any(|signed| signed == name), "{action}: {name}");
    }
    let header = |name| request.header(name).unwrap();
    assert_eq!((header("x-acs-action"), header("x-acs-version")), (action, version));
}

const PROVIDER_NAME: (&str, &str) = ("OIDCProviderName", "ack-rrsa-c1");

#[tokio::test]
async fn every_call_has_its_documented_form_and_is_signed_whole() {
    let (role, policy) = (("RoleName", "dev"), ("PolicyName", "p"));
    let fingerprint = ("Fingerprint", "f");
    let created = [
        PROVIDER_NAME,
        ("IssuerUrl", ISSUER),
        ("ClientIds", "sts.aliyuncs.com,b:d"),
        ("Fingerprints", "902ef2deeb3c5b13ea4c3d5193629309e231ae55"),
        ("IssuanceLimitTime", "24"),
    ];
    let cluster = |rest: &str| format!("/clusters/c%200%2A~%2B%2F1{rest}");
    let enable = value!({"enable_rrsa": true}).to_string();
    let install = value!([{"name": "ack-pod-identity-webhook", "version": ""}]).to_string();
    let get = |path: String| format!("GET {path}");
    let put = format!("PUT /api/v2{}", cluster(""));
    let post = format!("POST {}", cluster("/components/install"));
    for (operation, line, query, body) in [
        ("GetRole", "POST /", vec![role], ""),
        (
            "CreateRole",
            "POST /",
            vec![role, ("AssumeRolePolicyDocument", TRUST), ("Description", "for pods")],
            "",
        ),
        ("UpdateRole", "POST /", vec![role, ("NewAssumeRolePolicyDocument", TRUST)], ""),
        ("GetPolicy", "POST /", vec![policy, ("PolicyType", "System")], ""),
        ("CreatePolicy", "POST /", vec![policy, ("PolicyDocument", DOCUMENT)], ""),
        ("AttachPolicyToRole", "POST /", vec![policy, ("PolicyType", "Custom"), role], ""),
        ("ListPoliciesForRole", "POST /", vec![role], ""),
        ("GetOIDCProvider", "POST /", vec![PROVIDER_NAME], ""),
        ("ListOIDCProviders", "POST /", vec![("MaxItems", "100")], ""),
        ("CreateOIDCProvider", "POST /", created.to_vec(), ""),
        ("AddClientIdToOIDCProvider", "POST /", vec![PROVIDER_NAME, ("ClientId", "b")], ""),
        ("AddFingerprintToOIDCProvider", "POST /", vec![PROVIDER_NAME, fingerprint], ""),
        ("RemoveFingerprintFromOIDCProvider", "POST /", vec![PROVIDER_NAME, fingerprint], ""),
        ("DeleteOIDCProvider", "POST /", vec![PROVIDER_NAME], ""),
        ("ModifyCluster", &put, vec![], &enable),
        ("DescribeTaskInfo", "GET /tasks/T-5a54309c80282e39ea00", vec![], ""),
        ("DescribeClusterLogs", &get(cluster("/logs")), vec![], ""),
        ("DescribeClusterAddonsVersion", &get(cluster("/components/version")), vec![], ""),
        ("InstallClusterAddons", &post, vec![], &install),
        (
            "DescribeClustersForRegion",
            "GET /regions/cn%2Fx/clusters",
            vec![("page_number", "1"), ("page_size", "50")],
            "",
        ),
    ] {
        let server = Server::tls("127.0.0.1", move |_| json(200, answer(operation)));
        make(&Clients::of(&server), operation).await.unwrap_or_else(|error| panic!("{operation}: {error}"));
        let [request] = server.received().try_into().unwrap();
        let version = match operation {
            name if name.contains("OIDC") => "2019-08-15",
            _ if line == "POST /" => "2015-05-01",
            _ => "2015-12-15",
        };
        assert_signed(&request, operation, version);
        let query: Vec<_> = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(parts(&request), (line.to_owned(), query, body.to_owned()), "{operation}");
    }
}

#[tokio::test]
async fn what_is_answered_is_read() {
    let shown = async |operation: &'static str| {
        let server = Server::tls("127.0.0.1", move |_| json(200, answer(operation)));
        make(&Clients::of(&server), operation).await.unwrap()
    };
    for (operation, said) in [
        ("GetRole", r#"trust_policy: "{\n}", max_session_duration: Some(3600)"#),
        (
            "GetPolicy",
            r#"policy_type: System, description: "d", default_version: "v3", policy_document: "{ }""#,
        ),
        ("AttachPolicyToRole", "true"),
        ("ListPoliciesForRole", r#"policy_name: "p", policy_type: Custom"#),
        ("GetOIDCProvider", r#"client_ids: ["a", "b"], fingerprints: [], issuance_limit_time: Some(12)"#),
        ("ListOIDCProviders", r#"client_ids: [], fingerprints: [], issuance_limit_time: None"#),
        ("DeleteOIDCProvider", "true"),
        ("ModifyCluster", r#"TaskId("T-1")"#),
        ("DescribeTaskInfo", r#"state: Failed, error: Some(TaskError { code: "E", message: "m" })"#),
        ("DescribeClusterLogs", r#"id: 7, cluster_log: "Failed to enable RRSA", created: "2020"#),
        ("DescribeClusterAddonsVersion", r#"{"x": AddonVersion { version: "", next_version: "0.4.0" }, "y""#),
        ("InstallClusterAddons", r#"Some(TaskId("T-2"))"#),
        ("DescribeClustersForRegion", r#"profile: "Edge""#),
    ] {
        let text = shown(operation).await;
        assert!(text.contains(said), "{operation}: {text}");
    }
}

#[tokio::test]
async fn an_empty_description_and_what_is_not_given_are_not_sent() {
    let server =
        Server::tls("127.0.0.1", |request| json(200, answer(request.header("x-acs-action").unwrap())));
    let Clients { ram, ims, .. } = Clients::of(&server);
    let keys = keys("LTAI1", None);
    ram.create_role("dev", TRUST, "", &keys, now()).await.unwrap();
    let least = NewOidcProvider { name: "n".to_owned(), issuer_url: ISSUER.to_owned(), ..Default::default() };
    ims.create_oidc_provider(&least, &keys, now()).await.unwrap();
    let described = NewOidcProvider { description: "d".to_owned(), ..least };
    ims.create_oidc_provider(&described, &keys, now()).await.unwrap();
    let names = |request: &Received| parts(request).1.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let received = server.received();
    assert_eq!(names(&received[0]), ["RoleName", "AssumeRolePolicyDocument"]);
    assert_eq!(names(&received[1]), ["OIDCProviderName", "IssuerUrl"]);
    assert_eq!(names(&received[2]), ["OIDCProviderName", "IssuerUrl", "Description"]);
}

#[tokio::test]
async fn what_would_mean_something_else_is_not_sent() {
    let server = Server::tls("127.0.0.1", |_| json(200, "{}"));
    let Clients { cs, ims, .. } = Clients::of(&server);
    let keys = keys("LTAI1", None);
    let mut two = new_provider();
    two.client_ids = vec!["a,b".to_owned()];
    let error = ims.create_oidc_provider(&two, &keys, now()).await.unwrap_err();
    assert!(error.to_string().contains("holds a comma") && !error.may_have_arrived(), "{error}");
    let mut two = new_provider();
    two.fingerprints = vec![",".to_owned()];
    assert!(ims.create_oidc_provider(&two, &keys, now()).await.is_err());
    for id in ["..", ".", ""] {
        assert!(!cs.set_rrsa(id, true, &keys, now()).await.unwrap_err().may_have_arrived(), "{id:?}");
        assert!(cs.install_addon(id, "x", "", &keys, now()).await.is_err(), "{id:?}");
        assert!(cs.clusters_of_region(id, &keys, now()).await.is_err(), "{id:?}");
    }
    assert!(server.received().is_empty());
}

#[test]
fn a_tasks_id_can_stand_in_a_path_and_in_a_message() {
    for good in ["T-5a54309c80282e39ea00", "1", "a.b_c", &"x".repeat(128)] {
        assert_eq!(TaskId::new(good).unwrap().to_string(), good);
    }
    for bad in ["", ".", "..", "T 1", "T/1", "T\u{1b}[2J", "ä", &"x".repeat(129)] {
        assert_eq!(TaskId::new(bad), None, "{bad:?}");
    }
}

#[tokio::test]
async fn what_reads_is_tried_twice_and_what_changes_something_once() {
    let mut cases = tokio::task::JoinSet::new();
    for fault in [
        json(503, r#"{"Code":"ServiceUnavailable","code":"ServiceUnavailable"}"#),
        json(400, r#"{"Code":"Throttling.User","code":"Throttling.User"}"#),
        // The connection breaks.
        Vec::new(),
    ] {
        for operation in OPERATIONS {
            cases.spawn(fails_once(operation, fault.clone()));
        }
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

/// A call that first meets `fault`, and after it a success.
async fn fails_once(operation: &'static str, fault: Vec<u8>) {
    let calls = AtomicUsize::new(0);
    let server = Server::tls("127.0.0.1", move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => fault.clone(),
        _ => json(200, answer(operation)),
    });
    let outcome = make(&Clients::of(&server), operation).await;
    let expected = if CHANGES.contains(&operation) { (true, 1) } else { (false, 2) };
    assert_eq!((outcome.is_err(), server.received().len()), expected, "{operation}");
    if let Err(error) = outcome {
        assert!(error.is_passing() && error.may_have_arrived(), "{operation}: {error}");
    }
}

#[tokio::test]
async fn what_begins_a_task_may_be_accepted_and_an_installation_may_be_answered_with_nothing() {
    let outcome = async |operation: &'static str, bytes: Vec<u8>| {
        let server = Server::tls("127.0.0.1", move |_| bytes.clone());
        make(&Clients::of(&server), operation).await
    };
    assert_eq!(
        outcome("ModifyCluster", json(202, answer("ModifyCluster"))).await.unwrap(),
        "TaskId(\"T-1\")"
    );
    for (bytes, task) in [
        (json(202, answer("InstallClusterAddons")), "Some(TaskId(\"T-2\"))"),
        (http(204, "text/plain", ""), "None"),
        (http(202, "text/plain", ""), "None"),
        (json(200, ""), "None"),
        (json(200, "{}"), "None"),
        (json(200, r#"{"task_id":null}"#), "None"),
        (json(200, r#"{"task_id":""}"#), "None"),
    ] {
        assert_eq!(outcome("InstallClusterAddons", bytes).await.unwrap(), task);
    }
    // What reads nothing of the kind begins nothing.
    let roles = json(202, ROLE);
    assert!(outcome("GetRole", roles).await.is_err());
    for bytes in [json(202, "{}"), http(204, "text/plain", ""), json(201, answer("ModifyCluster"))] {
        assert!(outcome("ModifyCluster", bytes).await.is_err());
    }
    for bytes in
        [http(200, "text/html", "<html>"), json(201, "{}"), json(302, ""), json(404, r#"{"code":"X"}"#)]
    {
        assert!(outcome("InstallClusterAddons", bytes).await.is_err());
    }
}

#[test]
fn ims_has_one_endpoint_for_all_regions() {
    for region in [None, Some(""), Some("cn-hongkong")] {
        assert_eq!(ims::SERVICE.in_region(region).unwrap().to_string(), "ims.aliyuncs.com");
    }
    assert_eq!((ims::SERVICE.version, ims::SERVICE.endpoint_flag), ("2019-08-15", "--ims-endpoint"));
    assert_eq!(ram::SERVICE.endpoint_flag, "--ram-endpoint");
}
