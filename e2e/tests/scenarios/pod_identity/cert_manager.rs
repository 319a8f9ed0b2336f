//! The overlays with cert-manager's certificates, with its real definitions; e2e does the work of its controllers.

use std::time::Duration;

use e2e::cert_manager::{self, CertManager, Volume};
use e2e::pod_identity::{Installation, NAME};
use e2e::pod_stream::{Place, Stream};
use e2e::rig::Rig;
use libtest_mimic::Failed;

use super::seen::{authorities, eventually, served};
use super::{Outcome, SOON};

const OVERLAY: &str = "cert-manager-fail-closed";
/// The Secret that the Deployment mounts.
pub(super) const SECRET: &str = "ack-pod-identity-webhook-tls";

/// Installed, with certificates issued; the replica reads them where they are mounted.
struct Issued<'a> {
    manager: CertManager<'a>,
    volume: Volume<'a>,
    installation: Installation,
}

impl<'a> Issued<'a> {
    fn install(rig: &'a Rig, name: &str) -> Result<Self, Failed> {
        rig.without_pod_identity()?;
        cert_manager::install(rig)?;
        remove_secrets(rig)?;
        let installation = Installation::apply(&rig.site(), OVERLAY)?;
        let manager = CertManager::of(rig, NAME);
        manager.reconcile()?;
        let volume = Volume::mount(rig, NAME, SECRET, name)?;
        Ok(Self { manager, volume, installation })
    }

    /// The flags of the Deployment name files of its volume.
    fn flags(&self) -> [String; 2] {
        let file = |name: &str| self.volume.folder().join(name).display().to_string();
        [
            format!("--tls-cert-file={}", file("tls.crt")),
            format!("--tls-private-key-file={}", file("tls.key")),
        ]
    }
}

/// What cert-manager has issued is nobody's in the manifests, and stays when they are removed.
fn remove_secrets(rig: &Rig) -> Outcome {
    let all = ["ack-pod-identity-webhook-authority", SECRET];
    let namespaced = ["--namespace", NAME, "--ignore-not-found"];
    rig.admin().ok(&[&["delete", "secret"], &all[..], &namespaced].concat())?;
    Ok(())
}

pub(super) fn certificates_are_served_and_renewed_under_a_stream_of_pods_without_one_failure(
    rig: &Rig,
) -> Outcome {
    let mut issued = Issued::install(rig, "renewed-by-cert-manager")?;
    let deployment = issued.installation.object("Deployment", NAME)?;
    let mounted = deployment["spec"]["template"]["spec"]["volumes"].to_string();
    assert!(mounted.contains(&format!("\"secretName\":\"{SECRET}\"")), "{mounted}");
    let flags = issued.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let webhook = issued.installation.replica("renewed-by-cert-manager", &flags)?;
    issued.installation.lead_to(&[&webhook]);
    let place = Place::make(rig, "renewed-by-cert-manager", "app")?;
    eventually("a pod with its role", SOON, || Ok(place.create(rig.api_server())))?;
    let stream = Stream::start(&place, rig.api_server())?;
    stream.wait_for(20)?;

    let [authority] = &issued.manager.authorities()?[..] else { return Err("not one authority".into()) };
    let [leaf] = &issued.manager.leaves()?[..] else { return Err("not one leaf".into()) };
    let first_bundle = issued.installation.ca_bundle()?;
    // A new leaf; a new authority and a leaf under it, told to API servers before the kubelet mounts it; and the same the
    // other way round.
    for (renewed, kubelet_first) in
        [(vec![leaf], false), (vec![authority, leaf], false), (vec![authority, leaf], true)]
    {
        let before = served(&webhook, "/readyz")?.leaf;
        for name in &renewed {
            issued.manager.renew(name)?;
        }
        if !kubelet_first {
            issued.manager.inject()?;
            shake_hands_anew(&stream, &issued.installation)?;
        }
        issued.volume.sync()?;
        eventually("the new leaf", SOON, || {
            let now = served(&webhook, "/readyz")?.leaf;
            Ok(if now == before { Err("the old one is served".to_owned()) } else { Ok(()) })
        })?;
        shake_hands_anew(&stream, &issued.installation)?;
        if kubelet_first {
            issued.manager.inject()?;
            shake_hands_anew(&stream, &issued.installation)?;
        }
        webhook.wait_until_ready()?;
    }
    assert_ne!(issued.installation.ca_bundle()?, first_bundle, "the authority was never renewed");
    assert_eq!(authorities(&issued.installation)?, 1);
    stream.end().all_injected()?;
    Ok(())
}

/// Handshakes with whatever is served and whatever API servers trust now, and some pods.
fn shake_hands_anew(stream: &Stream, installation: &Installation) -> Outcome {
    stream.between(|| {
        installation.cut_connections();
        std::thread::sleep(Duration::from_millis(50));
    });
    stream.wait_for(20)?;
    Ok(())
}

pub(super) fn without_a_bundle_it_is_not_ready_and_says_why(rig: &Rig) -> Outcome {
    let issued = Issued::install(rig, "no-bundle")?;
    // As before the cainjector has run.
    let patch = r#"[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]"#;
    rig.admin().ok(&["patch", "mutatingwebhookconfiguration", NAME, "--type=json", "--patch", patch])?;
    let flags = issued.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let port = std::sync::Arc::new(e2e::ports::Port::take()?);
    let webhook = issued.installation.launch("no-bundle", &port, &flags)?;
    eventually("readiness to name caBundle", SOON, || {
        let Ok(answer) = webhook.health("/readyz") else { return Ok(Err("it does not answer".to_owned())) };
        assert_ne!(answer.status, 200, "ready without a caBundle: {}", answer.body);
        Ok(if answer.body.contains("caBundle") { Ok(()) } else { Err(answer.body) })
    })?;

    issued.manager.inject()?;
    webhook.wait_until_ready()?;
    Ok(())
}
