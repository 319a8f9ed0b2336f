//! What a replica of the webhook, or the cluster, looks like from outside, for the scenarios about certificates.

use std::time::{Duration, Instant};

use e2e::Error;
use e2e::pod_identity::{Installation, NAME, Webhook};
use e2e::rig::Rig;
use libtest_mimic::Failed;

/// The certificate that is served now, DER, and a page that the TLS port answers with. Nobody's word is taken for the
/// certificate: whether API servers trust it is seen by the pods that they have injected.
pub(super) struct Served {
    pub(super) leaf: Vec<u8>,
    pub(super) page: String,
}

pub(super) fn served(webhook: &Webhook, path: &str) -> e2e::Result<Served> {
    let failed = || Error::answer(format!("reading {path} of {NAME}"));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::answer(path))?;
    runtime.block_on(async {
        let client = reqwest::Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .tls_info(true)
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(failed())?;
        let url = format!("https://{}{path}", webhook.address());
        let answer = client.get(url).send().await.map_err(failed())?;
        let tls = answer.extensions().get::<reqwest::tls::TlsInfo>();
        let leaf = tls.and_then(|tls| tls.peer_certificate()).unwrap_or_default().to_vec();
        Ok(Served { leaf, page: answer.text().await.map_err(failed())? })
    })
}

/// The sum over a metric of one replica, of the series whose labels contain `labels`. One that is not there is 0.
pub(super) fn metric(webhook: &Webhook, name: &str, labels: &str) -> e2e::Result<f64> {
    let page = served(webhook, "/metrics")?.page;
    let full = format!("ack_pod_identity_webhook_{name}");
    let values = page.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let of = series.split('{').next()? == full && series.contains(labels);
        of.then(|| value.parse::<f64>().ok()).flatten()
    });
    Ok(values.sum())
}

/// Waits until `found` finds something. What it says when it does not is in the message at the end.
pub(super) fn eventually<T>(
    what: &str,
    deadline: Duration,
    mut found: impl FnMut() -> Result<Result<T, String>, Failed>,
) -> Result<T, Failed> {
    let start = Instant::now();
    loop {
        let last = match found()? {
            Ok(found) => return Ok(found),
            Err(last) => last,
        };
        if start.elapsed() > deadline {
            return Err(format!("waited {} s in vain for {what}: {last}", deadline.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// How many certificates the `caBundle` holds now.
pub(super) fn authorities(installation: &Installation) -> e2e::Result<usize> {
    Ok(installation.ca_bundle()?.matches("-----BEGIN CERTIFICATE-----").count())
}

/// `kubectl get -o json`.
pub(super) fn get(rig: &Rig, arguments: &[&str]) -> Result<serde_json::Value, Failed> {
    let text = rig.admin().ok(&[&["get", "-o", "json"], arguments].concat())?;
    Ok(serde_json::from_str(&text)?)
}

/// Who owns the field `caBundle` of the first entry, by the managers' names.
pub(super) fn owners_of_bundle(rig: &Rig) -> Result<Vec<String>, Failed> {
    let object = get(rig, &["mutatingwebhookconfiguration", NAME, "--show-managed-fields"])?;
    let owners = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let owners = owners.filter(|owner| owner["fieldsV1"].to_string().contains("f:caBundle"));
    Ok(owners.filter_map(|owner| owner["manager"].as_str().map(str::to_owned)).collect())
}
