//! What the service account of the manifests may do.

use std::collections::BTreeSet;

use e2e::manifests::rights;
use e2e::pod_identity::NAME;

use super::*;

pub(super) fn the_webhook_may_do_what_it_must_and_no_more(rig: &Rig) -> Outcome {
    let pod_identity = rig.pod_identity()?;
    let configuration = "mutatingwebhookconfigurations.admissionregistration.k8s.io";
    let everywhere = [
        "namespaces [get list watch]".to_owned(),
        "serviceaccounts [get list watch]".to_owned(),
        "events.events.k8s.io [create]".to_owned(),
        format!("{configuration} [{NAME}] [get patch]"),
    ];
    let own = [
        format!("secrets [{NAME}-certificates] [get update]"),
        "leases.coordination.k8s.io [create]".to_owned(),
        format!("leases.coordination.k8s.io [{NAME}] [get update]"),
    ];
    let identity = format!("system:serviceaccount:{NAME}:{NAME}");
    for (namespace, here) in [(NAME, &own[..]), ("kube-system", &[]), ("default", &[])] {
        let wanted: BTreeSet<String> = everywhere.iter().chain(here).cloned().collect();
        assert_eq!(rights(rig, &identity, namespace)?, wanted, "in {namespace}");
    }
    // It has all that it has tried to do so far, which was everything but an upgrade.
    let log = pod_identity.webhook().log().all();
    assert!(!log.contains("forbidden"), "{log}");
    Ok(())
}
