#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;

use cluster::Clock;
use http::Method;
use webhook_server::certs::{Authority, ServerCertificate};

use super::super::fake_api::FakeApi;
use super::super::metrics::CertificateMetrics;
use super::*;

fn now() -> Timestamp {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

fn issued() -> (Authority, ServerCertificate) {
    let authority = Authority::make("issuer", Duration::from_secs(90 * 24 * 3600), now()).unwrap();
    let names = ["webhook.system.svc".to_owned()];
    let server = authority.issue("server", &names, Duration::from_secs(60 * 24 * 3600), now()).unwrap();
    (authority, server)
}

fn write(folder: &Path, server: &ServerCertificate) {
    fs::write(folder.join("tls.crt"), server.chain_pem()).unwrap();
    fs::write(folder.join("tls.key"), server.key().expose()).unwrap();
}

fn given(folder: &Path, api: &FakeApi) -> Result<Given, StartError> {
    measured(folder, api, &prometheus::Registry::new())
}

fn measured(folder: &Path, api: &FakeApi, registry: &prometheus::Registry) -> Result<Given, StartError> {
    let common = Common {
        client: api.client(),
        webhook_configuration: "webhook".to_owned(),
        clock: Clock::new(now),
        metrics: CertificateMetrics::register(registry).unwrap(),
    };
    let keeper = read(&folder.join("tls.crt"), &folder.join("tls.key"), now())?;
    Ok(Given::new(keeper, &common, Trust::new()))
}

#[tokio::test]
async fn files_are_ready_when_every_ca_bundle_verifies_them_and_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let api = FakeApi::installed();
    let (authority, server) = issued();
    write(folder.path(), &server);
    api.state().configuration.as_mut().unwrap()["webhooks"].as_array_mut().unwrap().truncate(1);
    let mut given = given(folder.path(), &api).unwrap();
    assert!(given.look().await);
    let missing = given.trust.missing().unwrap();
    assert_eq!(missing, "entry one of MutatingWebhookConfiguration webhook has no caBundle");
    api.set_bundle(&authority.certificate_pem());
    given.look().await;
    assert_eq!(given.trust.missing(), None);

    // The files change before the configuration does.
    let (next, server) = issued();
    write(folder.path(), &server);
    given.look().await;
    let missing = given.trust.missing().unwrap();
    assert!(missing.contains("does not verify what is served for webhook.system.svc"), "{missing}");
    api.set_bundle(&next.certificate_pem());
    given.look().await;
    assert_eq!(given.trust.missing(), None);
    // What was read last counts while nothing can be read.
    api.state().refused = Some((Method::GET, 500));
    given.look().await;
    assert_eq!(given.trust.missing(), None);
    api.state().refused = None;
    api.state().configuration = None;
    given.look().await;
    assert_eq!(given.trust.missing(), None, "nobody calls");
    assert!(api.state().writes.is_empty());
}

#[tokio::test]
async fn what_cannot_be_known_is_not_ready_and_a_url_without_a_ca_bundle_is_the_machines_affair() {
    let folder = tempfile::tempdir().unwrap();
    let api = FakeApi::installed();
    write(folder.path(), &issued().1);
    let mut given = given(folder.path(), &api).unwrap();
    api.state().refused = Some((Method::GET, 403));
    given.look().await;
    let missing = given.trust.missing().unwrap();
    assert!(missing.contains("give the service account the right to get it"), "{missing}");
    api.state().refused = None;
    for entry in api.state().configuration.as_mut().unwrap()["webhooks"].as_array_mut().unwrap() {
        entry["clientConfig"] = serde_json::json!({"url": "https://webhook.example.com/mutate"});
    }
    given.look().await;
    assert_eq!(given.trust.missing(), None);
}

#[tokio::test]
async fn files_that_are_missing_or_broken_stop_the_start_with_advice_and_without_their_content() {
    let folder = tempfile::tempdir().unwrap();
    let api = FakeApi::installed();
    let said = |said: &str| {
        let error = given(folder.path(), &api).err().unwrap().to_string();
        assert!(error.contains(said) && error.contains("--tls-cert-file"), "{error}");
        assert!(
            !error.contains("CANARY") && !error.contains("made anew") && !error.contains('\n'),
            "{error}"
        );
    };
    said("cannot read");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    write(folder.path(), &issued().1);
    fs::write(folder.path().join("tls.key"), "CANARY").unwrap();
    said("is not a PEM file with a private key");
    fs::write(folder.path().join("tls.key"), issued().1.key().expose()).unwrap();
    said("cannot be served");
    fs::write(folder.path().join("tls.crt"), "CANARY").unwrap();
    said("is not a PEM file with a certificate");
}

#[tokio::test]
async fn what_becomes_of_the_files_is_measured() {
    let (folder, registry) = (tempfile::tempdir().unwrap(), prometheus::Registry::new());
    let api = FakeApi::installed();
    write(folder.path(), &issued().1);
    let mut given = measured(folder.path(), &api, &registry).unwrap();
    given.look().await;
    let page = || prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let end = now().as_second().saturating_add(60 * 24 * 3600);
    assert!(page().contains(&format!("certificate_not_after_seconds {end}\n")), "{}", page());
    assert!(page().contains("ca_bundle_verified 0\n"), "{}", page());
    api.state().configuration = None;
    write(folder.path(), &issued().1);
    given.look().await;
    assert!(page().contains("ca_bundle_verified 1\n"), "nobody calls: {}", page());
    assert!(page().contains("certificate_steps_total{result=\"success\",step=\"reload\"} 1\n"), "{}", page());
    // A file that is half written is nobody's fault: what is said is what stays so.
    fs::write(folder.path().join("tls.crt"), "nonsense").unwrap();
    given.look().await;
    given.look().await;
    assert!(page().contains("certificate_steps_total{result=\"failure\",step=\"reload\"} 1\n"), "{}", page());
}
