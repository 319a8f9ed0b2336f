//! A `RAMIdentityMapping` as it comes from the API server.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use kube::core::ClusterResourceScope;
use resource::RAMIdentityMapping;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An object of which only what is looked at here is kept: of its metadata a few fields, spec and status whatever is in
/// them. The rest is most of the text (`managedFields` above all), and a hundred thousand of these are read at the start.
#[derive(Clone, Debug)]
pub struct MappingObject {
    /// Name, uid, resource version, generation, and the times of creation and deletion; nothing else.
    pub metadata: ObjectMeta,
    /// An object of `spec` and `status`, each where it is there.
    pub data: Value,
}

#[derive(Deserialize)]
struct Read {
    #[serde(default)]
    metadata: ReadMetadata,
    spec: Option<Value>,
    status: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadMetadata {
    name: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
}

impl<'de> Deserialize<'de> for MappingObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Read { metadata: read, spec, status } = Read::deserialize(deserializer)?;
        let metadata = ObjectMeta {
            name: read.name,
            uid: read.uid,
            resource_version: read.resource_version,
            generation: read.generation,
            creation_timestamp: read.creation_timestamp,
            deletion_timestamp: read.deletion_timestamp,
            ..ObjectMeta::default()
        };
        let fields = [("spec", spec), ("status", status)];
        let data = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        Ok(MappingObject { metadata, data: Value::Object(data) })
    }
}

impl Resource for MappingObject {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        RAMIdentityMapping::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        RAMIdentityMapping::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        RAMIdentityMapping::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        RAMIdentityMapping::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use kube::core::ObjectList;
    use serde_json::json;

    use super::*;

    #[test]
    fn keeps_what_is_looked_at_and_reads_objects_of_any_content() {
        let object: MappingObject = serde_json::from_value(json!({
            "apiVersion": "ramauthenticator.k8s.alibabacloud/v1alpha1",
            "kind": "RAMIdentityMapping",
            "metadata": {
                "name": "m", "uid": "u", "resourceVersion": "5", "generation": 3,
                "creationTimestamp": "2026-01-02T03:04:05Z", "deletionTimestamp": "2026-01-02T03:04:06Z",
                "managedFields": [{"manager": "kubectl"}], "labels": {"a": "b"},
            },
            "spec": ["of any kind"],
            "other": 1,
        }))
        .unwrap();
        let metadata = &object.metadata;
        assert_eq!(metadata.name.as_deref(), Some("m"));
        assert_eq!((metadata.uid.as_deref(), metadata.resource_version.as_deref()), (Some("u"), Some("5")));
        assert_eq!(metadata.generation, Some(3));
        assert!(metadata.creation_timestamp < metadata.deletion_timestamp);
        assert!(metadata.managed_fields.is_none() && metadata.labels.is_none());
        assert_eq!(object.data, json!({"spec": ["of any kind"]}));

        let list: ObjectList<MappingObject> = serde_json::from_value(json!({
            "metadata": {"resourceVersion": "9"},
            "items": [{}, {"metadata": {}, "spec": null, "status": 7}],
        }))
        .unwrap();
        let contents: Vec<&Value> = list.items.iter().map(|object| &object.data).collect();
        assert_eq!(contents, [&json!({}), &json!({"status": 7})]);
    }

    #[test]
    fn it_is_asked_for_where_mappings_are() {
        assert_eq!(MappingObject::url_path(&(), None), RAMIdentityMapping::url_path(&(), None));
    }
}
