//! Container Service: signatures, routes, clusters and kubeconfigs.

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

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{DEV, Keys, NOON, alice, answer, bob, client, config, keys, keys_of, root, rpc_get};
use emulator::{Cluster, ClusterError, Config, Emulator, Fault, Style};
use jiff::{SignedDuration, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use roa::{Ask, EXAMPLE_CLUSTER};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

const ACCOUNT: &str = "1234567890123456";
const CLUSTER: &str = "c0123456789abcdef0123456789abcdef";

/// A CA's certificate and key, in PEM.
fn authority(name: &str) -> (String, String) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    (certificate, key.serialize_pem())
}

fn cluster(client_authority: &(String, String)) -> Cluster {
    Cluster::new(ACCOUNT, CLUSTER)
        .name("production")
        .public_server("https://192.0.2.1:6443")
        .private_server("https://10.0.0.1:6443")
        .certificate_authority(&authority("servers").0)
        .client_authority(&client_authority.0, &client_authority.1)
}

async fn start_with_cluster() -> (Emulator, (String, String)) {
    let emulator = common::start().await;
    let clients = authority("clients");
    emulator.add_cluster(cluster(&clients)).unwrap();
    (emulator, clients)
}

fn detail() -> Ask {
    Ask::new("GET", &format!("/clusters/{CLUSTER}"), "DescribeClusterDetail")
}

fn kubeconfig(query: &str) -> Ask {
    Ask::new("GET", &format!("/k8s/{CLUSTER}/user_config{query}"), "DescribeClusterUserKubeconfig")
}

/// Keys for a session of the role `dev`.
async fn session(emulator: &Emulator) -> Keys {
    let params = [("Action", "AssumeRole"), ("RoleArn", DEV), ("RoleSessionName", "alice@example.com")];
    keys_of(&answer(rpc_get(&client(emulator), emulator, &alice(), &params)).await.1)
}

#[tokio::test]
async fn both_styles_are_understood_from_user_account_and_role() {
    let (emulator, _) = start_with_cluster().await;
    let client = client(&emulator);
    let host = emulator.address().to_string();
    for keys in [alice(), root(), session(&emulator).await] {
        for ask in [detail().roa(&keys), detail().acs3(&keys, &host)] {
            let (status, body) = ask.send(&client, &emulator).await;
            assert_eq!((status, &body["name"]), (200, &json!("production")), "{body}");
        }
    }
    let styles: Vec<Style> =
        emulator.requests().iter().filter(|r| r.action == "DescribeClusterDetail").map(|r| r.style).collect();
    assert_eq!(styles, [Style::Roa, Style::Acs3].repeat(3));
    assert!(emulator.requests().iter().all(|request| !request.access_key_id.is_empty()));
}

#[tokio::test]
async fn a_cluster_is_described_as_the_documentation_says() {
    let (emulator, _) = start_with_cluster().await;
    let (status, body) = detail().roa(&alice()).send(&client(&emulator), &emulator).await;
    assert_eq!(status, 200);
    for (name, value) in [
        ("cluster_id", json!(CLUSTER)),
        ("cluster_type", json!("ManagedKubernetes")),
        ("cluster_spec", json!("ack.pro.small")),
        ("profile", json!("Default")),
        ("region_id", json!("cn-hangzhou")),
        ("state", json!("running")),
        ("current_version", json!("1.33.3-aliyun.1")),
        ("rrsa_config", json!({"enabled": false})),
    ] {
        assert_eq!(body[name], value, "{name}");
    }
    assert!(body.get("RequestId").is_none(), "{body}");
    let text = |name: &str| serde_json::from_str::<Value>(body[name].as_str().unwrap()).unwrap();
    assert_eq!(
        text("master_url"),
        json!({"api_server_endpoint": "https://192.0.2.1:6443",
               "intranet_api_server_endpoint": "https://10.0.0.1:6443"})
    );
    assert_eq!(text("meta_data"), json!({"RRSAConfig": {"enabled": false}}));
    let created = body["created"].as_str().unwrap();
    assert!(created.ends_with("+08:00") && created.parse::<Timestamp>().is_ok(), "{created}");
}

/// What a kubeconfig holds, and the chain and key in it.
struct Read {
    yaml: Value,
    certificate: CertificateDer<'static>,
    key_pem: String,
    expiration: Timestamp,
}

async fn read_kubeconfig(emulator: &Emulator, keys: &Keys, query: &str) -> Read {
    let (status, body) = kubeconfig(query).roa(keys).send(&client(emulator), emulator).await;
    assert_eq!(status, 200, "{body}");
    let yaml: Value = serde_saphyr::from_str(body["config"].as_str().unwrap()).unwrap();
    let user = &yaml["users"][0]["user"];
    let pem = |name: &str| String::from_utf8(STANDARD.decode(user[name].as_str().unwrap()).unwrap()).unwrap();
    Read {
        certificate: CertificateDer::from_pem_slice(pem("client-certificate-data").as_bytes()).unwrap(),
        key_pem: pem("client-key-data"),
        expiration: body["expiration"].as_str().unwrap().parse().unwrap(),
        yaml,
    }
}

#[tokio::test]
async fn a_kubeconfig_holds_a_certificate_of_the_caller_that_the_cluster_accepts() {
    let (emulator, clients) = start_with_cluster().await;
    let session = session(&emulator).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(clients.0.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    for (keys, id, user) in [
        (alice(), "222222222222222222", "222222222222222222"),
        (session, "333333333333333333", "333333333333333333"),
        (root(), ACCOUNT, "kubernetes-admin"),
    ] {
        let before = common::now();
        let read = read_kubeconfig(&emulator, &keys, "?TemporaryDurationMinutes=30").await;
        let (_, certificate) = X509Certificate::from_der(&read.certificate).unwrap();
        assert_eq!(certificate.subject().to_string(), format!("O=system:users, CN={id}"));
        let end = certificate.validity().not_after.timestamp();
        assert_eq!(end, read.expiration.as_second());
        assert!((before.as_second() + 1799..before.as_second() + 1860).contains(&end));
        let at = |second: i64| UnixTime::since_unix_epoch(Duration::from_secs(second.try_into().unwrap()));
        let verify = |second| verifier.verify_client_cert(&read.certificate, &[], at(second));
        assert!(verify(before.as_second()).is_ok(), "{:?}", verify(before.as_second()));
        assert!(verify(end - 1).is_ok() && verify(end + 1).is_err());
        // The key is that of the certificate.
        let key = PrivateKeyDer::from_pem_slice(read.key_pem.as_bytes()).unwrap();
        let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
        assert_eq!(signing.public_key().unwrap().as_ref(), certificate.public_key().raw);

        let context = format!("{user}-{CLUSTER}");
        assert_eq!(read.yaml["clusters"][0]["name"], "kubernetes");
        assert_eq!(read.yaml["clusters"][0]["cluster"]["server"], "https://192.0.2.1:6443");
        assert_eq!(read.yaml["contexts"][0]["context"], json!({"cluster": "kubernetes", "user": user}));
        assert_eq!(read.yaml["current-context"], context.as_str());
        assert_eq!(read.yaml["contexts"][0]["name"], context.as_str());
        assert_eq!(read.yaml["users"][0]["name"], user);
    }
    let twice = [
        read_kubeconfig(&emulator, &alice(), "").await.certificate,
        read_kubeconfig(&emulator, &alice(), "").await.certificate,
    ];
    assert_ne!(twice[0], twice[1], "each has a key of its own");
}

#[tokio::test]
async fn the_address_and_the_duration_are_as_asked() {
    let noon = Timestamp::from_second(NOON).unwrap();
    let emulator = Emulator::builder(config()).clock(move || noon).start().await.unwrap();
    emulator.add_cluster(cluster(&authority("clients"))).unwrap();
    let client = client(&emulator);
    let ask = async |query: &str| {
        let ask = kubeconfig(query).prepare_roa(&alice(), noon).sign_roa(&alice());
        ask.send(&client, &emulator).await
    };
    for (query, server, expiration) in [
        ("", "https://192.0.2.1:6443", noon + SignedDuration::from_hours(3 * 365 * 24)),
        ("?PrivateIpAddress=false", "https://192.0.2.1:6443", noon + SignedDuration::from_hours(26_280)),
        (
            "?PrivateIpAddress=true&TemporaryDurationMinutes=15",
            "https://10.0.0.1:6443",
            noon + SignedDuration::from_mins(15),
        ),
        (
            "?PrivateIpAddress=True&TemporaryDurationMinutes=4320",
            "https://10.0.0.1:6443",
            noon + SignedDuration::from_hours(72),
        ),
    ] {
        let (status, body) = ask(query).await;
        let config = body["config"].as_str().unwrap_or_default();
        assert!(status == 200 && config.contains(server), "{query} {body}");
        assert_eq!(body["expiration"], signature::format_timestamp(expiration), "{query}");
    }
    for minutes in ["14", "4321", "-1", "1h", "15.0", "99999999999999999999"] {
        let (status, body) = ask(&format!("?TemporaryDurationMinutes={minutes}")).await;
        assert_eq!((status, &body["code"]), (400, &json!("InvalidParameter.TemporaryDurationMinutes")));
    }
    let (status, body) = ask("?PrivateIpAddress=yes").await;
    assert_eq!((status, &body["code"]), (400, &json!("InvalidParameter.PrivateIpAddress")));
}

#[tokio::test]
async fn a_cluster_without_what_a_kubeconfig_needs_says_what_it_lacks() {
    let emulator = common::start().await;
    let client = client(&emulator);
    let clients = authority("clients");
    let bare = || Cluster::new(ACCOUNT, CLUSTER);
    let full = || cluster(&clients);
    let mut no_address = full();
    no_address = no_address.private_server("https://10.0.0.1");
    for (cluster, query, lacking) in [
        (bare(), "", "public address"),
        (bare().public_server("https://192.0.2.1"), "?PrivateIpAddress=true", "private address"),
        (bare().public_server("https://192.0.2.1"), "", "certificateAuthority"),
        (
            bare().public_server("https://192.0.2.1").certificate_authority(&clients.0),
            "",
            "clientCertificateAuthority",
        ),
    ] {
        emulator.add_cluster(cluster).unwrap();
        let (status, body) = kubeconfig(query).roa(&alice()).send(&client, &emulator).await;
        assert_eq!((status, &body["code"]), (400, &json!("ErrorClusterNotConfigured")), "{body}");
        assert!(body["message"].as_str().unwrap().contains(lacking), "{body}");
        assert!(emulator.remove_cluster(CLUSTER));
    }
    emulator.add_cluster(no_address).unwrap();
    assert!(matches!(emulator.add_cluster(full()), Err(ClusterError::Taken(id)) if id == CLUSTER));
    assert!(emulator.remove_cluster(CLUSTER) && !emulator.remove_cluster(CLUSTER));
}

#[tokio::test]
async fn clusters_of_other_accounts_are_not_there() {
    let other = r#"accounts:
  - id: "6543210987654321"
    users: [{name: eve, id: "244444444444444444", accessKeys: [{id: LTAIeve, secret: eve-secret}]}]
"#;
    let text = common::CONFIG.replacen("accounts:\n", other, 1);
    let config = Config::from_yaml(&text, "two accounts").unwrap();
    let emulator = Emulator::builder(config).start().await.unwrap();
    emulator.add_cluster(cluster(&authority("clients"))).unwrap();
    let client = client(&emulator);
    let eve = keys("LTAIeve", "eve-secret");
    let user = "222222222222222222";
    for ask in [
        detail(),
        kubeconfig(""),
        Ask::new("GET", &format!("/clusters/{CLUSTER}/logs"), "DescribeClusterLogs"),
        Ask::new("GET", &format!("/clusters/{CLUSTER}/components/version"), "DescribeClusterAddonsVersion"),
        Ask::new("PUT", &format!("/api/v2/clusters/{CLUSTER}"), "ModifyCluster")
            .body(&json!({"enable_rrsa": true})),
        Ask::new("POST", &format!("/clusters/{CLUSTER}/components/install"), "InstallClusterAddons")
            .body(&json!([{"name": "coredns"}])),
        Ask::new(
            "DELETE",
            &format!("/cluster/{CLUSTER}/user/{user}/permissions?Force=true"),
            "CleanClusterUserPermissions",
        ),
        Ask::new(
            "GET",
            &format!("/clusters/{CLUSTER}/users/{user}/activity-state"),
            "DescribeUserClusterActivityState",
        ),
    ] {
        let (status, body) = ask.roa(&eve).send(&client, &emulator).await;
        assert_eq!((status, &body["code"]), (404, &json!("ErrorClusterNotFound")), "{body}");
    }
    let list = Ask::new("GET", "/api/v1/clusters", "DescribeClustersV1").roa(&eve);
    assert_eq!(list.send(&client, &emulator).await.1["page_info"]["total_count"], 0);
    let list = Ask::new("GET", "/clusters", "DescribeClusters").roa(&eve);
    assert_eq!(list.send(&client, &emulator).await, (200, json!([])));
    let task = Ask::new("PUT", &format!("/api/v2/clusters/{CLUSTER}"), "ModifyCluster")
        .body(&json!({"enable_rrsa": true}))
        .roa(&alice());
    let (_, begun) = task.send(&client, &emulator).await;
    let task = Ask::new("GET", &format!("/tasks/{}", begun["task_id"].as_str().unwrap()), "DescribeTaskInfo");
    assert_eq!(task.clone().roa(&alice()).send(&client, &emulator).await.0, 200);
    let (status, body) = task.roa(&eve).send(&client, &emulator).await;
    assert_eq!((status, &body["code"]), (404, &json!("ErrorTaskNotFound")), "{body}");
    let unknown = Ask::new("GET", "/clusters/c9", "DescribeClusterDetail").roa(&alice());
    let (status, body) = unknown.send(&client, &emulator).await;
    assert_eq!(status, 404);
    assert_eq!(body["message"], "cluster (c9) not found in our records");
}

#[tokio::test]
async fn lists_come_in_pages_that_end() {
    let emulator = common::start().await;
    assert!(emulator.remove_cluster(EXAMPLE_CLUSTER));
    for number in 0..7 {
        let region = if number < 5 { "cn-hangzhou" } else { "cn-beijing" };
        let kind = if number == 6 { "Ask" } else { "ManagedKubernetes" };
        emulator.add_cluster(Cluster::new(ACCOUNT, &format!("c{number}")).region(region).kind(kind)).unwrap();
    }
    let client = client(&emulator);
    let list = async |target: &str, action: &str| {
        let (status, body) = Ask::new("GET", target, action).roa(&alice()).send(&client, &emulator).await;
        let ids: Vec<String> = body["clusters"]
            .as_array()
            .map(|all| all.iter().map(|c| c["cluster_id"].as_str().unwrap().to_owned()).collect())
            .unwrap_or_default();
        (status, ids.join(" "), body["page_info"].clone())
    };
    let info = |number: u32, size: u32, total: u32| json!({"page_number": number, "page_size": size, "total_count": total});
    for (query, ids, page_info) in [
        ("", "c0 c1 c2 c3 c4 c5 c6", info(1, 50, 7)),
        ("?page_number=1", "c0 c1 c2 c3 c4 c5 c6", info(1, 50, 7)),
        ("?page_number=2", "", info(2, 50, 7)),
        ("?page_number=1&page_size=3", "c0 c1 c2", info(1, 3, 7)),
        ("?page_number=3&page_size=3", "c6", info(3, 3, 7)),
        ("?page_number=4&page_size=3", "", info(4, 3, 7)),
        ("?region_id=cn-beijing", "c5 c6", info(1, 50, 2)),
        ("?cluster_type=Ask", "c6", info(1, 50, 1)),
        ("?cluster_id=c3", "c3", info(1, 50, 1)),
        ("?name=c4&profile=Default&cluster_spec=ack.pro.small", "c4", info(1, 50, 1)),
    ] {
        let found = list(&format!("/api/v1/clusters{query}"), "DescribeClustersV1").await;
        assert_eq!(found, (200, ids.to_owned(), page_info), "{query}");
    }
    // The old list has all of them, and nothing around them.
    for (query, ids) in [
        ("", "c0 c1 c2 c3 c4 c5 c6"),
        ("?clusterType=Ask", "c6"),
        ("?name=c4&clusterType=ManagedKubernetes", "c4"),
        ("?name=c9", ""),
    ] {
        let ask = Ask::new("GET", &format!("/clusters{query}"), "DescribeClusters").roa(&alice());
        let (status, body) = ask.send(&client, &emulator).await;
        let all = body.as_array().unwrap();
        let found: Vec<&str> = all.iter().map(|c| c["cluster_id"].as_str().unwrap()).collect();
        assert_eq!((status, found.join(" ").as_str()), (200, ids), "{query}");
        assert!(all.iter().all(|cluster| cluster["name"] == cluster["cluster_id"]), "{body}");
    }
    let found = list("/regions/cn-beijing/clusters?page_number=1", "DescribeClustersForRegion").await;
    assert_eq!(found, (200, "c5 c6".to_owned(), info(1, 50, 2)));
    for query in ["page_number=0", "page_number=x", "page_size=0", "page_size=101"] {
        let (status, _, _) = list(&format!("/api/v1/clusters?{query}"), "DescribeClustersV1").await;
        assert_eq!(status, 400, "{query}");
    }
}

#[tokio::test]
async fn what_a_roa_signature_covers_cannot_be_changed() {
    let (emulator, _) = start_with_cluster().await;
    let client = client(&emulator);
    let good = || kubeconfig("?PrivateIpAddress=true").body(&json!({})).prepare_roa(&alice(), common::now());
    let code = async |ask: Ask| {
        let (status, body) = ask.send(&client, &emulator).await;
        (status, body["code"].as_str().unwrap_or("OK").to_owned())
    };
    let mismatch = (400, "SignatureDoesNotMatch".to_owned());
    assert_eq!(code(good().sign_roa(&alice())).await, (200, "OK".to_owned()));
    let target = format!("/k8s/{CLUSTER}/user_config");
    let changes: [fn(&mut Ask, &str); 9] = [
        |ask, target| ask.target = format!("{target}?PrivateIpAddress=false"),
        |ask, target| ask.target = format!("{target}?PrivateIpAddress=true&TemporaryDurationMinutes=15"),
        |ask, target| ask.target = target.replace("c0", "c1"),
        |ask, _| ask.set("accept", "*/*"),
        |ask, _| ask.set("content-type", "text/plain"),
        |ask, _| ask.set("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
        |ask, _| ask.set("x-acs-signature-nonce", "another"),
        |ask, _| ask.set("x-acs-added", "header"),
        |ask, _| ask.remove("x-acs-action"),
    ];
    for change in changes {
        let mut ask = good().sign_roa(&alice());
        change(&mut ask, &target);
        assert_eq!(code(ask).await, mismatch);
    }
    let mut ask = good().sign_roa(&alice());
    let earlier = common::now() - SignedDuration::from_secs(100);
    ask.set("date", &signature::roa::format_date(earlier));
    assert_eq!(code(ask).await, mismatch, "the date");
    assert_eq!(code(good().sign_roa(&keys("LTAIalice", "wrong"))).await, mismatch, "the secret");
    assert_eq!(code(good().sign_roa(&keys("LTAIbob", &alice().secret))).await, mismatch, "the key");

    // The server's string to sign is the client's: people compare them.
    let (_, body) = good().sign_roa(&keys("LTAIalice", "wrong")).send(&client, &emulator).await;
    let message = body["message"].as_str().unwrap();
    assert!(message.contains("server string to sign is:GET\napplication/json\n\n"), "{message}");
}

#[tokio::test]
async fn roa_signatures_are_checked_for_form_time_nonce_and_token() {
    let (emulator, _) = start_with_cluster().await;
    let client = client(&emulator);
    let code = async |ask: &Ask| {
        let (status, body) = ask.send(&client, &emulator).await;
        (status, body["code"].as_str().unwrap_or("OK").to_owned())
    };
    let refused = |status: u16, code: &str| (status, code.to_owned());
    let prepared = |keys: &Keys| detail().prepare_roa(keys, common::now());

    for (name, code_without) in [
        ("date", "MissingDate"),
        ("x-acs-signature-nonce", "MissingSignatureNonce"),
        ("x-acs-signature-method", "MissingSignatureMethod"),
        ("x-acs-signature-version", "MissingSignatureVersion"),
        ("x-acs-version", "MissingVersion"),
    ] {
        let mut ask = prepared(&alice());
        ask.remove(name);
        assert_eq!(code(&ask.sign_roa(&alice())).await, refused(400, code_without), "{name}");
    }
    for (name, value, wrong) in [
        ("date", "2026-11-22T15:30:20Z", "InvalidTimeStamp.Format"),
        ("x-acs-signature-method", "HMAC-SHA256", "InvalidSignatureMethod"),
        ("x-acs-signature-version", "2.0", "InvalidParameter.SignatureVersion"),
        ("x-acs-accesskey-id", "LTAIbob", "IncompleteSignature"),
        ("x-acs-version", "2015-12-16", "InvalidVersion"),
        ("x-acs-security-token", "foreign", "InvalidSecurityToken.Malformed"),
    ] {
        let mut ask = prepared(&alice());
        ask.set(name, value);
        assert_eq!(code(&ask.sign_roa(&alice())).await, refused(400, wrong), "{name}");
    }
    for minutes in [-16, 16] {
        let at = common::now() + SignedDuration::from_mins(minutes);
        let ask = detail().prepare_roa(&alice(), at).sign_roa(&alice());
        assert_eq!(code(&ask).await, refused(400, "InvalidTimeStamp.Expired"), "{minutes}");
    }

    let mut twice = prepared(&alice()).sign_roa(&alice());
    let authorization = twice.headers.iter().find(|(name, _)| name == "authorization").unwrap().clone();
    twice.headers.push(authorization);
    assert_eq!(code(&twice).await, refused(400, "IncompleteSignature"));

    let ask = prepared(&alice()).sign_roa(&alice());
    assert_eq!(code(&ask).await, refused(200, "OK"));
    assert_eq!(code(&ask).await, refused(400, "SignatureNonceUsed"));
    let mut same_nonce = prepared(&bob());
    same_nonce.headers.clone_from(&ask.headers);
    same_nonce.remove("authorization");
    assert_eq!(code(&same_nonce.sign_roa(&bob())).await, refused(200, "OK"), "nonces are each key's own");

    let session = session(&emulator).await;
    assert_eq!(code(&prepared(&session).sign_roa(&session)).await, refused(200, "OK"));
    let mut without_token = prepared(&session);
    without_token.remove("x-acs-security-token");
    assert_eq!(code(&without_token.sign_roa(&session)).await, refused(400, "MissingSecurityToken"));
    let stranger = keys("LTAInobody", "secret");
    assert_eq!(
        code(&prepared(&stranger).sign_roa(&stranger)).await,
        refused(404, "InvalidAccessKeyId.NotFound")
    );
    let disabled = keys("LTAIbobold", "old-secret-for-tests");
    assert_eq!(
        code(&prepared(&disabled).sign_roa(&disabled)).await,
        refused(400, "InvalidAccessKeyId.Inactive")
    );

    assert_eq!(code(&detail()).await, refused(400, "MissingAccessKeyId"));
    for authorization in ["acs LTAIalice", "acs LTAIalice:x", "Bearer x"] {
        let mut ask = prepared(&alice());
        ask.set("authorization", authorization);
        assert_eq!(code(&ask).await, refused(400, "IncompleteSignature"), "{authorization}");
    }
    // A path of the RPC kind takes no ROA signature, and names of another operation are contradictions.
    let mut ask = Ask::new("GET", "/?Format=json", "GetCallerIdentity");
    ask.set("x-acs-version", "2015-04-01");
    let response = ask.roa(&alice()).build(&client, &emulator).send().await.unwrap();
    assert!(response.text().await.unwrap().contains("IncompleteSignature"));
    let mut contradiction = detail();
    contradiction.set("x-acs-action", "DescribeClustersV1");
    assert_eq!(code(&contradiction.roa(&alice())).await, refused(404, "InvalidAction.NotFound"));
    let nowhere = Ask::new("GET", "/nowhere", "DescribeClusterDetail").roa(&alice());
    assert_eq!(code(&nowhere).await, refused(404, "InvalidAction.NotFound"));
}

#[tokio::test]
async fn an_acs3_signature_covers_path_query_and_body() {
    let (emulator, _) = start_with_cluster().await;
    let client = client(&emulator);
    let host = emulator.address().to_string();
    let ask = || {
        Ask::new("PUT", &format!("/api/v2/clusters/{CLUSTER}?x=1"), "ModifyCluster")
            .body(&json!({"enable_rrsa": true}))
            .acs3(&alice(), &host)
    };
    let changes: [fn(&mut Ask); 4] = [
        |ask| ask.target = format!("/api/v2/clusters/{CLUSTER}?x=2"),
        |ask| ask.target = "/api/v2/clusters/c9?x=1".to_owned(),
        |ask| ask.body = json!({"enable_rrsa": false}).to_string(),
        |ask| ask.set("content-type", "text/plain"),
    ];
    for change in changes {
        let mut changed = ask();
        change(&mut changed);
        let (status, body) = changed.send(&client, &emulator).await;
        assert_eq!((status, &body["code"]), (400, &json!("SignatureDoesNotMatch")));
    }
    assert_eq!(ask().send(&client, &emulator).await.0, 200);
}

#[tokio::test]
async fn whoever_was_denied_an_operation_is_told_who_and_what() {
    let (emulator, _) = start_with_cluster().await;
    let client = client(&emulator);
    let session = session(&emulator).await;
    emulator.deny_cluster_operation("222222222222222222", "DescribeClusterUserKubeconfig");
    emulator.deny_cluster_operation("333333333333333333", "DescribeClusterDetail");
    for (ask, keys, action, principal) in [
        (kubeconfig(""), alice(), "cs:DescribeClusterUserKubeconfig", ("SubUser", "222222222222222222")),
        (detail(), session, "cs:DescribeClusterDetail", ("AssumedRoleUser", "dev:alice@example.com")),
    ] {
        let (status, body) = ask.roa(&keys).send(&client, &emulator).await;
        assert_eq!((status, &body["code"]), (403, &json!("StatusForbidden")));
        assert!(body["message"].as_str().unwrap().contains(action), "{body}");
        assert_eq!(
            body["accessDeniedDetail"],
            json!({"AuthAction": action, "AuthPrincipalDisplayName": principal.1,
                   "AuthPrincipalOwnerId": ACCOUNT, "AuthPrincipalType": principal.0,
                   "NoPermissionType": "ImplicitDeny", "PolicyType": "ResourceGroupLevelIdentityBasedPolicy"})
        );
    }
    // Others, and other operations, go on.
    assert_eq!(detail().roa(&alice()).send(&client, &emulator).await.0, 200);
    assert_eq!(kubeconfig("").roa(&bob()).send(&client, &emulator).await.0, 200);
    // Whether somebody is denied is told only to those who sign rightly.
    let wrong = keys("LTAIalice", "wrong");
    assert_eq!(kubeconfig("").roa(&wrong).send(&client, &emulator).await.1["code"], "SignatureDoesNotMatch");
}

#[tokio::test]
async fn faults_come_in_container_services_form() {
    let (emulator, _) = start_with_cluster().await;
    let fault = Fault::Error { status: 403, code: "StatusForbidden".into(), message: "no".into() };
    emulator.fail("DescribeClusterUserKubeconfig", fault.times(1));
    // Without the header that names it, the operation is known by its path.
    let mut ask = kubeconfig("");
    ask.remove("x-acs-action");
    let client = client(&emulator);
    let (status, body) = ask.clone().roa(&alice()).send(&client, &emulator).await;
    assert_eq!((status, &body["code"], &body["statusCode"]), (403, &json!("StatusForbidden"), &json!(403)));
    assert!(body.get("Code").is_none(), "{body}");
    assert_eq!(ask.roa(&alice()).send(&client, &emulator).await.0, 200);
    assert!(emulator.requests().iter().all(|request| request.action == "DescribeClusterUserKubeconfig"));
}
