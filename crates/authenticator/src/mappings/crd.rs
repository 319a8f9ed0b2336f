//! Backend `CRD`: `RAMIdentityMapping` resources, in force as soon as the watch delivers them.
//!
//! Objects are read without a typed model, so that one that is malformed cannot stop the others: it is
//! logged with its name and what is wrong, and matches nothing. No status is read or written here.

use std::sync::Arc;

use identity::pattern::AnyAccount;
use identity::{Rule, Source};
use kube::api::{Api, DynamicObject};
use kube::core::ApiResource;
use kube::runtime::watcher::{self, Event};
use resource::RAMIdentityMapping;
use tokio_util::sync::CancellationToken;

use super::snapshot::{Publisher, RuleSet};
use super::watch::{self, Retry, Sink};
use super::{BackendMode, crd_install};

/// Installs the CustomResourceDefinition where that is asked for, then watches until `shutdown`.
pub(super) async fn run(
    client: kube::Client,
    publisher: Publisher,
    sync_crd: bool,
    retry: Retry,
    shutdown: CancellationToken,
) {
    if sync_crd {
        crd_install::install(&client, retry, &shutdown).await;
    }
    let api = Api::all_with(client, &ApiResource::erase::<RAMIdentityMapping>(&()));
    let mut sink = Objects { publisher, listed: RuleSet::new() };
    watch::run(api, watcher::Config::default(), &mut sink, retry, &shutdown).await;
}

/// Keeps the backend's rules as the watch tells them.
struct Objects {
    publisher: Publisher,
    /// What a list has brought so far: it replaces the rules when it is complete.
    listed: RuleSet,
}

impl Sink for Objects {
    fn subject(&self) -> &'static str {
        "RAMIdentityMapping resources"
    }

    fn event(&mut self, event: Event<DynamicObject>) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(object) => {
                if let (name, Some(rule)) = rule(&object) {
                    self.listed.insert(name, rule);
                }
            }
            Event::InitDone => {
                tracing::info!(mappings = self.listed.len(), "RAMIdentityMapping resources are listed");
                self.publisher.replace(std::mem::take(&mut self.listed));
            }
            Event::Apply(object) => {
                let (name, rule) = rule(&object);
                self.publisher.set(&name, rule);
            }
            Event::Delete(object) => self.publisher.set(&name(&object), None),
        }
    }

    fn not_found(&mut self, should_log: bool) -> bool {
        if should_log {
            tracing::error!(
                "CustomResourceDefinition {} is not installed: backend CRD maps nobody until it is; \
                 apply the file under crds/ or start with --sync-crd",
                resource::CRD_NAME
            );
        }
        self.publisher.replace(RuleSet::new());
        true
    }
}

fn name(object: &DynamicObject) -> String {
    object.metadata.name.clone().unwrap_or_default()
}

/// The object's name and, where it is well formed and not being deleted, its rule.
fn rule(object: &DynamicObject) -> (String, Option<Arc<Rule>>) {
    let name = name(object);
    if object.metadata.deletion_timestamp.is_some() {
        return (name, None);
    }
    let source = Source::new(BackendMode::Crd.as_str(), name.as_str());
    let created = object.metadata.creation_timestamp.as_ref().map(|time| time.0);
    match resource::rule_from_object(source, created, &object.data, AnyAccount::Refuse) {
        Ok(rule) => (name, Some(Arc::new(rule))),
        Err(error) => {
            tracing::warn!("RAMIdentityMapping {} matches nobody: {error}", name.escape_debug());
            (name, None)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]
    use super::*;
    use crate::mappings::fake_api::{mapping, user};
    use crate::mappings::snapshot::{Lookup, Mappings};

    #[test]
    fn a_list_that_breaks_off_leaves_nothing_in_the_next_one() {
        let mappings = Mappings::new(&[BackendMode::Crd]);
        let mut sink = Objects { publisher: mappings.publisher(0), listed: RuleSet::new() };
        let object = |name: &str| {
            let value = mapping(name, &format!("acs:ram::1:user/{name}"), name);
            serde_json::from_value::<DynamicObject>(value).expect("a DynamicObject takes every object")
        };
        for event in [
            Event::Init,
            Event::InitApply(object("deleted")),
            Event::Init,
            Event::InitApply(object("kept")),
            Event::InitDone,
        ] {
            sink.event(event);
        }
        mappings.rebuild();
        assert!(matches!(mappings.lookup(&user("kept")), Lookup::Mapped { .. }));
        assert_eq!(mappings.lookup(&user("deleted")), Lookup::NotMapped);
    }
}
