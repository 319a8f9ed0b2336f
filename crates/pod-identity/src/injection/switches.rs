//! Labels and annotations that turn something on: with one value, and no other.

use super::levels::{ON, TRUE};
use super::warnings::{Quoted, Warnings};
use super::{Level, Namespace, Pod, ServiceAccount, Settings};

/// What people write who mean that something is to stay off.
const OFF: [&str; 3] = ["", "off", "false"];

/// Who says that injected values win. With any other value on the pod than `true`, the namespace decides, as documented.
pub(super) fn override_env(namespace: &Namespace, pod: &Pod<'_>) -> Option<Level> {
    match (pod.overrides(), namespace.overrides()) {
        (true, _) => Some(Level::Pod),
        (false, true) => Some(Level::Namespace),
        (false, false) => None,
    }
}

/// Tells of those that do not do what whoever set them may think.
pub(super) fn warn(
    settings: &Settings,
    namespace: &Namespace,
    account: &ServiceAccount,
    pod: &Pod<'_>,
    warnings: &mut Warnings,
) {
    // The namespace is on then: this pod is injected.
    if let Some(value) = pod.labels().injection.as_deref().filter(|value| *value != ON) {
        warnings.push(format_args!(
            "label pod-identity.alibabacloud.com/injection {} of the pod changes nothing, only \"on\" does: its namespace \
             decides; to leave containers out, annotate skip-containers",
            Quoted(value),
        ));
    }
    let of_pod = pod.annotations().override_env.as_deref();
    for (name, wanted, value, level) in [
        ("override-env", TRUE, of_pod, Level::Pod),
        ("override-env", TRUE, namespace.override_env.as_deref(), Level::Namespace),
        ("inject-sts-endpoint", ON, account.inject_sts_endpoint.as_deref(), Level::ServiceAccount),
    ] {
        if let Some(value) = value.filter(|value| *value != wanted && !OFF.contains(value)) {
            warnings.push(format_args!(
                "pod-identity.alibabacloud.com/{name} {} of {level} changes nothing: only \"{wanted}\" does",
                Quoted(value),
            ));
        }
    }
    if account.wants_sts_endpoint() && settings.region.is_none() {
        warnings.push(format_args!(
            "service account {} has inject-sts-endpoint, and the webhook knows no region: ALIBABA_CLOUD_STS_ENDPOINT is left \
             out; start the webhook with --region, or remove the annotation",
            Quoted(pod.service_account()),
        ));
    }
}
