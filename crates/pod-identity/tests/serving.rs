//! A running server seen from outside: reviews over TLS, garbage, signals, upgrades.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::time::{Duration, Instant};

use common::{FakeApi, NEEDED, Program, Rig, review, start_server};
use http::StatusCode;
use rustix::process::Signal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reviews_are_answered_from_what_is_known_and_counted() {
    let mut rig = Rig::start(&["--region", "cn-hangzhou"]).await;
    rig.ready().await;
    assert!(rig.review("seller").await["patch"].is_string());
    assert!(rig.review("broken").await["warnings"].is_array());
    assert_eq!(rig.api.reads(), 0, "both are in the copy");
    let (status, page) = rig.get("/metrics").await;
    assert_eq!(status, StatusCode::OK);
    for line in [
        "reviews_total{reason=\"patched\",result=\"injected\"} 1",
        "reviews_total{reason=\"invalid_role\",result=\"not_injected\"} 1",
        "review_seconds_count{result=\"injected\"} 1",
        "synced{object=\"namespace\"} 1",
        "synced{object=\"service_account\"} 1",
        "build_info{version=",
        "connections_open 1",
        "lookups_total{object=\"service_account\",result=\"found\",source=\"cache\"} 2",
    ] {
        assert!(page.contains(&format!("ack_pod_identity_webhook_{line}")), "{line}\n{page}");
    }
    let log = rig.program.stderr();
    let line = log.lines().find(|line| line.contains("result=\"injected\"")).unwrap();
    for part in [
        "reason=\"patched\"",
        "namespace=\"shop\"",
        "pod=\"web-*\"",
        "serviceAccount=\"seller\"",
        "role=\"acs:ram::1234567890123456:role/shop-seller\"",
        "containers=\"web\"",
        "user=\"anna\"",
        "dryRun=false",
        "uid=\"705ab4f5-6393-11e8-b7cc-42010a800002\"",
        "duration_ms=",
    ] {
        assert!(line.contains(part), "{part}\n{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_copy_is_there_pods_are_answered_by_reads() {
    let folder = tempfile::tempdir().unwrap();
    let api = FakeApi::start(folder.path());
    api.refuse_lists(true);
    let mut rig = Rig::start_with(folder, api, &[]).await;
    assert!(rig.review("seller").await["patch"].is_string());
    assert_eq!(rig.api.reads(), 2);
    let (status, text) = rig.health("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("the namespaces of the cluster are not known yet"), "{text}");
    assert_eq!(rig.health("/livez").await.0, StatusCode::OK);
    rig.api.refuse_lists(false);
    rig.ready().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_gets_an_error_and_the_server_goes_on() {
    let rig = Rig::start(&[]).await;
    let deep = "[".repeat(1_000_000);
    let in_the_pod =
        review("seller").replace("\"web-\"", &format!("{}{}", "[".repeat(9999), "]".repeat(9999)));
    let beta = review("seller").replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1");
    for body in ["", "{", "nonsense", "[]", "null", "{}", &deep, &in_the_pod, &beta] {
        let (status, text) = rig.post(body.to_owned()).await;
        assert_eq!((status, text.lines().count()), (StatusCode::BAD_REQUEST, 1), "{text}");
    }
    let (status, _) = rig.post(vec![0xff; 10_000]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    // The whole body need not have been sent before the answer comes.
    match rig.request(vec![b' '; 5 * 1024 * 1024]).send().await {
        Ok(answer) => assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE),
        Err(error) => assert!(error.is_request() || error.is_body(), "{error}"),
    }
    let plain = rig.client.post(format!("{}/mutate", rig.base)).body("{}").send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(rig.get("/mutate").await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(rig.get("/").await.0, StatusCode::NOT_FOUND);
    assert!(rig.review("seller").await["patch"].is_string());
}

/// Looked at together, these would take some gigabytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_reviews_at_once_do_not_fill_the_memory() {
    let rig = Rig::start(&[]).await;
    let objects = format!("[{}{{}}]", "{},".repeat(1_000_000));
    let body = review("seller").replace("[{\"image\":\"web\",\"name\":\"web\"}]", &objects);
    assert!(body.len() > 3_000_000);
    let asked = (0..16).map(|_| rig.post(body.clone()));
    let answers = futures::future::join_all(asked).await;
    assert!(answers.iter().any(|(_, text)| text.contains("1000001 containers")), "{answers:?}");
    for (status, text) in answers {
        // A busy machine may take longer for a body than it is waited for.
        let expected =
            [StatusCode::BAD_REQUEST, StatusCode::SERVICE_UNAVAILABLE, StatusCode::REQUEST_TIMEOUT];
        assert!(expected.contains(&status), "{status} {text}");
    }
    let peak = rig.program.peak_memory_kib();
    assert!(peak < 400 * 1024, "{peak} KiB");
    assert!(rig.review("seller").await["patch"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_reviews_in_flight_are_all_answered() {
    let rig = Rig::start(&[]).await;
    rig.api.slow_down(Duration::from_millis(300));
    let answers = futures::future::join_all((0..200).map(|_| rig.review("seller"))).await;
    assert!(answers.iter().all(|answer| answer["patch"].is_string()), "{:?}", answers.first());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_signal_a_review_under_way_is_answered_and_the_exit_status_is_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempfile::tempdir().unwrap();
        let api = FakeApi::start(folder.path());
        api.refuse_lists(true);
        api.slow_down(Duration::from_millis(500));
        let mut rig = Rig::start_with(folder, api, &[]).await;
        let (answer, ()) = tokio::join!(rig.review("seller"), async {
            while rig.api.reads() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            rig.program.signal(signal);
        });
        assert!(answer["patch"].is_string(), "{answer}");
        let status = rig.program.wait();
        assert_eq!(status.code(), Some(0), "{}", rig.program.stderr());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn during_the_shutdown_delay_reviews_are_answered_and_nobody_is_told_to_come() {
    let mut rig = Rig::start(&["--shutdown-delay", "3s"]).await;
    rig.ready().await;
    let begun = Instant::now();
    rig.program.signal(Signal::TERM);
    while rig.health("/readyz").await.0 == StatusCode::OK {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(rig.health("/readyz").await.1.contains("the server is stopping"));
    // A new connection, not the one that is open.
    let answer = rig
        .fresh_client()
        .post(format!("{}/mutate", rig.base))
        .header("content-type", "application/json")
        .body(review("seller"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(rig.program.wait().code(), Some(0));
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once() {
    let mut rig = Rig::start(&["--shutdown-delay", "1h"]).await;
    rig.program.signal(Signal::TERM);
    rig.program.until(|log| log.contains("stopping").then_some(())).await;
    rig.program.signal(Signal::TERM);
    assert_eq!(rig.program.wait().code(), Some(1));
    assert!(rig.program.stderr().contains("stopped by a second signal"), "{}", rig.program.stderr());
}

/// A client's certificate in a folder of its own, its authority in `client-ca.pem` of the server's folder.
fn show(rig_folder: &std::path::Path, name: &str) -> reqwest::Identity {
    let folder = rig_folder.join(name);
    std::fs::create_dir(&folder).unwrap();
    webhook_server::certs::load_or_make_client(&folder, "test", cluster::Clock::system().now()).unwrap();
    std::fs::copy(folder.join("client-ca.pem"), rig_folder.join("client-ca.pem")).unwrap();
    let pem = ["client.pem", "client-key.pem"].map(|file| std::fs::read(folder.join(file)).unwrap());
    reqwest::Identity::from_pem(&pem.concat()).unwrap()
}

async fn ask(client: &reqwest::Client, rig: &Rig) -> (StatusCode, String) {
    let request = client.post(format!("{}/mutate", rig.base)).header("content-type", "application/json");
    let answer = request.body(review("seller")).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_client_authorities_who_shows_no_certificate_learns_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (api, identity) = (FakeApi::start(folder.path()), show(folder.path(), "first"));
    let mut rig = Rig::start_with(folder, api, &["--client-ca-file", "client-ca.pem"]).await;
    rig.ready().await;
    let api_server = rig.client_that_shows(identity);
    let (status, text) = ask(&api_server, &rig).await;
    assert!(status == StatusCode::OK && text.contains("\"patch\""), "{status} {text}");

    let other = tempfile::tempdir().unwrap();
    let forged = rig.client_that_shows(show(other.path(), "other"));
    let stranger = rig.fresh_client();
    let (status, text) = ask(&stranger, &rig).await;
    assert!(status == StatusCode::FORBIDDEN && text.contains("client certificate"), "{status} {text}");
    let refused = forged.post(format!("{}/mutate", rig.base)).body("{}").send().await;
    assert!(refused.is_err(), "a certificate of nobody's: {refused:?}");
    for path in ["/metrics", "/livez", "/readyz"] {
        let answer = stranger.get(format!("{}{path}", rig.base)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    let (_, page) = rig.get("/metrics").await;
    assert!(page.contains("reviews_total{reason=\"client_certificate\",result=\"error\"} 1"), "{page}");

    // What is no authority changes nothing; another authority counts at once, on connections that are open too.
    let path = rig.folder.path().join("client-ca.pem");
    std::fs::write(&path, "nonsense").unwrap();
    rig.program.until(|log| log.contains("the last good authorities count").then_some(())).await;
    assert_eq!(ask(&api_server, &rig).await.0, StatusCode::OK);
    let identity = show(rig.folder.path(), "second");
    rig.program.until(|log| log.contains("client certificates have changed and count").then_some(())).await;
    let (status, text) = ask(&api_server, &rig).await;
    assert!(status == StatusCode::FORBIDDEN && text.contains("no longer trusted"), "{status} {text}");
    assert_eq!(ask(&rig.client_that_shows(identity), &rig).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_reuse_port_a_new_process_takes_over_once_it_is_ready() {
    let mut rig = Rig::start(&["--reuse-port"]).await;
    rig.ready().await;
    let (_, port) = rig.base.rsplit_once(':').unwrap();
    let address = format!("127.0.0.1:{port}");
    rig.api.refuse_lists(true);
    let mut new = start_server(rig.folder.path(), "new", &address, &["--reuse-port"]);
    new.until(|log| log.contains("another process answers here").then_some(())).await;
    assert!(!new.stderr().contains("answering AdmissionReviews"));
    rig.api.refuse_lists(false);
    new.address("answering AdmissionReviews").await;
    rig.program.signal(Signal::TERM);
    assert_eq!(rig.program.wait().code(), Some(0));
    let answer = rig.fresh_client().get(format!("{}/readyz", rig.base)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    drop(new);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_and_files_that_are_none_end_the_start() {
    let rig = Rig::start(&[]).await;
    let (_, port) = rig.base.rsplit_once(':').unwrap();
    let mut second = start_server(rig.folder.path(), "second", &format!("127.0.0.1:{port}"), &[]);
    assert_eq!(second.wait().code(), Some(1));
    let line = second.stderr().lines().last().unwrap().to_owned();
    assert!(line.starts_with("ack-pod-identity-webhook: cannot listen on 127.0.0.1:"), "{line}");
    let mut asking =
        start_server(rig.folder.path(), "asking", "127.0.0.1:0", &["--client-ca-file", "nowhere.pem"]);
    assert_eq!(asking.wait().code(), Some(1));
    let line = asking.stderr().lines().last().unwrap().to_owned();
    assert!(line.contains("--client-ca-file nowhere.pem: No such file"), "{line}");
    std::fs::write(rig.folder.path().join("tls.crt"), "nonsense").unwrap();
    let mut third = start_server(rig.folder.path(), "third", "127.0.0.1:0", &[]);
    assert_eq!(third.wait().code(), Some(1));
    assert!(third.stderr().contains("tls.crt"), "{}", third.stderr());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_looking_after_stands_out_in_the_log_and_the_requests_name_is_the_pods() {
    let mut rig = Rig::start(&[]).await;
    rig.ready().await;
    rig.review("plain").await;
    rig.review("broken").await;
    rig.review("nobody").await;
    let named =
        review("seller").replace("\"namespace\":\"shop\"", "\"namespace\":\"shop\",\"name\":\"web-7\"");
    assert_eq!(rig.post(named).await.0, StatusCode::OK);
    let log = rig.program.stderr();
    for (reason, level, pod) in [
        ("no_role", " INFO ", "web-*"),
        ("invalid_role", " WARN ", "web-*"),
        ("lookup_failed", " WARN ", "web-*"),
        ("patched", " INFO ", "web-7"),
    ] {
        let line = log.lines().find(|line| line.contains(&format!("reason=\"{reason}\""))).unwrap();
        assert!(line.contains(level) && line.contains(&format!("pod=\"{pod}\"")), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_written_unless_that_is_turned_off() {
    let owner = "\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"web\",\
                 \"uid\":\"u1\",\"controller\":true}],\"generateName\"";
    let owned = review("broken").replace("\"generateName\"", owner);
    let mut rig = Rig::start(&[]).await;
    rig.ready().await;
    let mut off = Rig::start(&["--write-events=false"]).await;
    off.ready().await;
    assert_eq!(off.post(owned.clone()).await.0, StatusCode::OK);
    assert_eq!(rig.post(owned).await.0, StatusCode::OK);
    let api = rig.api.clone();
    rig.program.until(|_| (api.events() == 1).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(off.api.events(), 0);
}

/// With certificates of its own: what is in the way is named, in its own namespace; the Lease is given back at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_own_objects_are_in_its_own_namespace_and_the_lease_is_given_back() {
    for (flags, namespace) in [(&[][..], "webhooks"), (&["--namespace", "elsewhere"][..], "elsewhere")] {
        let folder = tempfile::tempdir().unwrap();
        let api = FakeApi::start(folder.path());
        let mut arguments = vec!["server", "--kubeconfig", "api.kubeconfig", "--listen", "127.0.0.1:0"];
        arguments.extend(NEEDED.iter().chain(flags));
        let mut program = Program::start(folder.path(), "own", &arguments);
        let secret = format!("Secret {namespace}/ack-pod-identity-webhook-certificates does not exist");
        program.until(|log| log.contains(&secret).then_some(())).await;
        program.until(|_| api.holder().filter(|holder| !holder.is_empty())).await;
        assert!(program.stderr().contains(&format!("{namespace}/ack-pod-identity-webhook")));
        program.signal(Signal::TERM);
        assert_eq!(program.wait().code(), Some(0), "{}", program.stderr());
        assert_eq!(api.holder().as_deref(), Some(""), "whoever comes next need not wait");
    }
}
