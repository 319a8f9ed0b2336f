//! What `explain` and `lint` say of a cluster is what the cluster does.

use std::time::Duration;

use e2e::cloud::{ACCOUNT, user};
use e2e::mapping::Mapping;
use e2e::process;
use e2e::rig::Rig;
use serde_json::{Value, json};

use super::refusals::assert_unauthorized;
use super::{Outcome, SOON};

pub(super) fn explain_says_what_a_login_becomes(rig: &Rig) -> Outcome {
    let carol = rig.person(user("carol"))?;
    let pattern = format!("acs:ram::{ACCOUNT}:user/car*");
    let _pattern = rig.apply(&Mapping::new("explain-pattern", &pattern, "one-of-many").group("many"))?;
    let _older =
        rig.apply(&Mapping::new("explain-older", carol.arn(), "carol-{{UserName}}").group("first"))?;
    // Ages count by the second: the one that is made later sorts first by name, and loses all the same.
    super::next_second();
    let _newer = rig.apply(&Mapping::new("explain-a-newer", carol.arn(), "carol-newer"))?;

    let explained = explain(rig, carol.arn())?;
    assert_eq!(names(&explained), ["explain-older", "explain-a-newer", "explain-pattern"], "{explained}");
    let kubectl = carol.kubectl(rig, rig.api_server())?;
    let who = kubectl.whoami_eventually(SOON)?;
    assert_eq!(explained["username"], json!(who.username));
    assert_eq!(who.username, "carol-carol");
    assert!(who.groups.contains(&"first".to_owned()) && explained["groups"] == json!(["first"]));

    let stranger = rig.person(user("stranger"))?;
    assert_eq!(explain(rig, stranger.arn())?["result"], "notMapped");
    assert_unauthorized(&stranger.kubectl(rig, rig.api_server())?.run(&["auth", "whoami"])?);
    Ok(())
}

pub(super) fn lint_finds_in_a_cluster_what_never_counts(rig: &Rig) -> Outcome {
    let arn = format!("acs:ram::{ACCOUNT}:user/linted");
    let _older = rig.apply(&Mapping::new("lint-older", &arn, "linted"))?;
    super::next_second();
    let _newer = rig.apply(&Mapping::new("lint-a-newer", &arn, "linted-too"))?;
    let pattern = format!("acs:ram::{ACCOUNT}:role/lint*");
    let _pattern = rig.apply(&Mapping::new("lint-pattern", &pattern, "lint:{{SessionNameRaw}}"))?;

    let (status, found) = check(rig, &["lint"])?;
    let findings = found["findings"].as_array().cloned().unwrap_or_default();
    let of = |object: &str| -> Vec<(String, String)> {
        let object = json!(format!("RAMIdentityMapping {object}"));
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let ours = findings.iter().filter(|finding| finding["object"] == object);
        ours.map(|finding| (text(finding, "code"), text(finding, "message"))).collect()
    };
    assert_eq!(status, 1, "{found}");
    assert!(of("lint-older").is_empty(), "{found}");
    assert!(of("lint-a-newer").iter().any(|(code, message)| {
        code == "RAM012"
            && message.contains("RAMIdentityMapping lint-older")
            && message.contains("it is older")
    }));
    let lost = "it let in role/lin,";
    assert!(
        of("lint-pattern").iter().any(|(code, message)| code == "RAM101" && message.contains(lost)),
        "{found}"
    );
    Ok(())
}

fn names(explained: &Value) -> Vec<String> {
    let mappings = explained["mappings"].as_array().into_iter().flatten();
    mappings
        .filter_map(|mapping| mapping["object"].as_str()?.strip_prefix("RAMIdentityMapping "))
        .map(str::to_owned)
        .collect()
}

fn explain(rig: &Rig, arn: &str) -> Result<Value, libtest_mimic::Failed> {
    Ok(check(rig, &["explain", "--arn", arn, "--backend-mode", "CRD"])?.1)
}

/// Runs a command of the authenticator against the cluster, as its administrator.
fn check(rig: &Rig, arguments: &[&str]) -> Result<(i32, Value), libtest_mimic::Failed> {
    let kubectl = rig.admin();
    let mut command = process::isolated(&rig.bin().join("ack-ram-authenticator"));
    command.args(arguments).arg("-o").arg("json").arg("--kubeconfig").arg(kubectl.kubeconfig());
    let output = process::run(command, Duration::from_secs(60))?;
    let value = serde_json::from_str(&output.stdout)
        .map_err(|_| format!("no JSON: status {}: {}", output.status, output.stderr))?;
    Ok((output.status, value))
}
