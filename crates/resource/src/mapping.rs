//! The Rust type that the CustomResourceDefinition is generated from. Doc comments of the types become the
//! descriptions that `kubectl explain ramidentitymapping` shows.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Maps a RAM identity, or all that a pattern matches, to a Kubernetes user.
// Nothing is bounded that the public CustomResourceDefinition of this name leaves unbounded: an object
// that is stored already must stay valid, or it cannot be edited any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, CustomResource)]
#[kube(
    group = "ramauthenticator.k8s.alibabacloud",
    version = "v1alpha1",
    kind = "RAMIdentityMapping",
    plural = "ramidentitymappings",
    singular = "ramidentitymapping",
    shortname = "rim",
    category = "ramauthenticator",
    status = "RAMIdentityMappingStatus",
    derive = "PartialEq",
    doc = "RAMIdentityMapping says which Kubernetes user a RAM identity of Alibaba Cloud is.",
    printcolumn = r#"{"name":"ARN","type":"string","jsonPath":".spec.arn","description":"RAM identity that is mapped"}"#,
    printcolumn = r#"{"name":"Username","type":"string","jsonPath":".spec.username","description":"Kubernetes user that it is"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct RAMIdentityMappingSpec {
    /// ARN of the RAM identity: acs:ram::ACCOUNT:user/NAME, acs:ram::ACCOUNT:role/NAME (all sessions of the
    /// role) or acs:ram::ACCOUNT:root, where ACCOUNT is the account id. In NAME, * stands for any run of
    /// characters, also none, and ? for exactly one; the whole name must match. Upper and lower case are the
    /// same.
    pub arn: String,

    /// Kubernetes user name. {{AccountID}}, {{SessionName}} (with - for each @) and {{SessionNameRaw}} are
    /// replaced at each login; nothing else may stand in double braces.
    pub username: String,

    /// Kubernetes groups, with the same replacements as in username.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
}

/// What the authenticator found out about the mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RAMIdentityMappingStatus {
    /// The ARN as it is compared: in lower case, and that of the role where spec.arn is a session's.
    #[serde(default, rename = "canonicalARN", skip_serializing_if = "Option::is_none")]
    pub canonical_arn: Option<String>,

    /// RAM's own id of the user or role.
    #[serde(default, rename = "userID", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
}
