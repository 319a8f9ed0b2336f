//! The Rust type that the CustomResourceDefinition is generated from. Doc comments of the types become the
//! descriptions that `kubectl explain ramidentitymapping` shows.
#![allow(unreachable_pub, reason = "KubeSchema makes copies of the types for itself")]

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Maps a RAM identity, or all that a pattern matches, to a Kubernetes user.
// Validation refuses only what no version of the authenticator could ever use, and stands at single fields: the
// API server then looks at a field only when it changes (validation ratcheting, on since Kubernetes 1.30), so
// that an object stored under the public CustomResourceDefinition of this name, which has no validation at all,
// can still be edited. What else is wrong is said in the status. `groups` is an atomic list and not a set:
// uniqueness is the one thing that is looked at on every change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, CustomResource, KubeSchema)]
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
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status","description":"Whether the mapping does what it says"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason","description":"Why it is ready or not","priority":1}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct RAMIdentityMappingSpec {
    /// ARN of the RAM identity: acs:ram::ACCOUNT:user/NAME, acs:ram::ACCOUNT:role/NAME (all sessions of the
    /// role), acs:ram::ACCOUNT:assumed-role/NAME/SESSION (that session only) or acs:ram::ACCOUNT:root, where
    /// ACCOUNT is the account id. In NAME, * stands for any run of characters, also none, and ? for exactly
    /// one; the whole name must match. Upper and lower case are the same.
    #[schemars(length(max = 2048))]
    #[x_kube(validation = Rule::new(ARN_RULE).message(ARN_MESSAGE))]
    pub arn: String,

    /// Kubernetes user name. {{AccountID}}, {{UserName}}, {{RoleName}}, {{SessionName}} (with - for each @) and
    /// {{SessionNameRaw}} are replaced at each login; nothing else may stand in double braces.
    #[schemars(length(max = 4096))]
    #[x_kube(validation = Rule::new("self != ''").message("must not be empty: write the name that the RAM identity shall have in Kubernetes"))]
    pub username: String,

    /// Kubernetes groups, with the same replacements as in username.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub groups: Option<Vec<String>>,

    /// RAM's own id of the user or role, as status.userID has it. Where it is given, nobody else is let in,
    /// although he may have been made anew under the old name.
    #[serde(default, rename = "principalID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_-]+$')").message("must be RAM's own id of the user or role, as in 222222222222222222: letters, digits, hyphens and underscores; leave it out to let in whoever has the ARN"))]
    pub principal_id: Option<String>,
}

/// CEL: what every ARN that can be used looks like.
pub(crate) const ARN_RULE: &str =
    "self.matches('(?i)^acs:ram::[0-9*?]+:(root|user/[^:]+|role/[^:]+|assumed-role/[^:]+/[^:]+)$')";
const ARN_MESSAGE: &str = "must be acs:ram::ACCOUNT:user/NAME, acs:ram::ACCOUNT:role/NAME, \
     acs:ram::ACCOUNT:assumed-role/NAME/SESSION or acs:ram::ACCOUNT:root, where ACCOUNT is the account id";

/// What the authenticator found out about the mapping. Nothing here lets anybody in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RAMIdentityMappingStatus {
    /// The metadata.generation that the conditions are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Ready is the one condition that the authenticator writes. Its reasons: Accepted; InvalidARN,
    /// InvalidTemplate, NeverMatches (the mapping matches nobody); Shadowed (another mapping, which the message
    /// names, always wins); PrincipalChanged (somebody of this name, but with another id, logged in).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<MappingCondition>,

    /// The ARN as it is compared: in lower case.
    #[serde(default, rename = "canonicalARN", skip_serializing_if = "Option::is_none")]
    pub canonical_arn: Option<String>,

    /// RAM's own id of the user or role, as it was at the first login under canonicalARN.
    #[serde(default, rename = "userID", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,

    /// RAM's own id of the user or role that later logged in under the same ARN, though not with userID or
    /// spec.principalID.
    #[serde(default, rename = "changedUserID", skip_serializing_if = "Option::is_none")]
    pub changed_user_id: Option<String>,
}

/// A condition, as Kubernetes' API conventions have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MappingCondition {
    /// Ready.
    #[serde(rename = "type")]
    pub type_: String,
    /// True or False.
    pub status: String,
    /// A word for programs.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// When status changed last.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// The metadata.generation that this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}
