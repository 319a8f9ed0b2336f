//! The CustomResourceDefinition as it is committed, and what it lets in.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

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
    assert_eq!(columns, ["ARN", "Username", "Ready", "Reason", "Age"]);
}

#[test]
fn no_category_prints_forbidden_into_every_get_all() {
    let crd = serde_json::to_value(crd()).unwrap();
    assert_eq!(crd.pointer("/spec/names/categories").unwrap(), &json!(["ramauthenticator"]));
}

/// The public definition has types and two required fields, and nothing else. What is stricter here may stand
/// at a text of `spec` only: there the API server looks at it when that text changes, and lets every other edit
/// of a stored object pass. (The end-to-end tests show it.) Uniqueness is looked at always, so there is none.
#[test]
fn what_is_stricter_than_the_public_definition_stands_at_single_texts() {
    let crd = serde_json::to_value(crd()).unwrap();
    let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap();
    assert_eq!(schema.get("required"), None);
    assert_eq!(schema.pointer("/properties/spec/required").unwrap(), &json!(["arn", "username"]));
    assert_eq!(schema.pointer("/properties/status/required"), None);
    assert_eq!(
        schema.pointer("/properties/spec/properties/groups/x-kubernetes-list-type").unwrap(),
        "atomic"
    );
    let mut found = Vec::new();
    let mut pending = vec![(String::new(), schema)];
    while let Some((path, value)) = pending.pop() {
        match value {
            Value::Object(fields) => {
                for keyword in [
                    "maxLength",
                    "minLength",
                    "maxItems",
                    "minItems",
                    "pattern",
                    "enum",
                    "uniqueItems",
                    "additionalProperties",
                    "x-kubernetes-validations",
                    "default",
                ] {
                    if fields.contains_key(keyword) {
                        assert_eq!(fields.get("type").unwrap(), "string", "{keyword} at {path}");
                        found.push(format!("{path} {keyword}"));
                    }
                }
                pending.extend(fields.iter().map(|(key, value)| (format!("{path}/{key}"), value)));
            }
            Value::Array(items) => pending.extend(items.iter().map(|item| (path.clone(), item))),
            _ => {}
        }
    }
    found.sort();
    let spec = "/properties/spec/properties";
    assert_eq!(
        found,
        ["arn", "principalID", "username"]
            .map(|field| {
                ["maxLength", "x-kubernetes-validations"].map(|keyword| format!("{spec}/{field} {keyword}"))
            })
            .as_flattened()
    );
}

/// Validation refuses only what could never work.
#[test]
fn every_arn_that_can_be_used_passes_validation() {
    let crd = serde_json::to_value(crd()).unwrap();
    let rule = crd
        .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/arn/x-kubernetes-validations/0/rule")
        .unwrap()
        .as_str()
        .unwrap();
    let expression = rule.strip_prefix("self.matches('").unwrap().strip_suffix("')").unwrap();
    let passes = regex::Regex::new(expression).unwrap();
    let accounts =
        ["1", "1234567890123456", "*", "12*", "?2", "", "x", ".*", "1 ", "00000000000000000000000000000000"];
    let resources = [
        "root",
        "ROOT",
        "user/alice",
        "User/Al*ce",
        "user/",
        "user/*",
        "user/a@b.c",
        "user/a b",
        "user/\u{e9}\u{4e2d}",
        "role/dev",
        "role/t/a/p",
        "ROLE/*",
        "role/?",
        "role//x",
        "role/a:b",
        "role",
        "*",
        "roo?",
        "assumed-role/dev/alice",
        "Assumed-Role/t/dev/a=b,c",
        "assumed-role/dev/*",
        "assumed-role/dev",
        "assumed-role/*/x",
        "federated-user/x",
        "",
    ];
    let (mut used, mut refused) = (0, 0);
    for prefix in ["acs:ram::", "ACS:Ram::", "acs:ram:cn-x:", "acs:sts::", "arn:", ""] {
        for account in accounts {
            for resource in resources {
                let arn = format!("{prefix}{account}:{resource}");
                let parsed =
                    identity::RuleArn::parse_with_patterns(&arn, identity::pattern::AnyAccount::Allow);
                let (is_used, does_pass) = (parsed.is_ok(), passes.is_match(&arn));
                assert!(!is_used || does_pass, "{arn} can be used and is refused");
                used += usize::from(is_used);
                refused += usize::from(!does_pass);
            }
        }
    }
    assert!(used > 50 && refused > 500, "{used} {refused}");
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
