//! `add`, `doctor` and `verify` against the real control plane.

use std::path::Path;
use std::time::Duration;

use e2e::cloud::{CLUSTER, DEV_ROLE, account, user};
use e2e::error::Error;
use e2e::process::{Output, isolated, run};
use e2e::replica::Replica;
use e2e::rig::{Rig, SERVER_USER};
use serde_json::{Value, json};

use super::refusals::assert_unauthorized;
use super::{Outcome, SOON};

const CONFIG_MAP: &str = "configmap/alibabacloud-auth";
const READ: [&str; 6] = ["get", CONFIG_MAP, "--namespace", "kube-system", "-o", "json"];

/// Runs a command of the authenticator with an administrator's kubeconfig.
fn add(rig: &Rig, kubeconfig: &Path, arguments: &[&str]) -> e2e::Result<Output> {
    let mut command = isolated(&rig.bin().join("ack-ram-authenticator"));
    command.arg("add").args(arguments).arg("--prompt=false").arg("--kubeconfig").arg(kubeconfig);
    run(command, SOON)
}

/// Deletes the ConfigMap when dropped, so that the next scenario finds none.
struct ConfigMap<'a>(&'a Rig);

impl Drop for ConfigMap<'_> {
    fn drop(&mut self) {
        let _ =
            self.0.admin().run(&["delete", CONFIG_MAP, "--namespace", "kube-system", "--ignore-not-found"]);
    }
}

fn stored(rig: &Rig) -> e2e::Result<Value> {
    serde_json::from_str(&rig.admin().ok(&READ)?).map_err(Error::answer("reading the ConfigMap"))
}

pub(super) fn add_maps_a_user_and_a_role_and_both_log_in(rig: &Rig) -> Outcome {
    let _gone = ConfigMap(rig);
    let _rights = rig.apply_all(&reading_the_config_map())?;
    let replica = Replica::start(rig, "configmap", &["--backend-mode", "ACKConfigMap"])?;
    let webhook = std::fs::read_to_string(rig.authenticator().webhook_kubeconfig())?;
    let line = webhook.lines().find(|line| line.trim_start().starts_with("server: ")).unwrap_or_default();
    let webhook = webhook.replace(line, &format!("    server: {}", replica.url()));
    let webhook = rig.run().file("configmap-webhook.kubeconfig", &webhook)?;
    let server = rig.another_api_server("kube-apiserver-configmap", &webhook)?;
    let carol = rig.person(user("carol"))?;
    let kubectl = carol.kubectl(rig, &server)?;
    assert_unauthorized(&kubectl.run(&["auth", "whoami"])?);

    // There is no ConfigMap yet.
    let admin = rig.api_server().admin();
    let carols = ["user", "--userarn", carol.arn(), "--username", "carol-{{AccountID}}"];
    let printed = add(rig, admin, &[&carols[..], &["--groups", "readers,on-call"]].concat())?;
    let document = printed.clone().success()?;
    assert!(document.contains("kind: ConfigMap") && document.contains(carol.arn()), "{printed:?}");
    let who = kubectl.whoami_eventually(SOON)?;
    assert_eq!(who.username, "carol-1234567890123456");
    assert!(["readers", "on-call"].iter().all(|group| who.groups.contains(&(*group).to_owned())), "{who:?}");

    // What somebody else wrote stays: comments, other keys, keys that nobody reads.
    let text = stored(rig)?["data"]["mapUsers"].as_str().unwrap_or_default().to_owned();
    let text = format!("# people of the platform team\n{text}  team: platform\n");
    let patch = json!({"data": {"mapUsers": text, "note": "ours", "mapRoles": "# none yet\n"}}).to_string();
    let namespace = ["--namespace", "kube-system"];
    rig.admin().ok(&[&["patch", CONFIG_MAP, "--type=merge", "--patch", &patch], &namespace[..]].concat())?;
    let roles =
        ["role", "--rolearn", DEV_ROLE, "--username", "dev:{{SessionName}}", "--groups", "developers"];
    add(rig, admin, &roles)?.success()?;
    let bob = user("bob").arn;
    let bobs = ["user", "--userarn", &bob, "--username", "bob", "--groups", "readers"];
    add(rig, admin, &bobs)?.success()?;
    let after = stored(rig)?;
    assert_eq!(after["data"]["note"], "ours");
    let users = after["data"]["mapUsers"].as_str().unwrap_or_default();
    assert!(users.starts_with(&text) && users.contains(&bob), "{users}");
    assert!(
        after["data"]["mapRoles"].as_str().is_some_and(|roles| roles.starts_with("# none yet\n")),
        "{after}"
    );
    let alice = rig.person(user("alice"))?.assuming(DEV_ROLE, "alice@example.com");
    let who = alice.kubectl(rig, &server)?.whoami_eventually(SOON)?;
    assert_eq!(who.username, "dev:alice-example.com");
    assert_eq!(rig.person(user("bob"))?.kubectl(rig, &server)?.whoami_eventually(SOON)?.username, "bob");

    // Known in any case, and somebody without rights: nothing changes.
    let upper = DEV_ROLE.to_uppercase();
    let again = add(rig, admin, &["role", "--rolearn", &upper, "--username", "x", "--groups", "g"])?;
    assert!(again.status == 1 && again.stderr.contains("mapped already, by mapRoles[0]"), "{again:?}");
    let nobody = rig.certificate_kubeconfig("nobody-in-particular")?;
    let root = account().arn;
    let refused = add(rig, &nobody, &["user", "--userarn", &root, "--username", "x", "--groups", "g"])?;
    assert!(refused.status == 1 && refused.stderr.contains("HTTP 403 Forbidden"), "{refused:?}");
    assert_eq!(stored(rig)?["metadata"]["resourceVersion"], after["metadata"]["resourceVersion"]);
    Ok(())
}

/// Gives a program a terminal, types a line, and ends as the program does.
const TERMINAL: &str = r#"
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen = b""
typed = False
while True:
    try:
        more = os.read(terminal, 4096)
    except OSError:
        break
    if not more:
        break
    seen += more
    if b"[y/N]" in seen and not typed:
        typed = True
        os.write(terminal, sys.argv[1].encode() + b"\n")
sys.stdout.write(seen.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

pub(super) fn add_asks_on_a_terminal_and_takes_no_for_an_answer(rig: &Rig) -> Outcome {
    let _gone = ConfigMap(rig);
    let arn = user("stranger").arn;
    let typing = |answer: &str| -> e2e::Result<Output> {
        let mut command = isolated(Path::new("python3"));
        command
            .args(["-c", TERMINAL, answer])
            .arg(rig.bin().join("ack-ram-authenticator"))
            .args(["add", "user", "--userarn", &arn, "--username", "s", "--groups", "g", "--kubeconfig"])
            .arg(rig.api_server().admin());
        run(command, SOON)
    };
    let cancelled = typing("n")?;
    assert_eq!(cancelled.status, 0, "{cancelled:?}");
    assert!(
        cancelled.stdout.contains(&arn) && cancelled.stdout.contains("nothing was changed"),
        "{cancelled:?}"
    );
    assert_ne!(rig.admin().run(&READ)?.status, 0, "there is a ConfigMap");
    let added = typing("yes")?;
    assert!(added.status == 0 && added.stdout.contains("kind: ConfigMap"), "{added:?}");
    assert!(stored(rig)?["data"]["mapUsers"].as_str().is_some_and(|users| users.contains(&arn)));
    Ok(())
}

/// What `doctor` finds with the flags of the rig's server and some more.
pub(super) fn doctor(rig: &Rig, more: &[&str]) -> e2e::Result<(i32, Value)> {
    let mut command = rig.authenticator().command("doctor");
    command.args(more).args(["-o", "json"]);
    let output = run(command, Duration::from_secs(60))?;
    let report = serde_json::from_str(&output.stdout).map_err(|_| Error::Answer {
        what: "reading what doctor prints".to_owned(),
        reason: format!("{output:?}"),
    })?;
    Ok((output.status, report))
}

/// The findings of one check: state, words, remedy.
pub(super) fn found(report: &Value, check: &str) -> Vec<(String, String, String)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let findings = report["checks"].as_array().into_iter().flatten();
    findings
        .filter(|finding| finding["check"] == check)
        .map(|finding| (text(finding, "state"), text(finding, "found"), text(finding, "mend")))
        .collect()
}

/// Exactly these checks fail.
fn assert_fails((status, report): &(i32, Value), expected: &[&str]) {
    let checks = report["checks"].as_array().into_iter().flatten();
    let mut failed: Vec<&str> = checks
        .filter(|finding| finding["state"] == "fail")
        .filter_map(|finding| finding["check"].as_str())
        .collect();
    failed.dedup();
    assert_eq!((*status, failed.as_slice()), (1, expected), "{report:#}");
}

pub(super) fn doctor_finds_nothing_where_all_is_well(rig: &Rig) -> Outcome {
    let (status, report) = doctor(rig, &[])?;
    assert_eq!((status, &report["state"]), (0, &json!("ok")), "{report:#}");
    assert!(found(&report, "api-server")[0].1.starts_with("Kubernetes v1."), "{report:#}");
    assert!(found(&report, "rights")[0].1.starts_with("10 of 10 rights"), "{report:#}");
    assert!(found(&report, "backends")[0].1.contains("CRD"), "{report:#}");
    assert!(found(&report, "cluster-id")[0].1.contains(CLUSTER), "{report:#}");
    assert_eq!(found(&report, "crd")[0].0, "ok");
    Ok(())
}

pub(super) fn doctor_names_each_fault_and_what_to_mend(rig: &Rig) -> Outcome {
    // Rights: somebody who may do nothing here.
    let nobody = rig.certificate_kubeconfig("nobody-in-particular")?;
    let nobody = nobody.to_string_lossy().into_owned();
    let without_rights = doctor(rig, &["--kubeconfig", &nobody])?;
    assert_fails(&without_rights, &["rights"]);
    let rights = found(&without_rights.1, "rights");
    let named = |state: &str, right: &str| {
        rights
            .iter()
            .any(|(found, text, mend)| found == state && text.contains(right) && mend.contains("Role"))
    };
    for right in ["list ramidentitymappings.ramauthenticator", "watch ramidentitymappings.ramauthenticator"] {
        assert!(named("fail", right), "{right}: {rights:#?}");
    }
    for right in [
        "patch ramidentitymappings.ramauthenticator.k8s.alibabacloud/status",
        "create events.events.k8s.io in namespace default",
        "update leases.coordination.k8s.io named ack-ram-authenticator in namespace kube-system",
        "create customresourcedefinitions",
    ] {
        assert!(named("warn", right), "{right}: {rights:#?}");
    }
    // It may not read the definition, and sees all the same that the resource is served.
    assert_eq!(found(&without_rights.1, "crd")[0].0, "ok", "{:#}", without_rights.1);

    // Credentials that the API server does not take.
    let kubeconfig = std::fs::read_to_string(&nobody)?;
    let mut kubeconfig: Value = serde_json::from_str(&kubeconfig)?;
    kubeconfig["users"][0]["user"] = json!({"token": "canary-of-doctor"});
    let strange = rig.run().file("doctor-strange.kubeconfig", &kubeconfig.to_string())?;
    let strange = doctor(rig, &["--kubeconfig", &strange.to_string_lossy(), "--log-level", "trace"])?;
    assert_fails(&strange, &["api-server"]);
    assert!(found(&strange.1, "api-server")[0].1.contains("HTTP 401"), "{:#}", strange.1);
    assert!(!strange.1.to_string().contains("canary-of-doctor"), "{:#}", strange.1);

    // An API server that is not there.
    kubeconfig["clusters"][0]["cluster"]["server"] = json!("https://127.0.0.1:1");
    let absent = rig.run().file("doctor-absent.kubeconfig", &kubeconfig.to_string())?;
    assert_fails(&doctor(rig, &["--kubeconfig", &absent.to_string_lossy()])?, &["api-server"]);

    // A backend whose rights and ConfigMap are missing.
    let config_map = doctor(rig, &["--backend-mode", "ACKConfigMap"])?;
    assert_fails(&config_map, &["rights", "config-map"]);
    {
        let _rights = rig.apply_all(&reading_the_config_map())?;
        let config_map = doctor(rig, &["--backend-mode", "ACKConfigMap"])?;
        assert_eq!((config_map.0, &config_map.1["state"]), (0, &json!("warn")), "{:#}", config_map.1);
        assert!(found(&config_map.1, "config-map")[0].2.contains("add user"), "{:#}", config_map.1);
    }

    let outage = rig.cloud().stop();
    assert_fails(&doctor(rig, &[])?, &["sts"]);
    outage.end()?;

    let stopped = rig.authenticator().stop()?;
    assert_fails(&doctor(rig, &[])?, &["webhook"]);
    stopped.end()?;
    Ok(())
}

/// What backend ACKConfigMap needs, for the rig's server.
fn reading_the_config_map() -> [Value; 2] {
    let group = "rbac.authorization.k8s.io";
    let metadata = json!({"name": "e2e-reads-alibabacloud-auth", "namespace": "kube-system"});
    let role = json!({
        "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata,
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["alibabacloud-auth"],
                   "verbs": ["list", "watch"]}],
    });
    let binding = json!({
        "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "e2e-reads-alibabacloud-auth"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": SERVER_USER}],
    });
    [role, binding]
}

pub(super) fn verify_says_who_signed_the_token_that_the_tool_makes(rig: &Rig) -> Outcome {
    let alice = rig.person(user("alice"))?.assuming(DEV_ROLE, "alice@example.com");
    let file = rig.run().file("verify.token", &alice.token(rig, &[])?)?;
    let mut command = isolated(&rig.bin().join("ack-ram-authenticator"));
    command
        .args(["verify", "--cluster-id", CLUSTER, "-o", "json", "--sts-endpoint", &rig.cloud().endpoint()])
        .arg("--sts-ca-file")
        .arg(rig.cloud().ca_file())
        .arg("--token-file")
        .arg(&file);
    let identity: Value = serde_json::from_str(&run(command, SOON)?.success()?)?;
    assert_eq!(identity["CanonicalARN"], DEV_ROLE);
    assert_eq!(identity["SessionName"], "alice@example.com");
    Ok(())
}
