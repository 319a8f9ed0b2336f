//! What is in a cluster now: each object is read once, without a cache between, as the API server would see it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use cluster::client::{Access, ClientError};
use cluster::describe;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{Api, PartialObjectMeta};

use super::objects::Meta;

/// For the answer to one question.
const PATIENCE: Duration = Duration::from_secs(10);

/// A cluster, and what is known of it.
pub(crate) struct Live {
    client: kube::Client,
    namespaces: BTreeMap<String, Option<Meta>>,
    service_accounts: BTreeMap<(String, String), Option<Meta>>,
    configurations: BTreeMap<String, Result<Option<MutatingWebhookConfiguration>, String>>,
}

impl Live {
    /// Nothing is connected yet.
    pub(crate) fn new(client: kube::Client) -> Live {
        Live {
            client,
            namespaces: BTreeMap::new(),
            service_accounts: BTreeMap::new(),
            configurations: BTreeMap::new(),
        }
    }

    /// By a kubeconfig and one of its contexts.
    ///
    /// # Errors
    /// [`ClientError`].
    pub(crate) async fn open(kubeconfig: &Path, context: Option<&str>) -> Result<Live, ClientError> {
        let client = cluster::client::client(Access { kubeconfig, context, master: None }).await?;
        Ok(Live::new(client))
    }

    /// That of the kubeconfig's context.
    pub(crate) fn default_namespace(&self) -> &str {
        self.client.default_namespace()
    }

    /// `None` where it does not exist.
    ///
    /// # Errors
    /// One line.
    pub(crate) async fn namespace(&mut self, name: &str) -> Result<Option<Meta>, String> {
        if let Some(known) = self.namespaces.get(name) {
            return Ok(known.clone());
        }
        let api: Api<Namespace> = Api::all(self.client.clone());
        let read = asked(api.get_metadata_opt(name)).await;
        let meta = read.map_err(|error| format!("cannot read Namespace {name}: {error}"))?.map(meta);
        self.namespaces.insert(name.to_owned(), meta.clone());
        Ok(meta)
    }

    /// `None` where it does not exist.
    ///
    /// # Errors
    /// One line.
    pub(crate) async fn service_account(
        &mut self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Meta>, String> {
        let key = (namespace.to_owned(), name.to_owned());
        if let Some(known) = self.service_accounts.get(&key) {
            return Ok(known.clone());
        }
        let api: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
        let read = asked(api.get_metadata_opt(name)).await;
        let read = read.map_err(|error| format!("cannot read ServiceAccount {namespace}/{name}: {error}"));
        let meta = read?.map(meta);
        self.service_accounts.insert(key, meta.clone());
        Ok(meta)
    }

    /// `None` where it does not exist; an error is remembered like an answer, as it may be for want of a right only.
    ///
    /// # Errors
    /// One line.
    pub(crate) async fn configuration(
        &mut self,
        name: &str,
    ) -> Result<Option<MutatingWebhookConfiguration>, String> {
        if let Some(known) = self.configurations.get(name) {
            return known.clone();
        }
        let api: Api<MutatingWebhookConfiguration> = Api::all(self.client.clone());
        let read = asked(api.get_opt(name)).await;
        let read = read.map_err(|error| format!("cannot read MutatingWebhookConfiguration {name}: {error}"));
        self.configurations.insert(name.to_owned(), read.clone());
        read
    }
}

async fn asked<T>(question: impl Future<Output = Result<T, kube::Error>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, question).await {
        Ok(answer) => answer.map_err(|error| describe(&error)),
        Err(_) => Err(format!("no answer from the API server within {} s", PATIENCE.as_secs())),
    }
}

fn meta<K>(object: PartialObjectMeta<K>) -> Meta {
    let metadata = object.metadata;
    Meta {
        labels: metadata.labels.unwrap_or_default(),
        annotations: metadata.annotations.unwrap_or_default(),
    }
}
