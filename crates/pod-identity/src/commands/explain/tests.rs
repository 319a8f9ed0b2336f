//! What a cluster adds, with an API server that has what a test gives it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use clap::{FromArgMatches as _, Parser};
use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

const NAMESPACE: &str = "/api/v1/namespaces/rrsa-demo";
const ACCOUNT: &str = "/api/v1/namespaces/rrsa-demo/serviceaccounts/demo-sa";
const CONFIGURATION: &str =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/ack-pod-identity-webhook";

/// Objects by path; where there is none, the answer is 404, where there is a number, it is that, and where there is a null,
/// none ever comes.
struct FakeApi {
    objects: BTreeMap<&'static str, Value>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FakeApi {
    /// As after the installation, with the demo's namespace and service account.
    fn new() -> FakeApi {
        let text = include_str!("../../../../../manifests/pod-identity/base/webhook.yaml");
        let mut configuration: Value = serde_saphyr::from_str::<strict::Strict>(text).unwrap().0;
        for entry in configuration["webhooks"].as_array_mut().unwrap() {
            entry["clientConfig"]["caBundle"] = json!("QQ==");
        }
        let namespace = json!({"metadata": {
            "name": "rrsa-demo", "labels": {"pod-identity.alibabacloud.com/injection": "on"},
        }});
        let account = json!({"metadata": {
            "name": "demo-sa", "annotations": {"pod-identity.alibabacloud.com/role-name": "from-the-cluster"},
        }});
        let objects = [(NAMESPACE, namespace), (ACCOUNT, account), (CONFIGURATION, configuration)].into();
        FakeApi { objects, asked: Arc::default() }
    }

    fn with(mut self, path: &'static str, object: Value) -> FakeApi {
        self.objects.insert(path, object);
        self
    }

    fn live(&self) -> Live {
        let (objects, asked) = (self.objects.clone(), Arc::clone(&self.asked));
        let service = tower::service_fn(move |request: Request<Body>| {
            asked.lock().unwrap().push(request.uri().to_string());
            let found = objects.get(request.uri().path());
            let is_silent = found.is_some_and(Value::is_null);
            let (status, answer) = match found {
                Some(Value::Number(code)) => {
                    (u16::try_from(code.as_u64().unwrap()).unwrap(), status(code.as_u64().unwrap()))
                }
                Some(object) => (200, object.clone()),
                None => (404, status(404)),
            };
            let body = Body::from(answer.to_string().into_bytes());
            let answer = Response::builder().status(status).body(body).unwrap();
            async move {
                if is_silent {
                    std::future::pending::<()>().await;
                }
                Ok::<_, std::convert::Infallible>(answer)
            }
        });
        Live::new(kube::Client::new(service, "of-the-context"))
    }
}

fn status(code: u64) -> Value {
    let reason = if code == 404 { "NotFound" } else { "Forbidden" };
    json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason,
        "message": "User \"jane\" cannot get it",
    })
}

fn pod(change: impl FnOnce(&mut Value)) -> String {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "demo", "namespace": "rrsa-demo"},
        "spec": {"serviceAccountName": "demo-sa", "containers": [{"name": "c", "env": [
            {"name": "ALIBABA_CLOUD_ACCESS_KEY_ID", "value": "x"},
        ]}]},
    });
    change(&mut pod);
    pod.to_string()
}

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    explain: ExplainArguments,
}

/// Runs it about these manifests with this cluster.
async fn run_with(api: &FakeApi, manifests: &str, flags: &[&str]) -> Result<Report, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f.json");
    std::fs::write(&file, manifests).unwrap();
    let file = file.to_str().unwrap();
    let given = ["explain", "-f", file, "--cluster-id", "c1", "--account-id", "1234567890123456"];
    let line = CommandLine::try_parse_from(given.iter().chain(flags)).unwrap();
    let report = explain(&line.explain, Some(api.live())).await?;
    Ok(Report { stdout: report.stdout.replace(file, "f.json"), ..report })
}

/// The rows after the first, without those about what is injected.
async fn rows(api: &FakeApi, manifests: &str) -> Vec<String> {
    let report = run_with(api, manifests, &[]).await.unwrap();
    let rows = report.stdout.lines().skip(1).map(|line| line.trim().to_owned());
    rows.filter(|row| {
        !["provider ", "token ", "sts ", "container "].iter().any(|begin| row.starts_with(begin))
    })
    .collect()
}

const WARNING: &str = "warning   container \"c\" has ALIBABA_CLOUD_ACCESS_KEY_ID, which SDKs read before its RAM role: \
                       remove it to use the role";

#[tokio::test]
async fn what_is_in_no_file_is_read_from_the_cluster() {
    let api = FakeApi::new();
    assert_eq!(
        rows(&api, &pod(|_| {})).await,
        [
            "injected  acs:ram::1234567890123456:role/from-the-cluster of ServiceAccount demo-sa",
            "called    pods.pod-identity.alibabacloud.com; failurePolicy Ignore: while the webhook is away the pod is \
             made without a role",
            WARNING,
        ]
    );
    // Without a resourceVersion, which is an answer out of a cache.
    let asked = api.asked.lock().unwrap().clone();
    assert_eq!(asked, [NAMESPACE, CONFIGURATION, ACCOUNT].map(str::to_owned));
}

#[tokio::test]
async fn each_object_is_read_once_and_what_is_in_a_file_is_not() {
    let api = FakeApi::new();
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "demo-sa", "namespace": "rrsa-demo",
        "annotations": {"pod-identity.alibabacloud.com/role-name": "from-the-file"}},
    });
    let manifests =
        format!("{account}\n{}\n{}", pod(|_| {}), pod(|pod| pod["metadata"]["name"] = json!("two")));
    let report = run_with(&api, &manifests, &[]).await.unwrap();
    assert_eq!(report.stdout.matches("role/from-the-file").count(), 2, "{}", report.stdout);
    assert_eq!(*api.asked.lock().unwrap(), [NAMESPACE, CONFIGURATION]);
    assert_eq!((report.status, report.stderr), (0, vec!["2 of 2 pods injected".to_owned()]));
}

#[tokio::test]
async fn a_pod_for_which_nobody_would_call_gets_nothing_and_no_warning() {
    let configuration = FakeApi::new().objects[CONFIGURATION].clone();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut changed = configuration.clone();
        change(&mut changed["webhooks"][0]);
        FakeApi::new().with(CONFIGURATION, changed)
    };
    let entry = "the API server would not call the webhook: pods.pod-identity.alibabacloud.com: ";
    for (api, why, mend) in [
        (
            FakeApi::new().with(CONFIGURATION, json!(404)),
            "the API server would not call the webhook: there is no MutatingWebhookConfiguration \
             ack-pod-identity-webhook"
                .to_owned(),
            "install the webhook, as in manifests/pod-identity, or name the configuration with --webhook-configuration",
        ),
        (
            changed(&|entry| {
                entry["clientConfig"].as_object_mut().unwrap().remove("caBundle");
            }),
            format!("{entry}it has no caBundle, so that each call fails"),
            "look what /readyz and the log of the webhook say: it, or cert-manager, writes the caBundle",
        ),
        (
            changed(&|entry| entry["objectSelector"] = json!({"matchLabels": {"a": "b"}})),
            format!(
                "{entry}its objectSelector (a=b) does not match the labels of the pod; \
                 labelled-pods.pod-identity.alibabacloud.com: its namespaceSelector \
                 (pod-identity.alibabacloud.com/injection notin (on)) does not match namespace rrsa-demo"
            ),
            "change the labels of the pod",
        ),
    ] {
        let rows = rows(&api, &pod(|_| {})).await;
        assert_eq!(rows, [format!("nothing   not_called: {why}"), format!("mend      {mend}")]);
    }
}

#[tokio::test]
async fn what_is_wrong_besides_is_said_first() {
    let api = FakeApi::new().with(NAMESPACE, json!({"metadata": {"name": "rrsa-demo"}}));
    let rows = rows(&api, &pod(|_| {})).await;
    assert!(rows[0].starts_with("nothing   namespace_not_on: "), "{rows:?}");
    assert_eq!(
        rows[2],
        "called    not at all: pods.pod-identity.alibabacloud.com: its namespaceSelector \
         (pod-identity.alibabacloud.com/injection=on) does not match namespace rrsa-demo; \
         labelled-pods.pod-identity.alibabacloud.com: its objectSelector (pod-identity.alibabacloud.com/injection=on) does \
         not match the labels of the pod"
    );
}

#[tokio::test]
async fn a_pod_with_the_label_gets_its_role_in_a_namespace_without_it() {
    let api = FakeApi::new().with(
        NAMESPACE,
        json!({"metadata": {"name": "rrsa-demo", "labels": {
            "pod-identity.alibabacloud.com/override-env": "true",
        }}}),
    );
    let labels = json!({"pod-identity.alibabacloud.com/injection": "on"});
    let manifest = pod(|pod| {
        pod["metadata"]["labels"] = labels;
        pod["spec"]["containers"][0]["env"] = json!([{"name": "ALIBABA_CLOUD_ROLE_ARN", "value": "x"}]);
    });
    assert_eq!(
        rows(&api, &manifest).await,
        [
            "injected  acs:ram::1234567890123456:role/from-the-cluster of ServiceAccount demo-sa",
            "override  variables of its own are replaced, by override-env of its namespace",
            "called    labelled-pods.pod-identity.alibabacloud.com; failurePolicy Ignore: while the webhook is away the \
             pod is made without a role",
            "warning   the own ALIBABA_CLOUD_ROLE_ARN of container \"c\" is replaced, as override-env of its namespace says",
        ]
    );
    let report = run_with(&api, &manifest, &[]).await.unwrap().stdout;
    assert!(
        report.contains("c: ALIBABA_CLOUD_ROLE_ARN in place of its own, ALIBABA_CLOUD_OIDC_PROVIDER_ARN,"),
        "{report}"
    );
}

#[tokio::test]
async fn what_does_not_exist_is_told() {
    for (path, expected) in [
        (NAMESPACE, "unknown_namespace: Namespace rrsa-demo is neither in the files nor in the cluster"),
        (
            ACCOUNT,
            "unknown_service_account: ServiceAccount rrsa-demo/demo-sa is neither in the files nor in the cluster",
        ),
    ] {
        let report = run_with(&FakeApi::new().with(path, json!(404)), &pod(|_| {}), &[]).await.unwrap();
        assert!(report.stdout.contains(&format!("  unknown   {expected}\n")), "{}", report.stdout);
        assert_eq!(report.status, 1);
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_named() {
    let refused = "HTTP 403 Forbidden: User \"jane\" cannot get it";
    for (path, what) in [(NAMESPACE, "Namespace rrsa-demo"), (ACCOUNT, "ServiceAccount rrsa-demo/demo-sa")] {
        let error = run_with(&FakeApi::new().with(path, json!(403)), &pod(|_| {}), &[]).await.unwrap_err();
        assert_eq!(error, format!("cannot read {what}: {refused}"));
    }
    // Who may not see webhook configurations can still ask what the webhook would do.
    let rows = rows(&FakeApi::new().with(CONFIGURATION, json!(403)), &pod(|_| {})).await;
    let name = "MutatingWebhookConfiguration ack-pod-identity-webhook";
    assert_eq!(rows[1], format!("called    unknown: cannot read {name}: {refused}"));
    assert!(rows[0].starts_with("injected "), "{rows:?}");
}

#[tokio::test]
async fn the_namespace_is_the_pods_else_the_flags_else_the_contexts() {
    let nameless = pod(|pod| {
        pod["metadata"].as_object_mut().unwrap().remove("namespace");
    });
    for (manifest, flags, expected) in [
        (pod(|_| {}), &["-n", "flag"][..], "rrsa-demo"),
        (nameless.clone(), &["-n", "flag"], "flag"),
        (nameless, &[], "of-the-context"),
    ] {
        let report = run_with(&FakeApi::new(), &manifest, flags).await.unwrap();
        assert!(report.stdout.starts_with(&format!("Pod {expected}/demo (f.json)\n")), "{}", report.stdout);
    }
}

#[tokio::test]
async fn what_foreign_texts_say_stays_on_one_line() {
    let forged = "demo\n  injected  everything\u{1b}[2J";
    let manifest = pod(|pod| {
        pod["metadata"]["name"] = json!(forged);
        pod["spec"]["containers"][0]["name"] = json!(forged);
    });
    let report = run_with(&FakeApi::new(), &manifest, &[]).await.unwrap();
    assert!(!report.stdout.contains('\u{1b}'), "{}", report.stdout);
    assert_eq!(report.stdout.lines().filter(|line| line.starts_with("  injected ")).count(), 1);
}

/// What is proposed as a command has nothing in it but names.
#[tokio::test]
async fn names_that_kubernetes_does_not_take_are_refused() {
    for forged in ["a; reboot", "$(reboot)", "a\nb", "A"] {
        for field in ["/metadata/namespace", "/spec/serviceAccountName"] {
            let manifest = pod(|pod| *pod.pointer_mut(field).unwrap() = json!(forged));
            let error = run_with(&FakeApi::new(), &manifest, &[]).await.unwrap_err();
            assert!(error.contains("that Kubernetes takes") && !error.contains('\n'), "{error}");
        }
    }
}

#[test]
fn a_configuration_file_sets_what_decides_about_pods_and_nothing_else() {
    let command = ExplainArguments::in_a_file();
    let mut names: Vec<_> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "account-id",
            "audience",
            "cluster-id",
            "config",
            "default-token-expiration",
            "oidc-provider-arn",
            "region",
            "sts-variables",
            "token-mount-path",
            "webhook-configuration",
        ]
    );
    let given = ["explain", "-f", "a", "b", "-f", "c", "--region", "d"];
    let matches = ExplainArguments::augment_args(clap::Command::new("explain")).get_matches_from(given);
    let arguments = ExplainArguments::from_arg_matches(&matches).unwrap();
    assert_eq!(arguments.filename, ["a", "b", "c"].map(PathBuf::from));
}

#[tokio::test]
async fn a_namespace_in_a_file_counts_and_not_the_one_in_the_cluster() {
    let off =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "rrsa-demo", "labels": {}}});
    let rows = rows(&FakeApi::new(), &format!("{off}\n{}", pod(|_| {}))).await;
    assert!(rows[0].starts_with("nothing   namespace_not_on: "), "{rows:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_says_nothing_is_not_waited_for() {
    let api = FakeApi::new().with(NAMESPACE, Value::Null);
    let begun = tokio::time::Instant::now();
    let line = run_with(&api, &pod(|_| {}), &[]).await.unwrap_err();
    assert!(begun.elapsed() <= std::time::Duration::from_secs(11), "{:?}", begun.elapsed());
    assert_eq!(line, "cannot read Namespace rrsa-demo: no answer from the API server within 10 s");
}

#[test]
fn a_file_that_is_too_large_for_manifests_is_not_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(32 * 1024 * 1024 + 1).unwrap();
    let error = source::read(&[file.path().to_owned()]).unwrap_err().to_string();
    assert!(error.ends_with("has more than 33554432 bytes: too large for manifests"), "{error}");
}
