//! What was read, before anybody judges it.

use jiff::Timestamp;

use super::super::issuer::{ApiServerIssuer, PublishedIssuer, TokenFacts, Unpublished};
use crate::cluster_id::ClusterId;
use crate::commands::rrsa::identity_provider::name_of;

pub(super) use crate::commands::rrsa::identity_provider::AUDIENCE;

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// A right is missing: which one.
    NoRight(String),
    /// It could not be asked, or its answer makes no sense.
    Failed(String),
}

/// Something that was read.
pub(super) type Read<T> = Result<T, Unread>;

/// All that is judged. `None` is what was not asked for, or could not be asked because of what another part says.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) now: Timestamp,
    pub(super) asked: Asked,
    /// Why the API server is not reached: nothing is known of the cluster then.
    pub(super) unreached: Option<String>,
    /// Of clusters that are not ACK's.
    pub(super) api_server: Option<Read<ApiServerIssuer>>,
    /// All issuers whose tokens the API server takes, the one that signs first, where that was found out; else empty.
    pub(super) issuers: Vec<String>,
    /// Whether that was not seen in its flags.
    pub(super) issuers_are_deduced: bool,
    /// Of clusters that are not ACK's: what the world can read at the issuer's URL.
    pub(super) published: Option<Result<PublishedIssuer, Unpublished>>,
    /// The provider of the cluster's name, where there is one.
    pub(super) provider: Read<Option<Provider>>,
    /// All of the account's other providers.
    pub(super) others: Read<Vec<Provider>>,
    pub(super) token: Option<Read<Token>>,
    pub(super) role: Option<Read<Option<Role>>>,
    pub(super) webhook: Option<Read<Option<Webhook>>>,
    pub(super) namespace: Option<Read<Option<Namespace>>>,
    pub(super) service_account: Option<Read<Option<ServiceAccount>>>,
    pub(super) pod: Option<Read<Option<Pod>>>,
    /// What STS said of token and role.
    pub(super) exchange: Option<Exchange>,
}

/// What the person asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) cluster: ClusterId,
    /// Not ACK's.
    pub(super) self_managed: bool,
    pub(super) namespace: String,
    pub(super) service_account: String,
    /// Whether the person said so.
    pub(super) names_account: bool,
    /// Whether namespace and service account are looked at themselves.
    pub(super) looks_at_account: bool,
    pub(super) role: Option<String>,
    pub(super) pod: Option<String>,
}

impl Asked {
    /// `ack-rrsa-CLUSTER`.
    pub(super) fn provider_name(&self) -> String {
        name_of(&self.cluster)
    }

    /// `system:serviceaccount:NAMESPACE:NAME`.
    pub(super) fn subject(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.service_account)
    }

    /// ` --self-managed`, for commands to type.
    pub(super) fn self_managed_flag(&self) -> &'static str {
        if self.self_managed { " --self-managed" } else { "" }
    }
}

/// An identity provider of RAM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) issuer: String,
    pub(super) client_ids: Vec<String>,
    pub(super) fingerprints: Vec<String>,
    /// Hours.
    pub(super) issuance_limit: Option<u32>,
}

/// A token of the service account, for STS.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// What it says; the token itself is nowhere here.
    pub(super) says: TokenFacts,
    /// How long a token lives that was asked for a day, in seconds, where one was asked for.
    pub(super) longest: Option<i64>,
}

/// A role of RAM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) trust_policy: String,
}

/// ack-pod-identity-webhook as the cluster has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Webhook {
    /// Its entries.
    pub(super) entries: Vec<WebhookEntry>,
    /// None where a URL is called, which no Deployment of this cluster answers.
    pub(super) deployment: Option<Read<Option<Deployment>>>,
}

/// One entry of the webhook configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WebhookEntry {
    pub(super) name: String,
    pub(super) has_ca_bundle: bool,
    /// `Ignore` or `Fail`.
    pub(super) failure_policy: String,
}

/// The webhook's Deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deployment {
    /// `NAMESPACE/NAME`.
    pub(super) name: String,
    pub(super) ready: u64,
    pub(super) wanted: u64,
    pub(super) settings: Read<Settings>,
}

/// The webhook's own settings, as far as they are seen in its flags and its configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) cluster_id: Option<String>,
    pub(super) account_id: Option<String>,
    pub(super) provider_arn: Option<String>,
    pub(super) audience: Option<String>,
}

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Namespace {
    /// The label `…/injection`.
    pub(super) injection: Option<String>,
}

/// A service account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ServiceAccount {
    /// The annotation `…/role-name`.
    pub(super) role_name: Option<String>,
    /// The annotation `…/role-arn`.
    pub(super) role_arn: Option<String>,
    /// When somebody last wrote these annotations.
    pub(super) annotated: Option<Timestamp>,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pod {
    pub(super) service_account: String,
    pub(super) created: Option<Timestamp>,
    /// Its own label `…/injection`.
    pub(super) injection: Option<String>,
    pub(super) containers: Vec<Container>,
    /// The projected tokens of its volumes.
    pub(super) tokens: Vec<PodToken>,
}

/// A projected service account token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PodToken {
    pub(super) volume: String,
    pub(super) audience: String,
    /// In the volume.
    pub(super) path: String,
    /// Seconds.
    pub(super) lifetime: u64,
}

/// A container, or an init container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) role_arn: Option<String>,
    pub(super) provider_arn: Option<String>,
    pub(super) token_file: Option<String>,
    /// Whether `ALIBABA_CLOUD_ACCESS_KEY_ID` is set.
    pub(super) has_access_key: bool,
    /// Volume and where it is mounted.
    pub(super) mounts: Vec<(String, String)>,
}

/// What STS said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// It gave credentials, which were thrown away.
    Given,
    /// It said no: its error in one line.
    Refused(String),
    /// It could not be asked.
    Failed(String),
}
