//! Who wins, and what is said about the others.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::*;

const MAPPINGS: &str = r#"
apiVersion: v1
kind: List
items:
- apiVersion: ramauthenticator.k8s.alibabacloud/v1alpha1
  kind: RAMIdentityMapping
  metadata: {name: all-roles}
  spec: {arn: "acs:ram::1:role/*", username: "any:{{SessionNameRaw}}"}
- apiVersion: ramauthenticator.k8s.alibabacloud/v1alpha1
  kind: RAMIdentityMapping
  metadata: {name: dev}
  spec: {arn: "acs:ram::1:role/dev", username: "dev:{{SessionName}}", groups: [developers, "{{AccountID}}"]}
- apiVersion: ramauthenticator.k8s.alibabacloud/v1alpha1
  kind: RAMIdentityMapping
  metadata: {name: broken}
  spec: {arn: "junk", username: x}
- apiVersion: ramauthenticator.k8s.alibabacloud/v1alpha1
  kind: RAMIdentityMapping
  metadata: {name: pinned}
  spec: {arn: "acs:ram::1:user/alice", username: alice, principalID: "222"}
- apiVersion: ramauthenticator.k8s.alibabacloud/v1alpha1
  kind: RAMIdentityMapping
  metadata: {name: pinned-again}
  spec: {arn: "acs:ram::1:user/Alice", username: alice2}
- apiVersion: ramauthenticator.k8s.alibabacloud/v1alpha1
  kind: RAMIdentityMapping
  metadata: {name: team}
  spec: {arn: "acs:ram::1:role/team*", username: "{{SessionNameRaw}}"}
"#;
const CONFIG: &str = "clusterID: c\nserver:\n  backendMode: [MountedFile, CRD]\n  mapRoles:\n  - {rolearn: \
                      'acs:ram::1:role/ops', username: first}\n  - {rolearn: 'acs:ram::1:role/ops', username: ops}\n  \
                      mapAccounts: ['1']\n  breakGlass:\n    mapUsers: [{userarn: 'acs:ram::1:user/rescue', username: \
                      rescue}]\n";

fn ask(flags: &[&str]) -> (u8, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let (mappings, config) = (folder.path().join("m.yaml"), folder.path().join("c.yaml"));
    std::fs::write(&mappings, MAPPINGS).unwrap();
    std::fs::write(&config, CONFIG).unwrap();
    let files = ["x", "explain", "-f", mappings.to_str().unwrap(), config.to_str().unwrap()];
    let run_with = |output: &str| {
        let line = files.iter().chain(flags).chain([&"-o", &output]);
        let arguments = <crate::args::Arguments as clap::Parser>::try_parse_from(line).unwrap();
        let Some(crate::args::Command::Explain(arguments)) = arguments.command else { panic!() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(&arguments, None))
    };
    let (text, json) = (run_with("text"), run_with("json"));
    assert_eq!(text.status, json.status);
    if let Some(line) = json.stderr {
        return (json.status, Value::Null, line);
    }
    (json.status, serde_json::from_str(&json.stdout).unwrap(), text.stdout)
}

#[test]
fn says_who_wins_who_loses_and_why() {
    let (status, json, text) = ask(&["--arn", "acs:ram::1:role/dev", "--session-name", "bob@x.com"]);
    assert_eq!(status, 0);
    assert_eq!(json["username"], "dev:bob-x.com");
    assert_eq!(json["groups"], serde_json::json!(["developers", "1"]));
    let who: Vec<(&str, bool)> = json["mappings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mapping| (mapping["object"].as_str().unwrap(), mapping["wins"].as_bool().unwrap()))
        .collect();
    assert_eq!(
        who,
        [
            ("RAMIdentityMapping dev", true),
            ("RAMIdentityMapping all-roles", false),
            ("server.mapAccounts[0]", false)
        ]
    );
    for part in [
        "acs:ram::1:assumed-role/dev/bob@x.com\n",
        "asked     breakGlass (1), then MountedFile (2), then CRD (5)",
        "username  dev:bob-x.com",
        "wins      RAMIdentityMapping dev (",
        "m.yaml:9), backend CRD, acs:ram::1:role/dev\n",
        "acs:ram::1:role/*: a pattern, which comes after an exact ARN\n",
        "everybody in account 1: for a whole account, which comes after all others\n",
        "note      1 mappings are malformed",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn takes_short_arns_sessions_and_the_account_itself() {
    for (flags, username) in [
        (&["--arn", "acs:ram::1:assumed-role/dev/s", "--account", "1"][..], "dev:s"),
        (&["--arn", "role/dev", "--session-name", "s", "--account", "1"], "dev:s"),
        (&["--arn", "root", "--account", "1"], "acs:ram::1:root"),
        (&["--arn", "user/rescue", "--account", "1"], "rescue"),
    ] {
        let (status, json, text) = ask(flags);
        assert_eq!((status, json["username"].as_str()), (0, Some(username)), "{text}");
    }
}

#[test]
fn names_what_was_replaced() {
    let (_, json, text) = ask(&["--arn", "acs:ram::1:role/ops", "--session-name", "s"]);
    assert_eq!(json["username"], "ops");
    assert!(
        text.contains("server.mapRoles[0]") && text.contains("is replaced by server.mapRoles[1]"),
        "{text}"
    );
}

#[test]
fn whoever_is_not_mapped_or_refused_ends_with_1() {
    let (status, json, _) = ask(&["--arn", "acs:ram::2:user/alice"]);
    assert_eq!((status, json["result"].as_str()), (1, Some("notMapped")));
    let (status, json, text) = ask(&["--arn", "acs:ram::1:role/team-a", "--session-name", "system:masters"]);
    assert_eq!((status, json["result"].as_str()), (2, None), "a session name has no colon: {text}");
    let (status, json, _) = ask(&["--arn", "acs:ram::1:role/team-a", "--session-name", &"x".repeat(300)]);
    assert_eq!((status, json["result"].as_str()), (1, Some("refused")));
    let flags = ["--arn", "acs:ram::1:role/team-a", "--session-name", "root", "--reserved-prefix", "ro"];
    let (status, json, _) = ask(&flags);
    assert_eq!((status, json["result"].as_str()), (1, Some("refused")));
}

#[test]
fn compares_the_pinned_id_where_one_is_given() {
    let alice = ["--arn", "acs:ram::1:user/alice"];
    let (status, json, _) = ask(&alice);
    assert_eq!((status, json["username"].as_str()), (0, Some("alice")));
    assert!(json["notes"].to_string().contains("goes only with RAM's own id 222"), "{json}");
    assert!(json["notes"].to_string().contains("files do not say which object is older"), "{json}");
    let (status, ..) = ask(&[&alice[..], &["--principal-id", "222"]].concat());
    assert_eq!(status, 0);
    let (status, json, _) = ask(&[&alice[..], &["--principal-id", "333"]].concat());
    assert_eq!((status, json["result"].as_str()), (1, Some("refused")));
    assert!(json["error"].as_str().unwrap().contains("pinned to RAM's own id 222"));
}

#[test]
fn a_caller_who_cannot_be_is_a_usage_error() {
    for flags in [
        &["--arn", "junk"][..],
        &["--arn", "acs:ram::1:role/dev"],
        &["--arn", "acs:ram::1:user/a", "--session-name", "s"],
        &["--arn", "acs:ram::1:user/a", "--account", "2"],
        &["--arn", "acs:ram::*:user/a"],
    ] {
        let (status, _, line) = ask(flags);
        assert!(status == 2 && !line.contains('\n'), "{flags:?}: {line}");
    }
}
