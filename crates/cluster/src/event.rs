//! Events (events.k8s.io/v1) as the API server takes them. Each field has its limit, and an Event over one of them is
//! refused as a whole (Kubernetes API reference, Event v1 events.k8s.io).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

/// Longest note that the API takes.
const NOTE_BYTES: usize = 1024;
/// Longest `reportingInstance` that the API takes.
const INSTANCE_BYTES: usize = 128;
/// Of the object's name in the Event's name, which ends with the time.
const NAME_BYTES: usize = 200;

/// Something that went wrong with an object.
#[derive(Clone, Debug)]
pub struct Warning<'a> {
    /// Who says so: the program, as in `reportingController`.
    pub controller: &'a str,
    /// Which of its replicas; cut to 128 bytes.
    pub instance: &'a str,
    /// Where the Event lies: the object's own namespace, `default` for a cluster-scoped one.
    pub namespace: &'a str,
    /// The object. Its name has to be a DNS subdomain, as the Event's is made of it.
    pub regarding: ObjectReference,
    /// One word in CamelCase: what is wrong.
    pub reason: &'a str,
    /// One word in CamelCase: what was tried.
    pub action: &'a str,
    /// For people, what to mend; cut to 1024 bytes.
    pub note: &'a str,
}

impl Warning<'_> {
    /// The Event.
    pub fn at(&self, now: Timestamp) -> Event {
        let name = self.regarding.name.as_deref().unwrap_or_default();
        // A cut may fall behind a dot, where no part of a name may end.
        let name = shortened(name, NAME_BYTES).trim_end_matches(['.', '-']);
        Event {
            metadata: ObjectMeta {
                namespace: Some(self.namespace.to_owned()),
                name: Some(format!("{name}.{:x}", now.as_nanosecond())),
                ..ObjectMeta::default()
            },
            type_: Some("Warning".to_owned()),
            reason: Some(self.reason.to_owned()),
            action: Some(self.action.to_owned()),
            note: Some(shortened(self.note, NOTE_BYTES).to_owned()),
            regarding: Some(self.regarding.clone()),
            reporting_controller: Some(self.controller.to_owned()),
            reporting_instance: Some(shortened(self.instance, INSTANCE_BYTES).to_owned()),
            event_time: Some(MicroTime(now)),
            ..Event::default()
        }
    }
}

/// The text's beginning, cut where a character begins.
fn shortened(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_within_the_limits_of_the_api() {
        let name = format!("{}.{}", "a".repeat(199), "b".repeat(53));
        let (note, instance) = ("\u{4e2d}".repeat(400), "i".repeat(300));
        let warning = Warning {
            controller: "program",
            instance: &instance,
            namespace: "somewhere",
            regarding: ObjectReference { name: Some(name), ..ObjectReference::default() },
            reason: "Wrong",
            action: "Try",
            note: &note,
        };
        let event = warning.at(Timestamp::from_second(1_800_000_000).unwrap());
        assert_eq!(event.note.unwrap(), "\u{4e2d}".repeat(341));
        assert_eq!(event.reporting_instance.unwrap().len(), 128);
        assert_eq!(event.metadata.name.unwrap(), format!("{}.18fae27693b40000", "a".repeat(199)));
        assert_eq!(event.metadata.namespace.unwrap(), "somewhere");
    }
}
