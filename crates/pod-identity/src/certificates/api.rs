//! Reading and writing the two objects. Every call has a deadline, and every error is one line.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use cluster::{describe, is_denied};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams, PostParams};
use webhook_server::certs::Bundle;

use super::content::{self, Held};
use super::entries::{Entry, entries};
use super::replica::{Look, Seen};

/// Who owns `caBundle` (Kubernetes, "Server-Side Apply", "Managers").
pub(super) const FIELD_MANAGER: &str = "ack-pod-identity-webhook";
/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How a write ended, where it did not end well.
#[derive(Debug)]
pub(super) enum Failure {
    /// The object is another one by now: look again.
    Outdated,
    /// Somebody else owns the field: who, in the API server's words.
    Owned(String),
    /// A right is missing.
    Denied(String),
    /// Anything else.
    Other(String),
}

/// The configuration, and the version that was read.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) look: Look,
    secret: Option<Secret>,
    configuration_version: String,
}

/// The way to both objects.
#[derive(Clone)]
pub(super) struct Objects {
    secrets: Api<Secret>,
    configurations: Api<MutatingWebhookConfiguration>,
    namespace: String,
    secret: String,
    configuration: String,
}

impl Objects {
    pub(super) fn new(client: &kube::Client, namespace: &str, secret: &str, configuration: &str) -> Objects {
        Objects {
            secrets: Api::namespaced(client.clone(), namespace),
            configurations: Api::all(client.clone()),
            namespace: namespace.to_owned(),
            secret: secret.to_owned(),
            configuration: configuration.to_owned(),
        }
    }

    pub(super) fn secret_name(&self) -> String {
        format!("Secret {}/{}", self.namespace, self.secret)
    }

    /// The entries of the configuration, and its version.
    pub(super) async fn entries(&self) -> (Seen<Vec<Entry>>, String) {
        let what = configuration_name(&self.configuration);
        match within(self.configurations.get_opt(&self.configuration)).await {
            Ok(Some(found)) => {
                (Seen::There(entries(&found)), found.metadata.resource_version.unwrap_or_default())
            }
            Ok(None) => (Seen::Missing, String::new()),
            Err(error) => (Seen::Unknown(unreadable(&what, &error)), String::new()),
        }
    }

    /// Reads the configuration, then the Secret: see [`Look`].
    pub(super) async fn read(&self) -> Read {
        let (entries, configuration_version) = self.entries().await;
        let (content, secret) = match within(self.secrets.get_opt(&self.secret)).await {
            Ok(Some(secret)) => {
                let nothing = BTreeMap::new();
                (Seen::There(content::read(secret.data.as_ref().unwrap_or(&nothing))), Some(secret))
            }
            Ok(None) => (Seen::Missing, None),
            Err(error) => (Seen::Unknown(unreadable(&self.secret_name(), &error)), None),
        };
        Read { look: Look { entries, content }, secret, configuration_version }
    }

    /// Writes `held` over the Secret that was read, if it still is the one.
    pub(super) async fn write(&self, read: &Read, held: &Held) -> Result<(), Failure> {
        let Some(mut secret) = read.secret.clone() else { return Err(Failure::Outdated) };
        let data = secret.data.get_or_insert_default();
        content::write(held, data);
        let parameters =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let what = self.secret_name();
        let written = within(self.secrets.replace(&self.secret, &parameters, &secret)).await;
        written.map(drop).map_err(|error| failure("update", &what, error))
    }

    /// Writes `bundle` into all entries of the configuration that was read, if it still is the one. Nothing else is
    /// claimed, so that whoever owns the rest of the configuration does not notice.
    pub(super) async fn trust(&self, read: &Read, bundle: &Bundle, force: bool) -> Result<(), Failure> {
        let Some(entries) = read.look.entries.there() else { return Err(Failure::Outdated) };
        let bundle = BASE64_STANDARD.encode(bundle.pem());
        let webhooks: Vec<_> = entries
            .iter()
            .map(|entry| serde_json::json!({"name": entry.name, "clientConfig": {"caBundle": bundle}}))
            .collect();
        let patch = serde_json::json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": self.configuration, "resourceVersion": read.configuration_version},
            "webhooks": webhooks,
        });
        let parameters = PatchParams { force, ..PatchParams::apply(FIELD_MANAGER) };
        let what = configuration_name(&self.configuration);
        let applied =
            within(self.configurations.patch(&self.configuration, &parameters, &Patch::Apply(&patch))).await;
        applied.map(drop).map_err(|error| failure("patch", &what, error))
    }
}

/// As it stands in messages.
pub(super) fn configuration_name(name: &str) -> String {
    format!("MutatingWebhookConfiguration {name}")
}

/// None: no answer in time.
async fn within<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Option<kube::Error>> {
    match tokio::time::timeout(TIMEOUT, call).await {
        Ok(answer) => answer.map_err(Some),
        Err(_) => Err(None),
    }
}

fn unreadable(what: &str, error: &Option<kube::Error>) -> String {
    match error {
        None => format!("cannot read {what}: no answer within {} s", TIMEOUT.as_secs()),
        Some(error) if is_denied(error) => {
            format!("cannot read {what}: {}: give the service account the right to get it", describe(error))
        }
        Some(error) => format!("cannot read {what}: {}", describe(error)),
    }
}

fn failure(verb: &str, what: &str, error: Option<kube::Error>) -> Failure {
    let Some(error) = error else {
        return Failure::Other(format!("cannot write {what}: no answer within {} s", TIMEOUT.as_secs()));
    };
    if is_denied(&error) {
        let right = format!("give the service account the right to {verb} it");
        return Failure::Denied(format!("cannot write {what}: {}: {right}", describe(&error)));
    }
    if let kube::Error::Api(status) = &error {
        let owned = |details: &kube::core::response::StatusDetails| {
            details.causes.iter().any(|cause| cause.reason == "FieldManagerConflict")
        };
        match status.code {
            409 if status.details.as_ref().is_some_and(owned) => {
                return Failure::Owned(cluster::one_line(&status.message));
            }
            404 | 409 => return Failure::Outdated,
            _ => {}
        }
    }
    Failure::Other(format!("cannot write {what}: {}", describe(&error)))
}
