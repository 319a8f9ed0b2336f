//! `ack-pod-identity-webhook explain` as people run it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use pod_identity::injection::{Namespace, Outcome, Pod, ServiceAccount, Settings, decide};
use serde_json::{Value, json};
use strict::Strict;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/demo.yaml");
const CLUSTER: [&str; 4] = ["--cluster-id", "c0ffee", "--account-id", "1234567890123456"];

fn explain(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ack-pod-identity-webhook"));
    command.arg("explain").args(arguments).env_clear().output().unwrap()
}

fn explain_text(text: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ack-pod-identity-webhook"));
    command.args(["explain", "-f", "-"]).args(CLUSTER).args(arguments).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn demo_with(from: &str, to: &str) -> String {
    let demo = std::fs::read_to_string(DEMO).unwrap();
    assert!(demo.contains(from), "{from}");
    demo.replace(from, to)
}

/// The documents of an output.
fn documents(yaml: &str) -> Vec<Value> {
    let parts = yaml.split("---\n").filter(|part| !part.trim().is_empty());
    parts.map(|part| serde_saphyr::from_str::<Strict>(part).unwrap().0).collect()
}

#[test]
fn the_demo_of_the_documentation_gets_what_the_documentation_shows() {
    let output = explain(&[&["-f", DEMO], &CLUSTER[..]].concat());
    assert_eq!(
        stdout(&output),
        format!(
            "Pod rrsa-demo/demo ({DEMO})
  injected  acs:ram::1234567890123456:role/ack-pod-identity-webhook-demo of ServiceAccount demo-sa
  provider  acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0ffee
  token     3600 s, the component's default; audience sts.aliyuncs.com
  sts       no variables: no --region, or --sts-variables=false
  container demo: ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE, the token in /var/run/secrets/ack.alibabacloud.com/rrsa-tokens
"
        )
    );
    assert_eq!(stderr(&output), "ack-pod-identity-webhook: 1 of 1 pods injected\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_demo_as_yaml_is_the_pod_that_the_documentation_shows() {
    let output = explain(&[&["-f", DEMO, "-o", "yaml"], &CLUSTER[..]].concat());
    let expected = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "demo", "namespace": "rrsa-demo"},
        "spec": {
            "serviceAccountName": "demo-sa",
            "containers": [{
                "image": "registry.cn-hangzhou.aliyuncs.com/acs/ack-ram-tool:1.0.0",
                "imagePullPolicy": "Always",
                "args": ["rrsa", "demo"],
                "name": "demo",
                "env": [
                    {
                        "name": "ALIBABA_CLOUD_ROLE_ARN",
                        "value": "acs:ram::1234567890123456:role/ack-pod-identity-webhook-demo",
                    },
                    {
                        "name": "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
                        "value": "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0ffee",
                    },
                    {
                        "name": "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
                        "value": "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens/token",
                    },
                ],
                "volumeMounts": [{
                    "mountPath": "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens",
                    "name": "rrsa-oidc-token",
                    "readOnly": true,
                }],
            }],
            "restartPolicy": "OnFailure",
            "volumes": [{
                "name": "rrsa-oidc-token",
                "projected": {
                    "defaultMode": 420,
                    "sources": [{"serviceAccountToken": {
                        "audience": "sts.aliyuncs.com", "expirationSeconds": 3600, "path": "token",
                    }}],
                },
            }],
        },
    });
    assert_eq!(documents(&stdout(&output)), [expected]);
    assert_eq!(output.status.code(), Some(0));
}

/// What the program says of the demo with one thing in it changed: the rows after the first, and the exit status.
fn rows(text: &str, arguments: &[&str]) -> (Vec<String>, i32) {
    let output = explain_text(text, arguments);
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    let lines = stdout(&output).lines().skip(1).map(|line| line.trim().to_owned()).collect();
    (lines, output.status.code().unwrap())
}

#[test]
fn says_why_a_pod_gets_nothing_and_how_to_mend_it() {
    let label = "\n  labels:\n    pod-identity.alibabacloud.com/injection: 'on'";
    let annotation =
        "\n  annotations:\n    pod-identity.alibabacloud.com/role-name: ack-pod-identity-webhook-demo";
    for (from, to, expected) in [
        (
            label,
            "",
            &[
                "nothing   namespace_not_on: Namespace rrsa-demo has no label pod-identity.alibabacloud.com/injection: only \
             'on' turns injection on",
                "mend      kubectl label --overwrite namespace rrsa-demo pod-identity.alibabacloud.com/injection=on, then make \
             the pod anew",
            ][..],
        ),
        (
            "'on'",
            "'enabled'",
            &[
                "nothing   namespace_not_on: Namespace rrsa-demo has \"enabled\" as value of label \
             pod-identity.alibabacloud.com/injection: only 'on' turns injection on",
                "mend      kubectl label --overwrite namespace rrsa-demo pod-identity.alibabacloud.com/injection=on, then make \
             the pod anew",
            ],
        ),
        (
            annotation,
            "",
            &[
                "nothing   no_role: ServiceAccount rrsa-demo/demo-sa names no role",
                "mend      kubectl -n rrsa-demo annotate serviceaccount demo-sa \
             pod-identity.alibabacloud.com/role-name=<role>, then make the pod anew",
            ],
        ),
        (
            "ack-pod-identity-webhook-demo",
            "'my role'",
            &[
                "nothing   invalid_role: what ServiceAccount rrsa-demo/demo-sa names is no RAM role; a server with \
                 --on-fault=deny refuses such a pod",
                "mend      kubectl -n rrsa-demo annotate --overwrite serviceaccount demo-sa \
             pod-identity.alibabacloud.com/role-name=<role>, then make the pod anew",
                "warning   no RAM role for this pod: pod-identity.alibabacloud.com/role-name \"my role\" ",
            ],
        ),
        (
            "spec:\n",
            "spec:\n  volumes: [{name: rrsa-oidc-token, emptyDir: {}}]\n",
            &[
                "nothing   volume_name_taken: the pod has another volume named rrsa-oidc-token; a server with \
                 --on-fault=deny refuses such a pod",
                "mend      give that volume another name",
            ],
        ),
        (
            "    name: demo\n",
            "    name: demo\n    volumeMounts: [{name: a, mountPath: \
          /var/run/secrets/ack.alibabacloud.com/rrsa-tokens/}]\n",
            &[
                "nothing   mount_path_taken: no container has /var/run/secrets/ack.alibabacloud.com/rrsa-tokens free; a \
                 server with --on-fault=deny refuses such a pod",
                "mend      mount what is there elsewhere",
            ],
        ),
        (
            "  name: demo\n  namespace",
            "  name: demo\n  annotations: {pod-identity.alibabacloud.com/skip-containers: demo}\n  namespace",
            &[
                "nothing   no_container: its annotations only-containers and skip-containers leave no container",
                "mend      mend pod-identity.alibabacloud.com/only-containers and \
             pod-identity.alibabacloud.com/skip-containers of the pod",
            ],
        ),
        (
            "  name: demo\n  namespace",
            "  name: demo\n  annotations: {kubernetes.io/config.mirror: x}\n  namespace",
            &[
                "nothing   mirror_pod: it is a mirror pod (annotation kubernetes.io/config.mirror): static pods have no \
             service account",
                "mend      run it as a DaemonSet or Deployment",
            ],
        ),
        (
            "serviceAccountName: demo-sa",
            "serviceAccountName: other",
            &[
                "unknown   unknown_service_account: ServiceAccount rrsa-demo/other is in none of the files",
                "mend      add its manifest with -f, or give --kubeconfig to read it from the cluster",
            ],
        ),
        (
            "  namespace: rrsa-demo\nspec",
            "  namespace: other\nspec",
            &[
                "unknown   unknown_namespace: Namespace other is in none of the files",
                "mend      add its manifest with -f, or give --kubeconfig to read it from the cluster",
            ],
        ),
    ] {
        // The pod is the last one that has the text.
        let demo = std::fs::read_to_string(DEMO).unwrap();
        let (before, after) = demo.rsplit_once(from).unwrap();
        let text = format!("{before}{to}{after}");
        let (rows, status) = rows(&text, &[]);
        assert!(rows.len() >= expected.len(), "{rows:#?}");
        for (row, expected) in rows.iter().zip(expected) {
            // How a warning goes on is the admission's.
            let is_warning = expected.starts_with("warning ");
            assert!(row == expected || is_warning && row.starts_with(expected), "{rows:#?}");
        }
        assert_eq!(status, 1, "{to}");
    }
}

#[test]
fn says_which_level_decides_how_long_the_token_lives() {
    let on = |level: &str, value: &str| {
        format!("{level}: {{pod-identity.alibabacloud.com/service-account-token-expiration: '{value}'}}")
    };
    let namespace =
        |value: &str| ("  labels:\n".to_owned(), format!("  {}\n  labels:\n", on("annotations", value)));
    let account = |value: &str| {
        let annotation = "    pod-identity.alibabacloud.com/role-name:".to_owned();
        let new = format!(
            "    pod-identity.alibabacloud.com/service-account-token-expiration: '{value}'\n{annotation}"
        );
        (annotation, new)
    };
    let pod = |value: &str| {
        ("  name: demo\n".to_owned(), format!("  name: demo\n  {}\n", on("annotations", value)))
    };
    for (changes, expected) in [
        (vec![], "3600 s, the component's default"),
        (vec![namespace("700")], "700 s, from the annotation of its namespace"),
        (vec![namespace("700"), account("800")], "800 s, from the annotation of its service account"),
        (vec![namespace("700"), account("800"), pod("900")], "900 s, from the annotation of the pod"),
        (vec![pod("+3600")], "3600 s, the component's default, as the annotation of the pod is invalid"),
        (vec![account("800"), pod("1h")], "3600 s, the component's default, as the annotation of the pod is invalid"),
        (
            vec![("  serviceAccountName".to_owned(), "  volumes: [{name: rrsa-oidc-token, projected: {sources: [{serviceAccountToken: {audience: sts.aliyuncs.com, path: token, expirationSeconds: 1200}}]}}]\n  serviceAccountName".to_owned())],
            "1200 s, as its own volume rrsa-oidc-token has it",
        ),
    ] {
        let mut demo = std::fs::read_to_string(DEMO).unwrap();
        for (from, to) in &changes {
            assert!(demo.contains(from), "{from}");
            demo = demo.replace(from, to);
        }
        let (rows, status) = rows(&demo, &[]);
        let token = rows.iter().find(|row| row.starts_with("token ")).unwrap();
        assert_eq!(*token, format!("token     {expected}; audience sts.aliyuncs.com"));
        assert_eq!(status, 0);
    }
}

#[test]
fn says_what_each_container_gets_and_keeps() {
    let text = demo_with(
        "  containers:\n",
        "  initContainers:\n  - {name: init, image: x}\n  containers:\n  - {name: skipped, image: x}\n\
         \x20 - {name: own, image: x, env: [{name: ALIBABA_CLOUD_ROLE_ARN, value: mine}]}\n",
    );
    let text = text.replace(
        "  name: demo\n  namespace",
        "  name: demo\n  annotations: {pod-identity.alibabacloud.com/skip-containers: skipped}\n  namespace",
    );
    let (rows, _) = rows(&text, &["--region", "cn-hangzhou", "--token-mount-path", "/token"]);
    let rows: Vec<&str> = rows.iter().skip(3).map(String::as_str).collect();
    let sts = "ALIBABA_CLOUD_STS_ENDPOINT, ALIBABA_CLOUD_STS_REGION, ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED, the token in /token";
    let oidc = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE";
    assert_eq!(
        rows,
        [
            "sts       sts-vpc.cn-hangzhou.aliyuncs.com in region cn-hangzhou",
            &format!("container init: ALIBABA_CLOUD_ROLE_ARN, {oidc}, {sts}"),
            "container skipped: nothing",
            &format!("container own: {oidc}, {sts}"),
            &format!("container demo: ALIBABA_CLOUD_ROLE_ARN, {oidc}, {sts}"),
            "warning   container \"own\" keeps its own ALIBABA_CLOUD_ROLE_ARN, which is another one than it would get",
        ]
    );
}

#[test]
fn says_what_is_replaced_and_which_level_says_so() {
    let own = demo_with(
        "  containers:\n",
        "  containers:\n  - {name: own, image: x, env: [{name: ALIBABA_CLOUD_ROLE_ARN, value: mine}]}\n",
    );
    let oidc = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE, the token in /token";
    for (from, to, level, word) in [
        (
            "  labels:\n",
            "  labels:\n    pod-identity.alibabacloud.com/override-env: 'true'\n",
            "its namespace",
            "namespace",
        ),
        (
            "  name: demo\n",
            "  name: demo\n  annotations: {pod-identity.alibabacloud.com/override-env: 'true'}\n",
            "the pod",
            "pod",
        ),
    ] {
        assert!(own.contains(from), "{from}");
        let text = own.replace(from, to);
        let (rows, status) = rows(&text, &["--token-mount-path", "/token"]);
        let wanted = [
            format!("override  variables of its own are replaced, by override-env of {level}"),
            format!("container own: ALIBABA_CLOUD_ROLE_ARN in place of its own, {oidc}"),
            format!(
                "warning   the own ALIBABA_CLOUD_ROLE_ARN of container \"own\" is replaced, as override-env of {level} says"
            ),
        ];
        for wanted in wanted {
            assert!(rows.contains(&wanted), "{wanted}: {rows:#?}");
        }
        assert_eq!(status, 0);
        let json: Value = serde_json::from_slice(&explain_text(&text, &["-o", "json"]).stdout).unwrap();
        let pod = &json["pods"][0];
        assert_eq!(
            (&pod["overrideEnv"], &pod["containers"][0]["replaced"]),
            (&json!(word), &json!(["ALIBABA_CLOUD_ROLE_ARN"]))
        );
        assert_eq!(
            pod["containers"][0]["variables"]["ALIBABA_CLOUD_ROLE_ARN"],
            "acs:ram::1234567890123456:role/ack-pod-identity-webhook-demo"
        );
    }
}

#[test]
fn says_which_variables_about_sts_there_are() {
    let role = "    pod-identity.alibabacloud.com/role-name:";
    let text =
        demo_with(role, &format!("    pod-identity.alibabacloud.com/inject-sts-endpoint: 'on'\n{role}"));
    for (flags, expected) in [
        (
            &["--region", "cn-beijing", "--sts-variables=false"][..],
            "sts-vpc.cn-beijing.aliyuncs.com: the endpoint alone, by annotation inject-sts-endpoint of its service account",
        ),
        (&["--region", "cn-beijing"], "sts-vpc.cn-beijing.aliyuncs.com in region cn-beijing"),
        (&[], "no variables: no --region, or --sts-variables=false"),
    ] {
        let (rows, _) = rows(&text, flags);
        assert!(rows.contains(&format!("sts       {expected}")), "{rows:#?}");
        let told = rows.iter().filter(|row| row.contains("the webhook knows no region")).count();
        assert_eq!(told, usize::from(flags.is_empty()), "{rows:#?}");
    }
}

#[test]
fn a_pod_that_has_all_of_it_stays_as_it_is() {
    let patched = stdout(&explain(&[&["-f", DEMO, "-o", "yaml"], &CLUSTER[..]].concat()));
    let demo = std::fs::read_to_string(DEMO).unwrap();
    let (others, _) = demo.rsplit_once("---\n").unwrap();
    let again = format!("{others}{patched}");
    let (rows, status) = rows(&again, &[]);
    assert_eq!(rows.last().unwrap(), "container demo: has all of it already");
    assert_eq!(status, 0);
    let output = explain_text(&again, &["-o", "yaml"]);
    assert_eq!(documents(&stdout(&output)), documents(&patched));
}

#[test]
fn a_pod_that_is_there_already_without_its_role_is_told_from_one_that_has_it() {
    let note = "note      the pod is there already, and stays as it is: one that is made anew gets this";
    let demo = std::fs::read_to_string(DEMO).unwrap();
    let there = |manifests: &str| {
        let there = manifests.replace("\n  name: demo\n", "\n  name: demo\n  uid: abc\n");
        assert_ne!(there, manifests);
        let json: Value = serde_json::from_slice(&explain_text(&there, &["-o", "json"]).stdout).unwrap();
        let (rows, status) = rows(&there, &[]);
        assert_eq!(status, 0);
        (rows.iter().any(|row| row == note), json["pods"][0]["existsWithout"].clone())
    };
    assert_eq!(there(&demo), (true, json!(true)));
    let (others, _) = demo.rsplit_once("---\n").unwrap();
    let patched = stdout(&explain(&[&["-f", DEMO, "-o", "yaml"], &CLUSTER[..]].concat()));
    assert_eq!(there(&format!("{others}{patched}")), (false, json!(false)));
    assert!(!rows(&demo, &[]).0.iter().any(|row| row == note), "nobody has made it yet");
}

#[test]
fn several_pods_in_one_file_are_told_one_by_one() {
    let more = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: rrsa-demo}\nspec:\n  \
                template:\n    metadata: {labels: {app: web}}\n    spec: {serviceAccountName: demo-sa, containers: [{name: c, image: 'y'}]}\n\
                ---\n{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"generateName\": \"x-\", \"namespace\": \"rrsa-demo\"}, \
                \"spec\": {\"containers\": []}}\n";
    let text = format!("{}{more}", std::fs::read_to_string(DEMO).unwrap());
    let output = explain_text(&text, &["-o", "json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let summary: Vec<_> = json["pods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pod| json!([pod["kind"], pod["name"], pod["serviceAccount"], pod["result"], pod["reason"]]))
        .collect();
    assert_eq!(
        summary,
        [
            json!(["Pod", "demo", "demo-sa", "injected", null]),
            json!(["Deployment", "web", "demo-sa", "injected", null]),
            json!(["Pod", "x-*", "default", "unknown", "unknown_service_account"]),
        ]
    );
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(1), ""));
    let pods = documents(&stdout(&explain_text(&text, &["-o", "yaml"])));
    assert_eq!(pods.len(), 3);
    assert_eq!(
        pods[1]["metadata"],
        json!({"generateName": "web-", "labels": {"app": "web"}, "namespace": "rrsa-demo"})
    );
    assert_eq!(pods[1]["spec"]["containers"][0]["image"], "y", "a text that looks like a boolean stays one");
    assert_eq!(pods[2]["spec"], json!({"containers": []}));
}

#[test]
fn the_decision_for_scripts_holds_all_of_it() {
    let output = explain(&[&["-f", DEMO, "-o", "json", "--region", "cn-beijing"], &CLUSTER[..]].concat());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({"pods": [{
        "file": DEMO,
        "kind": "Pod",
        "namespace": "rrsa-demo",
        "name": "demo",
        "serviceAccount": "demo-sa",
        "result": "injected",
        "reason": null,
        "why": null,
        "mend": null,
        "roleARN": "acs:ram::1234567890123456:role/ack-pod-identity-webhook-demo",
        "providerARN": "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0ffee",
        "audience": "sts.aliyuncs.com",
        "tokenExpirationSeconds": 3600,
        "tokenExpirationFrom": "component",
        "overrideEnv": null,
        "containers": [{
            "name": "demo",
            "injected": true,
            "replaced": [],
            "mount": true,
            "variables": {
                "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1234567890123456:role/ack-pod-identity-webhook-demo",
                "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0ffee",
                "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens/token",
                "ALIBABA_CLOUD_STS_REGION": "cn-beijing",
                "ALIBABA_CLOUD_STS_ENDPOINT": "sts-vpc.cn-beijing.aliyuncs.com",
                "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED": "true",
            },
        }],
        "existsWithout": false,
        "warnings": [],
        "webhook": null,
    }]});
    assert_eq!(json, expected);
}

#[test]
fn what_keeps_it_from_an_answer_is_one_line_and_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let twice = file("twice.yaml", "apiVersion: v1\nkind: Pod\nkind: Pod\n");
    let service = file("service.yaml", "{apiVersion: v1, kind: Service, metadata: {name: a}}");
    let bare = file("bare.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: a, labels: {x: on}}}");
    let wrong = file(
        "wrong.yaml",
        "{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {pod-identity.alibabacloud.com/injection: 'on'}}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: {}}}",
    );
    let config = file("config.yaml", "accountID: 12x\n");
    for (arguments, expected) in [
        (vec![], "-f"),
        (vec!["-f", "/nowhere/pod.yaml"], "cannot read /nowhere/pod.yaml: No such file or directory"),
        (vec!["-f", &twice], "twice.yaml: the document that begins on line 1 cannot be read: "),
        (vec!["-f", &service], "no pod in these files"),
        (vec!["-f", &bare], "bare.yaml: Namespace a: metadata.labels: x is true, and no text"),
        (vec!["-f", &wrong], "wrong.yaml: Pod a: the object cannot be read as a Pod: spec.containers: "),
        (vec!["-f", DEMO, "--kubeconfig", "/nowhere/config"], "cannot use kubeconfig /nowhere/config"),
        (vec!["-f", DEMO, "--context", "x"], "--kubeconfig"),
        (vec!["-f", DEMO, "-o", "xml"], "xml"),
        (vec!["-f", DEMO, "--sts-variables=perhaps"], "perhaps"),
        (vec!["-f", DEMO, "--account-id", "12x"], "the account ID \"12x\" is not one"),
        (vec!["-f", DEMO, "--config", "/nowhere/config.yaml"], "cannot read configuration file"),
    ] {
        let output = explain(&[&CLUSTER[..], &arguments].concat());
        let line = stderr(&output);
        assert!(
            line.starts_with("ack-pod-identity-webhook: ") && line.contains(expected),
            "{arguments:?}: {line}"
        );
        assert_eq!((line.lines().count(), output.status.code()), (1, Some(2)), "{arguments:?}: {line}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
    for (arguments, expected) in [
        (&["-f", DEMO][..], "no account ID: give --account-id, or accountID in the configuration file"),
        (
            &["-f", DEMO, "--account-id", "1"],
            "no cluster ID: give --cluster-id, or clusterID in the configuration file",
        ),
        (&["-f", DEMO, "--config", &config], "the account ID \"12x\" is not one"),
    ] {
        let output = explain(arguments);
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn takes_the_servers_configuration_file_but_not_where_the_server_is() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    let text = "clusterID: c0ffee\naccountID: '1234567890123456'\nregion: cn-hangzhou\nlisten: 0.0.0.0:8443\n\
                namespace: elsewhere\nkubeconfig: /nowhere/config\nonFault: deny\n";
    std::fs::write(&config, text).unwrap();
    let pod = folder.path().join("pod.yaml");
    let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: NAME, labels: {pod-identity.alibabacloud.com/injection: 'on'}}}\n---\n\
                     {apiVersion: v1, kind: ServiceAccount, metadata: {name: default, annotations: {pod-identity.alibabacloud.com/role-name: r}}}\n---\n\
                     {apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c}]}}\n";
    let (config, pod_path) = (config.to_str().unwrap(), pod.to_str().unwrap());
    for (name, flags) in [("default", &[][..]), ("mine", &["-n", "mine"])] {
        std::fs::write(&pod, namespace.replace("NAME", name)).unwrap();
        let output = explain(&[&["-f", pod_path, "--config", config, "-o", "json"], flags].concat());
        assert_eq!(stderr(&output), "");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = &json["pods"][0];
        assert_eq!((&found["namespace"], &found["result"]), (&json!(name), &json!("injected")));
        let endpoint = &found["containers"][0]["variables"]["ALIBABA_CLOUD_STS_ENDPOINT"];
        assert_eq!(*endpoint, "sts-vpc.cn-hangzhou.aliyuncs.com");
    }
}

/// The server decides on the JSON that it gets: the same pod, the same patch.
#[test]
fn the_pod_that_is_shown_is_the_one_that_the_servers_decision_makes() {
    let pods = [
        json!({"containers": [{"name": "a"}]}),
        json!({"containers": [{"name": "a", "env": null, "volumeMounts": []}], "volumes": null}),
        json!({"containers": [{"name": "a", "env": [{"name": "ALIBABA_CLOUD_ROLE_ARN", "value": "on"}]}]}),
        json!({"initContainers": [{"name": "i", "restartPolicy": "Always"}], "containers": [{"name": "a"}], "new": {"y": [1, "y", "~", "1_000", "0x1f", "12:30", " a ", "a: b", "#", "\u{7f}\u{85}\n"]}}),
        json!({"containers": [{"name": "a", "volumeMounts": [{"name": "x", "mountPath": "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens/x"}]}, {"name": "b"}]}),
        json!({"containers": [{"name": "a", "args": [format!("{}  {}\n\n", "long ".repeat(40), "x".repeat(200))]}], "automountServiceAccountToken": false}),
    ];
    let (namespace, account) = (
        json!({"pod-identity.alibabacloud.com/injection": "on"}),
        json!({"pod-identity.alibabacloud.com/role-name": "R.x-1"}),
    );
    let mut items = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default", "labels": namespace}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "annotations": account}}),
    ];
    let pods: Vec<Value> = pods
        .into_iter()
        .enumerate()
        .map(|(number, spec)| {
            let metadata =
                json!({"name": format!("p{number}"), "namespace": "default", "labels": {"on": "off"}});
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        })
        .collect();
    items.extend(pods.iter().cloned());
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let shown = documents(&stdout(&explain_text(&list, &["-o", "yaml"])));

    let settings = Settings {
        account_id: "1234567890123456".to_owned(),
        provider_arn: "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0ffee".to_owned(),
        audience: "sts.aliyuncs.com".to_owned(),
        mount_path: "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens".to_owned(),
        expiration_seconds: 3600,
        region: None,
        sts_variables: true,
    };
    let namespace = Namespace { injection: Some("on".to_owned()), ..Namespace::default() };
    let account = ServiceAccount { role_name: Some("R.x-1".to_owned()), ..ServiceAccount::default() };
    let decided: Vec<Value> = pods
        .into_iter()
        .map(|mut pod| {
            let text = pod.to_string();
            let decision = decide(&settings, &namespace, &account, &Pod::from_json(&text).unwrap());
            let Outcome::Injected(injection) = decision.outcome else { panic!("{text}") };
            let patch = serde_json::to_value(injection.patch).unwrap();
            json_patch::patch(&mut pod, &serde_json::from_value::<json_patch::Patch>(patch).unwrap())
                .unwrap();
            pod
        })
        .collect();
    assert_eq!(shown, decided);
}
