//! The one place where Kubernetes' objects become what the decision reads.

use std::sync::Arc;

use cluster::{describe, is_denied};
use k8s_openapi::api::core::v1 as api;
use kube::api::Api;
use kube::core::PartialObjectMeta;

use super::error::Failure;
use super::name::ObjectName;
use super::reads::Answer;
use crate::injection::{Namespace, ServiceAccount};

/// Longest value that is kept of an annotation, in bytes; an annotation may have 256 KiB, and whoever may make service
/// accounts may make many. Longer than any value that is good (an ARN has 111 bytes at most), so that what is cut off cannot
/// make a bad one good.
const VALUE_BYTES: usize = 256;

/// What the copy keeps of a namespace: nothing where it is not `on`.
pub(super) fn namespace(object: &PartialObjectMeta<api::Namespace>) -> Option<Namespace> {
    Some(any_namespace(object)).filter(Namespace::is_on)
}

/// What the copy keeps of a service account: nothing where it names no role.
pub(super) fn service_account(object: &PartialObjectMeta<api::ServiceAccount>) -> Option<ServiceAccount> {
    Some(any_service_account(object)).filter(ServiceAccount::names_a_role)
}

fn any_namespace(object: &PartialObjectMeta<api::Namespace>) -> Namespace {
    let metadata = &object.metadata;
    let Namespace { injection, override_env, expiration } =
        Namespace::new(metadata.labels.as_ref(), metadata.annotations.as_ref());
    Namespace { injection: cut(injection), override_env: cut(override_env), expiration: cut(expiration) }
}

fn any_service_account(object: &PartialObjectMeta<api::ServiceAccount>) -> ServiceAccount {
    let ServiceAccount { role_name, role_arn, inject_sts_endpoint, expiration } =
        ServiceAccount::new(object.metadata.annotations.as_ref());
    ServiceAccount {
        role_name: cut(role_name),
        role_arn: cut(role_arn),
        inject_sts_endpoint: cut(inject_sts_endpoint),
        expiration: cut(expiration),
    }
}

fn cut(value: Option<String>) -> Option<String> {
    value.map(|mut value| {
        value.truncate(value.floor_char_boundary(VALUE_BYTES));
        value
    })
}

/// Asks the API server for a namespace.
pub(super) async fn read_namespace(client: kube::Client, name: ObjectName) -> Answer<Namespace> {
    let namespaces: Api<PartialObjectMeta<api::Namespace>> = Api::all(client);
    answer(namespaces.get_opt(&name.name).await, any_namespace)
}

/// Asks the API server for a service account.
pub(super) async fn read_service_account(client: kube::Client, name: ObjectName) -> Answer<ServiceAccount> {
    let namespace = name.namespace.unwrap_or_default();
    let accounts: Api<PartialObjectMeta<api::ServiceAccount>> = Api::namespaced(client, &namespace);
    answer(accounts.get_opt(&name.name).await, any_service_account)
}

fn answer<K, V>(
    read: Result<Option<PartialObjectMeta<K>>, kube::Error>,
    meaning: fn(&PartialObjectMeta<K>) -> V,
) -> Answer<V> {
    match read {
        Ok(Some(object)) => Ok(Arc::new(meaning(&object))),
        Ok(None) => Err(Failure::Missing),
        Err(error) if is_denied(&error) => Err(Failure::Denied(describe(&error))),
        Err(error) => Err(Failure::Failed(describe(&error))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn what_says_nothing_costs_nothing_and_a_value_without_end_is_cut() {
        let account = |annotations: serde_json::Value| {
            let object = json!({"metadata": {"name": "a", "annotations": annotations}});
            service_account(&serde_json::from_value(object).unwrap())
        };
        assert_eq!(account(json!({"other": "x"})), None);
        assert_eq!(
            account(json!({"pod-identity.alibabacloud.com/service-account-token-expiration": "600"})),
            None
        );
        let long = "ä".repeat(100_000);
        let kept = account(json!({"pod-identity.alibabacloud.com/role-name": long})).unwrap();
        assert_eq!(kept.role_name.unwrap().len(), VALUE_BYTES);
        let on = |value: &str| {
            let labels = json!({"pod-identity.alibabacloud.com/injection": value});
            namespace(&serde_json::from_value(json!({"metadata": {"name": "n", "labels": labels}})).unwrap())
        };
        assert!(on("on").unwrap().is_on());
        assert_eq!(on("off"), None);
        let (label, value) = super::super::NAMESPACE_SELECTOR.split_once('=').unwrap();
        assert_eq!((label, value), ("pod-identity.alibabacloud.com/injection", "on"));
    }
}
