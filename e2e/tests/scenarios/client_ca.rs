//! The API server alone may ask who somebody is.

use std::time::{Duration, Instant};

use e2e::cloud::burst_user;
use e2e::error::Error;
use e2e::http::Client;
use e2e::rig::Rig;
use serde_json::json;

use super::refusals::fresh_token;
use super::stand::{Stand, log_in};
use super::{Outcome, SOON};

pub(super) fn only_the_api_servers_certificate_opens_authenticate(rig: &Rig) -> Outcome {
    let stand = Stand::new(rig, "client-ca")?;
    stand.init(&["--client-certificate"])?;
    let by_init = std::fs::read_to_string(stand.kubeconfig())?;
    let authority = stand.folder.join("client-ca.pem");
    let _running = stand.server("server", &["--client-ca-file", &authority.to_string_lossy()])?;
    // The server writes the same file anew, and must not take the certificate out of it.
    assert_eq!(std::fs::read_to_string(stand.kubeconfig())?, by_init);

    let api_server = stand.api_server(&stand.kubeconfig())?;
    let path = rig.certificate_authority();
    let kubernetes = Client::new(&std::fs::read_to_string(path).map_err(Error::file("read", path))?)?;
    log_in(&kubernetes, &api_server.url(), 0)?;
    // When what it has shown ends, which the server looks at every two seconds.
    let start = Instant::now();
    while stand.metric("client_certificate_not_after_seconds")? == 0.0 {
        assert!(start.elapsed() < SOON, "the end of the API server's certificate is not measured");
        std::thread::sleep(Duration::from_millis(100));
    }

    let review = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": fresh_token(&burst_user(1))},
    });
    let url = format!("https://localhost:{}/authenticate", stand.port.number());
    rig.cloud().emulator().clear_requests();
    let refused = stand.client()?.post(&url, &review)?;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(refused.body.contains("init --client-certificate"), "{refused:?}");
    assert_eq!(rig.cloud().emulator().requests().len(), 0, "STS was asked for a stranger");
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(stand.get(path)?.status, 200, "{path}");
    }
    assert!(stand.metric("client_refusals_total{reason=\"no_certificate\"}")? >= 1.0);
    Ok(())
}
