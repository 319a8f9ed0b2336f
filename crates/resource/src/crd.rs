//! The CustomResourceDefinition, generated from the Rust type.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::CustomResourceExt;

use crate::RAMIdentityMapping;

/// Name of the CustomResourceDefinition.
pub const CRD_NAME: &str = "ramidentitymappings.ramauthenticator.k8s.alibabacloud";

const HEADER: &str = "# Generated from crates/resource by `make generate`. Do not edit.\n";

/// The CustomResourceDefinition.
///
/// The schema differs from the derived one in that `spec` itself is not required, because the public
/// CustomResourceDefinition of this name does not require it, and what is stored must stay valid; and in that
/// descriptions have no line breaks, so that `kubectl explain` can set its own.
pub fn crd() -> CustomResourceDefinition {
    let mut crd = RAMIdentityMapping::crd();
    for version in &mut crd.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) {
            schema.required = None;
            join_lines(schema);
        }
    }
    crd
}

fn join_lines(schema: &mut JSONSchemaProps) {
    if let Some(description) = &mut schema.description {
        *description = description.replace('\n', " ");
    }
    schema.properties.iter_mut().flatten().for_each(|(_, property)| join_lines(property));
}

/// [`crd`] as a YAML document with a header comment, as it is committed under `crds/`.
///
/// # Errors
/// The serializer's message; there is no input that could bring it about.
pub fn crd_yaml() -> Result<String, String> {
    let yaml = serde_saphyr::to_string(&crd()).map_err(|error| error.to_string())?;
    Ok(format!("{HEADER}{yaml}"))
}
