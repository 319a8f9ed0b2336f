#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use http::Method;
use serde_json::json;

use super::super::fake_api::{FakeApi, configuration};
use super::super::{placeholder, plan::Step};
use super::*;

fn own() -> Own {
    Own {
        namespace: "system".to_owned(),
        secret: "certificates".to_owned(),
        service: "webhook".to_owned(),
        hostnames: vec!["10.0.0.7".to_owned()],
        certificate_lifetime: Duration::from_secs(3600),
        authority_lifetime: Duration::from_secs(36_000),
        authority_overlap: Duration::from_secs(600),
        lease: "lease".to_owned(),
        identity: "me".to_owned(),
    }
}

fn common(api: &FakeApi) -> Common {
    Common {
        client: api.client(),
        webhook_configuration: "webhook".to_owned(),
        clock: Clock::new(|| "2026-11-23T08:00:00Z".parse().unwrap()),
        metrics: CertificateMetrics::register(&prometheus::Registry::new()).unwrap(),
    }
}

fn keeper(api: &FakeApi) -> Keeper {
    let (own, common) = (own(), common(api));
    let wanted = wanted(&own).unwrap();
    let tls = Tls::new(placeholder(&wanted, common.clock.now()).unwrap(), None).unwrap();
    Keeper::new(&own, &common, wanted, tls, Trust::new())
}

/// The steps of so many looks, and what is missing then.
async fn looks(keeper: &mut Keeper, leads: bool, times: usize) -> (Vec<&'static str>, Option<String>) {
    let mut steps = Vec::new();
    for _ in 0..times {
        steps.push(keeper.look(leads).await.name());
    }
    (steps, keeper.trust.missing())
}

async fn settled(api: &FakeApi) -> Keeper {
    let mut keeper = keeper(api);
    assert_eq!(looks(&mut keeper, true, 4).await, (vec!["begin", "trust", "rest", "rest"], None));
    api.state().writes.clear();
    keeper
}

#[tokio::test]
async fn an_installation_is_ready_once_the_ca_bundle_verifies_what_is_served() {
    let api = FakeApi::installed();
    let mut one = keeper(&api);
    assert_eq!(one.trust.missing().as_deref(), Some("certificates were not looked at yet"));
    let (steps, missing) = looks(&mut one, false, 3).await;
    assert_eq!(steps, ["begin", "rest", "rest"]);
    assert_eq!(
        missing.as_deref(),
        Some("entry one of MutatingWebhookConfiguration webhook has no caBundle"),
        "who writes it is the leader"
    );
    let (steps, missing) = looks(&mut one, true, 2).await;
    assert_eq!((steps, missing), (vec!["trust", "rest"], None));
    let mut other = keeper(&api);
    assert_eq!(looks(&mut other, false, 1).await, (vec!["rest"], None), "the same certificate");
    assert!(one.replica.served() == other.replica.served());
    let names = ["webhook.system.svc", "webhook.system", "webhook.system.svc.cluster.local", "10.0.0.7"];
    assert!(names.iter().all(|name| one.replica.served().unwrap().covers(name)));
    let writes = api.state().writes.clone();
    assert_eq!(writes.len(), 2, "{writes:?}");
    assert!(writes[0].starts_with("PUT ") && writes[1].contains("fieldManager=ack-pod-identity-webhook"));
    assert!(!writes[1].contains("force"), "{writes:?}");
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_said_and_tried_again() {
    let api = FakeApi::default();
    let mut keeper = keeper(&api);
    let (_, missing) = looks(&mut keeper, true, 2).await;
    let missing = missing.unwrap();
    assert_eq!(missing, "Secret system/certificates does not exist: apply the manifests");
    api.state().secret = Some(json!({"metadata": {"name": "certificates"}}));
    let (steps, missing) = looks(&mut keeper, true, 2).await;
    assert_eq!(steps, ["rest", "rest"], "whether it is in use is not known for a while");
    assert!(missing.unwrap().contains("about to be filled"));
    api.state().configuration = Some(configuration());
    for (method, said) in [
        (
            Method::GET,
            "cannot read Secret system/certificates: HTTP 403 Reason: refused: give the service account",
        ),
        (
            Method::PUT,
            "is empty, and about to be filled; cannot write Secret system/certificates: HTTP 403 Reason:",
        ),
    ] {
        api.state().refused = Some((method, 403));
        let (_, missing) = looks(&mut keeper, true, 2).await;
        let missing = missing.unwrap();
        assert!(missing.contains(said) && !missing.contains('\n'), "{missing}");
    }
    api.state().refused = Some((Method::PATCH, 500));
    let (steps, missing) = looks(&mut keeper, true, 3).await;
    assert_eq!(steps, ["begin", "trust", "trust"]);
    assert!(
        missing
            .unwrap()
            .contains("has no caBundle; cannot write MutatingWebhookConfiguration webhook: HTTP 500")
    );
    api.state().refused = None;
    assert_eq!(looks(&mut keeper, true, 2).await, (vec!["trust", "rest"], None));
}

#[tokio::test]
async fn a_write_that_somebody_else_was_faster_than_is_planned_anew() {
    let api = FakeApi::installed();
    api.state().races = true;
    let mut keeper = keeper(&api);
    let (steps, missing) = looks(&mut keeper, true, 3).await;
    assert_eq!(steps, ["begin", "begin", "begin"]);
    assert!(missing.is_some() && api.state().secret.as_ref().unwrap().get("data").is_none());
    api.state().races = false;
    assert_eq!(looks(&mut keeper, true, 1).await.0, ["begin"]);
    api.state().races = true;
    let (steps, missing) = looks(&mut keeper, true, 2).await;
    assert_eq!(steps, ["trust", "trust"], "a caBundle, too, is written into the version that was read alone");
    assert!(missing.is_some() && api.bundle().is_empty());
    api.state().races = false;
    assert_eq!(looks(&mut keeper, true, 2).await, (vec!["trust", "rest"], None));
}

#[tokio::test]
async fn an_edited_entry_and_a_configuration_that_was_made_anew_get_their_ca_bundle_back() {
    let api = FakeApi::installed();
    let mut keeper = settled(&api).await;
    let ours = api.bundle();
    api.set_bundle("garbage");
    assert_eq!(looks(&mut keeper, false, 1).await.0, ["rest"]);
    assert!(keeper.trust.missing().unwrap().contains("cannot be read"));
    assert_eq!(looks(&mut keeper, true, 2).await, (vec!["trust", "rest"], None));
    assert_eq!(api.bundle(), ours);

    api.state().configuration = None;
    assert_eq!(looks(&mut keeper, true, 1).await, (vec!["rest"], None), "nobody calls");
    api.state().configuration = Some(configuration());
    assert_eq!(looks(&mut keeper, true, 2).await, (vec!["trust", "rest"], None));
    assert_eq!(api.bundle(), ours);
}

#[tokio::test]
async fn what_somebody_else_owns_is_overwritten_only_where_it_leaves_nobody_served_and_not_without_end() {
    let api = FakeApi::installed();
    let mut keeper = settled(&api).await;
    let ours = api.bundle();
    let mut more = ours.clone();
    let stranger = webhook_server::certs::Authority::make("x", Duration::from_secs(600), keeper.clock.now());
    more.add(stranger.unwrap().certificate());
    api.set_bundle(&more.pem());
    api.state().owner = Some("argocd");
    assert_eq!(looks(&mut keeper, true, 3).await, (vec!["trust"; 3], None), "what is served is trusted");
    assert_eq!(api.bundle(), more);
    assert!(keeper.failed.as_ref().unwrap().contains("conflict with \"argocd\"") && keeper.owned_by_others);
    assert!(api.state().writes.iter().all(|write| !write.contains("force")), "{:?}", api.state().writes);

    let overwritten = |api: &FakeApi| {
        api.set_bundle("garbage");
        api.state().owner = Some("argocd");
    };
    overwritten(&api);
    assert_eq!(looks(&mut keeper, true, 2).await, (vec!["trust", "rest"], None));
    assert_eq!(api.bundle(), ours);
    // Who writes it back at once is left alone for a while.
    overwritten(&api);
    let (steps, missing) = looks(&mut keeper, true, 3).await;
    assert_eq!(steps, ["trust"; 3]);
    let missing = missing.unwrap();
    assert!(
        missing.contains("it cannot be changed: Apply failed") && missing.contains("argocd"),
        "{missing}"
    );
    let forced = api.state().writes.iter().filter(|write| write.contains("force=true")).count();
    assert_eq!(forced, 1);
}

#[tokio::test]
async fn a_secret_that_is_emptied_or_broken_gets_its_content_back_and_the_last_good_one_is_served() {
    let api = FakeApi::installed();
    let mut keeper = settled(&api).await;
    let (ours, content) = (api.bundle(), api.state().secret.clone().unwrap()["data"].clone());
    for broken in [json!({}), json!({"ca.crt": "Z2FyYmFnZQ==", "ca.key": "Z2FyYmFnZQ=="})] {
        api.state().secret.as_mut().unwrap()["data"] = broken;
        let (steps, missing) = looks(&mut keeper, false, 2).await;
        assert_eq!((steps, missing), (vec!["restore", "rest"], None));
        assert_eq!(api.state().secret.as_ref().unwrap()["data"], content);
    }
    api.state().secret = None;
    assert_eq!(looks(&mut keeper, true, 2).await, (vec!["rest", "rest"], None), "still served");
    assert_eq!(api.bundle(), ours);
    assert_eq!(keeper.look(true).await, Step::Rest);
}

#[tokio::test]
async fn lifetimes_that_leave_no_time_for_a_change_and_names_of_nobody_are_refused() {
    for (change, said) in [
        (Own { authority_overlap: Duration::from_millis(900), ..own() }, "--authority-overlap is shorter"),
        (Own { certificate_lifetime: Duration::from_secs(9), ..own() }, "--certificate-lifetime is shorter"),
        (Own { authority_lifetime: Duration::from_secs(5399), ..own() }, "nine times --authority-overlap"),
        (
            Own { hostnames: vec!["a b".to_owned()], ..own() },
            "cannot make a certificate for webhook.system.svc",
        ),
    ] {
        let source = super::super::Source::Own(change);
        let stop = tokio_util::sync::CancellationToken::new();
        let error = super::super::start(source, common(&FakeApi::default()), stop).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_webhook_that_nobody_is_told_to_call_is_not_ready() {
    let api = FakeApi::installed();
    settled(&api).await;
    api.state().configuration = None;
    let (steps, missing) = looks(&mut keeper(&api), true, 2).await;
    assert_eq!(steps, ["rest", "rest"]);
    assert_eq!(
        missing.as_deref(),
        Some("MutatingWebhookConfiguration webhook does not exist: apply the manifests")
    );
}

#[test]
fn a_name_stands_once_in_a_certificate() {
    let hostnames = ["webhook.system.svc", "10.0.0.7", "10.0.0.7"].map(str::to_owned).to_vec();
    let names = wanted(&Own { hostnames, ..own() }).unwrap().names;
    assert_eq!(
        names,
        ["webhook.system.svc", "webhook.system", "webhook.system.svc.cluster.local", "10.0.0.7"]
    );
}

#[tokio::test]
async fn what_is_measured_is_what_is_served() {
    let (api, registry) = (FakeApi::installed(), prometheus::Registry::new());
    let (own, metrics) = (own(), CertificateMetrics::register(&registry).unwrap());
    let common = Common { metrics, ..common(&api) };
    let wanted = wanted(&own).unwrap();
    let tls = Tls::new(placeholder(&wanted, common.clock.now()).unwrap(), None).unwrap();
    let mut keeper = Keeper::new(&own, &common, wanted, tls, Trust::new());
    looks(&mut keeper, true, 3).await;
    let page = || prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let now = common.clock.now().as_second();
    for line in [
        "certificate_steps_total{result=\"success\",step=\"begin\"} 1\n".to_owned(),
        "certificate_steps_total{result=\"success\",step=\"trust\"} 1\n".to_owned(),
        "ca_bundle_verified 1\n".to_owned(),
        format!("certificate_not_after_seconds {}\n", now.saturating_add(3600)),
        format!("authority_not_after_seconds {}\n", now.saturating_add(36_000)),
    ] {
        assert!(page().contains(&line), "{line}\n{}", page());
    }
    api.set_bundle("garbage");
    looks(&mut keeper, false, 1).await;
    assert!(page().contains("ca_bundle_verified 0\n"), "{}", page());
}

#[tokio::test]
async fn a_client_that_trusts_the_ca_bundle_accepts_what_is_served() {
    let api = FakeApi::installed();
    let own = Own { hostnames: vec!["127.0.0.1".to_owned()], ..own() };
    let common = Common { clock: Clock::system(), ..common(&api) };
    let wanted = wanted(&own).unwrap();
    let tls = Tls::new(placeholder(&wanted, common.clock.now()).unwrap(), None).unwrap();
    let mut keeper = Keeper::new(&own, &common, wanted, Arc::clone(&tls), Trust::new());
    let local = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let server =
        webhook_server::serve::Server::bind(local, Some(tls), webhook_server::serve::Limits::default());
    let server = server.unwrap();
    let url = format!("https://{}/", server.address());
    let answer = |_: http::Request<hyper::body::Incoming>| async {
        webhook_server::respond::text(http::StatusCode::OK, "here")
    };
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(server.serve(answer, stop, Duration::from_secs(1)));

    assert_eq!(looks(&mut keeper, true, 3).await.1, None);
    let trusted = reqwest::Certificate::from_pem_bundle(api.bundle().pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only(trusted).no_proxy().build().unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().text().await.unwrap().trim(), "here");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_again_is_not_tried_again_at_once() {
    let api = FakeApi::installed();
    api.state().races = true;
    let (_leading, leads) = watch::channel(true);
    let keeping = tokio::spawn(keeper(&api).run(leads));
    tokio::time::sleep(Duration::from_secs(20)).await;
    keeping.abort();
    let writes = api.state().writes.len();
    assert!((5..=15).contains(&writes), "{writes} writes in 20 s");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_says_nothing_is_not_waited_for() {
    let api = FakeApi::installed();
    let mut keeper = settled(&api).await;
    api.state().is_silent = true;
    let begun = tokio::time::Instant::now();
    assert_eq!(looks(&mut keeper, true, 1).await, (vec!["rest"], None), "what was known counts");
    assert!(begun.elapsed() <= Duration::from_secs(10), "{:?}", begun.elapsed());
    let (_, missing) = looks(&mut self::keeper(&api), true, 1).await;
    assert_eq!(missing.as_deref(), Some("cannot read Secret system/certificates: no answer within 5 s"));
}

#[tokio::test]
async fn who_writes_says_his_name_and_what_he_lacks() {
    let api = FakeApi::installed();
    api.state().races = true;
    let mut keeper = keeper(&api);
    assert_eq!(looks(&mut keeper, true, 1).await.0, ["begin"]);
    assert_eq!(keeper.failed, None, "that somebody was faster is no failure");
    api.state().races = false;
    for (method, step, right) in [(Method::PUT, "begin", "update"), (Method::PATCH, "trust", "patch")] {
        api.state().refused = Some((method, 403));
        let (steps, missing) = looks(&mut keeper, true, 1).await;
        let missing = missing.unwrap();
        assert_eq!(steps, [step]);
        assert!(missing.ends_with(&format!("give the service account the right to {right} it")), "{missing}");
        api.state().refused = None;
        assert_eq!(looks(&mut keeper, true, 1).await.0, [step]);
    }
    let writes = api.state().writes.clone();
    assert!(writes.iter().all(|write| write.contains("fieldManager=ack-pod-identity-webhook")), "{writes:?}");
}
