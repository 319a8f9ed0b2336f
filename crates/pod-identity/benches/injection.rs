//! What reading a pod and deciding about it costs: `cargo bench -p pod-identity`.
#![allow(clippy::unwrap_used)]

use divan::{Bencher, black_box};
use pod_identity::injection::{Decision, Namespace, Pod, ServiceAccount, Settings, decide};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

/// The pod of the documentation's example.
fn example() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "demo", "namespace": "rrsa-demo" },
        "spec": {
            "serviceAccountName": "demo-sa",
            "containers": [{
                "image": "registry.cn-hangzhou.aliyuncs.com/acs/ack-ram-tool:1.0.0",
                "imagePullPolicy": "Always",
                "args": ["rrsa", "demo"],
                "name": "demo",
            }],
            "restartPolicy": "OnFailure",
        },
    })
}

/// A pod with ten containers, fifty variables and ten mounts in each, and a large annotation that is not read.
fn large() -> Value {
    let env: Vec<Value> =
        (0..50).map(|number| json!({ "name": format!("NAME_{number}"), "value": "some value" })).collect();
    let mounts: Vec<Value> =
        (0..10).map(|number| json!({ "name": "data", "mountPath": format!("/var/data/{number}") })).collect();
    let containers: Vec<Value> = (0..10)
        .map(|number| json!({ "name": format!("c{number}"), "env": env, "volumeMounts": mounts, "image": "i" }))
        .collect();
    json!({
        "metadata": { "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "x".repeat(50_000) } },
        "spec": { "containers": containers, "volumes": [{ "name": "data", "emptyDir": {} }] },
    })
}

struct Rest {
    settings: Settings,
    namespace: Namespace,
    account: ServiceAccount,
}

impl Rest {
    fn new() -> Rest {
        Rest {
            settings: Settings {
                account_id: "1488999589123456".to_owned(),
                provider_arn: "acs:ram::1488999589123456:oidc-provider/ack-rrsa-cbec9a1f7b433470".to_owned(),
                audience: "sts.aliyuncs.com".to_owned(),
                mount_path: "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens".to_owned(),
                expiration_seconds: 3600,
                region: Some("cn-hangzhou".to_owned()),
                sts_variables: true,
            },
            namespace: Namespace { injection: Some("on".to_owned()), ..Namespace::default() },
            account: ServiceAccount { role_name: Some("reader".to_owned()), ..ServiceAccount::default() },
        }
    }

    fn decide(&self, pod: &Pod<'_>) -> Decision {
        decide(&self.settings, &self.namespace, &self.account, pod)
    }
}

fn measure(bencher: Bencher<'_, '_>, pod: &Value) {
    let (rest, json) = (Rest::new(), pod.to_string());
    bencher.bench(|| rest.decide(&Pod::from_json(black_box(&json)).unwrap()));
}

#[divan::bench]
fn example_read_and_decided(bencher: Bencher<'_, '_>) {
    measure(bencher, &example());
}

#[divan::bench]
fn large_read_and_decided(bencher: Bencher<'_, '_>) {
    measure(bencher, &large());
}

#[divan::bench]
fn large_read(bencher: Bencher<'_, '_>) {
    let json = large().to_string();
    bencher.bench(|| Pod::from_json(black_box(&json)).map(drop));
}
