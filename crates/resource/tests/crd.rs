//! The CustomResourceDefinition as it is committed, and what it lets in.
#![allow(clippy::unwrap_used)]

use resource::{CRD_NAME, RAMIdentityMapping, crd, crd_yaml};
use serde_json::{Value, json};

#[test]
fn the_committed_file_is_what_the_type_generates() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../crds/ramauthenticator.k8s.alibabacloud_ramidentitymappings.yaml"
    );
    assert_eq!(std::fs::read_to_string(path).unwrap(), crd_yaml().unwrap(), "run `make generate`");
}

#[test]
fn has_the_names_of_the_public_resource() {
    let crd = serde_json::to_value(crd()).unwrap();
    assert_eq!(crd.pointer("/metadata/name").unwrap(), CRD_NAME);
    assert_eq!(crd.pointer("/spec/group").unwrap(), "ramauthenticator.k8s.alibabacloud");
    assert_eq!(crd.pointer("/spec/scope").unwrap(), "Cluster");
    assert_eq!(crd.pointer("/spec/names/kind").unwrap(), "RAMIdentityMapping");
    assert_eq!(crd.pointer("/spec/names/plural").unwrap(), "ramidentitymappings");
    assert_eq!(crd.pointer("/spec/versions/0/name").unwrap(), "v1alpha1");
    assert_eq!(crd.pointer("/spec/versions/0/subresources/status").unwrap(), &json!({}));
    let columns: Vec<&Value> = crd
        .pointer("/spec/versions/0/additionalPrinterColumns")
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column.get("name").unwrap())
        .collect();
    assert_eq!(columns, ["ARN", "Username", "Age"]);
}

#[test]
fn no_category_prints_forbidden_into_every_get_all() {
    let crd = serde_json::to_value(crd()).unwrap();
    assert_eq!(crd.pointer("/spec/names/categories").unwrap(), &json!(["ramauthenticator"]));
}

/// The public definition has types and two required fields, and nothing else: whatever is stricter here
/// would make a stored object impossible to edit.
#[test]
fn refuses_nothing_that_the_public_definition_lets_in() {
    let crd = serde_json::to_value(crd()).unwrap();
    let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap();
    assert_eq!(schema.get("required"), None);
    assert_eq!(schema.pointer("/properties/spec/required").unwrap(), &json!(["arn", "username"]));
    assert_eq!(schema.pointer("/properties/status/required"), None);
    let mut pending = vec![schema];
    while let Some(value) = pending.pop() {
        match value {
            Value::Object(fields) => {
                for keyword in [
                    "maxLength",
                    "minLength",
                    "maxItems",
                    "minItems",
                    "pattern",
                    "enum",
                    "format",
                    "uniqueItems",
                    "additionalProperties",
                    "x-kubernetes-validations",
                    "default",
                ] {
                    assert!(!fields.contains_key(keyword), "{keyword} in {value}");
                }
                pending.extend(fields.values());
            }
            Value::Array(items) => pending.extend(items),
            _ => {}
        }
    }
}

#[test]
fn reads_what_the_public_server_writes() {
    let mapping: RAMIdentityMapping = serde_json::from_value(json!({
        "apiVersion": "ramauthenticator.k8s.alibabacloud/v1alpha1",
        "kind": "RAMIdentityMapping",
        "metadata": {"name": "tester"},
        "spec": {"arn": "acs:ram::1:role/dev", "username": "tester", "groups": ["system:users"]},
        "status": {"canonicalARN": "acs:ram::1:role/dev", "userID": ""},
    }))
    .unwrap();
    assert_eq!(mapping.spec.groups.unwrap(), ["system:users"]);
    let status = mapping.status.unwrap();
    assert_eq!(
        (status.canonical_arn.unwrap().as_str(), status.user_id.unwrap().as_str()),
        ("acs:ram::1:role/dev", "")
    );
}
