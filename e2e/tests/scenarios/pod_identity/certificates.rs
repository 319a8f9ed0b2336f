//! Own certificates: they come by themselves, change without anybody's noticing, and come back when somebody takes
//! them away.

use std::time::Duration;

use e2e::pod_identity::{Installation, NAME, Webhook};
use e2e::pod_stream::{Place, Stream};
use e2e::rig::Rig;
use libtest_mimic::Failed;
use serde_json::json;

use super::seen::{authorities, eventually, get, metric, owners_of_bundle, served};
use super::{Outcome, SOON};

/// The Secret that the manifests ship empty.
const SECRET: &str = "ack-pod-identity-webhook-certificates";
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
/// A change of authority, by these flags, is over within some seconds.
const SHORT: [&str; 3] = ["--certificate-lifetime=10s", "--authority-lifetime=18s", "--authority-overlap=2s"];
/// The Lease of a holder that was killed runs out first.
const TAKEOVER: Duration = Duration::from_secs(60);

pub(super) fn an_empty_secret_becomes_a_trusted_certificate_and_only_the_webhook_owns_the_bundle(
    rig: &Rig,
) -> Outcome {
    rig.without_pod_identity()?;
    let installation = Installation::apply(&rig.site(), "own-certificates-fail-closed")?;
    assert_eq!(installation.ca_bundle()?, "");
    assert_eq!(get(rig, &["secret", SECRET, "--namespace", NAME])?["data"], json!(null));

    let webhook = installation.replica("own-certificates", &[])?;
    installation.lead_to(&[&webhook]);

    // Ready was said with the bundle in place, and not before.
    assert_eq!(authorities(&installation)?, 1);
    let place = Place::make(rig, "own-certificates", "app")?;
    eventually("a pod with its role", SOON, || Ok(place.create(rig.api_server())))?;
    assert_eq!(owners_of_bundle(rig)?, [NAME]);
    Ok(())
}

/// With failurePolicy Fail, so that whatever the API server cannot ask fails.
pub(super) fn leaves_and_authorities_change_under_a_stream_of_pods_without_one_failure(rig: &Rig) -> Outcome {
    rig.without_pod_identity()?;
    let installation = Installation::apply(&rig.site(), "own-certificates-fail-closed")?;
    let replicas = [installation.replica("rotation-a", &SHORT)?, installation.replica("rotation-b", &SHORT)?];
    installation.lead_to(&[&replicas[0], &replicas[1]]);
    let place = Place::make(rig, "rotation", "app")?;
    eventually("a pod with its role", SOON, || Ok(place.create(rig.api_server())))?;
    let first = installation.ca_bundle()?;
    let first_leaves = leaves(&replicas)?;

    let stream = Stream::start(&place, rig.api_server())?;
    let mut most = 0;
    assert!(!first.is_empty(), "no authority was there at first");
    eventually("another authority alone in caBundle, and other leaves", TAKEOVER, || {
        // API servers keep connections: cut between two pods, they shake hands with what is served today.
        stream.between(|| {
            installation.cut_connections();
            std::thread::sleep(Duration::from_millis(50));
        });
        let bundle = installation.ca_bundle()?;
        let count = bundle.matches(BEGIN).count();
        most = most.max(count);
        let now = leaves(&replicas)?;
        let all_changed = now.iter().zip(&first_leaves).all(|(now, first)| now != first);
        let done = count == 1 && !bundle.contains(first.trim()) && all_changed;
        Ok(if done { Ok(()) } else { Err(format!("{count} authorities, leaves changed: {all_changed}")) })
    })?;
    stream.wait_for(50)?;

    let pods = stream.end().all_injected()?;
    assert!(pods > 100, "{pods} pods are no stream");
    assert_eq!(most, 2, "the two authorities were never trusted side by side");
    Ok(())
}

pub(super) fn when_the_holder_is_killed_between_two_authorities_the_other_replica_finishes(
    rig: &Rig,
) -> Outcome {
    rig.without_pod_identity()?;
    let installation = Installation::apply(&rig.site(), "own-certificates-fail-closed")?;
    // An authority that is due for its successor at once, and good for minutes after that.
    seed(rig, &old_authority()?)?;
    let flags = ["--authority-overlap=5s"];
    let mut replicas =
        vec![installation.replica("killed-a", &flags)?, installation.replica("killed-b", &flags)?];
    installation.lead_to(&[&replicas[0], &replicas[1]]);
    let place = Place::make(rig, "killed", "app")?;
    eventually("a pod with its role", SOON, || Ok(place.create(rig.api_server())))?;
    let stream = Stream::start(&place, rig.api_server())?;

    let both = eventually("two authorities in caBundle", SOON, || {
        let bundle = installation.ca_bundle()?;
        let count = bundle.matches(BEGIN).count();
        Ok(if count == 2 { Ok(bundle) } else { Err(format!("there are {count}")) })
    })?;
    let holder = eventually("somebody to hold the Lease", SOON, || {
        Ok(holder(&replicas)?.ok_or_else(|| "neither does".to_owned()))
    })?;
    let killed = replicas.swap_remove(holder);
    let [survivor] = &replicas[..] else { return Err("not one is left".into()) };
    // Between two pods: a process that is killed takes with it what it was asked.
    stream.between(|| {
        killed.kill();
        installation.lead_at_once_to(survivor);
    });

    eventually("the other replica to finish the change", TAKEOVER, || {
        stream.between(|| {
            installation.cut_connections();
            std::thread::sleep(Duration::from_millis(50));
        });
        let bundle = installation.ca_bundle()?;
        let count = bundle.matches(BEGIN).count();
        // The one that was next, and not that of a new beginning.
        let done = count == 1 && both.contains(bundle.trim());
        Ok(if done { Ok(()) } else { Err(format!("{count} authorities in caBundle")) })
    })?;
    stream.wait_for(50)?;
    stream.end().all_injected()?;
    Ok(())
}

/// PEM: certificate and key of an authority five sixths of whose time are over.
fn old_authority() -> Result<(String, String), Failed> {
    let now = since_1970();
    let at = |seconds: Duration| rcgen::date_time_ymd(1970, 1, 1) + seconds;
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "ack-pod-identity-webhook old");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    params.not_before = at(now.saturating_sub(Duration::from_secs(1000)));
    params.not_after = at(now + Duration::from_secs(200));
    let key = rcgen::KeyPair::generate()?;
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// The border to the clock.
#[allow(clippy::disallowed_methods)]
fn since_1970() -> Duration {
    Duration::try_from(jiff::Timestamp::now().as_duration()).unwrap_or_default()
}

/// Puts an authority into the Secret, in the keys that are documented.
fn seed(rig: &Rig, (certificate, key): &(String, String)) -> Outcome {
    let patch = json!({"stringData": {"ca.crt": certificate, "ca.key": key}}).to_string();
    rig.admin().ok(&["patch", "secret", SECRET, "--namespace", NAME, "--type=merge", "--patch", &patch])?;
    Ok(())
}

pub(super) fn applying_again_as_an_administrator_or_a_gitops_tool_leaves_the_bundle(rig: &Rig) -> Outcome {
    rig.without_pod_identity()?;
    let installation = Installation::apply(&rig.site(), "own-certificates")?;
    let webhook = installation.replica("applied-again", &[])?;
    installation.lead_to(&[&webhook]);
    installation.wait_until_injecting()?;
    let (bundle, leaf) = (installation.ca_bundle()?, served(&webhook, "/readyz")?.leaf);
    assert!(!leaf.is_empty(), "no certificate was seen");

    for more in [
        &[][..],
        &["--server-side", "--field-manager=argocd-controller", "--force-conflicts"],
        &["--server-side", "--field-manager=argocd-controller", "--force-conflicts"],
        &[],
    ] {
        installation.apply_again(more)?;
        assert_eq!(installation.ca_bundle()?, bundle, "after apply {more:?}");
        assert_eq!(webhook.health("/readyz")?.status, 200, "after apply {more:?}");
    }
    // The Secret is as it was, too.
    assert_eq!(served(&webhook, "/readyz")?.leaf, leaf);
    assert_eq!(owners_of_bundle(rig)?, [NAME]);
    installation.wait_until_injecting().map_err(Failed::from)
}

pub(super) fn a_bundle_that_somebody_takes_away_comes_back(rig: &Rig) -> Outcome {
    rig.without_pod_identity()?;
    let installation = Installation::apply(&rig.site(), "own-certificates")?;
    let webhook = installation.replica("bundle", &[])?;
    installation.lead_to(&[&webhook]);
    installation.wait_until_injecting()?;
    let bundle = installation.ca_bundle()?;
    let comes_back = |how: &str| {
        eventually(&format!("caBundle to come back after {how}"), SOON, || {
            let now = installation.ca_bundle()?;
            Ok(if now == bundle { Ok(()) } else { Err(format!("it has {} bytes", now.len())) })
        })?;
        installation.wait_until_injecting().map_err(Failed::from)
    };

    let path = "/webhooks/0/clientConfig/caBundle";
    rig.admin().ok(&patch(&json!([{"op": "remove", "path": path}]).to_string()))?;
    comes_back("removing it")?;

    // Another authority's certificate, by somebody who takes the field for his own.
    let stranger = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        std::fs::read_to_string(rig.certificate_authority())?,
    );
    rig.admin().ok(&patch(&json!([{"op": "add", "path": path, "value": stranger}]).to_string()))?;
    comes_back("writing another one")?;

    rig.admin().ok(&["delete", "mutatingwebhookconfiguration", NAME])?;
    installation.apply_again(&[])?;
    comes_back("deleting the configuration")?;
    webhook.wait_until_ready()?;
    Ok(())
}

fn patch(text: &str) -> [&str; 6] {
    ["patch", "mutatingwebhookconfiguration", NAME, "--type=json", "--patch", text]
}

pub(super) fn a_secret_that_somebody_empties_or_spoils_is_made_good_under_a_stream_of_pods(
    rig: &Rig,
) -> Outcome {
    rig.without_pod_identity()?;
    let installation = Installation::apply(&rig.site(), "own-certificates-fail-closed")?;
    let flags = ["--authority-overlap=1s"];
    let replicas = [installation.replica("secret-a", &flags)?, installation.replica("secret-b", &flags)?];
    installation.lead_to(&[&replicas[0], &replicas[1]]);
    let place = Place::make(rig, "secret", "app")?;
    eventually("a pod with its role", SOON, || Ok(place.create(rig.api_server())))?;
    let stream = Stream::start(&place, rig.api_server())?;
    stream.wait_for(20)?;

    let emptied = json!([{"op": "remove", "path": "/data"}]).to_string();
    let no_key = json!({"stringData": {"tls.key": "not a key"}}).to_string();
    let no_authority = json!({"stringData": {"ca.key": "not a key"}}).to_string();
    for (kind, change) in
        [("--type=json", &emptied), ("--type=merge", &no_key), ("--type=merge", &no_authority)]
    {
        rig.admin().ok(&["patch", "secret", SECRET, "--namespace", NAME, kind, "--patch", change])?;
        eventually("the Secret to be made good", SOON, || {
            let now = get(rig, &["secret", SECRET, "--namespace", NAME])?["data"].clone();
            let is_key = |name: &str| now[name].as_str().is_some_and(|key| key.len() > 100);
            let good = is_key("tls.key") && is_key("ca.key");
            Ok(if good { Ok(()) } else { Err("it is as it was left".to_owned()) })
        })?;
        eventually("both replicas to be ready", SOON, || {
            let ready = replicas.iter().map(|replica| replica.health("/readyz"));
            let ready = ready.collect::<e2e::Result<Vec<_>>>()?;
            let not = ready.into_iter().find(|answer| answer.status != 200);
            Ok(not.map_or(Ok(()), |answer| Err(answer.body)))
        })?;
        stream.between(|| {
            installation.cut_connections();
            std::thread::sleep(Duration::from_millis(50));
        });
        stream.wait_for(50)?;
    }
    stream.end().all_injected()?;
    Ok(())
}

fn leaves(replicas: &[Webhook]) -> e2e::Result<Vec<Vec<u8>>> {
    replicas.iter().map(|replica| served(replica, "/readyz").map(|served| served.leaf)).collect()
}

/// The replica that holds the Lease, by its own word.
fn holder(replicas: &[Webhook]) -> e2e::Result<Option<usize>> {
    for (number, replica) in replicas.iter().enumerate() {
        if metric(replica, "leader", "")? > 0.0 {
            return Ok(Some(number));
        }
    }
    Ok(None)
}
