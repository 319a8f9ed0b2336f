//! Events about what went wrong (events.k8s.io/v1). They are about a cluster-scoped object, so they lie in
//! namespace `default`, where `kubectl describe` looks for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, DynamicObject, PostParams};

use super::lease::is_denied;
use super::metrics::Written;
use crate::cluster::describe;
use crate::custom_resource::Verdict;

/// Where Events about cluster-scoped objects lie.
const NAMESPACE: &str = "default";
/// Longest note that the API takes.
const NOTE_BYTES: usize = 1024;
/// Of the object's name in the Event's name, which ends with the time.
const NAME_BYTES: usize = 200;
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
            instance: shortened(instance, 128).to_owned(),
            complained: Arc::default(),
        }
    }

    /// Tells of a mapping that is not ready.
    pub(super) async fn warn(&self, object: &DynamicObject, verdict: &Verdict, now: Timestamp) -> Written {
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

    fn event(&self, object: &DynamicObject, verdict: &Verdict, now: Timestamp) -> Event {
        let name = object.metadata.name.clone().unwrap_or_default();
        let reference = ObjectReference {
            api_version: Some("ramauthenticator.k8s.alibabacloud/v1alpha1".to_owned()),
            kind: Some("RAMIdentityMapping".to_owned()),
            uid: object.metadata.uid.clone(),
            resource_version: object.metadata.resource_version.clone(),
            name: Some(name.clone()),
            ..ObjectReference::default()
        };
        Event {
            metadata: ObjectMeta {
                namespace: Some(NAMESPACE.to_owned()),
                name: Some(format!("{}.{:x}", shortened(&name, NAME_BYTES), now.as_nanosecond())),
                ..ObjectMeta::default()
            },
            type_: Some("Warning".to_owned()),
            reason: Some(verdict.reason.as_str().to_owned()),
            action: Some("CheckMapping".to_owned()),
            note: Some(shortened(&verdict.message, NOTE_BYTES).to_owned()),
            regarding: Some(reference),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            event_time: Some(MicroTime(now)),
            ..Event::default()
        }
    }
}

/// The text's beginning, cut where a character begins.
fn shortened(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}
