//! The webhook is down, in both failure policies; and what never costs a call to it.

use e2e::pod_identity::{Installation, NAME, is_injected, namespace, pod, service_account};
use e2e::rig::Rig;
use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::manifests::{dry_run, pod_of};
use super::seen::{eventually, metric};
use super::{Outcome, SOON};

const LABELLED: &str = "outage-on";
const PLAIN: &str = "outage-off";

/// A namespace that is on and one that is not, a service account with a role in each, and one in `kube-system`.
fn places(rig: &Rig) -> Result<e2e::manifests::Installed<'_>, Failed> {
    let mut off = namespace(PLAIN);
    off["metadata"]["labels"] = json!({});
    let account = |namespace: &str| service_account(namespace, "app", &[("role-name", "app")]);
    let system = service_account("kube-system", "outage", &[("role-name", "app")]);
    Ok(rig.apply_all(&[namespace(LABELLED), off, account(LABELLED), account(PLAIN), system])?)
}

fn injected(rig: &Rig, pod: &Value) -> Result<bool, Failed> {
    Ok(is_injected(&dry_run(rig, pod)??))
}

/// Waits until a pod of the labelled namespace is injected.
fn wait_until_injecting(rig: &Rig) -> Outcome {
    eventually("a pod with its role", SOON, || {
        Ok(match dry_run(rig, &pod(LABELLED, "pod", "app", &[]))? {
            Ok(pod) if is_injected(&pod) => Ok(()),
            Ok(_) => Err("it comes back as it was".to_owned()),
            Err(refused) => Err(refused),
        })
    })
}

pub(super) fn fail_open_pods_are_made_without_a_role_while_the_webhook_is_down(rig: &Rig) -> Outcome {
    rig.without_pod_identity()?;
    let installation = Installation::apply(&rig.site(), "own-certificates")?;
    let _places = places(rig)?;
    let webhook = installation.replica("fail-open", &[])?;
    installation.lead_to(&[&webhook]);
    wait_until_injecting(rig)?;

    webhook.kill();
    for place in [LABELLED, PLAIN] {
        assert!(!injected(rig, &pod(place, "pod", "app", &[]))?, "{place}");
    }
    assert!(!injected(rig, &pod("kube-system", "pod", "outage", &[]))?);

    // And with the webhook back, as before.
    let again = installation.replica("fail-open-again", &[])?;
    installation.lead_to(&[&again]);
    wait_until_injecting(rig)
}

pub(super) fn fail_closed_pods_of_labelled_namespaces_are_refused_and_no_others(rig: &Rig) -> Outcome {
    rig.without_pod_identity()?;
    let installation = Installation::apply(&rig.site(), "own-certificates-fail-closed")?;
    let _places = places(rig)?;
    let webhook = installation.replica("fail-closed", &[])?;
    installation.lead_to(&[&webhook]);
    wait_until_injecting(rig)?;

    webhook.kill();
    let refused = dry_run(rig, &pod(LABELLED, "pod", "app", &[]))?.expect_err("made without a role");
    assert!(refused.contains("failed calling webhook"), "{refused}");
    assert!(refused.contains("pods.pod-identity.alibabacloud.com"), "{refused}");

    assert!(!injected(rig, &pod(PLAIN, "pod", "app", &[]))?);
    assert!(!injected(rig, &pod("kube-system", "pod", "outage", &[]))?);
    // Even with the label, which somebody may put everywhere, the control plane and the webhook itself go on.
    let label = "pod-identity.alibabacloud.com/injection";
    let labelled = Labelled::put(rig, &["kube-system", NAME], label)?;
    assert!(!injected(rig, &pod("kube-system", "pod", "outage", &[]))?);
    assert!(!injected(rig, &pod_of(&installation)?)?);
    drop(labelled);

    let again = installation.replica("fail-closed-again", &[])?;
    installation.lead_to(&[&again]);
    wait_until_injecting(rig)
}

/// The label is on these namespaces, and is taken away when this is dropped.
struct Labelled<'a> {
    rig: &'a Rig,
    namespaces: &'a [&'a str],
    label: &'a str,
}

impl<'a> Labelled<'a> {
    fn put(rig: &'a Rig, namespaces: &'a [&'a str], label: &'a str) -> Result<Self, Failed> {
        let labelled = Self { rig, namespaces, label };
        labelled.each(&format!("{label}=on"))?;
        Ok(labelled)
    }

    fn each(&self, change: &str) -> e2e::Result<()> {
        self.namespaces.iter().try_for_each(|namespace| {
            self.rig.admin().ok(&["label", "--overwrite", "namespace", namespace, change]).map(|_text| ())
        })
    }
}

impl Drop for Labelled<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.each(&format!("{}-", self.label)) {
            eprintln!("e2e: removing a label: {error}");
        }
    }
}

pub(super) fn pods_of_other_namespaces_and_mirror_pods_cost_no_call(rig: &Rig) -> Outcome {
    let kept = rig.pod_identity()?;
    let webhook = kept.webhook();
    let _places = places(rig)?;
    wait_until_injecting(rig)?;
    let reviews = || metric(webhook, "reviews_total", "");
    let before = reviews()?;
    assert!(before > 0.0, "no review was counted");

    assert!(!injected(rig, &pod(PLAIN, "pod", "app", &[]))?);
    assert!(!injected(rig, &mirror_pod())?);
    assert_eq!(reviews()?, before, "a call that need not be");

    // What does cost one is counted at once.
    assert!(injected(rig, &pod(LABELLED, "pod", "app", &[]))?);
    assert_eq!(reviews()?, before + 1.0);
    Ok(())
}

/// As a kubelet makes one for each of its static pods.
fn mirror_pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "static-node",
            "namespace": LABELLED,
            "annotations": {"kubernetes.io/config.mirror": "e2e"},
        },
        "spec": {"nodeName": "node", "containers": [{"name": "app", "image": "app"}]},
    })
}
