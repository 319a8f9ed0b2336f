#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{ServiceReference, WebhookClientConfig};
use webhook_server::certs::Authority;

use super::*;

fn now() -> Timestamp {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

fn webhook(url: Option<&str>, service: Option<(&str, &str)>, bundle: Option<&[u8]>) -> MutatingWebhook {
    let service = service.map(|(namespace, name)| ServiceReference {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        ..ServiceReference::default()
    });
    let client_config = WebhookClientConfig {
        ca_bundle: bundle.map(|bundle| ByteString(bundle.to_vec())),
        service,
        url: url.map(str::to_owned),
    };
    MutatingWebhook { name: "pods".to_owned(), client_config, ..MutatingWebhook::default() }
}

#[test]
fn the_name_is_the_one_by_which_an_api_server_calls() {
    for (url, service, host) in [
        (None, Some(("system", "webhook")), Some("webhook.system.svc")),
        (Some("https://webhook.example.com:8443/mutate"), None, Some("webhook.example.com")),
        (Some("https://10.0.0.7/mutate"), None, Some("10.0.0.7")),
        (Some("https://[fd00::7]:8443/mutate"), None, Some("fd00::7")),
        (Some("not a url"), None, None),
        (None, None, None),
    ] {
        let entry = entry(&webhook(url, service, None));
        assert_eq!(entry.host.as_deref(), host, "{url:?}");
        assert_eq!(entry.is_url, url.is_some());
        let expected = if host.is_some() { "has no caBundle" } else { "names neither a service nor a URL" };
        assert!(entry.verify(&[], now()).unwrap_err().contains(expected));
    }
}

#[test]
fn a_ca_bundle_says_what_it_trusts_or_why_it_cannot_be_read() {
    let authority = Authority::make("test", Duration::from_secs(600), now()).unwrap();
    let names = ["webhook.system.svc".to_owned()];
    let server = authority.issue("server", &names, Duration::from_secs(600), now()).unwrap();
    let pem = authority.certificate_pem();
    let of = |bundle: &[u8]| entry(&webhook(None, Some(("system", "webhook")), Some(bundle)));
    of(pem.as_bytes()).verify(server.chain(), now()).unwrap();
    for (bundle, said) in [
        (b"".as_slice(), "has no caBundle"),
        (b"\n", "has no caBundle"),
        (b"garbage", "cannot be read (there is no certificate in it)"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
    ] {
        let reason = of(bundle).verify(server.chain(), now()).unwrap_err();
        assert!(reason.contains(said), "{reason}");
        assert!(of(bundle).bundle().is_none());
    }
    let elsewhere = entry(&webhook(None, Some(("system", "other")), Some(pem.as_bytes())));
    let reason = elsewhere.verify(server.chain(), now()).unwrap_err();
    assert!(reason.starts_with("has a caBundle that does not verify what is served for other.system.svc"));

    let other = Authority::make("other", Duration::from_secs(600), now()).unwrap();
    let both = format!("{pem}{}", other.certificate_pem());
    let entries = [of(pem.as_bytes()), of(both.as_bytes())];
    assert_eq!(trusted_by_all(&entries), Bundle::parse(pem.as_bytes()).unwrap());
    assert_eq!(trusted_by_any(&entries), Bundle::parse(both.as_bytes()).unwrap());
    assert!(trusted_by_all(&[of(pem.as_bytes()), of(b"")]).is_empty() && trusted_by_all(&[]).is_empty());
}
