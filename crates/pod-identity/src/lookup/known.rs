//! What the watches have told: of each object that matters what matters of it, and of the others nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use cluster::watch::Sink;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::Event;

/// Objects that are kept; more of them are read live.
const MOST: usize = 500_000;

/// A copy of the API server's objects that matter. The watch alone writes it: what is read live may be older than what
/// the watch has told meanwhile.
#[derive(Debug)]
pub(super) struct Known<V> {
    objects: RwLock<Objects<V>>,
    is_synced: AtomicBool,
}

/// By namespace (empty for what is in none) and name: looked up without making a key.
#[derive(Debug)]
struct Objects<V> {
    by_namespace: HashMap<Box<str>, HashMap<Box<str>, Arc<V>>>,
    count: usize,
    most: usize,
}

impl<V> Objects<V> {
    fn new(most: usize) -> Objects<V> {
        Objects { by_namespace: HashMap::new(), count: 0, most }
    }

    fn get(&self, namespace: &str, name: &str) -> Option<Arc<V>> {
        self.by_namespace.get(namespace)?.get(name).map(Arc::clone)
    }

    fn remove(&mut self, namespace: &str, name: &str) {
        let Some(names) = self.by_namespace.get_mut(namespace) else { return };
        if names.remove(name).is_some() {
            self.count = self.count.saturating_sub(1);
        }
        if names.is_empty() {
            self.by_namespace.remove(namespace);
        }
    }

    fn set(&mut self, namespace: &str, name: &str, value: V) {
        self.remove(namespace, name);
        if self.count >= self.most {
            return;
        }
        self.by_namespace.entry(namespace.into()).or_default().insert(name.into(), Arc::new(value));
        self.count = self.count.saturating_add(1);
    }
}

impl<V> Known<V> {
    pub(super) fn new() -> Arc<Known<V>> {
        Arc::new(Known { objects: RwLock::new(Objects::new(MOST)), is_synced: AtomicBool::new(false) })
    }

    /// Whether all objects have been listed once.
    pub(super) fn is_synced(&self) -> bool {
        self.is_synced.load(Ordering::Acquire)
    }

    /// None where it does not exist, does not matter, or is not known yet.
    pub(super) fn get(&self, namespace: Option<&str>, name: &str) -> Option<Arc<V>> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        objects.get(namespace.unwrap_or_default(), name)
    }

    fn change(&self, change: impl FnOnce(&mut Objects<V>)) {
        change(&mut self.objects.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What matters of an object, where anything does.
type Reader<K, V> = fn(&PartialObjectMeta<K>) -> Option<V>;

/// Writes down what the watch tells.
pub(super) struct Mirror<K, V> {
    subject: &'static str,
    read: Reader<K, V>,
    known: Arc<Known<V>>,
    /// What a list has brought so far: it replaces what is known when it is complete.
    listed: Objects<V>,
}

impl<K, V> Mirror<K, V> {
    pub(super) fn new(subject: &'static str, read: Reader<K, V>, known: &Arc<Known<V>>) -> Mirror<K, V> {
        Mirror { subject, read, known: Arc::clone(known), listed: Objects::new(MOST) }
    }
}

impl<K: Send, V: Send + Sync> Sink for Mirror<K, V> {
    type Object = PartialObjectMeta<K>;

    fn subject(&self) -> &'static str {
        self.subject
    }

    fn event(&mut self, event: Event<PartialObjectMeta<K>>) {
        match event {
            Event::Init => self.listed = Objects::new(MOST),
            Event::InitApply(object) => {
                if let Some(value) = (self.read)(&object) {
                    let (namespace, name) = place(&object);
                    self.listed.set(namespace, name, value);
                }
            }
            Event::InitDone => {
                let mut listed = std::mem::replace(&mut self.listed, Objects::new(MOST));
                self.report(&listed);
                self.known.change(|objects| std::mem::swap(objects, &mut listed));
                self.known.is_synced.store(true, Ordering::Release);
                // What was known before is dropped here, where nobody waits for it.
            }
            Event::Apply(object) => {
                let (value, (namespace, name)) = ((self.read)(&object), place(&object));
                self.known.change(|objects| match value {
                    Some(value) => objects.set(namespace, name, value),
                    None => objects.remove(namespace, name),
                });
            }
            Event::Delete(object) => {
                let (namespace, name) = place(&object);
                self.known.change(|objects| objects.remove(namespace, name));
            }
        }
    }

    fn not_found(&mut self, _should_log: bool) -> bool {
        false
    }
}

impl<K, V> Mirror<K, V> {
    fn report(&self, listed: &Objects<V>) {
        let (subject, count) = (self.subject, listed.count);
        if count >= listed.most {
            tracing::warn!(
                "there are more {subject} that matter than the {count} which are kept: the others are read from the API \
                 server for each pod"
            );
        } else {
            tracing::info!(count, "{subject} are listed");
        }
    }
}

fn place<K>(object: &PartialObjectMeta<K>) -> (&str, &str) {
    let metadata = &object.metadata;
    (metadata.namespace.as_deref().unwrap_or_default(), metadata.name.as_deref().unwrap_or_default())
}

#[cfg(test)]
#[path = "known_tests.rs"]
mod tests;
