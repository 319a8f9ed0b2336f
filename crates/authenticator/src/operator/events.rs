//! Events about what went wrong (events.k8s.io/v1). They are about a cluster-scoped object, so they lie in
//! namespace `default`, where `kubectl describe` looks for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cluster::event::Warning;
use cluster::{describe, is_denied};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, PostParams};

use super::metrics::Written;
use crate::custom_resource::{MappingObject, Verdict};

/// Where Events about cluster-scoped objects lie.
const NAMESPACE: &str = "default";
const CONTROLLER: &str = "ack-ram-authenticator";

/// Writes Events.
pub(super) struct Events {
    api: Api<Event>,
    instance: String,
    complained: Arc<AtomicBool>,
}

impl Events {
    pub(super) fn new(client: kube::Client, instance: &str) -> Events {
        Events {
            api: Api::namespaced(client, NAMESPACE),
            instance: instance.to_owned(),
            complained: Arc::default(),
        }
    }

    /// Tells of a mapping that is not ready.
    pub(super) async fn warn(&self, object: &MappingObject, verdict: &Verdict, now: Timestamp) -> Written {
        match self.api.create(&PostParams::default(), &self.event(object, verdict, now)).await {
            Ok(_) => {
                self.complained.store(false, Ordering::Relaxed);
                Written::Done
            }
            Err(error) => {
                if !self.complained.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        "cannot write Events: {}: give the right to create events (events.k8s.io) in namespace \
                         {NAMESPACE}; logins go on",
                        describe(&error)
                    );
                }
                if is_denied(&error) { Written::Denied } else { Written::Failed }
            }
        }
    }

    fn event(&self, object: &MappingObject, verdict: &Verdict, now: Timestamp) -> Event {
        let reference = ObjectReference {
            api_version: Some("ramauthenticator.k8s.alibabacloud/v1alpha1".to_owned()),
            kind: Some("RAMIdentityMapping".to_owned()),
            uid: object.metadata.uid.clone(),
            resource_version: object.metadata.resource_version.clone(),
            name: Some(object.metadata.name.clone().unwrap_or_default()),
            ..ObjectReference::default()
        };
        let warning = Warning {
            controller: CONTROLLER,
            instance: &self.instance,
            namespace: NAMESPACE,
            regarding: reference,
            reason: verdict.reason.as_str(),
            action: "CheckMapping",
            note: &verdict.message,
        };
        warning.at(now)
    }
}
