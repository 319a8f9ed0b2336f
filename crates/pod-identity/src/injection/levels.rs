//! What namespace and service account say, as text: what it means is decided in one place.

use std::collections::BTreeMap;

/// Label of namespaces, and prefix of every annotation.
const PREFIX: &str = "pod-identity.alibabacloud.com/";

type Map = BTreeMap<String, String>;

/// What counts of a namespace. Each value as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Label `pod-identity.alibabacloud.com/injection`; `on` turns injection on.
    pub injection: Option<String>,
    /// Annotation `pod-identity.alibabacloud.com/service-account-token-expiration`.
    pub expiration: Option<String>,
}

/// What counts of a service account. Each value as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Annotation `pod-identity.alibabacloud.com/role-name`.
    pub role_name: Option<String>,
    /// Annotation `pod-identity.alibabacloud.com/role-arn`.
    pub role_arn: Option<String>,
    /// Annotation `pod-identity.alibabacloud.com/service-account-token-expiration`.
    pub expiration: Option<String>,
}

fn value(map: Option<&Map>, name: &str) -> Option<String> {
    map?.get(&format!("{PREFIX}{name}")).cloned()
}

impl Namespace {
    /// From its metadata.
    pub fn new(labels: Option<&Map>, annotations: Option<&Map>) -> Namespace {
        Namespace {
            injection: value(labels, "injection"),
            expiration: value(annotations, "service-account-token-expiration"),
        }
    }

    /// Whether its pods are injected at all.
    pub fn is_on(&self) -> bool {
        self.injection.as_deref() == Some("on")
    }
}

impl ServiceAccount {
    /// From its metadata.
    pub fn new(annotations: Option<&Map>) -> ServiceAccount {
        ServiceAccount {
            role_name: value(annotations, "role-name"),
            role_arn: value(annotations, "role-arn"),
            expiration: value(annotations, "service-account-token-expiration"),
        }
    }

    /// Whether it names a role, well or badly.
    pub fn names_a_role(&self) -> bool {
        self.role_name.is_some() || self.role_arn.is_some()
    }
}
