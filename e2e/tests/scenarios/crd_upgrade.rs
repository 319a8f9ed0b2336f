//! From the public program's CustomResourceDefinition to ours, with objects stored that ours would refuse.

use std::time::Instant;

use e2e::cloud::{ACCOUNT, user};
use e2e::mapping::Mapping;
use e2e::rig::Rig;
use serde_json::{Value, json};

use super::commands::{doctor, found};
use super::operator::{eventually, get, ready};
use super::{Outcome, SOON};

const CRD: &str = "ramidentitymappings.ramauthenticator.k8s.alibabacloud";
const PUBLIC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/public-crd.yaml");
const OURS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crds/ramauthenticator.k8s.alibabacloud_ramidentitymappings.yaml"
);

/// Takes our CustomResourceDefinition back, without any mapping, whatever happens.
struct Ours<'a>(&'a Rig);

impl Drop for Ours<'_> {
    fn drop(&mut self) {
        let _ = self.0.admin().run(&["apply", "--server-side", "--force-conflicts", "-f", OURS]);
        let _ = self.0.admin().run(&["delete", CRD, "--all"]);
    }
}

/// Puts the public program's CustomResourceDefinition where none is.
fn install_the_public_one(rig: &Rig) -> e2e::Result<()> {
    rig.admin().ok(&["create", "-f", PUBLIC])?;
    rig.admin().ok(&["wait", "--for=condition=Established", &format!("crd/{CRD}")]).map(drop)
}

fn stored(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "ramauthenticator.k8s.alibabacloud/v1alpha1",
        "kind": "RAMIdentityMapping",
        "metadata": {"name": name},
        "spec": spec,
    })
}

pub(super) fn objects_of_the_public_definition_stay_valid_and_editable_under_ours(rig: &Rig) -> Outcome {
    let admin = rig.admin();
    let outage = rig.authenticator().stop()?;
    let mark = rig.authenticator().log().mark();
    admin.ok(&["delete", "crd", CRD])?;
    let _ours = Ours(rig);
    install_the_public_one(rig)?;
    let alice = rig.person(user("alice"))?;
    let long = "x".repeat(5000);
    let objects = [
        ("up-good", "Accepted", json!({"arn": alice.arn(), "username": "alice", "groups": ["g", "g"]})),
        ("up-junk", "InvalidARN", json!({"arn": "junk", "username": "x"})),
        ("up-no-arn", "InvalidARN", json!({"arn": "", "username": "x"})),
        (
            "up-expression",
            "NeverMatches",
            json!({"arn": format!("acs:ram::{ACCOUNT}:role/a b*"), "username": "x"}),
        ),
        ("up-no-name", "InvalidTemplate", json!({"arn": user("bob").arn, "username": ""})),
        ("up-long", "InvalidTemplate", json!({"arn": user("bob").arn, "username": long})),
        ("up-group", "InvalidTemplate", json!({"arn": user("bob").arn, "username": "x", "groups": ["", ""]})),
        ("up-template", "InvalidTemplate", json!({"arn": user("bob").arn, "username": "{{ SessionName }}"})),
    ];
    for (name, _, spec) in &objects {
        let file = rig.run().file("stored.json", &stored(name, spec).to_string())?;
        admin.eventually(&["create", "-f", &file.to_string_lossy()], SOON)?;
        // As the public program writes it.
        let status =
            json!({"status": {"canonicalARN": spec["arn"].as_str().unwrap().to_lowercase(), "userID": ""}});
        let status = status.to_string();
        admin.ok(&["patch", CRD, name, "--subresource=status", "--type=merge", "-p", &status])?;
    }
    outage.end()?;

    // Nothing is changed by itself; who can log in does; the log says what to apply.
    let kubectl = alice.kubectl(rig, rig.api_server())?;
    assert_eq!(kubectl.whoami_eventually(SOON)?.username, "alice");
    let log = rig.authenticator().log();
    let advice = "is of another version, without status.conditions: apply the file under crds/";
    log.line(mark, "what to apply", SOON, |line| line.contains(advice))?;
    let names: Value = serde_json::from_str(&admin.ok(&["get", "crd", CRD, "-o", "json"])?)?;
    assert_eq!(names["spec"]["names"]["categories"], json!(["all"]));

    admin.ok(&["replace", "-f", OURS])?;
    for (name, reason, _) in &objects {
        let object = eventually(rig, name, reason)?;
        assert!(ready(&object).is_some_and(|ready| ready["message"] != ""));
    }
    for (name, _, spec) in &objects {
        admin.ok(&["label", CRD, name, "edited=yes"])?;
        admin.ok(&["annotate", CRD, name, "edited=yes"])?;
        // Each field but the one that is wrong.
        let groups = json!({"spec": {"groups": ["a", "a"]}}).to_string();
        admin.ok(&["patch", CRD, name, "--type=merge", "-p", &groups])?;
        if spec["arn"] != "junk" {
            continue;
        }
        let username = json!({"spec": {"username": "other"}}).to_string();
        admin.ok(&["patch", CRD, name, "--type=merge", "-p", &username])?;
        // The whole object, sent back as it is; again where its status was written meanwhile.
        let start = Instant::now();
        loop {
            let object = get(rig, name)?;
            let file = rig.run().file("replaced.json", &object.to_string())?;
            let replaced = admin.run(&["replace", "-f", &file.to_string_lossy()])?;
            let was_late = replaced.stderr.contains("the object has been modified");
            assert!(replaced.status == 0 || was_late && start.elapsed() < SOON, "{replaced:?}");
            if replaced.status == 0 {
                break;
            }
        }
    }
    // An edit of a field that is wrong has to mend it.
    let still_wrong = json!({"spec": {"arn": "junk2"}}).to_string();
    let refused = admin.run(&["patch", CRD, "up-junk", "--type=merge", "-p", &still_wrong])?;
    assert!(
        refused.status != 0 && refused.stderr.contains("must be acs:ram::ACCOUNT:user/NAME"),
        "{refused:?}"
    );
    let mended = json!({"spec": {"arn": user("carol").arn}}).to_string();
    admin.ok(&["patch", CRD, "up-junk", "--type=merge", "-p", &mended])?;
    eventually(rig, "up-junk", "Accepted")?;

    for (spec, said) in [
        (json!({"arn": "junk", "username": "x"}), "spec.arn"),
        (json!({"arn": user("bob").arn, "username": ""}), "write the name that the RAM identity shall have"),
        (
            json!({"arn": user("bob").arn, "username": "x", "principalID": "a b"}),
            "RAM's own id of the user or role",
        ),
    ] {
        let file = rig.run().file("refused.json", &stored("up-refused", &spec).to_string())?;
        let refused = admin.run(&["create", "-f", &file.to_string_lossy()])?;
        assert!(refused.status != 0 && refused.stderr.contains(said), "{refused:?}");
    }
    // Absent and null are the same.
    let null = stored(
        "up-null",
        &json!({"arn": user("bob").arn, "username": "x", "groups": null, "principalID": null}),
    );
    let _null = rig.apply_manifest(&null, Mapping::new("up-null", "", "").resource())?;
    assert!(!admin.ok(&["get", "all"])?.contains("up-good"));
    Ok(())
}

pub(super) fn doctor_says_what_to_mend_where_the_definition_is_missing_or_the_public_one(
    rig: &Rig,
) -> Outcome {
    let admin = rig.admin();
    let (ours, what_to_apply) = (Ours(rig), "kubectl apply -f the CRD under crds/");
    // Under a server that runs.
    admin.ok(&["delete", "crd", CRD])?;
    let (status, report) = doctor(rig, &[])?;
    let missing = &found(&report, "crd")[0];
    assert_eq!((status, missing.0.as_str()), (1, "fail"), "{report:#}");
    assert!(missing.1.contains(CRD) && missing.1.contains("is not installed"), "{report:#}");
    assert!(missing.2.contains(what_to_apply) && missing.2.contains("--sync-crd"), "{report:#}");
    // Somebody who may not read definitions is told as well.
    let nobody = rig.certificate_kubeconfig("nobody-in-particular")?;
    let (_, report) = doctor(rig, &["--kubeconfig", &nobody.to_string_lossy()])?;
    let unserved = &found(&report, "crd")[0];
    assert_eq!(unserved.0, "fail", "{report:#}");
    assert!(unserved.1.contains("does not serve ramidentitymappings"), "{report:#}");
    assert!(unserved.2.contains(what_to_apply), "{report:#}");

    install_the_public_one(rig)?;
    let (status, report) = doctor(rig, &[])?;
    let public = &found(&report, "crd")[0];
    assert_eq!((status, &report["state"], public.0.as_str()), (0, &json!("warn"), "warn"), "{report:#}");
    for field in ["spec.principalID", "status.conditions", "status.observedGeneration"] {
        assert!(public.1.contains(field), "{field}: {report:#}");
    }
    assert!(public.2.contains(what_to_apply), "{report:#}");

    // What it says is what helps, and the server goes on by itself.
    drop(ours);
    let (status, report) = doctor(rig, &[])?;
    assert_eq!((status, found(&report, "crd")[0].0.as_str()), (0, "ok"), "{report:#}");
    let alice = rig.person(user("alice"))?;
    let _mapping = rig.apply(&Mapping::new("up-mended", alice.arn(), "alice"))?;
    assert_eq!(alice.kubectl(rig, rig.api_server())?.whoami_eventually(SOON)?.username, "alice");
    Ok(())
}
