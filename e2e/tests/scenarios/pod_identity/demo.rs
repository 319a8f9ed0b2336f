//! What the documentation of the component shows: these manifests, that pod.

use serde_json::{Value, json};

use super::*;

/// The example of the documentation of `ack-pod-identity-webhook`.
const DEMO: &str = include_str!("../../../../crates/pod-identity/testdata/demo.yaml");

/// The `spec` that the documentation shows, without what Container Compute Service adds by itself: the API server's
/// address, resources, and the node. `ENV` stands for the variables, `API_ACCESS` for a name that is made up each time.
const DOCUMENTED: &str = r#"
containers:
- args:
  - rrsa
  - demo
  env: ENV
  image: registry.cn-hangzhou.aliyuncs.com/acs/ack-ram-tool:1.0.0
  imagePullPolicy: Always
  name: demo
  resources: {}
  terminationMessagePath: /dev/termination-log
  terminationMessagePolicy: File
  volumeMounts:
  - mountPath: /var/run/secrets/kubernetes.io/serviceaccount
    name: API_ACCESS
    readOnly: true
  - mountPath: /var/run/secrets/ack.alibabacloud.com/rrsa-tokens
    name: rrsa-oidc-token
    readOnly: true
dnsPolicy: ClusterFirst
enableServiceLinks: true
preemptionPolicy: PreemptLowerPriority
priority: 0
restartPolicy: OnFailure
schedulerName: default-scheduler
securityContext: {}
serviceAccount: demo-sa
serviceAccountName: demo-sa
terminationGracePeriodSeconds: 30
tolerations:
- effect: NoExecute
  key: node.kubernetes.io/not-ready
  operator: Exists
  tolerationSeconds: 300
- effect: NoExecute
  key: node.kubernetes.io/unreachable
  operator: Exists
  tolerationSeconds: 300
volumes:
- name: API_ACCESS
  projected:
    defaultMode: 420
    sources:
    - serviceAccountToken:
        expirationSeconds: 3607
        path: token
    - configMap:
        items:
        - key: ca.crt
          path: ca.crt
        name: kube-root-ca.crt
    - downwardAPI:
        items:
        - fieldRef:
            apiVersion: v1
            fieldPath: metadata.namespace
          path: namespace
- name: rrsa-oidc-token
  projected:
    defaultMode: 420
    sources:
    - serviceAccountToken:
        audience: sts.aliyuncs.com
        expirationSeconds: 3600
        path: token
"#;

const THREE: [(&str, &str); 3] = [
    ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1234567890123456:role/ack-pod-identity-webhook-demo"),
    (
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
        "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123456789abcdef0123456789abcdef",
    ),
    ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/var/run/secrets/ack.alibabacloud.com/rrsa-tokens/token"),
];
/// What version 0.4.0 of the component added.
const THREE_MORE: [(&str, &str); 3] = [
    ("ALIBABA_CLOUD_STS_ENDPOINT", "sts-vpc.cn-hangzhou.aliyuncs.com"),
    ("ALIBABA_CLOUD_STS_REGION", "cn-hangzhou"),
    ("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "true"),
];

pub(super) fn the_documented_manifests_give_the_documented_pod_with_three_variables_or_six(
    rig: &Rig,
) -> Outcome {
    let pod_identity = rig.pod_identity()?;
    let six = [THREE, THREE_MORE].concat();
    assert_eq!(applied(rig)?, documented(&six));
    let _instead = pod_identity.with("without-sts-variables", &["--sts-variables=false"])?;
    assert_eq!(applied(rig)?, documented(&THREE));
    Ok(())
}

/// `kubectl apply -f demo.yaml`, and the `spec` of `kubectl get pod demo`.
fn applied(rig: &Rig) -> Result<Value, e2e::Error> {
    let file = rig.run().file("demo.yaml", DEMO)?;
    let _pod = rig.removed_later("pod/demo --namespace=rrsa-demo");
    let output = rig.admin().run(&["apply", "-f", &file.to_string_lossy()])?;
    assert_eq!((output.status, output.stderr.as_str()), (0, ""), "{output:?}");
    let mut spec = get(rig, "rrsa-demo", "pod/demo")?["spec"].take();
    let api_access = spec["volumes"][0]["name"].as_str().unwrap().to_owned();
    assert!(api_access.starts_with("kube-api-access-"), "{api_access}");
    for place in ["/volumes/0/name", "/containers/0/volumeMounts/0/name"] {
        let name = spec.pointer_mut(place).unwrap();
        assert_eq!(*name, api_access);
        *name = json!("API_ACCESS");
    }
    Ok(spec)
}

fn documented(variables: &[(&str, &str)]) -> Value {
    let mut spec: Value = serde_saphyr::from_str(DOCUMENTED).unwrap();
    let variables = variables.iter().map(|(name, value)| json!({"name": name, "value": value}));
    spec["containers"][0]["env"] = variables.collect();
    spec
}
