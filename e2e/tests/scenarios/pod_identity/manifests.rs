//! What `manifests/pod-identity` installs is accepted, and its pods are, where only `restricted` ones are.

use std::path::Path;

use e2e::cert_manager;
use e2e::pod_identity::{Installation, LABEL, NAME, folder};
use e2e::rig::Rig;
use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::cert_manager::SECRET;
use super::seen::get;
use super::{Outcome, SOON};

/// Every folder that an administrator may take.
pub(super) const OVERLAYS: [&str; 4] =
    ["own-certificates", "own-certificates-fail-closed", "cert-manager", "cert-manager-fail-closed"];

pub(super) fn every_overlay_is_accepted_and_its_pods_are_admitted_where_only_restricted_ones_are(
    rig: &Rig,
) -> Outcome {
    rig.without_pod_identity()?;
    cert_manager::install(rig)?;
    priority_class_is_there(rig)?;
    for overlay in OVERLAYS {
        let installation = Installation::apply(&rig.site(), overlay)?;
        assert_selectors(overlay, &installation)?;
        assert_mounted_certificates(overlay, &installation)?;
        let label =
            &get(rig, &["namespace", NAME])?["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
        assert_eq!(label, "restricted", "{overlay}");
        let pod = pod_of(&installation)?;
        // Fail-closed, and no replica runs: it is its own pod that is to be made.
        dry_run(rig, &pod)?.map_err(|refused| format!("{overlay}: {refused}"))?;

        // The label is one that refuses.
        let mut privileged = pod.clone();
        privileged["spec"]["containers"][0]["securityContext"]["privileged"] = json!(true);
        privileged["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
        let refused = dry_run(rig, &privileged)?.expect_err("a privileged pod is admitted");
        assert!(refused.contains("violates PodSecurity \"restricted:latest\""), "{overlay}: {refused}");
    }
    Ok(())
}

/// A folder that nobody tests would be one that nobody knows to work.
pub(super) fn no_folder_of_the_manifests_is_left_out(_rig: &Rig) -> Outcome {
    let mut found: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder())? {
        let entry = entry?;
        let Ok(text) = std::fs::read_to_string(entry.path().join("kustomization.yaml")) else { continue };
        let kustomization: Value = serde_saphyr::from_str(&text)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if kustomization["kind"] == "Kustomization" && name != "base" {
            found.push(name);
        }
    }
    found.sort();
    let mut known = OVERLAYS.map(str::to_owned);
    known.sort();
    assert_eq!(found, known);
    Ok(())
}

/// What keeps a fail-closed webhook from being in its own way, or in that of the control plane.
fn assert_selectors(overlay: &str, installation: &Installation) -> Outcome {
    let configuration = installation.object("MutatingWebhookConfiguration", NAME)?;
    let [pods, labelled] = &configuration["webhooks"].as_array().ok_or("no entries")?[..] else {
        return Err(format!("{overlay} has not two entries").into());
    };
    let closed = overlay.ends_with("fail-closed");
    for entry in [pods, labelled] {
        assert_eq!(entry["clientConfig"]["caBundle"], json!(null), "{overlay}");
        assert_eq!(entry["failurePolicy"], if closed { "Fail" } else { "Ignore" }, "{overlay}");
        if closed {
            let kept_out = entry["namespaceSelector"]["matchExpressions"].to_string();
            for namespace in ["kube-system", NAME] {
                assert!(kept_out.contains(namespace), "{overlay}: {kept_out}");
            }
            if overlay.starts_with("cert-manager") {
                assert!(kept_out.contains("\"cert-manager\""), "{overlay}: {kept_out}");
            }
            assert!(entry["objectSelector"]["matchExpressions"].to_string().contains(NAME), "{overlay}");
        }
    }
    // No pod matches both: one label decides between them, whatever else an overlay selects by.
    let on = json!({LABEL: "on"});
    assert_eq!(pods["namespaceSelector"]["matchLabels"], on, "{overlay}");
    assert_eq!(labelled["objectSelector"]["matchLabels"], on, "{overlay}");
    let others = labelled["namespaceSelector"]["matchExpressions"].as_array().ok_or("no expressions")?;
    let not_on = json!({"key": LABEL, "operator": "NotIn", "values": ["on"]});
    assert!(others.contains(&not_on), "{overlay}: {others:?}");
    // In all else they are the same.
    let rest = |entry: &Value| {
        let mut entry = entry.clone();
        for field in ["name", "namespaceSelector", "objectSelector"] {
            entry[field] = json!(null);
        }
        entry
    };
    assert_eq!(rest(pods), rest(labelled), "{overlay}");
    assert_eq!(pods["sideEffects"], "NoneOnDryRun", "{overlay}");
    assert_eq!(pods["reinvocationPolicy"], "IfNeeded", "{overlay}");
    Ok(())
}

/// Where a Secret is mounted, the flags name files of it.
fn assert_mounted_certificates(overlay: &str, installation: &Installation) -> Outcome {
    let pod = &installation.object("Deployment", NAME)?["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let volumes = pod["volumes"].as_array().ok_or("no volumes")?;
    let volume = volumes.iter().find(|volume| volume["secret"]["secretName"] == SECRET);
    let arguments = container["args"].as_array().ok_or("no arguments")?;
    let Some(volume) = volume else {
        assert!(overlay.starts_with("own-certificates"), "{overlay} mounts no {SECRET}");
        return Ok(());
    };
    let mounts = container["volumeMounts"].as_array().ok_or("no mounts")?;
    let mount = mounts.iter().find(|mount| mount["name"] == volume["name"]).ok_or("it is not mounted")?;
    let path = Path::new(mount["mountPath"].as_str().ok_or("no path")?);
    for (flag, file) in [("--tls-cert-file", "tls.crt"), ("--tls-private-key-file", "tls.key")] {
        let wanted = format!("{flag}={}", path.join(file).display());
        assert!(arguments.iter().any(|argument| *argument == wanted), "{wanted} is not in {arguments:?}");
    }
    Ok(())
}

/// The pod that the Deployment's controller would make.
pub(super) fn pod_of(installation: &Installation) -> Result<Value, Failed> {
    let mut pod = installation.object("Deployment", NAME)?["spec"]["template"].clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!(NAME);
    pod["metadata"]["namespace"] = json!(NAME);
    Ok(pod)
}

/// The pod as the API server would make it, or what kubectl says.
pub(super) fn dry_run(rig: &Rig, pod: &Value) -> Result<Result<Value, String>, Failed> {
    let file = rig.run().file("dry-run-pod.json", &pod.to_string())?;
    let output =
        rig.admin().run(&["create", "--dry-run=server", "-o", "json", "-f", &file.to_string_lossy()])?;
    match output.status {
        0 => Ok(Ok(serde_json::from_str(&output.stdout)?)),
        _ => Ok(Err(output.stderr)),
    }
}

/// The API server makes it a moment after its start.
fn priority_class_is_there(rig: &Rig) -> Outcome {
    let class = ["get", "priorityclass", "system-cluster-critical"];
    rig.admin().eventually(&class, SOON)?;
    Ok(())
}
