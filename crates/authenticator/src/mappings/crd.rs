//! Backend `CRD`: `RAMIdentityMapping` resources, in force as soon as the watch delivers them.
//!
//! Objects are read without a typed model, so that one that is malformed cannot stop the others: it is
//! logged with its name and what is wrong, and matches nothing. Status is written elsewhere, by
//! [`crate::operator`], from a table that is kept here.

use std::collections::BTreeMap;
use std::sync::Arc;

use cluster::watch::{self, Retry, Sink};
use kube::api::Api;
use kube::runtime::watcher::{self, Event};
use tokio_util::sync::CancellationToken;

use super::crd_install;
use super::snapshot::{Publisher, RuleSet};
use crate::custom_resource::{Checked, Entries, Entry, MappingObject, Objects, RuleReader, check, name};

/// Mappings that are asked for at a time while they are listed. In pages of 500, as kubectl asks, an API server takes a quarter
/// longer for 100,000 of them; larger ones than this gain nothing and take memory.
const PAGE: u32 = 2000;

/// Installs the CustomResourceDefinition where that is asked for, then watches until `shutdown`.
pub(super) async fn run(
    client: kube::Client,
    mut sink: Mirror,
    sync_crd: bool,
    retry: Retry,
    shutdown: CancellationToken,
) {
    if sync_crd {
        crd_install::install(&client, retry, &shutdown).await;
    }
    watch::run(Api::all(client), watcher::Config::default().page_size(PAGE), &mut sink, retry, &shutdown)
        .await;
}

/// Keeps the backend's rules as the watch tells them, and the table of the operator, where there is one.
pub(super) struct Mirror {
    publisher: Publisher,
    reader: RuleReader,
    objects: Option<Objects>,
    /// What was logged of objects that cannot be used, so that it is logged once: the watch tells of an object
    /// again when its status is written.
    faults: BTreeMap<String, String>,
    /// What a list has brought so far: it replaces the rules when it is complete.
    listed: Listed,
}

#[derive(Default)]
struct Listed {
    rules: RuleSet,
    entries: Entries,
    faults: BTreeMap<String, String>,
}

impl Mirror {
    pub(super) fn new(publisher: Publisher, reader: RuleReader, objects: Option<Objects>) -> Mirror {
        Mirror { publisher, reader, objects, faults: BTreeMap::new(), listed: Listed::default() }
    }

    /// The object's name and, unless it is being deleted, its rule or what is wrong with it.
    fn read(&self, object: &MappingObject) -> (String, Option<Checked>) {
        let is_deleted = object.metadata.deletion_timestamp.is_some();
        (name(object).to_owned(), (!is_deleted).then(|| check(&self.reader, object)))
    }

    /// What is wrong with an object that cannot be used, logged where that is news.
    fn fault(&self, name: &str, checked: Option<&Checked>) -> Option<String> {
        let problem = checked?.as_ref().err()?;
        if self.faults.get(name) != Some(&problem.message) {
            let name = name.escape_debug();
            tracing::warn!("RAMIdentityMapping {name} matches nobody: {}", problem.message);
        }
        Some(problem.message.clone())
    }

    fn apply(&mut self, object: &MappingObject) {
        let (name, checked) = self.read(object);
        match self.fault(&name, checked.as_ref()) {
            Some(fault) => self.faults.insert(name.clone(), fault),
            None => self.faults.remove(&name),
        };
        self.publisher.skipped(self.faults.len());
        let rule = checked.as_ref().and_then(|checked| checked.as_ref().ok()).map(Arc::clone);
        if let Some(objects) = &self.objects {
            objects.set(&name, checked.map(|checked| Entry::of(object, checked)));
        }
        self.publisher.set(&name, rule);
    }

    fn list(&mut self, object: &MappingObject) {
        let (name, Some(checked)) = self.read(object) else { return };
        if let Some(fault) = self.fault(&name, Some(&checked)) {
            self.listed.faults.insert(name.clone(), fault);
        }
        if self.objects.is_some() {
            let shared = match &checked {
                Ok(rule) => Arc::clone(&rule.source().object),
                Err(_) => Arc::from(name.as_str()),
            };
            self.listed.entries.insert(shared, Entry::of(object, checked.clone()));
        }
        if let Ok(rule) = checked {
            self.listed.rules.insert(name, rule);
        }
    }

    fn replace(&mut self, listed: Listed) {
        self.faults = listed.faults;
        self.publisher.skipped(self.faults.len());
        if let Some(objects) = &self.objects {
            objects.replace(listed.entries);
        }
        self.publisher.replace(listed.rules);
    }
}

impl Sink for Mirror {
    type Object = MappingObject;

    fn subject(&self) -> &'static str {
        "RAMIdentityMapping resources"
    }

    fn event(&mut self, event: Event<MappingObject>) {
        match event {
            Event::Init => self.listed = Listed::default(),
            Event::InitApply(object) => self.list(&object),
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                tracing::info!(mappings = listed.rules.len(), "RAMIdentityMapping resources are listed");
                self.replace(listed);
            }
            Event::Apply(object) => self.apply(&object),
            Event::Delete(object) => {
                let name = name(&object);
                self.faults.remove(name);
                self.publisher.skipped(self.faults.len());
                if let Some(objects) = &self.objects {
                    objects.set(name, None);
                }
                self.publisher.set(name, None);
            }
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
        self.replace(Listed::default());
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]
    use identity::pattern::AnyAccount;

    use super::*;
    use crate::mappings::BackendMode;
    use crate::mappings::fake_api::{mapping, user};
    use crate::mappings::snapshot::{Lookup, Mappings, Settings};
    use crate::metrics::Metrics;

    #[test]
    fn a_list_that_breaks_off_leaves_nothing_in_the_next_one() {
        let mappings = Mappings::new(&[BackendMode::Crd]);
        let reader = RuleReader::new(AnyAccount::Refuse);
        let mut sink = Mirror::new(mappings.publisher(0), reader, None);
        let object = |name: &str| {
            let value = mapping(name, &format!("acs:ram::1:user/{name}"), name);
            serde_json::from_value::<MappingObject>(value).expect("an object of any content can be read")
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

    #[test]
    fn objects_that_cannot_be_used_are_counted_until_they_are_mended_or_gone() {
        let metrics = Metrics::new().expect("no name is there twice");
        let settings = Settings { metrics: Some(metrics.clone()), ..Settings::default() };
        let mappings = Mappings::with_settings(&[BackendMode::Crd], settings);
        let mut sink = Mirror::new(mappings.publisher(0), RuleReader::new(AnyAccount::Refuse), None);
        let object = |name: &str, arn: &str| {
            let value = mapping(name, arn, name);
            serde_json::from_value::<MappingObject>(value).expect("an object of any content can be read")
        };
        let (good, bad) = ("acs:ram::1:user/x", "junk");
        for (event, skipped) in [
            (Event::InitApply(object("a", bad)), None),
            (Event::InitApply(object("b", good)), None),
            (Event::InitDone, Some(1)),
            (Event::Apply(object("b", bad)), Some(2)),
            (Event::Apply(object("b", bad)), Some(2)),
            (Event::Apply(object("a", good)), Some(1)),
            (Event::Delete(object("b", bad)), Some(0)),
            (Event::Apply(object("c", bad)), Some(1)),
            (Event::Init, Some(1)),
            (Event::InitDone, Some(0)),
        ] {
            let what = format!("{event:?}");
            sink.event(event);
            let page = prometheus::TextEncoder::new().encode_to_string(&metrics.registry().gather());
            let page = page.expect("a page");
            let line = skipped.map(|count| format!("backend_skipped_entries{{backend=\"CRD\"}} {count}\n"));
            assert!(line.is_none_or(|line| page.contains(&line)), "{skipped:?} after {what}: {page}");
        }
    }
}
