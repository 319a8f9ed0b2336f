//! Backend `ACKConfigMap`: ConfigMap `kube-system/alibabacloud-auth`, whose data keys `mapRoles`, `mapUsers`
//! and `mapAccounts` hold YAML or JSON text.
//!
//! ARNs are exact. A malformed entry is skipped; a data key whose text cannot be read keeps what it said
//! before; a ConfigMap that is missing or deleted maps nobody. Each is logged. Where a data key could not be read even
//! once, nobody knows whom it maps, and the backend has not told its mappings: somebody whom it maps must neither be
//! refused nor get a lower mapping.

use cluster::watch::{self, Retry, Sink};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DynamicObject};
use kube::core::ApiResource;
use kube::runtime::watcher::{self, Event};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::BackendMode;
use super::file::{self, Parsed, Section};
use super::snapshot::Publisher;
use super::text;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "alibabacloud-auth";

/// Watches the ConfigMap until `shutdown`.
pub(super) async fn run(
    client: kube::Client,
    publisher: Publisher,
    retry: Retry,
    shutdown: CancellationToken,
) {
    let api = Api::namespaced_with(client, NAMESPACE, &ApiResource::erase::<ConfigMap>(&()));
    let config = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
    let mut sink = State { publisher, listed: None, good: Parsed::default(), known: [false; 3] };
    watch::run(api, config, &mut sink, retry, &shutdown).await;
}

struct State {
    publisher: Publisher,
    /// What a list has brought so far.
    listed: Option<DynamicObject>,
    /// What each data key said when it could be read last.
    good: Parsed,
    /// Whether that was ever so, for `mapRoles`, `mapUsers` and `mapAccounts`.
    known: [bool; 3],
}

impl Sink for State {
    type Object = DynamicObject;

    fn subject(&self) -> &'static str {
        "ConfigMap kube-system/alibabacloud-auth"
    }

    fn event(&mut self, event: Event<DynamicObject>) {
        match event {
            Event::Init => self.listed = None,
            Event::InitApply(object) => {
                if is_ours(&object) {
                    self.listed = Some(object);
                }
            }
            Event::InitDone => match self.listed.take() {
                Some(object) => self.read(&object.data),
                None => self.clear(),
            },
            Event::Apply(object) if is_ours(&object) => self.read(&object.data),
            Event::Delete(object) if is_ours(&object) => self.clear(),
            Event::Apply(_) | Event::Delete(_) => {}
        }
    }

    fn not_found(&mut self, _should_log: bool) -> bool {
        false
    }
}

fn is_ours(object: &DynamicObject) -> bool {
    object.metadata.name.as_deref() == Some(NAME)
}

impl State {
    fn clear(&mut self) {
        tracing::warn!("ConfigMap {NAMESPACE}/{NAME} does not exist: backend ACKConfigMap maps nobody");
        self.good = Parsed::default();
        self.known = [true; 3];
        self.publisher.reloaded(true);
        self.publish();
    }

    fn read(&mut self, object: &Value) {
        let backend = BackendMode::AckConfigMap.as_str();
        let good = [
            read_key(object, "mapRoles", &mut self.good.roles, |entries| {
                file::parse_roles(backend, "", entries.iter().map(|(place, entry)| (*place, entry)))
            }),
            read_key(object, "mapUsers", &mut self.good.users, |entries| {
                file::parse_users(backend, "", entries.iter().map(|(place, entry)| (*place, entry)))
            }),
            read_key(object, "mapAccounts", &mut self.good.accounts, |entries| {
                file::parse_accounts(backend, "", entries.iter().map(|(place, entry)| (*place, entry)))
            }),
        ];
        self.publisher.reloaded(good.iter().all(|good| *good));
        for (known, good) in self.known.iter_mut().zip(good) {
            *known |= good;
        }
        if self.known == [true; 3] {
            self.publish();
        } else {
            tracing::error!(
                "ConfigMap {NAMESPACE}/{NAME} cannot be read, and nothing of before is known: whoever no earlier backend \
                 maps is put off until it is mended"
            );
        }
    }

    fn publish(&self) {
        for error in self.good.errors() {
            tracing::warn!("ConfigMap {NAMESPACE}/{NAME}: {error}: the entry is skipped");
        }
        let (rules, warnings) = self.good.clone().combine();
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        self.publisher.skipped(self.good.skipped());
        self.publisher.replace(file::rule_set(rules));
    }
}

/// `false` where the text cannot be read and the section stays as it was.
fn read_key<T: DeserializeOwned>(
    object: &Value,
    key: &'static str,
    section: &mut Section,
    parse: impl FnOnce(&[(usize, T)]) -> Section,
) -> bool {
    let text = object.get("data").and_then(|data| data.get(key)).and_then(Value::as_str).unwrap_or_default();
    match text::entries::<T>(text) {
        Ok((good, bad)) => {
            for (place, fault) in &bad {
                tracing::warn!("ConfigMap {NAMESPACE}/{NAME}: {key}[{place}]: {fault}: the entry is skipped");
            }
            *section = parse(&good);
            section.unread = bad.len();
            true
        }
        Err(fault) => {
            tracing::error!(
                "ConfigMap {NAMESPACE}/{NAME}: {key} cannot be read: {fault}: what it said before stays in force"
            );
            false
        }
    }
}
