//! Why namespace or service account are not known.

use std::fmt;

/// Which of a pod's two objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    /// Its namespace.
    Namespace,
    /// Its service account.
    ServiceAccount,
}

impl Object {
    /// All of them.
    pub const ALL: [Object; 2] = [Object::Namespace, Object::ServiceAccount];

    /// As in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Object::Namespace => "namespace",
            Object::ServiceAccount => "service_account",
        }
    }

    /// For a person.
    fn said(self) -> &'static str {
        match self {
            Object::Namespace => "namespace",
            Object::ServiceAccount => "service account",
        }
    }

    /// As in a rule of RBAC.
    fn resource(self) -> &'static str {
        match self {
            Object::Namespace => "namespaces",
            Object::ServiceAccount => "serviceaccounts",
        }
    }
}

/// Why a live read brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// HTTP 404.
    Missing,
    /// HTTP 401 or 403, and the API server's words.
    Denied(String),
    /// Anything else, on one line.
    Failed(String),
    /// The time was over before the API server said anything.
    NoAnswer,
    /// Too many other objects wait to be read.
    Busy,
    /// No object can have this name.
    NoName,
}

/// Why namespace or service account of a pod are not known. One line: what happened, to which object, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct LookupError {
    object: Object,
    name: String,
    failure: Failure,
}

impl LookupError {
    pub(crate) fn new(object: Object, name: String, failure: Failure) -> LookupError {
        LookupError { object, name, failure }
    }

    /// Which object.
    pub fn object(&self) -> Object {
        self.object
    }

    /// As in metrics: `not_found`, `denied`, `failed`, `timeout`, `busy`, `invalid_name`.
    pub fn as_str(&self) -> &'static str {
        result(&self.failure)
    }
}

/// As in metrics.
pub(crate) fn result(failure: &Failure) -> &'static str {
    match failure {
        Failure::Missing => "not_found",
        Failure::Denied(_) => "denied",
        Failure::Failed(_) => "failed",
        Failure::NoAnswer => "timeout",
        Failure::Busy => "busy",
        Failure::NoName => "invalid_name",
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LookupError { object, name, failure } = self;
        let said = object.said();
        match failure {
            Failure::Missing => {
                write!(f, "{said} {name} does not exist: create it, and then the pod again")
            }
            Failure::Denied(reason) => write!(
                f,
                "cannot read {said} {name}: {reason}: give the webhook's service account the rights to get, list and \
                 watch {} in the whole cluster",
                object.resource()
            ),
            Failure::Failed(reason) => {
                write!(
                    f,
                    "cannot read {said} {name}: {reason}: create the pod again once the API server answers"
                )
            }
            Failure::NoAnswer => write!(
                f,
                "cannot read {said} {name}: no answer from the API server within 2 s: create the pod again once it answers"
            ),
            Failure::Busy => write!(
                f,
                "cannot read {said} {name}: too many others wait to be read: create the pod again in a few seconds"
            ),
            Failure::NoName => write!(f, "no {said} can be named {name}: correct the pod"),
        }
    }
}
