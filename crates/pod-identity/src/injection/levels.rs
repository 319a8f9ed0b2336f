//! What namespace and service account say, as text: what it means is decided in one place.

use std::collections::BTreeMap;
use std::fmt;

/// Of every label and annotation.
const PREFIX: &str = "pod-identity.alibabacloud.com/";

/// What turns on `injection` and `inject-sts-endpoint`, and what `override-env` (the documentation of the public
/// component, configuration of namespace, service account and pod): in this case of letters and no other.
pub(super) const ON: &str = "on";
pub(super) const TRUE: &str = "true";

type Map = BTreeMap<String, String>;

/// Where something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// On the pod.
    Pod,
    /// On its service account.
    ServiceAccount,
    /// On its namespace.
    Namespace,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Pod => "the pod",
            Level::ServiceAccount => "its service account",
            Level::Namespace => "its namespace",
        })
    }
}

/// What counts of a namespace. Each value as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Label `pod-identity.alibabacloud.com/injection`; `on` turns injection on.
    pub injection: Option<String>,
    /// Label `pod-identity.alibabacloud.com/override-env`; `true`: injected values win over those that containers have.
    pub override_env: Option<String>,
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
    /// Annotation `pod-identity.alibabacloud.com/inject-sts-endpoint`; `on`: also where the component injects no variables
    /// about STS.
    pub inject_sts_endpoint: Option<String>,
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
            override_env: value(labels, "override-env"),
            expiration: value(annotations, "service-account-token-expiration"),
        }
    }

    /// Whether its pods are injected, and not only those with the label.
    pub fn is_on(&self) -> bool {
        self.injection.as_deref() == Some(ON)
    }

    pub(super) fn overrides(&self) -> bool {
        self.override_env.as_deref() == Some(TRUE)
    }
}

impl ServiceAccount {
    /// From its metadata.
    pub fn new(annotations: Option<&Map>) -> ServiceAccount {
        ServiceAccount {
            role_name: value(annotations, "role-name"),
            role_arn: value(annotations, "role-arn"),
            inject_sts_endpoint: value(annotations, "inject-sts-endpoint"),
            expiration: value(annotations, "service-account-token-expiration"),
        }
    }

    /// Whether it names a role, well or badly.
    pub fn names_a_role(&self) -> bool {
        self.role_name.is_some() || self.role_arn.is_some()
    }

    pub(super) fn wants_sts_endpoint(&self) -> bool {
        self.inject_sts_endpoint.as_deref() == Some(ON)
    }
}
